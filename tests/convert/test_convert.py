"""Converting with scripted steps: order, resumption, refusals. The real steps are tested apart."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from edge.cli import main
from edge.convert import needs, steps
from edge.convert.convert import convert
from edge.convert.journal import open_journal
from edge.convert.source import read_checkpoint
from edge.errors import ModelError, ModelInvalid, ModelMissing
from edge.hub.folder import GRAPHS, Manifest, faults_of, read_manifest
from edge.hub.places import DEMO_DIR
from tests.support import scripted_workshop
from tests.support.hub_server import HubServer
from tests.support.tiny_model import missing_parts, tiny_model

WORKSHOP = (sys.executable, scripted_workshop.__file__)
LANGUAGE = GRAPHS[0]


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """A folder that looks like a checkpoint; its one tensor has 1000 parameters."""
    folder = tmp_path / "Qwen3-VL-0B"
    folder.mkdir()
    for name in ("config.json", "preprocessor_config.json", "tokenizer.json", "vocab.json"):
        shutil.copy(DEMO_DIR / name, folder)
    (folder / "README.md").write_text("A model.")
    write_safetensors(folder / "model.safetensors")
    return folder


def write_safetensors(path: Path, num: int = 1000) -> None:
    header = json.dumps({"w": {"dtype": "BF16", "shape": [num], "data_offsets": [0, 2 * num]}})
    path.write_bytes(struct.pack("<Q", len(header)) + header.encode() + bytes(2 * num))


@pytest.fixture
def calls(tmp_path: Path, monkeypatch) -> Path:
    path = tmp_path / "calls"
    monkeypatch.setenv("WORKSHOP_CALLS", str(path))
    return path


def run(checkpoint: Path, dest: Path, said: list[str] | None = None, **more):
    options = {"weights": "int4", "awq": False, "force": False, "test": str}
    heard = said if said is not None else []
    return convert(checkpoint, dest, say=heard.append, workshop=WORKSHOP, **{**options, **more})


def test_result_is_a_complete_model_folder(checkpoint, calls, tmp_path):
    said: list[str] = []
    tested: list[list[str]] = []

    def test(folder: Path) -> str:
        tested.append(faults_of(folder))
        return "passed: agreement 1.000"

    dest = tmp_path / "m"
    manifest = run(checkpoint, dest, said, test=test, awq=True)
    assert tested == [[]], "the self-test must see the finished files"
    assert faults_of(dest) == []
    assert read_manifest(dest) == manifest
    record = {r.name: r for r in manifest.files}["config.json"]
    assert record.sha256 == hashlib.sha256((dest / "config.json").read_bytes()).hexdigest()
    assert calls.read_text().splitlines() == [
        f"export {checkpoint.name} raw.new",
        f"compress {LANGUAGE}.xml {LANGUAGE}.xml int4 64 awq",
        f"compress {GRAPHS[1]}.xml {GRAPHS[1]}.xml int8 0",
        f"compress {GRAPHS[3]}.xml {GRAPHS[3]}.xml int8 0",
    ]
    assert "[1/6] export the graphs" in said
    assert "[2/6] language model: int4 asymmetric, groups of 64, AWQ" in said
    assert not list(tmp_path.glob(".*")), "the work folder is removed"
    kept = (dest / "preprocessor_config.json").read_bytes()
    assert kept == (checkpoint / "preprocessor_config.json").read_bytes()
    assert (dest / "README.md").read_text() == "A model."

    said.clear()
    assert run(checkpoint, dest, said, awq=True) == manifest
    assert said == [f"{dest} is complete already"]


@pytest.mark.parametrize(
    ("trouble", "message"),
    [
        pytest.param(f"fail:{LANGUAGE}", "compress failed .status 1.: torch says no", id="fails"),
        pytest.param(f"die:{LANGUAGE}", "most likely because memory ran out", id="killed"),
    ],
)
def test_goes_on_after_a_failed_step(checkpoint, calls, tmp_path, monkeypatch, trouble, message):
    monkeypatch.setenv("WORKSHOP_TROUBLE", trouble)
    with pytest.raises(ModelError, match=message):
        run(checkpoint, tmp_path / "m")
    assert not (tmp_path / "m").exists()
    monkeypatch.delenv("WORKSHOP_TROUBLE")
    said: list[str] = []
    run(checkpoint, tmp_path / "m", said)
    assert "[1/6] export the graphs: kept from an earlier run" in said
    assert [line.split()[0] for line in calls.read_text().splitlines()].count("export") == 1


def test_a_failed_self_test_leaves_no_model(checkpoint, calls, tmp_path):
    def test(folder: Path) -> str:
        raise ModelInvalid("it answers nonsense")

    with pytest.raises(ModelInvalid, match="nonsense"):
        run(checkpoint, tmp_path / "m", test=test)
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize("change", ["checkpoint", "recipe"])
def test_another_job_begins_anew(checkpoint, calls, tmp_path, monkeypatch, change):
    monkeypatch.setenv("WORKSHOP_TROUBLE", f"fail:{GRAPHS[3]}")
    with pytest.raises(ModelError):
        run(checkpoint, tmp_path / "m")
    monkeypatch.delenv("WORKSHOP_TROUBLE")
    if change == "checkpoint":
        write_safetensors(checkpoint / "model.safetensors", 2000)
    run(checkpoint, tmp_path / "m", weights="int8" if change == "recipe" else "int4")
    assert calls.read_text().count("export") == 2


def test_interrupt_stops_the_step_and_the_next_run_goes_on(checkpoint, calls, tmp_path):
    """In a process of its own, stopped by Ctrl-C in its second step."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.convert.test_convert", str(checkpoint), str(tmp_path / "m")],
        env={**os.environ, "WORKSHOP_TROUBLE": f"hang:{LANGUAGE}"},
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert process.stderr is not None
    with process:
        try:
            for line in process.stderr:
                if line.startswith("[2/6]"):
                    break
            while "compress" not in calls.read_text():
                assert process.poll() is None
            process.send_signal(signal.SIGINT)
            assert process.wait(100) == 130
        finally:
            process.kill()
    assert not (tmp_path / "m").exists()
    said: list[str] = []
    run(checkpoint, tmp_path / "m", said)
    assert "[1/6] export the graphs: kept from an earlier run" in said
    assert faults_of(tmp_path / "m") == []


