"""Installing the service: user, folders, configuration, unit, start. Each step only if it lacks.

What a person has made or changed is left as it is: a configuration that is there, a unit that was
edited. Works on this machine or in the tree of an image; needs root where files get an owner.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edge.errors import ServiceError
from edge.service.places import PROGRAM, UNIT_NAME, USER, Places
from edge.service.state import is_systemd_running, read_state
from edge.service.steps import Step, call, write_file
from edge.service.unit import ACCOUNTS, START, build_unit, is_our_own, marked

HIDDEN: Final = ("/home", "/root", "/run/user")  # from the service, by the unit's ProtectHome
SECRETS: Final = "secrets.yaml"


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be installed. `config` is a file to begin with, None for the drawn camera.

    `program` is the `edge` that the unit runs; `start` also enables and starts it.
    """

    places: Places
    program: Path = PROGRAM
    config: Path | None = None
    start: bool = True


def install_steps(wish: Wish) -> Iterator[Step]:
    """The steps, each made when it is its turn: later ones look at what earlier ones did.

    Raises ServiceError for a program that the service could not run.
    """
    _check_program(wish)
    yield _user_step(wish.places)
    yield from _folder_steps(wish.places)
    yield from _config_steps(wish)
    unit = _unit_step(wish)
    yield unit
    yield from _start_steps(wish, is_renewed=unit.do is not None)


def _check_program(wish: Wish) -> None:
    program = wish.program
    if not program.is_absolute():
        raise ServiceError(f"{program}: the program must be given by its whole path")
    if wish.places.is_this_machine and not os.access(program, os.X_OK):
        raise ServiceError(f"{program} cannot be run; install the program there first")
    real = (program, Path(os.path.realpath(program.with_name("python"))))
    hidden = next((p for p in real if p.is_relative_to(HIDDEN[0]) or _is_hidden(p)), None)
    if hidden is not None and wish.places.is_this_machine:
        raise ServiceError(
            f"{hidden} lies where the service sees nothing (/home, /root). Install the program for "
            "all: `sudo python3 -m venv /opt/edge/venv && sudo /opt/edge/venv/bin/pip install .`, "
            "then `sudo /opt/edge/venv/bin/edge service install`"
        )


def _is_hidden(path: Path) -> bool:
    return any(path.is_relative_to(place) for place in HIDDEN)


def _user_step(places: Places) -> Step:
    shown = f"user {USER}, in the groups video and render"
    packaged = places.inside("/usr/lib/sysusers.d/edge.conf")
    source = packaged if packaged.is_file() else places.accounts
    has_source = source.is_file() and source.read_text(encoding="utf-8") == ACCOUNTS
    groups = _groups_of(places)
    if has_source and _owner(places) is not None and groups >= {"video", "render"}:
        return Step(f"{shown}: is there")

    def do() -> None:
        if source == places.accounts:
            write_file(places.accounts, ACCOUNTS, 0o644)
        root = [] if places.is_this_machine else [f"--root={places.root.absolute()}"]
        # a whole path would be looked for outside the root; a name is found in its folders
        call(["systemd-sysusers", *root, source.name])

    return Step(f"{shown}: made", f"make {shown}", do)


def _folder_steps(places: Places) -> Iterator[Step]:
    for path, is_roots in (
        (places.config.parent, True),
        (places.state, False),
        (places.state / "models", False),
    ):
        if path.is_dir():
            yield Step(f"folder {path}: is there")
        else:
            whose = f"root, readable by {USER}" if is_roots else USER
            yield Step(
                f"folder {path}: made, of {whose}",
                f"make folder {path}, of {whose}",
                lambda p=path, r=is_roots: _make_folder(places, p, r),  # type: ignore[misc]
            )


def _make_folder(places: Places, path: Path, is_roots: bool) -> None:
    path.mkdir(parents=True)
    path.chmod(0o750)
    _give(places, path, is_roots=is_roots)


