"""The engine: opens a model, and answers requests about pictures. The door of this room.

    with open_engine(EngineSettings(model_dir)) as engine:
        result = engine.analyze(request)

One thread owns an engine. After a large picture its buffers are freed again.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Self

from edge.conversation import Piece, Turn, TurnResult
from edge.enhancement import EnhancedPicture
from edge.errors import (
    AnalysisFailed,
    EdgeError,
    ModelInvalid,
    PictureError,
    QuestionError,
)
from edge.frames import Image
from edge.heatmap import AttentionMap
from edge.questions import (
    MAX_QUESTIONS,
    AnalysisRequest,
    AnalysisResult,
    Answer,
    Description,
    Look,
    ModelInfo,
    Timing,
    View,
    text,
)
from edge.schema import Schema
from edge.vlm.crop import Crop, SizeRules, choose_crop
from edge.vlm.dialogue import ScriptWriter
from edge.vlm.layout import Layout, load_layout
from edge.vlm.look import Looker, Shown
from edge.vlm.prompt import read_chat_format
from edge.vlm.replies import Hearing
from edge.vlm.runner import Runner
from edge.vlm.self_test import run_self_test, warm_up
from edge.vlm.settings import OVERVIEW_PIXELS, EngineSettings
from edge.vlm.show import show_pictures
from edge.vlm.talk import Talker
from edge.vlm.tokens import TokenCoder, load_tokens
from edge.vlm.trial import forget_passes, has_passed, remember_pass
from edge.vlm.vision import Eye, check_image, cut

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Loaded:
    """What holds the model's memory."""

    coder: TokenCoder
    runner: Runner
    eye: Eye
    looker: Looker
    talker: Talker


