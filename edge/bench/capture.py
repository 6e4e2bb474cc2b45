"""What a camera costs: its clip read by this product's capture and sampler, and by ffmpeg.

Each side runs in a process of its own, in turn; user and system time after the imports are taken.
Then pictures are cut out of its packets, as from a main stream that is not decoded. Knows nothing
of models. Called by `edge bench --capture`.
"""

from __future__ import annotations

import multiprocessing
import platform
import resource
import shutil
import statistics
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from edge.bench import on_demand
from edge.bench.machine import usable_cores
from edge.bench.on_demand import OnDemand, measure_on_demand
from edge.bench.tables import Table
from edge.capture.settings import Decode, SourceSettings
from edge.capture.source import open_source
from edge.errors import CaptureError, EdgeError, SourceEnded
from edge.sampler.attention import Attention
from edge.sampler.settings import SamplerSettings

_context = multiprocessing.get_context("spawn")

FFMPEG_SIZE = (640, 360)
FFMPEG_FPS = 5
NEAR_S = 0.3  # keyframes this close are the same one
MEMORY_EVERY = 25  # frames


@dataclass(frozen=True, slots=True)
class Reading:
    """One clip read once. Times in seconds; `keyframes` are (presentation time, trigger).

    `private_bytes` is the most memory that was the process's own, at any look at it.
    """

    cpu_s: float
    clip_s: float = 0.0
    rested_frac: float = 0.0  # of the pictures, not decoded
    wakes: int = 0
    private_bytes: int = 0
    keyframes: tuple[tuple[float, str], ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class CaptureBench:
    """All readings of a clip, by side."""

    clip: Path
    readings: dict[str, list[Reading]]
    on_demand: OnDemand

    @property
    def clip_s(self) -> float:
        """How long the clip is."""
        return self.readings["auto"][0].clip_s

    def ms_per_s(self, side: str) -> float:
        """Median CPU milliseconds per second of the clip."""
        return 1e3 * statistics.median(r.cpu_s for r in self.readings[side]) / self.clip_s

    def missed(self) -> list[float]:
        """Keyframes of full decoding that `auto` has not, by time."""
        return _unmatched(self.readings["all"][0], self.readings["auto"][0])

    def added(self) -> list[float]:
        """Keyframes of `auto` that full decoding has not."""
        return _unmatched(self.readings["auto"][0], self.readings["all"][0])


def run_capture_bench(clip: Path, rounds: int, progress: Callable[[str], None]) -> CaptureBench:
    """Read `clip` with every side, `rounds` times in turn. Raises CaptureError if a side fails."""
    sides = ["auto", "all", *(["ffmpeg"] if shutil.which("ffmpeg") else [])]
    readings: dict[str, list[Reading]] = {side: [] for side in sides}
    for number in range(rounds):
        for side in sides:
            progress(f"round {number + 1} of {rounds}: {side}")
            readings[side].append(_in_a_process(side, clip))
    progress("pictures on demand")
    return CaptureBench(clip, readings, measure_on_demand(clip))


def as_tables(bench: CaptureBench) -> tuple[Table, ...]:
    """The report for the terminal."""
    base = bench.ms_per_s("ffmpeg") if "ffmpeg" in bench.readings else None
    rows = []
    for side, readings in bench.readings.items():
        first, ms = readings[0], bench.ms_per_s(side)
        rows.append(
            (
                _TITLES[side],
                f"{ms:.1f}",
                f"{ms / base:.3f}" if base else "",
                f"{100 * first.rested_frac:.0f} %" if first.clip_s else "",
                str(first.wakes) if first.clip_s else "",
                f"{max(r.private_bytes for r in readings) / 1e6:.0f} MB" if first.clip_s else "",
                str(len(first.keyframes)) if first.clip_s else "",
            )
        )
    auto = bench.readings["auto"][0]
    missed, added = bench.missed(), bench.added()
    return (
        Table(
            f"{bench.clip.name}, {bench.clip_s:.0f} s, {len(bench.readings['auto'])} rounds, "
            f"{platform.machine()}, {usable_cores()} cores",
            ("side", "CPU ms/s", "to ffmpeg", "left out", "wakes", "private", "keyframes"),
            tuple(rows),
            "user and system time per second of the clip; left out: pictures not decoded",
        ),
        Table(
            f"Keyframes of auto against all, within {NEAR_S} s",
            (),
            (
                ("missed", ", ".join(f"{t:.1f}" for t in missed) or "none"),
                ("added", ", ".join(f"{t:.1f}" for t in added) or "none"),
                *((("never at rest", auto.reason),) if auto.reason else ()),
            ),
        ),
        on_demand.as_table(bench.on_demand),
    )


def as_document(bench: CaptureBench) -> dict[str, object]:
    """The report as one JSON object."""
    return {
        "schema": "edge.bench.capture/1",
        "clip": str(bench.clip),
        "clip_s": round(bench.clip_s, 3),
        "sides": {
            side: {
                "cpu_ms_per_s": round(bench.ms_per_s(side), 3),
                "runs_ms_per_s": [round(1e3 * r.cpu_s / bench.clip_s, 3) for r in readings],
                "left_out": round(readings[0].rested_frac, 4),
                "wakes": readings[0].wakes,
                "private_bytes": max(r.private_bytes for r in readings),
                "keyframes": [[round(t, 3), trigger] for t, trigger in readings[0].keyframes],
            }
            for side, readings in bench.readings.items()
        },
        "missed": bench.missed(),
        "added": bench.added(),
        "reason": bench.readings["auto"][0].reason,
        "on_demand": on_demand.as_document(bench.on_demand),
    }


_TITLES = {
    "auto": "edge, decode: auto",
    "all": "edge, decode: all",
    "ffmpeg": f"ffmpeg to {FFMPEG_FPS} fps {FFMPEG_SIZE[0]}x{FFMPEG_SIZE[1]}",
}


def _unmatched(some: Reading, others: Reading) -> list[float]:
    times = [t for t, _ in others.keyframes]
    return [t for t, _ in some.keyframes if not any(abs(t - o) <= NEAR_S for o in times)]


def _in_a_process(side: str, clip: Path) -> Reading:
    ours, theirs = _context.Pipe()
    process = _context.Process(target=_side, args=(theirs, side, clip), daemon=True)
    process.start()
    theirs.close()
    try:
        outcome = ours.recv()
    except EOFError:
        outcome = "its process died"
    finally:
        process.join()
    if not isinstance(outcome, Reading):
        raise CaptureError(f"{clip}: {_TITLES[side]}: {outcome}")
    return outcome


def _side(pipe: Connection[Any, Any], side: str, clip: Path) -> None:
    """Process body."""
    try:
        pipe.send(_read_with_ffmpeg(clip) if side == "ffmpeg" else _read(clip, side))  # type: ignore[arg-type]
    except (EdgeError, OSError) as error:
        pipe.send(str(error))


def _read(clip: Path, decode: Decode) -> Reading:
    name = clip.name
    settings = SourceSettings(name, str(clip.absolute()), realtime=False, decode=decode)
    attention = Attention(SamplerSettings(name, keep_before=False))
    keyframes = []
    private_bytes = num_frames = 0
    end_s = 0.0
    started_s = _used_s(resource.RUSAGE_SELF)
    with open_source(settings, watcher=attention) as source:
        try:
            for frame in source.frames():
                end_s = frame.pts_s
                num_frames += 1
                keyframes += attention.sampler.step(frame)
                if num_frames % MEMORY_EVERY == 0:
                    private_bytes = max(private_bytes, _private_bytes())
        except SourceEnded:
            keyframes += attention.sampler.flush()
        facts = source.facts
    count = facts.counters
    return Reading(
        cpu_s=_used_s(resource.RUSAGE_SELF) - started_s,
        clip_s=max(end_s, 0.001),
        rested_frac=count.left_out / max(1, count.seen),
        wakes=count.wakes,
        private_bytes=max(private_bytes, _private_bytes()),
        keyframes=tuple((k.pts_s, k.trigger) for k in keyframes),
        reason=facts.reason,
    )


def _read_with_ffmpeg(clip: Path) -> Reading:
    """As Frigate runs it for its detector: two threads, raw pictures through a pipe."""
    width, height = FFMPEG_SIZE
    words = ["ffmpeg", "-nostdin", "-hide_banner", "-loglevel", "error", "-threads", "2"]
    words += ["-i", str(clip), "-an", "-r", str(FFMPEG_FPS)]
    words += ["-vf", f"fps={FFMPEG_FPS},scale={width}:{height}"]
    words += ["-threads", "2", "-f", "rawvideo", "-pix_fmt", "yuv420p", "pipe:"]
    num_bytes = width * height * 3 // 2
    started_s = _used_s(resource.RUSAGE_CHILDREN)
    with subprocess.Popen(words, stdout=subprocess.PIPE, bufsize=4 * num_bytes) as process:
        while process.stdout and len(process.stdout.read(num_bytes)) == num_bytes:
            pass
    if process.returncode != 0:
        raise OSError(f"ffmpeg ended with {process.returncode}")
    return Reading(cpu_s=_used_s(resource.RUSAGE_CHILDREN) - started_s)


def _used_s(who: int) -> float:
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


def _private_bytes() -> int:
    lines = Path("/proc/self/smaps_rollup").read_text(encoding="ascii").splitlines()
    return 1024 * sum(int(line.split()[1]) for line in lines if line.startswith("Private"))
