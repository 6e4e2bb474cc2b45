"""`edge model pull` and `edge model info`, from the command line to the files."""

from __future__ import annotations

import io
import json
import shutil

import pytest

from edge.cli import main
from edge.cli.model_progress import open_progress
from edge.config.model_names import DEFAULT_MODEL
from edge.hub.folder import MANIFEST, PARTIAL_DIR
from edge.hub.listing import Listing, RemoteFile
from edge.hub.places import DEMO_DIR
from tests.support.hub_server import Fault, HubServer

BIG = "openvino_language_model.bin"


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A hub that offers the bundled model under the default name."""
    with HubServer(large_bytes=50_000) as running:
        running.publish(DEFAULT_MODEL, {p.name: p.read_bytes() for p in DEMO_DIR.iterdir()})
        monkeypatch.setenv("HF_ENDPOINT", running.url)
        monkeypatch.setenv("EDGE_MODELS", str(tmp_path / "models"))
        monkeypatch.delenv("HF_TOKEN", raising=False)
        monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
        yield running


def test_pull_then_info(server, tmp_path, capsys):
    assert main(["model", "pull"]) == 0
    out, err = capsys.readouterr()
    folder = tmp_path / "models" / DEFAULT_MODEL
    needed = [p for p in DEMO_DIR.iterdir() if p.name != "MODEL_CARD.md"]
    size = f"{sum(p.stat().st_size for p in needed) / 1e6:.1f} MB"
    assert f"{DEFAULT_MODEL} at " in out
    assert f": complete, {size}" in out
    assert str(folder) in out
    assert f"{size}, commit" in err
    assert (folder / MANIFEST).exists()
    assert not (folder / "MODEL_CARD.md").exists()

    assert main(["model", "info"]) == 0
    out, _ = capsys.readouterr()
    assert "complete    yes" in out
    assert f"pulled      {DEFAULT_MODEL} at" in out
    assert BIG in out
    assert "precision   int8" in out
    assert "6 layers, hidden 192" in out
    assert "real pictures mean nothing" in out

    assert main(["model", "pull"]) == 0
    assert "already complete" in capsys.readouterr().out


def test_pull_into_a_folder(server, tmp_path, capsys):
    assert main(["model", "pull", "--dest", str(tmp_path / "m")]) == 0
    assert f"`model: {tmp_path / 'm'}`" in capsys.readouterr().out
    assert main(["model", "info", str(tmp_path / "m")]) == 0


def test_failure_is_one_message(server, capsys):
    assert main(["model", "pull", "Nobody/nothing"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("edge model: Nobody/nothing: http://127.0.0.1")
    assert "Traceback" not in err


def test_interrupted(server, monkeypatch, capsys):
    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("edge.hub.pull.download", interrupt)
    assert main(["model", "pull"]) == 130
    assert "goes on from here" in capsys.readouterr().err


def test_troubles_are_shown(server, capsys, monkeypatch):
    server.fault(BIG, Fault(corrupt=True))
    assert main(["model", "pull"]) == 0
    assert f"{BIG}: wrong checksum" in capsys.readouterr().err


def test_info_without_a_model_names_the_command(server, capsys):
    assert main(["model", "info"]) == 1
    assert "Fetch it with `edge model pull`" in capsys.readouterr().err


def test_info_of_an_incomplete_model(server, tmp_path, capsys):
    folder = tmp_path / "models" / "a" / "b"
    shutil.copytree(DEMO_DIR, folder)
    (folder / BIG).unlink()
    assert main(["model", "info", "a/b"]) == 1
    assert f"complete    no: {BIG} is missing" in capsys.readouterr().out


def test_info_of_an_unfinished_download(server, tmp_path, capsys):
    folder = tmp_path / "models" / "a" / "b"
    shutil.copytree(DEMO_DIR, folder)
    (folder / PARTIAL_DIR).mkdir()
    assert main(["model", "info", "a/b"]) == 1
    assert "complete    no: the download was not finished" in capsys.readouterr().out


def test_info_of_a_truncated_model(server, tmp_path, capsys):
    assert main(["model", "pull", "--dest", str(tmp_path / "m")]) == 0
    (tmp_path / "m" / BIG).write_bytes(b"short")
    assert main(["model", "info", str(tmp_path / "m")]) == 1
    assert f"no: {BIG} has 5 bytes instead of" in capsys.readouterr().out


def test_info_of_another_architecture(tmp_path, capsys):
    folder = tmp_path / "m"
    shutil.copytree(DEMO_DIR, folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"model_type": "llava"}))
    assert main(["model", "info", str(folder)]) == 1
    assert "unusable    " in capsys.readouterr().out


def test_self_test(capsys):
    assert main(["model", "info", "demo", "--self-test"]) == 0
    assert "self-test   passed" in capsys.readouterr().out


@pytest.mark.parametrize("words", [["pull"], ["info"]], ids=["pull", "info"])
def test_help_explains_every_argument(words, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["model", *words, "--help"])
    assert stopped.value.code == 0
    shown = capsys.readouterr().out
    for word in {
        "pull": ("HF_ENDPOINT", "--revision", "--dest", "--force"),
        "info": ("--self-test", "MODEL"),
    }[words[0]]:
        assert word in shown


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_bar_on_a_terminal(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    file = RemoteFile("big.bin", 4_000_000, "0" * 64, None)
    out = Terminal()
    with open_progress(out) as progress:
        progress.begin(Listing("a/b", "0" * 40, (file,)))
        progress.at(file, 4_000_000)
        progress.note("big.bin: [red]trouble")
    assert "big.bin" in out.getvalue()
    assert "4.0/4.0 MB" in out.getvalue()
    assert "[red]trouble" in out.getvalue()  # taken as text, not as markup
