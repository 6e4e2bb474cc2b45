"""The topics of the pool, built and read in this one place. Pure.

Knows what they are called, not what is said on them. Both sides ask here: the box that hands out
jobs and the worker that does them; so does the AsyncAPI document.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

GROUP: Final = "edge-pool"  # the name of the shared subscription


@dataclass(frozen=True, slots=True)
class PoolTopics:
    """The pool's topics. They lie beside the boxes' own, so that whoever follows `{prefix}/#` does
    not get every job's picture.
    """

    prefix: str
    node: str

    @property
    def jobs(self) -> str:
        """Jobs are published here."""
        return f"{self.prefix}-pool/jobs"

    @property
    def shared_jobs(self) -> str:
        """Where workers hear of them, each job one of them."""
        return f"$share/{GROUP}/{self.jobs}"

    @property
    def answers(self) -> str:
        """Answers to this box's jobs."""
        return f"{self._answers}{self.node}"

    @property
    def worker(self) -> str:
        """Whether this box takes jobs; retained."""
        return f"{self._workers}{self.node}"

    @property
    def all_workers(self) -> str:
        """The filter for those of all boxes."""
        return f"{self._workers}+"

    def worker_of(self, topic: str) -> str:
        """The box whose note a topic holds; "" for other topics."""
        return topic.removeprefix(self._workers) if topic.startswith(self._workers) else ""

    def is_answers(self, topic: str) -> bool:
        """Whether answers may be published there."""
        name = topic.removeprefix(self._answers)
        return topic.startswith(self._answers) and bool(name) and not set(name) & set("/+#")

    @property
    def _answers(self) -> str:
        return f"{self.prefix}-pool/answers/"

    @property
    def _workers(self) -> str:
        return f"{self.prefix}-pool/workers/"
