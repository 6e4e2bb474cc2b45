"""What a pool of workers brings: jobs a second with 1, 2 and 3 of them, beside the ideal.

A broker on loopback, workers as processes with their own analyzer processes, and the process that
hands out jobs, all as they run on boxes; only the model is replaced by a wait, as one machine
cannot compute for three. So it shows what the pool itself costs. Called by `edge bench --pool`.
"""

from __future__ import annotations

import multiprocessing
import queue
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial

import numpy as np

from edge.bench.tables import Table
from edge.daemon.child import Child, FromChild, Inbox, serve_commands
from edge.daemon.messages import Analysed, AnalysisRefused, EngineReady, Stop
from edge.daemon.pipe import MessagePipe
from edge.daemon.plans import AnalyzerPlan, PoolSettings, analyzer_body
from edge.daemon.worker import Worker
from edge.demo.broker import LocalBroker
from edge.errors import AnalysisFailed
from edge.frames import Image
from edge.logs import start_logging
from edge.mqtt.settings import MqttSettings
from edge.questions import AnalysisRequest, AnalysisResult, Answer, Look, ModelInfo, Timing, yes_no
from edge.vlm.remote.settings import RemoteSettings

NUM_WORKERS = (1, 2, 3)
START_S = 60.0
SIZE_PX = (1080, 1920)
INFO = ModelInfo("simulated", "", 0.0)
NO_MODEL = AnalyzerPlan(RemoteSettings("http://127.0.0.1/v1", "simulated"))  # never opened

_context = multiprocessing.get_context("spawn")


@dataclass(frozen=True, slots=True)
class PoolBench:
    """`jobs_per_s` by number of workers; `model_s` is the simulated time of one job."""

    model_s: float
    num_jobs: int
    jobs_per_s: dict[int, float]
    latency_ms: dict[int, float]


def run_pool_bench(model_s: float, num_jobs: int, progress: Callable[[str], None]) -> PoolBench:
    """Measure; takes about `2 * num_jobs * model_s` and some seconds to start each time.

    Raises DeliveryError without mosquitto, AnalysisFailed if a job is lost.
    """
    jobs_per_s, latency_ms = {}, {}
    for num in NUM_WORKERS:
        progress(f"{num} of {NUM_WORKERS[-1]} workers")
        with _pool(num, model_s) as box:
            box.work_off(2 * num)  # the first jobs open connections
            began = time.monotonic()
            latencies = box.work_off(num_jobs)
            jobs_per_s[num] = num_jobs / (time.monotonic() - began)
            latency_ms[num] = statistics.median(latencies) * 1e3
    return PoolBench(model_s, num_jobs, jobs_per_s, latency_ms)


def as_tables(bench: PoolBench) -> tuple[Table, ...]:
    """The report."""
    alone = bench.jobs_per_s[1]
    rows = tuple(
        (
            str(num),
            f"{rate:.2f}",
            f"{rate / alone:.2f}",
            f"{100 * rate * bench.model_s / num:.0f} %",
            f"{bench.latency_ms[num]:.0f} ms",
        )
        for num, rate in bench.jobs_per_s.items()
    )
    head = ("workers", "jobs/s", "ratio", "of the ideal", "from job to answer")
    note = f"{bench.num_jobs} jobs, a picture of 1920x1080 each; the model is a wait"
    return (Table(f"A pool, {bench.model_s:g} s of simulated model time a job", head, rows, note),)


def as_document(bench: PoolBench) -> dict[str, object]:
    """The report as one JSON object."""
    return {
        "schema": "edge.bench.pool/1",
        "model_s": bench.model_s,
        "jobs": bench.num_jobs,
        "workers": [
            {
                "workers": num,
                "jobs_per_s": round(rate, 3),
                "ratio": round(rate / bench.jobs_per_s[1], 3),
                "latency_ms": round(bench.latency_ms[num], 1),
            }
            for num, rate in bench.jobs_per_s.items()
        ],
    }


