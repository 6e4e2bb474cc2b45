"""What happens in the demo's yard, and when: a pure function of seed and time.

Cycles of ten minutes follow each other for ever, each with other people and other cars. Knows
nothing of pixels or clocks; `scene` shows it, `account` says when what was to be seen.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from edge.demo import acts
from edge.demo.acts import Act
from edge.demo.home import build_home
from edge.demo.world import (
    Camera,
    Daylight,
    DoorState,
    Light,
    Moment,
    Weather,
    Yard,
)
from edge.demo_address import Events, Night, Rain

CYCLE_S = 600.0
TURN_S = 40.0  # one act in each
FIRST_S = 3.0  # an act begins this long after its turn, or up to a second later


@dataclass(frozen=True)
class Story:
    """One yard's story.

    `night`: falls once in each cycle, never or always. `weather`: one shower in each cycle, dry, or
    always rain. `events`: everything; visitors and parcels alone; nothing but light, rain and
    leaves; or everything and a camera that is covered and shifted. `sign` is an order on the sign.
    """

    seed: int = 7
    night: Night = "auto"
    weather: Rain = "auto"
    events: Events = "all"
    sign: str = ""

    @cached_property
    def yard(self) -> Yard:
        """Where it plays."""
        return build_home(self.seed, self.sign)

    def moment_at(self, t_s: float) -> Moment:
        """Everything at `t_s` >= 0 seconds."""
        cycle = int(t_s // CYCLE_S)
        act, cycle_t_s = _cycle(self.seed, cycle, self.events), t_s - cycle * CYCLE_S
        things = (part.at(cycle_t_s, self.yard) for part in act.parts)
        door: DoorState = "closed"
        for from_s, to_s, state in act.door:
            if from_s <= cycle_t_s < to_s:
                door = state
        rain = self._rain_at(cycle_t_s)
        return Moment(
            yard=self.yard,
            things=tuple(thing for thing in things if thing is not None),
            door=door,
            light=self._light_at(cycle_t_s, rain),
            weather=Weather(rain, _sway_at(t_s, 0.35 + 0.5 * rain)),
            camera=self._camera_at(cycle_t_s),
            seed=(self.seed * 1_000_003 + round(t_s * 1000)) % 2**31,
        )

    def _light_at(self, t_s: float, rain: float) -> Light:
        """Day, a dusk of 40 s, two and a half minutes of night, and dawn."""
        dark = {"0": 0.0, "1": 1.0}.get(self.night)
        if dark is None:
            dark = min(_ramp(t_s, 290, 330), 1 - _ramp(t_s, 480, 520))
        level = 1.0 - 0.66 * dark - 0.1 * rain * (1 - dark)
        name: Daylight = "day" if level > 0.75 else "dusk" if level > 0.45 else "night"
        if self._is_infrared(t_s, dark):
            return Light("night", 0.8, infrared=True)
        lamp = dark > 0.4 and not 424 <= t_s < 434
        return Light(
            name=name,
            level=level,
            sun=0.7 * (1 - dark) if not rain and name == "day" else 0.0,
            lamp_on=lamp,
            window_lit=dark > 0.5 and (t_s // 35) % 3 != 0,
            tint=(1 - 0.12 * dark, 1 - 0.03 * dark, 1 + 0.12 * dark),
        )

    def _is_infrared(self, t_s: float, dark: float) -> bool:
        """For a part of the night the camera uses its own light, and sees no colours."""
        return dark >= 1.0 and 400 <= t_s < 455

    def _rain_at(self, t_s: float) -> float:
        if self.weather != "auto":
            return 0.7 if self.weather == "rain" else 0.0
        return 0.7 * min(_ramp(t_s, 226, 232), 1 - _ramp(t_s, 276, 284))

    def _camera_at(self, t_s: float) -> Camera:
        noise = 2.0
        if self.events != "tamper":
            return Camera(noise)
        if 104 <= t_s < 124:
            return Camera(noise, covered=min(_ramp(t_s, 104, 105.2), 1 - _ramp(t_s, 122.8, 124)))
        moved = min(_ramp(t_s, 184, 185), 1 - _ramp(t_s, 209, 210))
        if moved <= 0:
            return Camera(noise)
        return Camera(noise, shift=(0.09 * moved, 0.05 * moved), turn_deg=4.0 * moved)


def _ramp(t_s: float, from_s: float, to_s: float) -> float:
    """0 before, 1 after, evenly between."""
    return min(1.0, max(0.0, (t_s - from_s) / (to_s - from_s)))


def _sway_at(t_s: float, strength: float) -> float:
    """Leaves move a little all the time, with gusts."""
    gust = 0.6 + 0.4 * math.sin(t_s * 0.21)
    return strength * gust * (0.7 * math.sin(t_s * 2.1) + 0.3 * math.sin(t_s * 5.3 + 1))


@lru_cache(maxsize=64)
def _cycle(seed: int, cycle: int, events: Events) -> Act:
    """One cycle's parts and what the door does, in seconds from its beginning."""
    rng = np.random.default_rng((seed, 4, cycle))
    begins = [TURN_S * i + FIRST_S + float(rng.uniform(0, 1)) for i in range(15)]
    if events == "calm":
        written = [acts.sweep(begins[9]), acts.sweep(begins[11])]
    elif events == "visits":
        written = [act for i in range(0, 15, 3) for act in _visits(rng, begins[i : i + 3])]
    else:
        written = _everything(rng, begins)
    parts = tuple(part for act in written for part in act.parts)
    return Act(parts, tuple(span for act in written for span in act.door))


def _visits(rng: np.random.Generator, begins: list[float]) -> list[Act]:
    """A parcel is brought and taken away, then somebody only stands at the door."""
    collector, taken_s = acts.take(rng, begins[1])
    return [
        acts.bring(rng, begins[0], collector, taken_s),
        Act((collector,)),
        acts.stand(rng, begins[2]),
    ]


def _everything(rng: np.random.Generator, begins: list[float]) -> list[Act]:
    """Fifteen turns: six by day, then dusk, four by night, and the morning with its fire."""
    collector, taken_s = acts.take(rng, begins[4])
    night_collector, night_taken_s = acts.take(rng, begins[11])
    return [
        acts.bring(rng, begins[0], collector, taken_s),
        acts.park(rng, begins[1], begins[3] + 22, dark=False),
        acts.go_in(rng, begins[2]),
        acts.dog_comes(rng, begins[3]),
        Act((collector,)),
        acts.ride_through(rng, begins[5]),
        acts.run_past(rng, begins[5] + 16),
        acts.group(rng, begins[6], int(rng.integers(2, 5))),
        acts.come_out(rng, begins[7], 22.0),
        acts.park(rng, begins[8], begins[8] + 24, dark=True),
        acts.bring(rng, begins[9], night_collector, night_taken_s),
        acts.sweep(begins[10]),
        acts.dog_comes(rng, begins[10] + 12),
        Act((night_collector,)),
        acts.leave_bicycle(rng, begins[12], 16.0),
        acts.burn(rng, begins[13], 16.0),
        acts.group(rng, begins[14], int(rng.integers(1, 3))),
    ]
