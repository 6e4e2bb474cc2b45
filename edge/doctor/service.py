"""The service: installed, enabled, running, and what it failed of last. Asks systemd."""

from __future__ import annotations

from collections.abc import Iterator

from edge.doctor.case import Case, Check
from edge.doctor.diagnosis import Diagnosis, fault, ok, warning
from edge.redact import redact_text
from edge.service.state import ServiceState, is_systemd_running, read_last_errors, read_state

CHECK = "service"
LIMIT_S = 15.0
EX_CONFIG = 78
MANY_RESTARTS = 3


def service_checks(case: Case) -> Iterator[Check]:
    """One, where systemd runs."""
    yield Check(CHECK, lambda: check_service(case), LIMIT_S)


def check_service(case: Case) -> Iterator[Diagnosis]:
    """Ask systemd, and its log where something failed."""
    if not is_systemd_running():
        yield ok(CHECK, "systemd does not run here; nothing to look at")
        return
    state = read_state()
    errors = read_last_errors() if state.has_failed or state.restarts >= MANY_RESTARTS else ()
    shown = tuple(redact_text(line, case.loaded.secrets) for line in errors)
    yield judge_service(state, shown)


def judge_service(state: ServiceState, errors: tuple[str, ...]) -> Diagnosis:
    """Pure; `errors` are the last lines that it logged as errors."""
    said = f"; it said: {' / '.join(errors)}" if errors else ""
    if not state.is_installed:
        return ok(CHECK, "not installed (`sudo edge service install` does it)")
    if state.has_failed:
        is_config = state.exit_status == EX_CONFIG
        return fault(
            CHECK,
            f"has failed: {state.result}, exit status {state.exit_status}{said}",
            "The cameras are not watched."
            + (
                " systemd waits for a person: the configuration cannot be used."
                if is_config
                else ""
            ),
            "Repair what this list shows, then `sudo systemctl restart edge`; the log is "
            "`journalctl -u edge -e`.",
        )
    if state.restarts >= MANY_RESTARTS:
        return warning(
            CHECK,
            f"runs, after {state.restarts} restarts{said}",
            "While it restarts nothing is watched.",
            "Look for the reason: `journalctl -u edge -p warning -e`.",
        )
    if not state.is_active:
        return warning(
            CHECK,
            f"installed, but not running ({state.active})",
            "The cameras are not watched.",
            "Run `sudo systemctl start edge`.",
        )
    if not state.is_enabled:
        return warning(
            CHECK,
            "runs, but does not start with the machine",
            "After the next power cut nothing is watched.",
            "Run `sudo systemctl enable edge`.",
        )
    return ok(CHECK, "installed, enabled and running")
