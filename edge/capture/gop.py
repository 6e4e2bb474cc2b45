"""GopMeter: how far apart a stream's I-frames are. Pure; fed every packet by `source`."""

from __future__ import annotations

UNKNOWN_UNTIL_S = 5.0  # a first GOP that lasts longer is reported before its end


class GopMeter:
    """`frames` and `seconds` of the longest of the last two whole GOPs; None before there is one.

    A GOP that already lasts longer than that counts as it stands: a stream that stops sending
    I-frames, or never sent a second one, is known by it.
    """

    def __init__(self) -> None:
        self._last: tuple[int, float] | None = None
        self._before: tuple[int, float] | None = None
        self._running: int | None = None  # packets since the last I-frame, it included
        self._started_s = 0.0
        self._now_s = 0.0

    def restart(self) -> None:
        """The next packet does not follow the last one."""
        self._running = None

    def note(self, *, is_iframe: bool, now_s: float) -> None:
        """The next packet, at stream time `now_s`."""
        # an RTSP stream's first packet may have no time but ours, which is far ahead
        self._started_s = min(self._started_s, now_s)
        self._now_s = now_s
        if is_iframe:
            if self._running is not None and now_s > self._started_s:
                self._before, self._last = self._last, (self._running, now_s - self._started_s)
            self._running = 0
            self._started_s = now_s
        if self._running is not None:
            self._running += 1

    @property
    def frames(self) -> int | None:
        """Pictures from one I-frame to the next."""
        longest = self._longest()
        return None if longest is None else longest[0]

    @property
    def seconds(self) -> float | None:
        """The same in stream time."""
        longest = self._longest()
        return None if longest is None else longest[1]

    def _longest(self) -> tuple[int, float] | None:
        gops = [gop for gop in (self._before, self._last) if gop is not None]
        running_s = self._now_s - self._started_s
        if self._running is not None and running_s > UNKNOWN_UNTIL_S:
            gops.append((self._running, running_s))
        return max(gops, key=lambda gop: gop[1], default=None)