def run_and_be_interrupted(words: list[str]) -> None:
    """The body of the process of the test above."""
    try:
        convert(
            Path(words[0]),
            Path(words[1]),
            weights="int4",
            awq=False,
            force=False,
            say=lambda text: sys.stderr.write(f"{text}\n") and sys.stderr.flush(),
            test=str,
            workshop=WORKSHOP,
        )
    except KeyboardInterrupt:
        sys.exit(130)


def test_two_at_once_are_refused(checkpoint, calls, tmp_path):
    with (
        open_journal(tmp_path / ".m.converting", "job"),
        pytest.raises(ModelError, match="another conversion is at work"),
    ):
        run(checkpoint, tmp_path / "m")


def test_something_else_at_dest_is_kept(checkpoint, calls, tmp_path):
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "photo.jpg").write_bytes(b"x")
    with pytest.raises(ModelError, match="exists and is something else"):
        run(checkpoint, tmp_path / "m")
    assert (tmp_path / "m" / "photo.jpg").exists()


def test_too_little_memory_or_disk_is_told_before_anything(
    checkpoint, calls, tmp_path, monkeypatch
):
    monkeypatch.setattr(needs, "MEMORY_BYTES_PER_PARAMETER", 1e12)
    with pytest.raises(ModelError, match="of memory and swap are available"):
        run(checkpoint, tmp_path / "m")
    monkeypatch.setattr(needs, "DISK_BYTES_PER_PARAMETER", 1e15)
    with pytest.raises(ModelError, match="GB free, converting needs"):
        run(checkpoint, tmp_path / "m")
    assert not calls.exists()
    run(checkpoint, tmp_path / "m", force=True)


def test_a_missing_extra_is_named(checkpoint, monkeypatch, capsys):
    monkeypatch.setattr(needs, "PACKAGES", ("torch-of-nobody",))
    assert main(["model", "convert", str(checkpoint)]) == 1
    err = capsys.readouterr().err
    assert "torch-of-nobody" in err
    assert "pip install '.[convert]'" in err


def test_awq_is_for_int4(checkpoint, capsys):
    assert main(["model", "convert", str(checkpoint), "--weights", "int8", "--awq"]) == 1
    assert "--awq goes with --weights int4" in capsys.readouterr().err


def test_the_group_fits_the_matrices(checkpoint):
    assert read_checkpoint(checkpoint).group == 64
    config = json.loads((checkpoint / "config.json").read_text())
    config["text_config"]["intermediate_size"] = 96
    (checkpoint / "config.json").write_text(json.dumps(config))
    assert read_checkpoint(checkpoint).group == 32
    assert read_checkpoint(checkpoint).num_parameters == 1000


def cut(folder: Path) -> None:
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-1])


def lose_part(folder: Path) -> None:
    index = {"weight_map": {"w": "model-00002.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        pytest.param(lambda f: (f / "config.json").unlink(), "config.json is missing", id="config"),
        pytest.param(
            lambda f: (f / "config.json").write_text('{"model_type": "llama"}'),
            "model_type is 'llama'",
            id="other model",
        ),
        pytest.param(
            lambda f: (f / "model.safetensors").unlink(), "holds no weights", id="no weights"
        ),
        pytest.param(cut, "bytes instead of", id="cut short"),
        pytest.param(
            lambda f: (f / "model.safetensors").write_bytes(b"<html>no</html>"),
            "not a safetensors file",
            id="not weights",
        ),
        pytest.param(lose_part, "model-00002.safetensors is missing", id="a part is missing"),
        pytest.param(
            lambda f: [(f / n).unlink() for n in ("tokenizer.json", "vocab.json")],
            "no tokenizer",
            id="no tokenizer",
        ),
        pytest.param(
            lambda f: (f / "openvino_language_model.xml").touch(), "converted already", id="ours"
        ),
    ],
)
def test_what_is_no_checkpoint_is_refused(checkpoint, spoil, message):
    spoil(checkpoint)
    with pytest.raises(ModelInvalid, match=message):
        read_checkpoint(checkpoint)


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(ModelMissing, match=r"no such folder\. Name the folder .* as OWNER/NAME"):
        read_checkpoint(tmp_path / "Qwen3-VL-2B-Instruct")


@pytest.fixture
def hub(tmp_path, monkeypatch):
    with HubServer() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        monkeypatch.setenv("EDGE_MODELS", str(tmp_path / "models"))
        monkeypatch.setattr(needs, "PACKAGES", ())
        yield server


@pytest.fixture
def converted(monkeypatch):
    """The folders that the command converts; the steps are tested apart."""
    folders: list[tuple[Path, Path]] = []

    def convert(folder: Path, dest: Path, **_: object) -> Manifest:
        read_checkpoint(folder)
        folders.append((folder, dest))
        shutil.copytree(DEMO_DIR, dest)
        return Manifest(repo="r", revision="main", commit="c", pulled_at="now", files=())

    monkeypatch.setattr("edge.convert.convert.convert", convert)
    return folders


def test_a_checkpoint_on_a_hub_is_fetched_first(checkpoint, hub, converted, tmp_path, capsys):
    files = {path.name: path.read_bytes() for path in checkpoint.iterdir()}
    hub.publish("Qwen/Qwen3-VL-0B", {**files, "pytorch_model.bin": b"x", "run.py": b"import os"})
    assert main(["model", "convert", "Qwen/Qwen3-VL-0B"]) == 0
    folder = tmp_path / "models" / "Qwen" / "Qwen3-VL-0B-checkpoint"
    dest = tmp_path / "models" / "Qwen3-VL-0B-int4-ov"
    assert converted == [(folder, dest)]
    assert {path.name for path in folder.iterdir()} == {*files, "edge_manifest.json"}
    out, err = capsys.readouterr()
    assert f"{dest}: complete" in out
    assert f"the checkpoint is in {folder}" in err

    shutil.rmtree(dest)
    assert main(["model", "convert", "Qwen/Qwen3-VL-0B", "--weights", "int8"]) == 0
    assert len(hub.gets("model.safetensors")) == 1, "it is there already"
    assert converted[-1] == (folder, tmp_path / "models" / "Qwen3-VL-0B-int8-ov")


@pytest.mark.parametrize(
    ("lost", "message"),
    [
        ("model.safetensors", "is not a Qwen3-VL checkpoint of transformers: it has no weights"),
        ("tokenizer.json", "of transformers: it has no tokenizer.json"),
    ],
)
def test_what_is_no_checkpoint_on_a_hub(checkpoint, hub, converted, capsys, lost, message):
    files = {path.name: path.read_bytes() for path in checkpoint.iterdir() if path.name != lost}
    hub.publish("Qwen/Qwen3-VL-0B", files)
    assert main(["model", "convert", "Qwen/Qwen3-VL-0B"]) != 0
    assert message in capsys.readouterr().err
    assert converted == []


def test_nothing_is_fetched_that_cannot_be_converted(checkpoint, hub, monkeypatch, capsys):
    hub.publish("Qwen/Qwen3-VL-0B", {path.name: path.read_bytes() for path in checkpoint.iterdir()})
    monkeypatch.setattr(needs, "PACKAGES", ("no-such-package",))
    assert main(["model", "convert", "Qwen/Qwen3-VL-0B"]) != 0
    assert "converting needs no-such-package" in capsys.readouterr().err
    assert hub.requests == []


def test_a_long_step_tells_that_it_is_at_work(checkpoint, calls, tmp_path, monkeypatch):
    monkeypatch.setattr(steps, "HEARTBEAT_S", 0.01)
    said: list[str] = []
    run(checkpoint, tmp_path / "m", said)
    assert any("at work for" in line for line in said)


@pytest.mark.parity
@pytest.mark.timeout(600)
def test_the_real_steps_make_a_model_that_passes_its_self_test(tmp_path, capsys):
    if missing := {*missing_parts(), *needs.missing_packages()}:
        pytest.skip(f"needs {', '.join(missing)}")
    dest = tmp_path / "tiny"
    words = ["model", "convert", str(tiny_model().hf), "--dest", str(dest), "--awq"]
    assert main(words) == 0
    out, err = capsys.readouterr()
    assert "complete" in out
    assert "passed: agreement" in err
    assert main(["model", "info", str(dest)]) == 0
    out, _ = capsys.readouterr()
    # Most of so small a model is its head, which stays int8; the layers are int4.
    assert 'element_type="u4" shape="128, 3, 32"' in (dest / f"{LANGUAGE}.xml").read_text()
    assert "vision: int8 asymmetric, by row" in out
    assert "converted" in out


if __name__ == "__main__":
    # A shell's background job ignores Ctrl-C, and hands that on.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    run_and_be_interrupted(sys.argv[1:])
