from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.store.database import Store, open_store
from edge.store.settings import StoreSettings
from tests.support.small_disk import mounted_disk


@pytest.fixture
def settings(tmp_path: Path) -> StoreSettings:
    return StoreSettings(folder=tmp_path / "store")


@pytest.fixture
def store(settings: StoreSettings) -> Iterator[Store]:
    with open_store(settings) as opened:
        yield opened


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 3 MB of its own."""
    with mounted_disk(tmp_path / "disk", 3) as place:
        yield place
