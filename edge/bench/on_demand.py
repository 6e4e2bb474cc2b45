"""What a picture costs that is cut out of compressed packets, as from a main stream on demand.

Measures in its own process: the time until the colours are there, and the CPU time of all threads.
The moments are those that are furthest to decode, and those that a camera's sampler asks for.
Called by `capture`.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from edge.bench.asking import Asked, moments_of
from edge.bench.tables import Table
from edge.capture.clock import Clock
from edge.capture.facts import Counters
from edge.capture.kinds import plan_open
from edge.capture.main_stream import FOLLOW_S
from edge.capture.moment import MomentDecoder, pts_s_of
from edge.capture.opening import open_stream
from edge.capture.packets import PacketReader, Received
from edge.capture.picture import read_rgb
from edge.capture.settings import SourceSettings
from edge.errors import PictureError

HELD_S = 12.0  # of packets, as a camera's ring holds
NUM_MOMENTS = 24
_TICK_S = 1e-3


@dataclass(frozen=True, slots=True)
class Cuts:
    """Pictures that were cut, each after its wall and CPU time in seconds.

    `missed` counts those that could not be had, as where the clip is damaged.
    """

    wall_s: tuple[float, ...]
    cpu_s: tuple[float, ...]
    missed: int


@dataclass(frozen=True, slots=True)
class OnDemand:
    """The same moments `alone`, with a decoder of their own each, and `in_order` with one kept; and
    those `sampled`, as a camera asks for them.

    `longest_gop` is in packets.
    """

    longest_gop: int
    alone: Cuts
    in_order: Cuts
    sampled: Cuts

    @property
    def sides(self) -> dict[str, Cuts]:
        """All of them, by name."""
        return {"alone": self.alone, "in_order": self.in_order, "sampled": self.sampled}


def measure_on_demand(clip: Path) -> OnDemand:
    """Cut pictures out of the packets of `clip`. Raises CaptureError if it cannot be read."""
    settings = SourceSettings(clip.name, str(clip.absolute()), realtime=False)
    asked = moments_of(settings)
    stream = open_stream(settings, plan_open(settings))
    with closing(stream.container):
        packets = PacketReader(settings, stream, Clock(), Counters()).packets()
        received = list(packets)
        start_s = stream.start_s or 0.0
        held = list(takewhile(lambda r: r.time_s < start_s + HELD_S, received))
        iframes = [i for i, one in enumerate(held) if one.packet.is_keyframe]
        ends = [*iframes[1:], len(held)]
        kept = MomentDecoder(stream, settings.max_pixels)
        return OnDemand(
            max((end - begin for begin, end in zip(iframes, ends, strict=True)), default=0),
            _cut(held, ends, lambda: MomentDecoder(stream, settings.max_pixels)),
            _cut(held, ends, lambda: kept),
            _cut_as_asked(received, asked, start_s, MomentDecoder(stream, settings.max_pixels)),
        )


def _cut(held: list[Received], ends: list[int], decoder: Callable[[], MomentDecoder]) -> Cuts:
    """Cut the last picture of each GOP, the longest to have, and others evenly between."""
    step = max(1, len(held) // NUM_MOMENTS)
    indices = sorted({*range(0, len(held), step), *(end - 1 for end in ends)})
    wall_s, cpu_s, missed = [], [], 0
    for index in indices if held else ():
        began_s, used_s = time.perf_counter(), time.process_time()
        try:
            read_rgb(decoder().picture_at(held, pts_s_of(held[index])))
        except PictureError:
            missed += 1
            continue
        wall_s.append(time.perf_counter() - began_s)
        cpu_s.append(time.process_time() - used_s)
    return Cuts(tuple(wall_s), tuple(cpu_s), missed)


def _cut_as_asked(
    received: list[Received], asked: list[Asked], start_s: float, decoder: MomentDecoder
) -> Cuts:
    """Cut the pictures a sampler wants, each when it does; what it expects is decoded ahead.

    What is not done yet when the picture is wanted counts, as does the wait for packets that have
    not come yet.
    """
    wall_s, cpu_s, missed = [], [], 0
    shown_s = [pts_s_of(one) for one in received]
    busy_until_s = ahead_s = 0.0
    for one in asked:
        now_s, moment_s = one.at_s + start_s, one.moment_s + start_s
        num_come = sum(at_s <= now_s + _TICK_S for at_s in shown_s)
        held = [r for r in received[:num_come] if r.time_s >= now_s - HELD_S]
        if one.kind == "expected" and now_s < busy_until_s:
            continue
        began_s, used_s = time.perf_counter(), time.process_time()
        late = _Late(received[num_come:], now_s, began_s)
        try:
            if one.kind == "expected":
                decoder.lead_to(held, moment_s)
            else:
                read_rgb(decoder.picture_at(held, moment_s, late.packets()))
        except PictureError:
            missed += one.kind == "wanted"
            continue
        took_s, used_s = time.perf_counter() - began_s, time.process_time() - used_s
        if one.kind == "expected":
            busy_until_s = now_s + took_s
            ahead_s += used_s
            continue
        wall_s.append(max(0.0, busy_until_s - now_s) + took_s + late.waited_s)
        cpu_s.append(ahead_s + used_s)
        ahead_s = 0.0
    return Cuts(tuple(wall_s), tuple(cpu_s), missed)


class _Late:
    """Packets that come after `now_s` of the stream, and how long they would be waited for."""

    def __init__(self, received: list[Received], now_s: float, began_s: float) -> None:
        self._received, self._now_s, self._began_s = received, now_s, began_s
        self.waited_s = 0.0

    def packets(self) -> Iterator[Received]:
        """Those that come in the time that a camera waits."""
        for one in self._received:
            comes_s = one.time_s - self._now_s
            if comes_s > FOLLOW_S:
                return
            self.waited_s = max(self.waited_s, comes_s - (time.perf_counter() - self._began_s))
            yield one


def as_table(measured: OnDemand) -> Table:
    """The report for the terminal."""
    return Table(
        f"A picture on demand, GOP of up to {measured.longest_gop}",
        ("decoder", "median ms", "worst ms", "CPU median ms", "CPU worst ms", "pictures", "missed"),
        tuple(
            (
                _TITLES[side],
                *_spread(cuts.wall_s),
                *_spread(cuts.cpu_s),
                str(len(cuts.wall_s)),
                str(cuts.missed),
            )
            for side, cuts in measured.sides.items()
        ),
        "from the packets to the colours; the last picture of each GOP and others between, then "
        "those that the sampler takes of the whole clip, CPU time with what was decoded ahead",
    )


def as_document(measured: OnDemand) -> dict[str, object]:
    """The report for programs, in milliseconds."""
    return {
        "longest_gop": measured.longest_gop,
        **{
            side: {
                "wall_ms": [round(1e3 * s, 2) for s in cuts.wall_s],
                "cpu_ms": [round(1e3 * s, 2) for s in cuts.cpu_s],
                "missed": cuts.missed,
            }
            for side, cuts in measured.sides.items()
        },
    }


_TITLES = {
    "alone": "each alone",
    "in_order": "one after the other",
    "sampled": "as a camera asks",
}


def _spread(times_s: tuple[float, ...]) -> tuple[str, str]:
    if not times_s:
        return "", ""
    return f"{1e3 * statistics.median(times_s):.0f}", f"{1e3 * max(times_s):.0f}"
