"""`edge schema`: the JSON Schemas of the configuration and of all that is published; AsyncAPI."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from edge import __version__
from edge.config.json_schema import DOCUMENTS, file_name, format_schema
from edge.mqtt.asyncapi import build_asyncapi

NAME = "schema"
HELP = "print or write the JSON Schemas of the configuration and the published documents"
DESCRIPTION = """\
Print the JSON Schema (draft 2020-12) of the configuration file or of a document that is published
over MQTT, or the AsyncAPI 3.0 document of all topics, or write all of them into a folder; without
arguments, list their names. Editors that
know YAML use the configuration's: put `# yaml-language-server: $schema=PATH` on the first line of
the file.
"""
_ABOUT = {
    "config": "the configuration file",
    "finding": "what is published on {camera}/finding and {camera}/last",
    "stats": "what is published on stats, each minute",
    "info": "what is published on info: the box, its cameras and its model",
    "rule": "what is published on {camera}/rule/{rule}/attributes",
    "reply": "the answer to {camera}/ask/set",
    "asyncapi": "every topic, what is said on it and what it takes, for AsyncAPI's tools",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.description = DESCRIPTION
    which = parser.add_mutually_exclusive_group()
    which.add_argument("name", nargs="?", choices=[*_ABOUT], help=f"one of {', '.join(_ABOUT)}")
    which.add_argument(
        "--write",
        type=Path,
        metavar="DIR",
        help="write every one as DIR/NAME.schema.json, and DIR/asyncapi.json",
    )


def run(args: argparse.Namespace) -> int:
    """Print one schema, write all or list them; returns the exit status."""
    if args.name is None and args.write is None:
        print("edge schema NAME prints one, edge schema --write DIR writes all of them:")
        for name, about in _ABOUT.items():
            print(f"  {name:<8} {about}")
        return 0
    if args.write is None:
        print(format_document(args.name), end="")
        return 0
    try:
        args.write.mkdir(parents=True, exist_ok=True)
        for name in _ABOUT:
            file = args.write / (file_name(name) if name in DOCUMENTS else f"{name}.json")
            file.write_text(format_document(name), encoding="utf-8")
            print(file)
    except OSError as error:
        print(f"cannot write the schemas: {error}", file=sys.stderr)
        return 1
    return 0


def format_document(name: str) -> str:
    """One of them as the text of its file."""
    if name in DOCUMENTS:
        return format_schema(name)
    return json.dumps(build_asyncapi(__version__), indent=2, ensure_ascii=False) + "\n"
