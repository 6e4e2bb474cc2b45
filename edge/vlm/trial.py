"""Remembers that a model passed its self-test, so that the next start needs only a warm-up.

The note lies beside the compiled models and holds for exactly this model, these settings, this
OpenVINO and this processor. Knows nothing of the test itself; the engine asks and writes it.
"""

from __future__ import annotations

import logging
from dataclasses import asdict
from pathlib import Path

from edge.vlm.fingerprint import (
    digest_of,
    list_files,
    list_model_files,
    read_processor,
    read_versions,
)
from edge.vlm.settings import EngineSettings

logger = logging.getLogger(__name__)

# What of the settings changes what is computed; a crop's margin does not.
_COMPUTING = ("accuracy", "dynamic_quantization", "threads")


def has_passed(settings: EngineSettings) -> bool:
    """Whether the self-test was passed by this very model here. False without a cache folder."""
    note = _note(settings)
    return note is not None and note.exists()


def remember_pass(settings: EngineSettings) -> None:
    """Note that the self-test was passed; notes of former models are removed."""
    note = _note(settings)
    if note is None:
        return
    try:
        for old in note.parent.glob("*.tested"):
            if old != note:
                old.unlink(missing_ok=True)
        note.write_text("the model passed its self-test on this machine\n", encoding="utf-8")
    except OSError as error:
        logger.warning("%s cannot be written (%s): each start tests the model", note, error)


def forget_passes(cache_dir: Path) -> None:
    """Remove all notes, as when what they vouch for is found damaged."""
    for note in cache_dir.glob("*.tested"):
        note.unlink(missing_ok=True)


def _note(settings: EngineSettings) -> Path | None:
    """Where the note for this state of things lies."""
    if settings.cache_dir is None:
        return None
    state = {
        "files": list_model_files(settings.model_dir),
        "compiled": list_files(settings.cache_dir, ("*.blob",)),  # written anew: not tested
        "settings": {key: asdict(settings)[key] for key in _COMPUTING},
        "versions": read_versions(),
        "processor": read_processor(),
    }
    return settings.cache_dir / f"{digest_of(state)}.tested"
