"""Places: where the service's files are, on this machine or below the root of an image."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

UNIT_NAME: Final = "edge.service"
USER: Final = "edge"
PROGRAM: Final = Path("/opt/edge/venv/bin/edge")  # in the unit as it is shipped


@dataclass(frozen=True, slots=True)
class Places:
    """Paths in the tree that begins at `root`."""

    root: Path = Path("/")

    def inside(self, path: str) -> Path:
        """The place of an absolute path of the system in this tree."""
        return self.root / path.lstrip("/")

    @property
    def is_this_machine(self) -> bool:
        """Whether it is the running system's own tree."""
        return self.root.resolve() == Path("/")

    @property
    def config(self) -> Path:
        """The configuration."""
        return self.inside("/etc/edge/edge.yaml")

    @property
    def state(self) -> Path:
        """The store's folder, and the user's home."""
        return self.inside("/var/lib/edge")

    @property
    def unit(self) -> Path:
        """Where `edge service install` writes the unit."""
        return self.inside(f"/etc/systemd/system/{UNIT_NAME}")

    @property
    def packaged_unit(self) -> Path:
        """Where the Debian package has it."""
        return self.inside(f"/usr/lib/systemd/system/{UNIT_NAME}")

    @property
    def enabled(self) -> Path:
        """The link that makes systemd start it with the machine."""
        return self.inside(f"/etc/systemd/system/multi-user.target.wants/{UNIT_NAME}")

    @property
    def accounts(self) -> Path:
        """What systemd-sysusers is told."""
        return self.inside("/etc/sysusers.d/edge.conf")
