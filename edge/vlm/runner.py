"""The compiled models and the KV cache: one forward pass at a time, on OpenVINO's CPU plugin.

Owns openvino together with `graph`; its exceptions end here. Knows nothing of questions: it is
given embeddings, positions and a mask, and gives hidden states or logits. Not thread-safe; one
thread owns it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
from numpy.typing import NDArray

from edge.errors import AnalysisFailed, ModelInvalid
from edge.heap import trim_heap
from edge.vlm.graph import (
    HIDDEN_SCORE,
    MASK_INPUT,
    find_embedding_matrix,
    split_language_model,
)
from edge.vlm.ir_files import (
    LANGUAGE_IR,
    TEXT_EMBEDDINGS_IR,
    VISION_MERGER_IR,
    VISION_PATCHES_IR,
    VISION_POSITIONS_IR,
)
from edge.vlm.layout import Layout
from edge.vlm.plugin import bound_shared_cache, compile_properties
from edge.vlm.settings import EngineSettings
from edge.vlm.table import NotATable, Table

logger = logging.getLogger(__name__)

# Buffers for this many tokens are kept from one keyframe to the next: a crop and its questions.
KEPT_TOKENS = 128
# Analyses without text after which the head's 0.3 GB are freed; opening it again takes 0.3 s of
# processor time, a description ten times that.
HEAD_KEPT = 20

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]
KvState = Mapping[str, ov.Tensor]
KvArrays = dict[str, NDArray[np.floating]]  # (1, heads, T, head size) by the name of the state


class Runner:
    """The five models of one Qwen3-VL, compiled, and the one KV cache of its language model.

    `length` is the number of tokens in the KV cache; `epoch` changes when they are replaced rather
    than appended to. Letters in shapes: S tokens of this pass, T
    tokens in the cache after it, H hidden size, N visual tokens, P patches, R rows read.
    """

    def __init__(self, layout: Layout, settings: EngineSettings) -> None:
        """Load and compile. Takes seconds. Raises ModelInvalid for graphs that do not fit."""
        self.layout = layout
        self.length = self.epoch = 0
        self._largest = 0  # tokens in one pass since the buffers were last released
        self._head_idle = 0  # analyses since the last text
        self._queries: list[Floats] = []  # of the last pass's last token, a layer each
        self._deepstack = max(1, layout.vision.deepstack)
        bound_shared_cache()
        self._core = core = ov.Core()
        self._config = config = compile_properties(settings)
        with _loading(layout.path(LANGUAGE_IR)):
            graphs = split_language_model(core.read_model(layout.path(LANGUAGE_IR)), layout)
            self._body = core.compile_model(graphs.body, "CPU", config).create_infer_request()
            self._key_states = graphs.key_states
            self._head_graph = graphs.head
            self._head_columns = _open_table(graphs.head_matrix, layout.text.vocab)
            self._head: ov.InferRequest | None = None
            del graphs
        with _loading(layout.path(TEXT_EMBEDDINGS_IR)):
            graph = core.read_model(layout.path(TEXT_EMBEDDINGS_IR))
            matrix = find_embedding_matrix(graph, layout)
            self._embeddings: Table | ov.InferRequest = (
                _open_table(matrix, layout.text.vocab)
                or core.compile_model(graph, "CPU", config).create_infer_request()
            )
        self._patches = self._open(VISION_PATCHES_IR)
        self._positions = self._open(VISION_POSITIONS_IR)
        self._merger = self._open(VISION_MERGER_IR)

    def _open(self, name: str) -> ov.InferRequest:
        file = self.layout.path(name)
        with _loading(file):
            return self._core.compile_model(file, "CPU", self._config).create_infer_request()

    def embed(self, ids: NDArray[np.int64]) -> Floats:
        """Token ids (S,) to embeddings (S, H)."""
        if isinstance(self._embeddings, Table):
            return self._embeddings.rows(ids)
        with _running("token embeddings"):
            return self._infer(self._embeddings, {0: ids[None]})[0].reshape(len(ids), -1)

    def forward(
        self,
        embeddings: Floats,
        positions: NDArray[np.int64],
        mask: Bools,
        deepstack: Floats | None = None,
        visual: Bools | None = None,
    ) -> Floats:
        """Append S tokens to the KV cache and give their hidden states, normed, (S, H).

        `embeddings` (S, H), `positions` (3, S) M-RoPE, `mask` (S, T) true where a token sees
        another, `visual` (S,) true for visual tokens, `deepstack` (sets, N, H) for those. Raises
        AnalysisFailed; the KV cache is then undefined until `restore`.
        """
        num = len(embeddings)
        self._largest = max(self._largest, num)
        if deepstack is None or visual is None:
            # S rows of zeros that no token uses: an empty tensor makes the plugin yield NaN.
            deepstack = np.zeros((self._deepstack, num, self.layout.text.hidden), np.float32)
            visual = np.zeros(num, np.bool_)
        inputs = {
            "inputs_embeds": embeddings[None],
            "position_ids": positions[:, None],
            "visual_pos_masks": visual[None],
            "deepstack_visual_embeds": deepstack,
            "beam_idx": np.zeros(1, np.int32),
            MASK_INPUT: np.where(mask, np.float32(0), np.float32(HIDDEN_SCORE))[None, None],
        }
        with _running("the language model"):
            hidden, *self._queries = self._infer(self._body, inputs)
        self.length += num
        return hidden.reshape(num, -1)

    def last_queries_and_keys(self) -> list[tuple[Floats, Floats]]:
        """What the last pass's last token compared, in each of the layers that show it.

        Queries (heads, d) and the keys of the whole KV cache (KV heads, T, d), both turned by their
        positions; a quantized cache is given in f32.
        """
        with _running("the KV cache"):
            states = {state.name: state for state in self._body.query_state()}
            keys = [np.array(states[name].state.data[0]) for name in self._key_states]
        return [(q[0, :, 0], k) for q, k in zip(self._queries, keys, strict=True)]

    def logits(self, hidden: Floats) -> Floats:
        """Hidden states (R, H) to logits over the vocabulary (R, V).

        The head is compiled when it is first needed: questions with given answers never need it,
        and for the 2B model it takes 0.3 GB.
        """
        head = self.load_head()
        with _running("the head"):
            return self._infer(head, {0: np.ascontiguousarray(hidden)})[0]

    @property
    def has_head(self) -> bool:
        """Whether the head is compiled now."""
        return self._head is not None

    def load_head(self) -> ov.InferRequest:
        """Have the head compiled, and kept while it is used; compiling takes a second or more."""
        self._head_idle = 0
        if self._head is None:
            with _loading(self.layout.path(LANGUAGE_IR)):
                compiled = self._core.compile_model(self._head_graph, "CPU", self._config)
                self._head = compiled.create_infer_request()
        return self._head

    def drop_head(self) -> None:
        """Free the compiled head until it is needed again."""
        self._head = None

    def logits_at(self, hidden: Floats, tokens: NDArray[np.int64]) -> Floats:
        """Hidden states (R, H) to the logits of C tokens alone, (R, C)."""
        if self._head_columns is None:
            return self.logits(hidden)[:, tokens]
        logits: Floats = hidden @ self._head_columns.rows(tokens).T
        return logits

    def clear(self) -> None:
        """Empty the KV cache."""
        self._body.reset_state()
        self.length = 0
        self.epoch += 1

    def snapshot(self) -> KvState:
        """A copy of the KV cache as it is now."""
        return {
            state.name: ov.Tensor(np.array(state.state.data)) for state in self._body.query_state()
        }

    def restore(self, kv: KvState, length: int) -> None:
        """Set the KV cache to a snapshot of `length` tokens."""
        with _running("the KV cache"):
            for state in self._body.query_state():
                state.state = kv[state.name]
        self.length = length
        self.epoch += 1

    def snapshot_rows(self, rows: NDArray[np.int64], dtype: type[np.floating]) -> KvArrays:
        """A copy of some rows of the KV cache, one tensor of another type at a time."""
        return {
            state.name: state.state.data[:, :, rows].astype(dtype)
            for state in self._body.query_state()
        }

    def restore_arrays(self, kv: KvArrays, length: int) -> None:
        """Set the KV cache to `length` rows from `snapshot_rows`."""
        self.restore({name: ov.Tensor(np.array(v, np.float32)) for name, v in kv.items()}, length)

    def release(self) -> bool:
        """Between two analyses: free the buffers that passes of more than KEPT_TOKENS have grown,
        and a head that no text needed lately; says whether there were such buffers.

        Without it one whole frame among thousands of crops leaves 0.3 GB behind for good. The KV
        cache's content is kept.
        """
        self._head_idle += 1
        grown = self._largest > KEPT_TOKENS
        if self._head_idle > HEAD_KEPT:
            self.drop_head()
        if grown:
            for request in (self._body, self._merger, self._patches):
                request.get_compiled_model().release_memory()
            self._largest = 0
        # After each: 0.1 GB less at most than after every eighth, at the same processor time.
        trim_heap()
        return grown

    def patch_embeddings(self, patches: Floats) -> Floats:
        """Pixels of patches (P, C*2*16*16) to (P, D)."""
        with _running("the patch embedding"):
            return self._infer(self._patches, {0: patches})[0]

    def position_rows(self, indices: NDArray[np.int64]) -> Floats:
        """Rows of the learned position table: (4, P) indices to (4, P, D)."""
        with _running("the position table"):
            return self._infer(self._positions, {0: indices})[0]

    def merge(self, hidden: Floats, rotary: Floats) -> tuple[Floats, Floats]:
        """The vision tower: patches (P, D) and angles (P, d/2) of one picture.

        Gives visual tokens (N, H) and the DeepStack sets (sets, N, H).
        """
        num = len(hidden)
        self._largest = max(self._largest, num // self.layout.vision.merge**2)
        inputs = {
            "hidden_states": hidden,
            "attention_mask": np.zeros((1, num, num), np.float32),
            "rotary_pos_emb": rotary,
        }
        with _running("the vision tower"):
            tokens, sets = self._infer(self._merger, inputs)
        return tokens, sets

    @staticmethod
    def _infer(request: ov.InferRequest, inputs: Mapping[Any, object]) -> list[Floats]:
        request.infer(inputs, share_inputs=True)
        # Copies: the request writes its next answer into the same memory.
        return [np.array(tensor.data) for tensor in request.output_tensors]


def _open_table(matrix: ov.Output, num_rows: int) -> Table | None:
    """The matrix read where it lies; None where its form needs the compiled graph."""
    try:
        table = Table(matrix)
    except NotATable as reason:
        logger.info("a matrix is read through its compiled graph: %s", reason)
        return None
    return table if table.num_rows == num_rows else None


@contextmanager
def _loading(file: Path) -> Iterator[None]:
    try:
        yield
    except (RuntimeError, ValueError, TypeError) as error:
        raise ModelInvalid(f"{file} cannot be loaded by OpenVINO: {_brief(error)}") from error


@contextmanager
def _running(part: str) -> Iterator[None]:
    try:
        yield
    except (RuntimeError, ValueError, TypeError, MemoryError) as error:
        raise AnalysisFailed(f"{part} failed in OpenVINO: {_brief(error)}") from error


def _brief(error: BaseException) -> str:
    """OpenVINO's texts hold many lines of source positions; the last says what is wrong."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[-1] if lines else type(error).__name__)[:300]
