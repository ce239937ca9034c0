"""How fast a run trains on one GPU: tokens and trained tokens a second, memory, utilisation.

In: an artefact, a shape. Out: a table with a line for each pipeline, each in a process of its own:

    taskc      the trainer's own steps over the artefact
    synthetic  the same steps over the same shapes, made before, with random ids: what data costs
    trl        TRL's SFTTrainer over the same examples, packed "bfd" and without padding, with the
               same attention, precision, micro-batches and recomputation; Liger if installed

Weights are random, in the shapes of Llama 3.1 8B (full tune, Adafactor) and Llama 3.2 1B (AdamW).
Utilisation is of `--peak` TFLOP/s (989: dense bfloat16 of an H100 or H200) and counts 6 N T, N
without the embedding, and attention by the examples' own lengths; no padding, no recomputation. The
head of taskc runs at trained places only: `done` counts it there alone, `MFU` everywhere.

Needs no network; to measure, torch, transformers, numpy, pyarrow and pydantic are enough, and the
package itself (`pip install --no-deps .`):

    python benchmarks/train_gpu.py data --out build/flan          # where taskc's build runs
    python benchmarks/train_gpu.py run --artifact build/flan/artifacts/flan/rows --shape 8b
    python benchmarks/train_gpu.py run --artifact ... --shape 1b --compile

`--device cpu --shape tiny` is a trial of the script, not a measurement. `--json FILE` keeps it all.
"""

import argparse
import importlib.util
import json
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import torch

    from taskc.runtime.reader import Artifact
    from taskc.runtime.training.micro_batches import MicroBatch

PIPELINES = ("taskc", "synthetic", "trl")
TERA = 1e12
_END = "</s>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A Llama, and what it is trained with."""

    width: int
    inner_width: int
    layers: int
    heads: int
    key_heads: int
    vocab_size: int = 128_256
    ties_head: bool = False
    recipe: str = "sft"
    batch_tokens: int = 65_536
    max_tokens: int = 16_384
    recomputes: bool = False

    @property
    def head_size(self) -> int:
        """Numbers of a head of attention."""
        return self.width // self.heads

    @property
    def num_inner(self) -> int:
        """Parameters of all layers that multiply every token."""
        attention = 2 * self.width * self.head_size * (self.heads + self.key_heads)
        return self.layers * (attention + 3 * self.width * self.inner_width)

    @property
    def num_head(self) -> int:
        """Parameters of the head."""
        return self.width * self.vocab_size

    def flops(self, tokens: int, head_tokens: int, squares: int) -> float:
        """Operations that a step needs, forwards and backwards.

        Args:
            tokens: Of the step, padding left out.
            head_tokens: Those of whose logits there is a need.
            squares: Sum of the squared lengths of the examples; half of each is seen.
        """
        attention = 6 * self.layers * self.width * squares
        return 6.0 * (self.num_inner * tokens + self.num_head * head_tokens) + attention


