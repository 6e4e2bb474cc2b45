"""Who may ask the clock that can be set: for stamps that people read, never for a duration."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

EDGE = Path(__file__).parents[1] / "edge"

# file -> what it needs the time of day for. Time-outs, stalls, intervals and ages go by
# time.monotonic or the store's own time (edge/store/ages.py).
ALLOWED = {
    "capture/clock.py": "stamps frames; goes with a monotonic time in each Arrival",
    "cli/doctor.py": "stamps a report",
    "convert/convert.py": "stamps a model's provenance",
    "daemon/config_report.py": "stamps a report",
    "daemon/effort_watch.py": "stamps when a step began",
    "daemon/rule_keeper.py": "schedules and `since`; goes with a monotonic time in each Moment",
    "daemon/stats.py": "stamps a document",
    "doctor/broker.py": "a certificate's validity",
    "doctor/camera_clock.py": "compares a camera's clock with it",
    "doctor/machine.py": "looks at the clock itself",
    "findings.py": "makes ids that sort by time",
    "hub/pull.py": "stamps a model's provenance",
    "replay/judge.py": "stamps keyframes of a clip",
    "store/database.py": "the default of a parameter; ages.py has what is made of it",
    "vlm/pace_file.py": "stamps a measurement",
    "vlm/remote/wire.py": "a Retry-After header that names a time of day; bounded",
    "web/openai_reply.py": "stamps a reply",
}
OF_TIME = {"time", "time_ns", "localtime", "gmtime", "ctime"}
OF_DATETIME = {"now", "utcnow", "today"}


def askers() -> Iterator[tuple[str, int]]:
    """Each place that asks, or hands on the function that does."""
    for path in sorted(EDGE.rglob("*.py")):
        if "train" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Attribute) or not isinstance(node.value, ast.Name):
                continue
            of_time = node.value.id == "time" and node.attr in OF_TIME
            of_datetime = node.value.id in ("datetime", "date") and node.attr in OF_DATETIME
            if of_time or of_datetime:
                yield str(path.relative_to(EDGE)), node.lineno
            if node.value.id == "time" and node.attr == "CLOCK_REALTIME":
                yield str(path.relative_to(EDGE)), node.lineno


def test_nobody_else_asks_for_the_time_of_day() -> None:
    found = dict(askers())
    assert set(found) - set(ALLOWED) <= {"store/opening.py"}, "which formats a time it is given"
    assert set(ALLOWED) <= set(found), "an entry that is not needed any more"


def test_clocks_are_imported_whole() -> None:
    """`from time import time` would go unseen above."""
    for path in EDGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module == "time":
                raise AssertionError(f"{path}: import time itself")
