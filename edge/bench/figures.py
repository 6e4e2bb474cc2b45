"""What is measured: one run, a start, memory; and how many runs become one figure.

Plain values that cross the pipe from a side's process. Times are wall-clock seconds.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Sample:
    """One run of one case.

    `first_token_s` and `tokens` of what was written are a writing engine's; `infer_s` is the time
    inside OpenVINO's inference calls, of which `num_infers` were made (0: could not be seen).
    `fed_px` is the size of the picture as the model was given it.
    """

    total_s: float
    fed_px: tuple[int, int]
    vision_s: float = 0.0
    prefill_s: float = 0.0
    decode_s: float = 0.0
    first_token_s: float = 0.0
    infer_s: float = 0.0
    num_infers: int = 0
    prompt_tokens: int = 0
    output_tokens: int = 0
    text: str = ""


@dataclass(frozen=True, slots=True)
class Start:
    """From the start of a process to its first answer. `first_answer_s` is that answer alone."""

    process_s: float  # until the engine's libraries are imported
    load_s: float
    self_test_s: float
    first_answer_s: float

    @property
    def total_s(self) -> float:
        """From the start of the process to the first answer."""
        return self.process_s + self.load_s + self.self_test_s + self.first_answer_s


@dataclass(frozen=True, slots=True)
class Memory:
    """Resident memory of a process: its own (anonymous), and pages of files (mapped weights)."""

    anonymous_bytes: int
    file_bytes: int


@dataclass(frozen=True, slots=True)
class Spread:
    """Many measurements of one thing: the median, and the quartiles as its spread."""

    median: float
    low: float
    high: float
    num: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """The spread of at least one value; of one or two, the ends are the extremes."""
        if len(values) < 3:
            return cls(statistics.median(values), min(values), max(values), len(values))
        low, median, high = statistics.quantiles(values, n=4, method="inclusive")
        return cls(median, low, high, len(values))


def read_memory(smaps_rollup: Path = Path("/proc/self/smaps_rollup")) -> Memory:
    """The memory of this process; Linux only. Raises OSError where the kernel does not tell."""
    sizes_kb: dict[str, int] = {}
    for line in smaps_rollup.read_text().splitlines()[1:]:
        name, _, rest = line.partition(":")
        sizes_kb[name] = int(rest.split()[0])
    anonymous = sizes_kb["Anonymous"] * 1024
    return Memory(anonymous, sizes_kb["Rss"] * 1024 - anonymous)
