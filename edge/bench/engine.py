"""Our engine as a side of the bench: opened as the daemon opens it, asked through its public door.

The time inside OpenVINO is taken by a clock around its inference call; the engine knows nothing of
it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from typing import Any

import openvino as ov

from edge.bench.cases import DOCUMENT, FIRST_QUESTION, FOLLOW_UP, LONG_TEXT, SHORT_TEXT, Case
from edge.bench.child import SideOptions
from edge.bench.figures import Sample
from edge.conversation import Message, Picture, Turn, Writing
from edge.errors import AnalysisFailed
from edge.questions import AnalysisRequest, Look, Question, text, yes_no
from edge.vlm.description import GROUPS
from edge.vlm.engine import open_engine, open_tested_engine
from edge.vlm.guide import Guide
from edge.vlm.layout import load_layout
from edge.vlm.runner import Floats
from edge.vlm.settings import EngineSettings
from edge.vlm.trial import has_passed, remember_pass

TEXT_CHARS = 80
DEADLINE_S = 60.0


class EngineSide:
    """A loaded engine and its clock."""

    def __init__(self, options: SideOptions) -> None:
        # The pictures of a bench are fed as they are: no enlarging to the model's usual minimum.
        settings = EngineSettings(
            model_dir=options.model_dir,
            threads=options.threads,
            cache_dir=options.cache_dir,
            min_pixels=0,
        )
        self._clock = InferClock()
        in_one = load_layout(options.model_dir).describes_in_one
        choose_always([DOCUMENT] if in_one else parts_of(DOCUMENT))
        begun_s = time.monotonic()
        self._engine = open_engine(settings)
        self.load_s = time.monotonic() - begun_s
        self._notes: tuple[str, ...] = ()
        try:
            if has_passed(settings):
                self._engine.warm_up()  # as a process that answers would
            else:
                self._engine.self_test()
                remember_pass(settings)
        except AnalysisFailed as error:
            self._notes = (f"opened in its fallback: {error}",)
            self._engine = open_tested_engine(settings)
        self.self_test_s = time.monotonic() - begun_s - self.load_s

    def run(self, case: Case, round_index: int) -> Sample:
        """Analyse the case's picture of this round."""
        if case.kind in ("follow_up", "follow_up_text"):
            return self._follow_up(case, round_index)
        picture = case.picture(round_index)
        request = AnalysisRequest(
            id=f"{case.kind}-{round_index}",
            image=picture,
            before=None,
            looks=(Look((), _questions(case)),),
            describe=case.kind == "describe",
            deadline_s=DEADLINE_S,
        )
        self._clock.reset()
        begun_s = time.perf_counter()
        result = self._engine.analyze(request)
        total_s = time.perf_counter() - begun_s
        timing, view = result.timing, result.views[0]
        return Sample(
            total_s=total_s,
            fed_px=(view.width_px, view.height_px),
            vision_s=timing.vision_ms / 1e3,
            prefill_s=timing.prefill_ms / 1e3,
            decode_s=timing.decode_ms / 1e3,
            infer_s=self._clock.spent_s,
            num_infers=self._clock.num,
            prompt_tokens=timing.prompt_tokens,
            output_tokens=timing.output_tokens,
        )

    def _follow_up(self, case: Case, round_index: int) -> Sample:
        """Show the picture and ask a question; then time another one, or its first token."""
        message = Message("user", (Picture(case.picture(round_index)),))
        first = (yes_no("first", FIRST_QUESTION),)
        shown = self._engine.talk(
            Turn("first", "bench", opens=True, messages=(message,), questions=first)
        )
        self._engine.settle()
        question = (
            yes_no("next", FOLLOW_UP) if case.kind == "follow_up" else text("next", SHORT_TEXT)
        )
        turn = Turn("next", "bench", questions=(question,), writing=Writing(max_tokens=1))
        self._clock.reset()
        begun_s = time.perf_counter()
        result = self._engine.talk(turn)
        total_s = time.perf_counter() - begun_s
        infer_s, num_infers = self._clock.spent_s, self._clock.num
        self._engine.close_session("bench")
        self._engine.settle()
        view = shown.views[0]
        return Sample(
            total_s=total_s,
            fed_px=(view.width_px, view.height_px),
            prefill_s=result.timing.prefill_ms / 1e3,
            decode_s=result.timing.decode_ms / 1e3,
            infer_s=infer_s,
            num_infers=num_infers,
            prompt_tokens=result.timing.prompt_tokens,
            output_tokens=result.timing.output_tokens,
        )

    def notes(self) -> tuple[str, ...]:
        """Whether the engine had to fall back."""
        return self._notes


def _questions(case: Case) -> tuple[Question, ...]:
    if case.kind == "text":
        return (text("text", SHORT_TEXT, TEXT_CHARS),)
    if case.kind == "long_text":
        return (text("text", LONG_TEXT, 1),)
    return case.questions


def parts_of(document: str) -> list[str]:
    """A description as the documents that are written side by side."""
    whole = json.loads(document)
    return [json.dumps({key: whole[key] for key in keys}) for keys in GROUPS]


def choose_always(documents: Sequence[str]) -> None:
    """From now on every description in this process is `documents`, token by token.

    Each pass is made and its logits are searched as ever; only the token taken is the document's.
    """
    choose = Guide.take_best
    by_key = {document.split('"')[1]: document.encode() for document in documents}

    def scripted(self: Guide, logits: Floats) -> None:
        # By its first key alone: where the model would end, a string does, and its text is another.
        rest = by_key[self.text.split(b'"')[1].decode()][len(self.text) :].decode()
        wanted = logits.copy()
        wanted[self.encode(rest)[0]] = logits.max() + 1
        choose(self, wanted)

    Guide.take_best = scripted  # type: ignore[method-assign]


class InferClock:
    """Adds up the time inside every inference of this process, from when it is made."""

    def __init__(self) -> None:
        self.spent_s, self.num = 0.0, 0
        infer: Callable[..., Any] = ov.InferRequest.infer

        def timed(request: ov.InferRequest, *args: Any, **named: Any) -> Any:
            begun_s = time.perf_counter()
            try:
                return infer(request, *args, **named)
            finally:
                self.spent_s += time.perf_counter() - begun_s
                self.num += 1

        ov.InferRequest.infer = timed

    def reset(self) -> None:
        """Begin at zero."""
        self.spent_s, self.num = 0.0, 0
