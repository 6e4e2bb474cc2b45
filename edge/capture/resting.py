"""Resting: when a quiet camera may leave out pictures, and what it needs to make up for them.

Pure but for the packets it keeps. Decides by stream time; decodes nothing. Used by `source`.
"""

from __future__ import annotations

from typing import Literal

from edge.capture.hint import SizeHint
from edge.capture.packets import Received
from edge.capture.ring import PacketRing
from edge.capture.settings import Decode

REST_AFTER_S = 10.0  # of quiet; what happens is seldom over in less
REST_AGAIN_AFTER_S = 3.0  # ... when it was woken and nothing was there
LOOK_EVERY_S = 0.9  # I-frames in quicker succession are left out like other pictures
# What happens at an I-frame's distance is noticed that late, and a hint may fail: a camera with
# "smart" GOPs of 10 s and more is better decoded whole.
MAX_GOP_S = 6.0
MAX_FAILED = 3


class Resting:
    """`is_resting`: only I-frames are decoded, and the packets since the last one shown are kept.

    `is_first_look` is true until the first I-frame of a rest is shown;
    `reason` says why an `auto` camera never rests, "" if it may.
    """

    def __init__(self, decode: Decode) -> None:
        self._decode = decode
        self._hint = SizeHint()
        self._ring = PacketRing()
        self._quiet_since_s: float | None = None
        self._rest_after_s = REST_AFTER_S
        self._looked_s = 0.0
        self._num_failed = 0
        self._num_left_out = 0  # since the last I-frame shown
        self._was_hinted = False
        self.is_first_look = True
        self.is_resting = False
        self.reason = ""

    @property
    def mode(self) -> Literal["all", "idle", "iframes"]:
        """What is decoded now."""
        if self.is_iframes_only and not self.has_failed:
            return "iframes"
        return "idle" if self.is_resting else "all"

    @property
    def is_iframes_only(self) -> bool:
        """Whether nothing but I-frames is wanted, whatever happens."""
        return self._decode == "iframes"

    @property
    def has_failed(self) -> bool:
        """Whether the stream's I-frames turned out to be of no use by themselves."""
        return self._num_failed >= MAX_FAILED

    # While every picture is decoded

    def note(self, received: Received, *, quiet: bool) -> None:
        """Whether all is quiet as this packet comes; then its size is learned as usual."""
        now_s = received.time_s
        if received.packet.is_keyframe:
            self._hint.restart(now_s)
        elif quiet:
            self._hint.is_raised(received.packet.size, now_s)
        if not quiet:
            self._quiet_since_s = None
            self._rest_after_s = REST_AFTER_S
            self._was_hinted = False
        elif self._quiet_since_s is None or now_s < self._quiet_since_s - 2.0 * MAX_GOP_S:
            self._quiet_since_s = now_s  # also where the stream's time was set back

    def may_begin(self, now_s: float, gop_s: float | None) -> bool:
        """Whether to rest from the I-frame at `now_s` on; `gop_s` is how long GOPs last."""
        if self._decode == "all":
            return False
        if self.has_failed:
            self.reason = "its I-frames cannot be decoded by themselves"
            return False
        if self.is_iframes_only:
            return True
        if gop_s is None:
            return False
        self.reason = f"its I-frames are {gop_s:.0f} s apart" if gop_s > MAX_GOP_S else ""
        is_quiet = (
            self._quiet_since_s is not None and now_s - self._quiet_since_s >= self._rest_after_s
        )
        return is_quiet and not self.reason

    def begin(self) -> None:
        """Rest from the I-frame that comes now."""
        self.is_resting = self.is_first_look = True
        self._num_left_out = 0
        self._ring.clear()
        if self._was_hinted:
            self._was_hinted = False
            self._hint.was_wrong()

    # While at rest

    def is_look_due(self, received: Received) -> bool:
        """Whether this packet is an I-frame to look at."""
        if not received.packet.is_keyframe:
            return False
        passed_s = received.time_s - self._looked_s
        return self.is_first_look or not 0.0 <= passed_s < LOOK_EVERY_S

    def looked(self, received: Received) -> int:
        """An I-frame is shown; returns how many pictures before it were left out."""
        num_left_out, self._num_left_out = self._num_left_out, 0
        self._num_failed = 0
        self.is_first_look = False
        self._looked_s = received.time_s
        self._hint.restart(received.time_s)
        self._ring.clear()
        if not self.is_iframes_only:
            self._ring.add(received)
        return num_left_out

    def failed(self) -> None:
        """An I-frame gave no picture by itself, as where a stream refreshes bit by bit."""
        self._num_failed += 1

    def keep(self, received: Received) -> bool:
        """Keep a packet that is not looked at; whether it is a reason to look at all of them."""
        self._num_left_out += 1
        if self.is_iframes_only:
            return False
        self._ring.add(received)
        if received.packet.is_keyframe:
            self._hint.restart(received.time_s)
        else:
            self._was_hinted = self._hint.is_raised(received.packet.size, received.time_s)
        return self._was_hinted or self._ring.is_full

    def end(self, now_s: float) -> list[Received]:
        """Decode every picture again; returns the packets since the last I-frame shown."""
        self.is_resting = False
        self._quiet_since_s = now_s
        self._rest_after_s = REST_AGAIN_AFTER_S
        return self._ring.take()

    def drop(self, now_s: float) -> int:
        """Decode every picture again; what was kept ends in a hole. Returns how many were lost."""
        self.is_resting = False
        self._quiet_since_s = now_s
        self._rest_after_s = REST_AFTER_S
        self._ring.clear()
        return self._num_left_out
