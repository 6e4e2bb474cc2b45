"""The language model's graph, changed for our way of asking, before it is compiled.

Three edits on the exported IR, described at their functions: the head is cut off into a model of
its own, the attention mask becomes an input, and some layers show their queries. Knows nothing of
tokens or pictures; the runner calls it once at load.
"""

from __future__ import annotations

from dataclasses import dataclass

import openvino as ov
from openvino import opset13 as ops

from edge.errors import ModelInvalid
from edge.vlm.layout import Layout

MASK_INPUT = "attention_mask_4d"
# Added to the scores of a hidden pair: the lowest f16, far enough for softmax to give exactly 0 and
# never an infinity when a plugin computes in half precision.
HIDDEN_SCORE = -65504.0
# Layers whose attention can be read, as fractions of the depth: 14, 17 and 21 of 28. Where a
# question meets the picture is in the middle and a little behind it: published for other models
# are the middle quarter (arXiv 2411.17491) and layer 22 of Qwen2.5-VL's 28 (arXiv 2502.17422).
GAZE_DEPTHS = (0.5, 0.625, 0.75)

_INPUTS = {
    "inputs_embeds",
    "attention_mask",
    "position_ids",
    "visual_pos_masks",
    "deepstack_visual_embeds",
    "beam_idx",
}


@dataclass(frozen=True, slots=True)
class LanguageGraphs:
    """`body`: embeddings -> hidden states [B, S, H], stateful KV. `head`: [R, H] -> [R, vocab].

    `head_matrix` is the head's weights, a row for each token; as the graph computes them. The body
    has an output for each name in `key_states` besides: the queries of a pass's last token in one
    layer, turned by their position, [B, heads, 1, head_dim]. The name is that of the KV state with
    the keys they go with.
    """

    body: ov.Model
    head: ov.Model
    head_matrix: ov.Output
    key_states: tuple[str, ...]


def split_language_model(model: ov.Model, layout: Layout) -> LanguageGraphs:
    """Cut the head off and open the mask; `model` must not be used afterwards.

    Raises ModelInvalid if the graph is not a stateful Qwen3-VL language model of the layout's
    dimensions, as optimum-intel exports it.
    """
    _check_inputs(model, layout)
    head_node = _find_head(model)
    hidden = head_node.input_value(0)
    head = _build_head(head_node, layout)
    mask = _open_mask(model, layout)
    kept = [p for p in model.get_parameters() if "attention_mask" not in p.output(0).get_names()]
    results = [ops.result(hidden, name="hidden")]
    key_states = _show_queries(model, layout, results)
    body = ov.Model(results, model.get_sinks(), [*kept, mask], model.get_variables(), "language")
    body.validate_nodes_and_infer_types()
    return LanguageGraphs(body, head, head_node.input_value(1), key_states)


def find_embedding_matrix(model: ov.Model, layout: Layout) -> ov.Output:
    """The matrix of which the token embeddings are rows.

    Raises ModelInvalid if the graph is no look-up in a matrix of the layout's dimensions.
    """
    gathers = [node for node in model.get_ops() if node.get_type_name() == "Gather"]
    wanted = [layout.text.vocab, layout.text.hidden]
    for gather in gathers:
        shape = gather.input_value(0).get_partial_shape()
        if shape.is_static and list(shape.to_shape()) == wanted:
            return gather.input_value(0)
    raise ModelInvalid(
        f"{layout.model_dir}: the token embeddings are no look-up in a matrix of "
        f"{wanted[0]}x{wanted[1]}"
    )


def _check_inputs(model: ov.Model, layout: Layout) -> None:
    names = {name for port in model.inputs for name in port.get_names()}
    missing = sorted(_INPUTS - names)
    if missing:
        raise _invalid(layout, f"has no input {', '.join(missing)}; it has {sorted(names)}")
    width = model.input("inputs_embeds").get_partial_shape()[2]
    if width.is_static and width.get_length() != layout.text.hidden:
        raise _invalid(
            layout,
            f"takes embeddings of {width.get_length()} numbers, but config.json says "
            f"hidden_size {layout.text.hidden}",
        )
    found = len(model.get_variables())
    if found != 2 * layout.text.layers:
        raise _invalid(
            layout,
            f"keeps {found} KV tensors, but {layout.text.layers} layers need "
            f"{2 * layout.text.layers}; it must be the stateful export",
        )


