"""Children of the demo end with it, even if it is killed."""

from __future__ import annotations

import ctypes
import signal

_LIBC = ctypes.CDLL(None)  # here, as nothing should be loaded between a fork and its program
_PR_SET_PDEATHSIG = 1  # prctl(2): the signal that a process gets when its parent ends


def end_with_parent() -> None:
    """In a child, before it runs its program: ask Linux for SIGTERM at the parent's end."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
