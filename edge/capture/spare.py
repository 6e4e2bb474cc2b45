"""SparePictures: those that no other picture needs and that nobody would be shown.

A stream with B-frames has many: decoding is then some third cheaper without them. Knows times;
which pictures others need is for the codec's own part to say (see `h264`). Used by `decoding`.
"""

from __future__ import annotations

_REACH = 0.6  # of the distance between pictures: the nearest one to a point lies closer


class SparePictures:
    """Pictures left out, until those shown after them have come out of the decoder."""

    def __init__(self) -> None:
        self._left_out_s: list[float] = []
        self._last_dts_s: float | None = None
        self._interval_s = 0.0

    def note(self, dts_s: float | None) -> None:
        """Called with each packet's decode time, which grows evenly, to know the frame rate."""
        if dts_s is not None and self._last_dts_s is not None and dts_s > self._last_dts_s:
            self._interval_s = dts_s - self._last_dts_s
        self._last_dts_s = dts_s

    def is_off(self, distance_s: float) -> bool:
        """Whether a picture at this distance from a point in time is not the nearest one to it."""
        return 0.0 < self._interval_s * _REACH < distance_s

    def leave_out(self, pts_s: float) -> None:
        """The picture shown at `pts_s` is not decoded."""
        self._left_out_s.append(pts_s)

    def passed(self, pts_s: float) -> list[float]:
        """When those left out were shown that come before `pts_s`; they are forgotten."""
        if not self._left_out_s:
            return []
        before = sorted(at_s for at_s in self._left_out_s if at_s < pts_s)
        self._left_out_s = [at_s for at_s in self._left_out_s if at_s >= pts_s]
        return before

    def clear(self) -> int:
        """Forget them; returns how many there were."""
        num_left_out = len(self._left_out_s)
        self._left_out_s.clear()
        self._last_dts_s = None
        return num_left_out
