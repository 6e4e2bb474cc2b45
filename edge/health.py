"""How the box itself is doing, as published: its disk, and the strain its machine is under.

Parts of the statistics document. Plain values; who measures them is the daemon's business.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from edge.document import Document

Trouble = Literal["disk_low", "disk_full", "throttled", "swapping"]


class DiskStats(Document):
    """The disk that holds the store."""

    state: Literal["ok", "low", "full"] = Field(
        description="low: less is free than `store.min_free` and nothing is left to delete but "
        "what is not delivered; full: a write was refused, findings go into a reserve and no "
        "snapshots are kept until there is space"
    )
    free_bytes: int
    floor_bytes: int = Field(description="what is to be free")
    reserve: bool = Field(description="whether there is a reserve for findings on a full disk")
    unwritten: int = Field(
        description="messages about findings that wait in memory because the disk refuses them"
    )
    lost: int = Field(description="messages about findings for which there was no memory either")
    snapshots_dropped: int = Field(
        description="snapshots that were not kept: a full, slow or broken disk"
    )


class StrainStats(Document):
    """Whether the machine runs slower than it could. Null where the kernel does not tell."""

    throttled: bool = Field(description="slowed down because of heat in the last minutes")
    throttle_events: int | None = Field(
        description="times that heat slowed a core or the processor down since the daemon started"
    )
    frequency_mhz: float | None = Field(description="the fastest core's, now")
    frequency_limit_mhz: float | None = Field(description="how far the cores may go now")
    frequency_max_mhz: float | None = Field(description="how far the processor could go")
    swapping: bool = Field(description="memory is short: pages go to and from the disk")
    swap_in_bytes_s: float | None = Field(description="over the last minute or so")
    swap_out_bytes_s: float | None = None
    memory_pressure: Annotated[float, Field(ge=0, le=1)] | None = Field(
        default=None, description="share of the last minute in which something waited for memory"
    )
