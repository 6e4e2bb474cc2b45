"""openvino-genai's VLMPipeline as a side of the bench, on the same IRs and with its best settings.

It is given what helps it: prefix caching with the questions before the picture, compact JSON under
a regex grammar, int8 activations in groups of 128, a u8 KV cache. Its attention backend is an
option, so that the caller can try which is the quicker.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import openvino as ov

from edge.bench.cases import DOCUMENT, FIRST_QUESTION, FOLLOW_UP, SHORT_TEXT, Case
from edge.bench.child import SideOptions
from edge.bench.figures import Sample
from edge.errors import AnalysisFailed, ModelInvalid, ModelMissing

MISSING = "openvino-genai is not installed; `--against genai` needs the extra `[bench]`"
PICTURE = "<ov_genai_image_0>"
SYSTEM = "You look at a picture from a fixed camera and answer from what can be seen in it."
DESCRIBE = (
    'Describe the picture as JSON with these keys: "summary" (one short sentence), "objects" (what '
    'is visible), "texts" (words that can be read), "spatial_relations" (where things are relative '
    "to each other)."
)
_STRING = r'"[^"\\]{1,100}"'
_LIST = rf"\[({_STRING}(, {_STRING}){{0,7}})?\]"
_DESCRIPTION = (
    r'\{"summary": "[^"\\]{1,240}", "objects": '
    rf'{_LIST}, "texts": {_LIST}, "spatial_relations": {_LIST}\}}'
)
BACKENDS = ("PA", "SDPA")  # paged attention with prefix caching; plain stateful attention


class GenaiSide:
    """A loaded VLMPipeline."""

    def __init__(self, options: SideOptions) -> None:
        try:
            import openvino_genai  # noqa: PLC0415 - an extra; its absence has its own message
        except ImportError as error:
            raise ModelMissing(MISSING) from error
        self._genai: Any = openvino_genai
        self._options = options
        self._folder = _linked_model(options)
        self.self_test_s = 0.0
        begun_s = time.monotonic()
        self._pipeline = self._open()
        self.load_s = time.monotonic() - begun_s
        # A model with random weights writes other words, but as many.
        encoded = self._pipeline.get_tokenizer().encode(DOCUMENT)
        self._document_tokens = int(encoded.input_ids.shape[1])

    def _open(self) -> Any:
        properties: dict[str, Any] = {
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": "1",
            "INFERENCE_PRECISION_HINT": "f32",
            "DYNAMIC_QUANTIZATION_GROUP_SIZE": "128",
            "KV_CACHE_PRECISION": "u8",
            "CACHE_DIR": str(self._options.cache_dir),
            "ATTENTION_BACKEND": self._options.backend,
        }
        if self._options.threads is not None:
            properties["INFERENCE_NUM_THREADS"] = str(self._options.threads)
        if self._options.backend == "PA":
            scheduler = self._genai.SchedulerConfig()
            scheduler.enable_prefix_caching = True
            scheduler.cache_size = 1  # GB
            properties["scheduler_config"] = scheduler
        try:
            return self._genai.VLMPipeline(str(self._folder), "CPU", **properties)
        except (RuntimeError, ValueError, TypeError) as error:
            raise ModelInvalid(f"openvino-genai cannot load the model: {error}") from error

    def run(self, case: Case, round_index: int) -> Sample:
        """Have the case's picture of this round answered in writing."""
        if case.kind in ("follow_up", "follow_up_text"):
            return self._follow_up(case, round_index)
        config = self._genai.GenerationConfig()
        config.do_sample = False
        config.structured_output_config = self._genai.StructuredOutputConfig(regex=grammar(case))
        config.max_new_tokens = self._document_tokens if case.kind == "describe" else 40 * 8
        picture = ov.Tensor(case.picture(round_index))
        result, total_s = self._generate(build_prompt(case), config, images=[picture])
        return self._sample(case, result, total_s)

    def _follow_up(self, case: Case, round_index: int) -> Sample:
        """In its chat mode: the picture and a question, then another one, which is timed up to its
        first token.
        """
        config = self._genai.GenerationConfig()
        config.do_sample = False
        config.max_new_tokens = 1
        picture = ov.Tensor(case.picture(round_index))
        words = SHORT_TEXT if case.kind == "follow_up_text" else f"{FOLLOW_UP} (yes or no)"
        self._pipeline.start_chat(SYSTEM)
        try:
            self._generate(f"{PICTURE}{FIRST_QUESTION} (yes or no)", config, images=[picture])
            result, total_s = self._generate(words, config)
        finally:
            self._pipeline.finish_chat()
        return self._sample(case, result, total_s)

    def _generate(self, prompt: str, config: Any, **pictures: Any) -> tuple[Any, float]:
        begun_s = time.perf_counter()
        try:
            result = self._pipeline.generate(prompt, generation_config=config, **pictures)
        except (RuntimeError, ValueError, TypeError) as error:
            cause = str(error).strip().splitlines()[-1]  # the rest are source positions
            raise AnalysisFailed(f"openvino-genai failed: {cause}") from error
        return result, time.perf_counter() - begun_s

    @staticmethod
    def _sample(case: Case, result: Any, total_s: float) -> Sample:
        metrics = result.perf_metrics
        return Sample(
            total_s=total_s,
            fed_px=(case.width_px, case.height_px),
            first_token_s=metrics.get_ttft().mean / 1e3,
            prompt_tokens=metrics.get_num_input_tokens(),
            output_tokens=metrics.get_num_generated_tokens(),
            text=result.texts[0],
        )

    def notes(self) -> tuple[str, ...]:
        """Which package this is."""
        version = self._genai.__version__
        return (f"openvino-genai {version}, attention backend {self._options.backend}",)


