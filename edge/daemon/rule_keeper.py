"""The rules' states, kept over restarts and told to the broker.

Stands between the rule book, which is pure, and the store and the announcer. Runs in the daemon's
main thread; knows no camera and no model.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from datetime import UTC, datetime
from typing import cast

from edge.config.models import Config
from edge.daemon.announcer import Announcer
from edge.daemon.wiring import build_rules, camera_zones
from edge.errors import StoreError
from edge.mqtt.commands import DESCRIBE_AS_CONFIGURED, DESCRIBE_WORDS
from edge.present import RuleTally
from edge.rules.book import RuleBook, RuleChange, Settlement
from edge.rules.rule import Describe
from edge.rules.state import Moment
from edge.store.database import Store

log = logging.getLogger(__name__)

SAVED_STATES = "rules"  # the store's keys
SAVED_DESCRIBE = "describe"


class RuleKeeper:
    """Owns the RuleBook; whatever moves a state in it is announced, logged and saved."""

    def __init__(self, config: Config, store: Store, announcer: Announcer) -> None:
        self.book = RuleBook(build_rules(config), camera_zones(config))
        self.announcer = announcer
        self._store = store
        self._places = _places(config)
        self._cameras = tuple(config.cameras)
        self._describe: dict[str, str] = {}  # what was set over MQTT, by camera
        self._tallies: dict[tuple[str, str], Counter[str]] = {}
        self._is_unsaved = False
        self._save_failing = False

    def restore(self) -> None:
        """Take back the states of an earlier run; without them the rules begin as unknown."""
        self._restore_describe()
        try:
            saved = self._store.load_state(SAVED_STATES)
            if saved is not None:
                self.book.restore(saved, _now())
        except (StoreError, ValueError) as error:
            log.warning("rules begin with unknown states: %s", error)

    def replace(self, config: Config) -> None:
        """Take the rules of another configuration over; the topics of those gone are cleared."""
        self.book.replace_rules(build_rules(config), camera_zones(config))
        places = _places(config)
        for camera, rule in self._places - places:
            self.announcer.forget_rule(camera, rule)
        self._places = places
        self._cameras = tuple(config.cameras)
        self._is_unsaved = True

    def announce(self) -> None:
        """Publish every state anew, and when each camera's keyframes are described."""
        for attributes in self.book.attributes():
            self.announcer.rule(attributes)
        for camera in self._cameras:
            self.announcer.describe(camera, self._describe.get(camera, DESCRIBE_AS_CONFIGURED))

    def set_describe(self, camera: str, word: str) -> None:
        """Describe a camera's keyframes as `word`, of DESCRIBE_WORDS, says; kept over restarts."""
        self._describe_as(camera, word)
        try:
            self._store.save_state(SAVED_DESCRIBE, dict(self._describe))
        except StoreError as error:
            log.warning("%s: what was set over MQTT is lost at the next start: %s", camera, error)
        log.info("%s: describe set to %s over MQTT", camera, word)
        self.announcer.describe(camera, word)

    def settled(self, settlement: Settlement) -> None:
        """Answers about a keyframe have been judged."""
        for verdict in settlement.verdicts:
            self._tally(verdict.rule, settlement.camera)[verdict.verdict] += 1
            self.announcer.rule(self.book.attributes_of(verdict.rule, settlement.camera))
            self._is_unsaved = True
        self._note(settlement.changes)

    def tick(self) -> list[str]:
        """Let time pass; the cameras at which that alone moved a state, each once."""
        changes = self.book.tick(_now())
        for change in changes:
            self.announcer.rule(self.book.attributes_of(change.rule.name, change.camera))
            self._is_unsaved = True
        self._note(changes)
        return list(dict.fromkeys(change.camera for change in changes))

    def tally(self, rule: str, camera: str) -> RuleTally:
        """What came of asking a rule at a camera since the daemon started."""
        counts = self._tallies.get((rule, camera), Counter())
        return RuleTally(
            camera, counts["yes"], counts["no"], counts["unsure"], alerts=counts["alert"]
        )

    def save(self) -> None:
        """Write the states if one has moved; a refusal is logged once and tried again."""
        if not self._is_unsaved:
            return
        try:
            self._store.save_state(SAVED_STATES, self.book.snapshot(_now()))
        except StoreError as error:
            if not self._save_failing:
                log.warning("rule states cannot be saved, trying again: %s", error)
            self._save_failing = True
        else:
            self._is_unsaved = self._save_failing = False

    def _tally(self, rule: str, camera: str) -> Counter[str]:
        return self._tallies.setdefault((rule, camera), Counter())

    def _note(self, changes: tuple[RuleChange, ...]) -> None:
        for change in changes:
            self._tally(change.rule.name, change.camera)["alert"] += change.transition.alert
            log.info("%s: rule %s is %s", change.camera, change.rule.name, change.transition.after)

    def _restore_describe(self) -> None:
        try:
            saved = self._store.load_state(SAVED_DESCRIBE) or {}
        except StoreError as error:
            log.warning("what was set over MQTT about descriptions is not known: %s", error)
            return
        for camera, word in saved.items():
            if word in DESCRIBE_WORDS:
                self._describe_as(camera, str(word))

    def _describe_as(self, camera: str, word: str) -> None:
        if word == DESCRIBE_AS_CONFIGURED:
            self._describe.pop(camera, None)
            self.book.set_describe(camera, None)
        else:
            self._describe[camera] = word
            self.book.set_describe(camera, cast("Describe", word))


def _now() -> Moment:
    return Moment(time.monotonic(), datetime.now(UTC))


def _places(config: Config) -> set[tuple[str, str]]:
    """Every (camera, rule) pair that has a state."""
    return {(camera, rule) for rule in config.rules for camera in config.cameras_of(rule)}
