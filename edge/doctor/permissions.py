"""Permissions: what the daemon's user may read and open, and who else may read it."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

from edge.capture.kinds import plan_open
from edge.config.secret_values import SECRETS_FILE
from edge.daemon.wiring import camera_plan
from edge.doctor.case import Case, Check
from edge.doctor.diagnosis import Diagnosis, fault, ok, warning
from edge.errors import CaptureError
from edge.redact import url_secrets

CHECK = "permissions"
LIMIT_S = 10.0
GRAPHICS = Path("/dev/dri/renderD128")
_HIDDEN = {  # by the unit's settings
    "ProtectHome=yes": (Path("/home"), Path("/root"), Path("/run/user")),
    "PrivateTmp=yes": (Path("/tmp"), Path("/var/tmp")),  # noqa: S108
}


def permission_checks(case: Case) -> Iterator[Check]:
    """Files, devices, and the walls of the service's sandbox."""
    yield Check(CHECK, lambda: check_permissions(case), LIMIT_S)


def check_permissions(case: Case) -> Iterator[Diagnosis]:
    """Everything that is wrong, or that nothing is."""
    found = [*_files(case), *_devices(case), *_sandbox(case), *_exposed(case)]
    yield from found or [ok(CHECK, f"user {case.account.name} may read and open what it needs")]


def _files(case: Case) -> Iterator[Diagnosis]:
    for path in _needed_files(case):
        obstacle = case.account.obstacle(path, "read")
        if obstacle:
            yield fault(
                CHECK,
                obstacle,
                "The daemon cannot use what this file holds.",
                "Let the service's group read it: `sudo chgrp edge FILE`, `sudo chmod 640 FILE`.",
                subject=str(path),
            )


def _needed_files(case: Case) -> Iterator[Path]:
    yield case.path
    secrets = case.path.absolute().with_name(SECRETS_FILE)
    if secrets.exists():
        yield secrets
    tls = case.config.mqtt.tls
    if tls is not None:  # a file that is not there is told by the broker's check
        yield from (path for path in (tls.ca, tls.cert, tls.key) if path and path.exists())


def _devices(case: Case) -> Iterator[Diagnosis]:
    """Cameras at this machine, and the graphics unit where one is to decode."""
    for name, camera in case.config.cameras.items():
        if not camera.enabled:
            continue
        device = _device_of(case, name)
        if device is not None and device.exists():
            yield from _closed_device(case, device, "video", f"Camera {name} cannot be read.")
        wants_graphics = camera.capture.hwaccel != "off"
        if wants_graphics and GRAPHICS.exists():
            meaning = f"Camera {name} is decoded in software, which costs more."
            yield from _closed_device(case, GRAPHICS, "render", meaning)


def _device_of(case: Case, name: str) -> Path | None:
    if case.config.cameras[name].url.startswith("demo:"):
        return None
    try:
        plan = plan_open(camera_plan(case.config, name).source)
    except CaptureError:
        return None
    return Path(plan.path) if plan.kind == "usb" else None


def _closed_device(case: Case, device: Path, group: str, meaning: str) -> Iterator[Diagnosis]:
    obstacle = case.account.obstacle(device, "read") or case.account.obstacle(device, "write")
    if obstacle:
        user = case.account.name
        yield fault(
            CHECK,
            obstacle,
            meaning,
            f"Put the user into the group: `sudo usermod -aG {group} {user}`, then log in again or "
            "restart the service.",
            subject=str(device),
        )


def _sandbox(case: Case) -> Iterator[Diagnosis]:
    """What lies where the service's unit lets nothing be seen or written."""
    hidden = tuple(
        place for line, places in _HIDDEN.items() if line in case.sandbox for place in places
    )
    if not hidden:
        return
    folder = case.config.store.folder
    files = (path.absolute() for path in _needed_files(case))
    for path in (*files, folder, Path(case.config.vlm.model)):
        place = next((place for place in hidden if path.is_relative_to(place)), None)
        if place is not None:
            yield fault(
                CHECK,
                f"{path} lies where the service cannot see it: the unit hides {place}",
                "The service does not start, or does not find it.",
                "Move it to /etc/edge (what it reads) or /var/lib/edge (model and store).",
                subject=str(path),
            )
    writable = (Path("/var/lib/edge"), Path("/var/cache/edge"), *hidden)
    is_named = f"ReadWritePaths={folder}" in case.sandbox
    if not is_named and not any(folder.is_relative_to(place) for place in writable):
        yield fault(
            CHECK,
            f"{folder} lies where the service cannot write: the unit opens /var/lib/edge alone",
            "The service does not start: it cannot keep findings.",
            f"Run `sudo systemctl edit edge` and add `[Service]` and `ReadWritePaths={folder}`, or "
            "set `store.folder` to a folder in /var/lib/edge.",
            subject=str(folder),
        )


def _exposed(case: Case) -> Iterator[Diagnosis]:
    """A configuration that holds passwords itself and can be read by everybody."""
    try:
        mode = case.path.stat().st_mode
    except OSError:
        return
    if mode & stat.S_IROTH and _holds_secrets(case):
        yield warning(
            CHECK,
            f"{case.path} holds passwords and can be read by every user (mode {mode & 0o777:04o})",
            "Whoever gets onto this machine has the passwords of cameras and broker.",
            f"Run `chmod o= {case.path}`, or move them to {SECRETS_FILE} (`!secret NAME`).",
            subject=str(case.path),
        )


def _holds_secrets(case: Case) -> bool:
    """Whether a password stands in the file itself, not behind a name."""
    config, masked = case.config, case.loaded.masked
    in_mqtt = config.mqtt.password.get_secret_value() and ("mqtt", "password") not in masked
    in_urls = (
        url_secrets(camera.url) and not any(path[:2] == ("cameras", name) for path in masked)
        for name, camera in config.cameras.items()
    )
    return bool(in_mqtt) or any(in_urls)
