"""Says what became of the configuration's file when it was read, for those who are not at the log.

Pure. What is said goes to the broker and the page: secrets are masked, and there is an end to it.
Called at the start and at each reload.
"""

from __future__ import annotations

from datetime import UTC, datetime

from edge.config.load import LoadedConfig
from edge.errors import ConfigError, EdgeError
from edge.findings import ConfigReport, rfc3339
from edge.redact import redact_text

MAX_PROBLEMS = 20
MAX_PROBLEM_CHARS = 400


def report_loaded(loaded: LoadedConfig, now: datetime | None = None) -> ConfigReport:
    """The file is in force, but for the cameras and rules that it was loaded without."""
    left_out = [
        f"{kind} {name} is left out: {problem}"
        for kind, broken in (("camera", loaded.broken_cameras), ("rule", loaded.broken_rules))
        for name, problems in broken.items()
        for problem in problems
    ]
    return ConfigReport(
        state="partly" if left_out else "in_force",
        read_at=rfc3339(now or datetime.now(UTC)),
        problems=_fit(left_out),
    )


def report_refused(error: EdgeError, now: datetime | None = None) -> ConfigReport:
    """The file cannot be used."""
    problems = error.problems if isinstance(error, ConfigError) else [error]
    return ConfigReport(
        state="refused",
        read_at=rfc3339(now or datetime.now(UTC)),
        problems=_fit([str(problem) for problem in problems]),
    )


def _fit(problems: list[str]) -> list[str]:
    """Loading has masked what it knows as a secret; a URL may still stand in another error."""
    return [redact_text(problem)[:MAX_PROBLEM_CHARS] for problem in problems[:MAX_PROBLEMS]]