SHAPES = {
    "8b": Shape(
        width=4096, inner_width=14_336, layers=32, heads=32, key_heads=8, recipe="flan",
        max_tokens=8_192, recomputes=True,
    ),
    "1b": Shape(width=2048, inner_width=8_192, layers=16, heads=32, key_heads=8, ties_head=True),
    "tiny": Shape(
        width=64, inner_width=128, layers=2, heads=4, key_heads=2, vocab_size=1_000,
        batch_tokens=2_048, max_tokens=1_024,
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What one step took.

    Attributes:
        wall_s: From one step's end to the next one's.
        data_s: Of that, until the step's rows were there, with nothing else to do meanwhile.
        tokens: Padding left out.
        trained_tokens: Those that the loss saw.
        squares: Sum of the squared lengths of the examples.
    """

    wall_s: float
    data_s: float
    tokens: int
    trained_tokens: int
    squares: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a pipeline was measured to do."""

    pipeline: str
    attention: str
    tokens_per_s: float
    trained_per_s: float
    step_s: float
    data_share: float
    memory_gib: float
    mfu: float
    done: float


# ---- the same for all pipelines -----------------------------------------------------------------


def model_of(shape: Shape, device: str, length: int) -> Any:
    """Returns a model of random float32 weights, made on the device."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=shape.vocab_size,
        hidden_size=shape.width,
        intermediate_size=shape.inner_width,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.key_heads,
        tie_word_embeddings=shape.ties_head,
        max_position_embeddings=length,
    )
    torch.manual_seed(0)
    with torch.device(device):
        return LlamaForCausalLM(config)


def summed(options: argparse.Namespace, attention: str, taken: list[Taken]) -> Result:
    """Returns the figures of the steps after the first ones: sums, and the median step."""
    import torch

    shape = SHAPES[options.shape]
    kept = taken[options.warmup :]
    wall_s = sum(each.wall_s for each in kept)
    tokens, trained = sum(each.tokens for each in kept), sum(each.trained_tokens for each in kept)
    squares = sum(each.squares for each in kept)
    peak = options.peak * TERA * wall_s
    used = torch.cuda.max_memory_allocated() if options.device == "cuda" else _resident_bytes()
    return Result(
        pipeline=options.pipeline,
        attention=attention,
        tokens_per_s=tokens / wall_s,
        trained_per_s=trained / wall_s,
        step_s=statistics.median(each.wall_s for each in kept),
        data_share=sum(each.data_s for each in kept) / wall_s,
        memory_gib=used / 2**30,
        mfu=shape.flops(tokens, tokens, squares) / peak,
        done=shape.flops(tokens, trained, squares) / peak,
    )


def _resident_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _wait(device: str) -> None:
    if device == "cuda":
        import torch

        torch.cuda.synchronize()


def _compute(device: str) -> "torch.dtype":
    import torch

    return torch.bfloat16 if device == "cuda" else torch.float32


# ---- taskc and synthetic ------------------------------------------------------------------------


def taskc_steps(options: argparse.Namespace) -> Result:
    """Takes the trainer's own steps; with `synthetic`, over shapes that were made before."""
    import torch

    from taskc.runtime.reader import open as open_artifact
    from taskc.runtime.recipes.flan import Flan
    from taskc.runtime.recipes.sft import Sft
    from taskc.runtime.schedule import tokens
    from taskc.runtime.training import models
    from taskc.runtime.training.loading import Ahead
    from taskc.runtime.training.step import Stepper

    shape = SHAPES[options.shape]
    artifact = open_artifact(options.artifact)
    rule, num_steps = tokens(options.batch_tokens), options.warmup + options.steps
    recipe = {"flan": Flan, "sft": Sft}[shape.recipe](batch=rule, steps=num_steps, lr=1e-5)
    model = model_of(shape, options.device, artifact.manifest.packing.length)
    models.check_model(model, artifact, recipe, _compute(options.device))
    models.prepare(model, recompute=options.recompute, compiles=options.compile)
    sources = [source.name for source in artifact.manifest.mixture.sources]
    stepper = Stepper(model, recipe, sources, compute=_compute(options.device))
    batches = pieces_of(artifact, options, num_steps)
    if options.pipeline == "synthetic":
        rng = np.random.default_rng(0)
        batches = iter([[_random(piece, rng, shape) for piece in each] for each in batches])
    if options.device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    taken = []
    with Ahead(lambda step: stepper.load(next(batches), step), num_steps, steps=1) as ahead:
        _wait(options.device)
        for position in range(num_steps):
            begun = time.perf_counter()
            pieces = ahead.at(position)
            there = time.perf_counter()
            step = stepper.take(pieces, position, num_steps, 0)
            _wait(options.device)
            taken.append(
                Taken(
                    wall_s=time.perf_counter() - begun,
                    data_s=there - begun,
                    tokens=step.tokens,
                    trained_tokens=step.trained_tokens,
                    squares=sum(_squares(each.piece) for each in pieces),
                )
            )
    return summed(options, str(model.config._attn_implementation), taken)  # noqa: SLF001


def pieces_of(
    artifact: "Artifact", options: argparse.Namespace, num_steps: int
) -> "Iterator[list[MicroBatch]]":
    """Yields the micro-batches of each step as the trainer cuts them, over as many epochs."""
    from taskc.runtime.schedule import tokens
    from taskc.runtime.training.micro_batches import cut

    rule = tokens(options.batch_tokens)
    per_epoch = artifact["train"].batches(rule).schedule.steps_per_epoch
    batches = artifact["train"].batches(rule, seed=1, epochs=-(-num_steps // per_epoch))
    for position in range(num_steps):
        yield cut(
            batches.rows_at(position),
            length=batches.length,
            max_tokens=options.max_tokens,
            pad_id=batches.pad_id,
        )


def _random(piece: "MicroBatch", rng: np.random.Generator, shape: Shape) -> "MicroBatch":
    """Returns the piece with other ids: the same work, and nothing of the data."""
    from dataclasses import replace

    ids = rng.integers(0, shape.vocab_size, piece.batch.input_ids.shape)
    targets = rng.integers(0, shape.vocab_size, piece.targets_N.shape)
    return replace(piece, batch=replace(piece.batch, input_ids=ids), targets_N=targets)


def _squares(piece: "MicroBatch") -> int:
    """Sums the squared lengths of a piece's examples; padding counts nothing."""
    examples = piece.example_BT[piece.example_BT >= 0]
    return int((np.unique(examples, return_counts=True)[1].astype(np.int64) ** 2).sum())


# ---- TRL ----------------------------------------------------------------------------------------


def trl_steps(options: argparse.Namespace) -> Result:
    """Trains with SFTTrainer over the artefact's examples, with everything that makes it fast."""
    import torch
    from datasets import Dataset
    from transformers import PreTrainedTokenizerFast, TrainerCallback
    from trl import SFTTrainer

    from taskc.runtime.reader import open as open_artifact

    artifact = open_artifact(options.artifact)
    length = artifact.manifest.packing.length
    model = model_of(SHAPES[options.shape], options.device, length)
    _set_attention(model, artifact, options.device)
    rows = Dataset.from_list(list(_examples(artifact, options)))
    end = {"eos_token": _END, "pad_token": _END}
    given = str(options.artifact / "tokenizer" / "tokenizer.json")
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=given, **end)
    arguments = _trl_arguments(options, length)
    counts: list[tuple[int, int, int]] = []
    ends: list[tuple[float, int]] = []

    class Clock(TrainerCallback):  # type: ignore[misc]  # transformers leaves it untyped
        """Notes the end of every step, and how many micro-batches were read by then."""

        def on_step_end(self, *_: Any, **__: Any) -> None:
            _wait(options.device)
            ends.append((time.perf_counter(), len(counts)))

    trainer = SFTTrainer(
        model, args=arguments, train_dataset=rows, processing_class=tokenizer, callbacks=[Clock()]
    )
    step = trainer.training_step

    def counted(model: Any, inputs: dict[str, Any], *args: Any, **others: Any) -> Any:
        lengths = inputs["cu_seq_lens_q"].diff().double()
        trained = int((inputs["labels"] != -100).sum())  # noqa: PLR2004 (torch's own)
        counts.append((inputs["input_ids"].numel(), trained, int(lengths.square().sum())))
        return step(model, inputs, *args, **others)

    trainer.training_step = counted
    if options.device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    begun = time.perf_counter()
    trainer.train()
    taken = []
    for (before, first), (after, last) in zip([(begun, 0), *ends], ends, strict=False):
        tokens, trained, squares = (sum(each) for each in zip(*counts[first:last], strict=True))
        taken.append(
            Taken(
                wall_s=after - before,
                data_s=0.0,
                tokens=tokens,
                trained_tokens=trained,
                squares=squares,
            )
        )
    return summed(options, str(model.config._attn_implementation), taken)  # noqa: SLF001


def _trl_arguments(options: argparse.Namespace, length: int) -> Any:
    """Returns the same knobs as TRL has them."""
    from trl import SFTConfig

    is_flan = SHAPES[options.shape].recipe == "flan"
    return SFTConfig(
        output_dir=str(options.artifact.parent / "trl"),
        max_length=length,
        packing=True,
        packing_strategy="bfd",
        per_device_train_batch_size=options.max_tokens // length,
        gradient_accumulation_steps=options.batch_tokens // options.max_tokens,
        max_steps=options.warmup + options.steps,
        learning_rate=1e-5,
        lr_scheduler_type="constant",
        optim="adafactor" if is_flan else "adamw_torch",
        bf16=options.device == "cuda",
        use_cpu=options.device == "cpu",
        gradient_checkpointing=options.recompute,
        torch_compile=options.compile,
        use_liger_kernel=importlib.util.find_spec("liger_kernel") is not None,
        report_to=[],
        save_strategy="no",
        logging_strategy="no",
    )


def _set_attention(model: Any, artifact: "Artifact", device: str) -> None:
    """Gives TRL the attention that taskc would choose: its collator hands on the same lengths."""
    from taskc.runtime.isolation.choice import keep_apart

    split = artifact["train"]
    several = next(split[i] for i in range(len(split)) if len(split[i].examples) > 1)
    keep_apart(model, several, compute=_compute(device))


def _examples(artifact: "Artifact", options: argparse.Namespace) -> Iterator[dict[str, list[int]]]:
    """Yields as many examples as the steps can read, each apart, with its labels."""
    wanted = 2 * (options.warmup + options.steps) * options.batch_tokens
    split, position = artifact["train"], 0
    while wanted > 0:
        sequence = split[position % len(split)]
        for begin, end in zip(sequence.cu_seq_lens, sequence.cu_seq_lens[1:], strict=False):
            yield {
                "input_ids": sequence.input_ids[begin:end].tolist(),
                "labels": sequence.labels[begin:end].tolist(),
            }
        wanted -= len(sequence)
        position += 1


# ---- data ---------------------------------------------------------------------------------------


def write_data(options: argparse.Namespace) -> int:
    """Builds an artefact of random words, its lengths like those of instruction data.

    Prompts are lognormal with a mean of 200 tokens, answers with a mean of 45: FLAN's in the large.
    """
    from project import Project
    from tokenizers import Tokenizer, models, pre_tokenizers

    import taskc

    shape = SHAPES[options.shape]
    names = [*(f"w{number}" for number in range(shape.vocab_size - 5)), "Input:", "Output:"]
    vocab = {name: index for index, name in enumerate(["<unk>", _END, *names])}
    tokenizer = Tokenizer(models.WordLevel(vocab, unk_token="<unk>"))  # noqa: S106 (no password)
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.add_special_tokens([_END])
    options.out.mkdir(parents=True, exist_ok=True)
    given = options.out / "tokenizer.json"
    tokenizer.save(str(given))
    project = Project(folder=options.out, tokenizer=given, eos=_END, length=options.length)
    project.write()
    rng = np.random.default_rng(0)
    left, most = options.tokens, options.length // 4
    with project.rows().open("w", encoding="utf-8") as rows:
        while left > 0:
            sizes = np.exp(rng.normal(np.log([145, 32]), 0.8)).astype(int).clip(2, most).tolist()
            words = [f"w{number}" for number in rng.integers(0, shape.vocab_size - 5, sum(sizes))]
            prompt, answer = " ".join(words[: sizes[0]]), " ".join(words[sizes[0] :])
            row = {"definition": words[0], "input": prompt, "output": answer}
            rows.write(json.dumps(row) + "\n")
            left -= sum(sizes)
    built = taskc.build(options.out, out=options.out / "artifacts")
    print(built.path)
    return 0


# ---- the table ----------------------------------------------------------------------------------


def run(options: argparse.Namespace) -> int:
    """Measures every pipeline that is installed, and prints the table."""
    results, failed = [], []
    for pipeline in PIPELINES:
        if pipeline == "trl" and importlib.util.find_spec("trl") is None:
            print("trl is not installed: left out", file=sys.stderr)
            continue
        command = [sys.executable, __file__, "measure", "--pipeline", pipeline, *options.given]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode:
            failed.append(pipeline)
            continue
        results.append(Result(**json.loads(done.stdout.splitlines()[-1])))
    print(f"{options.shape} on {_machine(options.device)}, peak {options.peak:,} TFLOP/s")
    print(
        f"{'':10}{'tokens/s':>10}{'trained/s':>11}{'step s':>9}{'data':>7}{'GiB':>7}{'MFU':>7}"
        f"{'done':>7}  attention"
    )
    for each in results:
        print(
            f"{each.pipeline:10}{each.tokens_per_s:>10,.0f}{each.trained_per_s:>11,.0f}"
            f"{each.step_s:>9.3f}{each.data_share:>7.1%}{each.memory_gib:>7.1f}{each.mfu:>7.1%}"
            f"{each.done:>7.1%}  {each.attention}"
        )
    for own, each in zip(results[:1] * len(results), results[1:], strict=False):
        of_tokens = own.tokens_per_s / each.tokens_per_s
        of_trained = own.trained_per_s / each.trained_per_s
        print(
            f"{own.pipeline} / {each.pipeline}: {of_tokens:.2f} of the tokens/s, "
            f"{of_trained:.2f} of the trained tokens/s"
        )
    if options.json:
        settings = {name: str(value) for name, value in vars(options).items() if name != "call"}
        kept = {"settings": settings, "results": [asdict(each) for each in results]}
        options.json.write_text(json.dumps(kept, indent=2), encoding="utf-8")
    for pipeline in failed:
        print(f"{pipeline} failed, see above", file=sys.stderr)
    return int(bool(failed))


def _machine(device: str) -> str:
    import torch
    import transformers

    name = torch.cuda.get_device_name() if device == "cuda" else platform.machine()
    return f"{name}, torch {torch.__version__}, transformers {transformers.__version__}"


def measure(options: argparse.Namespace) -> int:
    """Measures one pipeline; the last line of stdout is the result."""
    result = trl_steps(options) if options.pipeline == "trl" else taskc_steps(options)
    print(json.dumps(asdict(result)))
    return 0


def main() -> int:
    """Carries out one of the three commands."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True)
    data = commands.add_parser("data", help="build an artefact of random words")
    data.set_defaults(call=write_data)
    data.add_argument("--out", type=Path, required=True)
    data.add_argument("--shape", choices=SHAPES, default="8b")
    data.add_argument("--length", type=int, default=2_048)
    data.add_argument("--tokens", type=int, default=8_000_000)
    for name, call in (("run", run), ("measure", measure)):
        command = commands.add_parser(name, help="measure" if call is run else "one pipeline alone")
        command.set_defaults(call=call)
        command.add_argument("--artifact", type=Path, required=True)
        command.add_argument("--shape", choices=SHAPES, default="8b")
        command.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
        command.add_argument("--steps", type=int, default=20)
        command.add_argument("--warmup", type=int, default=5)
        command.add_argument("--batch-tokens", type=int, help="of a step; default: the shape's")
        command.add_argument("--max-tokens", type=int, help="of a micro-batch")
        command.add_argument("--recompute", action=argparse.BooleanOptionalAction)
        command.add_argument("--compile", action="store_true")
        command.add_argument("--peak", type=float, default=989.0, help="TFLOP/s")
        command.add_argument("--json", type=Path)
        if call is measure:
            command.add_argument("--pipeline", choices=PIPELINES, required=True)
    options = parser.parse_args()
    options.given = sys.argv[2:]
    if options.call is not write_data:
        shape = SHAPES[options.shape]
        options.batch_tokens = options.batch_tokens or shape.batch_tokens
        options.max_tokens = options.max_tokens or shape.max_tokens
        if options.recompute is None:
            options.recompute = shape.recomputes
    return int(options.call(options))


if __name__ == "__main__":
    sys.exit(main())
