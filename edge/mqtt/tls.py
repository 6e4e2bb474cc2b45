"""The TLS context of a connection, built from files that are read at each connection.

Raises DeliveryError with the file and what is wrong with it. Called by the link and by
`edge doctor`.
"""

from __future__ import annotations

import socket
import ssl
from pathlib import Path

from edge.errors import DeliveryError
from edge.mqtt.faults import describe_connect_fault, describe_file_fault
from edge.mqtt.settings import MqttSettings, TlsSettings


def build_tls_context(tls: TlsSettings) -> ssl.SSLContext:
    """A client context: TLS 1.2 or newer, the host name checked unless `verify` is off."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if not tls.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif tls.ca is None:
        context.load_default_certs()
    else:
        _check_readable(tls.ca, "the CA file")
        try:
            context.load_verify_locations(tls.ca)
        except OSError as fault:
            raise DeliveryError(describe_file_fault(fault, tls.ca, "the CA file")) from None
    if tls.cert is not None:
        _load_client_certificate(context, tls.cert, tls.key)
    return context


def certificate_end_s(settings: MqttSettings) -> float | None:
    """Until when the broker's certificate is valid, in seconds since 1970.

    None without TLS, and where it is not checked. Connects and says nothing; blocks for up to twice
    the connect time-out. Raises DeliveryError where no TLS connection comes about.
    """
    if settings.tls is None or not settings.tls.verify:
        return None
    context = build_tls_context(settings.tls)
    address = (settings.host, settings.port)
    try:
        with (
            socket.create_connection(address, settings.connect_timeout_s) as plain,
            context.wrap_socket(plain, server_hostname=settings.host) as secured,
        ):
            certificate = secured.getpeercert() or {}
    except (OSError, UnicodeError) as fault:
        raise DeliveryError(describe_connect_fault(fault, settings)) from None
    return float(ssl.cert_time_to_seconds(str(certificate["notAfter"])))


def _load_client_certificate(context: ssl.SSLContext, cert: Path, key: Path | None) -> None:
    _check_readable(cert, "the client certificate")
    if key is not None:
        _check_readable(key, "the client key")
    what = "the client certificate" if key is None else f"the client certificate (key {key})"
    try:
        context.load_cert_chain(cert, key, password=_refuse_password)
    except OSError as fault:
        raise DeliveryError(describe_file_fault(fault, cert, what)) from None


def _refuse_password() -> str:
    """OpenSSL would ask for an encrypted key's password on the terminal, and wait for ever."""
    raise DeliveryError("mqtt tls: the client key is encrypted; give one without a passphrase")


def _check_readable(path: Path, what: str) -> None:
    """ssl's own errors do not name the file."""
    try:
        with path.open("rb"):
            pass
    except OSError as fault:
        raise DeliveryError(describe_file_fault(fault, path, what)) from None
