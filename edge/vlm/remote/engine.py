"""RemoteEngine: answers requests about pictures by asking a server; the counterpart of `Engine`.

Pictures are cut by the same policy and sent as data URLs. Of each look the first question goes
alone, so that the server has computed the picture when the others come, all at once. One thread
owns an engine.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from functools import partial

from edge.conversation import Piece, Turn, TurnResult
from edge.elsewhere import ServerFacts
from edge.enhancement import EnhancedPicture
from edge.errors import AnalysisFailed, QuestionError
from edge.questions import AnalysisRequest, AnalysisResult, Look, ModelInfo, Timing, View
from edge.vlm.remote.asking import Asked, Asker
from edge.vlm.remote.client import Client
from edge.vlm.remote.settings import RemoteSettings
from edge.vlm.remote.talking import RemoteTalker
from edge.vlm.remote.wording import opened, shown_parts
from edge.vlm.show import Framing, check_request

# Sides are whole visual tokens of Qwen3-VL, which its servers then feed as they are.
TOKEN_PX = 32
NO_HEATMAP = "a server does not tell where an answer looked; that needs the model on this box"


@dataclass(frozen=True, slots=True)
class _Part:
    """What came of one look."""

    views: Sequence[View]
    asked: Sequence[Asked]


class RemoteEngine:
    """A model on a server. Use as a context manager, or call `close`."""

    def __init__(self, settings: RemoteSettings) -> None:
        self.client = Client(settings)
        self._settings = settings
        self._asker = Asker(self.client, settings.model)
        self._framing = Framing(TOKEN_PX, settings.max_pixels, settings)
        self._talker = RemoteTalker(self._asker, settings)
        self._threads = ThreadPoolExecutor(settings.parallel, thread_name_prefix="server")
        self._info = ModelInfo(settings.model, "", 0.0, engine="openai", answers="logprobs")

    @property
    def info(self) -> ModelInfo:
        """What is known of the model: its name, and how the last typed answers came about."""
        return self._info

    @property
    def facts(self) -> ServerFacts:
        """How it goes with the server."""
        return self.client.facts

    def analyze(self, request: AnalysisRequest) -> AnalysisResult:
        """Answer a request, until its deadline.

        Raises QuestionError for what cannot be asked, PictureError for an impossible picture,
        ServerAway while the server cannot be asked, AnalysisFailed if it gives no usable answer.
        """
        started = time.monotonic()
        check_request(request)
        if request.heatmap:
            raise QuestionError(NO_HEATMAP)
        looks = request.looks or (Look((), ()),)
        parts = [
            self._look(request, look, started + request.allowed_s, describes=not n)
            for n, look in enumerate(looks)
        ]
        asked = [one for part in parts for one in part.asked]
        described = [one.description for one in asked if one.description is not None]
        self._note(asked)
        return AnalysisResult(
            id=request.id,
            answers=tuple(one.answer for one in asked if one.answer is not None),
            description=described[0] if described else None,
            views=tuple(view for part in parts for view in part.views),
            timing=_timing(asked, started),
            model=self._info,
        )

    def talk(
        self,
        turn: Turn,
        tell: Callable[[Piece], None] = lambda _: None,
        is_cancelled: Callable[[], bool] = lambda: False,
    ) -> TurnResult:
        """Answer a turn of a conversation, and remember it; what is written comes in one piece.

        Raises as `analyze`, SessionGone if the conversation is not open any more, and Withdrawn
        when the turn was called off.
        """
        started = time.monotonic()
        if turn.heatmap:
            raise QuestionError(NO_HEATMAP)
        enhanced: tuple[EnhancedPicture, ...] = ()
        if turn.enhance:
            from edge.vlm.enhance import enhance_turn  # noqa: PLC0415 - see its docstring

            turn, enhanced = enhance_turn(turn, self._framing.max_pixels)
        fed, views = self._framing.show(turn)
        said = self._talker.talk(turn, fed, self._threads, is_cancelled)
        self._note(said.asked)
        for piece in said.pieces:
            tell(piece)
        return TurnResult(
            id=turn.id,
            session=turn.session,
            answers=said.answers,
            description=said.description,
            views=views,
            timing=_timing(said.asked, started),
            endings=said.endings,
            chances=said.chances,
            enhanced=enhanced,
        )

    def settle(self) -> bool:
        """Close conversations that nobody goes on with; whether some are still open."""
        self._talker.histories.close_idle()
        return len(self._talker.histories) > 0

    def close_session(self, name: str) -> None:
        """Forget a conversation; unknown names are ignored."""
        self._talker.histories.close(name)

    def prepare_descriptions(self) -> None:
        """Nothing: descriptions need no preparation here."""

    def close(self) -> None:
        """Let the connections and threads go; requests that are on their way are not waited for."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self.client.close()

    def _look(
        self, request: AnalysisRequest, look: Look, until_mono_s: float, *, describes: bool
    ) -> _Part:
        sight = self._framing.choose(request.image, look.boxes, 0, request.max_pixels)
        views = sight.views(request.image)
        describes = describes and request.describe
        if not look.questions and not describes:
            return _Part(views, ())
        steps = self._framing.steps(request, sight)
        history = opened(shown_parts(steps, self._settings.pictures))
        calls: list[Callable[[], Asked]] = [
            partial(self._asker.ask, history, question, until_mono_s) for question in look.questions
        ]
        if describes:
            calls.append(partial(self._asker.describe, history, request.schema, until_mono_s))
        return _Part(views, run_together(self._threads, calls))

    def _note(self, asked: Sequence[Asked]) -> None:
        """Remember how typed answers came about: as text if but one of them did."""
        typed = [one for one in asked if one.answer is not None and one.answer.kind != "text"]
        if typed:
            is_text = any(one.read_as == "text" for one in typed)
            self._info = replace(self._info, answers="text" if is_text else "logprobs")


def run_together(threads: ThreadPoolExecutor, calls: Sequence[Callable[[], Asked]]) -> list[Asked]:
    """The results of the calls, in order: the first alone, then the others at once.

    Raises what the first that fails raises; those that have not begun are then left out.
    """
    first = [call() for call in calls[:1]]
    futures: list[Future[Asked]] = [threads.submit(call) for call in calls[1:]]
    done, rest = wait(futures, return_when=FIRST_EXCEPTION)
    for future in rest:
        future.cancel()
    for future in done:
        error = future.exception()
        if isinstance(error, AnalysisFailed):
            raise error
    return first + [future.result() for future in futures]


def _timing(asked: Sequence[Asked], started_mono_s: float) -> Timing:
    return Timing(
        total_ms=(time.monotonic() - started_mono_s) * 1e3,
        prompt_tokens=sum(one.reply.prompt_tokens for one in asked),
        output_tokens=sum(one.reply.output_tokens for one in asked),
    )
