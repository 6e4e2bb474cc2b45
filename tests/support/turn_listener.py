"""Somebody who waits for a turn: keeps what is heard."""

from __future__ import annotations

from edge.conversation import Piece, TurnResult
from edge.errors import EdgeError


class TurnListener:
    """A real listener; `outcome` is None until the turn is over."""

    def __init__(self) -> None:
        self.pieces: list[Piece] = []
        self.outcome: TurnResult | EdgeError | None = None

    @property
    def text(self) -> str:
        """What was written so far."""
        return "".join(piece.text for piece in self.pieces)

    def on_piece(self, piece: Piece) -> None:
        assert self.outcome is None
        self.pieces.append(piece)

    def on_end(self, outcome: TurnResult | EdgeError) -> None:
        assert self.outcome is None, "a turn ends once"
        self.outcome = outcome
