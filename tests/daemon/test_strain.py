"""Heat and swap: read from files as the kernel writes them, told when they begin and end."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.daemon.strain import QUIET_LOOKS, StrainWatch
from edge.daemon.strain_reading import StrainReading, read_strain
from tests.support.machine import Machine

MB = 1_000_000


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_a_machine_that_tells_nothing(machine: Machine) -> None:
    assert read_strain(machine.root) == StrainReading()
    watch = StrainWatch()
    for minute in range(3):
        assert watch.look(read_strain(machine.root), 60.0 * minute) == []
    assert watch.stats is not None
    assert watch.stats.throttle_events is None
    assert watch.stats.swap_in_bytes_s is None
    assert watch.troubles == ()


def test_this_machine_can_be_read() -> None:
    reading = read_strain()
    assert reading.swapped_in_bytes is None or reading.swapped_in_bytes >= 0
    StrainWatch().look(reading, 0.0)


def test_what_the_files_say(machine: Machine) -> None:
    machine.throttled([3, 4], 10)
    machine.frequencies(2_900_000, 3_000_000, 3_400_000)
    machine.zone(88.0, 90.0)
    machine.swapped(8 * MB, 4 * MB, 12.5)
    reading = read_strain(machine.root)
    assert reading == StrainReading(
        throttle_count=17,  # a core's threads tell the same, and so do all cores of the package's
        frequency_khz=2_900_000,
        frequency_limit_khz=3_000_000,
        frequency_max_khz=3_400_000,
        is_hot=True,
        swapped_in_bytes=reading.swapped_in_bytes,
        swapped_out_bytes=reading.swapped_out_bytes,
        memory_pressure=0.125,
    )
    assert reading.swapped_in_bytes == pytest.approx(8 * MB, abs=4096)
    assert reading.swapped_out_bytes == pytest.approx(4 * MB, abs=4096)


@pytest.mark.parametrize(
    "name",
    [
        "sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count",
        "sys/devices/system/cpu/cpu0/cpufreq/scaling_max_freq",
        "sys/class/thermal/thermal_zone1/temp",
        "proc/vmstat",
        "proc/pressure/memory",
    ],
)
@pytest.mark.parametrize("text", ["", "nonsense", "some avg60=x", "pswpin x", "\0" * 9])
def test_files_that_cannot_be_understood(machine: Machine, name: str, text: str) -> None:
    machine.write(name, text)
    assert read_strain(machine.root) == StrainReading()


def looks(watch: StrainWatch, machine: Machine, minute: int) -> list[str]:
    return watch.look(read_strain(machine.root), 60.0 * minute)


def test_heat_is_told_when_it_begins_and_ends(machine: Machine) -> None:
    watch = StrainWatch()
    machine.throttled([100, 0], 100)  # of the machine's life before
    assert looks(watch, machine, 0) == looks(watch, machine, 1) == []
    machine.throttled([103, 0], 101)
    (line,) = looks(watch, machine, 2)
    assert line.startswith("heat slows the processor down")
    assert watch.troubles == ("throttled",)
    assert watch.stats is not None
    assert watch.stats.throttled
    assert watch.stats.throttle_events == 4
    minute = 2
    for count in (104, 105, 105, 106):  # it comes and goes: one state, one line
        minute += 1
        machine.throttled([count, 0], 101)
        assert looks(watch, machine, minute) == []
    for _ in range(QUIET_LOOKS - 1):
        minute += 1
        assert looks(watch, machine, minute) == []
    (line,) = looks(watch, machine, minute + 1)
    assert line.startswith("heat does not slow")
    assert watch.troubles == ()
    assert not watch.stats.throttled or not watch.troubles


def test_without_a_count_a_lowered_limit_in_the_heat_is_it(machine: Machine) -> None:
    watch = StrainWatch()
    machine.frequencies(2_000_000, 2_000_000, 3_400_000)
    machine.zone(50.0, 90.0)
    assert looks(watch, machine, 0) == looks(watch, machine, 1) == [], "somebody saves power"
    machine.zone(91.0, 90.0)
    assert len(looks(watch, machine, 2)) == 1
    machine.frequencies(3_400_000, 3_400_000, 3_400_000)
    assert [looks(watch, machine, 3 + n) for n in range(QUIET_LOOKS)][-1] != []


@pytest.mark.parametrize(
    ("in_bytes", "out_bytes", "pressure", "is_swapping"),
    [
        (0, 600 * MB, 0.0, False),
        (30 * MB, 600 * MB, 0.0, False),
        (61 * MB, 0, 0.0, True),
        (1 * MB, 0, 15.0, True),
        (0, 0, 50.0, False),
    ],
    ids=["idle pages go out", "some come back", "many come back", "things wait", "no swap"],
)
def test_swapping(
    machine: Machine, in_bytes: int, out_bytes: int, pressure: float, is_swapping: bool
) -> None:
    watch = StrainWatch()
    machine.swapped(1000 * MB, 1000 * MB)
    assert looks(watch, machine, 0) == []
    machine.swapped(1000 * MB + in_bytes, 1000 * MB + out_bytes, pressure)
    lines = looks(watch, machine, 1)
    assert [line.startswith("memory is short") for line in lines] == [True] * is_swapping
    assert watch.stats is not None
    assert watch.stats.swap_in_bytes_s == pytest.approx(in_bytes / 60, abs=100)
    assert watch.stats.swap_out_bytes_s == pytest.approx(out_bytes / 60, abs=100)


def test_two_looks_at_once_are_one(machine: Machine) -> None:
    watch = StrainWatch()
    machine.throttled([1], 0)
    assert looks(watch, machine, 1) == []
    machine.throttled([2], 0)
    assert watch.look(read_strain(machine.root), 60.1) == []
    assert len(looks(watch, machine, 2)) == 1
