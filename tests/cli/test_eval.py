"""`edge eval` from the command line: labels in, figures out, and every way labels can be wrong."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw
from rich.console import Console

from edge.calibration import Calibration
from edge.cli import main
from edge.cli.eval_figures import evaluate
from edge.cli.eval_labels import Labels, parse_answer, read_labels
from edge.cli.eval_report import Report, as_json, show, warnings, yaml_lines
from edge.cli.eval_scores import Answers
from edge.config.load import load_config, load_text
from edge.daemon.wiring import build_rules
from edge.errors import LabelError
from edge.geometry import Box
from edge.questions import choice, count, rating, yes_no
from tests.support.rules import make_rule

CONFIG = """\
mqtt: {host: localhost}
vlm: {model: demo}
cameras:
  porch:
    input: rtsp://192.0.2.1/a
    zones: {step: [[0.3, 0.5], [0.7, 0.5], [0.7, 1], [0.3, 1]]}
  yard:
    input: rtsp://192.0.2.1/b
    zones: {step: [[0, 0], [0.5, 0], [0.5, 1], [0, 1]]}
rules:
  person:
    ask: Is there a person?
  people:
    count: How many people are there?
    highest: 4
    cameras: porch
    calibration: {temperature: 2}
  parcel:
    ask: Is there a parcel on the step?
    zones: step
    cameras: porch
  bin:
    ask: Is there a bin on the step?
    zones: step
  door:
    choose: How does the [red]door[/red] stand?
    options: [open, closed]
  sign:
    read: What does the sign say?
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a configuration and eight drawn pictures."""
    folder = tmp_path_factory.mktemp("eval")
    (folder / "edge.yaml").write_text(CONFIG)
    (folder / "pics").mkdir()
    for number in range(8):
        image = Image.new("RGB", (96, 64), (40 + 20 * number, 90, 120))
        if number % 2:
            ImageDraw.Draw(image).ellipse((20, 10, 40, 50), fill=(200, 160, 130))
        image.save(folder / "pics" / f"{number}.png")
    (folder / "pics" / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no picture")
    (folder / "pics" / "empty.png").write_bytes(b"")
    return folder


def write_jsonl(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def row(rule: str, answer: object, picture: int | str = 0, **more: object) -> dict[str, Any]:
    name = f"pics/{picture}.png" if isinstance(picture, int) else picture
    return {"picture": name, "rule": rule, "answer": answer, **more}


@pytest.fixture
def read(place: Path, request: pytest.FixtureRequest) -> Callable[..., Labels]:
    rules = {rule.name: rule for rule in build_rules(load_config(place / "edge.yaml").config)}

    def read_rows(*rows: dict[str, Any], chosen: tuple[str, ...] = ()) -> Labels:
        return read_labels(
            write_jsonl(place / "x.jsonl", list(rows)), rules, chosen or tuple(rules)
        )

    return read_rows


def test_figures_are_consistent(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [row("person", n % 2 == 1, n) for n in range(8)]
    rows += [row("people", n % 6, n) for n in range(8)]
    rows += [row("parcel", "no", n) for n in range(3)]
    rows += [row("parcel", "Yes", 0, region=[0, 0, 0.5, 1])]
    rows += [row("door", "open", 0, camera="yard"), row("bin", "no", 0, camera="yard")]
    labels = write_jsonl(place / "all.jsonl", rows)
    command = ["eval", str(labels), "-c", str(place / "edge.yaml")]
    assert (
        main([*command, "--json", "--rule", "person", "--rule", "people", "--rule", "parcel"]) == 0
    )
    document = json.loads(capsys.readouterr().out)
    assert document["model"]["demonstration"] is True
    assert document["labels_left_out"] == 2
    assert any("demonstration" in warning for warning in document["warnings"])
    found = {entry["rule"]: entry for entry in document["rules"]}
    assert {name: (e["labels"], e["pictures"]) for name, e in found.items()} == {
        "person": (8, 8),
        "people": (8, 8),
        "parcel": (4, 3),
    }
    for entry in found.values():
        confusion = entry["confusion"]
        assert sum(map(sum, confusion)) == entry["labels"]
        right = sum(confusion[n][n] for n in range(len(confusion)))
        assert entry["accuracy"] == pytest.approx(right / entry["labels"])
        for scores in entry["scores"].values():
            if scores is not None:
                assert scores["log_loss"] > 0
                assert 0 < scores["brier"] < 1
                assert 0 <= scores["ece"] <= 1
                assert sum(b["num"] for b in scores["reliability"]) == entry["labels"]
        assert any("fewer than 30" in warning for warning in entry["warnings"])
        assert 0.1 <= entry["fit"]["temperature"] <= 10
    assert found["people"]["scores"]["configured"] is not None
    assert found["person"]["scores"]["configured"] is None
    assert found["people"]["confusion"][4] != [0] * 5  # 5 people are "4 or more"


def test_is_the_daemons_own_answer(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same figures as asking about the zone by hand."""
    labels = write_jsonl(place / "one.jsonl", [row("parcel", "yes", 1)])
    config = str(place / "edge.yaml")
    assert main(["eval", str(labels), "-c", config, "--json"]) == 0
    evaluated = json.loads(capsys.readouterr().out)["rules"][0]
    picture = str(place / "pics" / "1.png")
    question = "Is there a parcel on the step?"
    asked = ["ask", picture, question, "--yes-no", "--model", "demo", "--json"]
    assert main([*asked, "--region", "0.3,0.5,0.7,1"]) == 0
    by_hand = json.loads(capsys.readouterr().out)["probabilities"]["yes"]
    (filled,) = [b for b in evaluated["scores"]["model"]["reliability"] if b["num"]]
    assert filled["mean_probability"] == pytest.approx(by_hand, abs=1e-3)


