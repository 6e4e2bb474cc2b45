"""Takes secrets out of anything that is shown, logged or published.

Knows how credentials sit in URLs and how a secret may be written (plain, percent-encoded, escaped
by repr or JSON). Does not know where secrets come from. Called by every adapter that makes a
message, and by the command line, which puts RedactFilter on its log handlers.

When in doubt it hides too much: a password may hold any character, `@` and `/` included, so
everything between `://` and the last `@` counts as credentials once a `:` precedes that `@`.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import unquote

MASK = "***"

_URL = re.compile(r"[a-z][a-z0-9+.\-]*://\S*", re.IGNORECASE)
# A path or query item whose name says that its value is a secret, as `token=`, `loginpas=`,
# `api_key=`; the value runs to the next separator. Bounded names keep the search linear.
_SECRET_ITEM = re.compile(
    r"((?:pas|pwd|token|auth|key|secret|sig|cred|session)[\w.\-%]{0,40}=)[^&;\s]*", re.IGNORECASE
)
_TRACEBACKS = logging.Formatter()


def redact_url(url: str) -> str:
    """`url` with its credentials and the values of password-like items replaced by ***.

    Text that is not a URL with a scheme is searched for password-like items only.
    """
    scheme, separator, rest = url.partition("://")
    if not separator:
        return _SECRET_ITEM.sub(_mask_value, url)
    return f"{scheme}://{_SECRET_ITEM.sub(_mask_value, _without_credentials(rest))}"


def redact_text(text: str, secrets: Iterable[str] = ()) -> str:
    """`text` with the URLs in it redacted, and every known secret in any usual spelling masked.

    A URL in running text ends at white space; a password that holds white space is found only if it
    is given in `secrets`. Empty secrets are ignored.
    """
    for pattern in _patterns(tuple(sorted({s for s in secrets if s}, key=len, reverse=True))):
        text = pattern.sub(MASK, text)
    return _URL.sub(lambda match: redact_url(match.group(0)), text)


def url_secrets(url: str) -> tuple[str, ...]:
    """The password of a URL, as written and percent-decoded; empty where it has none."""
    authority_on = url.partition("://")[2]
    account, at, _ = authority_on.rpartition("@")
    _, colon, password = account.partition(":")
    if not (at and colon and password):
        return ()
    return tuple(dict.fromkeys((password, unquote(password))))


class RedactFilter(logging.Filter):
    """Redacts every record that passes, its traceback included; put it on handlers, not loggers.

    Never drops a record. `secrets` may be replaced at any time, as after a reload.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        super().__init__()
        self.secrets = tuple(secrets)

    def filter(self, record: logging.LogRecord) -> bool:
        """Redact `record` in place and let it pass."""
        record.msg = redact_text(record.getMessage(), self.secrets)
        record.args = ()
        if record.exc_info and not record.exc_text:
            record.exc_text = _TRACEBACKS.formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = redact_text(record.exc_text, self.secrets)
        if record.stack_info:
            record.stack_info = redact_text(record.stack_info, self.secrets)
        return True


def _without_credentials(rest: str) -> str:
    """What follows `://`, with the account masked."""
    account, at, host_on = rest.rpartition("@")
    if not at:
        return rest
    if ":" in account or not re.search(r"[/?#]", account):
        return f"{MASK}@{host_on}"
    return rest  # an `@` in a path, and no `:` that could introduce a password


def _mask_value(match: re.Match[str]) -> str:
    return f"{match.group(1)}{MASK}"


@lru_cache(maxsize=64)
def _patterns(secrets: tuple[str, ...]) -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile("".join(map(_spellings, secret))) for secret in secrets)


def _spellings(char: str) -> str:
    """A pattern for one character as it is, percent-encoded, or escaped by repr or JSON."""
    percent = "".join(
        f"%{_any_case(f'{byte:02x}')}" for byte in char.encode("utf-8", "surrogatepass")
    )
    escaped = {char, repr(char)[1:-1], json.dumps(char)[1:-1], f"\\{char}"}
    if char == " ":
        escaped.add("+")
    plain = sorted(escaped, key=len, reverse=True)
    return f"(?:{percent}|{'|'.join(map(re.escape, plain))})"


def _any_case(digits: str) -> str:
    return "".join(f"[{d}{d.upper()}]" if d.isalpha() else d for d in digits)
