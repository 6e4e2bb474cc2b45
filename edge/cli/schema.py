"""`edge schema`: the JSON Schemas of the configuration and of everything that is published."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from edge.config.json_schema import DOCUMENTS, file_name, format_schema

NAME = "schema"
HELP = "print or write the JSON Schemas of the configuration and the published documents"
DESCRIPTION = """\
Print the JSON Schema (draft 2020-12) of the configuration file or of a document that is published
over MQTT, or write all of them into a folder. Editors that know YAML use the configuration's: put
`# yaml-language-server: $schema=PATH` on the first line of the file.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.description = DESCRIPTION
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument(
        "name", nargs="?", choices=[*DOCUMENTS], help=f"one of {', '.join(DOCUMENTS)}"
    )
    which.add_argument(
        "--write", type=Path, metavar="DIR", help="write every schema as DIR/NAME.schema.json"
    )


def run(args: argparse.Namespace) -> int:
    """Print one schema or write all; returns the exit status."""
    if args.write is None:
        print(format_schema(args.name), end="")
        return 0
    try:
        args.write.mkdir(parents=True, exist_ok=True)
        for name in DOCUMENTS:
            file = args.write / file_name(name)
            file.write_text(format_schema(name), encoding="utf-8")
            print(file)
    except OSError as error:
        print(f"cannot write the schemas: {error}", file=sys.stderr)
        return 1
    return 0
