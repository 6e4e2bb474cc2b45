"""Turns of a conversation about pictures: told to the model in one pass, answered, remembered.

    what is known of the conversation (its KV is kept)
      └─ what is new: pictures, words, answers that were not read into the cache yet
           ├─ question 1, closing ─┬─ options, down to where the last two part
           ├─ question 2, closing ── written token by token
           └─ ...

No question sees another one of its turn. Afterwards they stand in the history one behind the other
with their answers; only the first one's KV can be kept then, the others are read again with the
next turn.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from edge.conversation import Turn, TurnResult
from edge.errors import AnalysisFailed, QuestionError
from edge.heatmap import AttentionMap
from edge.questions import Timing, View
from edge.vlm.describe import Describer
from edge.vlm.dialogue import Script, ScriptWriter
from edge.vlm.gaze import NEUTRAL_WORDING, Gazer, contrast
from edge.vlm.line import Line, build_lines
from edge.vlm.prompt import build_turn
from edge.vlm.replies import Hearing, Reading, Replier, Said
from edge.vlm.runner import Runner
from edge.vlm.sessions import Session, SessionBounds, Sessions
from edge.vlm.settings import EngineSettings
from edge.vlm.tokens import Ids, TokenCoder
from edge.vlm.transcript import Fed, Transcript
from edge.vlm.tree import ROOT, Branch, PrefixCache, Segment, TokenTree
from edge.vlm.vision import Eye

MAX_STALE_ROWS = 256  # of questions answered long ago in the cache, before it is packed


class Talker:
    """Answers turns, and keeps the conversations that they belong to. Not thread-safe."""

    def __init__(
        self,
        runner: Runner,
        coder: TokenCoder,
        eye: Eye,
        writer: ScriptWriter,
        describer: Describer,
        settings: EngineSettings,
    ) -> None:
        layout = runner.layout
        self._runner, self._coder, self._eye, self._writer = runner, coder, eye, writer
        self._eos = layout.tokens.eos
        self._max_context = min(settings.max_context, layout.text.max_positions)
        self._tree = TokenTree(runner)
        self._describer = describer
        self._replier = Replier(runner, coder, self._tree, self._describer)
        # Apart from the cameras' prefixes, which no conversation is to push out.
        self._prefix = PrefixCache(runner, 1, settings.max_prefix_bytes)
        bounds = SessionBounds(
            settings.max_sessions, settings.max_session_bytes, settings.session_idle_s
        )
        self.sessions = Sessions(runner, bounds, exact=settings.accuracy)
        self._num_unnamed = 0
        self._brought_head = False  # the head is there for the conversations' sake

    def talk(
        self, turn: Turn, fed: Sequence[Fed], views: tuple[View, ...], hearing: Hearing
    ) -> TurnResult:
        """Answer a turn. `fed` are the pictures of its messages, `views` what they show of them.

        Raises SessionGone for a session that is not open, QuestionError for what cannot be asked
        or does not fit, AnalysisFailed if the model fails; the session is then as before.
        """
        started = time.monotonic()
        self.sessions.close_idle()
        name, session, script = self._find(turn, fed)
        if turn.heatmap and not script.transcript.pictures:
            raise QuestionError("there is no picture in the conversation, so no heatmap")
        lines = build_lines(turn, self._writer.format, self._coder, self._eos, self._describer)
        limit = self._limit(turn, script)
        script, num_dropped = _fit(turn, script, lines, limit)
        try:
            reading = self._read(session, script.transcript, lines)
            prefilled = time.monotonic()
            room = limit - len(script.transcript)
            said = self._replier.answer(
                turn, lines, reading, hearing, started + turn.deadline_s, room
            )
            answered = time.monotonic()
            wants_maps = turn.heatmap and not hearing.is_cancelled()
            maps = self._maps(script, lines, reading) if wants_maps else ()
        except AnalysisFailed:
            self._runner.clear()  # what it holds is undefined; all can be computed anew
            raise
        self._remember(name, session, script, lines, said, reading)
        ended = time.monotonic()
        return TurnResult(
            id=turn.id,
            session=turn.session,
            answers=tuple(said.answers),
            description=said.description,
            views=views,
            timing=Timing(
                vision_ms=reading.vision_ms,
                prefill_ms=(prefilled - started) * 1e3 - reading.vision_ms,
                decode_ms=(answered - prefilled) * 1e3,
                total_ms=(ended - started) * 1e3,
                prompt_tokens=len(script.transcript) + sum(len(line.ids) for line in lines),
                output_tokens=said.num_written,
            ),
            endings=said.endings,
            chances=said.chances,
            known_tokens=reading.num_known,
            num_dropped=num_dropped,
            attention=maps,
        )

    def settle(self) -> bool:
        """Between two turns: close what is idle, have the head ready while someone may ask for
        text. Whether conversations are open.
        """
        self.sessions.close_idle()
        is_open = len(self.sessions) > 0
        if is_open:
            self._brought_head |= not self._runner.has_head
            self._runner.load_head()
        elif self._brought_head:
            self._runner.drop_head()
            self._brought_head = False
        return is_open

    def _find(self, turn: Turn, fed: Sequence[Fed]) -> tuple[str, Session, Script]:
        """The session to go on with, the name to keep it under ("" for a new one without a name),
        and the conversation up to what is asked now.
        """
        if turn.continues:
            session = self.sessions.get(turn.session)
            return turn.session, session, self._writer.go_on(session.script, turn.messages, fed)
        script = self._writer.begin(turn.messages, fed)
        name, num = self.sessions.closest(script.transcript)
        if num == 0:
            return turn.session, Session(script), script
        base = self.sessions.get(name)
        if _is_unnamed(name):  # nobody can ask for it by its name: it becomes this one
            return turn.session or name, base, script
        return turn.session, self.sessions.fork(base), script

    def _limit(self, turn: Turn, script: Script) -> int:
        """How many tokens the conversation may have."""
        if not turn.session:
            return self._max_context
        room = self.sessions.bounds.max_bytes - script.transcript.num_bytes
        return min(self._max_context, room // self.sessions.token_bytes)

    def _read(self, session: Session, transcript: Transcript, lines: Sequence[Line]) -> Reading:
        """Bring the cache to the end of each line, in one pass behind what is known."""
        known = self._known(session, transcript)
        num = len(known.rows)
        looked = time.monotonic()
        seen = tuple(self._eye.look([fed.image]) for fed in transcript.pictures_from(num))
        vision_ms = (time.monotonic() - looked) * 1e3
        segments: list[Segment] = []
        trunk: Branch | int = known
        if num < len(transcript):
            segments.append(Segment(transcript.ids[num:], known, seen))
            trunk = 0
        nodes: list[dict[Ids, int]] = []
        for line in lines:
            nodes.append({(): len(segments)})
            segments.append(Segment(line.ids, trunk))
            for path in line.paths():
                nodes[-1][path] = len(segments)
                segments.append(Segment(path[-1:], nodes[-1][path[:-1]]))
        grown = self._tree.grow(segments) if segments else []
        end = grown[0].branch if trunk == 0 else known
        return Reading(grown, nodes, end, num, vision_ms)

    def _known(self, session: Session, transcript: Transcript) -> Branch:
        """The branch of as much as the cache can be made to hold of the transcript's beginning."""
        num = session.script.transcript.num_shared(transcript)
        if self._runner.length - self.sessions.num_known(session) > MAX_STALE_ROWS:
            self.sessions.put_aside()
        branch = self.sessions.seat(session, num)
        if branch is not None:
            return branch
        self.sessions.put_aside()
        prefix = self._writer.house_prefix
        if transcript.ids[: len(prefix)] == prefix:
            return self._prefix.start(self._tree, prefix)
        self._tree.start()
        return ROOT

    def _maps(
        self, script: Script, lines: Sequence[Line], reading: Reading
    ) -> tuple[AttentionMap, ...]:
        """Where each line looked in each picture; after everything else, as it adds tokens to the
        cache. Against it stands a general request in place of what this turn says behind its last
        picture.
        """
        transcript, rows = script.transcript, reading.trunk.rows
        places = transcript.pictures
        gazer = Gazer(
            self._tree, self._runner, [rows[at : at + fed.num_tokens] for at, fed in places]
        )
        said_from = max(script.turns[-1], *(at + fed.num_tokens + 1 for at, fed in places))
        before = Branch(rows[:said_from], transcript.position(said_from))
        neutral = build_turn(self._writer.format.chat, self._coder, NEUTRAL_WORDING)
        maps = []
        for n, line in enumerate(lines):
            asked = gazer.last(reading.end(n).branch, line.ids[-1])
            usual = gazer.behind(before, neutral + line.opening)
            for picture, (_, fed) in enumerate(places):
                gaze = contrast(asked[picture], usual[picture], fed.grid)
                maps.append(
                    AttentionMap(line.question_id, fed.box, gaze.cells, gaze.picture_frac, picture)
                )
        return tuple(maps)

    def _remember(
        self,
        name: str,
        session: Session,
        script: Script,
        lines: Sequence[Line],
        said: Said,
        reading: Reading,
    ) -> None:
        """The lines and their answers become turns of the conversation."""
        told = self._writer.answered(script, [line.words for line in lines], said.ids)
        fed = script.transcript.plus(said.fed)
        num = fed.num_shared(told.transcript)
        rows = said.rows if lines else reading.trunk.rows
        self.sessions.has_grown(session, told, rows[:num])
        if not name:
            self._num_unnamed += 1
            name = f"~{self._num_unnamed}"
        self.sessions.keep(name, session)
        # One with a name was held to the bound while it was told; others may be as long as fits.
        if _is_unnamed(name) and self.sessions.num_bytes > self.sessions.bounds.max_bytes:
            self.sessions.close(name)


def _is_unnamed(name: str) -> bool:
    return name.startswith("~")  # no session's name can


def _fit(turn: Turn, script: Script, lines: Sequence[Line], limit: int) -> tuple[Script, int]:
    """The conversation without as many of its oldest turns as do not fit, and how many those are.

    One that is given whole loses none: raises QuestionError.
    """
    asked = sum(line.num_tokens for line in lines)
    for num in range(len(script.turns) if turn.session else 1):
        shorter = script.forget(num)
        if len(shorter.transcript) + asked <= limit:
            return shorter, num
    least = len(script.forget(len(script.turns) - 1).transcript) if turn.session else 0
    found = (least or len(script.transcript)) + asked
    raise QuestionError(
        f"the conversation and what is asked take {found} tokens; at most {max(0, limit)} fit"
        + (" into a session" if turn.session else "")
    )
