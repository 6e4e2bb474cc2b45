"""For all tests: a busy machine is no failure; what waits goes beside the rest; figures are told.

With `-n 2` the tests that run whole daemons, boxes and pages, which mostly wait, are one lane: one
after the other on one worker, so that none has another's daemon beside it. The rest, file by file,
is the other's, and both's when the lane is done.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

WAITING = ("e2e", "pool", "page")  # folders
WAITS = "waits"
FIGURE = "figure against transformers"

settings.register_profile("edge", deadline=None)
settings.load_profile("edge")


@pytest.hookimpl(tryfirst=True)  # xdist then finds the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    lanes = {item: lane_of(item.path.relative_to(Path(__file__).parent)) for item in items}
    items.sort(key=lambda item: lanes[item] != WAITS)  # the longest lane begins first
    for item, lane in lanes.items():
        item.add_marker(pytest.mark.xdist_group(lane))


def lane_of(path: Path) -> str:
    return WAITS if path.parts[0] in WAITING else str(path)


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
