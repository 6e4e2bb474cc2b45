"""Ask the model about one picture, without the daemon.

    edge ask yard.jpg "Is there a parcel on the doorstep?" --yes-no
    edge ask yard.jpg "What colour is the car?" --choices red,blue,white
    edge ask yard.jpg "How many people are there?" --count
    edge ask sign.jpg "What does the sign say?"
    edge ask yard.jpg --describe --json
    edge ask yard.jpg "Is the gate open?" --yes-no --heatmap looked.png
    edge ask shop.jpg --schema shelf.yaml
    edge ask yard.jpg "What stands at the door?" --chat

Typed questions (--yes-no, --choices, --count, --rate) are answered from the model's probabilities;
without one of them the answer is free text.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge.cli.arguments import UsageError, positive, seconds
from edge.cli.ask_chat import chat
from edge.config.model_names import DEFAULT_MODEL
from edge.conversation import Picture
from edge.geometry import Box
from edge.heatmap import draw_overlay
from edge.hub.places import find_model
from edge.pictures import load_picture, save_png
from edge.questions import (
    AnalysisRequest,
    AnalysisResult,
    Look,
    ModelInfo,
    Question,
    choice,
    count,
    rating,
    text,
    yes_no,
)

if TYPE_CHECKING:
    from edge.vlm.settings import EngineSettings

NAME = "ask"
HELP = "ask the model about one picture"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("image", type=Path, help="a picture: JPEG, PNG, WebP, BMP or GIF")
    parser.add_argument(
        "question", nargs="?", default="", help="the question; not with --describe or --schema"
    )
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--yes-no", action="store_true", help="answer yes or no")
    kind.add_argument("--choices", metavar="A,B,...", help="answer with one of these")
    kind.add_argument("--count", action="store_true", help="answer with a number 0 to 9")
    kind.add_argument("--rate", action="store_true", help="answer with a grade 1 to 5")
    kind.add_argument(
        "--describe",
        action="store_true",
        help="describe the picture: summary, objects, texts, spatial relations",
    )
    kind.add_argument(
        "--schema",
        type=Path,
        metavar="FILE",
        help="describe the picture as JSON by this schema, YAML or JSON, as for `describe_as`",
    )
    parser.add_argument(
        "--region",
        metavar="X1,Y1,X2,Y2",
        help="look at this part only, as fractions of the picture, such as 0.5,0,1,1",
    )
    parser.add_argument(
        "--heatmap",
        type=Path,
        metavar="FILE.png",
        help="write the picture with a map of what the answer looked at laid over it",
    )
    parser.add_argument(
        "--model",
        default=DEFAULT_MODEL,
        help="model folder, hub id that was pulled, or `demo` for the bundled small one "
        "(default: %(default)s)",
    )
    parser.add_argument("--threads", type=positive, help="CPU threads (default: all cores)")
    parser.add_argument(
        "--deadline",
        type=seconds,
        default=60.0,
        metavar="TIME",
        help="longest time for a free answer or description (default: 60s)",
    )
    output = parser.add_mutually_exclusive_group()
    output.add_argument("--json", action="store_true", help="print one JSON object")
    output.add_argument(
        "--chat",
        action="store_true",
        help="then read further questions about the picture from standard input, one a line",
    )


def run(args: argparse.Namespace) -> int:
    """Load the model, ask, print."""
    question = build_question(args)
    if args.chat and (question is None or args.heatmap is not None):
        raise UsageError("--chat takes a question, and neither --describe, --schema nor --heatmap")
    _check_heatmap(args)
    schema = None if args.schema is None else _load_schema(args.schema)
    boxes = (parse_region(args.region),) if args.region else ()
    picture = load_picture(args.image)
    settings = _engine_settings(args)

    from edge.vlm.engine import open_tested_engine

    started = time.monotonic()
    with open_tested_engine(settings) as engine:
        if args.chat and question is not None:
            shown = Picture(picture, boxes[0] if boxes else None)
            return chat(engine, shown, question, sys.stdin, args.deadline)
        loaded = time.monotonic()
        request = AnalysisRequest(
            id="ask",
            image=picture,
            before=None,
            looks=(Look(boxes, (question,) if question else ()),),
            describe=question is None,
            deadline_s=args.deadline,
            heatmap=args.heatmap is not None,
            schema=schema,
        )
        result = engine.analyze(request)
        info = engine.info
    if args.heatmap is not None:
        save_png(draw_overlay(picture, result.attention[0]), args.heatmap)
    spent = {"load_s": round(loaded - started, 3), "answer_s": round(time.monotonic() - loaded, 3)}
    if args.json:
        print(json.dumps(as_json(result, info, spent), ensure_ascii=False))
    else:
        _show(result, info, spent, as_details=schema is not None)
    return 0


def build_question(args: argparse.Namespace) -> Question | None:
    """The question that the arguments ask for; None for a description."""
    if args.describe or args.schema is not None:
        if args.question:
            raise UsageError(f"--{'describe' if args.describe else 'schema'} takes no question")
        return None
    if not args.question.strip():
        raise UsageError("a question is needed, --describe or --schema FILE")
    if args.yes_no:
        return yes_no("ask", args.question)
    if args.choices is not None:
        options = tuple(option.strip() for option in args.choices.split(","))
        if len(options) < 2:
            raise UsageError("--choices needs two or more answers, such as open,closed")
        return choice("ask", args.question, options)
    if args.count:
        return count("ask", args.question)
    if args.rate:
        return rating("ask", args.question)
    return text("ask", args.question, max_chars=1000)


def _load_schema(file: Path) -> dict[str, Any]:
    from edge.config.describe_as import read_schema_file

    return read_schema_file(file)


def parse_region(words: str) -> Box:
    """`x1,y1,x2,y2` as fractions; raises UsageError."""
    try:
        x1, y1, x2, y2 = (float(word) for word in words.split(","))
        return Box(x1, y1, x2, y2)
    except ValueError as error:
        raise UsageError(
            f"--region {words!r}: expected four fractions x1,y1,x2,y2 such as 0.5,0,1,1 ({error})"
        ) from None


def _check_heatmap(args: argparse.Namespace) -> None:
    """Before the model is loaded."""
    if args.heatmap is None:
        return
    if args.describe or args.schema is not None:
        other = "--describe" if args.describe else "--schema"
        raise UsageError(f"--heatmap shows what an answer looked at; it does not go with {other}")
    if args.heatmap.suffix.lower() != ".png":
        raise UsageError(f"--heatmap {args.heatmap}: expected the name of a .png file")
    if not args.heatmap.parent.is_dir():
        raise UsageError(f"--heatmap {args.heatmap}: there is no folder {args.heatmap.parent}")


def _engine_settings(args: argparse.Namespace) -> EngineSettings:
    from edge.vlm.settings import EngineSettings

    return EngineSettings(
        model_dir=find_model(args.model), threads=args.threads, cache_dir=compiled_dir()
    )


def compiled_dir() -> Path:
    """Where compiled models are kept for the next call, below the user's cache."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if base.startswith("/") else Path.home() / ".cache") / "edge" / "compiled"


