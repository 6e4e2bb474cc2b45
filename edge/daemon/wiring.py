"""From the configuration's words to the settings of each stage. Pure."""

from __future__ import annotations

from pathlib import Path

from edge import __version__
from edge.capture.settings import SourceSettings
from edge.config.models import Config
from edge.daemon.effort import EffortSettings
from edge.daemon.plans import AnalyzerPlan, CameraPlan, PoolSettings
from edge.daemon.reuse import Recent
from edge.geometry import Polygon
from edge.hub.places import find_model
from edge.mqtt.discovery import build_discovery
from edge.mqtt.entities import CameraEntity, RuleEntity
from edge.mqtt.settings import MqttSettings, TlsSettings
from edge.mqtt.topics import Topics
from edge.rules.rule import Rule
from edge.sampler.settings import SamplerSettings
from edge.store.settings import StoreSettings
from edge.vlm.remote.settings import RemoteSettings
from edge.vlm.settings import DEFAULT_MAX_PIXELS, DEFAULT_MIN_PIXELS, EngineSettings

SMALL_PIXELS = 256 * 256  # 64 visual tokens, a block of the model's
STALL_MARGIN_S = 5.0  # a time-out of the stream is to be seen by the camera's own process first


def camera_plan(config: Config, name: str) -> CameraPlan:
    """What the process of camera `name` needs to know."""
    camera = config.camera(name)
    capture = camera.capture
    return CameraPlan(
        source=SourceSettings(
            camera=name,
            url=camera.url,
            main_url=camera.main_url,
            transport=capture.transport,
            open_timeout_s=capture.open_timeout_s,
            read_timeout_s=capture.read_timeout_s,
            fps=capture.fps,
            decode=capture.decode,
            hwaccel=capture.hwaccel,
            realtime=capture.realtime,
            loop=capture.loop,
            options=tuple(sorted(capture.options.items())),
        ),
        sampler=sampler_settings(config, name),
        log_level=config.log.level.upper(),
    )


def sampler_settings(config: Config, name: str) -> SamplerSettings:
    """The sampler of camera `name`; keyframes come at least as often as a rule's `every` asks."""
    camera = config.camera(name)
    motion = camera.motion
    periods = [
        rule.when.every_s
        for rule_name, rule in config.rules.items()
        if rule.when.every_s is not None and name in config.cameras_of(rule_name)
    ]
    if camera.periodic_s is not None:
        periods.append(camera.periodic_s)
    return SamplerSettings(
        camera=name,
        sensitivity=motion.sensitivity,
        threshold=motion.threshold,
        contour_area=motion.contour_area,
        lightning_threshold=motion.lightning_threshold,
        scene_threshold=motion.scene_threshold,
        periodic_s=min(periods, default=None),
        mask=camera.mask,
        zones=tuple(camera.zones.items()),
        motion=motion.enabled,
        scene=motion.scene,
        tamper=motion.tamper,
        keep_before=config.vlm.temporal == "pair",
    )


def stall_timeout_s(config: Config, name: str) -> float:
    """How long camera `name` may be silent: never less than its own time-outs take."""
    capture = config.camera(name).capture
    slowest = max(2 * capture.open_timeout_s, capture.read_timeout_s)  # opening, then probing
    return max(capture.stall_timeout_s, slowest + STALL_MARGIN_S)


def find_needed_model(config: Config) -> Path | None:
    """The folder of the model on this box; None where there need not be one.

    Raises ModelMissing and ModelInvalid as `find_model`.
    """
    return find_model(config.vlm.model) if config.vlm.needs_model else None


def analyzer_plan(config: Config, model_dir: Path | None) -> AnalyzerPlan:
    """What the analyzer's process needs to know. `model_dir` is that of `find_needed_model`."""
    engine: EngineSettings | RemoteSettings | PoolSettings
    if config.vlm.engine == "pool":
        standby = None if model_dir is None else engine_settings(config, model_dir)
        engine = PoolSettings(mqtt_settings(config), standby)
    else:
        engine = answering_settings(config, model_dir)
    return AnalyzerPlan(
        engine=engine,
        nice=config.vlm.nice,
        log_level=config.log.level.upper(),
        measure=config.budget.measure,
    )


def find_answering(config: Config) -> EngineSettings | RemoteSettings:
    """The engine of a command that asks by itself; with a pool, the model on this box.

    Raises ModelMissing and ModelInvalid as `find_model`.
    """
    if config.vlm.engine == "pool":
        return engine_settings(config, find_model(config.vlm.model))
    return answering_settings(config, find_needed_model(config))


def answering_settings(config: Config, model_dir: Path | None) -> EngineSettings | RemoteSettings:
    """The engine that one process can open. Of a pool's it is the one on this box."""
    local = None if model_dir is None else engine_settings(config, model_dir)
    if config.vlm.engine == "openai":
        return remote_settings(config, local)
    if local is None:
        raise ValueError("a model on this box is needed, and none is given")
    return local


def engine_settings(config: Config, model_dir: Path) -> EngineSettings:
    """The engine for a model on this box; compiled models are cached beside the store."""
    vlm = config.vlm
    return EngineSettings(
        model_dir=model_dir,
        threads=vlm.threads,
        cache_dir=vlm.cache or config.store.folder / "compiled",
        use_before=vlm.temporal == "pair",
        overview=vlm.overview,
        max_pixels=vlm.max_pixels or DEFAULT_MAX_PIXELS,
        max_sessions=vlm.sessions.max,
        max_session_bytes=vlm.sessions.memory_bytes,
        session_idle_s=vlm.sessions.idle_s,
    )


