"""The server that is asked in place of a model on this box: there, willing, and telling chances."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from edge.daemon.wiring import remote_settings
from edge.doctor.case import Case, Check
from edge.doctor.diagnosis import Diagnosis, fault, ok, warning
from edge.errors import EdgeError
from edge.questions import AnalysisRequest, Look, yes_no

CHECK = "server"
ASK_S = 20.0
LIMIT_S = 30.0
_MEANING = "No keyframe is analysed, but by a model on this box where `vlm.standby` is local."


def server_checks(case: Case) -> Iterator[Check]:
    """One, where a server is configured."""
    server = case.config.vlm.openai
    if case.config.vlm.engine == "openai" and server is not None:
        yield Check(CHECK, lambda: check_server(case), LIMIT_S, server.url)


def check_server(case: Case) -> Iterator[Diagnosis]:
    """A question about a grey picture, put as the daemon puts it."""
    from edge.vlm.remote.engine import RemoteEngine  # noqa: PLC0415 - HTTP only for a server

    engine = RemoteEngine(remote_settings(case.config, None))
    look = Look((), (yes_no("grey", "Is the picture grey?"),))
    grey = np.full((64, 64, 3), 128, np.uint8)
    request = AnalysisRequest("doctor", grey, None, (look,), deadline_s=ASK_S)
    try:
        result = engine.analyze(request)
    except EdgeError as error:
        yield fault(
            CHECK,
            str(error),
            _MEANING,
            "Check `vlm.openai` (url, key, model), and that the server runs a model for pictures.",
        )
        return
    finally:
        engine.close()
    shown = f"{engine.info.name} answers in {result.timing.total_ms / 1000:.1f} s"
    if engine.info.answers == "text":
        yield warning(
            CHECK,
            f"{shown}, without probabilities",
            "Every answer counts as certain; `min_confidence` and `calibration` have no effect.",
            "Have the server tell `logprobs` (vLLM and llama.cpp do; OpenVINO Model Server by "
            "version), or use a model on this box.",
        )
    else:
        yield ok(CHECK, shown)
