"""A machine's /proc and /sys as files below a folder, for a test to write."""

from __future__ import annotations

import os
from pathlib import Path

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class Machine:
    """`root` stands for "/"; what is not written is missing there, as on many machines."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, name: str, text: object) -> None:
        """One file below the root."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n")

    def throttled(self, core_counts: list[int], package_count: int) -> None:
        """Two threads for each core, all of one package, as Intel's processors tell it."""
        for number in range(2 * len(core_counts)):
            cpu = f"sys/devices/system/cpu/cpu{number}"
            self.write(f"{cpu}/topology/physical_package_id", 0)
            self.write(f"{cpu}/topology/core_id", number // 2)
            self.write(f"{cpu}/thermal_throttle/core_throttle_count", core_counts[number // 2])
            self.write(f"{cpu}/thermal_throttle/package_throttle_count", package_count)

    def frequencies(self, now_khz: int, limit_khz: int, max_khz: int) -> None:
        """Of four cores, the others slower."""
        for number in range(4):
            cpufreq = f"sys/devices/system/cpu/cpu{number}/cpufreq"
            self.write(f"{cpufreq}/scaling_cur_freq", now_khz - 100_000 * number)
            self.write(f"{cpufreq}/scaling_max_freq", limit_khz)
            self.write(f"{cpufreq}/cpuinfo_max_freq", max_khz)

    def zone(self, temperature_c: float, passive_c: float) -> None:
        """A thermal zone beside one that has no trip point."""
        zones = "sys/class/thermal"
        self.write(f"{zones}/thermal_zone0/temp", 20_000)
        self.write(f"{zones}/thermal_zone1/temp", round(temperature_c * 1000))
        self.write(f"{zones}/thermal_zone1/trip_point_0_type", "critical")
        self.write(f"{zones}/thermal_zone1/trip_point_0_temp", 119_000)
        self.write(f"{zones}/thermal_zone1/trip_point_1_type", "passive")
        self.write(f"{zones}/thermal_zone1/trip_point_1_temp", round(passive_c * 1000))

    def swapped(self, in_bytes: int, out_bytes: int, pressure_percent: float = 0.0) -> None:
        """Since the machine was started; and how much of the last minute waited for memory."""
        counts = f"pswpin {in_bytes // PAGE_BYTES}\npswpout {out_bytes // PAGE_BYTES}"
        self.write("proc/vmstat", f"nr_free_pages 5\n{counts}\npgfault 9")
        self.write(
            "proc/pressure/memory",
            f"some avg10=0.00 avg60={pressure_percent:.2f} avg300=0.00 total=7\n"
            "full avg10=0.00 avg60=99.00 avg300=0.00 total=3",
        )

    def process(self, pid: int, anonymous_bytes: int, swapped_bytes: int = 0) -> None:
        """What a process holds."""
        self.write(
            f"proc/{pid}/status",
            f"Name:\tedge\nVmRSS:\t 9999999 kB\nRssAnon:\t {anonymous_bytes // 1024} kB\n"
            f"RssFile:\t 9999999 kB\nVmSwap:\t {swapped_bytes // 1024} kB",
        )
