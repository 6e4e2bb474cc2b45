"""Where keyframes come in: which become findings, and what becomes of their pictures.

Between the cameras, the analyst and the disk. Runs in the daemon's main thread, but for what
follows the writing of a snapshot.
"""

from __future__ import annotations

from functools import partial

from edge.config.models import Config
from edge.daemon.analyst import Analyst
from edge.daemon.announcer import Announcer
from edge.daemon.disk import DiskThread
from edge.daemon.http_host import HttpHost
from edge.frames import Keyframe


class Intake:
    """Takes keyframes as the configuration says; a reload sets another `config`."""

    def __init__(
        self,
        config: Config,
        analyst: Analyst,
        disk: DiskThread,
        announcer: Announcer,
        http: HttpHost,
    ) -> None:
        self.config = config
        self._analyst = analyst
        self._disk = disk
        self._announcer = announcer
        self._http = http

    def take(self, keyframe: Keyframe) -> None:
        """Have a keyframe of a configured camera reported and looked at, and its picture kept."""
        camera = self.config.cameras[keyframe.camera]
        is_for_rules = keyframe.trigger == "periodic" and camera.periodic_s is None
        if is_for_rules and not self._analyst.is_asked_about(keyframe):
            return  # came for a rule's `every`, and no rule is due
        wanted = camera.snapshots.enabled
        kept = wanted and self._disk.has_room
        finding = self._analyst.take_keyframe(keyframe, snapshot=kept)
        if kept:
            then = partial(self._written, keyframe.camera, finding.id)
            self._disk.offer_snapshot(finding.id, keyframe.image, then)
        elif wanted:
            self._disk.count_dropped()

    def _written(self, camera: str, finding_id: str, jpeg: bytes) -> None:
        """A snapshot is on disk. Called in the disk thread."""
        self._http.tell("snapshot", {"camera": camera, "id": finding_id})
        if self.config.mqtt.snapshots:
            self._announcer.snapshot(camera, jpeg)
