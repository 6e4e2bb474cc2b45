"""Where a model can be, and what is known of one elsewhere: on a server, or on other boxes.

The analyzer process keeps it, statistics show it. Plain dataclasses, so that they cross the pipe.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

EngineWord = Literal["openvino", "openai", "pool"]
AnswersWord = Literal["logits", "logprobs", "text"]
Circuit = Literal["closed", "open", "half-open"]


@dataclass(frozen=True, slots=True)
class PoolFacts:
    """How it goes with a pool; counts are since the analyzer process started.

    `workers` are ready now, `workers_seen` were at some time. At all times

        jobs = answered + taken_back + given_up + in_flight

    `taken_back` jobs went to the model on this box as no worker was left, `given_up` had no answer
    in their time. `redelivered` jobs were published more than once, `doubled` answers came for jobs
    that had one already. `done_here` are the analyses that the model on this box did, jobs that
    were never for the pool among them.
    """

    workers: int = 0
    in_flight: int = 0
    answered: int = 0
    redelivered: int = 0
    doubled: int = 0
    workers_seen: int = 0
    jobs: int = 0
    taken_back: int = 0
    given_up: int = 0
    done_here: int = 0


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """How it goes with a server; counts are since the analyzer process started.

    While the circuit is open the server is left alone. `failures` are requests that failed,
    `retries` those that were sent again, `standby_answers` analyses that the model on this box did
    in its place. `last_error` is empty while all is well.
    """

    url: str
    circuit: Circuit = "closed"
    requests: int = 0
    retries: int = 0
    failures: int = 0
    standby_answers: int = 0
    last_error: str = ""
