"""Stands in for the heavy steps of `edge model convert`: the bundled model's graphs, in no time.

    python scripted_workshop.py export CHECKPOINT DEST
    python scripted_workshop.py compress GRAPH.xml DEST.xml WEIGHTS GROUP [awq]

Writes each call into the file $WORKSHOP_CALLS. $WORKSHOP_TROUBLE is `WORD:WHERE`: where WHERE is
part of the call, `fail` exits with a message, `die` is killed as by a lack of memory, `hang` waits
to be stopped.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from pathlib import Path

DEMO = Path(__file__).parents[2] / "edge" / "demo" / "model"


def main(words: list[str]) -> None:
    with Path(os.environ["WORKSHOP_CALLS"]).open("a") as calls:
        calls.write(" ".join(Path(word).name for word in words) + "\n")
    trouble, _, where = os.environ.get("WORKSHOP_TROUBLE", "").partition(":")
    if trouble and where in " ".join(words):
        if trouble == "fail":
            sys.exit("torch says no")
        if trouble == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(600)
    if words[0] == "export":
        for file in DEMO.iterdir():
            shutil.copyfile(file, Path(words[2]) / file.name)
        (Path(words[2]) / "preprocessor_config.json").write_text("{}")  # as the exporter spoils it
    else:
        for ending in (".xml", ".bin"):
            source, dest = Path(words[1]), Path(words[2])
            shutil.copyfile(source.with_suffix(ending), dest.with_suffix(ending))


if __name__ == "__main__":
    main(sys.argv[1:])
