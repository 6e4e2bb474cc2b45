"""One whole soak, from an empty store to the comparison of what it has with what was heard."""

from __future__ import annotations

import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from edge.bench.soak.account import Growth, Soak, growth_of, imbalances, tracebacks
from edge.bench.soak.box import CAMERAS, Box
from edge.bench.soak.disk import SmallDisk
from edge.bench.soak.plan import Plan
from edge.bench.soak.processes import MAIN, Held, read_held
from edge.bench.soak.subscriber import Subscriber
from edge.demo.broker import LocalBroker, free_port
from edge.errors import AnalysisFailed
from edge.store.database import open_store
from edge.store.settings import StoreSettings

TICK_S = 0.2
SAMPLE_S = 2.0
TOLD_S = 15.0
UP_S = 120.0  # for the box to be up, and again for its outbox to be empty
HEARD_S = 20.0
MAX_ENDS = 4
SETTLED = {MAIN, "analyzer", *CAMERAS}


def run_soak(plan: Plan, progress: Callable[[str], None]) -> Soak:
    """Takes the plan's length and a minute or two. Raises DeliveryError without mosquitto,
    AnalysisFailed if the box does not come up at all or does not deliver in the end.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="edge-soak-")))
        disk = stack.enter_context(SmallDisk(folder / "disk"))
        (folder / "broker").mkdir()
        broker = stack.enter_context(LocalBroker(kept_in=folder / "broker"))
        subscriber = Subscriber(broker.host, broker.port)
        subscriber.start()
        stack.callback(subscriber.stop)
        box = Box(folder, disk.place / "store", broker.port, free_port())
        stack.callback(box.stop)
        watch = _Watch(box, progress)
        _wait(watch, lambda: _is_up(watch), "the box is not up")
        _play(plan, watch, _Troubles(plan, disk, broker), progress)
        return _end(plan, watch, subscriber, disk)


class _Troubles:
    """Makes and ends the troubles of a plan."""

    def __init__(self, plan: Plan, disk: SmallDisk, broker: LocalBroker) -> None:
        self._plan, self._disk, self._broker = plan, disk, broker
        self.is_full = self.is_away = False

    def make(self, at_s: float) -> None:
        """Let all be as the plan has it for this moment."""
        full, away = self._plan.disk_full.holds(at_s), self._plan.broker_away.holds(at_s)
        if full != self.is_full:
            self.is_full = full
            (self._disk.fill if full else self._disk.clear)()
        if away != self.is_away:
            self.is_away = away
            (self._broker.stop if away else self._broker.start)()


class _Watch:
    """Looks at the box again and again, and keeps what it sees."""

    def __init__(self, box: Box, progress: Callable[[str], None]) -> None:
        self.box = box
        self.imbalances: list[str] = []
        self.samples = 0
        self.dropped = 0
        self.kills: Counter[str] = Counter()
        self.pending = -1  # messages that wait for the broker, as last told
        self.is_connected = False
        self._progress = progress
        self._held: defaultdict[str, list[Held]] = defaultdict(list)
        self._sampled_mono_s = float("-inf")

    def look(self, *, may_fail: bool = False) -> None:
        """Keep the box running, and take a sample when one is due."""
        self.box.look_after(may_fail=may_fail)
        if time.monotonic() - self._sampled_mono_s >= SAMPLE_S:
            self._sample()
            self._sampled_mono_s = time.monotonic()

    def kill(self, pick: Callable[[list[str]], str]) -> bool:
        """Kill one of the processes that live; False if none does."""
        living = self.box.processes()
        if MAIN not in living:
            return False
        name = pick(list(living))
        self.box.kill(name, living[name])
        self.kills[name if not name.isdigit() else "starting"] += 1
        return True

    def growths(self) -> tuple[Growth, ...]:
        """How each kind of process grew."""
        return tuple(growth_of(name, held) for name, held in sorted(self._held.items()))

    def _sample(self) -> None:
        stats = self.box.stats()
        if stats is None:
            self.pending, self.is_connected = -1, False
            return
        self.samples += 1
        self.imbalances += imbalances(stats)
        self.pending, self.is_connected = stats.outbox.pending, stats.outbox.connected
        outbox, lost = stats.outbox, 0 if stats.disk is None else stats.disk.lost
        dropped = outbox.dropped_age + outbox.dropped_size + outbox.dropped_count
        self.dropped = max(self.dropped, dropped + lost)
        living = self.box.processes()
        is_whole = stats.analyzer in ("ready", "busy") and living.keys() >= SETTLED
        if not is_whole:  # what a process holds while it starts tells nothing
            return
        for name in SETTLED:
            held = read_held(living[name])
            if held is not None:
                self._held["camera" if name in CAMERAS else name].append(held)


def _play(plan: Plan, watch: _Watch, troubles: _Troubles, progress: Callable[[str], None]) -> None:
    began = time.monotonic()
    kills = list(plan.kills)
    told_mono_s = began
    while (at_s := time.monotonic() - began) < plan.length_s or kills:
        troubles.make(at_s)
        watch.look(may_fail=troubles.is_full)
        if kills and kills[0].at_s <= at_s and watch.kill(kills[0].choose):
            kills.pop(0)
        if time.monotonic() - told_mono_s >= TOLD_S:
            told_mono_s = time.monotonic()
            state = f"{'disk full, ' * troubles.is_full}{'no broker, ' * troubles.is_away}"
            waiting = f"{watch.pending} messages wait" if watch.pending >= 0 else "the box starts"
            progress(
                f"{at_s:.0f} of {plan.length_s:.0f} s: {state}"
                f"{watch.kills.total()} of {len(plan.kills)} kills, {waiting}"
            )
        time.sleep(TICK_S)
    troubles.make(plan.length_s)


def _is_up(watch: _Watch) -> bool:
    return watch.is_connected and watch.box.processes().keys() >= SETTLED


def _wait(watch: _Watch, condition: Callable[[], bool], otherwise: str) -> None:
    until = time.monotonic() + UP_S
    while not condition():
        if time.monotonic() > until or watch.box.unasked_ends > MAX_ENDS:
            raise AnalysisFailed(f"the soak cannot go on: {otherwise}. {watch.box.log[-1500:]}")
        watch.look()
        time.sleep(TICK_S)


def _end(plan: Plan, watch: _Watch, subscriber: Subscriber, disk: SmallDisk) -> Soak:
    """Let everything be delivered, stop the box, compare."""
    box = watch.box
    settings = StoreSettings(box.store)
    status = 0
    for _ in range(MAX_ENDS):
        _wait(watch, lambda: _is_up(watch) and watch.pending == 0, "not all is delivered")
        status = status or box.stop()
        with open_store(settings) as store:
            ids, is_over = set(store.finding_ids()), store.outbox_stats().pending == 0
        if is_over:
            break
        watch.pending = -1  # what was said in the last moments comes with the next start
    until = time.monotonic() + HEARD_S
    while not ids <= subscriber.ended() and time.monotonic() < until:
        time.sleep(TICK_S)
    heard = subscriber.heard
    return Soak(
        seed=plan.seed,
        length_s=plan.length_s,
        disk_full_s=0.0 if disk.obstacle else plan.disk_full.length_s,
        broker_away_s=plan.broker_away.length_s,
        kills=dict(sorted(watch.kills.items())),
        starts=box.starts,
        ends_when_full=box.ends_when_full,
        stored=len(ids),
        heard=heard,
        lost=tuple(sorted(ids - heard.types.keys())),
        unfinished=tuple(sorted(ids - subscriber.ended())),
        samples=watch.samples,
        imbalances=tuple(watch.imbalances),
        growths=watch.growths(),
        dropped=watch.dropped + subscriber.dropped,
        tracebacks=tracebacks(box.log),
        unasked_ends=box.unasked_ends,
        exit_status=status,
        left_out={"disk full": disk.obstacle} if disk.obstacle else {},
    )
