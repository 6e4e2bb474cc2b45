"""The sampler on real clips with hand-made ground truth, where those are present."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from edge.frames import LUMA_WIDTH_PX, Frame, Keyframe
from edge.sampler.sampler import Sampler
from edge.sampler.settings import SamplerSettings

DATA = Path(__file__).parents[2].parent / "shared" / "data"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def keyframes_of(path: Path, until_s: float) -> list[Keyframe]:
    """The sampler over a clip at 5 pictures a second."""
    sampler = Sampler(SamplerSettings("clip"))
    chosen: list[Keyframe] = []
    slot = -1
    with av.open(str(path)) as container:
        for seq, picture in enumerate(container.decode(video=0)):
            t = float(picture.time)
            if t > until_s:
                break
            if int(t * 5 + 1e-6) <= slot:
                continue
            slot = int(t * 5 + 1e-6)
            plane = picture.planes[0]
            full = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
            width = min(LUMA_WIDTH_PX, picture.width)
            size = (width, round(picture.height * width / picture.width))
            luma = cv2.resize(
                full[: picture.height, : picture.width], size, interpolation=cv2.INTER_AREA
            )
            frame = Frame(
                camera="clip",
                luma=luma,
                width_px=picture.width,
                height_px=picture.height,
                pts_s=t,
                mono_s=t,
                captured_at=NOW,
                seq=seq,
                is_iframe=picture.key_frame,
                after_gap=seq == 0,
                read_image=lambda picture=picture: picture.to_ndarray(format="rgb24"),
            )
            chosen += sampler.step(frame)
    return chosen + sampler.flush()


@pytest.mark.parametrize(
    ("name", "until_s"),
    [
        ("intel_one-by-one-person-detection", 60.0),
        ("intel_car-detection", 31.0),
        ("frigate_test_motion_video-1", 60.0),
    ],
)
def test_every_sure_event_gives_a_keyframe_and_quiet_none(name: str, until_s: float) -> None:
    truth_path = DATA / "groundtruth" / f"{name}.json"
    if not truth_path.is_file():
        pytest.skip(f"no annotated clip {name} beside the repository")
    truth = json.loads(truth_path.read_text())
    keyframes = keyframes_of(DATA / truth["video"], until_s)
    times = [k.pts_s for k in keyframes]
    assert all(k.trigger == "motion" for k in keyframes), "no cut, nobody has touched the camera"
    for event in truth["events"]:
        reach_s = event["t_end"] + max(event["tolerance"], 0.5)
        if event["category"] == "light_on" or reach_s > until_s:
            continue
        assert any(event["t_start"] - event["tolerance"] <= t <= reach_s for t in times), event
    for quiet in truth["quiet_intervals"]:
        false = [t for t in times if quiet["t_start"] <= t <= quiet["t_end"]]
        assert false == [], quiet
    assert len(keyframes) * 3600 / until_s < 1700, "a person would choose few"
    for keyframe in keyframes:
        assert keyframe.before is None or keyframe.before.shape == keyframe.image.shape
