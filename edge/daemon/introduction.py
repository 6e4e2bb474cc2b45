"""What the box says of itself: the info document, and the entities Home Assistant is to have.

Told at each start and reload. What Home Assistant was told is remembered in the store, so that
entities which are gone from the configuration can be taken back by a later run.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

from edge import __version__
from edge.config.models import Config
from edge.daemon.announcer import Announcer
from edge.daemon.wiring import discovery_documents
from edge.errors import StoreError
from edge.findings import ConfigReport, Info, ModelReport
from edge.health import Trouble
from edge.mqtt.topics import Topics
from edge.store.database import Store

log = logging.getLogger(__name__)

TOLD = "discovery"  # the store's key of what Home Assistant was told


def build_info(
    config: Config,
    model: ModelReport | None,
    report: ConfigReport,
    troubles: Iterable[Trouble] = (),
) -> Info:
    """Node, version, model, cameras and rules, how the configuration's file is, and what is wrong
    with the box now.
    """
    return Info(
        node=config.node,
        version=__version__,
        model=model,
        cameras=list(config.cameras),
        rules=list(config.rules),
        configuration=report,
        troubles=list(troubles),
    )


def announce_discovery(announcer: Announcer, config: Config, topics: Topics, store: Store) -> None:
    """Tell Home Assistant what there is, and take back what was told before and is gone."""
    documents = discovery_documents(config, topics)
    try:
        told = store.load_state(TOLD) or {}
        earlier = {topic: str(text).encode() for topic, text in told.items()}
        announcer.discovery(documents, earlier)
        store.save_state(TOLD, {topic: text.decode() for topic, text in documents.items()})
    except (StoreError, ValueError, KeyError, TypeError) as error:
        log.warning("Home Assistant may keep entities that are gone: %s", error)
        announcer.discovery(documents)
