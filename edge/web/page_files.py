"""The page's files, read once: HTML, style sheets and modules, without any build step.

They are served below an edition, a digest of them all, so that browsers may keep them for ever and
never mix two versions. They hold no secret: whoever is not logged in sees a login.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent / "page"
INDEX = "index.html"

_MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class PageFile:
    """One file as it is sent."""

    data: bytes
    media_type: str


@dataclass(frozen=True, slots=True)
class PageFiles:
    """All of them by name; `index` has the edition filled in."""

    edition: str
    index: bytes
    files: Mapping[str, PageFile]


def load_page_files(folder: Path = FOLDER) -> PageFiles:
    """Read the page; raises OSError if it is not there."""
    files = {
        path.name: PageFile(path.read_bytes(), _MEDIA_TYPES[path.suffix])
        for path in sorted(folder.iterdir())
        if path.suffix in _MEDIA_TYPES
    }
    index = (folder / INDEX).read_text("utf-8")
    digest = hashlib.sha256(index.encode())
    for name, file in files.items():
        digest.update(f"{name} {len(file.data)} ".encode() + file.data)
    edition = digest.hexdigest()[:16]
    # modules name each other only once they are read: told at once, they are fetched at once
    modules = "\n    ".join(
        f'<link rel="modulepreload" href="/page/{edition}/{name}">'
        for name in files
        if name.endswith(".js")
    )
    index = index.replace("<!-- MODULES -->", modules).replace("EDITION", edition)
    return PageFiles(edition, index.encode(), files)