def remote_settings(config: Config, standby: EngineSettings | None) -> RemoteSettings:
    """The engine for a model on a server. ValueError if none is configured."""
    vlm, server = config.vlm, config.vlm.openai
    if server is None:
        raise ValueError("no server is configured")
    return RemoteSettings(
        url=server.url,
        model=server.model,
        key=server.key.get_secret_value(),
        parallel=server.parallel,
        pictures=server.pictures,
        standby=standby,
        use_before=vlm.temporal == "pair",
        overview=vlm.overview,
        max_pixels=vlm.max_pixels or DEFAULT_MAX_PIXELS,
        max_sessions=vlm.sessions.max,
        max_session_bytes=vlm.sessions.memory_bytes,
        session_idle_s=vlm.sessions.idle_s,
    )


def max_growth_bytes(config: Config) -> int:
    """How much the analyzer's process may grow; open conversations are memory well used."""
    return config.vlm.max_growth_bytes + config.vlm.sessions.memory_bytes


def small_pixels(config: Config) -> int:
    """What a picture has at most where effort is less than full: less than it otherwise would."""
    most = config.vlm.max_pixels or DEFAULT_MAX_PIXELS
    return max(min(DEFAULT_MIN_PIXELS, most), min(SMALL_PIXELS, most // 2))


def effort_settings(config: Config) -> EffortSettings:
    """How the work becomes lighter under too much load."""
    budget = config.budget
    return EffortSettings(
        lightest=budget.lightest,
        lighten_after_s=budget.lighten_after_s,
        restore_after_s=budget.restore_after_s,
    )


def recent_answers(config: Config) -> Recent:
    """Answers that may be reused: none yet."""
    return Recent(config.vlm.reuse_s, pairs=config.vlm.temporal == "pair")


def store_settings(config: Config) -> StoreSettings:
    """The store's folder and limits."""
    store, snapshots = config.store, config.snapshots
    return StoreSettings(
        folder=store.folder,
        findings_max_age_s=store.findings_max_age_s,
        findings_max_bytes=store.findings_max_size_bytes,
        findings_max_count=store.findings_max_count,
        outbox_max_age_s=store.outbox_max_age_s,
        outbox_max_bytes=store.outbox_max_size_bytes,
        outbox_max_count=store.outbox_max_count,
        snapshots=snapshots.enabled,
        snapshot_quality=snapshots.quality,
        snapshots_max_age_s=snapshots.max_age_s,
        snapshots_max_bytes=snapshots.max_size_bytes,
        snapshots_max_count=snapshots.max_count,
        min_free_bytes=store.min_free_bytes,
    )


def mqtt_settings(config: Config) -> MqttSettings:
    """The broker and our place on it."""
    mqtt = config.mqtt
    tls = None
    if mqtt.tls is not None:
        tls = TlsSettings(mqtt.tls.ca, mqtt.tls.cert, mqtt.tls.key, mqtt.tls.verify)
    return MqttSettings(
        host=mqtt.host,
        node=config.node,
        port=mqtt.port,
        prefix=mqtt.prefix,
        version=mqtt.version,
        username=mqtt.username,
        password=mqtt.password.get_secret_value(),
        keepalive_s=round(mqtt.keepalive_s),
        tls=tls,
        discovery=mqtt.discovery.enabled,
        discovery_prefix=mqtt.discovery.prefix,
        max_in_flight=mqtt.max_in_flight,
    )


def camera_zones(config: Config) -> dict[str, dict[str, Polygon]]:
    """Each camera's zones by name."""
    return {name: dict(camera.zones) for name, camera in config.cameras.items()}


def discovery_documents(config: Config, topics: Topics) -> dict[str, bytes]:
    """What Home Assistant is told of the box, by topic; nothing if discovery is off."""
    if not config.mqtt.discovery.enabled:
        return {}
    cameras = [
        CameraEntity(
            name,
            tuple(
                RuleEntity(rule_name, _title(rule_name), reports_only=rule.condition is None)
                for rule_name, rule in config.rules.items()
                if name in config.cameras_of(rule_name)
            ),
            has_snapshot=_shows_snapshot(config, name),
        )
        for name in config.cameras
    ]
    return build_discovery(topics, __version__, cameras)


def _shows_snapshot(config: Config, camera: str) -> bool:
    return config.mqtt.snapshots and config.cameras[camera].snapshots.enabled


def _title(name: str) -> str:
    """`parcel_at_door` as people read it: `Parcel at door`."""
    words = name.replace("_", " ").strip()
    return words[:1].upper() + words[1:]


def build_rules(config: Config) -> tuple[Rule, ...]:
    """The rules with their cameras' names filled in."""
    return tuple(
        Rule(
            name=name,
            question=rule.question(name),
            condition=rule.condition,
            cameras=config.cameras_of(name),
            zones=rule.zones,
            triggers=frozenset(rule.when.on),
            every_s=rule.when.every_s,
            confirm=rule.confirm,
            clear=rule.clear,
            min_confidence=rule.min_confidence,
            calibration=rule.fitted,
            for_s=rule.for_s,
            cooldown_s=rule.cooldown_s,
            schedule=rule.hours,
            severity=rule.severity,
            describe=rule.describe,
            describe_as=config.described_as(name),
        )
        for name, rule in config.rules.items()
    )
