"""Recognising how weights were compressed, from the text of a graph file."""

from __future__ import annotations

import pytest

from edge.errors import ModelInvalid
from edge.hub.places import DEMO_DIR
from edge.hub.recipe import LANGUAGE, MERGER, Weights, read_weights, recipe_warnings

# As nncf 3.4 and OpenVINO 2026.4 write a 512x256 matrix with its scales.
RECIPES = {
    "channel-wise symmetric int4": (
        [("i4", "512, 256", 65536), ("f16", "512, 1", 1024)],
        "int4 symmetric, by row",
    ),
    "grouped symmetric int4": (
        [("i4", "512, 4, 64", 65536), ("f16", "512, 4, 1", 4096)],
        "int4 symmetric, groups of 64",
    ),
    "grouped asymmetric int4": (
        [("u4", "512, 2, 128", 65536), ("u4", "512, 2, 1", 512)],
        "int4 asymmetric, groups of 128",
    ),
    "asymmetric int8": (
        [("u8", "512, 256", 131072), ("u8", "512, 1", 512)],
        "int8 asymmetric, by row",
    ),
    "symmetric int8": (
        [("i8", "512, 256", 131072), ("f16", "512, 1", 1024)],
        "int8 symmetric, by row",
    ),
    "half floats": ([("f16", "512, 256", 262144), ("i64", "2", 16)], "f16"),
    "mostly int4, some int8": (
        [("u4", "512, 2, 128", 65536)] * 3 + [("u8", "512, 256", 131072)],
        "int4 asymmetric, groups of 128",
    ),
}


def write_graph(folder, constants):
    lines = "".join(
        f'<data element_type="{kind}" shape="{shape}" offset="0" size="{size}" />\n'
        for kind, shape, size in constants
    )
    (folder / f"{LANGUAGE}.xml").write_text(f"<net>{lines}</net>")


@pytest.mark.parametrize(("constants", "text"), RECIPES.values(), ids=RECIPES.keys())
def test_recipes(constants, text, tmp_path):
    write_graph(tmp_path, constants)
    assert str(read_weights(tmp_path, LANGUAGE)) == text


GOOD = Weights("u8", 0)
WARNINGS = {
    "int8": (GOOD, GOOD, []),
    "int4 asymmetric": (Weights("u4", 128), GOOD, []),
    "int4 symmetric in groups": (Weights("i4", 128), GOOD, []),
    "int4 symmetric by row": (Weights("i4", 0), GOOD, ["one scale a row"]),
    "float language model": (Weights("f16", 0), GOOD, ["several times the memory"]),
    "float vision tower": (GOOD, Weights("f32", 0), ["vision tower's weights are f32"]),
    "both float": (Weights("bf16", 0), Weights("f16", 0), ["are bf16", "are f16"]),
}


@pytest.mark.parametrize(("language", "vision", "texts"), WARNINGS.values(), ids=WARNINGS.keys())
def test_warnings(language, vision, texts):
    found = recipe_warnings(language, vision)
    assert len(found) == len(texts)
    for warning, text in zip(found, texts, strict=True):
        assert text in warning


def test_bundled_model_has_a_good_recipe():
    assert recipe_warnings(read_weights(DEMO_DIR, LANGUAGE), read_weights(DEMO_DIR, MERGER)) == []


def test_no_graph(tmp_path):
    with pytest.raises(ModelInvalid, match="cannot be read"):
        read_weights(tmp_path, LANGUAGE)


def test_graph_without_weights(tmp_path):
    write_graph(tmp_path, [("i64", "4, 2", 64)])
    with pytest.raises(ModelInvalid, match="holds no weights"):
        read_weights(tmp_path, LANGUAGE)
