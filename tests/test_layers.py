"""The rules of the house: stages do not import each other, each library has one owner."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

EDGE = Path(__file__).parents[1] / "edge"
STAGES = {"capture", "sampler", "vlm", "rules", "store", "mqtt", "web"}
WIRING = {"daemon", "cli", "demo", "bench", "convert", "replay", "doctor"}  # may import any stage
TOOLS = {"hub", "service"}  # leaf folders that no stage imports
NOUNS = {p.stem for p in EDGE.glob("*.py")} - {"__init__", "__main__"}

# library -> the folders or top-level modules that may import it
OWNERS = {
    "av": {"capture"},
    "cv2": {"sampler", "vlm", "store", "demo"},  # demo draws its synthetic camera
    "openvino": {"vlm", "bench"},  # `edge bench` measures the library too
    "transformers": {"vlm", "bench"},
    "tokenizers": {"vlm"},
    "jinja2": {"vlm", "replay"},  # chat templates; the report
    "llguidance": {"vlm", "grammar"},
    "paho": {"mqtt", "cli"},  # `edge watch` is a client of its own
    "fastapi": {"web"},
    "starlette": {"web"},
    "uvicorn": {"web"},
    "h11": {"web"},
    "prometheus_client": {"web"},
    "yaml": {"config"},
    "PIL": {"pictures", "bench"},  # `edge bench --picture` draws tables
    "sqlite3": {"store"},
    "huggingface_hub": {"hub"},
    "requests": {"hub", "vlm"},
    "urllib3": {"vlm"},
    "rich": {"cli", "hub"},
    "psutil": {"daemon"},
}
NEVER_AT_RUN_TIME = {"torch", "optimum", "nncf"}


def modules() -> list[Path]:
    """Everything but the scripts that make models, in processes of their own."""
    workshop = EDGE / "convert" / "workshop.py"
    return sorted(p for p in EDGE.rglob("*.py") if "train" not in p.parts and p != workshop)


def room_of(path: Path) -> str:
    parts = path.relative_to(EDGE).parts
    return parts[0] if len(parts) > 1 else path.stem


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(EDGE)))
def test_imports_go_down_the_layers(path: Path) -> None:
    room = room_of(path)
    for name in imported(path):
        top, *rest = name.split(".")
        if top == "edge" and rest:
            target = rest[0]
            if room in STAGES | TOOLS:
                allowed = {room, "config", "__version__"} | NOUNS
                assert target in allowed, f"{path}: {room} imports edge.{target}"
            elif room in NOUNS or room == "config":
                allowed = {room, "__version__"} | NOUNS
                assert target in allowed, f"{path}: {room} imports edge.{target}"
        elif top in OWNERS:
            assert room in OWNERS[top], f"{path}: only {sorted(OWNERS[top])} may import {top}"
        elif top in NEVER_AT_RUN_TIME:
            pytest.fail(f"{path}: {top} must not be imported at run time")


def test_no_relative_imports() -> None:
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text())):
            assert not (isinstance(node, ast.ImportFrom) and node.level), f"{path}: relative import"


def test_no_catch_all_names() -> None:
    for path in EDGE.rglob("*"):
        assert path.stem not in {"utils", "helpers", "common", "const", "manager", "handler"}


def test_every_folder_is_known() -> None:
    folders = {p.name for p in EDGE.iterdir() if p.is_dir() and p.name != "__pycache__"}
    assert folders <= STAGES | WIRING | TOOLS | {"config"}


def test_the_readme_shows_every_folder() -> None:
    readme = EDGE.with_name("README.md").read_text()
    shown = set(re.findall(r"^edge/(\w+)/ ", readme, re.MULTILINE))
    assert shown == STAGES | WIRING | TOOLS | {"config"}
