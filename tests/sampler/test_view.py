"""The pictures derived from a frame's luma."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from edge.sampler.view import area_means


@pytest.mark.parametrize(
    ("size_px", "cells"),
    [((160, 90), (6, 4)), ((160, 90), (40, 22)), ((160, 120), (40, 30)), ((178, 100), (6, 4))],
)
def test_area_means_are_those_of_opencv(size_px: tuple[int, int], cells: tuple[int, int]) -> None:
    width, height = size_px
    picture = np.random.default_rng(7).uniform(0, 255, (height, width)).astype(np.float32)
    means = area_means(picture, cells)
    assert means.shape == (cells[1], cells[0])
    assert means.dtype == np.float32
    assert np.allclose(means, cv2.resize(picture, cells, interpolation=cv2.INTER_AREA), atol=1e-3)


def test_area_means_of_fewer_pixels_than_cells() -> None:
    picture = np.full((1, 160), 3, np.float32)
    assert np.allclose(area_means(picture, (6, 4)), 3)
