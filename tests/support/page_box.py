"""What the page is shown in tests: drawn pictures, findings about them, answers by a script."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import cv2
import numpy as np

from edge.conversation import Picture, Piece, Turn, TurnResult
from edge.enhancement import EnhancedPicture, ShownPicture, Toned
from edge.errors import SessionGone
from edge.findings import (
    CaptureStats,
    Finding,
    FrameReport,
    ModelReport,
    RuleAttributes,
    TimingReport,
    TriggerReport,
    VerdictReport,
    ViewReport,
    rfc3339,
)
from edge.frames import Image
from edge.geometry import FULL
from edge.heatmap import AttentionMap
from edge.pace import Needs, RuleNeed
from edge.pictures import encode_jpeg
from edge.present import Present, RuleCost
from edge.store.database import Store
from tests.support.finding_samples import build_finding
from tests.support.web_box import WorkingDoor, build_present, script

CAMERAS = ("porch", "yard")
HOSTILE = "<img src=x onerror=alert(1)>"  # a name that must be shown and not obeyed
CAPTURE = CaptureStats(
    codec="h264",
    width=1280,
    height=720,
    stream_fps=15,
    gop_frames=30,
    gop_s=2.0,
    decode="idle",
    received=900,
    decoded=300,
    left_out=600,
    wakes=3,
    corrupt=0,
    lost=0,
    gaps=0,
    drained=0,
)


class SlowDoor(WorkingDoor):
    """Answers by the script; while `go_on` is not set, a reply waits after its first piece."""

    def __init__(self) -> None:
        super().__init__(self._talk)
        self.go_on = threading.Event()
        self.go_on.set()
        self.forgotten: set[str] = set()
        self.picture = draw_yard()
        self.present = _present()

    def _talk(
        self, turn: Turn, tell: Callable[[Piece], None], is_cancelled: Callable[[], bool]
    ) -> TurnResult:
        if turn.continues and turn.session in self.forgotten:
            raise SessionGone(f"session {turn.session} is not open any more")
        if turn.reply and not self.go_on.is_set():
            tell(Piece(turn.id, "", "It "))
            while not (self.go_on.wait(0.02) or is_cancelled()):
                pass
        result = script(turn, tell, is_cancelled)
        if turn.enhance:
            result = replace(result, enhanced=(_enhanced(turn),))
        if not turn.heatmap:
            return result
        cells = np.linspace(0, 1, 12 * 7, dtype=np.float32).reshape(7, 12) ** 4
        region = turn.messages[-1].parts[0].region if turn.messages else None
        box = region or FULL
        question = result.answers[0].question_id if result.answers else ""
        seen = AttentionMap(question, box, cells / cells.sum(), 0.4)
        return replace(result, attention=(seen,))


def _enhanced(turn: Turn) -> EnhancedPicture:
    """The turn's picture made brighter."""
    picture = turn.messages[-1].parts[0]
    assert isinstance(picture, Picture)
    image = picture.image
    if picture.region is not None:
        x1, y1, x2, y2 = picture.region.to_px(image.shape[1], image.shape[0])
        image = image[y1:y2, x1:x2]
    brighter = np.clip(image.astype(np.int16) + 60, 0, 255).astype(np.uint8)
    shown = ShownPicture(encode_jpeg(brighter, 85), image.shape[1], image.shape[0])
    return EnhancedPicture(0, (Toned("brighten", 0.31, 0.55),), (shown,))


def draw_yard(seed: int = 1) -> Image:
    """A house, a path and somebody on it, (720, 1280, 3) RGB."""
    rng = np.random.default_rng(seed)
    image = np.empty((720, 1280, 3), np.uint8)
    image[:380] = np.linspace((150, 190, 225), (215, 225, 235), 380)[:, None]
    image[380:] = np.linspace((120, 150, 95), (90, 120, 75), 340)[:, None]
    cv2.rectangle(image, (120, 170), (620, 470), (196, 172, 148), -1)
    cv2.fillPoly(image, [np.array([(90, 175), (370, 60), (650, 175)])], (140, 84, 70))
    cv2.rectangle(image, (320, 300), (420, 470), (92, 66, 52), -1)
    cv2.fillPoly(
        image, [np.array([(300, 470), (440, 470), (640, 719), (260, 719)])], (176, 168, 156)
    )
    x = int(rng.integers(700, 1000))
    cv2.ellipse(image, (x, 480), (42, 110), 0, 0, 360, (46, 84, 150), -1)
    cv2.circle(image, (x, 345), 34, (222, 180, 150), -1)
    return image


def fill_store(store: Store, number: int = 8) -> None:
    """Findings of the last hour, the latest a minute ago; each has a picture."""
    now = datetime.now(UTC).timestamp()
    for n in range(number):
        record(store, n, ts=now - 60 * (number - n))


def record(store: Store, n: int, ts: float, **fields: object) -> Finding:
    """Finding number `n` with all that a finding may have."""
    camera = CAMERAS[n % len(CAMERAS)]
    probability = (0.93, 0.12, 0.55)[n % 3]
    word = ("yes", "no", "unsure")[n % 3]
    answer = "no" if word == "no" else "yes"
    given = {
        "trigger": TriggerReport(kind="motion", score=0.6, boxes=[(0.53, 0.42, 0.8, 0.85)]),
        "frame": FrameReport(width=1280, height=720, sharpness=120.0),
        "verdicts": [
            VerdictReport(
                rule="person",
                answer=answer,
                probability=max(probability, 1 - probability),
                probabilities={"yes": probability, "no": round(1 - probability, 4)},
                verdict=word,
                state="on" if word == "yes" else "off",
                changed=n % 3 == 0,
                alert=n % 6 == 0,
            )
        ],
        "summary": f"A person in a blue coat walks up the path with parcel number {n}.",
        "objects": ["person", "house", "path", HOSTILE],
        "texts": ["No. 7"],
        "spatial_relations": ["the person stands right of the house"],
        "severity": n % 3,
        "views": [ViewReport(box=(0.45, 0.3, 0.9, 1.0), width=448, height=256)],
        "model": ModelReport(name="demo", precision="int8", demonstration=True),
        "timing": TimingReport(
            queue_ms=120, vision_ms=240, prefill_ms=410, decode_ms=180, total_ms=830,
            prompt_tokens=210, output_tokens=24,
        ),
        "reused": n % 4 == 2,
    }  # fmt: skip
    finding = build_finding(camera, store.next_seq(camera), "end", ts=ts, **(given | fields))
    snapshot = store.snapshots.save(finding.id, draw_yard(n))
    finding = finding.model_copy(
        update={"frame": finding.frame.model_copy(update={"snapshot": snapshot})}
    )
    store.record(finding, [])
    return finding


def _present() -> Present:
    present = build_present(CAMERAS)
    cameras = {
        name: one.model_copy(update={"capture": CAPTURE})
        for name, one in present.stats.cameras.items()
    }
    since = rfc3339(datetime.now(UTC))
    states = (
        RuleAttributes(
            rule="person", camera="porch", state="on", since=since, answer="yes",
            probability=0.93, verdict="yes", severity=1,
        ),
        RuleAttributes(rule="person", camera="yard", state="unknown", since=None),
    )  # fmt: skip
    rule = replace(present.rules[0], states=states)
    stats = present.stats.model_copy(update={"cameras": cameras})
    return replace(
        present,
        stats=stats,
        rules=(rule,),
        costs=(RuleCost("person", 2, 1600.0),),
        needs=Needs(1200.0, 60.0, 72_000.0, (RuleNeed("person", 600.0, 72_000.0),)),
    )
