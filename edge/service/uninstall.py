"""Removing the service: it stops and no longer starts; what it was told and has found is kept."""

from __future__ import annotations

from collections.abc import Iterator

from edge.service.places import UNIT_NAME, USER, Places
from edge.service.state import is_systemd_running, read_state
from edge.service.steps import Step, call
from edge.service.unit import build_unit, is_our_own


def uninstall_steps(places: Places) -> Iterator[Step]:
    """The steps, each made when it is its turn."""
    is_running = places.is_this_machine and is_systemd_running() and read_state().is_active
    if is_running:
        stop = ["systemctl", "stop", UNIT_NAME]
        yield Step("stopped", "stop it", lambda: call(stop, timeout_s=60.0))
    if places.enabled.is_symlink():
        yield Step(
            "no longer starts with the machine",
            "have it no longer start with the machine",
            places.enabled.unlink,
        )
    yield _unit_step(places)
    if places.accounts.is_file():
        yield Step(
            f"{places.accounts}: removed", f"remove {places.accounts}", places.accounts.unlink
        )
    if places.is_this_machine and is_systemd_running():
        yield Step("systemd knows", "tell systemd", lambda: call(["systemctl", "daemon-reload"]))
    kept = [path for path in (places.config.parent, places.state) if path.exists()]
    if kept:
        shown = " ".join(map(str, kept))
        yield Step(
            f"kept: {shown} and the user {USER}; to remove them: "
            f"`sudo rm -r {shown}; sudo userdel {USER}`"
        )


def _unit_step(places: Places) -> Step:
    unit = places.unit
    if not unit.is_file():
        packaged = places.packaged_unit.is_file()
        return Step(
            f"unit {places.packaged_unit}: the package's, `apt remove` removes it"
            if packaged
            else f"unit {unit}: is not there"
        )
    there = unit.read_text(encoding="utf-8")
    if is_our_own(there) or there == build_unit():
        return Step(f"unit {unit}: removed", f"remove unit {unit}", unit.unlink)
    return Step(f"unit {unit}: was changed by hand; remove it yourself if it is not wanted")
