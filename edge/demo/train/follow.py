"""How well rules follow the story: every change of a rule's state against what was to be seen.

    python -m edge.demo.train.follow MODEL [--seed N] [--seconds N]

Runs the demo's own rules over its drawn camera as `edge replay` does, the model's time left out.
Uses the engine; needs no torch.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from edge.config.load import load_config
from edge.demo.account import spans
from edge.demo.story import Story
from edge.demo.world import Truth
from edge.replay.judge import Judge, StateChange
from edge.replay.outcome import Keep, Outcome, run_clip
from edge.replay.run import configured_plan
from edge.threads import take_one_thread

RULES = Path(__file__).parents[1] / "demo.yaml"
CAMERA = "yard"
LATE_S = 5.0  # a change that is later is wrong
EARLY_S = 0.6  # what is seen by a fifth may be told before it counts as visible
SHORT_S = 2.5  # what is there, or away, for less than this need not be told

Spans = list[tuple[float, float]]

HOLDS: dict[str, Callable[[Truth], bool]] = {
    "person": lambda truth: truth.has("person"),
    "car": lambda truth: truth.has("car"),
    "dog": lambda truth: truth.has("dog"),
    "bicycle": lambda truth: truth.has("bicycle"),
    "fire": lambda truth: truth.has("fire"),
    "parcel": lambda truth: any(
        seen.kind == "parcel" and seen.where == "doorstep" and seen.visible >= 0.25
        for seen in truth.seen
    ),
    "door": lambda truth: truth.door is not None and truth.door.state != "closed",
}


@dataclass(frozen=True, slots=True)
class Followed:
    """What came of one rule. `wrong` are changes that should not have been, by time."""

    expected: int
    right: int
    missed: tuple[tuple[float, str], ...]
    wrong: tuple[tuple[float, str], ...]
    delays_s: tuple[float, ...]

    @property
    def share(self) -> float:
        """The share of right ones among all changes, made or due."""
        return self.right / max(1, self.expected + len(self.wrong))


def true_spans(story: Story, rule: str, until_s: float) -> Spans:
    """When a rule should be on. Raises KeyError for a rule of which nothing is known."""
    return merged(
        (span.from_s, span.to_s) for span in spans(story, HOLDS[rule], 0.0, until_s) if span.value
    )


def merged(found: Iterable[tuple[float, float]]) -> Spans:
    """Spans in order of time without short gaps, and then without short ones."""
    whole: Spans = []
    for from_s, to_s in found:
        if whole and from_s - whole[-1][1] < SHORT_S:
            whole[-1] = (whole[-1][0], to_s)
        else:
            whole.append((from_s, to_s))
    return [(from_s, to_s) for from_s, to_s in whole if to_s - from_s >= SHORT_S]


def follow(changes: Sequence[StateChange], on: Spans, until_s: float) -> Followed:
    """Compare one rule's changes with when it should have been on.

    A change is right if it goes the right way from EARLY_S before to LATE_S after a border of a
    span; what is due in the last LATE_S need not have come.
    """
    due = [(t_s, state) for from_s, to_s in on for t_s, state in ((from_s, "on"), (to_s, "off"))]
    due = [(t_s, state) for t_s, state in due if t_s < until_s - LATE_S]
    left = [change for change in changes if change.state in ("on", "off")]
    if left and left[0].state == "off" and (not on or on[0][0] > left[0].t_s):
        left = left[1:]  # that it is off is known for the first time
    missed, delays_s = [], []
    for t_s, state in due:
        answers = (
            one for one in left if one.state == state and -EARLY_S <= one.t_s - t_s <= LATE_S
        )
        answer = next(answers, None)
        if answer is None:
            missed.append((t_s, state))
        else:
            left.remove(answer)
            delays_s.append(answer.t_s - t_s)
    wrong = tuple((one.t_s, one.state) for one in left)
    return Followed(len(due), len(delays_s), tuple(missed), wrong, tuple(delays_s))


def follow_story(model: str, url: str, story: Story, seconds: float) -> dict[str, Followed]:
    """Run the demo's rules with a model over `seconds` of a drawn camera; by rule.

    `url` is the camera's and shows `story`. Rules of which no truth is known are left out. Raises
    ConfigError, ModelError.
    """
    config = load_config(RULES).config
    outcome = Outcome(Path(url), configured_plan(config, CAMERA, Path(url), length_s=seconds))
    with TemporaryDirectory() as cache:  # the rules' own would be beside them, in the package
        vlm = config.vlm.model_copy(update={"model": model, "cache": Path(cache)})
        judge = Judge(config.model_copy(update={"vlm": vlm}), CAMERA)
        judge.begin()
        run_clip(outcome, judge=judge, keep=Keep(), listener=Silent())
    return {
        rule: follow(
            [change for change in outcome.changes if change.rule == rule],
            true_spans(story, rule, seconds),
            seconds,
        )
        for rule in config.rules
        if rule in HOLDS
    }


class Silent:
    """Listens to a replay and says nothing."""

    def begins(self, outcome: Outcome) -> None:
        """A clip begins."""

    def takes(self, outcome: Outcome, shown: object) -> None:
        """A keyframe was taken."""

    def judges(self, outcome: Outcome, t_s: float, judged: object) -> None:
        """The rules have spoken."""

    def ends(self, outcome: Outcome) -> None:
        """The clip is over."""


def main() -> None:
    """Follow the story with a model folder and print the figures as JSON."""
    parser = argparse.ArgumentParser(description="Follow the demo's story with a model.")
    parser.add_argument("model", help="a model folder, or `demo`")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=600.0)
    arguments = parser.parse_args()
    take_one_thread()
    url = f"demo:yard?seed={arguments.seed}"
    found = follow_story(arguments.model, url, Story(seed=arguments.seed), arguments.seconds)
    for rule, one in found.items():
        line = {
            "rule": rule,
            "share": round(one.share, 3),
            "expected": one.expected,
            "right": one.right,
            "missed": [(round(t_s, 1), state) for t_s, state in one.missed],
            "wrong": [(round(t_s, 1), state) for t_s, state in one.wrong],
            "delay_s": round(max(one.delays_s, default=0.0), 2),
        }
        print(json.dumps(line))  # noqa: T201 - the report


if __name__ == "__main__":
    main()
