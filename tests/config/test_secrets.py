"""Secrets are filled in, and are never shown: not in errors, not in what `edge check` prints."""

# ruff: noqa: E501 - templates are read line by line

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest
import yaml

from edge.cli import check
from edge.config.load import load_config
from edge.config.printed import build_printable, format_yaml
from edge.errors import ConfigError
from edge.hub.places import DEMO_DIR

SECRET = "Zq7'x\"\\p@55/w:rd"  # holds what quoting and URLs trip over
CAMERA = "cameras: {c: {input: rtsp://h/x}}\n"
READY = f"store: {{folder: ./store}}\nvlm: {{model: {DEMO_DIR}}}\n"  # whose absence is warned of


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_secrets(tmp_path, {"mqtt": SECRET, "pin": "0123"})
    return tmp_path


def write_secrets(folder: Path, secrets: dict[str, str]) -> None:
    file = folder / "secrets.yaml"
    file.write_text(yaml.safe_dump(secrets))
    file.chmod(0o600)


def write(folder: Path, text: str) -> Path:
    file = folder / "edge.yaml"
    file.write_text(text)
    return file


def run_check(file: Path, *words: str) -> int:
    parser = argparse.ArgumentParser()
    check.add_arguments(parser)
    return check.run(parser.parse_args([str(file), *words]))


def everything_shown(file: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """All that the command prints in both forms."""
    run_check(file)
    run_check(file, "--json")
    shown = capsys.readouterr()
    return shown.out + shown.err


def test_variables_defaults_and_literals(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "1999")
    monkeypatch.setenv("EMPTY", "")
    monkeypatch.setenv("USER_NAME", "u")
    monkeypatch.delenv("ABSENT", raising=False)
    file = write(
        folder,
        "mqtt:\n  host: ${ABSENT:-broker}.local\n  port: ${PORT}\n"
        "  username: '${USER_NAME}${EMPTY:-_x}${EMPTY}'\n  password: a$${PORT}$b\n" + CAMERA,
    )
    mqtt = load_config(file).config.mqtt
    assert (mqtt.host, mqtt.port, mqtt.username) == ("broker.local", 1999, "u_x")
    assert mqtt.password.get_secret_value() == "a${PORT}$b"


def test_secret_keeps_its_text_as_written(folder: Path) -> None:
    (folder / "secrets.yaml").write_text("pin: 0123\nword: yes\ntime: 07:00\n")
    for name, value in (("pin", "0123"), ("word", "yes"), ("time", "07:00")):
        file = write(folder, f"mqtt: {{host: h, username: u, password: !secret {name}}}\n{CAMERA}")
        assert load_config(file).config.mqtt.password.get_secret_value() == value


def test_credential_of_systemd(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "credentials").mkdir()
    (folder / "credentials" / "mqtt").write_text(SECRET + "\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(folder / "credentials"))
    file = write(folder, f"mqtt: {{host: h, username: u, password: !credential mqtt}}\n{CAMERA}")
    loaded = load_config(file)
    assert loaded.config.mqtt.password.get_secret_value() == SECRET
    assert SECRET in loaded.secrets


@pytest.mark.parametrize(
    ("content", "says"),
    [(None, "No such file"), (b"\xff\xfe", "not UTF-8"), (b"x" * 70_000, "larger than 64 KiB")],
    ids=["absent", "binary", "huge"],
)
def test_credential_that_cannot_be_used(
    content: bytes | None, says: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(folder))
    if content is not None:
        (folder / "mqtt").write_bytes(content)
    file = write(folder, f"mqtt: {{host: h, username: u, password: !credential mqtt}}\n{CAMERA}")
    with pytest.raises(ConfigError, match=says):
        load_config(file)


def test_misspelt_secret_is_hinted(folder: Path) -> None:
    file = write(folder, f"mqtt: {{host: h, username: u, password: !secret mqqt}}\n{CAMERA}")
    with pytest.raises(ConfigError, match="Did you mean 'mqtt'") as caught:
        load_config(file)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (f"mqtt: {{deep: '{SECRET[:3]}hush'}}\n", "line 1: the value of 'mqtt' is not a text"),
        ("mqtt: hushhush: b\n", "line 1: this is not YAML"),
        ("mqtt: hushhush\nmqtt: b\n", "stands twice"),
        ("- hushhush\n", "a list"),
        ("", "empty"),
    ],
    ids=["mapping", "not YAML", "twice", "list", "empty"],
)
def test_faulty_secrets_file(text: str, says: str, folder: Path) -> None:
    (folder / "secrets.yaml").write_text(text)
    file = write(folder, f"mqtt: {{host: h, username: u, password: !secret mqtt}}\n{CAMERA}")
    with pytest.raises(ConfigError, match=r"secrets\.yaml") as caught:
        load_config(file)
    assert says in str(caught.value)
    assert "hush" not in str(caught.value)
    assert {problem.path for problem in caught.value.problems} == {"mqtt.password"}


