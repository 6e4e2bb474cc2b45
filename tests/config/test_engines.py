"""Where the model is: what may be written about a server, and what is said of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.config.load import load_text
from edge.config.printed import format_yaml
from edge.daemon.plans import PoolSettings
from edge.daemon.wiring import analyzer_plan, camera_plan, find_needed_model
from edge.errors import ConfigError
from edge.vlm.remote.settings import RemoteSettings
from edge.vlm.settings import EngineSettings

REST = (
    "mqtt: {host: localhost}\ncameras: {porch: {input: rtsp://10.0.0.1/x}}\nrules: {r: {ask: x}}\n"
)
KEY = "sk-0123456789abcdef"
SERVER = "openai: {url: 'http://127.0.0.1:8000/v1/', model: qwen"


def load(vlm: str):
    return load_text(f"{REST}vlm: {{{vlm}}}\n", "edge.yaml", Path("/"))


def test_a_server_needs_no_model_here() -> None:
    config = load(f"engine: openai, {SERVER}, key: {KEY}, parallel: 2}}").config
    assert find_needed_model(config) is None
    engine = analyzer_plan(config, None).engine
    assert isinstance(engine, RemoteSettings)
    assert (engine.url, engine.model, engine.key, engine.parallel, engine.standby) == (
        "http://127.0.0.1:8000/v1",
        "qwen",
        KEY,
        2,
        None,
    )
    assert KEY not in repr(analyzer_plan(config, None))


def test_a_standby_needs_one() -> None:
    config = load(f"engine: openai, standby: local, model: demo, {SERVER}}}").config
    folder = find_needed_model(config)
    assert folder is not None
    engine = analyzer_plan(config, folder).engine
    assert isinstance(engine, RemoteSettings)
    assert engine.standby is not None
    assert engine.standby.model_dir == folder


@pytest.mark.parametrize(("temporal", "is_kept"), [("off", False), ("pair", True)])
def test_cameras_keep_pictures_from_before_for_pairs_alone(temporal: str, *, is_kept: bool) -> None:
    config = load(f"model: demo, temporal: {temporal}").config
    assert camera_plan(config, "porch").sampler.keep_before is is_kept
    engine = analyzer_plan(config, find_needed_model(config)).engine
    assert isinstance(engine, EngineSettings)
    assert engine.use_before is is_kept


@pytest.mark.parametrize(
    ("vlm", "path", "words"),
    [
        ("engine: openai", "vlm.engine", "without a server"),
        ("engine: opnai", "vlm.engine", "Did you mean openai?"),
        ("standby: yes", "vlm.standby", "Write none or local"),
        ("openai: {model: m}", "vlm.openai.url", "missing"),
        ("openai: {url: 'http://h/v1'}", "vlm.openai.model", "missing"),
        ("openai: {url: h, model: m}", "vlm.openai.url", "not the address"),
        ("openai: {url: 'ftp://h/v1', model: m}", "vlm.openai.url", "not the address"),
        ("openai: {url: 'http://h:99999/v1', model: m}", "vlm.openai.url", "not the address"),
        (f"openai: {{url: 'http://a:{KEY}@h/v1', model: m}}", "vlm.openai.url", "holds a password"),
        ("openai: {url: 'http://h/v1/chat/completions', model: m}", "vlm.openai.url", "beginning"),
        ("openai: {url: 'http://h/v1?x=1', model: m}", "vlm.openai.url", "beginning"),
        ("openai: {url: 'http://h/v1', model: m, parallel: 0}", "vlm.openai.parallel", "0"),
        ("openai: {url: 'http://h/v1', model: m, pictures: gif}", "vlm.openai.pictures", "jpeg"),
    ],
)
def test_what_is_refused(vlm: str, path: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(vlm)
    told = {p.path: str(p) for p in caught.value.problems}
    assert words in told[path]
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    ("vlm", "path", "words"),
    [
        (f"{SERVER}}}", "vlm.openai", "no effect"),
        ("standby: local", "vlm.standby", "no effect"),
        ("engine: openai, openai: {url: 'http://h/v1', model: m}", "vlm.openai.url", "unencrypted"),
        (
            f"engine: openai, openai: {{url: 'http://h/v1', model: m, key: {KEY}}}",
            "vlm.openai.url",
            "the key and pictures",
        ),
    ],
)
def test_warnings(vlm: str, path: str, words: str) -> None:
    told = {warning.path: warning.message for warning in load(vlm).warnings}
    assert words in told[path]


def test_the_key_is_a_secret() -> None:
    loaded = load(f"engine: openai, {SERVER}, key: {KEY}}}")
    assert KEY in loaded.secrets
    assert KEY not in format_yaml(loaded)
    assert not loaded.warnings


WORKER = "mqtt: {host: localhost}\nworker: true\n"


def test_a_worker_has_no_cameras() -> None:
    loaded = load_text(f"{WORKER}vlm: {{model: demo}}\n", "edge.yaml", Path("/"))
    assert loaded.config.worker
    assert not loaded.warnings
    with pytest.raises(ConfigError, match="a worker has no cameras"):
        load_text(f"{REST}worker: true\n", "edge.yaml", Path("/"))
    with pytest.raises(ConfigError, match="cannot hand its jobs on"):
        load_text(f"{WORKER}vlm: {{engine: pool}}\n", "edge.yaml", Path("/"))


def test_the_pool_needs_mqtt_5() -> None:
    text = REST.replace("localhost", "localhost, version: 3.1.1") + "vlm: {engine: pool}\n"
    with pytest.raises(ConfigError, match="needs MQTT 5"):
        load_text(text, "edge.yaml", Path("/"))


def test_a_pool_needs_no_model_here() -> None:
    config = load("engine: pool").config
    assert find_needed_model(config) is None
    engine = analyzer_plan(config, None).engine
    assert isinstance(engine, PoolSettings)
    assert (engine.mqtt.host, engine.standby) == ("localhost", None)
