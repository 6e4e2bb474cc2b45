"""What hostile and careless hands write never ends in anything but a ConfigError."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.config.load import LoadedConfig, load_text
from edge.errors import ConfigError, Problem


def load(text: str, *, tolerant: bool = False) -> LoadedConfig:
    return load_text(text, "edge.yaml", Path("/etc/edge"), tolerant=tolerant)


_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(["${X", "${HOME}", "5m", "1GB", "rtsp://a:b@c/d", "usb:0", "off", ">= 2"]),
)
_VALUES = st.recursive(
    _SCALARS,
    lambda below: st.one_of(
        st.lists(below, max_size=3), st.dictionaries(st.text(max_size=8), below, max_size=3)
    ),
    max_leaves=8,
)
_WHOLE: dict[str, Any] = {
    "node": "n",
    "mqtt": {
        "host": "h",
        "username": "u",
        "password": "p",
        "tls": {"ca": "a", "cert": "c", "key": "k"},
        "discovery": {"enabled": True},
        "keepalive": "30s",
        "version": "5",
    },
    "vlm": {"model": "demo", "threads": 2, "pixels": "640x360", "cache": "c", "deadline": "5s"},
    "store": {"folder": "f", "findings_max_age": "1d", "outbox_max_size": "1GB"},
    "log": {"level": "info"},
    "capture": {"fps": 3, "options": {"a": "b"}},
    "motion": {"sensitivity": "low", "threshold": 3},
    "snapshots": {"max_age": "1d"},
    "cameras": {
        "a": {
            "input": "rtsp://h/x",
            "mask": [[[0, 0], [1, 0], [1, 1]]],
            "zones": {"z": "0,0,1,0,1,1"},
            "periodic": "5m",
        },
        "b": {"inputs": [{"url": "rtsp://h/x", "role": "main"}], "capture": {"fps": 2}},
    },
    "rules": {
        "r": {"ask": "x", "cameras": ["a"], "zones": ["z"], "when": {"on": ["motion"]}},
        "s": {"choose": "x", "options": ["a", "b"], "alert": "a", "schedule": "Mo 07:00-08:00"},
        "t": {"count": "x", "highest": 3, "alert": [">= 2"], "for": "5m"},
    },
}


def _paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path]
    if isinstance(value, dict):
        found += [p for key, below in value.items() for p in _paths(below, (*path, key))]
    elif isinstance(value, list):
        found += [p for number, below in enumerate(value) for p in _paths(below, (*path, number))]
    return found


def _replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = _replaced(copy[path[0]], path[1:], new)
    return copy


@settings(max_examples=250, deadline=None)
@given(path=st.sampled_from(_paths(_WHOLE)), new=_VALUES, tolerant=st.booleans())
def test_any_value_anywhere_loads_or_is_refused(path: Any, new: Any, tolerant: bool) -> None:
    text = yaml.safe_dump(_replaced(_WHOLE, path, new), allow_unicode=True)
    told: list[Problem] = []
    try:
        loaded = load(text, tolerant=tolerant)
        for listed in (loaded.broken_cameras | loaded.broken_rules).values():
            told += listed
    except ConfigError as error:
        told += error.problems or [Problem("", "")]
    assert all(problem.message and problem.remedy for problem in told), told


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet=st.sampled_from("ab:-[]{}&*!#|>'\"%@`,? \n\t<~0.\\"), max_size=60))
def test_any_text_loads_or_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):  # none of these is a configuration
        load(text)
