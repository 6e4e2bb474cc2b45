"""Builds what the box is doing now for those who look at it over HTTP. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial

from edge import __version__
from edge.config.models import Config
from edge.daemon.camera_host import CameraHost
from edge.daemon.rule_keeper import RuleKeeper
from edge.daemon.wiring import build_rules
from edge.findings import ConfigReport, Stats
from edge.geometry import Box, union_of
from edge.pace import Needs
from edge.present import CameraNow, Judgement, Present, RuleCost, RuleNow
from edge.questions import Answer, ModelInfo
from edge.rules.rule import Rule
from edge.rules.verdict import read_verdict


def build_present(
    config: Config,
    stats: Stats,
    hosts: Mapping[str, CameraHost],
    keeper: RuleKeeper,
    model: ModelInfo | None,
    *,
    costs: tuple[RuleCost, ...],
    report: ConfigReport,
    needs: Needs | None,
) -> Present:
    """Everything at this moment."""
    return Present(
        stats=stats,
        version=__version__,
        model=model,
        cameras=tuple(
            CameraNow(
                name=host.name,
                enabled=host.is_enabled,
                moving=host.moving,
                sensitivity=host.plan.sampler.sensitivity,
                zones=dict(host.plan.sampler.zones),
                mask=host.plan.sampler.mask,
            )
            for host in hosts.values()
        ),
        rules=tuple(_rule(rule, config, keeper) for rule in build_rules(config)),
        configuration=report,
        costs=costs,
        needs=needs,
    )


def _rule(rule: Rule, config: Config, keeper: RuleKeeper) -> RuleNow:
    return RuleNow(
        name=rule.name,
        question=rule.question,
        severity=rule.severity,
        schedule="" if rule.schedule is None else rule.schedule.text,
        zones=rule.zones,
        regions={camera: _region(rule.zones, config, camera) for camera in rule.cameras},
        states=tuple(keeper.book.attributes_of(rule.name, camera) for camera in rule.cameras),
        judge=partial(_judge, rule),
        tallies=tuple(keeper.tally(rule.name, camera) for camera in rule.cameras),
    )


def _region(zones: Iterable[str], config: Config, camera: str) -> Box | None:
    of_camera = config.cameras[camera].zones
    return union_of(of_camera[name].bounds for name in zones)


def _judge(rule: Rule, answer: Answer) -> Judgement:
    verdict = read_verdict(rule, answer)
    return Judgement(verdict.word, verdict.probability, verdict.answer)
