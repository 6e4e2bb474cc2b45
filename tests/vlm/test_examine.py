"""A description that follows the verdicts goes on where they left the picture in the cache."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edge import questions
from edge.conversation import Message, Picture, Turn
from edge.errors import AnalysisFailed
from edge.geometry import Box
from edge.questions import AnalysisRequest, Look
from edge.vlm.engine import open_engine
from edge.vlm.settings import EngineSettings

ASKED = tuple(questions.yes_no(f"q{n}", f"Is rule {n} broken?") for n in range(3))
BOXES = (Box(0.3, 0.3, 0.5, 0.6),)


@pytest.fixture
def looked(demo_engine, monkeypatch):
    """How often the vision tower was asked."""
    eye, times = demo_engine._loaded.eye, []
    look = type(eye).look
    monkeypatch.setattr(
        type(eye), "look", lambda self, frames: times.append(1) or look(self, frames)
    )
    return times


def verdicts(image, *looks, **more):
    return AnalysisRequest("1", image, None, looks or (Look(BOXES, ASKED),), **more)


def description(image, boxes=BOXES, **more):
    return AnalysisRequest("1", image, None, (Look(boxes, ()),), describe=True, **more)


def test_a_description_after_the_verdicts_equals_one_beside_them(demo_engine, noise, looked):
    image = noise(256, 192)
    looks = (Look((), ASKED),)
    beside = demo_engine.analyze(verdicts(image, *looks, describe=True))
    first = demo_engine.analyze(verdicts(image, *looks))
    looked.clear()
    after = demo_engine.analyze(description(image.copy(), ()))
    assert looked == []
    assert after.description == beside.description
    assert after.views == first.views
    assert after.timing.prompt_tokens < first.timing.prompt_tokens
    assert after.timing.prompt_tokens + first.timing.prompt_tokens == beside.timing.prompt_tokens


def test_a_request_may_bound_its_pixels(demo_engine, noise, looked):
    image = noise(640, 480)
    (whole,) = demo_engine.analyze(verdicts(image, Look((), ASKED))).views
    assert whole.width_px * whole.height_px > 65_536
    (small,) = demo_engine.analyze(verdicts(image, Look((), ASKED), max_pixels=65_536)).views
    assert small.width_px * small.height_px <= 65_536
    assert small.box == whole.box, "the same part of the picture, smaller"
    looked.clear()
    described = demo_engine.analyze(description(image, (), max_pixels=65_536))
    assert (described.views, looked) == ((small,), []), "a description goes on with it"
    (tiny,) = demo_engine.analyze(verdicts(image, Look((), ASKED), max_pixels=4096)).views
    assert tiny.width_px * tiny.height_px <= 4096


def test_it_shows_what_the_verdicts_saw(demo_engine, noise, looked):
    image = noise(640, 480)
    first = demo_engine.analyze(verdicts(image))
    looked.clear()
    again = [demo_engine.analyze(description(image)) for _ in range(2)]
    assert looked == []
    assert again[0].views == first.views
    assert again[0].description == again[1].description
    assert demo_engine.analyze(verdicts(image)).answers == first.answers


def test_the_first_look_stays(demo_engine, noise, looked):
    image, elsewhere = noise(640, 480), (Box(0.7, 0.1, 0.9, 0.3),)
    looks = (Look(BOXES, ASKED), Look(elsewhere, ASKED[:1]))
    result = demo_engine.analyze(verdicts(image, *looks))
    assert [
        view.box.intersection(box)
        for view, box in zip(result.views, (*BOXES, *elsewhere), strict=True)
    ] == [*BOXES, *elsewhere]
    looked.clear()
    demo_engine.analyze(description(image))
    assert looked == []
    demo_engine.analyze(description(image, elsewhere))
    assert looked == [1]


def between_nothing(engine, image):
    return image


def between_another_pixel(engine, image):
    other = image.copy()
    other[200, 250] ^= 255
    return other


def between_another_size(engine, image):
    return image[:-32]


def between_another_keyframe(engine, image):
    engine.analyze(verdicts(image[::-1].copy()))
    return image


def between_a_conversation(engine, image):
    engine.talk(Turn("t", messages=(Message("user", (Picture(image),)),), questions=ASKED[:1]))
    return image


def between_a_failure(engine, image):
    runner = engine._loaded.runner
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runner, "embed", lambda ids: np.zeros((len(ids), 7), np.float32))
        with pytest.raises(AnalysisFailed):
            engine.analyze(description(image))
    return image


@pytest.mark.parametrize(
    ("between", "num_looks"),
    [
        (between_nothing, 0),
        (between_another_pixel, 1),
        (between_another_size, 1),
        (between_another_keyframe, 1),
        (between_a_conversation, 1),
        (between_a_failure, 1),
    ],
)
def test_what_is_not_there_any_more_is_looked_at_again(
    demo_engine, noise, looked, between, num_looks
):
    image = noise(640, 480)
    demo_engine.analyze(verdicts(image))
    image = between(demo_engine, image)
    looked.clear()
    result = demo_engine.analyze(description(image))
    assert len(looked) == num_looks
    if num_looks:
        demo_engine.analyze(verdicts(noise(64, 64)))
        assert demo_engine.analyze(description(image)).description == result.description


def test_questions_and_maps_see_the_picture_themselves(demo_engine, noise, looked):
    image = noise(640, 480)
    text = questions.text("t", "What is it?", 20)
    first = demo_engine.analyze(verdicts(image))
    looked.clear()
    demo_engine.analyze(verdicts(image, Look(BOXES, (text,))))
    assert looked == []
    assert demo_engine.analyze(verdicts(image)).answers == first.answers
    demo_engine.analyze(verdicts(image, Look(BOXES, (text,)), heatmap=True))
    assert looked == [1, 1]


def test_a_pair_is_the_same_with_the_same_picture_before(demo_dir, noise, looked):
    image, before = noise(320, 256, 1), noise(320, 256, 2)
    with open_engine(EngineSettings(demo_dir, accuracy=True, use_before=True)) as engine:
        engine.analyze(replace(verdicts(image), before=before))
        looked.clear()
        engine.analyze(replace(description(image), before=before))
        assert looked == []
        engine.analyze(replace(description(image), before=image))
        assert looked == [1]
