"""Clock and Arrival: the times that capture stamps and waits by. Tests give their own clock."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Clock:
    """`mono_s` is the monotonic clock, `utc` the aware wall clock, `sleep` blocks for seconds."""

    mono_s: Callable[[], float] = time.monotonic
    utc: Callable[[], datetime] = _utc_now
    sleep: Callable[[float], None] = time.sleep


@dataclass(frozen=True, slots=True)
class Arrival:
    """When a packet was received, by both clocks."""

    mono_s: float
    at: datetime
