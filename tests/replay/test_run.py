"""A run over one clip: with pictures and without them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edge.replay.run import Replay, plain_plan
from tests.support.clips import Walk, encode_clip, moving_scene


def test_without_pictures_the_keyframes_are_the_same_but_black(tmp_path: Path) -> None:
    scene = moving_scene(8, [Walk(3.0, 6.0)], size=(320, 180))
    plan = plain_plan(encode_clip(tmp_path / "walk.mp4", scene))
    full = list(Replay(plan).keyframes())
    bare = list(Replay(plan, with_pictures=False).keyframes())
    assert full
    assert [(k.pts_s, k.phase, k.boxes, k.quality) for k in bare] == [
        (k.pts_s, k.phase, k.boxes, k.quality) for k in full
    ]
    for keyframe in bare:
        assert keyframe.image.shape == (180, 320, 3)
        assert not keyframe.image.any()
        assert keyframe.before is None or not keyframe.before.any()
    assert all(np.ptp(k.image) > 100 for k in full)