class Engine:
    """A loaded model. Use as a context manager, or call `close`."""

    def __init__(self, layout: Layout, settings: EngineSettings) -> None:
        self._layout, self._settings = layout, settings
        coder = load_tokens(layout)
        chat = read_chat_format(layout, coder)  # cheap checks before the model is compiled
        writer = ScriptWriter(layout, coder, chat)
        runner = Runner(layout, settings)
        eye = Eye(runner)
        looker = Looker(runner, coder, chat, settings)
        talker = Talker(runner, coder, eye, writer, settings)
        self._open: _Loaded | None = _Loaded(coder, runner, eye, looker, talker)

    @property
    def _loaded(self) -> _Loaded:
        if self._open is None:
            raise AnalysisFailed("the engine is closed")
        return self._open

    @property
    def info(self) -> ModelInfo:
        """What is known of the model."""
        return self._layout.info

    def analyze(self, request: AnalysisRequest) -> AnalysisResult:
        """Answer a request. May take seconds; text stops at the request's deadline.

        Raises QuestionError if nothing or too much is asked, PictureError for an impossible
        picture, AnalysisFailed if the model fails; the engine stays usable after each.
        """
        started = time.monotonic()
        _check_request(request)
        if request.describe:
            self._loaded.looker.check_schema(request.schema)
        self._loaded.talker.sessions.put_aside()
        timing = Timing()
        answers: list[Answer] = []
        views: list[View] = []
        maps: list[AttentionMap] = []
        description: Description | None = None
        for index, look in enumerate(request.looks or (Look((), ()),)):
            wants_description = request.describe and index == 0
            crop = self._crop(
                request.image, look, wants_description=wants_description, schema=request.schema
            )
            views += self._views(request.image, crop)
            if not look.questions and not wants_description:
                continue
            looked = time.monotonic()
            shown = self._show(request, crop)
            vision_ms = (time.monotonic() - looked) * 1e3
            found = self._loaded.looker.look(
                shown,
                look.questions,
                wants_description=wants_description,
                deadline_mono_s=started + request.deadline_s,
                schema=request.schema,
                wants_gaze=request.heatmap,
            )
            answers += found.answers
            maps += [
                AttentionMap(answer.question_id, views[-1].box, gaze.cells, gaze.picture_frac)
                for answer, gaze in zip(found.answers, found.gazes, strict=bool(found.gazes))
            ]
            description = found.description or description
            timing = Timing(
                vision_ms=timing.vision_ms + vision_ms,
                prefill_ms=timing.prefill_ms + found.prefill_ms,
                decode_ms=timing.decode_ms + found.decode_ms,
                total_ms=(time.monotonic() - started) * 1e3,
                prompt_tokens=timing.prompt_tokens + found.prompt_tokens,
                output_tokens=timing.output_tokens + found.output_tokens,
            )
        self._loaded.runner.release()
        return AnalysisResult(
            request.id, tuple(answers), description, tuple(views), timing, tuple(maps)
        )

    def generate(
        self, image: Image | None, wording: str, *, max_chars: int = 1000, deadline_s: float = 60.0
    ) -> Answer:
        """Free text in answer to `wording`, about the whole of a picture or about none.

        Raises as `analyze` does.
        """
        question = text("generate", wording, max_chars)
        self._loaded.talker.sessions.put_aside()
        deadline_mono_s = time.monotonic() + deadline_s
        shown: Sequence[Shown] = ()
        if image is not None:
            check_image(image)
            crop = self._crop(image, Look((), (question,)), wants_description=False)
            shown = [Shown(self._loaded.eye.look([cut(image, crop)]))]
        found = self._loaded.looker.look(
            shown, [question], wants_description=False, deadline_mono_s=deadline_mono_s
        )
        self._loaded.runner.release()
        return found.answers[0]

    def talk(
        self,
        turn: Turn,
        tell: Callable[[Piece], None] = lambda _: None,
        is_cancelled: Callable[[], bool] = lambda: False,
    ) -> TurnResult:
        """Answer a turn of a conversation, and remember it. May take seconds.

        `tell` gets each piece of text as it is written; `is_cancelled` is asked between two tokens.
        Raises SessionGone if the conversation is not open any more, QuestionError for what cannot
        be asked or does not fit, PictureError, AnalysisFailed; an open conversation stays so.
        """
        started = time.monotonic()
        enhanced: tuple[EnhancedPicture, ...] = ()
        if turn.enhance:
            from edge.vlm.enhance import enhance_turn  # noqa: PLC0415 - see its docstring

            most = min(self._settings.max_pixels, self._layout.pixels.max_pixels)
            turn, enhanced = enhance_turn(turn, most)
        fed, views = show_pictures(turn, self._layout, self._settings)
        result = self._loaded.talker.talk(turn, fed, views, Hearing(tell, is_cancelled))
        total_ms = (time.monotonic() - started) * 1e3
        timing = replace(result.timing, total_ms=total_ms)
        return replace(result, timing=timing, enhanced=enhanced)

    def settle(self) -> bool:
        """Do what can wait until an answer is out: close conversations that nobody goes on with,
        make ready for the next turn, free what is not needed. Whether some are still open.
        """
        loaded = self._loaded
        is_open = loaded.talker.settle()
        loaded.runner.release()
        return is_open

    def close_session(self, name: str) -> None:
        """Forget a conversation; unknown names are ignored."""
        self._loaded.talker.sessions.close(name)

    def self_test(self) -> float:
        """Check the compiled model against itself and warm it up; takes about as long as a
        question about a whole frame. Gives the agreement (1 is perfect); raises ModelInvalid.
        """
        loaded = self._loaded
        return run_self_test(self._layout, loaded.runner, loaded.coder, loaded.eye)

    def warm_up(self) -> None:
        """One small pass, so that the first answer does not wait for the plugin's preparations.

        Raises ModelInvalid or AnalysisFailed if the model does not run.
        """
        loaded = self._loaded
        warm_up(self._layout, loaded.runner, loaded.eye)

    def prepare_descriptions(self) -> None:
        """Make what the first description would wait for; about a second, and 30 MB."""
        self._loaded.looker.prepare_descriptions()

    def close(self) -> None:
        """Release the model's memory; the engine cannot be used afterwards."""
        self._open = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _crop(
        self, image: Image, look: Look, *, wants_description: bool, schema: Schema | None = None
    ) -> Crop:
        settings = self._settings
        height, width = image.shape[:2]
        high = min(settings.max_pixels, self._layout.pixels.max_pixels)
        rest = self._loaded.looker.count_tokens(
            look.questions, wants_description=wants_description, schema=schema
        )
        if settings.overview and look.boxes:
            overview = self._overview(image)
            rest += overview.num_tokens(self._layout.vision.token_px) + 2
        rules = SizeRules(
            self._layout.vision.token_px, min(settings.min_pixels, high), high, rest_tokens=rest
        )
        return choose_crop(width, height, look.boxes, settings.crop_margin, rules)

    def _overview(self, image: Image) -> Crop:
        height, width = image.shape[:2]
        high = min(OVERVIEW_PIXELS, self._layout.pixels.max_pixels)
        rules = SizeRules(self._layout.vision.token_px, 0, high)
        return choose_crop(width, height, (), 0.0, rules)

    def _wants_overview(self, image: Image, crop: Crop) -> bool:
        return self._settings.overview and crop.is_part_of(image.shape[1], image.shape[0])

    def _views(self, image: Image, crop: Crop) -> list[View]:
        """What `_show` shows of the picture."""
        height, width = image.shape[:2]
        view = crop.view(width, height)
        if not self._wants_overview(image, crop):
            return [view]
        return [replace(self._overview(image).view(width, height), is_overview=True), view]

    def _show(self, request: AnalysisRequest, crop: Crop) -> list[Shown]:
        eye, image = self._loaded.eye, request.image
        shown: list[Shown] = []
        if self._wants_overview(image, crop):
            shown.append(Shown(eye.look([cut(image, self._overview(image))])))
        part = cut(image, crop)
        if request.before is None or not self._settings.use_before:
            return [*shown, Shown(eye.look([part]))]
        # Both frames ride in one temporal patch; its time is the mean of theirs.
        before = cut(request.before, crop)
        return [*shown, Shown(eye.look([before, part]), self._settings.before_gap_s / 2)]


