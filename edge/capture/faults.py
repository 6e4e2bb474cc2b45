"""Faults: from what FFmpeg, the system or a file says to an error that names the camera.

The only place that reads PyAV's exceptions. Their own text holds the URL with its password, so only
their class and error string are used. Called by `opening` and `source`.
"""

from __future__ import annotations

import errno
from typing import TypeVar

import av

from edge.capture.kinds import OpenPlan
from edge.capture.settings import SourceSettings
from edge.errors import (
    CaptureError,
    SourceBroken,
    SourceRefused,
    SourceUnreachable,
    SourceUnsupported,
)
from edge.redact import redact_text, redact_url, url_secrets

Fault = TypeVar("Fault", bound=CaptureError)

# PyAV reports most failures as FFmpegError; ValueError, RuntimeError and OSError come from its own
# checks (a NUL in a name, an unknown codec, a clock that went back).
LIBRARY_ERRORS = (av.FFmpegError, ValueError, RuntimeError, OSError)

# FFmpeg gives up a wait with "exit" when PyAV's timer asks it to, and with ETIMEDOUT by its own.
_TIMED_OUT = (av.error.ExitError, av.TimeoutError)
_ACCOUNT_REFUSED = (av.error.HTTPUnauthorizedError, av.error.HTTPForbiddenError)
_NOT_FOUND = (av.error.HTTPNotFoundError, av.FileNotFoundError)
_NOT_A_VIDEO = (av.InvalidDataError, av.ArgumentError)
# What a machine may fail at with a good file; any other failure to open one lies in the file.
_MACHINE_FAULTS = (errno.EIO, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.ESTALE)
_MISCONFIGURED = (
    av.error.ProtocolNotFoundError,
    av.error.DemuxerNotFoundError,
    av.error.DecoderNotFoundError,
    av.error.OptionNotFoundError,
    av.error.PatchWelcomeError,
)


def fault(kind: type[Fault], settings: SourceSettings, what: str) -> Fault:
    """An error of `kind` that names the camera, what happened and the redacted URL."""
    what = redact_text(what, url_secrets(settings.url))
    return kind(f"camera {settings.camera}: {what} ({redact_url(settings.url)})")


def open_fault(
    settings: SourceSettings, plan: OpenPlan, error: Exception, waited_s: float
) -> CaptureError:
    """Why a source could not be opened: unsupported where only a person can mend it.

    A refused account is unsupported too: cameras lock an account after a few wrong passwords, so it
    must not be tried at every back-off step. A network answer that makes no sense may come from a
    camera that is starting up, so it is worth retrying. `waited_s` is how long it took to fail:
    FFmpeg may report a wait that was cut short as an answer that made no sense.
    """
    network = plan.kind in ("rtsp", "http")
    number = getattr(error, "errno", None)
    kind: type[CaptureError] = SourceUnreachable
    if isinstance(error, _ACCOUNT_REFUSED):
        kind, what = SourceRefused, "the camera refused the user name or the password"
    elif isinstance(error, _TIMED_OUT) or (network and waited_s >= settings.open_timeout_s):
        what = f"no answer within {settings.open_timeout_s:g} s"
    elif isinstance(error, _NOT_FOUND):
        what = "the server knows no such stream" if network else "no such file or device"
    elif isinstance(error, av.PermissionError):
        what = "permission denied" + ("; is the user in group video?" if plan.kind == "usb" else "")
    elif network and number == errno.EIO:
        # FFmpeg says no more than this for an unknown host and for an answer it cannot use.
        what = "the host name is not known, or the answer is not a video stream"
    elif isinstance(error, _NOT_A_VIDEO) and network:
        what = "the answer is not a video stream that can be read"
    elif plan.kind == "file" and number not in _MACHINE_FAULTS:
        kind, what = SourceUnsupported, "this is not a video that can be read, or it is damaged"
    else:
        kind = SourceUnsupported if isinstance(error, _MISCONFIGURED) else SourceUnreachable
        what = f"cannot be opened: {_reason(error)}"
    return fault(kind, settings, what)


def read_fault(settings: SourceSettings, error: Exception, waited_s: float) -> SourceBroken:
    """Why an open source stopped giving packets, after `waited_s` of waiting for the next one."""
    if isinstance(error, _TIMED_OUT) or waited_s >= settings.read_timeout_s:
        what = f"the stream stalled: nothing received for {settings.read_timeout_s:g} s"
        return fault(SourceBroken, settings, what)
    return fault(SourceBroken, settings, f"the stream broke: {_reason(error)}")


def _reason(error: Exception) -> str:
    """The error's short text, without the file name that PyAV adds to it."""
    if isinstance(error, OSError) and error.errno in errno.errorcode and error.strerror:
        return error.strerror
    if isinstance(error, av.FFmpegError):
        return str(error.strerror or type(error).__name__)
    return f"{type(error).__name__}: {error}"
