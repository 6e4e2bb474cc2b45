"""Pixels: colour matrix and range, rotation, luma."""

from pathlib import Path

import av
import numpy as np
import pytest

from edge.capture.picture import LumaScaler, read_rgb
from edge.capture.settings import SourceSettings
from edge.capture.source import open_source
from tests.support.clips import encode_clip

COLORS = ((200, 30, 30), (30, 200, 30), (30, 30, 200), (230, 230, 230), (20, 20, 20))
BT709, BT601, LIMITED, FULL = 1, 6, 1, 2


def bars(width_px: int, height_px: int) -> np.ndarray:
    image = np.zeros((height_px, width_px, 3), np.uint8)
    for index, color in enumerate(COLORS):
        image[:, index * width_px // 5 : (index + 1) * width_px // 5] = color
    return image


def centres(image: np.ndarray) -> np.ndarray:
    height_px, width_px = image.shape[:2]
    return np.array([image[height_px // 2, (2 * i + 1) * width_px // 10] for i in range(5)])


@pytest.mark.parametrize("matrix", [BT709, BT601], ids=["709", "601"])
@pytest.mark.parametrize("color_range", [LIMITED, FULL], ids=["limited", "full"])
def test_colours_by_the_streams_matrix_and_range(
    tmp_path: Path, matrix: int, color_range: int
) -> None:
    path = encode_clip(
        tmp_path / "bars.mp4",
        [(0.0, bars(320, 64))],
        color=(matrix, color_range),
        options={"qp": "2"},
    )
    with open_source(SourceSettings("c", str(path), realtime=False)) as source:
        frame = next(source.frames())
    assert np.abs(centres(frame.image()).astype(int) - COLORS).max() <= 6
    # Luma is full range whatever the stream's is: white and black keep their distance.
    assert int(frame.luma[32, 32 * 7]) == pytest.approx(230, abs=4)
    assert int(frame.luma[32, 32 * 9]) == pytest.approx(20, abs=4)


@pytest.mark.parametrize(("size", "matrix"), [((1280, 720), BT709), ((640, 360), BT601)])
def test_untagged_video_is_709_in_hd_and_601_below(size: tuple[int, int], matrix: int) -> None:
    rgb = av.VideoFrame.from_ndarray(bars(*size), format="rgb24")
    picture = rgb.reformat(
        format="yuv420p", src_color_range=FULL, dst_colorspace=matrix, dst_color_range=LIMITED
    )
    picture.colorspace, picture.color_range = 2, 0
    assert np.abs(centres(read_rgb(picture)).astype(int) - COLORS).max() <= 6


@pytest.mark.parametrize("rotation", [0, 90, 180, -90])
def test_rotation_is_honoured(tmp_path: Path, rotation: int) -> None:
    image = np.full((96, 128, 3), 40, np.uint8)
    image[:32, :32] = 220  # a mark in the upper left corner
    path = encode_clip(tmp_path / "turned.mp4", [(0.0, image)], rotation=rotation)
    with open_source(SourceSettings("c", str(path), realtime=False)) as source:
        frame = next(source.frames())
    wanted = np.rot90(image, rotation // 90 % 4)
    assert (frame.height_px, frame.width_px) == wanted.shape[:2]
    assert frame.luma.shape == wanted.shape[:2]
    assert np.abs(frame.image().astype(int) - wanted).mean() < 6
    assert np.abs(frame.luma.astype(int) - wanted[..., 0]).mean() < 6


@pytest.mark.parametrize(
    "pix_fmt", ["yuv420p", "yuv422p", "yuv444p", "nv12", "gray", "yuv420p10le"]
)
def test_luma_of_usual_pixel_formats(pix_fmt: str) -> None:
    picture = av.VideoFrame.from_ndarray(bars(640, 480), format="rgb24").reformat(format=pix_fmt)
    luma = LumaScaler().scale(picture)
    assert (luma.shape, luma.dtype) == ((240, 320), np.uint8)
    assert int(luma[120, 32 * 7]) == pytest.approx(230, abs=4)
    assert int(luma[120, 32 * 9]) == pytest.approx(20, abs=4)


def test_an_extreme_shape_keeps_at_least_one_row() -> None:
    picture = av.VideoFrame(8192, 16, "yuv420p")
    assert LumaScaler().scale(picture).shape == (1, 320)