@contextmanager
def _pool(num_workers: int, model_s: float) -> Iterator[_Box]:
    with ExitStack() as stack:
        broker = stack.enter_context(LocalBroker())
        for number in range(num_workers):
            mqtt = MqttSettings(broker.host, f"worker{number}", port=broker.port)
            process = _context.Process(target=_work, args=(mqtt, model_s))
            process.start()
            stack.callback(_end, process)
        box = _Box(MqttSettings(broker.host, "bench", port=broker.port))
        stack.callback(box.close)
        box.wait_for(num_workers)
        yield box


class _Box:
    """Stands where a daemon stands: keeps as many jobs under way as there are places."""

    def __init__(self, mqtt: MqttSettings) -> None:
        self._inbox: Inbox = queue.Queue()
        plan = AnalyzerPlan(PoolSettings(mqtt), log_level="ERROR")
        self._child = Child("pool", 1, analyzer_body, (plan,), self._inbox)
        self._places = 0
        self._num = 0
        rng = np.random.default_rng(0)
        small = rng.integers(0, 256, (SIZE_PX[0] // 8, SIZE_PX[1] // 8, 3), dtype=np.uint8)
        self._picture: Image = small.repeat(8, axis=0).repeat(8, axis=1)

    def wait_for(self, num_workers: int) -> None:
        until = time.monotonic() + START_S
        while self._places < num_workers:
            self._hear(until)

    def work_off(self, num_jobs: int) -> list[float]:
        """Have so many jobs done; how long each took, in seconds."""
        begun: dict[str, float] = {}
        took: list[float] = []
        num_asked = 0
        until = time.monotonic() + START_S * num_jobs
        while len(took) < num_jobs:
            while num_asked < num_jobs and len(begun) < self._places:
                num_asked += 1
                self._num += 1
                job_id = f"job{self._num}"
                look = Look((), (yes_no("q", "Is it?"),))
                begun[job_id] = time.monotonic()
                self._child.send(AnalysisRequest(job_id, self._picture, None, (look,)))
            if (done := self._hear(until)) in begun:
                took.append(time.monotonic() - begun.pop(done))
        return took

    def close(self) -> None:
        self._child.send(Stop())
        if not self._child.join(5):
            self._child.kill()

    def _hear(self, until_mono_s: float) -> str:
        """The next message; the id of the job that it ends, "" for none."""
        if time.monotonic() > until_mono_s:
            raise AnalysisFailed("the pool does not answer")
        try:
            event = self._inbox.get(timeout=1.0)
        except queue.Empty:
            return ""
        match event:
            case FromChild(message=EngineReady(places=places)):
                self._places = places
            case FromChild(message=Analysed(result)):
                return result.id
            case FromChild(message=AnalysisRefused(error=error)):
                raise AnalysisFailed(error)
        return ""


def _work(mqtt: MqttSettings, model_s: float) -> None:
    """A worker's main process."""
    start_logging("ERROR")
    Worker(mqtt, NO_MODEL, partial(_spawn, model_s)).run()


def _spawn(model_s: float, inbox: Inbox, _plan: AnalyzerPlan, generation: int) -> Child:
    return Child("analyzer", generation, _simulate, (model_s,), inbox)


def _simulate(pipe: MessagePipe, model_s: float) -> None:
    """An analyzer's process whose model takes `model_s` and always says yes."""
    orders: queue.SimpleQueue[object] = queue.SimpleQueue()
    serve_commands(pipe, orders.put)
    pipe.send(EngineReady(INFO, 0.0))
    while not isinstance(order := orders.get(), Stop):
        if isinstance(order, AnalysisRequest):
            time.sleep(model_s)
            answers = tuple(
                Answer(q.id, q.kind, q.options[0], 1.0, dict.fromkeys(q.options, 0.5))
                for look in order.looks
                for q in look.questions
            )
            timing = Timing(total_ms=model_s * 1e3)
            pipe.send(Analysed(AnalysisResult(order.id, answers, None, (), timing)))


def _end(process: multiprocessing.process.BaseProcess) -> None:
    process.terminate()
    process.join(10)
    if process.exitcode is None:
        process.kill()