@pytest.mark.parametrize("kind", ["folder", "link to nothing"])
def test_an_unreadable_secrets_file_is_told_once(kind: str, folder: Path) -> None:
    secrets = folder / "secrets.yaml"
    secrets.unlink()
    secrets.mkdir() if kind == "folder" else secrets.symlink_to(folder / "absent.yaml")
    file = write(
        folder,
        f"node: !secret pin\nmqtt: {{host: h, username: u, password: !secret mqtt}}\n{CAMERA}",
    )
    with pytest.raises(ConfigError) as caught:
        load_config(file)
    told = [problem.message for problem in caught.value.problems]
    reason = "Is a directory" if kind == "folder" else "No such file or directory"
    assert told == [f"cannot read {secrets}: {reason}."]


@pytest.mark.parametrize(
    ("mode", "says"),
    [
        (0o600, ""),
        (0o400, ""),
        (0o640, ""),  # as the README installs it: root's, read by the service's group
        (0o604, "can be read by every user (mode 0604)"),
        (0o660, "can be changed by its group (mode 0660)"),
        (
            0o666,
            "read by every user and changed by its group and changed by every user (mode 0666)",
        ),
    ],
)
def test_secrets_that_others_can_read_are_warned_of(mode: int, says: str, folder: Path) -> None:
    (folder / "secrets.yaml").chmod(mode)
    file = write(
        folder, f"mqtt: {{host: localhost, username: u, password: !secret mqtt}}\n{CAMERA}"
    )
    warnings = [w for w in load_config(file).warnings if "secrets.yaml" in w.message]
    assert len(warnings) == bool(says)
    assert all(says in w.message and "chmod g-w,o= " in w.remedy for w in warnings)


