"""Fetching a model from a hub that speaks the protocol, and everything that can go wrong."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import requests

from edge.errors import ModelError, ModelInvalid, ModelMissing
from edge.hub import pull as pull_module
from edge.hub.folder import (
    MANIFEST,
    PARTIAL_DIR,
    REQUIRED,
    faults_of,
    read_manifest,
    require_complete,
)
from edge.hub.listing import Listing, RemoteFile
from edge.hub.pull import Pulled, pull
from edge.hub.wire import Hub
from tests.support.hub_server import Fault, HubServer

REPO = "OpenVINO/Tiny-ov"
BIG = "openvino_language_model.bin"


def model_files(seed: int = 0) -> dict[str, bytes]:
    files = {name: f"{name} {seed}".encode() for name in REQUIRED}
    files["config.json"] = json.dumps({"model_type": "qwen3_vl", "seed": seed}).encode()
    block = hashlib.sha256(str(seed).encode()).digest()
    files[BIG] = block * 40_000  # 1.28 MB: several pieces of a transfer
    files["openvino_vision_embeddings_merger_model.bin"] = b"merger " * 1000
    return files | {"LICENSE": b"Apache", "model.safetensors": b"not wanted", "sub/x.json": b"{}"}


class Watcher:
    def __init__(self) -> None:
        self.listing: Listing | None = None
        self.reports: dict[str, list[int]] = {}
        self.notes: list[str] = []

    def begin(self, listing: Listing) -> None:
        self.listing = listing

    def at(self, file: RemoteFile, have_bytes: int) -> None:
        self.reports.setdefault(file.name, []).append(have_bytes)

    def note(self, text: str) -> None:
        self.notes.append(text)


@pytest.fixture
def server():
    with HubServer() as running:
        running.publish(REPO, model_files())
        yield running


@pytest.fixture
def hub(server: HubServer) -> Hub:
    return Hub(endpoint=server.url, delays_s=(0.01, 0.01, 0.01), read_timeout_s=5)


def fetch(
    hub: Hub, dest: Path, *, repo: str = REPO, revision: str = "main", force: bool = False
) -> tuple[Pulled, Watcher]:
    watcher = Watcher()
    return pull(hub, repo, dest, revision=revision, force=force, progress=watcher), watcher


def assert_holds(dest: Path, files: dict[str, bytes]) -> None:
    wanted = {n: c for n, c in files.items() if n not in {"model.safetensors", "sub/x.json"}}
    found = {p.name: p.read_bytes() for p in dest.iterdir() if p.name != MANIFEST}
    assert found == wanted
    assert faults_of(dest) == []


def test_fetches_only_what_a_model_folder_holds(server, hub, tmp_path):
    dest = tmp_path / "deep" / "model"
    pulled, watcher = fetch(hub, dest)
    assert_holds(dest, model_files())
    assert not pulled.already_there
    assert watcher.notes == []
    assert watcher.reports[BIG][-1] == 1_280_000
    assert len(watcher.reports[BIG]) > 3
    manifest = read_manifest(dest)
    assert manifest == pulled.manifest
    assert manifest.commit == server.revisions[REPO, "main"][0]
    sums = {r.name: r.sha256 for r in manifest.files}
    assert sums[BIG] == hashlib.sha256(model_files()[BIG]).hexdigest()
    assert sums["LICENSE"] == hashlib.sha256(b"Apache").hexdigest()


def test_second_pull_fetches_nothing(server, hub, tmp_path):
    fetch(hub, tmp_path / "m")
    before = len(server.requests)
    pulled, _ = fetch(hub, tmp_path / "m")
    assert pulled.already_there
    assert [s.path.split("?")[0] for s in server.requests[before:]] == [
        f"/api/models/{REPO}/revision/main"
    ]


def test_force_fetches_everything_again(server, hub, tmp_path):
    fetch(hub, tmp_path / "m")
    (tmp_path / "m" / BIG).write_bytes(b"x" * 1_280_000)  # same size, so nothing else would see it
    pulled, _ = fetch(hub, tmp_path / "m", force=True)
    assert not pulled.already_there
    assert_holds(tmp_path / "m", model_files())


def test_damaged_file_is_replaced_and_only_that_one_fetched(server, hub, tmp_path):
    fetch(hub, tmp_path / "m")
    (tmp_path / "m" / BIG).write_bytes(b"short")
    with pytest.raises(ModelInvalid, match=r"has 5 bytes instead of 1280000.*edge model pull"):
        require_complete(tmp_path / "m")
    fetch(hub, tmp_path / "m")
    assert_holds(tmp_path / "m", model_files())
    assert len(server.gets(BIG)) == 2
    assert len(server.gets("LICENSE")) == 1


def test_new_version_replaces_the_old_and_keeps_what_is_unchanged(server, hub, tmp_path):
    fetch(hub, tmp_path / "m")
    files = model_files(seed=1) | {BIG: model_files()[BIG]}
    del files["LICENSE"]
    commit = server.publish(REPO, files)
    pulled, _ = fetch(hub, tmp_path / "m")
    assert pulled.manifest.commit == commit
    assert_holds(tmp_path / "m", files)  # the file that is gone on the hub is gone here
    assert len(server.gets(BIG)) == 1


def test_revision_is_pinned(server, hub, tmp_path):
    old = server.publish(REPO, model_files())
    server.publish(REPO, model_files(seed=1))
    fetch(hub, tmp_path / "m", revision=old)
    assert_holds(tmp_path / "m", model_files())


TRANSIENT = {
    "503": Fault(status=503),
    "429 with retry-after": Fault(status=429, headers={"Retry-After": "0"}),
    "cut mid-file": Fault(cut_after=400_000),
    "cut before the first byte": Fault(cut_after=0),
    "short answer": Fault(short=300_000),
    "wrong bytes": Fault(corrupt=True),
    "too many bytes": Fault(extra=b"surplus"),
}


@pytest.mark.parametrize("fault", TRANSIENT.values(), ids=TRANSIENT.keys())
def test_recovers_from(fault, server, hub, tmp_path):
    server.fault(BIG, fault)
    _, watcher = fetch(hub, tmp_path / "m")
    assert_holds(tmp_path / "m", model_files())
    assert len(watcher.notes) == 1
    assert watcher.notes[0].startswith(BIG)


def test_small_file_is_checked_by_its_git_blob_id(server, hub, tmp_path):
    server.fault("tokenizer.json", Fault(corrupt=True))
    _, watcher = fetch(hub, tmp_path / "m")
    assert watcher.notes == ["tokenizer.json: wrong checksum; fetching it again from the start"]
    assert_holds(tmp_path / "m", model_files())


def test_goes_on_where_the_connection_was_cut(server, hub, tmp_path):
    server.fault(BIG, Fault(cut_after=600_000))
    fetch(hub, tmp_path / "m")
    first, second = server.gets(BIG)
    assert first.range is None
    assert second.range is not None
    assert 200_000 < int(second.range.removeprefix("bytes=").rstrip("-")) <= 600_000
    assert_holds(tmp_path / "m", model_files())


def test_a_slow_but_steady_connection_is_never_given_up(server, hub, tmp_path):
    server.fault(
        BIG, Fault(cut_after=262_144), times=4
    )  # more cuts than attempts, each with progress
    fetch(hub, tmp_path / "m")
    assert len(server.gets(BIG)) == 5
    assert_holds(tmp_path / "m", model_files())


def test_goes_on_after_the_program_was_stopped(server, hub, tmp_path):
    server.fault(BIG, Fault(cut_after=600_000))
    server.fault(BIG, Fault(status=503), times=4)
    with pytest.raises(ModelError, match=r"openvino_language_model.bin: the hub answered 503"):
        fetch(hub, tmp_path / "m")
    with pytest.raises(ModelMissing, match=r"not finished; run the same `edge model pull` again"):
        require_complete(tmp_path / "m")
    assert not (tmp_path / "m" / "config.json").exists()
    fetch(hub, tmp_path / "m")
    assert server.gets(BIG)[-1].range is not None
    assert len(server.gets("config.json")) == 1
    assert_holds(tmp_path / "m", model_files())


def test_server_that_ignores_the_range(server, hub, tmp_path):
    server.fault(BIG, Fault(cut_after=600_000))
    server.fault(BIG, Fault(ignore_range=True))
    fetch(hub, tmp_path / "m")
    assert len(server.gets(BIG)) == 2
    assert_holds(tmp_path / "m", model_files())


def test_server_that_sends_another_range(server, hub, tmp_path):
    server.fault(BIG, Fault(cut_after=600_000))
    server.fault(BIG, Fault(wrong_range=True))
    _, watcher = fetch(hub, tmp_path / "m")
    assert "another range" in watcher.notes[-1]
    assert_holds(tmp_path / "m", model_files())


def test_stalled_server(server, hub, tmp_path):
    server.fault(BIG, Fault(stall_s=20))
    _, watcher = fetch(replace(hub, read_timeout_s=0.3), tmp_path / "m")
    assert len(watcher.notes) == 1
    assert_holds(tmp_path / "m", model_files())


def test_wrong_content_twice_is_an_error(server, hub, tmp_path):
    server.fault(BIG, Fault(corrupt=True), times=2)
    with pytest.raises(
        ModelError, match=r"does not fit the hub's checksum, twice: expected [0-9a-f]{64}"
    ):
        fetch(hub, tmp_path / "m")
    assert not list((tmp_path / "m" / PARTIAL_DIR).glob(f"{BIG}*"))
    with pytest.raises(ModelMissing):
        require_complete(tmp_path / "m")


def test_truncated_for_good_is_an_error(server, hub, tmp_path):
    server.fault(BIG, Fault(short=300_000), times=20)
    with pytest.raises(
        ModelError, match=r"refused the range|cut off after 300000 of 1280000 bytes"
    ):
        fetch(hub, tmp_path / "m")


def test_failed_update_leaves_the_old_model_usable(server, hub, tmp_path):
    fetch(hub, tmp_path / "m")
    server.publish(REPO, model_files(seed=1))
    server.fault(BIG, Fault(status=500), times=10)
    with pytest.raises(ModelError):
        fetch(hub, tmp_path / "m")
    require_complete(tmp_path / "m")
    assert (tmp_path / "m" / BIG).read_bytes() == model_files()[BIG]


def test_stopped_while_files_move_into_place(server, hub, tmp_path, monkeypatch):
    def stop(folder, manifest):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(pull_module, "write_manifest", stop)
        with pytest.raises(KeyboardInterrupt):
            fetch(hub, tmp_path / "m")
    with pytest.raises(ModelMissing, match="not finished"):
        require_complete(tmp_path / "m")
    fetch(hub, tmp_path / "m")
    assert len(server.gets(BIG)) == 1
    assert_holds(tmp_path / "m", model_files())


def test_no_such_model(hub, tmp_path):
    with pytest.raises(
        ModelMissing,
        match=r"Nobody/nothing: http://127.* has nothing of this name \(401\); set HF_TOKEN",
    ):
        fetch(hub, tmp_path / "m", repo="Nobody/nothing")
    assert not (tmp_path / "m").exists()


def test_no_such_revision(hub, tmp_path):
    with pytest.raises(ModelMissing, match="no such revision of it; check --revision"):
        fetch(hub, tmp_path / "m", revision="v9")


REFUSALS = {
    "forbidden": (Fault(status=403), r"forbids access \(403\)"),
    "gated": (Fault(status=403, headers={"X-Error-Code": "GatedRepo"}), "accept the terms at http"),
    "teapot": (Fault(status=418), "answered 418"),
}


@pytest.mark.parametrize(("fault", "text"), REFUSALS.values(), ids=REFUSALS.keys())
def test_refused(fault, text, server, hub, tmp_path):
    server.fault("listing", fault)
    with pytest.raises(ModelError, match=text):
        fetch(hub, tmp_path / "m")
    assert len(server.requests) == 1  # no second attempt at what cannot pass


def test_listing_is_asked_for_again(server, hub, tmp_path):
    server.fault("listing", Fault(status=502), times=2)
    _, watcher = fetch(hub, tmp_path / "m")
    assert len(watcher.notes) == 2
    assert_holds(tmp_path / "m", model_files())


@pytest.mark.parametrize(
    ("repo_files", "text"),
    [
        ({"config.json": b"{}", "model.safetensors": b""}, "has no openvino_language_model.bin"),
        (model_files() | {"config.json": b'{"model_type": "llama"}'}, "is a 'llama' model"),
        (model_files() | {"config.json": b"[]"}, "does not name a model_type"),
    ],
    ids=["not openvino", "another architecture", "unreadable config"],
)
def test_other_models_are_refused_before_the_large_files(repo_files, text, server, hub, tmp_path):
    server.publish("Some/other", repo_files)
    with pytest.raises(ModelInvalid, match=text):
        fetch(hub, tmp_path / "m", repo="Some/other")
    assert server.gets(BIG) == []


@pytest.mark.parametrize(
    "body",
    [
        b"<html>Please log in</html>",
        b'{"sha": 1}',
        b'{"sha": "../../x", "siblings": []}',
        b" " * (17 << 20),
    ],
    ids=["login page", "wrong types", "bad commit", "endless"],
)
def test_strange_listing(body, server, hub, tmp_path):
    server.fault("listing", Fault(body=body))
    with pytest.raises(ModelError, match=r"like a model hub|impossible commit|far too long"):
        fetch(hub, tmp_path / "m")


def test_file_without_checksum_is_refused(server, hub, tmp_path):
    commit, files = server.revisions[REPO, "main"]
    answer = json.loads(server.listing(REPO, commit, files))
    del answer["siblings"][0]["blobId"]
    server.fault("listing", Fault(body=json.dumps(answer).encode()))
    with pytest.raises(ModelError, match="no checksum or size for"):
        fetch(hub, tmp_path / "m")


def test_a_hub_that_is_not_there_is_told_at_once(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as placeholder:
        port = placeholder.getsockname()[1]
    cases = {
        f"http://127.0.0.1:{port}": "nothing listens there (connection refused)",
        "http://nosuch.invalid": "the host name cannot be resolved",
    }
    for endpoint, reason in cases.items():
        watcher = Watcher()
        hub = Hub(endpoint, delays_s=(60, 60, 60))  # no test would live to see a second attempt
        with pytest.raises(ModelError) as caught:
            pull(hub, REPO, tmp_path / "m", revision="main", force=False, progress=watcher)
        assert f"asking for {REPO}: {reason}" in str(caught.value)
        assert f"({endpoint}). Without internet access, set HF_ENDPOINT" in str(caught.value)
        assert "is kept" not in str(caught.value)
        assert watcher.notes == []


def test_a_proxy_that_is_not_there_is_told_at_once(tmp_path, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as placeholder:
        port = placeholder.getsockname()[1]
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{port}")
    with pytest.raises(ModelError, match="the proxy cannot be reached: nothing listens there"):
        fetch(Hub("http://hub.invalid", delays_s=(60,)), tmp_path / "m")


def test_a_hub_that_hangs_up_is_tried_again_and_nothing_is_said_to_be_kept(server, hub, tmp_path):
    server.fault("listing", Fault(status=503), times=9)
    with pytest.raises(ModelError, match=r"503 .*, 4 attempts\). Without") as caught:
        fetch(hub, tmp_path / "m")
    assert "is kept" not in str(caught.value)


def test_a_hub_that_goes_away_between_two_files_is_tried_again(server, hub, tmp_path, monkeypatch):
    real, times = requests.Session.get, []

    def get(session, url, **options):
        if url.endswith("LICENSE") and len(times) < 2:
            times.append(url)
            raise requests.exceptions.ConnectionError(ConnectionRefusedError())
        return real(session, url, **options)

    monkeypatch.setattr(requests.Session, "get", get)
    _, watcher = fetch(hub, tmp_path / "m")
    assert len(watcher.notes) == 2
    assert_holds(tmp_path / "m", model_files())


@pytest.mark.parametrize(
    "repo", ["", "x", "a/b/c", "../etc", "a/..", "a b/c", "-x/y", "https://x/y"]
)
def test_impossible_names(repo, server, hub, tmp_path):
    with pytest.raises(ModelError, match="named owner/name"):
        fetch(hub, tmp_path / "m", repo=repo)
    assert server.requests == []


def test_token_goes_to_the_hub_alone_and_is_never_shown(tmp_path):
    with HubServer(token="hf_verysecret") as server:
        server.publish(REPO, model_files())
        hub = Hub(endpoint=server.url, token="hf_verysecret", delays_s=(0.01,))
        fetch(hub, tmp_path / "m")
        assert_holds(tmp_path / "m", model_files())
        assert {s.authorization for s in server.requests if s.host == "hub"} == {
            "Bearer hf_verysecret"
        }
        assert {s.authorization for s in server.requests if s.host == "store"} == {None}
        assert "verysecret" not in repr(hub)
        wrong = replace(hub, token="hf_wrongsecret")
        with pytest.raises(ModelError, match=r"does not know the token \(401\)") as caught:
            fetch(wrong, tmp_path / "other")
        assert "wrongsecret" not in str(caught.value)
        with pytest.raises(ModelMissing, match="set HF_TOKEN if it is private"):
            fetch(replace(hub, token=None), tmp_path / "other")


def test_signed_address_is_never_shown(server, hub, tmp_path):
    server.fault(BIG, Fault(status=403), times=10)
    with pytest.raises(ModelError) as caught:
        fetch(hub, tmp_path / "m")
    assert "signature" not in str(caught.value).lower()


def test_a_folder_with_other_things_is_left_alone(hub, tmp_path):
    (tmp_path / "thesis.odt").write_text("years of work")
    with pytest.raises(ModelError, match="did not put there"):
        fetch(hub, tmp_path, force=True)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.odt"]


def test_a_file_in_the_way(hub, tmp_path):
    (tmp_path / "m").write_text("x")
    with pytest.raises(ModelError, match="is a file"):
        fetch(hub, tmp_path / "m")


def test_disk_too_small(hub, tmp_path, monkeypatch):
    monkeypatch.setattr(pull_module, "SPARE_BYTES", 1 << 60)
    with pytest.raises(ModelError, match=r"not enough space: 1 MB to fetch"):
        fetch(hub, tmp_path / "m")


def test_disk_full(server, hub, tmp_path):
    sha256 = hashlib.sha256(model_files()[BIG]).hexdigest()
    partial = tmp_path / "m" / PARTIAL_DIR
    partial.mkdir(parents=True)
    (partial / f"{BIG}.{sha256[:16]}.part").symlink_to("/dev/full")
    with pytest.raises(ModelError, match="the disk is full; what has arrived is kept"):
        fetch(hub, tmp_path / "m")
    assert server.gets(BIG)


def test_a_destination_below_a_file_is_told_before_the_hub_is_asked(server, hub, tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(ModelError, match=f"{tmp_path}/file is not a folder; choose another"):
        fetch(hub, tmp_path / "file" / "deep" / "m")
    assert server.requests == []


@pytest.mark.skipif(os.geteuid() != 0, reason="becoming another user needs root")
def test_a_destination_of_another_user_is_told_before_the_hub_is_asked(server, hub):
    code = f"""
