"""The configuration file: whether it can be used, and what is probably not meant in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from edge.config.load import LoadedConfig, load_config
from edge.doctor.diagnosis import Diagnosis, fault, ok, warning
from edge.errors import ConfigError, Problem

CHECK = "configuration"
_LEFT_OUT = "The daemon starts without this camera or rule, and a reload changes nothing."
_UNUSABLE = "The daemon cannot use this file; it goes on with the last one that worked, if any."


def read_configuration(path: Path) -> tuple[LoadedConfig | None, list[Diagnosis]]:
    """The configuration, without what is broken in it, and everything there is to say about it.

    None where nothing of it can be used.
    """
    try:
        loaded = load_config(path)
    except ConfigError as error:
        try:
            rest = load_config(path, tolerant=True)
        except ConfigError:
            return None, [_fault_of(problem, _UNUSABLE) for problem in error.problems]
        return rest, [_fault_of(problem, _LEFT_OUT) for problem in error.problems]
    return loaded, list(_described(loaded, path))


def _described(loaded: LoadedConfig, path: Path) -> Iterator[Diagnosis]:
    cameras, rules = len(loaded.config.cameras), len(loaded.config.rules)
    yield ok(CHECK, f"{path}: cameras: {cameras}, rules: {rules}")
    for problem in loaded.warnings:
        yield warning(
            CHECK, _text(problem), "It is allowed, but probably not what is meant.", problem.remedy
        )


def _fault_of(problem: Problem, meaning: str) -> Diagnosis:
    remedy = problem.remedy or "Correct it; `edge check FILE` lists every error."
    return fault(CHECK, _text(problem), meaning, remedy)


def _text(problem: Problem) -> str:
    where = problem.path or "file"
    line = "" if problem.line is None else f" (line {problem.line})"
    return f"{where}{line}: {problem.message}"
