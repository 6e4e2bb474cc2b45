"""PacketRing: the compressed packets since an I-frame, kept so that they can be decoded later.

Knows packets and their sizes; decodes nothing. Used by `resting` (the pictures that an idle camera
left out) and by `main_stream` (the pictures of the stream that is not decoded).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from edge.capture.packets import Received

# A 1080p camera sends 0.5 MB a second, 1 MB at its best quality: 20 to 40 s. A decoded 1080p
# picture takes 3 MB, so this is what a decoder with seven pictures holds.
MAX_BYTES = 20 * 1024 * 1024


class PacketRing:
    """Packets in the order received, the oldest always an I-frame; bounded by `max_bytes`."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._gops: deque[list[Received]] = deque()
        self._num_bytes = 0

    def __iter__(self) -> Iterator[Received]:
        return (received for gop in self._gops for received in gop)

    def __len__(self) -> int:
        return sum(len(gop) for gop in self._gops)

    @property
    def newest(self) -> Received | None:
        """The packet added last."""
        return self._gops[-1][-1] if self._gops else None

    def behind(self, last: Received) -> list[Received]:
        """The packets that came after `last`; none if it is not held."""
        packets: deque[Received] = deque()
        for received in (received for gop in reversed(self._gops) for received in reversed(gop)):
            if received is last:
                return list(packets)
            packets.appendleft(received)
        return []

    @property
    def num_bytes(self) -> int:
        """What the packets hold."""
        return self._num_bytes

    @property
    def is_full(self) -> bool:
        """Whether the bound is passed; by one packet at most, if it is asked for each."""
        return self._num_bytes > self._max_bytes

    def add(self, received: Received) -> None:
        """Take in a packet; what comes before the first I-frame is of no use and not kept."""
        if received.packet.is_keyframe:
            self._gops.append([])
        elif not self._gops:
            return
        self._gops[-1].append(received)
        self._num_bytes += received.packet.size

    def drop_oldest(self) -> None:
        """Forget the oldest I-frame and what belongs to it."""
        for received in self._gops.popleft():
            self._num_bytes -= received.packet.size

    def drop_before(self, mono_s: float) -> None:
        """Forget what is not needed for any picture received at `mono_s` or later."""
        while len(self._gops) > 1 and self._gops[1][0].arrival.mono_s <= mono_s:
            self.drop_oldest()

    def clear(self) -> None:
        """Forget everything."""
        self._gops.clear()
        self._num_bytes = 0

    def take(self) -> list[Received]:
        """All packets; the ring is empty afterwards."""
        packets = list(self)
        self.clear()
        return packets
