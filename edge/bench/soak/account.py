"""What came of a soak: what the store has, what the subscriber heard, every sample. Pure."""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from edge.bench.soak.processes import Held
from edge.findings import KeyframeCounts, Stats

PARTS = ("analysed", "reused", "superseded", "stale", "failed", "waiting")
FLAT_FACTOR, FLAT_BYTES = 1.25, 24_000_000  # heaps find their size over the first minutes
FLAT_DESCRIPTORS = 4
MIN_SAMPLES = 12  # a third of fewer says nothing
MAX_SHOWN = 10
TRACEBACK = "Traceback (most recent call last)"


@dataclass
class Heard:
    """Findings as the subscriber hears them; after a broken connection one may come again."""

    messages: int = 0
    repeated: int = 0
    out_of_order: int = 0
    types: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    _seen: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))

    def take(self, finding_id: str, kind: str, camera: str, seq: int) -> None:
        """One message."""
        self.messages += 1
        seen = self._seen[camera]
        if seq in seen:
            self.repeated += 1
            return
        self.out_of_order += bool(seen) and seq < max(seen)
        seen.add(seq)
        self.types[finding_id].add(kind)

    @property
    def ended(self) -> set[str]:
        """The ids whose end was heard."""
        return {finding_id for finding_id, kinds in self.types.items() if "end" in kinds}

    @property
    def gaps(self) -> int:
        """Messages that are missing between the first and the last of each camera."""
        return sum(max(seen) - min(seen) + 1 - len(seen) for seen in self._seen.values() if seen)


def imbalances(stats: Stats) -> list[str]:
    """Where the account of keyframes does not add up."""
    accounts = {"box": stats.counts, **{n: c.counts for n, c in stats.cameras.items()}}
    return [f"{name}: {counts}" for name, counts in accounts.items() if not _adds_up(counts)]


def _adds_up(counts: KeyframeCounts) -> bool:
    parts = [getattr(counts, part) for part in PARTS]
    return bool(counts.keyframes == sum(parts) and min(parts) >= 0)


def tracebacks(log: str) -> Counter[str]:
    """How often each exception was logged with its traceback, by its last line."""
    found: Counter[str] = Counter()
    is_inside = False
    for line in log.splitlines():
        if line.startswith(TRACEBACK):
            is_inside = True
        elif is_inside and line and not line.startswith(" "):
            is_inside = False
            found[line] += 1
    return found


@dataclass(frozen=True, slots=True)
class Growth:
    """A kind of process over the soak: medians of the first and the last third of its samples."""

    name: str
    samples: int
    descriptors: tuple[float, float]
    threads: tuple[float, float]
    anonymous_mb: tuple[float, float]

    @property
    def is_flat(self) -> bool:
        """Whether it holds no more in the end than in the beginning; few samples say nothing."""
        if self.samples < MIN_SAMPLES:
            return True
        (fds, more_fds), (mb, more_mb) = self.descriptors, self.anonymous_mb
        return more_fds <= fds + FLAT_DESCRIPTORS and more_mb <= mb * FLAT_FACTOR + FLAT_BYTES / 1e6


def growth_of(name: str, held: list[Held]) -> Growth:
    """Of at least one sample, in the order of time."""
    third = max(1, len(held) // 3)
    first, last = held[:third], held[-third:]

    def medians(values: Iterable[float], later: Iterable[float]) -> tuple[float, float]:
        return round(statistics.median(values), 1), round(statistics.median(later), 1)

    return Growth(
        name,
        len(held),
        medians((h.descriptors for h in first), (h.descriptors for h in last)),
        medians((h.threads for h in first), (h.threads for h in last)),
        medians((h.anonymous_bytes / 1e6 for h in first), (h.anonymous_bytes / 1e6 for h in last)),
    )


@dataclass(frozen=True, slots=True)
class Soak:
    """The outcome. `left_out` are troubles that could not be made here, with the reason."""

    seed: int
    length_s: float
    disk_full_s: float
    broker_away_s: float
    kills: Mapping[str, int]
    starts: int
    ends_when_full: int  # the daemon ended by itself while the disk was full
    stored: int
    heard: Heard
    lost: tuple[str, ...]  # in the store, and the subscriber never heard of them
    unfinished: tuple[str, ...]  # in the store, and their end was never heard
    samples: int
    imbalances: tuple[str, ...]
    growths: tuple[Growth, ...]
    dropped: int  # unsent, by age, size or number, or never written
    tracebacks: Mapping[str, int]  # what they end with
    unasked_ends: int  # the daemon ended and nobody had killed it
    exit_status: int
    left_out: Mapping[str, str]

    def faults(self) -> list[str]:
        """What is wrong, in words; empty where nothing is."""
        found = {
            f"{len(self.lost)} findings of the store were never heard of": self.lost,
            f"{len(self.unfinished)} findings were never ended": self.unfinished,
            f"{self.heard.gaps} messages are missing between others": self.heard.gaps,
            f"{self.heard.out_of_order} messages came out of order": self.heard.out_of_order,
            f"{self.dropped} messages were dropped unsent": self.dropped,
            f"the account of keyframes was wrong: {self.imbalances[:3]}": self.imbalances,
            f"tracebacks are in the log: {dict(self.tracebacks)}": self.tracebacks,
            f"the daemon ended {self.unasked_ends} times by itself": self.unasked_ends,
            f"the daemon stopped with status {self.exit_status}": self.exit_status,
            "nothing was found at all": not self.stored,
            "no sample was taken": not self.samples,
        }
        grown = [f"{g.name} grew: {g}" for g in self.growths if not g.is_flat]
        return [words for words, is_so in found.items() if is_so] + grown
