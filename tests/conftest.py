"""For all tests: a busy machine is no failure; what waits goes beside the rest; figures are told.

With `-n 2` the tests that run whole daemons, boxes and pages, which mostly wait, are one lane: one
after the other on one worker, so that none has another's daemon beside it. The rest, file by file,
is the other's, and both's when the lane is done.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling

WAITING = ("e2e", "pool", "page")  # folders
FIGURE = "figure against transformers"

settings.register_profile("edge", deadline=None)
settings.load_profile("edge")


class Lanes(LoadScopeScheduling):  # type: ignore[misc] # untyped
    """Gives a worker a whole lane at a time."""

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.split("::", 1)[0]
        return "waiting" if PurePosixPath(path).parts[1] in WAITING else path


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Lanes:
    return Lanes(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    items.sort(key=lambda item: item.path.relative_to(here).parts[0] not in WAITING)


@pytest.fixture
def figure(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Keeps a line for the summary: figure(text). Goes with the test's report, so that it comes
    from a worker as well.
    """
    return lambda text: request.node.user_properties.append((FIGURE, text))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    lines = sorted(
        text
        for report in terminalreporter.getreports("passed")
        for name, text in report.user_properties
        if name == FIGURE
    )
    if lines:
        terminalreporter.section("engine against transformers (largest differences)")
        for line in lines:
            terminalreporter.line(line)
