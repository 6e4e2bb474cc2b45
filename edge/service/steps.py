"""Steps: each says what it does, and does it if it is not done. The order is the caller's."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge.errors import ServiceError


@dataclass(frozen=True, slots=True)
class Step:
    """One step. `before` says in plain words what is to be done, `after` how it is once it is.

    `do` is None where there is nothing to do, and `after` says why.
    """

    after: str
    before: str = ""
    do: Callable[[], None] | None = None


def take(steps: Iterable[Step], *, dry_run: bool) -> Iterator[str]:
    """Do them in order, one line each; with `dry_run` only say them. Raises ServiceError."""
    for step in steps:
        if step.do is None:
            yield f"= {step.after}"
        elif dry_run:
            yield f"? would {step.before}"
        else:
            try:
                step.do()
            except OSError as error:
                raise ServiceError(f"cannot {step.before}: {error.strerror or error}") from None
            yield f"+ {step.after}"


def call(words: Sequence[str], timeout_s: float = 60.0) -> None:
    """Run a program of the system; raises ServiceError with what it said."""
    try:
        done = subprocess.run(
            words, capture_output=True, text=True, timeout=timeout_s, check=False, errors="replace"
        )
    except FileNotFoundError:
        raise ServiceError(f"{words[0]} is not installed; this needs systemd") from None
    except subprocess.TimeoutExpired:
        raise ServiceError(f"`{' '.join(words)}` took longer than {timeout_s:.0f} s") from None
    if done.returncode:
        said = (done.stderr or done.stdout).strip()
        raise ServiceError(f"`{' '.join(words)}` failed: {said}")


def write_file(path: Path, text: str, mode: int, owner: tuple[int, int] | None = None) -> None:
    """Write it whole or not at all; `owner` is uid and gid."""
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.new")
    scratch.unlink(missing_ok=True)
    handle = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as out:
        out.write(text)
        if owner is not None:
            os.fchown(out.fileno(), *owner)
        os.fchmod(out.fileno(), mode)
        os.fsync(out.fileno())
    scratch.replace(path)
