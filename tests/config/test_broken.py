"""Broken configurations, one a line: each fault is told with its place, its value and a remedy."""

# ruff: noqa: E501 - a table is read line by line

from __future__ import annotations

import argparse
import os
import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

import pytest

from edge.cli import check

BASE = """\
mqtt: {host: localhost}
cameras:
  porch:
    input: rtsp://10.0.0.5/stream
    zones: {step: [[0, 0], [1, 0], [1, 1]]}
  yard:
    input: rtsp://10.0.0.6/stream
"""


@dataclass(frozen=True)
class Broken:
    """A faulty text and what must be said of it: place, parts of the message and of the remedy."""

    name: str
    text: str
    place: str
    says: tuple[str, ...]
    remedy: str


def whole(name: str, text: str, place: str, says: str | tuple[str, ...], remedy: str) -> Broken:
    """A file of its own."""
    return Broken(name, text, place, (says,) if isinstance(says, str) else says, remedy)


def rule(name: str, lines: str, place: str, says: str | tuple[str, ...], remedy: str) -> Broken:
    """A good file with one rule `r`, whose lines are given."""
    text = BASE + "rules:\n  r:\n" + textwrap.indent(textwrap.dedent(lines).strip("\n"), "    ")
    return whole(name, text, f"rules.r{place}", says, remedy)


def camera(name: str, lines: str, place: str, says: str | tuple[str, ...], remedy: str) -> Broken:
    """A file with one camera `c`, whose lines are given."""
    body = textwrap.indent(textwrap.dedent(lines).strip("\n"), "    ")
    return whole(
        name, f"mqtt: {{host: h}}\ncameras:\n  c:\n{body}", f"cameras.c{place}", says, remedy
    )


def top(name: str, lines: str, place: str, says: str | tuple[str, ...], remedy: str) -> Broken:
    """A good file with more lines at the top level."""
    return whole(name, BASE + textwrap.dedent(lines), place, says, remedy)


def mqtt(name: str, block: str, place: str, says: str | tuple[str, ...], remedy: str) -> Broken:
    """A file whose mqtt block is given, in braces."""
    return whole(
        name, f"mqtt: {block}\ncameras: {{c: {{input: rtsp://h/x}}}}\n", place, says, remedy
    )


ASK = "ask: Is there a parcel?\n"

