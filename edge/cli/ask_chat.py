"""`edge ask --chat`: a conversation about one picture, a question a line from standard input.

Answers are printed as they are written; a typed question's with its probabilities. What was said
before is remembered, so "and what colour is it?" is understood.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from edge.conversation import Message, Picture, Piece, Turn, TurnResult
from edge.errors import PictureError, QuestionError
from edge.questions import Question

if TYPE_CHECKING:
    from edge.vlm.engine import Engine

SESSION = "chat"


def chat(
    engine: Engine, picture: Picture, first: Question, lines: Iterable[str], deadline_s: float
) -> int:
    """Ask `first` about the picture, then every line that is not empty, in the same way.

    A line that cannot be asked is told on standard error, and the conversation goes on; the exit
    status is then 1. Raises what the engine raises for the picture and the first question.
    """
    if engine.info.demonstration:
        print(
            f"[{engine.info.name}; FOR DEMONSTRATION: knows drawn yards alone]",
            file=sys.stderr,
            flush=True,
        )
    opening = Turn(
        SESSION,
        SESSION,
        opens=True,
        messages=(Message("user", (picture,)),),
        questions=(first,),
        deadline_s=deadline_s,
    )
    _show(engine.talk(opening, _print_piece))
    engine.settle()
    status = 0
    for line in lines:
        if not line.strip():
            continue
        try:
            question = replace(first, text=line.strip())
            turn = Turn(SESSION, SESSION, questions=(question,), deadline_s=deadline_s)
            _show(engine.talk(turn, _print_piece))
        except (QuestionError, PictureError) as error:
            print(f"error: {error}", file=sys.stderr)
            status = 1
    return status


def _print_piece(piece: Piece) -> None:
    print(piece.text, end="", flush=True)


def _show(result: TurnResult) -> None:
    answer = result.answers[0]
    if not answer.probabilities:  # printed already, piece by piece
        print(" [cut]" if answer.truncated else "", flush=True)
        return
    print(f"{answer.value}  {answer.probability:.1%}", flush=True)
