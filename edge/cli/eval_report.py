"""What `edge eval` says about one rule: tables, warnings, the lines to paste, and the same as JSON.

Decides nothing but the wording; figures come from `eval_figures.py`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from edge.calibration import MAX_TEMPERATURE, MIN_TEMPERATURE
from edge.cli.eval_figures import Evaluation, Verdicts, wilson_interval
from edge.cli.eval_scores import Bin, Scores
from edge.rules.rule import Rule

FEW_LABELS = 30
MAX_CONFUSION = 6  # options; a larger table is no longer read
INDENT = "  "


@dataclass(frozen=True, slots=True)
class Report:
    """One rule's figures and what they were found for."""

    rule: Rule
    evaluation: Evaluation
    precision: float  # what the verdicts are to reach

    @property
    def now_temperature(self) -> float:
        """The rule's present temperature."""
        return 1.0 if self.rule.calibration is None else self.rule.calibration.temperature


def yaml_lines(report: Report) -> list[str]:
    """The lines to put under the rule; none if nothing is suggested."""
    found = report.evaluation
    lines = []
    if found.temperature != 1.0:
        lines.append(f"calibration: {{temperature: {found.temperature:g}}}")
    if found.min_confidence is not None:
        lines.append(f"min_confidence: {found.min_confidence:g}")
    return lines


def warnings(report: Report) -> list[str]:
    """What keeps the figures from being taken at face value."""
    return [*_label_warnings(report), *_fit_warnings(report), *_threshold_warnings(report)]


def as_json(report: Report) -> dict[str, object]:
    """The report as plain JSON values; shares and probabilities are 0..1."""
    rule, found = report.rule, report.evaluation
    return {
        "rule": rule.name,
        "question": rule.question.text,
        "condition": None if rule.condition is None else rule.condition.text,
        "labels": found.num_labels,
        "pictures": found.num_pictures,
        "accuracy": found.accuracy,
        "accuracy_interval": list(wilson_interval(found.num_right, found.num_labels)),
        "options": list(rule.question.options),
        "confusion": [list(row) for row in found.confusion],
        "scores": {
            "model": _scores_json(found.raw),
            "configured": _scores_json(found.configured),
            "fitted": _scores_json(found.after),
        },
        "folds": found.num_folds,
        "fit": {
            "temperature": found.fit.temperature,
            "from_labels_alone": found.fit.from_labels_alone,
            "held_back": found.fit.is_held_back,
        },
        "wanted_precision": report.precision,
        "present": {
            "temperature": report.now_temperature,
            "min_confidence": rule.min_confidence,
            "verdicts": _verdicts_json(found.verdicts),
        },
        "suggested": {
            "temperature": found.temperature,
            "min_confidence": found.min_confidence,
            "verdicts": _verdicts_json(found.expected),
            "yaml": yaml_lines(report),
        },
        "warnings": warnings(report),
    }


def show(report: Report, console: Console) -> None:
    """Print the report; `console` must not read markup, names and questions may hold brackets."""
    rule, found = report.rule, report.evaluation
    low, high = wilson_interval(found.num_right, found.num_labels)
    console.rule(f"{rule.name}: {rule.question.text}", align="left")
    console.print(
        f"{_number(found.num_labels, 'label')} on {_number(found.num_pictures, 'picture')}; "
        f"{found.num_right} answered right: accuracy {found.accuracy:.2f} "
        f"(95 % interval {low:.2f} to {high:.2f})"
    )
    for table in (
        _confusion_table(report),
        _score_table(report),
        _reliability_table(report),
        _verdict_table(report),
    ):
        if table is not None:
            console.print(table)
    for warning in warnings(report):
        console.print(f"! {warning}")
    _show_suggestion(report, console)


def _show_suggestion(report: Report, console: Console) -> None:
    lines = yaml_lines(report)
    found = report.evaluation
    is_tested = found.after is not None and found.num_answers_seen > 1
    if report.now_temperature != 1.0 and found.temperature == 1.0 and is_tested:
        console.print("No temperature helps: `calibration` can be removed from the rule.")
    if not lines:
        console.print("No setting is suggested.\n")
        return
    console.print("To put into the configuration:\n")
    for line in (f"{report.rule.name}:", *(INDENT + line for line in lines)):
        console.print(f"{INDENT}{line}", soft_wrap=True)
    console.print()


def _label_warnings(report: Report) -> Iterator[str]:
    found, options = report.evaluation, report.rule.question.options
    if found.num_labels < FEW_LABELS:
        yield (
            f"only {_number(found.num_labels, 'label')}: with fewer than {FEW_LABELS} every figure "
            "here is a rough guess"
        )
    never = [option for option, row in zip(options, found.confusion, strict=True) if not any(row)]
    if found.num_answers_seen == 1:
        (true,) = (option for option in options if option not in never)
        yield (
            f"the true answer is always {true!r}: nothing can be said about the other answers, "
            "and nothing is suggested"
        )
    elif never:
        listed = ", ".join(repr(option) for option in never)
        yield f"no label has the true answer {listed}: nothing can be said about it"


