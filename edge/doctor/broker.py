"""The broker: reachable, credentials, TLS, and the rights that this node needs there."""

from __future__ import annotations

import time
from collections.abc import Iterator

from edge.daemon.wiring import mqtt_settings
from edge.doctor.case import Case, Check
from edge.doctor.diagnosis import Diagnosis, fault, ok, warning
from edge.errors import DeliveryError
from edge.mqtt.probe import ANSWER_S, probe
from edge.mqtt.settings import MqttSettings
from edge.mqtt.tls import certificate_end_s
from edge.mqtt.topics import Topics

CHECK = "broker"
RENEW_S = 14 * 86_400.0  # before its end a certificate should have been renewed


def broker_checks(case: Case) -> Iterator[Check]:
    """One, because each part needs the one before it."""
    settings = mqtt_settings(case.config)
    limit_s = 5 * settings.connect_timeout_s + 4 * ANSWER_S
    yield Check(CHECK, lambda: check_broker(settings), limit_s)


def check_broker(settings: MqttSettings) -> Iterator[Diagnosis]:
    """Connect, publish, read back."""
    try:
        report = probe(settings)
    except DeliveryError as error:
        yield fault(
            CHECK,
            str(error),
            "Nothing is delivered; findings wait in the store until the broker takes them.",
            _connect_remedy(settings),
        )
        return
    yield from _judge_certificate(settings)
    topics = Topics(settings.node, settings.prefix, settings.discovery_prefix)
    user = settings.username or "without a user name"
    if report.own_refusal:
        yield fault(
            CHECK,
            f"{settings.address} does not take what is published below {topics.root}/ "
            f"({user}): {report.own_refusal}",
            "Findings and states cannot be delivered.",
            f"Give the user the right: `topic write {topics.root}/#` in mosquitto's ACL file; "
            "configs/mosquitto/ has an example. The node name in the ACL must be this box's, "
            f"{settings.node}.",
        )
    elif not report.came_back:
        yield fault(
            CHECK,
            f"{settings.address} does not send back what was published on {topics.probe}",
            "Commands (questions, switches, reload) do not reach this box; a broker before MQTT 5 "
            "may also drop findings without a word.",
            f"Give the user both rights: `topic read {topics.root}/+/+/set` and "
            f"`topic write {topics.root}/#` in mosquitto's ACL file.",
        )
    if report.discovery_refusal and not report.own_refusal:
        yield warning(
            CHECK,
            f"{settings.address} does not take Home Assistant's discovery documents: "
            f"{report.discovery_refusal}",
            "Home Assistant does not find this box by itself.",
            f"Give the user the right `topic write {settings.discovery_prefix}/device/+/config`, "
            "or set `mqtt.discovery: {enabled: false}`.",
        )
    if not report.own_refusal and report.came_back:
        tls = "with TLS" if settings.tls is not None else "without TLS"
        yield ok(
            CHECK,
            f"{settings.address} {tls}, {user}: publishes and hears itself within "
            f"{1000 * report.round_trip_s:.0f} ms",
        )


def _judge_certificate(settings: MqttSettings) -> Iterator[Diagnosis]:
    end_s = certificate_end_s(settings)
    left_s = None if end_s is None else end_s - time.time()
    if left_s is not None and left_s < RENEW_S:
        yield warning(
            CHECK,
            f"the certificate of {settings.address} ends in {left_s / 86_400:.1f} days",
            "From then on no connection is accepted and nothing is delivered.",
            "Renew the broker's certificate, and make the renewal happen by itself.",
        )


def _connect_remedy(settings: MqttSettings) -> str:
    if settings.tls is not None:
        tls = (
            "With TLS, `mqtt.tls.ca` must be the authority that signed the broker's certificate, "
            "the certificate must be valid today and name the host as `mqtt.host` writes it, and "
            "this box's clock must be right."
        )
    else:
        tls = "If the broker wants TLS, set `mqtt.tls: {}`."
    return (
        "Check that the broker runs (`systemctl status mosquitto`) and listens to the network "
        "(`listener 1883`), that `mqtt.host` and `mqtt.port` are right, and `mqtt.username` and "
        f"`mqtt.password` are the broker's. {tls}"
    )
