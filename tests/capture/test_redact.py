"""Secrets disappear from URLs, running text and log records, whatever characters they hold."""

import io
import logging
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from edge.redact import MASK, RedactFilter, redact_text, redact_url, url_secrets

# Text without white space (which ends a URL in running text) and without the mask's own character.
PASSWORDS = st.text(
    st.characters(exclude_characters="*", exclude_categories=("Z", "Cc", "Cs")), min_size=4
).filter(lambda text: not any(char.isspace() for char in text))


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("rtsp://10.0.0.5:554/live", "rtsp://10.0.0.5:554/live"),
        ("rtsp://admin:hunter2@10.0.0.5:554/live", "rtsp://***@10.0.0.5:554/live"),
        ("rtsp://admin@10.0.0.5/live", "rtsp://***@10.0.0.5/live"),
        ("rtsp://admin:p@ss@cam/live", "rtsp://***@cam/live"),
        ("rtsp://admin:p:s@cam/live", "rtsp://***@cam/live"),
        ("rtsp://admin:p/w?d#x@cam/live", "rtsp://***@cam/live"),
        ("rtsp://admin:p%40ss@cam/live", "rtsp://***@cam/live"),
        ("rtsp://admin:100%@cam/live", "rtsp://***@cam/live"),
        ("rtsp://admin:пароль@cam/live", "rtsp://***@cam/live"),
        ("rtsp://[fe80::1]:554/live", "rtsp://[fe80::1]:554/live"),
        ("http://cam/v.mjpg?token=abc&fps=5", "http://cam/v.mjpg?token=***&fps=5"),
        ("http://cam/v?user=a&password=b", "http://cam/v?user=a&password=***"),
        ("http://cam/v?usr=a&loginpas=b", "http://cam/v?usr=a&loginpas=***"),
        ("http://cam/v?AUTH=b;x=1", "http://cam/v?AUTH=***;x=1"),
        ("http://cam/v?api_key=b", "http://cam/v?api_key=***"),
        (
            "rtsp://cam/user=admin&password=b&channel=1",
            "rtsp://cam/user=admin&password=***&channel=1",
        ),
        ("http://cam/mail/a@b.example", "http://cam/mail/a@b.example"),
        ("/dev/video0", "/dev/video0"),
        ("", ""),
    ],
)
def test_urls(url: str, shown: str) -> None:
    assert redact_url(url) == shown


@given(password=PASSWORDS)
@example(password="@:/%")
@example(password="a'b\"c\\")
@example(password="p/w@x:y")
def test_no_password_survives_in_a_url(password: str) -> None:
    for written in {password, quote(password, safe=""), quote(password)}:
        url = f"rtsp://user:{written}@camera.example:554/live"
        assert redact_url(url) == "rtsp://***@camera.example:554/live"
        text = redact_text(f"[Errno 5] Input/output error: '{url}' after 3 s")
        assert (
            text == "[Errno 5] Input/output error: 'rtsp://***@camera.example:554/live' after 3 s"
        )


@given(
    secret=st.text(st.characters(exclude_characters="*", exclude_categories=("Cs",)), min_size=4)
)
@example(secret="a b&c")
@example(secret="naïve/пароль")
def test_literal_secrets_disappear_in_every_spelling(secret: str) -> None:
    spellings = {
        secret,
        quote(secret),
        quote(secret, safe=""),
        quote(secret, safe="").lower() if secret.isascii() and secret.islower() else secret,
        quote_plus(secret),
        repr(secret)[1:-1],
    }
    for written in spellings:
        assert redact_text(f"<{written}>", [secret]) == f"<{MASK}>"


def test_secrets_within_longer_ones_leave_nothing() -> None:
    assert redact_text("open sesame-street now", ["sesame", "sesame-street"]) == "open *** now"


def test_text_with_several_urls() -> None:
    text = "from rtsp://a:b@one/x to http://two/y?key=z, then rtsp://three/"
    assert redact_text(text) == "from rtsp://***@one/x to http://two/y?key=*** then rtsp://three/"


def test_empty_secrets_are_ignored() -> None:
    assert redact_text("nothing to hide", ["", ""]) == "nothing to hide"


@pytest.mark.parametrize(
    ("url", "secrets"),
    [
        ("rtsp://u:p%40ss@cam/x", ("p%40ss", "p@ss")),
        ("rtsp://u:plain@cam/x", ("plain",)),
        ("rtsp://cam:554/x", ()),
        ("rtsp://u@cam/x", ()),
        ("clip.mp4", ()),
    ],
)
def test_secrets_of_a_url(url: str, secrets: tuple[str, ...]) -> None:
    assert url_secrets(url) == secrets


def test_filter_redacts_message_arguments_and_traceback() -> None:
    target = io.StringIO()
    target_handler = logging.StreamHandler(target)
    target_handler.addFilter(RedactFilter(["hunter2"]))
    logger = logging.getLogger("redact-test")
    logger.addHandler(target_handler)
    try:
        raise ValueError("cannot open 'rtsp://u:geheim@cam/x'")
    except ValueError:
        logger.exception("camera %s: password %s refused", "porch", "hunter2")
    text = target.getvalue()
    assert "camera porch: password *** refused" in text
    assert "ValueError: cannot open 'rtsp://***@cam/x'" in text
    assert "hunter2" not in text
    assert "geheim" not in text


def test_long_text_is_searched_in_linear_time() -> None:
    text = "http://" + "token" * 40_000
    assert redact_text(text) == text