import os
from pathlib import Path
from edge.errors import ModelError
from edge.hub.pull import pull
from edge.hub.wire import Hub
os.setgid(65534)
os.setuid(65534)
dest = Path("/var/lib/edge-test-that-does-not-exist/m")
try:
    pull(Hub({server.url!r}), {REPO!r}, dest, revision="main", force=False, progress=None)
except ModelError as error:
    print(error)
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "/var/lib/edge-test-that-does-not-exist/m: not allowed to write here" in run.stdout
    assert server.requests == []


def test_folder_that_cannot_be_written(hub):
    with pytest.raises(ModelError, match=r"/proc/nothing"):  # not even by root
        fetch(hub, Path("/proc/nothing"))


def test_two_at_once(server, hub, tmp_path):
    class Second(Watcher):
        def begin(self, listing):
            with pytest.raises(ModelError, match="another `edge model pull` is writing here"):
                fetch(hub, tmp_path / "m")
            super().begin(listing)

    watcher = Second()
    pull(hub, REPO, tmp_path / "m", revision="main", force=False, progress=watcher)
    assert watcher.listing is not None


def test_unreadable_manifest(server, hub, tmp_path):
    fetch(hub, tmp_path / "m")
    (tmp_path / "m" / MANIFEST).write_text("{")
    with pytest.raises(ModelInvalid, match="not a readable manifest"):
        require_complete(tmp_path / "m")
    fetch(hub, tmp_path / "m")
    assert_holds(tmp_path / "m", model_files())


class TestEnvironment:
    def test_defaults(self, monkeypatch):
        for name in ("HF_ENDPOINT", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_HUB_OFFLINE"):
            monkeypatch.delenv(name, raising=False)
        assert Hub.from_environment().endpoint == "https://huggingface.co"

    def test_mirror_and_token(self, monkeypatch):
        monkeypatch.setenv("HF_ENDPOINT", "https://user:pw@mirror.lan:8443/hf/")
        monkeypatch.setenv("HF_TOKEN", "hf_x")
        hub = Hub.from_environment()
        assert hub.file_url("a/b", "main", "c") == (
            "https://user:pw@mirror.lan:8443/hf/a/b/resolve/main/c"
        )
        assert hub.name == "https://mirror.lan:8443/hf"
        assert hub.token == "hf_x"

    @pytest.mark.parametrize("value", ["mirror.lan", "ftp://x", "http://"])
    def test_bad_address(self, value, monkeypatch):
        monkeypatch.setenv("HF_ENDPOINT", value)
        with pytest.raises(ModelError, match="HF_ENDPOINT must be"):
            Hub.from_environment()

    def test_offline(self, monkeypatch):
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")
        with pytest.raises(ModelError, match="HF_HUB_OFFLINE is set"):
            Hub.from_environment()
