"""The engine: opens a model, and answers requests about pictures. The door of this room.

    with open_engine(EngineSettings(model_dir)) as engine:
        result = engine.analyze(request)

One thread owns an engine. After a large picture its buffers are freed again.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Self

from edge.conversation import Piece, Turn, TurnResult
from edge.enhancement import EnhancedPicture
from edge.errors import AnalysisFailed, EdgeError, ModelInvalid
from edge.questions import AnalysisRequest, AnalysisResult, ModelInfo
from edge.vlm.dialogue import ScriptWriter
from edge.vlm.examine import Examiner
from edge.vlm.layout import Layout, load_layout
from edge.vlm.look import Looker
from edge.vlm.prompt import read_chat_format
from edge.vlm.replies import Hearing
from edge.vlm.runner import Runner
from edge.vlm.self_test import run_self_test, warm_up
from edge.vlm.settings import EngineSettings
from edge.vlm.show import Framing
from edge.vlm.talk import Talker
from edge.vlm.tokens import TokenCoder, load_tokens
from edge.vlm.trial import forget_passes, has_passed, remember_pass
from edge.vlm.vision import Eye

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Loaded:
    """What holds the model's memory."""

    coder: TokenCoder
    runner: Runner
    eye: Eye
    framing: Framing
    looker: Looker
    examiner: Examiner
    talker: Talker


class Engine:
    """A loaded model. Use as a context manager, or call `close`."""

    def __init__(self, layout: Layout, settings: EngineSettings) -> None:
        self._layout = layout
        coder = load_tokens(layout)
        chat = read_chat_format(layout, coder)  # cheap checks before the model is compiled
        writer = ScriptWriter(layout, coder, chat)
        runner = Runner(layout, settings)
        eye = Eye(runner)
        framing = Framing(layout.vision.token_px, layout.pixels.max_pixels, settings)
        looker = Looker(runner, coder, chat, settings)
        examiner = Examiner(runner, eye, looker, framing)
        talker = Talker(runner, coder, eye, writer, looker.describer, settings)
        self._open: _Loaded | None = _Loaded(coder, runner, eye, framing, looker, examiner, talker)

    @property
    def _loaded(self) -> _Loaded:
        if self._open is None:
            raise AnalysisFailed("the engine is closed")
        return self._open

    @property
    def info(self) -> ModelInfo:
        """What is known of the model."""
        return self._layout.info

    @property
    def facts(self) -> None:
        """Nothing: there is no server."""
        return

    @property
    def is_away(self) -> bool:
        """Never."""
        return False

    def tend(self) -> None:
        """Nothing is due between two requests."""

    def analyze(self, request: AnalysisRequest) -> AnalysisResult:
        """Answer a request. May take seconds; text stops at the request's deadline.

        Raises QuestionError if nothing or too much is asked, PictureError for an impossible
        picture, AnalysisFailed if the model fails; the engine stays usable after each.
        """
        loaded = self._loaded
        loaded.talker.sessions.put_aside()
        result = loaded.examiner.examine(request)
        loaded.runner.release()
        return result

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
        loaded = self._loaded
        enhanced: tuple[EnhancedPicture, ...] = ()
        if turn.enhance:
            from edge.vlm.enhance import enhance_turn  # noqa: PLC0415 - see its docstring

            turn, enhanced = enhance_turn(turn, loaded.framing.max_pixels)
        fed, views = loaded.framing.show(turn)
        result = loaded.talker.talk(turn, fed, views, Hearing(tell, is_cancelled))
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
        self._loaded.looker.describer.prepare()

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
        ", for demonstration: it knows drawn yards alone" if layout.info.demonstration else "",
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
