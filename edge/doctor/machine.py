"""The machine: what its processor can do, its memory, its clock. Reads /proc and the kernel."""

from __future__ import annotations

import ctypes
import os
import platform
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from edge.daemon.wiring import find_needed_model
from edge.doctor.case import Case, Check
from edge.doctor.diagnosis import Diagnosis, fault, ok, warning
from edge.errors import ModelError

LIMIT_S = 10.0
FAST_INT8: Final = ("avx_vnni", "avx512_vnni")  # as /proc/cpuinfo writes them
# 1.61 GB were measured with the 2B model of 1.2 GB, and 0.31 GB while text is written; the daemon,
# two cameras and the system take the rest.
BESIDE_MODEL_BYTES = 1_200_000_000
OLDEST_S = 1_735_689_600.0  # the first second of 2025: this program is younger
UNSYNCHRONISED = 5  # TIME_ERROR of adjtimex(2)


def machine_checks(case: Case) -> Iterator[Check]:
    """Processor, memory and clock."""
    yield Check("processor", check_processor, LIMIT_S)
    yield Check("memory", lambda: check_memory(case), LIMIT_S)
    yield Check("clock", check_clock, LIMIT_S)


def check_processor() -> Iterator[Diagnosis]:
    """The instructions that the model's kernels are made of."""
    yield judge_processor(platform.machine(), _cpu_flags(), len(os.sched_getaffinity(0)))


def judge_processor(machine: str, flags: frozenset[str], cores: int) -> Diagnosis:
    """Pure. `flags` are those of /proc/cpuinfo."""
    check = "processor"
    if machine != "x86_64":
        return warning(
            check,
            f"a {machine} processor, {cores} cores",
            "This program was made for and measured on x86-64; the model may be slow here.",
            "Measure with `edge bench`.",
        )
    if "avx2" not in flags:
        return fault(
            check,
            f"no AVX2, {cores} cores",
            "The model runs many times slower than it should, if at all.",
            "Use a processor with AVX2 (Intel since 2013, Atom and N series since 2021). In a "
            "virtual machine pass the processor through: `cpu: host`.",
        )
    fast = [flag for flag in FAST_INT8 if flag in flags]
    if not fast:
        return warning(
            check,
            f"AVX2 without VNNI, {cores} cores",
            "8-bit arithmetic is slow here: a keyframe takes about twice as long.",
            "Expect that, or use a processor with AVX-VNNI (Intel N100 or newer); in a virtual "
            "machine pass the processor through: `cpu: host`.",
        )
    return ok(check, f"AVX2 and {fast[0].upper().replace('_', '-')}, {cores} cores")


def check_memory(case: Case) -> Iterator[Diagnosis]:
    """Whether the model and the rest fit."""
    try:
        folder = find_needed_model(case.config)
        model_bytes = sum(path.stat().st_size for path in folder.glob("*.bin")) if folder else 0
    except ModelError:
        model_bytes = 0  # told by the model's own check
    figures = _meminfo()
    total = min(figures["MemTotal"], _cgroup_limit_bytes() or figures["MemTotal"])
    yield judge_memory(total, figures["MemAvailable"], model_bytes)


def judge_memory(total: int, available: int, model: int) -> Diagnosis:
    """Bytes of memory, and of the model's weights. Pure."""
    needed = model + BESIDE_MODEL_BYTES
    shown = f"{total / 1e9:.1f} GB, {available / 1e9:.1f} GB of it free"
    if total < needed:
        return fault(
            "memory",
            f"{shown}; about {needed / 1e9:.1f} GB are needed",
            "The kernel will end the model's process again and again.",
            "Use a smaller model (int4 weights), or a box with more memory.",
        )
    if available < needed / 2:
        return warning(
            "memory",
            f"{shown}; about {needed / 1e9:.1f} GB are needed",
            "Other programs take what the model needs; the box will swap or end processes. (Where "
            "the daemon runs already, its share is part of what is taken.)",
            "See what takes it: `ps aux --sort -rss | head`.",
        )
    return ok("memory", shown)


def check_clock() -> Iterator[Diagnosis]:
    """Whether the time is plausible and kept right by somebody."""
    yield judge_clock(time.time(), _is_synchronised())


def judge_clock(now_s: float, is_synchronised: bool | None) -> Diagnosis:
    """Pure. `is_synchronised` is the kernel's word, None where it does not tell."""
    shown = time.strftime("%Y-%m-%d %H:%M:%S %Z", time.localtime(now_s))
    remedy = (
        "Switch time synchronisation on: `sudo apt install systemd-timesyncd`, "
        "`sudo timedatectl set-ntp true`; without the Internet name a server of your own network "
        "in /etc/systemd/timesyncd.conf. `timedatectl` shows the state."
    )
    if now_s < OLDEST_S:
        return fault(
            "clock",
            f"it is {shown}, which cannot be",
            "Findings carry a wrong time, retention deletes nothing, TLS certificates look "
            "invalid and schedules act at the wrong hours.",
            remedy,
        )
    if is_synchronised is None:
        return ok("clock", f"{shown}; the kernel does not tell whether it is synchronised")
    if not is_synchronised:
        return warning(
            "clock",
            f"{shown}, not synchronised",
            "The clock drifts by seconds a day; findings and schedules drift with it.",
            remedy,
        )
    return ok("clock", f"{shown}, synchronised")


def _cpu_flags() -> frozenset[str]:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("flags"):
            return frozenset(line.partition(":")[2].split())
    return frozenset()


def _meminfo() -> dict[str, int]:
    """/proc/meminfo in bytes."""
    lines = Path("/proc/meminfo").read_text(encoding="utf-8").splitlines()
    fields = [line.split() for line in lines]
    return {field[0].rstrip(":"): 1024 * int(field[1]) for field in fields if len(field) > 1}


def _cgroup_limit_bytes() -> int | None:
    """What a container may use; None without a bound."""
    try:
        text = Path("/sys/fs/cgroup/memory.max").read_text(encoding="utf-8").strip()
    except OSError:
        return None
    return int(text) if text.isdecimal() else None


def _is_synchronised() -> bool | None:
    """The kernel's own word, which every NTP client sets: adjtimex(2) with nothing to change."""
    libc = ctypes.CDLL(None, use_errno=True)
    # struct timex is 208 bytes on 64-bit Linux; its first field, modes, is 0: nothing is set
    state = int(libc.adjtimex(ctypes.create_string_buffer(512)))
    return None if state < 0 else state != UNSYNCHRONISED
