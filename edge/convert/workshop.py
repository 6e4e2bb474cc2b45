"""The heavy steps of a conversion, each a process of its own, so that its memory goes with it.

    python -m edge.convert.workshop export CHECKPOINT DEST
    python -m edge.convert.workshop compress GRAPH.xml DEST.xml int4|int8 GROUP [awq]

The only file of the program that imports torch, optimum-intel and nncf. Fetches nothing. Its
output goes to a log.
"""

from __future__ import annotations

import sys
from pathlib import Path


def export(checkpoint: Path, dest: Path) -> None:
    """Write the five graphs with f16 weights, the configuration and the tokenizer."""
    from optimum.exporters.openvino import main_export  # noqa: PLC0415 - imports torch
    from optimum.intel import OVConfig  # noqa: PLC0415 - same

    main_export(
        str(checkpoint),
        str(dest),
        task="image-text-to-text",
        convert_tokenizer=False,
        ov_config=OVConfig(dtype="fp16"),
    )


def compress(graph: Path, dest: Path, weights: str, group: int, *, awq: bool) -> None:
    """Compress one graph's weights: int8 by row, or int4 in groups with int8 embedding and head.

    AWQ without a calibration set scales by the weights alone, as nncf offers.
    """
    import nncf  # noqa: PLC0415 - imports torch
    import openvino as ov  # noqa: PLC0415 - a second; not for the export

    model = ov.Core().read_model(graph)
    if weights == "int4":
        mode = nncf.CompressWeightsMode.INT4_ASYM
        model = nncf.compress_weights(
            model, mode=mode, group_size=group, ratio=1.0, awq=awq or None
        )
    else:
        model = nncf.compress_weights(model, mode=nncf.CompressWeightsMode.INT8_ASYM)
    ov.save_model(model, dest)


def main(words: list[str]) -> None:
    """Do the step that the arguments name."""
    if words[0] == "export":
        export(Path(words[1]), Path(words[2]))
    else:
        weights, group, *more = words[3:]
        compress(Path(words[1]), Path(words[2]), weights, int(group), awq="awq" in more)


if __name__ == "__main__":
    main(sys.argv[1:])
