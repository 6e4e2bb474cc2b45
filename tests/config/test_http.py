from __future__ import annotations

from pathlib import Path

import pytest

from edge.config.http import is_loopback
from edge.config.load import load_text
from edge.errors import ConfigError

REST = "mqtt: {host: localhost}\ncameras: {porch: {input: rtsp://10.0.0.1/x}}\n"
LONG = "0123456789abcdef0123"
OTHER = "fedcba9876543210fedc"


def load(http: str):
    return load_text(REST + f"http: {http}\n", "edge.yaml", Path("/"))


def test_without_the_block_it_listens_on_this_machine_alone() -> None:
    http = load("{}").config.http
    assert (http.enabled, http.host, http.port, http.has_token) == (True, "127.0.0.1", 8780, False)


@pytest.mark.parametrize(
    ("http", "path", "words"),
    [
        ("{host: 0.0.0.0}", "http.host", "there is no token"),
        ("{host: '::'}", "http.host", "there is no token"),
        ("{host: 192.168.1.7}", "http.host", "there is no token"),
        ("{host: box.local}", "http.host", "not an address"),
        ("{token: short}", "http.token", "at least 16"),
        (f"{{token: {LONG}\u00e9}}", "http.token", "ASCII"),
        ("{tokens: {dash: {token: short}}}", "http.tokens.dash.token", "at least 16"),
        (f"{{tokens: {{dash: {{token: {LONG}, role: root}}}}}}", "http.tokens.dash.role", "root"),
        (f"{{token: {LONG}, tokens: {{a: {{token: {LONG}}}}}}}", "http.tokens", "the same"),
        ("{port: 0}", "http.port", "0"),
        ("{max_upload: 99MB}", "http.max_upload", "64MB"),
        ("{allowed_hosts: ['http://box']}", "http.allowed_hosts.0", "not a host name"),
        ("{picture_urls: ['ftp://box/']}", "http.picture_urls.0", "beginning of a URL"),
        ("{picture_urls: ['https://a@box/']}", "http.picture_urls.0", "beginning of a URL"),
        ("{picture_urls: ['https://box/%2e']}", "http.picture_urls.0", "beginning of a URL"),
    ],
)
def test_what_is_refused(http: str, path: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(http)
    told = {p.path: str(p) for p in caught.value.problems}
    assert words in told[path]
    assert LONG not in str(caught.value)


def test_a_network_address_needs_a_token_only_if_it_is_served() -> None:
    assert load(f"{{host: 0.0.0.0, token: {LONG}}}").config.http.has_token
    assert load(f"{{host: 0.0.0.0, tokens: {{dash: {{token: {LONG}}}}}}}").config.http.has_token
    assert not load("{host: 0.0.0.0, enabled: false}").config.http.enabled


def test_tokens_are_secrets() -> None:
    loaded = load(f"{{token: {LONG}, tokens: {{dash: {{token: {OTHER}}}}}}}")
    assert {LONG, OTHER} <= set(loaded.secrets)
    assert LONG not in repr(loaded.config)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("LocalHost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("10.0.0.1", False),
        ("localhost.evil", False),
    ],
)
def test_is_loopback(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected
