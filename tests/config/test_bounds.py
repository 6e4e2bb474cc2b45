"""Files made to hurt: refused quickly and without much memory, in words."""

from __future__ import annotations

import contextlib
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from edge.config.load import load_config, load_text
from edge.config.yaml_tree import MAX_DEPTH, MAX_NODES
from edge.errors import ConfigError

MOST_S = 5.0  # the slowest takes 0.6 s on an idle 2.1 GHz core; this leaves room for a busy one
MOST_BYTES = 64_000_000

HEAD = "mqtt: {host: h}\ncameras: {c: {input: rtsp://h/x}}\n"


def laughs() -> str:
    rows = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    rows += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 15)]
    return "\n".join(rows)


def merged_laughs() -> str:
    rows = ["m0: &m0 {k: {v: 1}}"]
    for n in range(1, 25):
        below = ", ".join([f"*m{n - 1}"] * 10)
        rows += [f"m{n}: &m{n} {{<<: [{below}], k{n}: *m{n - 1}}}"]
    return "\n".join(rows)


def tower_of_aliases() -> str:
    return "\n".join(["a0: &a0 [x]", *(f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, 500))])


BOMBS: dict[str, tuple[Callable[[], str], str]] = {
    "billion laughs": (laughs, f"more than {MAX_NODES} values"),
    "billion laughs by merging": (merged_laughs, "values|levels"),
    "tower of aliases": (tower_of_aliases, f"more than {MAX_DEPTH} levels"),
    "deep brackets": (lambda: "a: " + "[" * 900_000, f"more than {MAX_DEPTH} levels"),
    "deep braces": (lambda: "{a: " * 200_000, f"more than {MAX_DEPTH} levels"),
    "deep dashes": (lambda: "- " * 400_000, f"more than {MAX_DEPTH} levels"),
    "deep indentation": (
        lambda: "\n".join(" " * n + "a:" for n in range(1200)),
        f"more than {MAX_DEPTH} levels",
    ),
    "complex keys": (lambda: "? " * 400_000, "cannot be a key"),
    "alias of itself": (lambda: "a: &a [*a]", "has no anchor"),
    "many keys": (lambda: "\n".join(f"k{n}: 1" for n in range(90_000)), f"more than {MAX_NODES}"),
    "many unknown keys": (lambda: "\n".join(f"k{n}: 1" for n in range(20_000)), "not known here"),
    "many cameras": (
        lambda: (
            "mqtt: {host: h}\ncameras:\n" + "\n".join(f" c{n}: {{input: x}}" for n in range(12_000))
        ),
        "At most 64 are allowed",
    ),
    "many rules with zones": (
        lambda: HEAD + "rules:\n" + "\n".join(f" r{n}: {{zones: [z]}}" for n in range(12_000)),
        "At most 256 are allowed",
    ),
    "many names in a rule": (
        lambda: HEAD + f"rules: {{r: {{ask: x, cameras: [{', '.join(['camera'] * 40_000)}]}}}}",
        "no camera 'camera'",
    ),
    "many options": (
        lambda: HEAD + f"rules: {{r: {{choose: x, options: [{'a, ' * 40_000}]}}}}",
        "At most 32 are allowed",
    ),
    "many polygon points": (
        lambda: HEAD.replace("/x}", f"/x, mask: ['{'0,' * 4_000}']}}"),
        "at most 200 are allowed",
    ),
    "long text": (lambda: "node: " + "x" * 990_000, "at most 10000 fit"),
    "long key": (lambda: HEAD + "x" * 990_000 + ": 1", "is not known here|not YAML"),
    "long number": (
        lambda: f"mqtt: {{host: h, port: {'9' * 5000}}}",
        "not a whole number|not a te",
    ),
    "many variables": (lambda: "node: " + "${A}" * 2_400, "A is not set"),
    "many values with variables": (
        lambda: "\n".join(f"k{n}: ${{A}}" for n in range(20_000)),
        "A is not set",
    ),
    "many anchors": (lambda: "\n".join(f"k{n}: &a{n} 1" for n in range(20_000)), "not known here"),
    "many duplicates": (lambda: "node: a\n" * 40_000, "stands twice"),
    "duration": (lambda: HEAD + f"capture: {{read_timeout: {'1' * 9_000}s}}", "not a duration"),
    "duration of parts": (
        lambda: HEAD + f"capture: {{read_timeout: {'1s' * 4_000}x}}",
        "not a duration",
    ),
    "size": (lambda: HEAD + f"store: {{outbox_max_size: {'1' * 9_000}GB}}", "not a size"),
}


@pytest.mark.parametrize("name", BOMBS)
def test_bomb_is_refused_in_time_and_memory(name: str) -> None:
    build, says = BOMBS[name]
    text = build()
    started_s = time.process_time()
    with pytest.raises(ConfigError, match=says) as caught:
        load_text(text, "edge.yaml", Path("/etc/edge"))
    assert time.process_time() - started_s < MOST_S
    assert len(str(caught.value)) < 200_000
    tracemalloc.start()
    try:
        with contextlib.suppress(ConfigError):  # some can do without the rule at fault
            load_text(text, "edge.yaml", Path("/etc/edge"), tolerant=True)
        assert tracemalloc.get_traced_memory()[1] < MOST_BYTES
    finally:
        tracemalloc.stop()


def test_an_endless_file_is_not_read_to_its_end() -> None:
    with pytest.raises(ConfigError, match="larger than"):
        load_config(Path("/dev/zero"))


def test_the_bounds_leave_room_for_a_large_configuration() -> None:
    zones = ", ".join(f"z{n}: '0,0,1,0,1,1'" for n in range(32))
    cameras = "\n".join(f" c{n}: {{input: rtsp://h/{n}, zones: {{{zones}}}}}" for n in range(64))
    rules = "\n".join(f" r{n}: {{ask: x, cameras: [c{n % 64}], zones: [z1]}}" for n in range(256))
    loaded = load_text(
        f"mqtt: {{host: h}}\ncameras:\n{cameras}\nrules:\n{rules}\n", "edge.yaml", Path("/")
    )
    assert (len(loaded.config.cameras), len(loaded.config.rules)) == (64, 256)
