"""The unit's text: as it is shipped, for another program or configuration, and with its mark.

Pure but for reading the shipped text. The mark tells a unit that we wrote from one that a person
has changed, which is never overwritten.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

from edge.service.places import PROGRAM

SHIPPED: Final = Path(__file__).with_name("edge.service")
START: Final = Path(__file__).with_name("start.yaml")
ACCOUNTS: Final = """\
u edge - "Edge keyframe analyzer" /var/lib/edge /usr/sbin/nologin
m edge video
m edge render
"""
_MARK: Final = "# Written by `edge service install`; changes belong into `systemctl edit edge`. "


def build_unit(program: Path = PROGRAM) -> str:
    """The unit that runs `program`, an absolute path."""
    return SHIPPED.read_text(encoding="utf-8").replace(str(PROGRAM), str(program))


def marked(text: str) -> str:
    """`text` with a last line that tells whether it was changed since."""
    return f"{text}{_MARK}{_digest(text)}\n"


def is_our_own(text: str) -> bool:
    """Whether a unit is as we wrote it, in this version or another."""
    body, _, digest = text.rpartition(_MARK)
    return bool(body) and digest.strip() == _digest(body)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