def _find_head(model: ov.Model) -> ov.Node:
    node = model.output(0).get_node().input_value(0).get_node()
    while node.get_type_name() == "Convert":
        node = node.input_value(0).get_node()
    if node.get_type_name() != "MatMul":
        raise ModelInvalid(
            f"the language model must end in the MatMul of its head, not in {node.get_type_name()}"
        )
    return node


def _build_head(matmul: ov.Node, layout: Layout) -> ov.Model:
    """The head as a model of its own.

    Within the body it would compute a row of the vocabulary for every prompt token, a fifth of the
    prefill; apart, it runs on the few rows that are read.
    """
    rows = ops.parameter([-1, layout.text.hidden], ov.Type.f32, name="hidden")
    transpose = bool(matmul.get_attributes().get("transpose_b", True))
    logits = ops.matmul(
        rows, matmul.input_value(1), transpose_a=False, transpose_b=transpose, name="head"
    )
    vocab = logits.get_output_partial_shape(0)[1].get_length()
    if vocab != layout.text.vocab:
        raise _invalid(
            layout, f"has a head of {vocab} rows, but config.json says {layout.text.vocab}"
        )
    return ov.Model([ops.result(logits, name="logits")], [rows], "head")


def _open_mask(model: ov.Model, layout: Layout) -> ov.Node:
    """Give every attention one mask input [B, 1, S, T] f32, added to the scores.

    The export derives a causal mask from `attention_mask`; ours hides the questions from each
    other too. The CPU plugin still fuses the stateful attention (measured: same speed).
    """
    mask = ops.parameter([-1, 1, -1, -1], ov.Type.f32, name=MASK_INPUT)
    mask.output(0).set_names({MASK_INPUT})
    attentions = [
        node for node in model.get_ops() if node.get_type_name() == "ScaledDotProductAttention"
    ]
    if len(attentions) != layout.text.layers or any(a.get_input_size() < 4 for a in attentions):
        raise _invalid(
            layout,
            f"has {len(attentions)} masked attentions, but config.json says "
            f"{layout.text.layers} layers",
        )
    for attention in attentions:
        attention.input(3).replace_source_output(mask.output(0))
    return mask


def _show_queries(model: ov.Model, layout: Layout, results: list[ov.Node]) -> tuple[str, ...]:
    """Add the last token's queries of some middle layers to `results`; gives their key states.

    For heatmaps. Always there, because it costs nothing that can be measured: CPU time of a pass of
    62 tokens with and without, taken in turns, 0.885 and 0.899 s; of one token 0.128 and 0.130 s
    (2B model, int4, medians of 10 and 23).
    """
    attentions = [
        node
        for node in model.get_ordered_ops()
        if node.get_type_name() == "ScaledDotProductAttention"
    ]
    layers = sorted({int(depth * len(attentions)) for depth in GAZE_DEPTHS})
    last, token_axis = ops.constant([-1], ov.Type.i32), ops.constant(2, ov.Type.i32)
    for layer in layers:
        queries = attentions[layer].input_value(0)
        results.append(ops.result(ops.gather(queries, last, token_axis), name=f"queries.{layer}"))
    return tuple(_key_state(attentions[layer], layout) for layer in layers)


def _key_state(attention: ov.Node, layout: Layout) -> str:
    """The name of the KV state from which an attention has its keys: the nearest one behind."""
    level = [attention.input_value(1).get_node()]
    while level:
        for node in level:
            if node.get_type_name() == "ReadValue":
                return str(node.get_attributes()["variable_id"])
        level = [port.get_node() for node in level for port in node.input_values()]
    raise _invalid(layout, f"has no KV state behind {attention.get_friendly_name()}")


def _invalid(layout: Layout, fault: str) -> ModelInvalid:
    return ModelInvalid(f"{layout.model_dir}: the language model {fault}")
