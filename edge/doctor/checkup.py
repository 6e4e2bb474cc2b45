"""The whole check-up: reads the configuration, gathers every check, runs them.

The one place that knows all checks; called by `edge doctor`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from edge.config.load import LoadedConfig
from edge.doctor.account import Account, account_of, this_account
from edge.doctor.broker import broker_checks
from edge.doctor.budget import budget_checks
from edge.doctor.camera_clock import camera_clock_checks
from edge.doctor.cameras import camera_checks
from edge.doctor.case import Case, Check
from edge.doctor.configuration import read_configuration
from edge.doctor.diagnosis import Diagnosis
from edge.doctor.disk import disk_checks
from edge.doctor.examine import examine
from edge.doctor.machine import check_clock, check_processor, machine_checks
from edge.doctor.model import model_checks
from edge.doctor.page import page_checks
from edge.doctor.permissions import permission_checks
from edge.doctor.server import server_checks
from edge.doctor.service import service_checks
from edge.doctor.strain import strain_checks
from edge.redact import redact_text
from edge.service.state import read_unit

# In the order in which they are told: what waits longest comes last.
CHECKS: Final[tuple[Callable[[Case], Iterator[Check]], ...]] = (
    machine_checks,
    strain_checks,
    disk_checks,
    permission_checks,
    model_checks,
    server_checks,
    page_checks,
    service_checks,
    budget_checks,
    broker_checks,
    camera_clock_checks,
    camera_checks,
)
LIMIT_S = 10.0


def check_up(path: Path, *, deep: bool = False) -> Iterator[Diagnosis]:
    """Everything that is to be said about a box with this configuration, secrets masked.

    Where no part of the file can be used, the machine alone is looked at.
    """
    loaded, said = read_configuration(path)
    yield from said
    if loaded is None:
        checks = [
            Check("processor", check_processor, LIMIT_S),
            Check("clock", check_clock, LIMIT_S),
        ]
    else:
        case = open_case(path, loaded, deep=deep)
        checks = [check for source in CHECKS for check in source(case)]
    secrets = () if loaded is None else loaded.secrets
    for found in examine(checks):
        for diagnosis in found:
            yield _without_secrets(diagnosis, secrets)


def open_case(path: Path, loaded: LoadedConfig, *, deep: bool) -> Case:
    """The box, and the user the daemon runs as: the installed service's, or this one."""
    unit = read_unit()
    return Case(path, loaded, _account_of(unit), unit, deep)


def _account_of(unit: str) -> Account:
    """The user of a unit, with the groups that it adds."""
    lines = dict(line.split("=", 1) for line in unit.splitlines() if "=" in line)
    name = lines.get("User", "")
    if not name:
        return this_account()
    try:
        return account_of(name, tuple(lines.get("SupplementaryGroups", "").split()))
    except KeyError:
        return this_account()


def _without_secrets(diagnosis: Diagnosis, secrets: tuple[str, ...]) -> Diagnosis:
    return replace(
        diagnosis,
        found=redact_text(diagnosis.found, secrets),
        meaning=redact_text(diagnosis.meaning, secrets),
        remedy=redact_text(diagnosis.remedy, secrets),
        subject=redact_text(diagnosis.subject, secrets),
    )
