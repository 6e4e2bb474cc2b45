"""What went wrong with a connection, in words for the user.

Pure: translates the exceptions of socket and ssl and the broker's reason codes. The texts name the
broker's address and files, never the user name's password. Called by the link.
"""

from __future__ import annotations

import socket
import ssl
from pathlib import Path
from typing import Final

from edge.mqtt.settings import MqttSettings

# CONNACK reason codes of MQTT 5 (3.2.2.2); paho maps those of 3.1.1 to them.
_CONNECT_REFUSALS: Final = {
    0x01: "it does not speak MQTT {version}; set the version to {other}",
    0x84: "it does not speak MQTT {version}; set the version to {other}",
    0x85: "it does not accept the client id {client_id!r}",
    0x86: "bad user name or password (user {username!r})",
    0x87: "user {username!r} is not authorised to connect",
    0x88: "it is unavailable",
    0x89: "it is busy",
    0x8A: "this client is banned",
    0x8C: "bad authentication method",
    0x90: "the will's topic is not allowed",
    0x95: "the CONNECT packet is too large for it",
    0x97: "its quota is exceeded",
    0x9A: "it does not support retained messages",
    0x9B: "it does not support QoS 1",
    0x9C: "use another server",
    0x9D: "the server has moved",
    0x9F: "its connection rate is exceeded",
}

# PUBACK reason codes (3.4.2.1).
_PUBLISH_REFUSALS: Final = {
    0x80: "unspecified error",
    0x83: "implementation specific error",
    0x87: "not authorised",
    0x90: "topic name invalid",
    0x91: "packet identifier in use",
    0x95: "packet too large",
    0x97: "quota exceeded",
    0x99: "payload format invalid",
}


def describe_connect_refusal(code: int, settings: MqttSettings) -> str:
    """Why the broker refused the connection."""
    reason = _CONNECT_REFUSALS.get(code, "no reason known").format(
        version=settings.version,
        other="3.1.1" if settings.version == "5" else "5",
        client_id=settings.effective_client_id,
        username=settings.username,
    )
    return f"the broker at {settings.address} refused the connection: {reason} (0x{code:02x})"


def describe_publish_refusal(code: int) -> str:
    """Why the broker did not take a message."""
    return f"{_PUBLISH_REFUSALS.get(code, 'no reason known')} (0x{code:02x})"


def describe_connect_fault(fault: Exception, settings: MqttSettings) -> str:
    """Why no connection came about, from what socket or ssl raised."""
    where = settings.address
    match fault:
        case ssl.SSLCertVerificationError():
            text = f"the certificate of {where} is not accepted: {fault.verify_message}"
        case ssl.SSLError():
            reason = fault.reason or str(fault)
            hint = "; does this port speak TLS?" if "VERSION" in reason else ""
            text = f"TLS with {where} failed: {reason}{hint}"
        case socket.gaierror():
            text = f"the name {settings.host!r} cannot be resolved: {fault.strerror}"
        case ConnectionRefusedError():
            text = f"nothing listens on {where}"
        case TimeoutError():
            text = f"no answer from {where} within {settings.connect_timeout_s:g} s"
        case UnicodeError():
            text = f"{settings.host!r} is no host name"
        case OSError():
            text = f"no connection to {where}: {fault.strerror or fault}"
        case _:
            text = f"no connection to {where}: {fault}"
    return text


def describe_file_fault(fault: OSError, path: Path, what: str) -> str:
    """Why a certificate or key file cannot be used."""
    if isinstance(fault, FileNotFoundError):
        return f"mqtt tls: {what} {path} does not exist"
    if isinstance(fault, PermissionError):
        return f"mqtt tls: {what} {path} cannot be read: permission denied"
    if isinstance(fault, ssl.SSLError):
        return f"mqtt tls: {what} {path} cannot be used: {fault.reason or fault}"
    return f"mqtt tls: {what} {path} cannot be read: {fault.strerror or fault}"
