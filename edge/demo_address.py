"""The drawn camera's address: what `demo:yard?seed=7&fps=10&size=640x360` says.

    demo:yard?seed=7&fps=10&size=640x360&night=auto&weather=auto&events=all&sign=WORDS

Pure words, nothing is drawn here: the configuration checks an address, the demo opens it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, get_args
from urllib.parse import parse_qsl

Night = Literal["auto", "0", "1"]
Rain = Literal["auto", "dry", "rain"]
Events = Literal["all", "visits", "calm", "tamper"]

SCHEME = "demo:"
EXAMPLE = "demo:yard?seed=7&fps=10&size=640x360"
MIN_SIZE_PX, MAX_SIZE_PX = (64, 36), (3840, 2160)
MAX_FPS = 60.0
MAX_SEED = 2**32 - 1
MAX_SIGN_LETTERS = 80


@dataclass(frozen=True, slots=True)
class DemoAddress:
    """What an address asks for.

    `fps` is the camera's own rate, not what is handed on. `sign` is an order for the sign in the
    yard. `night`, `weather` and `events` are explained at the demo's story.
    """

    seed: int = 7
    fps: float = 10.0
    width_px: int = 640
    height_px: int = 360
    night: Night = "auto"
    weather: Rain = "auto"
    events: Events = "all"
    sign: str = ""


def parse_demo_address(text: str) -> DemoAddress:
    """Read an address that begins with `demo:`; every part has a default.

    Raises ValueError naming each part that is wrong, its value and what is allowed.
    """
    scene, _, query = text.strip().removeprefix(SCHEME).partition("?")
    faults = [] if scene in {"", "yard"} else [f"the demo has no scene {scene!r}, only `yard`"]
    fields: dict[str, Any] = {}
    for key, value in dict(parse_qsl(query, keep_blank_values=True)).items():
        if key not in _PARSERS:
            faults.append(f"a demo scene has no {key!r}; allowed are {', '.join(_PARSERS)}")
            continue
        try:
            fields |= _PARSERS[key](value)
        except ValueError as error:
            faults.append(str(error))
    if faults:
        raise ValueError("; ".join(faults))
    return DemoAddress(**fields)


def _parse_seed(text: str) -> dict[str, Any]:
    if not re.fullmatch(r"\d{1,10}", text, re.ASCII) or int(text) > MAX_SEED:
        raise ValueError(f"seed must be a whole number from 0 to {MAX_SEED}, not {text!r}")
    return {"seed": int(text)}


def _parse_fps(text: str) -> dict[str, Any]:
    if (
        not re.fullmatch(r"\d{1,3}(\.\d{1,6})?", text, re.ASCII)
        or not 0.1 <= float(text) <= MAX_FPS
    ):
        raise ValueError(f"fps must be a number from 0.1 to {MAX_FPS:g}, not {text!r}")
    return {"fps": float(text)}


def _parse_size(text: str) -> dict[str, Any]:
    match = re.fullmatch(r"(\d{1,5})x(\d{1,5})", text, re.ASCII)
    size = (int(match[1]), int(match[2])) if match else (0, 0)
    if not all(
        low <= side <= high for low, side, high in zip(MIN_SIZE_PX, size, MAX_SIZE_PX, strict=True)
    ):
        low, high = ("x".join(map(str, bound)) for bound in (MIN_SIZE_PX, MAX_SIZE_PX))
        raise ValueError(f"size must be WIDTHxHEIGHT from {low} to {high}, not {text!r}")
    return {"width_px": size[0], "height_px": size[1]}


def _parse_sign(text: str) -> dict[str, Any]:
    """The order on the sign; `_` stands for a blank."""
    if not re.fullmatch(rf"[A-Za-z0-9_.-]{{0,{MAX_SIGN_LETTERS}}}", text, re.ASCII):
        raise ValueError(
            f"sign must be at most {MAX_SIGN_LETTERS} of A-Z, 0-9, '.', '-' and '_' for a blank, "
            f"not {text!r}"
        )
    return {"sign": text.replace("_", " ").strip().upper()}


def _word(key: str, allowed: tuple[str, ...]) -> Callable[[str], dict[str, Any]]:
    """One of the allowed words."""

    def parse(text: str) -> dict[str, Any]:
        if text not in allowed:
            raise ValueError(f"{key} must be one of {', '.join(allowed)}, not {text!r}")
        return {key: text}

    return parse


_PARSERS: dict[str, Callable[[str], dict[str, Any]]] = {
    "seed": _parse_seed,
    "fps": _parse_fps,
    "size": _parse_size,
    "night": _word("night", get_args(Night)),
    "weather": _word("weather", get_args(Rain)),
    "events": _word("events", get_args(Events)),
    "sign": _parse_sign,
}
