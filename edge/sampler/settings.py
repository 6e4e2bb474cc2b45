"""What a user can set about one camera's sampler.

Plain values, checked here; where they come from (YAML, MQTT) is not known. The sampler is built
from one of these and never changes it: a changed setting means a new Sampler.
"""

from __future__ import annotations

from dataclasses import dataclass

from edge.geometry import Polygon


@dataclass(frozen=True, slots=True)
class SamplerSettings:
    """Settings of one camera's sampler. Raises ValueError for a value out of its range.

    `sensitivity` 0..1 scales every threshold of the motion part at once: 0 doubles them, 0.5
    leaves them, 1 halves them. What counts above 0.5 alone may add things, and takes no part in
    what is decided of the whole picture. `threshold` (1..255) is the smallest change of luma that
    may count for a pixel; noise raises it where it must. `contour_area` is the smallest moving
    region, in pixels of a picture 320 px wide: 40 lets an object count whose box is about 3 % of
    the width (10 px square, of which some two thirds differ enough from what is behind it).
    `lightning_threshold` (0.3..1) is the share of the frame that changes at once when it is light
    and not motion. `scene_threshold` (0..1) is how unlike two pictures in a row must be for a
    scene cut. `max_window_s` bounds how long the best moment of a movement is waited for.
    `periodic_s` asks for a keyframe at least that often. `mask` are areas never looked at;
    `zones` are (name, area) pairs that motion boxes are matched with. With `keep_before` a
    movement's keyframes bear the quiet picture from before it, which takes 6 MB at 1080p and its
    decoding.
    """

    camera: str
    sensitivity: float = 0.5
    threshold: int = 20
    contour_area: int = 40
    lightning_threshold: float = 0.8
    scene_threshold: float = 0.6
    periodic_s: float | None = None
    max_window_s: float = 0.3
    mask: tuple[Polygon, ...] = ()
    zones: tuple[tuple[str, Polygon], ...] = ()
    motion: bool = True
    scene: bool = True
    tamper: bool = True
    keep_before: bool = True

    def __post_init__(self) -> None:
        self._check("sensitivity", self.sensitivity, 0, 1)
        self._check("threshold", self.threshold, 1, 255)
        self._check("contour_area", self.contour_area, 1, 57_600)
        self._check("lightning_threshold", self.lightning_threshold, 0.3, 1)
        self._check("scene_threshold", self.scene_threshold, 0, 1)
        self._check("max_window_s", self.max_window_s, 0, 5)
        if self.periodic_s is not None:
            self._check("periodic_s", self.periodic_s, 0.1, 7 * 86_400)

    def _check(self, name: str, value: float, low: float, high: float) -> None:
        if not low <= value <= high:  # also refuses NaN
            raise ValueError(f"{self.camera}: {name} must be {low}..{high}, not {value}")

    @property
    def strictness(self) -> float:
        """Factor on the thresholds: 2 at sensitivity 0, 1 at 0.5, 0.5 at 1."""
        return float(2 ** (1 - 2 * self.sensitivity))
