"""Findings and outbox messages to store, publish and read back in tests."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

from edge.findings import Finding, FindingType, FrameReport, TriggerReport, new_finding_id
from edge.store.outbox import OutboxMessage


def build_finding(
    camera: str,
    seq: int,
    kind: FindingType = "new",
    finding_id: str | None = None,
    ts: float | None = None,
    **fields: Any,
) -> Finding:
    """A plain motion finding; `fields` replace any of its other fields."""
    ts = time.time() if ts is None else ts
    given: dict[str, Any] = {
        "id": finding_id or new_finding_id(),
        "seq": seq,
        "type": kind,
        "node": "box",
        "camera": camera,
        "time": datetime.fromtimestamp(ts, UTC).isoformat(),
        "ts": ts,
        "trigger": TriggerReport(kind="motion", score=0.5, boxes=[(0.1, 0.1, 0.5, 0.5)]),
        "zones": ["step"],
        "frame": FrameReport(width=1920, height=1080, sharpness=120.0),
    }
    return Finding.model_validate({**given, **fields})


def build_messages(finding: Finding, num_messages: int = 1) -> list[OutboxMessage]:
    """The finding's own message, and states beside it."""
    base = f"edge/{finding.node}/{finding.camera}"
    payload = finding.model_dump_json().encode()
    return [
        OutboxMessage(finding.camera, f"{base}/finding", payload),
        *(
            OutboxMessage(finding.camera, f"{base}/rule/rule{i}", b"ON", retain=True)
            for i in range(num_messages - 1)
        ),
    ]
