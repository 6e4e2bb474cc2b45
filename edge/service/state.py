"""The service's state, as systemd tells it. Reads only."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edge.service.places import UNIT_NAME, Places

ANSWER_S: Final = 5.0
LAST_ERRORS: Final = 3
_PROPERTIES: Final = (
    "LoadState",
    "ActiveState",
    "Result",
    "NRestarts",
    "ExecMainStatus",
    "UnitFileState",
    "ActiveEnterTimestamp",
)


@dataclass(frozen=True, slots=True)
class ServiceState:
    """What `systemctl show` says. `since` is when it came up, "" if it has not."""

    is_installed: bool
    active: str
    result: str
    restarts: int
    exit_status: int
    is_enabled: bool
    since: str

    @property
    def is_active(self) -> bool:
        """Whether it runs, or is about to."""
        return self.active in ("active", "activating", "reloading")

    @property
    def has_failed(self) -> bool:
        """Whether it has ended in a way that systemd does not mend."""
        return self.active == "failed"


def is_systemd_running() -> bool:
    """Whether this machine was booted with systemd (sd_booted(3))."""
    return Path("/run/systemd/system").is_dir()


def read_state() -> ServiceState:
    """The state on this machine; one that is not installed where systemctl does not answer."""
    return parse_state(_answer(["systemctl", "show", UNIT_NAME, f"-p{','.join(_PROPERTIES)}"]))


def parse_state(text: str) -> ServiceState:
    """Read the lines of `systemctl show`. Pure."""
    found = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)

    def number(name: str) -> int:
        value = found.get(name, "")
        return int(value) if value.isdecimal() else 0

    return ServiceState(
        is_installed=found.get("LoadState", "") not in ("", "not-found"),
        active=found.get("ActiveState", "inactive"),
        result=found.get("Result", ""),
        restarts=number("NRestarts"),
        exit_status=number("ExecMainStatus"),
        is_enabled=found.get("UnitFileState", "").startswith("enabled"),
        since=found.get("ActiveEnterTimestamp", ""),
    )


def read_last_errors() -> tuple[str, ...]:
    """The last lines that the service logged as errors; none where the log cannot be read."""
    words = ["journalctl", "-u", UNIT_NAME, "-p", "err", "-n", str(LAST_ERRORS), "-o", "cat"]
    text = _answer([*words, "--no-pager", "-q"])
    return tuple(line.strip()[:300] for line in text.splitlines() if line.strip())


def read_unit(places: Places | None = None) -> str:
    """The text of the installed unit and its drop-ins; "" where none is installed."""
    tree = places or Places()
    main = next((p for p in (tree.unit, tree.packaged_unit) if p.is_file()), None)
    if main is None:
        return ""
    additions = sorted(tree.inside(f"/etc/systemd/system/{UNIT_NAME}.d").glob("*.conf"))
    texts = []
    for path in (main, *additions):
        try:
            texts.append(path.read_text(encoding="utf-8"))
        except OSError:
            continue
    return "\n".join(texts)


def _answer(words: list[str]) -> str:
    """What a program prints; "" where it is missing, fails or hangs."""
    try:
        done = subprocess.run(
            words, capture_output=True, text=True, timeout=ANSWER_S, check=False, errors="replace"
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout
