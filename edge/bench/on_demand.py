"""What a picture costs that is cut out of compressed packets, as from a main stream on demand.

Measures in its own process: the time until the colours are there, and the CPU time of all threads.
Called by `capture`.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from edge.bench.tables import Table
from edge.capture.clock import Clock
from edge.capture.facts import Counters
from edge.capture.kinds import plan_open
from edge.capture.moment import MomentDecoder, pts_s_of
from edge.capture.opening import open_stream
from edge.capture.packets import PacketReader, Received
from edge.capture.picture import read_rgb
from edge.capture.settings import SourceSettings
from edge.errors import PictureError

HELD_S = 12.0  # of packets, as a camera's ring holds
NUM_MOMENTS = 24


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
    """The same moments `alone`, with a decoder of their own each, and `in_order` with one kept.

    `longest_gop` is in packets.
    """

    longest_gop: int
    alone: Cuts
    in_order: Cuts


def measure_on_demand(clip: Path) -> OnDemand:
    """Cut pictures out of the first packets of `clip`. Raises CaptureError if it cannot be read."""
    settings = SourceSettings(clip.name, str(clip.absolute()), realtime=False)
    stream = open_stream(settings, plan_open(settings))
    with closing(stream.container):
        packets = PacketReader(settings, stream, Clock(), Counters()).packets()
        held = list(takewhile(lambda r: r.time_s < (stream.start_s or 0.0) + HELD_S, packets))
        iframes = [i for i, received in enumerate(held) if received.packet.is_keyframe]
        ends = [*iframes[1:], len(held)]
        kept = MomentDecoder(stream, settings.max_pixels)
        return OnDemand(
            max((end - begin for begin, end in zip(iframes, ends, strict=True)), default=0),
            _cut(held, ends, lambda: MomentDecoder(stream, settings.max_pixels)),
            _cut(held, ends, lambda: kept),
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


def as_table(measured: OnDemand) -> Table:
    """The report for the terminal."""
    sides = (("each alone", measured.alone), ("one after the other", measured.in_order))
    return Table(
        f"A picture on demand, GOP of up to {measured.longest_gop}",
        ("decoder", "median ms", "worst ms", "CPU median ms", "CPU worst ms", "pictures", "missed"),
        tuple(
            (
                title,
                *_spread(cuts.wall_s),
                *_spread(cuts.cpu_s),
                str(len(cuts.wall_s)),
                str(cuts.missed),
            )
            for title, cuts in sides
        ),
        "from the packets to the colours; the last picture of each GOP, and others between",
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
            for side, cuts in (("alone", measured.alone), ("in_order", measured.in_order))
        },
    }


def _spread(times_s: tuple[float, ...]) -> tuple[str, str]:
    if not times_s:
        return "", ""
    return f"{1e3 * statistics.median(times_s):.0f}", f"{1e3 * max(times_s):.0f}"
