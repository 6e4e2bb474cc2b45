"""How a yard is drawn: one part for each kind of thing, put together by `picture`."""

from edge.demo.drawing.picture import Drawn, draw

__all__ = ["Drawn", "draw"]
