"""Rows of a matrix read from its file equal those that the compiled graph gives."""

from __future__ import annotations

import numpy as np
import openvino as ov
import pytest
from openvino import opset13 as ops

from edge.errors import ModelInvalid
from edge.vlm.graph import find_embedding_matrix
from edge.vlm.ir_files import TEXT_EMBEDDINGS_IR
from edge.vlm.layout import load_layout
from edge.vlm.runner import Runner
from edge.vlm.settings import EngineSettings
from edge.vlm.table import NotATable, Table

RNG = np.random.default_rng(0)
BYTES = RNG.integers(0, 256, (50, 8), dtype=np.uint8)
SCALE = RNG.uniform(0.001, 0.1, (50, 1)).astype(np.float16)
ZERO = RNG.integers(100, 150, (50, 1), dtype=np.uint8)
IDS = np.array([0, 49, 7, 7, 31])


def quantized(weight, zero, scale):
    """As nncf writes int8 weights."""
    wide = ops.convert(ops.constant(weight), "f16")
    if zero is not None:
        wide = ops.subtract(wide, ops.convert(ops.constant(zero), "f16"))
    return ops.convert(ops.multiply(wide, ops.constant(scale)), "f32")


FORMS = {
    "f32": lambda: ops.constant(RNG.normal(size=(50, 8)).astype(np.float32)),
    "f16": lambda: ops.convert(ops.constant(RNG.normal(size=(50, 8)).astype(np.float16)), "f32"),
    "asymmetric": lambda: quantized(BYTES, ZERO, SCALE),
    "symmetric": lambda: quantized(BYTES.view(np.int8), None, SCALE),
    "one scale for all": lambda: quantized(BYTES, None, np.array([[0.02]], np.float16)),
}


@pytest.mark.parametrize("form", FORMS)
def test_rows_equal_the_compiled_graph(form):
    matrix = FORMS[form]()
    table = Table(matrix.output(0))
    ids = ops.parameter([-1], ov.Type.i64)
    model = ov.Model([ops.gather(matrix, ids, ops.constant(0))], [ids])
    request = ov.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    assert (table.num_rows, table.width) == (50, 8)
    assert np.allclose(table.rows(IDS), request([IDS])[0], rtol=1e-3, atol=0)


def test_the_bundled_model_bit_by_bit(demo_dir, demo_parts):
    graph = ov.Core().read_model(demo_dir / TEXT_EMBEDDINGS_IR)
    ids = np.arange(0, demo_parts.layout.text.vocab, 7)
    compiled = ov.compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    assert isinstance(demo_parts.runner._embeddings, Table)
    assert np.array_equal(demo_parts.runner.embed(ids), compiled([ids[None]])[0][0])


def test_columns_equal_the_compiled_head(demo_parts):
    hidden = RNG.normal(size=(5, demo_parts.layout.text.hidden)).astype(np.float32)
    tokens = np.array([3, 500, 2, 2047])
    some = demo_parts.runner.logits_at(hidden, tokens)
    assert np.allclose(some, demo_parts.runner.logits(hidden)[:, tokens], atol=1e-4)


def test_without_tables_the_compiled_graphs_answer(demo_dir, demo_parts, monkeypatch):
    def refuse(matrix):
        raise NotATable("not today")

    monkeypatch.setattr("edge.vlm.runner.Table", refuse)
    runner = Runner(load_layout(demo_dir), EngineSettings(demo_dir, accuracy=True))
    monkeypatch.undo()
    ids, tokens = np.array([1, 2, 2000]), np.array([4, 900])
    assert np.array_equal(runner.embed(ids), demo_parts.runner.embed(ids))
    hidden = RNG.normal(size=(2, runner.layout.text.hidden)).astype(np.float32)
    expected = demo_parts.runner.logits_at(hidden, tokens)
    assert np.allclose(runner.logits_at(hidden, tokens), expected, atol=1e-4)


def grouped():
    weight = ops.constant(RNG.integers(0, 16, (50, 2, 4), dtype=np.uint8))
    wide = ops.multiply(ops.convert(weight, "f16"), ops.constant(np.ones((50, 2, 1), np.float16)))
    return ops.convert(ops.reshape(wide, ops.constant([50, 8]), special_zero=False), "f32")


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        (grouped, "Reshape"),
        (lambda: ops.constant(np.zeros(8, np.float32)), "a matrix is expected"),
        (lambda: ops.parameter([50, 8], ov.Type.f32), "Parameter"),
        (lambda: ops.constant(np.zeros((50, 8), np.int64)), "int64"),
        (lambda: quantized(BYTES, ZERO[:, 0][:8], SCALE), r"\(8,\)"),
    ],
    ids=["in groups", "one row", "input", "other type", "other axis"],
)
def test_other_forms_are_refused(matrix, message):
    with pytest.raises(NotATable, match=message):
        Table(matrix().output(0))


def test_embeddings_that_are_no_look_up(demo_dir):
    ids = ops.parameter([-1], ov.Type.i64)
    model = ov.Model([ops.convert(ids, "f32")], [ids])
    with pytest.raises(ModelInvalid, match="no look-up in a matrix of 2048x192"):
        find_embedding_matrix(model, load_layout(demo_dir))