def as_json(result: AnalysisResult, info: ModelInfo, spent: dict[str, float]) -> dict[str, object]:
    """What --json prints."""
    document: dict[str, object] = {}
    if result.answers:
        answer = result.answers[0]
        document |= {
            "answer": answer.value,
            "probability": round(answer.probability, 4),
            "probabilities": {k: round(v, 4) for k, v in answer.probabilities.items()},
            "truncated": answer.truncated,
        }
    if result.description:
        document["description"] = dataclasses.asdict(result.description)
    if result.attention:
        looked = result.attention[0]
        document["heatmap"] = {
            "box": looked.box.as_tuple(),
            "cells": [[round(float(cell), 5) for cell in row] for row in looked.cells],
            "picture_frac": round(looked.picture_frac, 4),
        }
    document["views"] = [dataclasses.asdict(view) for view in result.views]
    document["model"] = dataclasses.asdict(info)
    document["timing"] = {**dataclasses.asdict(result.timing), **spent}
    return document


def _show(
    result: AnalysisResult, info: ModelInfo, spent: dict[str, float], *, as_details: bool
) -> None:
    for answer in result.answers:
        print(answer.value + (" [cut]" if answer.truncated else ""))
        for option, probability in answer.probabilities.items():
            print(f"  {option:<20} {probability:6.1%}  {'#' * round(probability * 40)}")
    if result.description and as_details:
        print(json.dumps(result.description.details, ensure_ascii=False, indent=2))
        if result.description.truncated:
            print("[cut]", file=sys.stderr)
    elif result.description:
        print(result.description.summary + (" [cut]" if result.description.truncated else ""))
        for name in ("objects", "texts", "spatial_relations"):
            if entries := getattr(result.description, name):
                print(f"{name.replace('_', ' ')}: {'; '.join(entries)}")
    only_for = "; FOR DEMONSTRATION: knows drawn yards alone" if info.demonstration else ""
    print(
        f"[{info.name} {info.precision}{only_for}; loaded in {spent['load_s']:.1f} s, "
        f"answered in {spent['answer_s']:.2f} s]",
        file=sys.stderr,
    )
