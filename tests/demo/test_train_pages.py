"""Pages of letters: what the labels say is printed there."""

from __future__ import annotations

import importlib.util

import cv2
import numpy as np
import pytest

if importlib.util.find_spec("torch") is None:
    pytest.skip("torch is not installed (extra `train`)", allow_module_level=True)

from edge.demo.train import pages
from edge.demo.train.dims import TOKEN_PX
from edge.demo.train.labels import ALPHABET


def page_batch(seed: int, level: float) -> list[pages.Page]:
    return pages.Pages((seed,)).batch(level)


@pytest.mark.parametrize("level", [0.0, 0.4, 1.0])
def test_pages_are_full_of_letters_of_every_kind(level: float):
    mill = pages.Pages((3,))
    found = [page for _ in range(12) for page in mill.batch(level)]
    letters = np.concatenate([page.letters[page.letters > 0] for page in found])
    assert len(letters) / len(found) > 15
    assert set(letters) == set(range(1, len(ALPHABET) + 1))


def test_at_first_each_letter_is_in_the_middle_of_a_token():
    for page in page_batch(3, 0.0):
        assert not page.letters[:, [0, 3]].any()


def test_the_same_seed_gives_the_same_pages():
    first, again, other = (page_batch(seed, 0.7) for seed in (5, 5, 6))
    assert all(np.array_equal(a.picture, b.picture) for a, b in zip(first, again, strict=True))
    assert all(np.array_equal(a.letters, b.letters) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[0].picture, other[0].picture)


@pytest.mark.parametrize("level", [0.0, 1.0])
def test_letters_are_where_the_labels_say(level: float):
    """In a token with a letter there is more to see than in one that is plain paper."""
    with_letters, without = [], []
    for page in page_batch(4, level):
        grey = cv2.GaussianBlur(cv2.cvtColor(page.picture, cv2.COLOR_RGB2GRAY), (0, 0), 1.0)
        grey = grey / grey.mean()
        for cell, slots in enumerate(page.letters):
            y, x = cell // pages.COLUMNS * TOKEN_PX, cell % pages.COLUMNS * TOKEN_PX
            spread = grey[y : y + TOKEN_PX, x : x + TOKEN_PX].std()
            (with_letters if slots.any() else without).append(spread)
    assert np.median(with_letters) > 3 * np.median(without)
