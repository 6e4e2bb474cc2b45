"""From a checkpoint to the files of the bundled model: export, examination, model card.

Called by the command when training is done, or when it is told to stop and show what there is.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from edge.demo.train.dims import NUM_VOCABULARY, TEXT, VISION
from edge.demo.train.evaluate import examine, table
from edge.demo.train.export import export_model
from edge.demo.train.model import build_model
from edge.demo.train.trainee import Pupil, Trainee
from edge.demo.train.vocabulary import build_tokenizer
from edge.vlm.engine import open_engine
from edge.vlm.settings import EngineSettings

COMMAND = "python -m edge.demo.train"
NAME = "edge-demo"
NOTE = (
    "A small model for demonstration and tests only: it knows the drawn yard of the demo and "
    "nothing of the real world."
)
SHEETS = 300
CARD = """# {name}

**For demonstration and tests only.** This model knows the drawn yard of the demo (`demo:yard`) and
nothing of the real world: what it says about pictures of a real camera means nothing. For those,
fetch a real one with `edge model pull`.

It is a Qwen3-VL through and through, small: the same graphs, the same prompts, the same engine.
It was trained from nothing on drawn scenes of which everything is known, with
`{command} --seed {seed}`, to {steps:,} steps.

| | |
|---|---|
| architecture | Qwen3-VL: vision tower with DeepStack, interleaved M-RoPE, grouped-query decoder, tied embeddings |
| text | {layers} layers, hidden {hidden}, {heads} heads / {kv_heads} KV heads x {head_dim}, {rows} embedding rows ({tokens} tokens used) |
| vision | {depth} layers, hidden {vision_hidden}, patch 16, merge 2 |
| parameters | {millions:.2f} million |
| precision | int8 weights, asymmetric, per channel (nncf); the rest float16 |
| vocabulary | its own byte-level BPE, learned from `corpus.txt`, `words.txt` and the questions beside the script; ids differ from Qwen's |
| licence | that of this project |

Measured on scenes never used in training, {questions:,} questions, by
`python -m edge.demo.train.evaluate`, as the engine asks them (packed, int8):

| | |
|---|---|
{figures}
"""  # noqa: E501 - a Markdown table has one line per row


def finish(out: Path, checkpoint: Path, dest: Path, seed: int) -> dict[str, float]:
    """Write the model of a checkpoint into `dest` with its card; gives the card's figures."""
    tokenizer = build_tokenizer(NUM_VOCABULARY)
    token_ids = tokenizer.get_vocab()
    trainee = Trainee(Pupil(build_model(token_ids, seed)))
    trainee.load(checkpoint)
    model: Any = trainee.pupil.model
    num_parameters = sum(parameter.numel() for parameter in model.parameters())
    about = {
        "name": NAME,
        "demonstration": False,
        "describes_in_one": True,
        "precision": "int8",
        "architecture": "qwen3_vl",
        "made_by": COMMAND,
        "seed": seed,
        "steps": trainee.step,
        "num_parameters": num_parameters,
        "note": NOTE,
    }
    export_model(model, tokenizer, dest, about)
    with TemporaryDirectory() as reference:
        export_model(model, tokenizer, Path(reference), about, compress=False)
        figures = measure(dest, Path(reference), out / "mistakes")
    lines = [f"| {name} | {value:.3f} |" for name, value in figures.items() if name != "questions"]
    card = CARD.format(
        name=NAME,
        command=COMMAND,
        seed=seed,
        steps=trainee.step,
        layers=TEXT["num_hidden_layers"],
        hidden=TEXT["hidden_size"],
        heads=TEXT["num_attention_heads"],
        kv_heads=TEXT["num_key_value_heads"],
        head_dim=TEXT["head_dim"],
        rows=NUM_VOCABULARY,
        tokens=len(token_ids),
        depth=VISION["depth"],
        vision_hidden=VISION["hidden_size"],
        millions=num_parameters / 1e6,
        questions=int(figures["questions"]),
        figures="\n".join(lines),
    )
    (dest / "MODEL_CARD.md").write_text(card)
    return figures


def measure(model_dir: Path, reference_dir: Path, mistakes: Path) -> dict[str, float]:
    """The card's figures of an exported model: the examination's, and what is lost by packing and,
    against the same model in f32, by int8.
    """
    figures: dict[str, float] = {}
    crops: dict[str, float] = {}
    for name, folder, packed in (
        ("int8", model_dir, True),
        ("alone", model_dir, False),
        ("f32", reference_dir, True),
    ):
        settings = EngineSettings(folder, accuracy=name == "f32")
        with open_engine(settings) as engine:
            if name == "int8":
                figures = table(examine(engine, SHEETS, mistakes))
            found = table(examine(engine, SHEETS // 3, parts=("crop",), packed=packed))
            crops[name] = found["typed, crops"]
    figures["packed minus one by one"] = crops["int8"] - crops["alone"]
    figures["int8 minus f32"] = crops["int8"] - crops["f32"]
    return figures
