"""Discovery documents against Home Assistant: its lists of fields, and its own schemas.

The lists stand in home_assistant_fields.json, with their source. The schemas themselves are asked
where a Python with the `homeassistant` package is at hand: HOMEASSISTANT_PYTHON is its command.
"""

from __future__ import annotations

import copy
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pytest

from tests.support.home import home_discovery

LEAST = (2025, 10)  # `default_entity_id` came with it
PROGRAM = Path(__file__).parents[1] / "support" / "home_assistant_schemas.py"
FIELDS = json.loads((Path(__file__).parent / "home_assistant_fields.json").read_text())


def faults_of(document: dict[str, Any]) -> Iterator[str]:
    """What the lists have against a document."""
    yield from _compare("document", document, FIELDS["document"])
    yield from _compare("device", document["device"], FIELDS["device"])
    yield from _compare("origin", document["origin"], FIELDS["origin"])
    for key, component in document["components"].items():
        known = FIELDS["platforms"].get(component["platform"])
        if known is None:
            yield f"{key}: no platform {component['platform']}"
            continue
        optional = [*known["optional"], *FIELDS["common"], "platform"]
        yield from _compare(key, component, {**known, "optional": optional})


def _compare(what: str, found: dict[str, Any], known: dict[str, list[str]]) -> Iterator[str]:
    yield from (f"{what}: {name} is missing" for name in known["required"] if name not in found)
    allowed = {*known["required"], *known["optional"]}
    yield from (f"{what}: {name} is unknown" for name in found if name not in allowed)


def broken_documents() -> dict[str, tuple[dict[str, Any], str]]:
    """Documents with one fault each, and a word of what has to be said about it."""
    topic = "homeassistant/device/edge-home-porch/config"
    broken = {}
    for name, key, changes, word in (
        ("misspelt", "motion", {"device_klass": "motion"}, "device_klass"),
        ("platform", "motion", {"platform": "binary_sensors"}, "platform"),
    ):
        document = copy.deepcopy(home_discovery()[topic])
        document["components"][key] |= changes
        broken[name] = (document, word)
    document = copy.deepcopy(home_discovery()[topic])
    del document["components"]["finding"]["event_types"]
    broken["missing"] = (document, "event_types")
    return broken


def test_every_field_is_one_that_home_assistant_knows() -> None:
    documents = home_discovery()
    assert len(documents) == 5
    assert [fault for one in documents.values() for fault in faults_of(one)] == []
    used = {c["platform"] for one in documents.values() for c in one["components"].values()}
    assert used == set(FIELDS["platforms"])
    for document, word in broken_documents().values():
        (fault,) = faults_of(document)
        assert word in fault


def _python() -> list[str]:
    """A Python that has a Home Assistant which is new enough; skips the test without."""
    if command := os.environ.get("HOMEASSISTANT_PYTHON"):
        return shlex.split(command)
    try:
        installed = tuple(map(int, version("homeassistant").split(".")[:2]))
    except PackageNotFoundError:
        installed = (0, 0)
    if installed < LEAST:
        pytest.skip(
            "no `homeassistant` package of 2025.10 or later here (it needs Python 3.13.2); "
            "set HOMEASSISTANT_PYTHON to a Python that has it"
        )
    return [sys.executable]


def _ask_home_assistant(documents: dict[str, Any]) -> list[str]:
    done = subprocess.run(
        [*_python(), "-c", PROGRAM.read_text()],
        input=json.dumps(documents),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return list(json.loads(done.stdout))


@pytest.mark.homeassistant
def test_home_assistants_own_schemas_take_every_document() -> None:
    assert _ask_home_assistant(home_discovery()) == []


@pytest.mark.homeassistant
@pytest.mark.parametrize("name", broken_documents())
def test_home_assistants_own_schemas_are_really_asked(name: str) -> None:
    document, word = broken_documents()[name]
    (fault,) = _ask_home_assistant({"homeassistant/device/edge-home-porch/config": document})
    assert word in fault