TABLE = [
    # not YAML
    whole("empty file", "", "file", "empty", "minimal.yaml"),
    whole("only a comment", "# nothing\n", "file", "empty", "minimal.yaml"),
    whole("a list", "- mqtt\n", "file (line 1)", "a list", "minimal.yaml"),
    whole("a word", "hello\n", "file (line 1)", "a single value", "minimal.yaml"),
    whole("tab", "mqtt:\n\thost: h\n", "file (line 2)", "tab", "spaces"),
    whole("indentation", "mqtt:\n  host: h\n port: 1\n", "file (line 3)", "not YAML", "indent"),
    whole("open bracket", "mqtt: {host: h\ncameras:\n", "file (line", "not YAML", "indent"),
    whole("open quote", "mqtt: {host: h}\nnode: 'x\n", "file (line 2)", "quote", "Close it"),
    whole("colon in text", "node: a: b\n", "file (line 1)", "not YAML", "quotes"),
    whole("at sign", "node: @home\n", "file (line 1)", "not YAML", "quotes"),
    whole("control character", "node: a\x07b\n", "file (line 1)", "control", "Remove"),
    whole("two documents", BASE + "---\nnode: a\n", "file (line 9)", "second document", "---"),
    whole("unknown anchor", "mqtt: *broker\n", "file (line 1)", "*broker", "anchor first"),
    whole("list as key", "[a, b]: 1\n", "file (line 1)", "a list", "plain word"),
    top("unknown tag", "node: !!python/name:os.system x\n", "node (line 8)", "!!python", "!secret"),
    top("merge of a word", "log: {<<: debug}\n", "log.<< (line 8)", "single value", "mapping"),
    # keys
    top("key twice", "node: a\nnode: b\n", "node (line 8)", ("lines 8 and 9", "'node'"), "Keep one"),
    camera("key twice in camera", "input: rtsp://h/x\ninput: rtsp://h/y\n", ".input (line 4)", "lines 4 and 5", "Keep one"),
    top("unknown block", "camera: {}\n", "camera (line 8)", "'camera'", "'cameras'"),
    mqtt("misspelt key", "{hots: h}", "mqtt.hots (line 1)", "'hots'", "'host'"),
    mqtt("foreign key", "{host: h, user: u}", "mqtt.user", "'user'", "'username'"),
    camera("key of another block", "input: rtsp://h/x\nfps: 5\n", ".fps (line 5)", "'fps'", "cameras.NAME.capture"),
    rule("unknown key in rule", ASK + "confrim: 2\n", ".confrim (line 11)", "'confrim'", "'confirm'"),
    rule("unknown key in when", ASK + "when: {evry: 5m}", ".when.evry", "'evry'", "'every'"),
    camera("global key in camera", "input: rtsp://h/x\nsnapshots: {max_age: 1d}", ".snapshots.max_age", "'max_age'", "snapshots"),
    # presence
    whole("no mqtt", "cameras: {c: {input: rtsp://h/x}}\n", "mqtt:", "missing", "mqtt: {host"),
    whole("no cameras", "mqtt: {host: h}\n", "cameras:", "missing", "Add `cameras"),
    whole("zero cameras", "mqtt: {host: h}\ncameras: {}\n", "cameras (line 2)", "empty mapping", "at least 1"),
    mqtt("no host", "{port: 1883}", "mqtt.host", "missing", "host: broker.local"),
    whole("mqtt is a word", "mqtt: localhost\ncameras: {c: {input: rtsp://h/x}}", "mqtt (line 1)", "'localhost'", "such as `host: localhost`"),
    whole("mqtt is empty", "mqtt:\ncameras: {c: {input: rtsp://h/x}}", "mqtt (line 1)", "nothing", "keys and values"),
    # mqtt
    mqtt("port too high", "{host: h, port: 70000}", "mqtt.port (line 1)", ("70000", "1 to 65535"), "from 1 to 65535"),
    mqtt("port is text", "{host: h, port: mqtt}", "mqtt.port", "'mqtt'", "whole number"),
    mqtt("port is true", "{host: h, port: true}", "mqtt.port", "true", "number"),
    mqtt("host is a URL", "{host: 'mqtt://h'}", "mqtt.host", "mqtt://h", "alone"),
    mqtt("version", "{host: h, version: 4}", "mqtt.version", "4", "5 or 3.1.1"),
    mqtt("prefix with wildcard", "{host: h, prefix: 'a/#'}", "mqtt.prefix", "'a/#'", "letters, digits"),
    mqtt("prefix with slash at the end", "{host: h, prefix: edge/}", "mqtt.prefix", "'edge/'", "letters, digits"),
    mqtt("keepalive without unit", "{host: h, keepalive: 30}", "mqtt.keepalive", "30 has no unit", "30s"),
    mqtt("keepalive zero", "{host: h, keepalive: 0}", "mqtt.keepalive", ("0", "1s to 18h"), "1s to 18h"),
    mqtt("too many in flight", "{host: h, max_in_flight: 41}", "mqtt.max_in_flight", ("41", "1 to 40"), "from 1 to 40"),
    mqtt("tls true", "{host: h, tls: true}", "mqtt.tls", "true", "tls: {}"),
    mqtt("tls key alone", "{host: h, tls: {key: k.pem}}", "mqtt.tls.key", "without `cert`", "cert: FILE"),
    mqtt("password alone", "{host: h, password: hunter2x}", "mqtt.password", "without `username`", "username: NAME"),
    mqtt("password is a number", "{host: h, password: 12345}", "mqtt.password", "not a text", "quotes"),
    mqtt("discovery is a flag", "{host: h, discovery: true}", "mqtt.discovery", "true", "keys and values"),
    top("node with slash", "node: a/b\n", "node (line 8)", "'a/b'", "letters, digits"),
    top("node with plus", "node: a+b\n", "node (line 8)", "'a+b'", "letters, digits"),
    # box
    top("model is a word", "vlm: {model: qwen}\n", "vlm.model", "'qwen'", "demo"),
    top("nice too high", "vlm: {nice: 20}\n", "vlm.nice", ("20", "0 to 19"), "from 0 to 19"),
    top("no threads", "vlm: {threads: 0}\n", "vlm.threads", "0 is out of range", "from 1"),
    top("deadline too long", "vlm: {deadline: 2h}\n", "vlm.deadline", ("'2h'", "1s to 10m"), "1s to 10m"),
    top("pixels", "vlm: {pixels: smal}\n", "vlm.pixels", "'smal'", "small"),
    top("pixels absurd", "vlm: {pixels: 9999x1}\n", "vlm.pixels", "'9999x1'", "32 to 4096"),
    top("temporal", "vlm: {temporal: pairs}\n", "vlm.temporal", "'pairs'", "pair"),
    top("age without unit", "store: {findings_max_age: 30}\n", "store.findings_max_age", "30 has no unit", "1d"),
    top("age in months", "store: {findings_max_age: 2 months}\n", "store.findings_max_age", "'2 months'", "1d"),
    top("size without unit", "store: {outbox_max_size: 200}\n", "store.outbox_max_size", "200 has no unit", "200MB"),
    top("size in duration", "store: {outbox_max_size: 5m}\n", "store.outbox_max_size", "'5m'", "200MB"),
    top("size too small", "store: {outbox_max_size: 5kB}\n", "store.outbox_max_size", ("'5kB'", "1MB"), "from 1MB"),
    top("folder is a list", "store: {folder: [a]}\n", "store.folder", "a list", "/var/lib/edge"),
    top("log level", "log: {level: verbos}\n", "log.level", "'verbos'", "debug"),
    # pictures
    top("transport", "capture: {transport: tpc}\n", "capture.transport", "'tpc'", "Did you mean tcp?"),
    top("fps too high", "capture: {fps: 60}\n", "capture.fps", ("60", "0.5 to 30"), "from 0.5 to 30"),
    top("fps not a number", "capture: {fps: .nan}\n", "capture.fps", "nan", "a number"),
    top("loop is a word", "capture: {loop: maybe}\n", "capture.loop", "'maybe'", "true or false"),
    top("option that writes", "capture: {options: {dump: x}}\n", "capture.options.dump", "'dump'", "Remove"),
    top("option with a key", "capture: {options: {rtsp_transport: udp}}\n", "capture.options.rtsp_transport", "'rtsp_transport'", "Use transport"),
    top("option that lifts limits", "capture: {options: {protocol_whitelist: file}}\n", "capture.options.protocol_whitelist", "'protocol_whitelist'", "Remove"),
    top("threshold", "motion: {threshold: 0}\n", "motion.threshold", ("0", "1 to 255"), "from 1 to 255"),
    top("threshold is fractional", "motion: {threshold: 2.5}\n", "motion.threshold", "2.5", "whole number"),
    top("sensitivity", "motion: {sensitivity: hihg}\n", "motion.sensitivity", "'hihg'", "Did you mean high?"),
    top("sensitivity above 1", "motion: {sensitivity: 50}\n", "motion.sensitivity", "50", "0 to 1"),
    top("lightning", "motion: {lightning_threshold: 0.1}\n", "motion.lightning_threshold", ("0.1", "0.3 to 1"), "from 0.3"),
    top("quality", "snapshots: {quality: 101}\n", "snapshots.quality", ("101", "1 to 100"), "from 1"),
    # cameras
    whole("camera name", "mqtt: {host: h}\ncameras: {Front Door: {input: rtsp://h/x}}", "cameras.Front Door (line 2)", "'Front Door'", "'front_door'"),
    whole("reserved camera name", "mqtt: {host: h}\ncameras: {status: {input: rtsp://h/x}}", "cameras.status", "'status'", "another"),
    camera("no input", "enabled: true", " (line 3)", "`input` is missing", "Add `input"),
    camera("both inputs", "input: rtsp://h/x\ninputs: [{url: rtsp://h/y}]", ".inputs", "both set", "Keep one"),
    camera("two sub streams", "inputs: [{url: rtsp://h/x}, {url: rtsp://h/y, role: sub}, {url: rtsp://h/z, role: sub}]", ".inputs", "2 streams have the role sub", "one sub stream"),
    camera("sub stream alone", "inputs: {sub: rtsp://h/y}", ".inputs", "0 streams have the role main", "exactly one"),
    camera("main file", "inputs: {sub: rtsp://h/y, main: ./a.mp4}", ".inputs", "must be a live one", "rtsp://"),
    camera("two main streams", "inputs: [{url: rtsp://h/x}, {url: rtsp://h/y}]", ".inputs", "2 streams", "exactly one"),
    camera("input without url", "inputs: [{role: main}]", ".inputs.0.url", "missing", "url: VALUE"),
    camera("role", "inputs: [{url: rtsp://h/x, role: mian}]", ".inputs.0.role", "'mian'", "main"),
    camera("scheme", "input: rstp://h/x", ".input (line 4)", "'rstp'", "Did you mean rtsp://?"),
    camera("ftp", "input: ftp://h/x", ".input", "'ftp'", "rtsp://"),
    camera("one slash", "input: 'rtsp:/h/x'", ".input", "slashes", "rtsp://"),
    camera("no host in URL", "input: rtsp:///x", ".input", "no usable host", "rtsp://HOST"),
    camera("port", "input: rtsp://h:99999/x", ".input", "99999", "1 to 65535"),
    camera("input is a word", "input: frontdoor", ".input", "'frontdoor'", "/dev/video0"),
    camera("input is an address", "input: 192.168.1.20", ".input (line 4)", "needs a scheme", "Write rtsp://192.168.1.20/PATH"),
    camera("input is an address with a path", "input: 192.168.1.20/stream1?password=hush", ".input", "needs a scheme", "rtsp://192.168.1.20/PATH"),
    camera("input is a host and a port", "input: 'cam.local:554/stream1'", ".input", "needs a scheme", "rtsp://cam.local/PATH"),
    camera("input is an IPv6 address", "input: '[fe80::1]:554/x'", ".input", "needs a scheme", "rtsp://[fe80::1]/PATH"),
    whole("camera is a URL", "mqtt: {host: h}\ncameras: {porch: 'rtsp://x/y'}", "cameras.porch (line 2)", "not a mapping", "such as `input: rtsp://HOST/PATH`"),
    camera("input is a list", "input: [rtsp://h/x]", ".input", "a list", "/dev/video0"),
    camera("polygon of two points", "input: rtsp://h/x\nmask: [[[0, 0], [1, 1]]]", ".mask.0", ("at least 3", "2"), "three points"),
    camera("polygon in pixels", "input: rtsp://h/x\nzones: {z: '0,0,640,0,640,480'}", ".zones.z", ("640", "0 to 1"), "fractions"),
    camera("odd polygon", "input: rtsp://h/x\nzones: {z: '0,0,1,0,1'}", ".zones.z", "5 numbers", "fractions"),
    camera("flat polygon", "input: rtsp://h/x\nzones: {z: [[0, 0], [0.5, 0.5], [1, 1]]}", ".zones.z", "no area", "three points"),
    camera("crossed polygon", "input: rtsp://h/x\nzones: {z: [[0, 0], [1, 1], [1, 0], [0, 1]]}", ".zones.z", ("no area", "sides cross"), "in order around"),
    camera("demo scene", "input: demo:yardd", ".input", ("'yardd'", "only `yard`"), "demo:yard?seed=7"),
    camera("demo key", "input: demo:yard?sed=7", ".input", ("'sed'", "seed, fps"), "demo:yard?seed=7"),
    camera("demo values", "input: demo:yard?weather=snow&size=1x1", ".input", ("'snow'", "'1x1'"), "demo:yard?seed=7"),
    camera("demo of a sub stream", "inputs: {main: rtsp://h/x, sub: 'demo:yard?fps=abc'}", ".inputs.1.url", "'abc'", "demo:yard?seed=7"),
    camera("polygon with words", "input: rtsp://h/x\nzones: {z: [[a, b], [0, 1], [1, 1]]}", ".zones.z", "'a'", "fractions"),
    camera("zone as in frigate", "input: rtsp://h/x\nzones: {z: {coordinates: '0,0,1,0,1,1'}}", ".zones.z", "a mapping", "fractions"),
    camera("zone name", "input: rtsp://h/x\nzones: {'a/b': [[0, 0], [1, 0], [1, 1]]}", ".zones.a/b", "'a/b'", "'a_b'"),
    camera("periodic", "input: rtsp://h/x\nperiodic: 300", ".periodic", "300 has no unit", "5m"),
    camera("periodic too short", "input: rtsp://h/x\nperiodic: 100ms", ".periodic", ("'100ms'", "1s to 7d"), "1s"),
    camera("motion override", "input: rtsp://h/x\nmotion: {threshold: 300}", ".motion.threshold", ("300", "1 to 255"), "255"),
    # rules
    rule("no question", "confirm: 2", " (line 9)", "no question", "ask"),
    rule("two questions", ASK + "count: How many?", ".count", ("`ask`", "`count`"), "Split"),
    rule("empty question", "ask: ''", ".ask", "empty", "Write a text"),
    rule("question too long", f"ask: {'x' * 2001}", ".ask", "2000", "Shorten"),
    rule("question is a flag", "ask: true", ".ask", "true", "quotes"),
    rule("choose without options", "choose: Open?", " (line 9)", "needs `options`", "options: ["),
    rule("one option", "choose: Open?\noptions: [open]", ".options", ("the question needs 2 to 32", "not 1"), "2 to 32"),
    rule("option twice", "choose: Open?\noptions: [open, Open]", ".options", "'Open'", "different"),
    rule("option is a number", "choose: Open?\noptions: [1, two]", ".options.0", "1", "quotes"),
    rule("options with ask", ASK + "options: [a, b]", ".options", "not possible with `ask`", "`choose`"),
    rule("highest of count", "count: How many?\nhighest: 10", ".highest", ("10", "1 to 9"), "from 1 to 9"),
    rule("highest of rate", "rate: How tidy?\nhighest: 1", ".highest", ("2..9", "1"), "possible"),
    rule("highest with ask", ASK + "highest: 3", ".highest", ("3", "`ask`"), "`count`"),
    rule("max_chars with count", "count: How many?\nmax_chars: 9", ".max_chars", "9", "`read`"),
    rule("alert not an option", "choose: Open?\noptions: [open, closed]\nalert: opne", ".alert", ("'opne'", "'open'"), "alert"),
    rule("alert not a number", "count: How many?\nalert: many", ".alert", "'many'", "alert"),
    rule("alert always holds", "count: How many?\nalert: '>= 0'", ".alert", "always holds", "alert"),
    rule("alert of ask", ASK + "alert: maybe", ".alert", "'maybe'", "alert"),
    rule("alert is a mapping", ASK + "alert: {a: b}", ".alert", "a mapping", "comparison"),
    rule("alert regex", "read: What does it say?\nalert: /(/", ".alert", "regular expression", "alert"),
    rule("unknown camera", ASK + "cameras: [proch]", ".cameras.0", "'proch'", "'porch'"),
    rule("camera twice", ASK + "cameras: [porch, porch]", ".cameras.1", "twice", "Remove"),
    rule("empty cameras", ASK + "cameras: []", ".cameras", "empty", "all cameras"),
    rule("unknown zone", ASK + "zones: [stpe]", ".zones.0", "'stpe'", "'step'"),
    rule("zone of another camera", ASK + "cameras: [yard]\nzones: [step]", ".zones.0", ("'step'", "camera yard"), "no zones"),
    rule("trigger", ASK + "when: {on: moton}", ".when.on.0", "'moton'", "motion"),
    rule("no trigger", ASK + "when: {on: []}", ".when.on", "list of 0", "at least 1"),
    rule("every", ASK + "when: {every: 5min}", ".when.every", "'5min'", "5m"),
    rule("when is a word", ASK + "when: motion", ".when", "'motion'", "such as `on: motion`"),
    rule("confirm zero", ASK + "confirm: 0", ".confirm", ("0", "1 to 100"), "from 1 to 100"),
    rule("confidence", ASK + "min_confidence: 0.4", ".min_confidence", ("0.4", "0.5 to 1"), "from 0.5"),
    rule("confidence in percent", ASK + "min_confidence: 60%", ".min_confidence", "'60%'", "a number from 0.5 to 1"),
    rule("for without unit", ASK + "for: 30", ".for (line 11)", "30 has no unit", "30s"),
    rule("units in wrong order", ASK + "for: 5m2h", ".for", "'5m2h'", "1h30m"),
    rule("negative cooldown", ASK + "cooldown: -5m", ".cooldown", "'-5m'", "5m"),
    rule("schedule day", ASK + "schedule: Mo-Xy 07:00-19:00", ".schedule", "'xy'", "Mo-Fr"),
    rule("schedule hour", ASK + "schedule: 07:00-25:00", ".schedule", "07:00-25:00", "Mo-Fr"),
    rule("severity", ASK + "severity: 3", ".severity", ("3", "0 to 2"), "from 0 to 2"),
    rule("severity is a word", ASK + "severity: high", ".severity", "'high'", "from 0 to 2"),
    rule("describe", ASK + "describe: allways", ".describe", "'allways'", "always"),
    whole("rule name", BASE + "rules: {Parcel!: {ask: x}}", "rules.Parcel! (line 8)", "'Parcel!'", "'parcel'"),
    whole("rules is a list", BASE + "rules: [{ask: x}]", "rules (line 8)", "a list", "keys and values"),
    whole("rule is a word", BASE + "rules: {r: parcel}", "rules.r", "'parcel'", "such as `ask: Is there a parcel?`"),
    # secrets
    top("variable", "node: ${NO_SUCH_VARIABLE}\n", "node (line 8)", "NO_SUCH_VARIABLE", ":-DEFAULT}"),
    top("open variable", "node: ${NODE\n", "node (line 8)", "${", "$${"),
    top("no secrets file", "node: !secret box\n", "node (line 8)", "no ", "secrets.yaml"),
    top("no credentials", "node: !credential box\n", "node (line 8)", "CREDENTIALS_DIRECTORY", "LoadCredential"),
    top("secret without name", "node: !secret ''\n", "node (line 8)", "not followed by a name", "!secret NAME"),
    top("credential elsewhere", "node: !credential ../../etc/passwd\n", "node (line 8)", "not followed by a name", "!credential NAME"),
]  # fmt: skip