def build_prompt(case: Case) -> str:
    """What never changes stands before the picture, so that prefix caching can keep it."""
    if case.kind == "describe":
        return f"{SYSTEM}\n{DESCRIBE}\n{PICTURE}"
    lines = [f"{number}. {rule}" for number, rule in enumerate(case.rules, start=1)]
    task = 'Answer each question with yes or no, as JSON like {"1":"no"}.'
    return "\n".join([SYSTEM, "Questions about the picture:", *lines, task, PICTURE])


def grammar(case: Case) -> str:
    """The regular expression of a whole answer: JSON without a space more than it needs.

    A JSON schema would let a model write spaces without end, as one with random weights does.
    """
    if case.kind == "describe":
        return _DESCRIPTION
    pairs = (f'"{number}":"(yes|no)"' for number in range(1, case.num_rules + 1))
    return r"\{" + ",".join(pairs) + r"\}"


def _linked_model(options: SideOptions) -> Path:
    """The model's files by links, except two things the pipeline needs otherwise.

    Its smallest picture is made as small as ours, so that both are fed the same pixels; and the
    tokenizer graphs are made where the model has none.
    """
    folder = options.work_dir / "genai-model"
    if folder.exists():
        return folder
    folder.mkdir()
    for file in options.model_dir.iterdir():
        if file.is_file():
            (folder / file.name).symlink_to(file.resolve())
    rules_file = folder / "preprocessor_config.json"
    rules = json.loads(rules_file.read_text())
    rules["min_pixels"] = 1024
    rules["size"] = {**rules.get("size", {}), "shortest_edge": 1024}
    rules_file.unlink()
    rules_file.write_text(json.dumps(rules))
    if not (folder / "openvino_tokenizer.xml").exists():
        _add_tokenizer(folder)
    return folder


def _add_tokenizer(folder: Path) -> None:
    try:
        import openvino_tokenizers  # noqa: PLC0415 - comes with openvino-genai
        from transformers import AutoTokenizer  # noqa: PLC0415 - seconds to import
    except ImportError as error:
        raise ModelMissing(MISSING) from error
    load: Any = AutoTokenizer.from_pretrained  # transformers leaves it untyped
    tokenizer = load(str(folder))
    encoder, decoder = openvino_tokenizers.convert_tokenizer(tokenizer, with_detokenizer=True)
    ov.save_model(encoder, folder / "openvino_tokenizer.xml")
    ov.save_model(decoder, folder / "openvino_detokenizer.xml")