def _config_steps(wish: Wish) -> Iterator[Step]:
    places, source = wish.places, wish.config
    if places.config.exists():
        given = "" if source is None else f"; {source} was not taken"
        yield Step(f"configuration {places.config}: is there and stays as it is{given}")
        return
    yield _copy_step(places, START if source is None else source, places.config)
    secrets = None if source is None else source.absolute().with_name(SECRETS)
    if secrets is not None and secrets.is_file():
        target = places.config.with_name(SECRETS)
        if target.exists():
            yield Step(f"{target}: is there and stays as it is")
        else:
            yield _copy_step(places, secrets, target)


def _copy_step(places: Places, source: Path, target: Path) -> Step:
    what = "a drawn camera and the bundled model" if source == START else f"copied from {source}"

    def do() -> None:
        owner = _owner(places)
        ours = None if owner is None or os.geteuid() else (0, owner[1])
        write_file(target, source.read_text(encoding="utf-8"), 0o640, ours)

    return Step(f"{target}: written ({what})", f"write {target} ({what})", do)


def _unit_step(wish: Wish) -> Step:
    places = wish.places
    if places.packaged_unit.is_file():
        return Step(f"unit {places.packaged_unit}: the package's, is used")
    unit, text = places.unit, build_unit(wish.program)
    there = unit.read_text(encoding="utf-8") if unit.is_file() else ""
    if there in (text, marked(text)):
        return Step(f"unit {unit}: is there")
    if there and not is_our_own(there):
        return Step(
            f"unit {unit}: was changed by hand and stays as it is (`edge service unit` shows ours)"
        )
    word = "renew" if there else "write"
    return Step(
        f"unit {unit}: written",
        f"{word} unit {unit}",
        lambda: write_file(unit, marked(text), 0o644),
    )


def _start_steps(wish: Wish, *, is_renewed: bool) -> Iterator[Step]:
    places = wish.places
    if not wish.start:
        yield Step("not started; `sudo systemctl enable --now edge` does it")
        return
    unit = places.packaged_unit if places.packaged_unit.is_file() else places.unit
    target = Path("/") / unit.relative_to(places.root)
    if places.enabled.is_symlink():
        yield Step("starts with the machine: is set")
    else:
        yield Step(
            "starts with the machine: set",
            "have it start with the machine",
            lambda: _enable(places, target),
        )
    if not (places.is_this_machine and is_systemd_running()):
        yield Step("not started: systemd does not run here")
    elif not read_state().is_active:
        yield Step("started", "start it", lambda: _start("start"))
    elif is_renewed:
        yield Step("started anew", "start it anew", lambda: _start("restart"))
    else:
        yield Step("runs and is left alone; after an update: `sudo systemctl restart edge`")


def _enable(places: Places, target: Path) -> None:
    places.enabled.parent.mkdir(parents=True, exist_ok=True)
    places.enabled.symlink_to(target)


def _start(verb: str) -> None:
    call(["systemctl", "daemon-reload"])
    call(["systemctl", verb, UNIT_NAME], timeout_s=120.0)


def _give(places: Places, path: Path, *, is_roots: bool) -> None:
    """Set the owner; without root, as in an image built by a user, it stays this user's."""
    owner = _owner(places)
    if owner is not None and os.geteuid() == 0:
        uid, gid = owner
        os.chown(path, 0 if is_roots else uid, gid)


def _owner(places: Places) -> tuple[int, int] | None:
    """uid and gid of the user in this tree; None if there is none yet."""
    for line in _lines(places.inside("/etc/passwd")):
        fields = line.split(":")
        if fields[0] == USER and len(fields) > 3:
            return int(fields[2]), int(fields[3])
    return None


def _groups_of(places: Places) -> set[str]:
    """The groups that the user is a member of in this tree."""
    entries = [line.split(":") for line in _lines(places.inside("/etc/group"))]
    return {entry[0] for entry in entries if len(entry) > 3 and USER in entry[3].split(",")}


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
