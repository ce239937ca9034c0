"""What the models of a run's epochs answer to the prompts of a split.

In: a run's folder, its artefact, epochs. Out: answers, greedy, so that two epochs differ by what
they have learned and not by a draw. One model is in memory at a time; each prompt is a batch of its
own, about as many passes as tokens.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from taskc.runtime.artifact import ArtifactError
from taskc.runtime.export import without_bars
from taskc.runtime.reader import Artifact, EvaluationSplit

if TYPE_CHECKING:
    from transformers import PreTrainedModel

__all__ = ["Answer", "Prompt", "Reading", "answer", "epochs_of", "prompts_of", "record_of"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What one model answered.

    Attributes:
        text: Without the end of turn.
        has_ended: Whether the model ended it, or it was cut at the most tokens.
    """

    text: str
    has_ended: bool


@dataclass(frozen=True, slots=True)
class Prompt:
    """A row of an evaluation split.

    Attributes:
        source: Where it is from.
        ids: Of the prompt, up to where the answer begins.
    """

    source: str
    ids: list[int]


@dataclass(frozen=True, slots=True)
class Reading:
    """A prompt and its answers, by epoch."""

    source: str
    prompt: str
    answers: dict[int, Answer]


def record_of(run: Path) -> dict[str, Any]:
    """Returns run.json of a run's folder.

    Raises:
        ArtifactError: If there is none.
    """
    path = run / "run.json"
    try:
        record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ArtifactError(str(path), "run", "the folder of a training run", str(error)) from error
    return record


def epochs_of(run: Path) -> list[int]:
    """Returns the epochs whose models a run has kept.

    Raises:
        ArtifactError: If it kept none.
    """
    found = sorted(
        int(folder.name) for folder in (run / "epochs").glob("*") if folder.name.isdecimal()
    )
    if not found:
        expected = "the models of its epochs, which `lima` keeps"
        raise ArtifactError(str(run), "epochs", expected, "none")
    return found


def prompts_of(artifact: Artifact, split: str, count: int) -> list[Prompt]:
    """Returns the first prompts of a split that no other one repeats.

    Raises:
        ArtifactError: If there is no such split, or nothing in it.
    """
    known = [name for name in artifact.manifest.splits if name != "train"]
    found = artifact[split] if split in known else None
    if not isinstance(found, EvaluationSplit) or not len(found):
        if not known:
            expected = "prompts to ask, in a split beside `train` that source and build name"
            raise ArtifactError(str(artifact.path), "splits", expected, "train alone")
        raise ArtifactError(str(artifact.path), "split", f"one of {', '.join(known)}", split)
    prompts: dict[tuple[int, ...], Prompt] = {}
    for row in found:
        ids: Any = row["input_ids"]
        prompts.setdefault(tuple(ids), Prompt(str(row["source"]), list(ids)))
        if len(prompts) == count:
            break
    return list(prompts.values())


def answer(
    run: Path, epochs: Sequence[int], prompts: Sequence[Prompt], *, max_tokens: int, device: str
) -> Iterator[tuple[int, list[Answer]]]:
    """Yields each epoch with its model's answers, in the order of the prompts.

    Args:
        run: Folder of the run.
        epochs: Which, from 1.
        prompts: Asked of each.
        max_tokens: Of an answer, at most.
        device: Where to compute.
    """
    from transformers import AutoModelForCausalLM, AutoTokenizer

    for epoch in epochs:
        folder = run / "epochs" / f"{epoch:02d}"
        with without_bars():
            model: Any = AutoModelForCausalLM.from_pretrained(folder, local_files_only=True)
        tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        model.eval().to(device)
        yield (
            epoch,
            [
                _answer(model, tokenizer, prompt, folder, max_tokens=max_tokens)
                for prompt in prompts
            ],
        )


def _answer(
    model: "PreTrainedModel", tokenizer: Any, prompt: Prompt, folder: Path, *, max_tokens: int
) -> Answer:
    import torch
    from transformers import GenerationConfig

    # An adapter's folder has a configuration of its own, which the model it is put on has not.
    config: Any = GenerationConfig.from_pretrained(folder, local_files_only=True)
    config.update(do_sample=False, max_new_tokens=max_tokens)
    ids_1T = torch.tensor([prompt.ids], device=model.device)
    untyped: Any = model
    with torch.no_grad():
        whole = untyped.generate(
            input_ids=ids_1T, attention_mask=torch.ones_like(ids_1T), generation_config=config
        )
    given = whole[0, len(prompt.ids) :].tolist()
    ends = config.eos_token_id
    ends = ends if isinstance(ends, list) else [ends]
    has_ended = bool(given) and given[-1] in ends
    text = tokenizer.decode(given[:-1] if has_ended else given, skip_special_tokens=False)
    return Answer(text, has_ended)