def _fit_warnings(report: Report) -> Iterator[str]:
    found = report.evaluation
    if found.num_answers_seen == 1:
        return
    alone = found.fit.from_labels_alone
    if found.fit.is_held_back:
        is_bound = not MIN_TEMPERATURE * 1.01 < alone < MAX_TEMPERATURE / 1.01
        said = "without bound" if is_bound else f"of {alone:.2f}"
        yield (
            f"the labels alone would give a temperature {said}; they are too few or too alike to "
            f"rely on that, so it was held nearer to 1: {found.fit.temperature:.2f}"
        )
    if found.after is None:
        yield "all labels are on one picture: no temperature can be tested, none is suggested"
    elif found.temperature == 1.0:
        yield (
            f"the fitted temperature ({found.fit.temperature:.2f}) does not lower the log loss on "
            "pictures that it was not fitted to: none is suggested"
        )


def _threshold_warnings(report: Report) -> Iterator[str]:
    found, condition = report.evaluation, report.rule.condition
    if condition is None:
        yield "the rule has no `alert`, so its verdicts are always unsure and no threshold counts"
        return
    if found.num_answers_seen == 1:
        return
    if found.min_confidence is None:
        yield (
            f"no `min_confidence` makes {report.precision:.0%} of the verdicts right on these "
            "labels, with at least 5 that are not unsure"
        )
    elif found.expected is not None:
        reached = found.expected.precision
        if reached is None or reached < report.precision:
            told = "no verdict but unsure" if reached is None else f"{reached:.0%} right verdicts"
            yield (
                f"on pictures that it was not chosen from, such a `min_confidence` gave {told}, "
                f"not {report.precision:.0%}: more labels are needed to rely on it"
            )


def _confusion_table(report: Report) -> Table | None:
    options, confusion = report.rule.question.options, report.evaluation.confusion
    shown = [n for n in range(len(options)) if any(confusion[n]) or any(r[n] for r in confusion)]
    if len(shown) > MAX_CONFUSION:
        return None
    table = _table(
        "True answers (rows) and the model's (columns)", "", *(options[n] for n in shown)
    )
    for n in shown:
        table.add_row(options[n], *(str(confusion[n][m]) for m in shown))
    return table


def _score_table(report: Report) -> Table:
    found = report.evaluation
    columns = [("model", found.raw)]
    if found.configured is not None:
        columns.append((f"now, {report.now_temperature:g}", found.configured))
    if found.after is not None:
        columns.append((f"fitted, {found.fit.temperature:.2f}*", found.after))
    table = _table("Honesty at each temperature (0 is best)", "", *(name for name, _ in columns))
    for name, key in (
        ("log loss", "log_loss"),
        ("Brier score", "brier"),
        ("calibration error", "ece"),
    ):
        table.add_row(name, *(f"{getattr(scores, key):.3f}" for _, scores in columns))
    table.caption = _caption(found)
    return table


def _reliability_table(report: Report) -> Table:
    found, condition = report.evaluation, report.rule.condition
    what = "the answer is right" if condition is None else f"the answer is {condition.text}"
    names = ["model: mean", "true", "labels"]
    if found.after is not None:
        names += ["fitted*: mean", "true", "labels"]
    table = _table(f"Reliability: probability that {what}", "said", *names)
    sides = [found.raw.reliability] + ([] if found.after is None else [found.after.reliability])
    for bins in zip(*sides, strict=True):
        if any(bin_.num for bin_ in bins):
            cells = [cell for bin_ in bins for cell in _bin_cells(bin_)]
            table.add_row(f"{bins[0].low:.1f} to {bins[0].high:.1f}", *cells)
    return table


def _verdict_table(report: Report) -> Table | None:
    found = report.evaluation
    if found.verdicts is None:
        return None
    table = _table("Verdicts", "min_confidence", "yes or no", "of these right", "unsure")
    table.add_row(f"now: {report.rule.min_confidence:g}", *_verdict_cells(found.verdicts))
    if found.min_confidence is not None and found.expected is not None:
        suggested = f"suggested: {found.min_confidence:g}*"
        table.add_row(suggested, *_verdict_cells(found.expected))
    return table


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", caption_justify="left", title_style="bold")
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left")
    return table


def _caption(found: Evaluation) -> str | None:
    if found.after is None:
        return None
    way = "leaving one picture out" if found.num_folds == found.num_pictures else "cross-validated"
    return f"* {way}: judged on pictures that it was not fitted to ({found.num_folds} parts)"


def _bin_cells(bin_: Bin) -> Sequence[str]:
    if bin_.mean_probability is None or bin_.share_true is None:
        return ("", "", "0")
    return (f"{bin_.mean_probability:.2f}", f"{bin_.share_true:.2f}", str(bin_.num))


def _verdict_cells(verdicts: Verdicts) -> Sequence[str]:
    if verdicts.precision is None:
        return ("0", "", f"{verdicts.unsure_share:.0%}")
    low, high = wilson_interval(verdicts.num_right, verdicts.num_decided)
    right = f"{verdicts.precision:.0%} ({low:.0%} to {high:.0%})"
    return (str(verdicts.num_decided), right, f"{verdicts.unsure_share:.0%}")


def _verdicts_json(verdicts: Verdicts | None) -> dict[str, object] | None:
    if verdicts is None:
        return None
    return {
        "decided": verdicts.num_decided,
        "right": verdicts.num_right,
        "precision": verdicts.precision,
        "unsure_share": verdicts.unsure_share,
    }


def _scores_json(scores: Scores | None) -> dict[str, object] | None:
    return None if scores is None else dataclasses.asdict(scores)


def _number(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
