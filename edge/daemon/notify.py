"""sd_notify(3): tells systemd that the service is ready, alive, reloading or stopping.

A no-op where NOTIFY_SOCKET is not set, so the daemon runs the same from a terminal.
"""

from __future__ import annotations

import os
import socket
import time


class Notifier:
    """Sends state lines to the service manager."""

    def __init__(self, address: str | None = None) -> None:
        address = os.environ.get("NOTIFY_SOCKET", "") if address is None else address
        # "@" stands for the NUL of an abstract socket name
        self._address = "\0" + address[1:] if address.startswith("@") else address

    def ready(self, status: str) -> None:
        """Start-up, or a reload, is complete."""
        self._send(f"READY=1\nSTATUS={status}")

    def reloading(self) -> None:
        """A reload begins; `ready` ends it."""
        self._send(
            f"RELOADING=1\nMONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}"
        )

    def stopping(self) -> None:
        """The service is ending."""
        self._send("STOPPING=1\nSTATUS=stopping")

    def alive(self, status: str) -> None:
        """Feed the watchdog and set the status line."""
        self._send(f"WATCHDOG=1\nSTATUS={status}")

    def _send(self, text: str) -> None:
        if not self._address:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
            try:
                sock.sendto(text.encode(), self._address)
            except OSError:
                return  # the manager is gone or its queue is full; the next line comes in seconds


def watchdog_interval_s() -> float | None:
    """How often to call `alive`: half of WatchdogSec; None where there is no watchdog."""
    microseconds = os.environ.get("WATCHDOG_USEC", "")
    pid = os.environ.get("WATCHDOG_PID", "")
    if not microseconds.isdigit() or (pid.isdigit() and int(pid) != os.getpid()):
        return None
    return int(microseconds) / 2e6