def test_printed_configuration_masks_every_secret(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CAMERA_PASSWORD", "opensaysme")
    monkeypatch.setenv("BROKER", "broker.secret.example")
    write_secrets(folder, {"mqtt": SECRET, "header": "Authorization: Basic c2VjcmV0"})
    file = write(
        folder,
        "mqtt: {host: '${BROKER}', username: u, password: !secret mqtt}\n"
        "capture: {options: {headers: !secret header, my_option: '${CAMERA_PASSWORD}'}}\n"
        "cameras:\n"
        "  a: {input: 'rtsp://u:${CAMERA_PASSWORD}@h/x'}\n"
        "  b: {input: 'rtsp://u:plain-pass@h/x'}\n"
        "  c: {inputs: [{url: 'http://h/v?user=u&pwd=plain-pass'}]}\n"
        f"rules: {{r: {{ask: 'Is {SECRET.replace(chr(39), chr(39) * 2)} there?'}}}}\n",
    )
    shown = everything_shown(file, capsys)
    for secret in (SECRET, SECRET[:4], "opensaysme", "broker.secret", "c2VjcmV0", "plain-pass"):
        assert secret not in shown
    printed = build_printable(load_config(file))
    assert printed["mqtt"]["password"] == printed["mqtt"]["host"] == "***"
    assert printed["cameras"]["a"]["input"] == "rtsp://***@h/x"
    assert printed["cameras"]["a"]["capture"]["options"] == {"headers": "***", "my_option": "***"}
    assert printed["rules"]["r"]["ask"] == "Is *** there?"


def test_a_cameras_own_value_is_shown_where_the_top_level_one_is_secret(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRANSPORT", "tcp")
    file = write(
        folder,
        "mqtt: {host: localhost}\ncapture: {transport: '${TRANSPORT}'}\n"
        "cameras:\n  a: {input: rtsp://h/x}\n"
        "  b: {input: rtsp://h/x, capture: {transport: udp}}\n",
    )
    cameras = build_printable(load_config(file))["cameras"]
    assert cameras["a"]["capture"]["transport"] == "***"
    assert cameras["b"]["capture"]["transport"] == "udp"


def test_printed_configuration_loads_to_the_same(folder: Path) -> None:
    text = (
        "node: n\nmqtt: {host: h, tls: {}}\nmotion: {sensitivity: low}\n"
        "cameras: {c: {input: rtsp://h/x, periodic: 1h30m, zones: {z: '0,0,1,0,1,1'}}}\n"
        "rules: {r: {rate: x, alert: '<= 2', zones: [z], when: {every: 90s}, for: 2h}}\n"
    )
    first = load_config(write(folder, text))
    again = load_config(write(folder, format_yaml(first)))
    assert again.config == first.config


# Every place that says something about a value, given one that it must refuse.
REFUSING = [
    "node: {v}\nmqtt: {{host: h}}\ncameras: {{c: {{input: rtsp://h/x}}}}",
    "mqtt: {{host: {v}}}\ncameras: {{c: {{input: rtsp://h/x}}}}",
    "mqtt: {{host: h, port: {v}}}\ncameras: {{c: {{input: rtsp://h/x}}}}",
    "mqtt: {{host: h, version: {v}}}\ncameras: {{c: {{input: rtsp://h/x}}}}",
    "mqtt: {{host: h, prefix: {v}}}\ncameras: {{c: {{input: rtsp://h/x}}}}",
    "mqtt: {{host: h, password: {v}}}\ncameras: {{c: {{input: rtsp://h/x}}}}",
    "mqtt: {{host: h, password: [{v}]}}\ncameras: {{c: {{input: rtsp://h/x}}}}",
    "mqtt: {{host: h, tls: {v}}}\ncameras: {{c: {{input: rtsp://h/x}}}}",
    "mqtt: {{host: h, passwort: {v}}}\ncameras: {{c: {{input: rtsp://h/x}}}}",
    "mqtt: {v}\ncameras: {{c: {{input: rtsp://h/x}}}}",
    "mqtt: {{host: h}}\nvlm: {{model: {v}}}\ncameras: {{c: {{input: rtsp://h/x}}}}",
    "mqtt: {{host: h}}\nvlm: {{pixels: {v}}}\ncameras: {{c: {{input: rtsp://h/x}}}}",
    "mqtt: {{host: h}}\nvlm: {{deadline: {v}}}\ncameras: {{c: {{input: rtsp://h/x}}}}",
    "mqtt: {{host: h}}\nstore: {{outbox_max_size: {v}}}\ncameras: {{c: {{input: rtsp://h/x}}}}",
    "mqtt: {{host: h}}\nlog: {{level: {v}}}\ncameras: {{c: {{input: rtsp://h/x}}}}",
    "mqtt: {{host: h}}\nmotion: {{sensitivity: {v}}}\ncameras: {{c: {{input: rtsp://h/x}}}}",
    "mqtt: {{host: h}}\nmotion: {{scene: {v}}}\ncameras: {{c: {{input: rtsp://h/x}}}}",
    "mqtt: {{host: h}}\ncameras: {{c: {{input: 'rtsp://h:99999/x', mask: {v}}}}}",
    "mqtt: {{host: h}}\ncameras: {{c: {{input: rtsp://h/x, mask: [[[{v}, 0], [1, 0], [1, 1]]]}}}}",
    "mqtt: {{host: h}}\ncameras: {{c: {{inputs: [{{url: rtsp://h/x, role: {v}}}]}}}}",
    "mqtt: {{host: h}}\ncameras: {v}",
    "mqtt: {{host: h}}\ncameras: {{c: {v}}}",
    "mqtt: {{host: h}}\ncameras: {{c: {{input: rtsp://h/x}}}}\nrules: {{r: {{ask: x, zones: [{v}]}}}}",
    "mqtt: {{host: h}}\ncameras: {{c: {{input: rtsp://h/x}}}}\nrules: {{r: {{ask: x, cameras: {v}}}}}",
    "mqtt: {{host: h}}\ncameras: {{c: {{input: rtsp://h/x}}}}\nrules: {{r: {{ask: x, alert: {v}}}}}",
    "mqtt: {{host: h}}\ncameras: {{c: {{input: rtsp://h/x}}}}\nrules: {{r: {{ask: x, schedule: {v}}}}}",
    "mqtt: {{host: h}}\ncameras: {{c: {{input: rtsp://h/x}}}}\nrules: {{r: {{ask: x, when: {{on: {v}}}}}}}",
]


@pytest.mark.parametrize("template", REFUSING)
@pytest.mark.parametrize(
    "written", ["!secret mqtt", '"${HUSH}"', '"a${HUSH}b"'], ids=["secret", "variable", "inside"]
)
@pytest.mark.parametrize("value", [SECRET, "h/#@", "x" * 30 + "hush" + "y" * 300])
def test_errors_never_hold_a_filled_in_value(
    template: str,
    written: str,
    value: str,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write_secrets(folder, {"mqtt": value})
    monkeypatch.setenv("HUSH", value)
    file = write(folder, template.format(v=written) + "\n")
    assert run_check(file) == 78
    shown = everything_shown(file, capsys)
    assert value[:4] not in shown.replace("HUSH", "")
    assert "xxxx" not in shown


@pytest.mark.parametrize(
    "source",
    [
        "rstp://admin:hush-hush@10.0.0.5/x",
        "rtsp://admin:hush-hush@10.0.0.5:99999/x",
        "rtsp://admin:hush-hush@/x",
        "rtsp:/admin:hush-hush@10.0.0.5/x",
        "rtsp:admin:hush-hush@10.0.0.5/x",
        "admin:hush-hush@10.0.0.5",
        "rtsp://admin:hush-hush",
        "http://10.0.0.5:hush-hush/x",
    ],
)
def test_errors_never_hold_a_password_of_a_source(
    source: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(tmp_path, f"mqtt: {{host: h}}\ncameras: {{c: {{input: '{source}'}}}}\n")
    assert run_check(file) == 78
    assert "hush" not in everything_shown(file, capsys)


def test_json_report(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = write(folder, f"mqtt: {{host: localhost}}\n{CAMERA}{READY}")
    assert run_check(good, "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["ok"]
    assert report["config"]["cameras"]["c"]["input"] == "rtsp://h/x"
    assert [warning["path"] for warning in report["warnings"]] == ["rules"]
    bad = write(folder, f"mqtt: {{host: localhost, prot: 1}}\n{CAMERA}")
    assert run_check(bad, "--json") == 78
    report = json.loads(capsys.readouterr().out)
    assert (report["ok"], report["config"]) == (False, None)
    assert report["errors"][0]["path"] == "mqtt.prot"
    assert report["errors"][0]["line"] == 1


def test_good_file_prints_yaml_and_a_summary(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(folder, f"mqtt: {{host: localhost}}\n{CAMERA}rules: {{r: {{ask: x}}}}\n{READY}")
    assert run_check(file) == 0
    shown = capsys.readouterr()
    assert yaml.safe_load(shown.out)["mqtt"]["port"] == 1883
    budget, summary = shown.err.splitlines()
    assert budget.startswith("budget: what this box can take is not measured yet: ")
    assert summary == "OK: 1 camera, 1 rule"
