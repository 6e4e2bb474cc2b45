"""What a configuration asks of the box, at the pace that was measured on it. Pure.

Certain are the keyframes that come by the clock (`periodic`, and `every` of a rule). How often
something moves is not known; what such a keyframe takes is. Pictures count as large as they may be:
the whole picture, or a zone's part of it, within `vlm.pixels`. Descriptions come on top.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from edge.config.models import Config
from edge.config.rule import RuleConfig
from edge.daemon.wiring import sampler_settings
from edge.geometry import union_of
from edge.pace import Needs, Pace, RuleNeed
from edge.vlm.settings import DEFAULT_MAX_PIXELS, OVERVIEW_PIXELS

HOUR_S = 3600.0
BUSY_FRAC = 0.7  # what comes by the clock leaves this little for what moves
PICTURE_PX = 1920 * 1080  # a camera's, of which a zone is a part


@dataclass(frozen=True, slots=True)
class _Asked:
    """A rule at a camera, and how often the clock has it asked there in an hour."""

    rule: str
    per_hour: float


@dataclass(frozen=True, slots=True)
class _LookNeed:
    """Rules that share a look at a camera."""

    pixels: int
    asked: tuple[_Asked, ...]


def clocked_per_hour(config: Config) -> float:
    """Keyframes an hour that the enabled cameras take by `periodic` and `every`."""
    return sum(HOUR_S / one for one in _periods(config).values() if one is not None)


def estimate_needs(config: Config, pace: Pace) -> Needs | None:
    """What the enabled cameras' rules need at this pace; None where none asks anything."""
    looks = {camera: tuple(_looks(config, camera)) for camera in _periods(config)}
    keyframes = [
        sum(_look_ms(look, pace, len(look.asked), config) for look in of_camera)
        for of_camera in looks.values()
        if of_camera
    ]
    if not keyframes:
        return None
    each: dict[str, float] = {}
    clock: dict[str, float] = {}
    for look in (look for of_camera in looks.values() for look in of_camera):
        share = _look_ms(look, pace, len(look.asked), config) / len(look.asked)
        for rule, spent_ms in _clock_shares(look, pace, config):
            each[rule] = max(each.get(rule, 0.0), share)
            clock[rule] = clock.get(rule, 0.0) + spent_ms
    rules = (RuleNeed(rule, ms, clock[rule]) for rule, ms in each.items())
    return Needs(
        keyframe_ms=sum(keyframes) / len(keyframes),
        clocked=clocked_per_hour(config),
        clock_ms=sum(clock.values()),
        rules=tuple(sorted(rules, key=lambda one: (-one.clock_ms, -one.each_ms))),
    )


def _periods(config: Config) -> dict[str, float | None]:
    """Seconds between two clocked keyframes of each enabled camera; None where there are none."""
    return {
        name: sampler_settings(config, name).periodic_s
        for name, camera in config.cameras.items()
        if camera.enabled
    }


def _looks(config: Config, camera: str) -> Iterator[_LookNeed]:
    """The looks at a keyframe of a camera about which all of its rules are asked."""
    period_s = sampler_settings(config, camera).periodic_s
    by_zones: dict[tuple[str, ...], list[_Asked]] = {}
    for name, rule in config.rules.items():
        if camera in config.cameras_of(name):
            is_periodic = config.cameras[camera].periodic_s is not None
            asked = _Asked(name, _per_hour(rule, period_s, is_periodic=is_periodic))
            by_zones.setdefault(tuple(sorted(rule.zones)), []).append(asked)
    for zones, asked_there in by_zones.items():
        yield _LookNeed(_pixels(config, camera, zones), tuple(asked_there))


def _per_hour(rule: RuleConfig, period_s: float | None, *, is_periodic: bool) -> float:
    """How often the clock has a rule asked at a camera with a keyframe each `period_s`."""
    if period_s is None:
        return 0.0
    if is_periodic and "periodic" in rule.when.on:
        return HOUR_S / period_s
    return 0.0 if rule.when.every_s is None else HOUR_S / max(period_s, rule.when.every_s)


def _pixels(config: Config, camera: str, zones: Iterable[str]) -> int:
    """What such a look feeds at most."""
    most = config.vlm.max_pixels or DEFAULT_MAX_PIXELS
    bounds = union_of(config.cameras[camera].zones[name].bounds for name in zones)
    return most if bounds is None else min(most, max(1, int(bounds.area * PICTURE_PX)))


def _look_ms(look: _LookNeed, pace: Pace, num_questions: int, config: Config) -> float:
    overview = OVERVIEW_PIXELS if config.vlm.overview else 0
    return pace.look_ms(look.pixels + overview, num_questions)


def _clock_shares(look: _LookNeed, pace: Pace, config: Config) -> Iterator[tuple[str, float]]:
    """What the clock makes each rule of a look take in an hour.

    A rule that is asked more seldom is asked together with the more frequent ones: a look with n
    of them happens as often as the n-th asks and the next does not, and they share its time.
    """
    ordered = sorted(look.asked, key=lambda one: -one.per_hour)
    rates = [*(one.per_hour for one in ordered), 0.0]
    shares = [
        (often - seldom) * _look_ms(look, pace, num, config) / num
        for num, (often, seldom) in enumerate(pairwise(rates), start=1)
    ]
    for index, one in enumerate(ordered):
        yield one.rule, sum(shares[index:])