def run_check(path: Path, *, as_json: bool = False) -> int:
    parser = argparse.ArgumentParser()
    check.add_arguments(parser)
    return check.run(parser.parse_args([str(path), *(["--json"] if as_json else [])]))


def test_ids_are_unique_and_many() -> None:
    assert len({broken.name for broken in TABLE}) == len(TABLE) >= 40


@pytest.mark.parametrize("broken", TABLE, ids=lambda broken: broken.name)
def test_fault_is_told_with_place_value_and_remedy(
    broken: Broken,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("NO_SUCH_VARIABLE", raising=False)
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    file = tmp_path / "edge.yaml"
    file.write_bytes(broken.text.encode())
    assert run_check(file) == 78
    shown = capsys.readouterr()
    assert shown.out == ""
    told = [line for line in shown.err.splitlines() if line.startswith("  ")]
    assert len(told) == 1, shown.err  # one fault, told once
    place, _, rest = told[0].strip().partition(": ")
    assert place.startswith(broken.place.rstrip(":")), shown.err
    for part in broken.says:
        assert part in rest, shown.err
    assert broken.remedy in rest, shown.err
    assert "Traceback" not in shown.err
    assert ".." not in rest.replace("...", "").replace("2..9", "").replace("../", ""), shown.err
    for word in (".key", "input_value", "pydantic", "type="):
        assert word not in rest, shown.err


def test_every_fault_is_listed_in_the_order_of_the_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "edge.yaml"
    file.write_text(
        "mqtt: {host: h, prot: 1}\nnode: a/b\nlog: {level: loud}\nlog: {}\n"
        "cameras:\n  a: {input: rstp://h}\n  b: {input: rtsp://h/x, fsp: 5, periodic: 5}\n"
        "rules:\n  r: {ask: x, cameras: [c], confirm: 0}\n  s: {}\n"
    )
    assert run_check(file) == 78
    told = capsys.readouterr().err.splitlines()
    assert told[0] == f"{file}: 10 errors"
    places = [line.strip().split(" (line")[0] for line in told[1:]]
    assert sorted(places) == [
        "cameras.a.input",
        "cameras.b.fsp",
        "cameras.b.periodic",
        "log",
        "log.level",
        "mqtt.prot",
        "node",
        "rules.r.cameras.0",
        "rules.r.confirm",
        "rules.s",
    ]
    lines = [int(line.split("(line ")[1].split(")")[0]) for line in told[1:]]
    assert lines == sorted(lines)


def test_every_fault_of_a_rule_is_listed_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "edge.yaml"
    file.write_text(
        BASE + "rules:\n  r:\n    choose: Open?\n    options: [open]\n    severity: 7\n"
        "    schedule: Xy\n    describe_as:\n      a: {type: string, pattern: '((('}\n"
        "      b: {type: string, pattern: '[[['}\n      c: huh\n      d: {type: integer}\n"
        "  s: {ask: Is it?, alert: perhaps, severity: 7}\n"
        "  t: {choose: Which?, optoins: [a, b], severity: 7}\n"
        "  u: {chose: Which?, options: [a, b], severity: 7}\n"
    )
    assert run_check(file) == 78
    told = capsys.readouterr().err.splitlines()[1:]
    assert sorted(line.strip().split(" (line")[0] for line in told) == [
        "rules.r.describe_as.a",
        "rules.r.describe_as.b",
        "rules.r.describe_as.c",
        "rules.r.options",
        "rules.r.schedule",
        "rules.r.severity",
        "rules.s.alert",
        "rules.s.severity",
        "rules.t.optoins",  # and not that options are missing
        "rules.t.severity",
        "rules.u.chose",
        "rules.u.severity",
    ]


def references(lines: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The places of the faults of a rule `r` with these lines, and what is said of each."""
    file = tmp_path / "edge.yaml"
    file.write_text(f"{BASE}rules: {{r: {{ask: x, {lines}}}}}\n")
    assert run_check(file) == 78
    told = capsys.readouterr().err.splitlines()[1:]
    return [re.sub(r" \(line \d+\)|^ *rules\.r\.", "", line).partition(". ")[0] for line in told]


def test_a_zone_that_no_camera_has_is_told_beside_an_unknown_camera(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = references("cameras: [proch], zones: [setp]", tmp_path, capsys)
    assert told == [
        "cameras.0: there is no camera 'proch'",
        "zones.0: there is no zone 'setp' on any camera",
    ]
    told = references("cameras: [yard, proch], zones: [step]", tmp_path, capsys)
    assert told == ["cameras.1: there is no camera 'proch'"]  # which may have the zone


@pytest.mark.parametrize(
    ("raw", "says", "remedy"),
    [
        (b"mqtt:\n  host: caf\xe9\n", ("line 2", "0xe9"), "UTF-8"),
        ("mqtt: {host: h}\n".encode("utf-16"), ("line 1", "UTF-16"), "UTF-8"),
        (b"mqtt: {host: h}\0\n", ("line 1", "control character"), "Remove"),
        (b"#" * 1_000_001, ("larger than 1000 kB",), "Check that this is"),
    ],
    ids=["latin-1", "utf-16", "nul", "huge"],
)
def test_bytes_that_are_not_a_configuration(
    raw: bytes,
    says: tuple[str, ...],
    remedy: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / "edge.yaml"
    file.write_bytes(raw)
    assert run_check(file) == 78
    told = capsys.readouterr().err
    assert all(part in told for part in (*says, remedy)), told


def test_a_file_that_cannot_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_check(tmp_path / "absent.yaml") == 78
    assert "absent.yaml: No such file" in capsys.readouterr().err
    assert run_check(tmp_path) == 78
    assert "Is a directory" in capsys.readouterr().err
    locked = tmp_path / "locked.yaml"
    locked.write_text(BASE)
    locked.chmod(0)
    if os.geteuid():  # root may read everything
        assert run_check(locked) == 78
        assert "Permission denied" in capsys.readouterr().err