def open_engine(settings: EngineSettings) -> Engine:
    """Load, compile and return the model of `settings`; takes seconds (longer without a cache).

    Raises ModelMissing if there is no model at `model_dir`, ModelInvalid if it cannot be used.
    """
    layout = load_layout(settings.model_dir)
    if settings.cache_dir is not None:
        settings = replace(settings, cache_dir=_usable(settings.cache_dir))
    started = time.monotonic()
    engine = Engine(layout, settings)
    logger.info(
        "model %s (%s, %.0f M parameters%s) loaded in %.1f s",
        layout.info.name,
        layout.info.precision,
        layout.info.parameters_m,
        ", untrained: its answers mean nothing" if layout.info.untrained else "",
        time.monotonic() - started,
    )
    return engine


def open_tested_engine(settings: EngineSettings) -> Engine:
    """`open_engine`, then the self-test: how a process that is to answer opens a model.

    Where this model passed before and has a cache folder, a warm-up takes the test's place.
    Two troubles that show only when the model runs are overcome. OpenVINO notices a compiled model
    that was cut short, but not flipped bits inside one: cached models are deleted and compiled
    again, once. And without VNNI its int8 activations fail (2026.4, AVX2 alone): they are then
    switched off, which is slower but right. Raises as `open_engine`, and ModelInvalid or
    AnalysisFailed if the model fails its test all the same.
    """
    while True:
        engine = open_engine(settings)
        try:
            if has_passed(settings):
                engine.warm_up()
            else:
                engine.self_test()
                remember_pass(settings)
        except (ModelInvalid, AnalysisFailed) as error:
            engine.close()
            settings = _second_try(settings, error)
        else:
            return engine


def _second_try(settings: EngineSettings, error: EdgeError) -> EngineSettings:
    """Settings for another attempt after a failed self-test; raises `error` if none is left."""
    if isinstance(error, AnalysisFailed):
        if settings.dynamic_quantization and not settings.accuracy:
            logger.warning("this processor cannot run int8 activations (%s): slower without", error)
            return replace(settings, dynamic_quantization=False)
    elif settings.cache_dir is not None:
        # Without the cache from now on: a second failure is the model's own.
        logger.warning("the model cache at %s is damaged (%s)", settings.cache_dir, error)
        forget_passes(settings.cache_dir)
        for blob in settings.cache_dir.glob("*.blob"):
            blob.unlink(missing_ok=True)
        return replace(settings, cache_dir=None)
    raise error


def _usable(cache_dir: Path) -> Path | None:
    """The folder for compiled models, made if need be; without one every start compiles anew."""
    try:
        cache_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        logger.warning("no model cache at %s (%s): starts will be slow", cache_dir, error.strerror)
        return None
    return cache_dir


def _check_request(request: AnalysisRequest) -> None:
    check_image(request.image)
    if request.before is not None:
        check_image(request.before, "the picture before")
        if request.before.shape != request.image.shape:
            raise PictureError(
                f"the picture before is {request.before.shape[1]}x{request.before.shape[0]} "
                f"pixels, the picture {request.image.shape[1]}x{request.image.shape[0]}; "
                f"they must be equal"
            )
    num = sum(len(look.questions) for look in request.looks)
    if num == 0 and request.heatmap:
        raise QuestionError("a heatmap shows where an answer looked, but no question is asked")
    if num == 0 and not request.describe:
        raise QuestionError("nothing is asked: the request has no question and no description")
    if num > MAX_QUESTIONS:
        raise QuestionError(f"{num} questions in one analysis; at most {MAX_QUESTIONS} are allowed")
