"""What is read from a model's files, and every way in which they can be wrong."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from edge.errors import ModelInvalid, ModelMissing
from edge.vlm.engine import open_engine
from edge.vlm.layout import TextDims, VisionDims, load_layout, num_parameters
from edge.vlm.settings import EngineSettings


@pytest.fixture
def model(demo_dir, tmp_path) -> Path:
    """A copy that may be broken."""
    return Path(shutil.copytree(demo_dir, tmp_path / "model"))


def change(file: Path, path: str, value) -> None:
    """Set the value at a dotted path of a JSON file; `...` removes it."""
    content = json.loads(file.read_text())
    *parents, last = path.split(".")
    place = content
    for key in parents:
        place = place[key]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    file.write_text(json.dumps(content))


def test_bundled_model(demo_dir):
    layout = load_layout(demo_dir)
    config = json.loads((demo_dir / "config.json").read_text())
    assert layout.text.hidden == config["text_config"]["hidden_size"]
    assert layout.vision.token_px == 32
    assert layout.vision.grid_side**2 == config["vision_config"]["num_position_embeddings"]
    assert layout.pixels.min_pixels == 65536
    assert layout.info.demonstration
    card = json.loads((demo_dir / "edge_model.json").read_text())
    assert layout.info.name == card["name"]
    assert layout.info.parameters_m * 1e6 == card["num_parameters"]


def test_parameters_of_the_2b_model():
    """2,127.5 million, as torch counts them."""
    text = TextDims(2048, 6144, 28, 16, 8, 128, 151936, True, (24, 20, 20), 262144)
    vision = VisionDims(1024, 4096, 24, 16, 3, 16, 2, 2, 48, 2048, 3)
    assert num_parameters(text, vision) == 2_127_532_032


def test_name_without_a_card_is_the_folder(model):
    (model / "edge_model.json").unlink()
    info = load_layout(model).info
    assert (info.name, info.demonstration, info.precision) == ("model", False, "int8")


def test_no_model(tmp_path):
    with pytest.raises(ModelMissing, match=r"no model at .*nowhere; .*`edge model pull`"):
        load_layout(tmp_path / "nowhere")
    with pytest.raises(ModelMissing, match=r"holds no model.*`edge model pull`"):
        load_layout(tmp_path)
    with pytest.raises(ModelMissing):
        open_engine(EngineSettings(tmp_path))


@pytest.mark.parametrize(
    "name",
    [
        "config.json",
        "preprocessor_config.json",
        "openvino_language_model.xml",
        "openvino_language_model.bin",
        "openvino_text_embeddings_model.xml",
        "openvino_vision_embeddings_model.bin",
        "openvino_vision_embeddings_merger_model.xml",
        "openvino_vision_embeddings_pos_model.xml",
        "tokenizer.json",
    ],
)
def test_missing_file(model, name):
    (model / name).unlink()
    with pytest.raises(ModelInvalid, match=rf"{name} is missing; .*`edge model pull`"):
        open_engine(EngineSettings(model))


def test_missing_chat_template(model):
    (model / "chat_template.jinja").unlink()
    with pytest.raises(ModelInvalid, match=r"chat_template\.jinja is missing"):
        load_layout(model)


def test_chat_template_in_its_older_places(model):
    text = (model / "chat_template.jinja").read_text()
    (model / "chat_template.jinja").unlink()
    change(model / "tokenizer_config.json", "chat_template", text)
    assert load_layout(model).chat_template == text
    (model / "chat_template.json").write_text(json.dumps({"chat_template": text + " "}))
    assert load_layout(model).chat_template == text + " "


CONFIG = "config.json"
PIXELS = "preprocessor_config.json"


@pytest.mark.parametrize(
    ("name", "path", "value", "message"),
    [
        (CONFIG, "model_type", "qwen2_vl", r'model_type is "qwen2_vl"; expected "qwen3_vl"'),
        (CONFIG, "model_type", ..., 'model_type is null; expected "qwen3_vl"'),
        (CONFIG, "text_config", ..., "text_config is null; expected an object"),
        (CONFIG, "text_config.hidden_size", "96", 'text_config.hidden_size is "96"; expected a'),
        (CONFIG, "text_config.num_hidden_layers", 0, "num_hidden_layers is 0; .* at least 1"),
        (CONFIG, "text_config.num_hidden_layers", True, "num_hidden_layers is true"),
        (CONFIG, "text_config.rope_scaling.mrope_section", [1, 2], "mrope_section is .* 3 numb"),
        (CONFIG, "text_config.rope_scaling.mrope_section", [1, 2, 3], "half of head_dim"),
        (CONFIG, "vision_config.out_hidden_size", 17, "out_hidden_size is 17, but .*hidden_size"),
        (CONFIG, "vision_config.num_position_embeddings", 7, "is 7; expected a square number"),
        (CONFIG, "vision_config.num_heads", 7, "num_heads is 7; expected a divisor"),
        (CONFIG, "image_token_id", "x", 'image_token_id is "x"'),
        (PIXELS, "patch_size", 14, "patch_size is 14; expected 16 as in config.json"),
        (PIXELS, "merge_size", 4, "merge_size is 4; expected 2 as in config.json"),
        (PIXELS, "size", {"shortest_edge": 9}, "size.*longest_edge is null"),
        (PIXELS, "size", {"shortest_edge": 9, "longest_edge": 3}, "below longest_edge"),
        (PIXELS, "image_std", [0.5, 0, 0.5], "image_std is .* expected positive"),
        (PIXELS, "image_mean", [0.5], "image_mean is .* list of 3 numbers"),
        (PIXELS, "rescale_factor", "1", "rescale_factor is .* a positive number"),
        ("generation_config.json", "eos_token_id", "end", "eos_token_id is 'end'"),
    ],
)
def test_wrong_value(model, name, path, value, message):
    change(model / name, path, value)
    with pytest.raises(ModelInvalid, match=message) as caught:
        load_layout(model)
    assert name in str(caught.value)


def test_old_pixel_bounds_win_over_size(model):
    change(model / PIXELS, "min_pixels", 3136)
    change(model / PIXELS, "max_pixels", 100_000)
    pixels = load_layout(model).pixels
    assert (pixels.min_pixels, pixels.max_pixels) == (3136, 100_000)


@pytest.mark.parametrize("content", ["", "{", "[]", "\x00\xff"])
def test_damaged_json(model, content):
    (model / CONFIG).write_text(content)
    with pytest.raises(ModelInvalid, match=r"config\.json (is not JSON|must hold a JSON object)"):
        load_layout(model)


def test_weights_cut_short(model):
    weights = model / "openvino_language_model.bin"
    whole = weights.stat().st_size
    with weights.open("r+b") as file:
        file.truncate(whole - 1000)
    with pytest.raises(ModelInvalid, match=rf"has {whole - 1000} bytes, but .* needs {whole}"):
        load_layout(model)


def test_graph_cut_short(model):
    graph = model / "openvino_language_model.xml"
    graph.write_text(graph.read_text()[:-1000])
    with pytest.raises(ModelInvalid, match="is not a whole OpenVINO IR"):
        load_layout(model)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("text_config.num_hidden_layers", 40, "keeps .* KV tensors, but 40 layers need 80"),
        ("text_config.vocab_size", 500_000, "head of .* rows, but config.json says 500000"),
        ("text_config.vocab_size", 100, "but config.json allows a vocab_size of 100"),
        ("image_token_id", 5, "image_token_id 5 of config.json is .*do not belong together"),
        ("vision_end_token_id", 10**6, "vision_end_token_id 1000000 of config.json is None"),
    ],
)
def test_config_that_does_not_fit_the_graph_or_the_tokenizer(model, path, value, message):
    change(model / CONFIG, path, value)
    with pytest.raises(ModelInvalid, match=message):
        open_engine(EngineSettings(model))


def test_config_of_another_width(model):
    change(model / CONFIG, "text_config.hidden_size", 512)
    change(model / CONFIG, "vision_config.out_hidden_size", 512)
    with pytest.raises(ModelInvalid, match="says hidden_size 512"):
        open_engine(EngineSettings(model))


def test_ir_of_another_kind(model):
    for end in ("xml", "bin"):
        other = model / f"openvino_text_embeddings_model.{end}"
        shutil.copy(other, model / f"openvino_language_model.{end}")
    with pytest.raises(ModelInvalid, match="the language model has no input"):
        open_engine(EngineSettings(model))


def test_graph_that_is_no_graph(model):
    (model / "openvino_vision_embeddings_model.xml").write_text("<net>rubbish</net>")
    with pytest.raises(ModelInvalid, match=r"vision_embeddings_model\.xml cannot be loaded"):
        open_engine(EngineSettings(model))


@pytest.mark.parametrize("content", ["", "{}", '{"model": 1}'])
def test_damaged_tokenizer(model, content):
    (model / "tokenizer.json").write_text(content)
    with pytest.raises(ModelInvalid, match=r"tokenizer\.json cannot be read"):
        open_engine(EngineSettings(model))


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{% for %}", "cannot be rendered"),
        ("{{ 1 / 0 }}", "cannot be rendered"),
        ("{{ messages[0].content }}", "does not give system text"),
        ("{{ ''.__class__.__mro__[1].__subclasses__() }}", "cannot be rendered"),
    ],
    ids=["syntax", "failing", "no picture", "breaking out"],
)
def test_foreign_chat_template(model, template, message):
    (model / "chat_template.jinja").write_text(template)
    with pytest.raises(ModelInvalid, match=message):
        open_engine(EngineSettings(model))


@pytest.mark.parametrize(
    "wrong",
    [
        {"threads": 0},
        {"max_pixels": 10},
        {"min_pixels": -1},
        {"crop_margin": -1},
    ],
    ids=str,
)
def test_impossible_settings(wrong):
    with pytest.raises(ValueError, match="must be"):
        EngineSettings(Path(), **wrong)
