"""The body of the analyzer process: loads the model, answers one request at a time.

Runs at lower CPU priority than the camera processes, so that cameras stay live while it computes.
The daemon kills and replaces it when an analysis runs past its hard deadline.
"""

from __future__ import annotations

import logging
import os
import queue
import sys
import time

from edge.daemon.child import (
    ParentConnection,
    leave_signals_to_the_daemon,
    name_process,
    serve_commands,
)
from edge.daemon.messages import (
    Analysed,
    AnalysisRefused,
    EngineFailed,
    EngineReady,
    SetLogLevel,
    Stop,
)
from edge.daemon.plans import AnalyzerPlan
from edge.errors import AnalysisFailed, EdgeError
from edge.logs import set_log_level, start_logging
from edge.questions import AnalysisRequest
from edge.vlm.engine import Engine, open_tested_engine

log = logging.getLogger(__name__)


def run_analyzer(pipe: ParentConnection, plan: AnalyzerPlan) -> None:
    """Process body: ends on Stop, when the parent is gone, or when the model cannot be loaded."""
    leave_signals_to_the_daemon()
    name_process("analyzer")
    start_logging(plan.log_level)
    os.nice(plan.nice)
    requests: queue.SimpleQueue[object] = queue.SimpleQueue()
    serve_commands(pipe, requests.put)
    try:
        _serve(pipe, plan, requests)
    except (BrokenPipeError, ConnectionResetError):
        pass  # the daemon is gone
    except Exception:
        log.exception("the analyzer process failed")
        sys.exit(1)  # not raised on: multiprocessing would print it again, secrets and all


def _serve(pipe: ParentConnection, plan: AnalyzerPlan, requests: queue.SimpleQueue[object]) -> None:
    started = time.monotonic()
    try:
        engine = open_tested_engine(plan.engine)
    except EdgeError as error:
        pipe.send(EngineFailed(str(error)))
        return
    with engine:
        pipe.send(EngineReady(engine.info, time.monotonic() - started))
        while not isinstance(request := requests.get(), Stop):
            match request:
                case AnalysisRequest():
                    pipe.send(_analyse(engine, request))
                case SetLogLevel(level):
                    set_log_level(level)


def _analyse(engine: Engine, request: AnalysisRequest) -> Analysed | AnalysisRefused:
    try:
        return Analysed(engine.analyze(request))
    except AnalysisFailed as error:
        return AnalysisRefused(request.id, str(error), retry=True)
    except EdgeError as error:
        return AnalysisRefused(request.id, str(error), retry=False)
