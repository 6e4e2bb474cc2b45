"""The body of the process that takes a close look: reads a camera or an uploaded clip, then ends.

What is uploaded may be made to harm: it is decoded here alone, with little memory and the lowest
priority, and the daemon kills this process when it takes too long.
"""

from __future__ import annotations

import logging
import os
import resource
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from edge.daemon.child import (
    leave_signals_to_the_daemon,
    name_process,
    serve_commands,
)
from edge.daemon.pipe import MessagePipe
from edge.daemon.plans import TuneJob
from edge.errors import CaptureError, EdgeError
from edge.logs import start_logging
from edge.threads import take_one_thread
from edge.tuning import TuneReport

log = logging.getLogger(__name__)

NICE = 15
MAX_DATA_BYTES = 1_200_000_000  # a look at 600 pictures takes 200 MB, an 8K decoder 400 MB more


def run_tuner(pipe: MessagePipe, job: TuneJob) -> None:
    """Process body: sends one TuneReport or EdgeError."""
    leave_signals_to_the_daemon()
    name_process("tune")
    start_logging(job.log_level)
    os.nice(NICE)
    resource.setrlimit(resource.RLIMIT_DATA, (MAX_DATA_BYTES, MAX_DATA_BYTES))
    serve_commands(pipe, lambda _order: None)
    try:
        pipe.send(_look(job))
    except CaptureError as error:
        pipe.send(type(error)(_without_path(str(error), job)))
    except EdgeError as error:
        pipe.send(error)
    except (BrokenPipeError, ConnectionResetError):
        pass  # the daemon is gone
    except Exception:
        log.exception("a close look failed")
        sys.exit(1)  # not raised on: multiprocessing would print it again, secrets and all


def _without_path(text: str, job: TuneJob) -> str:
    """An upload is known by its own name; where it lies meanwhile is nobody's business."""
    path = job.request.clip
    if not path:
        return text
    text = text.replace(f" ({path})", "").replace(path, job.request.name)
    return text.removeprefix("camera ")


def _look(job: TuneJob) -> TuneReport:
    take_one_thread()
    from edge.daemon.openers import opener_for  # noqa: PLC0415 - after the limits are set
    from edge.replay.stretch import load_stretch  # noqa: PLC0415
    from edge.replay.tune import TunePlan, tune_source, tune_stretch  # noqa: PLC0415

    request = job.request
    sampler = replace(
        job.sampler,
        sensitivity=job.sampler.sensitivity if request.sensitivity is None else request.sensitivity,
        mask=job.sampler.mask if request.mask is None else request.mask,
    )
    plan = TunePlan(job.camera, sampler, suggest=request.suggest)
    if job.source is None:
        report = tune_stretch(load_stretch(Path(job.from_path)), plan)
        return report.model_copy(update={"id": job.ticket})
    name = request.camera or request.name
    report, stretch = tune_source(
        opener_for(job.source.url)(job.source),
        plan,
        name,
        seconds=job.seconds,
        start_s=request.start_s,
    )
    kept = Path(job.keep_path)
    try:
        stretch.save(kept)
    except OSError as error:
        log.warning("the pictures cannot be kept for another look: %s", error)
        with suppress(OSError):
            kept.unlink()
        return report
    return report.model_copy(update={"id": job.ticket})
