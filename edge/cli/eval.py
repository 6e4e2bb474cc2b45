"""Test rules on labelled pictures, and fit their temperature and min_confidence.

    edge eval labels.csv -c edge.yaml
    edge eval labels.jsonl -c edge.yaml --rule parcel --precision 0.99
    edge eval parcel_pictures/ -c edge.yaml --rule parcel      sub-folders `yes` and `no`
    edge eval labels.csv -c edge.yaml --json > eval.json

Each picture is asked about as the daemon would ask. LABELS is one of:

    a .csv file    first line: picture,rule,answer and if needed camera,x1,y1,x2,y2
    a .jsonl file  each line: {"picture": "a.jpg", "rule": "parcel", "answer": "yes"}
                   and if needed "camera": NAME, "region": [x1, y1, x2, y2]
    a folder       of one rule, with a sub-folder of pictures for each answer, named by it

Pictures are found relative to LABELS. A region (fractions of the picture) is where to look instead
of the rule's zones or the whole picture. With any fault in LABELS nothing is asked. The
configuration is never changed: the lines to put into it are printed.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from rich.console import Console
from rich.progress import track

from edge.cli.ask import compiled_dir
from edge.cli.eval_figures import Evaluation, evaluate
from edge.cli.eval_labels import Label, read_labels
from edge.cli.eval_report import Report, as_json, show
from edge.cli.eval_scores import Answers
from edge.config.load import load_config
from edge.daemon.wiring import (
    build_rules,
    camera_zones,
    engine_settings,
    find_answering,
)
from edge.errors import LabelError, PictureError
from edge.geometry import Box
from edge.hub.places import find_model
from edge.pictures import load_picture
from edge.questions import AnalysisRequest, ModelInfo
from edge.rules.asking import KeyframeFacts, Zones, build_looks
from edge.rules.rule import Rule
from edge.rules.state import Moment
from edge.vlm.remote.settings import RemoteSettings
from edge.vlm.settings import EngineSettings

if TYPE_CHECKING:
    from edge.config.models import Config
    from edge.vlm.door import AnsweringEngine

NAME = "eval"
HELP = "test rules on labelled pictures and fit their calibration"

_NO_TIME = datetime.fromtimestamp(0, UTC)  # labels are asked about whatever the schedule says


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("labels", type=Path, metavar="LABELS", help="file or folder, see above")
    parser.add_argument(
        "-c", "--config", type=Path, metavar="FILE", required=True, help="the configuration, YAML"
    )
    parser.add_argument(
        "--rule",
        action="append",
        default=[],
        metavar="NAME",
        help="only this rule; can be repeated (default: all that have labels)",
    )
    parser.add_argument("--model", default="", help="another model than the configuration's")
    parser.add_argument(
        "--precision",
        type=_share,
        default=0.95,
        metavar="P",
        help="the share of yes and no verdicts that are to be right (default: %(default)s)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """Read the labels, ask, print."""
    config = load_config(args.config).config
    rules = {rule.name: rule for rule in build_rules(config)}
    labels = read_labels(args.labels, rules, _chosen(args.rule, rules))

    from edge.vlm.door import open_answering

    with open_answering(_settings(config, args.model)) as engine:
        answers = ask(engine, rules, camera_zones(config), labels.labels)
        info = engine.info
    reports = [
        Report(rules[name], _evaluate(rules[name], found, args.precision), args.precision)
        for name, found in answers.items()
    ]
    notes = list(_notes(config, info, labels.num_left_out))
    if args.json:
        document = {
            "model": {
                "name": info.name,
                "precision": info.precision,
                "demonstration": info.demonstration,
            },
            "labels_left_out": labels.num_left_out,
            "warnings": notes,
            "rules": [as_json(report) for report in reports],
        }
        print(json.dumps(document, ensure_ascii=False))
        return 0
    console = Console(markup=False, emoji=False, highlight=False)
    for report in reports:
        show(report, console)
    for note in notes:
        console.print(f"! {note}")
    return 0


def _settings(config: Config, model: str) -> EngineSettings | RemoteSettings:
    """The engine of the configuration, or the one for another model on this box."""
    if model:
        local = engine_settings(config, find_model(model))
    else:
        settings = find_answering(config)
        if isinstance(settings, RemoteSettings):
            return settings
        local = settings
    return replace(local, cache_dir=compiled_dir())


def ask(
    engine: AnsweringEngine,
    rules: Mapping[str, Rule],
    zones: Mapping[str, Zones],
    labels: Sequence[Label],
) -> dict[str, Answers]:
    """The model's own probabilities for each label, by rule in the labels' order.

    Questions about the same part of a picture are asked together, as the daemon does. Raises as
    `Engine.analyze`, and LabelError for a picture that the model cannot be shown.
    """
    shares: dict[Label, list[float]] = {}
    groups: dict[_Sight, list[Label]] = {}
    for label in labels:
        groups.setdefault(_Sight(label.picture, label.camera, label.region), []).append(label)
    console = Console(stderr=True)
    for sight, members in track(
        groups.items(), "asking", console=console, disable=not console.is_terminal
    ):
        request = _request(sight, [rules[label.rule] for label in members], zones)
        try:
            result = engine.analyze(request)
        except PictureError as error:
            raise LabelError(f"{sight.picture}: {error}") from error
        found = {answer.question_id: answer.probabilities for answer in result.answers}
        for label in members:
            options = rules[label.rule].question.options
            shares[label] = [found[label.rule][option] for option in options]
    return {
        name: _collect(rules[name], labels, shares)
        for name in dict.fromkeys(x.rule for x in labels)
    }


@dataclass(frozen=True, slots=True)
class _Sight:
    """A part of a picture, as a camera would have seen it."""

    picture: Path
    camera: str
    region: Box | None


def _request(sight: _Sight, rules: Sequence[Rule], zones: Mapping[str, Zones]) -> AnalysisRequest:
    """What the daemon would send to the analyzer; a region takes the place of zones."""
    facts = KeyframeFacts(
        camera=sight.camera,
        trigger="command",
        boxes=() if sight.region is None else (sight.region,),
        zones=(),
        at=Moment(0.0, _NO_TIME),
        local=_NO_TIME,
    )
    if sight.region is not None:
        rules = [replace(rule, zones=()) for rule in rules]
    return AnalysisRequest(
        id="eval",
        image=load_picture(sight.picture),
        before=None,
        looks=build_looks(rules, facts, zones.get(sight.camera, {})),
    )


def _collect(
    rule: Rule, labels: Sequence[Label], shares: Mapping[Label, Sequence[float]]
) -> Answers:
    own = [label for label in labels if label.rule == rule.name]
    numbers = {picture: n for n, picture in enumerate(dict.fromkeys(x.picture for x in own))}
    accepted = None
    if rule.condition is not None:
        accepted = np.isin(rule.question.options, rule.condition.accepted)
    return Answers(
        probabilities=np.array([shares[label] for label in own], np.float64),
        truths=np.array([label.truth for label in own], np.intp),
        pictures=np.array([numbers[label.picture] for label in own], np.intp),
        accepted=accepted,
    )


def _evaluate(rule: Rule, answers: Answers, precision: float) -> Evaluation:
    return evaluate(
        answers,
        precision=precision,
        present_temperature=1.0 if rule.calibration is None else rule.calibration.temperature,
        present_confidence=rule.min_confidence,
    )


def _chosen(names: Sequence[str], rules: Mapping[str, Rule]) -> Sequence[str]:
    if not rules:
        raise LabelError("the configuration has no rules")
    unknown = [name for name in names if name not in rules]
    if unknown:
        raise LabelError(f"--rule: there is no rule {unknown[0]!r}; there are {', '.join(rules)}")
    return [*dict.fromkeys(names)] or [*rules]


def _notes(config: Config, info: ModelInfo, num_left_out: int) -> Iterator[str]:
    if info.demonstration:
        yield (
            f"the model {info.name} is for demonstration: its answers about real pictures, and so "
            "these figures, mean nothing"
        )
    if config.vlm.temporal == "pair":
        yield (
            "`vlm.temporal` is pair: the daemon also shows the picture from before a movement, "
            "which labelled pictures do not have"
        )
    if num_left_out:
        yield f"{num_left_out} labels of rules that were not asked for were left out"


def _share(word: str) -> float:
    share = float(word)
    if not 0.5 <= share < 1:
        raise argparse.ArgumentTypeError(f"must be from 0.5 to below 1, not {word}")
    return share