def test_readable_report(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with (place / "l.csv").open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["picture", "rule", "answer", "x1", "y1", "x2", "y2"])
        for n in range(4):
            writer.writerow([f"pics/{n}.png", "door", ["open", "CLOSED"][n % 2], *[""] * 4])
            writer.writerow([f"pics/{n}.png", "people", n, 0, 0, 0.5, 1])
    before = (place / "edge.yaml").read_bytes()
    assert main(["eval", str(place / "l.csv"), "-c", str(place / "edge.yaml")]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert "How does the [red]door[/red] stand?" in out  # shown as it is, no markup
    assert "4 labels on 4 pictures" in out
    assert "Reliability: probability that the answer is >= 1" in out
    assert "the rule has no `alert`" in out
    assert "for demonstration" in out
    assert (place / "edge.yaml").read_bytes() == before


def test_a_folder_named_by_answers(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = place / "doors"
    for answer, number in (("open", 0), ("Closed", 1)):
        (folder / answer).mkdir(parents=True)
        shutil.copy(place / "pics" / f"{number}.png", folder / answer)
    (folder / ".hidden").write_text("")
    command = ["eval", str(folder), "-c", str(place / "edge.yaml")]
    assert main([*command, "--rule", "door", "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["rules"]
    assert (found["rule"], found["labels"]) == ("door", 2)
    assert main(command) == 1
    assert "name it with --rule" in capsys.readouterr().err

    (folder / "ajar").mkdir()
    shutil.copy(place / "pics" / "2.png", folder / "ajar")
    (folder / "open" / "notes.txt").write_text("")
    shutil.copy(place / "pics" / "3.png", folder)
    assert main([*command, "--rule", "door"]) == 1
    err = capsys.readouterr().err
    assert "3 faults" in err
    assert "ajar/2.png: rule 'door': 'ajar' is not an answer" in err
    assert "open/notes.txt: not a picture" in err
    assert "3.png: lies beside the sub-folders" in err


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (row("person", "maybe"), "'maybe' is not an answer; possible are 'yes', 'no'"),
        (row("door", "opened"), "'opened' is not an answer; did you mean 'open'?"),
        (row("people", -1), "'-1' is not an answer"),
        (row("people", 1.5), "'1.5' is not an answer"),
        (row("people", True), "'True' is not an answer"),
        (row("persn", "yes"), "there is no rule 'persn'; did you mean 'person'?"),
        (row("sign", "stop"), "rule 'sign' reads a text"),
        (row("person", ""), "no answer"),
        ({"rule": "person"}, "no picture and no answer"),
        (row("person", "yes", "pics/none.png"), "pics/none.png"),
        (row("person", "yes", "pics/broken.jpg"), "broken.jpg"),
        (row("person", "yes", "pics/empty.png"), "empty.png is empty"),
        (row("person", "yes", "pics"), "pics"),
        (row("person", "yes", "a\0b"), "is not a path"),
        (row("person", "yes", "x" * 5000), "xxx"),
        (row("person", "yes", region=[0, 0, 2, 1]), "the region [0, 0, 2, 1] is not x1, y1"),
        (row("person", "yes", region=[0, 0, 1]), "the region"),
        (row("person", "yes", region="0,0,1,1"), "the region"),
        (row("person", "yes", region=[0, 0, 10**400, 1]), "the region"),
        (row("person", "yes", region=[0, None, 1, 1]), "the region"),
        (row("people", "1", camera="yard"), "rule 'people' has no camera 'yard'; it has porch"),
        (row("person", "yes", camera=["yard"]), "has no camera"),
        (row("bin", "yes"), "rule 'bin' has zones on several cameras; say which in `camera`"),
        (row("person", "yes", regoin=1), "'regoin' is not known here; did you mean 'region'?"),
    ],
    ids=lambda value: str(value)[:50],
)
def test_a_bad_row_is_told_with_its_line(
    read: Callable[..., Labels], bad: dict[str, Any], says: str
) -> None:
    with pytest.raises(LabelError) as raised:
        read(row("person", "yes", 7), bad)
    heading, fault = str(raised.value).splitlines()
    assert heading.endswith("x.jsonl: 1 fault, so nothing was asked")
    assert fault.startswith("  line 2: ")
    assert says in fault


def test_every_fault_is_listed_before_a_model_is_loaded(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.vlm.engine.open_tested_engine", lambda _: pytest.fail("was loaded"))
    labels = place / "bad.jsonl"
    labels.write_text('{"picture": \n\n[1]\n' + json.dumps(row("persn", "yes")) + "\n")
    assert main(["eval", str(labels), "-c", str(place / "edge.yaml")]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert "bad.jsonl: 3 faults" in err
    assert "line 1: not JSON" in err
    assert "line 3: not a JSON object" in err
    assert "line 4: there is no rule 'persn'" in err


def test_the_same_label_twice(read: Callable[..., Labels]) -> None:
    same = row("person", "yes", 1, region=[0, 0, 0.5, 1])
    with pytest.raises(LabelError, match=r"line 3: the same picture .* at line 1"):
        read(same, row("person", "no", 1), same | {"answer": "no"})


def test_what_a_label_becomes(read: Callable[..., Labels], place: Path) -> None:
    labels = read(
        row("person", False, 1),
        row("people", 9, 2),
        row("bin", "YES ", 3, camera="yard"),
        row("bin", "yes", 3, region=[0, 0, 0.5, 1]),
        row("door", "closed", 3),
        chosen=("person", "people", "bin"),
    )
    assert labels.num_left_out == 1
    assert [(x.rule, x.truth, x.camera, x.region) for x in labels.labels] == [
        ("person", 1, "porch", None),
        ("people", 4, "porch", None),
        ("bin", 0, "yard", None),
        ("bin", 0, "porch", Box(0, 0, 0.5, 1)),
    ]
    assert labels.labels[0].picture == place / "pics" / "1.png"


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("e.jsonl", b"", "there are no labels"),
        ("e.csv", b"", "the first line must name the columns picture, rule, answer"),
        ("e.csv", b"picture,rule,answer\n", "there are no labels"),
        ("e.csv", b"picture,rule\na,b\n", "the first line must name the columns"),
        ("e.csv", b"picture,rule,answer,camrea\n", "'camrea' is not known here; did you mean"),
        ("e.csv", b"picture,rule,answer\npics/0.png,person,yes,7\n", "line 2: more cells than"),
        ("e.csv", b'picture,rule,answer\npics/0.png,person,"yes\n', "not CSV"),
        ("e.csv", b"picture,rule,answer\npics/0.png,person\n", "line 2: no answer"),
        (
            "e.csv",
            b"picture,rule,answer,x1,y1,x2,y2\npics/0.png,person,yes,0,0,1,\n",
            "line 2: the region",
        ),
        ("e.jsonl", b"\xff\xfe\x00", "not UTF-8 text"),
        ("e.txt", b"", "labels are a .csv or .jsonl file, or a folder"),
        ("none.csv", None, "there is no such file or folder"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_bad_file(
    place: Path, capsys: pytest.CaptureFixture[str], name: str, content: bytes | None, says: str
) -> None:
    if content is not None:
        (place / name).write_bytes(content)
    assert main(["eval", str(place / name), "-c", str(place / "edge.yaml")]) == 1
    out, err = capsys.readouterr()
    assert says in err
    assert out == ""


def test_labels_of_other_rules_only(read: Callable[..., Labels]) -> None:
    with pytest.raises(LabelError, match="no labels; 1 are of other rules"):
        read(row("person", "yes"), chosen=("door",))


def test_unknown_rule_and_impossible_precision(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = write_jsonl(place / "p.jsonl", [row("person", "yes")])
    command = ["eval", str(labels), "-c", str(place / "edge.yaml")]
    assert main([*command, "--rule", "nobody"]) == 1
    assert "--rule: there is no rule 'nobody'" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main([*command, "--precision", "1.5"])
    assert "from 0.5 to below 1" in capsys.readouterr().err
    assert main(["eval", str(labels), "-c", str(place / "none.yaml")]) == 78


@pytest.mark.parametrize(
    ("question", "value", "index"),
    [
        (yes_no("q", "?"), True, 0),
        (yes_no("q", "?"), "FALSE", 1),
        (choice("q", "?", ("On", "off")), "on", 0),
        (choice("q", "?", ("true", "false")), "false", 1),
        (count("q", "?", 3), 7, 3),
        (count("q", "?", 3), "0", 0),
        (rating("q", "?"), 5, 4),
    ],
)
def test_answers(question: Any, value: object, index: int) -> None:
    assert parse_answer(question, value) == index


def test_a_rating_has_no_more_than_its_highest() -> None:
    with pytest.raises(ValueError, match="'6' is not an answer"):
        parse_answer(rating("q", "?"), 6)


def report(p_yes: list[float], true: str, **rule: object) -> Report:
    column = np.array(p_yes)
    answers = Answers(
        np.stack([column, 1 - column], axis=1),
        np.array(["yn".index(letter) for letter in true]),
        np.arange(len(true)),
        np.array([True, False]),
    )
    made = make_rule(**rule)
    temperature = 1.0 if made.calibration is None else made.calibration.temperature
    found = evaluate(
        answers,
        precision=0.9,
        present_temperature=temperature,
        present_confidence=made.min_confidence,
    )
    return Report(made, found, 0.9)


def test_overconfident_answers_give_lines_to_paste() -> None:
    sure, doubtful = "y" * 39 + "n", "y" * 12 + "n" * 8
    turned = str.maketrans("yn", "ny")
    made = report(
        [0.9999] * 40 + [0.95] * 20 + [0.0001] * 40 + [0.05] * 20,
        sure + doubtful + (sure + doubtful).translate(turned),
    )
    calibration, confidence = yaml_lines(made)
    assert calibration == f"calibration: {{temperature: {made.evaluation.temperature:g}}}"
    assert made.evaluation.temperature > 1.5
    assert confidence == f"min_confidence: {made.evaluation.min_confidence:g}"
    assert warnings(made) == []
    assert as_json(made)["suggested"]["yaml"] == yaml_lines(made)  # type: ignore[index]
    config = f"{CONFIG}  new:\n    ask: x\n    {calibration}\n    {confidence}\n"
    new = build_rules(load_text(config, "edge.yaml", Path()).config)[-1]
    assert new.calibration == Calibration(made.evaluation.temperature)
    assert new.min_confidence == made.evaluation.min_confidence


@pytest.mark.parametrize(
    ("p_yes", "true", "says"),
    [
        ([0.9, 0.8, 0.3], "yyn", "only 3 labels"),
        ([0.9, 0.8, 0.3], "yyy", "the true answer is always 'yes'"),
        ([0.9] * 5 + [0.1] * 5, "y" * 5 + "n" * 5, "a temperature without bound"),
        ([0.9], "y", "only 1 label:"),
        ([0.9, 0.4, 0.9, 0.4] * 10, "ynny" * 10, "no `min_confidence` makes 90%"),
    ],
)
def test_warnings(p_yes: list[float], true: str, says: str) -> None:
    assert any(says in warning for warning in warnings(report(p_yes, true)))


def test_an_honest_model_is_left_as_it_is() -> None:
    true = ("y" * 24 + "n") * 4 + ("n" * 24 + "y") * 4  # 96 % right
    made = report([0.96] * 100 + [0.04] * 100, true, calibration=Calibration(3.0))
    (told,) = warnings(made)
    assert "does not lower the log loss" in told
    assert yaml_lines(made) == ["min_confidence: 0.5"]
    out = io.StringIO()
    show(made, Console(file=out, markup=False, highlight=False, width=100))
    assert "`calibration` can be removed" in out.getvalue()
    assert "now, 3" in out.getvalue()


def test_nothing_is_said_about_a_calibration_that_could_not_be_tested() -> None:
    made = report([0.9, 0.8], "yy", calibration=Calibration(3.0))
    out = io.StringIO()
    show(made, Console(file=out, markup=False, highlight=False, width=100))
    assert "can be removed" not in out.getvalue()
    assert "No setting is suggested" in out.getvalue()
