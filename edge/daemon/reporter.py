"""Turns what happened into findings and hands them to the store, then to the broker.

A finding is on disk together with its outbox row before anything is published. While the disk
refuses (full, read-only) findings wait here in order, up to a bound, and are written once it works.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Mapping

from edge.errors import StoreError
from edge.findings import (
    Finding,
    FindingType,
    FrameReport,
    ModelReport,
    TimingReport,
    TriggerReport,
    ViewReport,
    new_finding_id,
    rfc3339,
)
from edge.frames import Keyframe
from edge.mqtt.publisher import Publisher
from edge.questions import ModelInfo, Timing, View
from edge.store.database import Store
from edge.store.outbox import OutboxMessage

log = logging.getLogger(__name__)

MAX_UNWRITTEN = 2000  # finding messages held in memory while the disk refuses; about 4 MB
FLUSH_AT_ONCE = 50  # written in one go: 20 ms each on a slow card, and the main loop waits


class Reporter:
    """Opens, updates and ends findings."""

    def __init__(self, node: str, store: Store, publisher: Publisher) -> None:
        self.dropped = 0  # finding messages lost because the disk refused for too long
        self._node = node
        self._store = store
        self._publisher = publisher
        self._open: dict[str, Finding] = {}
        self._unwritten: deque[Finding] = deque()
        self._disk_refuses = False
        self.on_written: Callable[[Finding], None] = lambda _: None

    def speak_through(self, publisher: Publisher, node: str) -> None:
        """Use another publisher and node name from now on."""
        self._publisher = publisher
        self._node = node

    def open(self, keyframe: Keyframe, *, snapshot: bool) -> Finding:
        """Publish `new` for a keyframe; the returned finding's id stays until its end."""
        finding_id = new_finding_id()
        finding = Finding(
            id=finding_id,
            seq=0,
            type="new",
            node=self._node,
            camera=keyframe.camera,
            time=rfc3339(keyframe.captured_at),
            ts=keyframe.captured_at.timestamp(),
            trigger=TriggerReport(
                kind=keyframe.trigger,
                phase=keyframe.phase,
                score=round(keyframe.score, 3),
                boxes=[_rounded(box.as_tuple()) for box in keyframe.boxes],
                detail=keyframe.detail,
            ),
            zones=list(keyframe.zones),
            frame=FrameReport(
                width=keyframe.width_px,
                height=keyframe.height_px,
                sharpness=round(keyframe.sharpness, 1),
                quality=round(keyframe.quality, 2),
                snapshot=finding_id if snapshot else None,
            ),
        )
        self._open[finding_id] = finding
        self._write(finding)
        return finding

    def update(self, finding_id: str, changes: Mapping[str, object]) -> None:
        """Publish `update` with some fields changed."""
        self._open[finding_id] = self._next(finding_id, "update", changes)
        self._write(self._open[finding_id])

    def end(self, finding_id: str, changes: Mapping[str, object]) -> Finding:
        """Publish `end`; the finding is final and becomes the camera's `last`."""
        finding = self._next(finding_id, "end", changes)
        del self._open[finding_id]
        self._write(finding)
        return finding

    def without_snapshot(self, finding_id: str) -> None:
        """A snapshot could not be kept: what is still to be said of its finding says so."""
        if (finding := self._open.get(finding_id)) is not None:
            frame = finding.frame.model_copy(update={"snapshot": None})
            self._open[finding_id] = finding.model_copy(update={"frame": frame})

    @property
    def num_unwritten(self) -> int:
        """Messages that wait in memory because the disk refuses them."""
        return len(self._unwritten)

    def end_abandoned(self) -> int:
        """End the findings that an earlier run of the daemon left open; how many there were."""
        abandoned = self._store.open_findings()
        for finding in abandoned:
            self._open[finding.id] = finding
            self.end(
                finding.id,
                {"status": "analysis_failed", "reason": "the daemon stopped before its analysis"},
            )
        return len(abandoned)

    def flush(self) -> None:
        """Write some of what waits, in order; stops quietly at the first refusal."""
        for _ in range(min(FLUSH_AT_ONCE, len(self._unwritten))):
            finding = self._unwritten[0]
            try:
                written = self._record(finding)
            except StoreError as error:
                if not self._disk_refuses:
                    log.error("%s; findings wait in memory", error)
                self._disk_refuses = True
                return
            self._unwritten.popleft()
            self.on_written(written)
            if self._disk_refuses:
                log.warning("the store works again; %d findings were lost so far", self.dropped)
                self._disk_refuses = False
            # Of a camera that was removed meanwhile nothing is kept at the broker.
            if written.type == "end" and self._publisher.has_camera(written.camera):
                self._publisher.publish_state(
                    self._publisher.topics.last(written.camera), written.model_dump_json().encode()
                )

    def flush_all(self, timeout_s: float) -> int:
        """Write all that waits, as far as the disk and the time allow; how many are left."""
        until_mono_s = time.monotonic() + timeout_s
        before = -1
        while len(self._unwritten) not in (0, before) and time.monotonic() < until_mono_s:
            before = len(self._unwritten)
            self.flush()
        return len(self._unwritten)

    def _write(self, finding: Finding) -> None:
        self._unwritten.append(finding)
        if len(self._unwritten) > MAX_UNWRITTEN:
            lost = self._unwritten.popleft()
            if not self.dropped:
                log.error("%s: a finding is lost, %d wait already", lost.camera, MAX_UNWRITTEN)
            self.dropped += 1
        self.flush()

    def _record(self, finding: Finding) -> Finding:
        numbered = finding.model_copy(update={"seq": self._store.next_seq(finding.camera)})
        message = OutboxMessage(
            camera=finding.camera,
            topic=self._publisher.topics.finding(finding.camera),
            payload=numbered.model_dump_json().encode(),
        )
        self._store.record(numbered, [message])
        return numbered

    def _next(self, finding_id: str, kind: FindingType, changes: Mapping[str, object]) -> Finding:
        before = self._open[finding_id].model_dump()
        return Finding.model_validate({**before, **changes, "type": kind})


def timing_report(queue_ms: float, timings: list[Timing]) -> TimingReport:
    """The sum of an analysis's parts, rounded for reading."""
    return TimingReport(
        queue_ms=round(queue_ms, 1),
        vision_ms=round(sum(t.vision_ms for t in timings), 1),
        prefill_ms=round(sum(t.prefill_ms for t in timings), 1),
        decode_ms=round(sum(t.decode_ms for t in timings), 1),
        total_ms=round(sum(t.total_ms for t in timings), 1),
        prompt_tokens=sum(t.prompt_tokens for t in timings),
        output_tokens=sum(t.output_tokens for t in timings),
    )


def view_report(view: View) -> ViewReport:
    """What the model was shown, for publication."""
    return ViewReport(
        box=_rounded(view.box.as_tuple()),
        width=view.width_px,
        height=view.height_px,
        overview=view.is_overview,
    )


def _rounded(
    box: tuple[float, float, float, float],
) -> tuple[float, float, float, float]:
    x1, y1, x2, y2 = (round(value, 4) for value in box)
    return x1, y1, x2, y2


def model_report(info: ModelInfo | None) -> ModelReport | None:
    """The model as findings name it."""
    if info is None:
        return None
    return ModelReport(
        name=info.name,
        precision=info.precision,
        demonstration=info.demonstration,
        engine=info.engine,
        answers=info.answers,
    )
