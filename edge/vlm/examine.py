"""Answers requests about keyframes: a crop for each look, its pictures, its answers, put together.

The looks are taken from the last to the first, whose pictures then stay in the KV cache: a request
for a description that follows, once rules have judged the answers, goes on there and neither looks
at the picture nor reads it again. Of questions that are too many for one pass, the first are asked
last for the same reason. Called by the engine; knows no conversations.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from edge.geometry import Box
from edge.heatmap import AttentionMap
from edge.questions import (
    AnalysisRequest,
    AnalysisResult,
    Answer,
    Description,
    Look,
    Question,
    Timing,
    View,
)
from edge.vlm.look import Held, Looker, Shown
from edge.vlm.runner import Runner
from edge.vlm.show import Framing, Sight, check_request, name_steps
from edge.vlm.vision import Eye


@dataclass(frozen=True, slots=True)
class _Kept:
    """A look whose pictures the KV cache holds, while `epoch` is the runner's. `pixels` names what
    was shown, `boxes` and `size_px` say of which part of a picture of which size.
    """

    held: Held
    epoch: int
    pixels: tuple[object, ...]
    sight: Sight
    boxes: tuple[Box, ...]
    size_px: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Part:
    """What came of one look."""

    views: Sequence[View]
    answers: tuple[Answer, ...] = ()
    maps: tuple[AttentionMap, ...] = ()
    description: Description | None = None
    timing: Timing = field(default_factory=Timing)


class Examiner:
    """Answers requests on one runner. Not thread-safe."""

    def __init__(self, runner: Runner, eye: Eye, looker: Looker, framing: Framing) -> None:
        self._runner, self._eye, self._looker, self._framing = runner, eye, looker, framing
        self._kept: _Kept | None = None

    def examine(self, request: AnalysisRequest) -> AnalysisResult:
        """Answer a request. Raises as `Engine.analyze`."""
        started = time.monotonic()
        check_request(request)
        if request.describe:
            self._looker.describer.plan(request.schema)  # refused before anything is looked at
        looks = request.looks or (Look((), ()),)
        parts = [
            self._look(request, looks[n], started, wants_description=request.describe and n == 0)
            for n in reversed(range(len(looks)))
        ]
        parts.reverse()
        return AnalysisResult(
            id=request.id,
            answers=tuple(answer for part in parts for answer in part.answers),
            description=parts[0].description,
            views=tuple(view for part in parts for view in part.views),
            timing=_sum([part.timing for part in parts], (time.monotonic() - started) * 1e3),
            attention=tuple(one for part in parts for one in part.maps),
        )

    def _look(
        self,
        request: AnalysisRequest,
        look: Look,
        started_mono_s: float,
        *,
        wants_description: bool,
    ) -> _Part:
        kept = self._find_kept(request, look)
        parts = self._looker.part(look.questions, self._framing.most_tokens)
        sight = (
            kept.sight
            if kept
            else self._choose(request, look.boxes, parts[0], describes=wants_description)
        )
        views = sight.views(request.image)
        if not look.questions and not wants_description:
            return _Part(views)
        self._kept = None  # until the cache holds it again: a pass that fails leaves it undefined
        looked = time.monotonic()
        steps = () if kept else self._framing.steps(request, sight)
        seen = [Shown(self._eye.look(step.frames), step.at_s) for step in steps]
        vision_ms = (time.monotonic() - looked) * 1e3
        found = [
            self._looker.look(
                kept.held if kept else seen,
                parts[n],
                wants_description=wants_description and n == 0,
                deadline_mono_s=started_mono_s + request.allowed_s,
                schema=request.schema,
                wants_gaze=request.heatmap,
            )
            for n in reversed(range(len(parts)))
        ]
        found.reverse()
        self._kept = kept or _Kept(
            held=found[0].held,
            epoch=self._runner.epoch,
            pixels=name_steps(steps),
            sight=sight,
            boxes=look.boxes,
            size_px=request.image.shape[:2],
        )
        answers = tuple(answer for one in found for answer in one.answers)
        gazes = [gaze for one in found for gaze in one.gazes]
        maps = [
            AttentionMap(answer.question_id, views[-1].box, gaze.cells, gaze.picture_frac)
            for answer, gaze in zip(answers, gazes, strict=bool(gazes))
        ]
        timing = Timing(
            vision_ms=vision_ms,
            prefill_ms=sum(one.prefill_ms for one in found),
            decode_ms=sum(one.decode_ms for one in found),
            prompt_tokens=sum(one.prompt_tokens for one in found),
            output_tokens=sum(one.output_tokens for one in found),
        )
        return _Part(views, answers, tuple(maps), found[0].description, timing)

    def _find_kept(self, request: AnalysisRequest, look: Look) -> _Kept | None:
        """The last look's pictures, if this one is to show the very same and asks for text only:
        typed questions stand before a picture.
        """
        kept = self._kept
        if (
            kept is None
            or kept.epoch != self._runner.epoch
            or (kept.boxes, kept.size_px) != (look.boxes, request.image.shape[:2])
            or request.heatmap
            or any(question.kind != "text" for question in look.questions)
        ):
            return None
        is_same = name_steps(self._framing.steps(request, kept.sight)) == kept.pixels
        return kept if is_same else None

    def _choose(
        self,
        request: AnalysisRequest,
        boxes: tuple[Box, ...],
        questions: Sequence[Question],
        *,
        describes: bool,
    ) -> Sight:
        num_tokens = self._looker.count_tokens(
            questions, wants_description=describes, schema=request.schema
        )
        return self._framing.choose(request.image, boxes, num_tokens, request.max_pixels)


def _sum(timings: Sequence[Timing], total_ms: float) -> Timing:
    """What the looks of one request took together."""
    return Timing(
        vision_ms=sum(timing.vision_ms for timing in timings),
        prefill_ms=sum(timing.prefill_ms for timing in timings),
        decode_ms=sum(timing.decode_ms for timing in timings),
        total_ms=total_ms,
        prompt_tokens=sum(timing.prompt_tokens for timing in timings),
        output_tokens=sum(timing.output_tokens for timing in timings),
    )
