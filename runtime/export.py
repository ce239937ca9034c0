"""A trained model as a folder of transformers that chats as it was trained, and stops.

In: a model and the artefact that it was trained on. Out: weights and configuration, a generation
configuration that ends at the end of a turn, the artefact's tokenizer, and a chat template that
gives the ids of training. The template is tried on prompts of the artefact; where it gives other
ids it is left out, and taskc.json in the folder says so. Where training was rendered by the
tokenizer's own template, that is the one, told the day that it was told in training.

A text that spells a special token is parsed as that token when transformers applies a template,
where training took it as text; no template can help that.
"""

import json
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from taskc.runtime.artifact import Manifest
from taskc.runtime.reader import Artifact

if TYPE_CHECKING:
    import torch
    from peft import LoraConfig
    from transformers import PreTrainedModel

__all__ = ["ChatTemplate", "chat_template", "export", "stop_ids", "without_bars"]

_TRIED_PROMPTS = 32
_CLOCK = re.compile(r"""strftime_now\(\s*(["'])(.*?)\1\s*\)""")


@dataclass(frozen=True, slots=True)
class ChatTemplate:
    """How messages become a prompt.

    Attributes:
        text: In Jinja; empty where the format can't be written as one.
        why: What it was tried on, or why there is none.
    """

    text: str
    why: str


def export(
    model: "PreTrainedModel",
    artifact: Artifact,
    folder: Path,
    *,
    weights: "Mapping[str, torch.Tensor] | None" = None,
    adapter: "LoraConfig | None" = None,
) -> None:
    """Writes the folder, whole or not at all; what stood there is replaced.

    Args:
        model: A causal language model of transformers.
        artifact: Whose tokenizer and format it was trained with.
        folder: Where to.
        weights: Its parameters, where the model itself holds only a part of them.
        adapter: Of `weights`, where they are those of an adapter: it alone is written, in peft's
            format, and the model that it belongs to is named.
    """
    new = folder.with_name(f".{folder.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    _configure_ends(model, artifact.manifest)
    if adapter is None:
        _save_model(model, new, weights)
    else:
        _save_adapter(model, adapter, new, weights or {})
    for file in sorted(artifact.tokenizer.iterdir()):
        shutil.copyfile(file, new / file.name)
    _configure_tokenizer(artifact.manifest, new / "tokenizer_config.json")
    template = chat_template(artifact, new)
    (new / "chat_template.jinja").unlink(missing_ok=True)
    if template.text:
        (new / "chat_template.jinja").write_text(template.text, encoding="utf-8")
    note = {
        "content_digest": artifact.manifest.content_digest,
        "chat_template": template.why,
        "stops_at": stop_ids(artifact.manifest),
    }
    (new / "taskc.json").write_text(f"{json.dumps(note, indent=2)}\n", encoding="utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    new.rename(folder)


def _configure_ends(model: "PreTrainedModel", manifest: Manifest) -> None:
    """Sees that generation ends where training ended an answer."""
    config = model.generation_config
    if config is None:
        return
    known = config.eos_token_id
    known_ids = known if isinstance(known, list) else [] if known is None else [known]
    config.eos_token_id = list(dict.fromkeys([*stop_ids(manifest), *known_ids])) or None
    pad = manifest.special.get("pad") or manifest.special.get("eos")
    if pad is not None:
        config.pad_token_id = pad.id


def _save_adapter(
    model: "PreTrainedModel",
    adapter: "LoraConfig",
    folder: Path,
    weights: "Mapping[str, torch.Tensor]",
) -> None:
    """Writes what is trained, in the names that peft looks for."""
    from safetensors.torch import save_file

    adapter.base_model_name_or_path = str(Path(str(model.name_or_path)).resolve())
    adapter.inference_mode = True
    adapter.save_pretrained(str(folder))
    adapter.inference_mode = False
    named = {
        f"base_model.model.{name.replace('.default', '')}": weight.contiguous()
        for name, weight in weights.items()
    }
    save_file(named, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    if model.generation_config is not None:
        model.generation_config.save_pretrained(folder)


def _save_model(
    model: "PreTrainedModel",
    folder: Path,
    weights: "Mapping[str, torch.Tensor] | None",
) -> None:
    with without_bars():
        model.save_pretrained(folder, state_dict=dict(weights) if weights is not None else None)


@contextmanager
def without_bars() -> Iterator[None]:
    """Keeps transformers from showing progress: whoever runs the work shows it in one way."""
    from transformers.utils import logging

    shows_progress = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        if shows_progress:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]


def stop_ids(manifest: Manifest) -> list[int]:
    """Returns the ids at which an answer ends: what training ended one with, then `eos`."""
    ids = [_token(manifest, _end(manifest))] if _end(manifest) else []
    eos = manifest.special.get("eos")
    return list(dict.fromkeys([*ids, *([eos.id] if eos else [])]))


def _configure_tokenizer(manifest: Manifest, path: Path) -> None:
    """Sees that transformers takes tokenizer.json as it is and knows the special tokens."""
    config = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    # A class of its own may build the pipeline anew and give other ids than training had.
    config["tokenizer_class"] = "PreTrainedTokenizerFast"
    config.pop("auto_map", None)
    config.pop("chat_template", None)
    for name in ("bos", "eos", "pad"):
        if name in manifest.special:
            config[f"{name}_token"] = manifest.special[name].text
    text = json.dumps(config, ensure_ascii=False, indent=2)
    path.write_text(f"{text}\n", encoding="utf-8")


# ---- the chat template -------------------------------------------------------------------------


def chat_template(artifact: Artifact, tokenizer: Path) -> ChatTemplate:
    """Returns a template that gives the ids of training, tried on prompts of the artefact.

    Args:
        artifact: With its format.
        tokenizer: A folder that transformers loads the tokenizer from.
    """
    manifest = artifact.manifest
    if manifest.format.get("template") == "tokenizer":
        return _own_template(artifact)
    text = _template(manifest)
    if not text:
        why = "none: an end or a separator of the format is no special token"
        return ChatTemplate("", why)
    from transformers import AutoTokenizer

    loaded: Any = AutoTokenizer.from_pretrained(tokenizer, local_files_only=True)
    loaded.chat_template = text
    tried = equal = 0
    for messages, ids in _prompts(artifact, loaded):
        found = loaded.apply_chat_template(
            messages, add_generation_prompt=True, tokenize=True, return_dict=False
        )
        tried += 1
        equal += found == ids
        if tried == _TRIED_PROMPTS:
            break
    if not tried:
        return ChatTemplate("", "none: no prompt of the artefact could be read back as text")
    if equal < tried:
        return ChatTemplate("", f"none: of {tried} prompts, {tried - equal} came to other ids")
    return ChatTemplate(text, f"gives the ids of training on all {tried} prompts tried")


def _own_template(artifact: Artifact) -> ChatTemplate:
    """Returns the tokenizer's own template, by which training was rendered, told the same day."""
    file = artifact.tokenizer / "chat_template.jinja"
    if file.is_file():
        text = file.read_text(encoding="utf-8")
    else:
        config = json.loads((artifact.tokenizer / "tokenizer_config.json").read_text("utf-8"))
        text = config["chat_template"]
        if isinstance(text, list):
            text = next(each["template"] for each in text if each["name"] == "default")
    written = _CLOCK.findall(text)
    date = artifact.manifest.format.get("date")
    if not date or "strftime_now(" not in text:
        return ChatTemplate(text, "the tokenizer's own, by which training was rendered")
    if len(written) < text.count("strftime_now("):
        return ChatTemplate("", "none: the tokenizer's own asks for a date in words of its own")
    # LC_TIME is "C" unless a program sets it: names are English.
    day = datetime.fromisoformat(str(date))
    said = json.dumps({words: day.strftime(words) for _, words in written})
    clock = f"{{%- macro strftime_now(written) -%}}{{{{ {said}[written] }}}}{{%- endmacro %}}\n"
    return ChatTemplate(f"{clock}{text}", f"the tokenizer's own, told that it is {date}")


def _template(manifest: Manifest) -> str:
    """Returns the format in Jinja; empty where it has a literal for a token, or no end."""
    format_, end = manifest.format, _end(manifest)
    if not end:
        return ""
    bos = _quoted(manifest, "bos") if format_.get("bos") == "example" else ""
    if format_.get("kind") == "chat":
        turn = "{{ message['content'] }}" + _quoted(manifest, end)
        return f"{bos}{{% for message in messages %}}{turn}{{% endfor %}}"
    separator = _use(manifest, "separator")
    if format_.get("separator") is not None and not separator:
        return ""  # a literal: joined with the text before it, it might be encoded otherwise
    between = _quoted(manifest, separator) if separator else ""
    return (
        f"{bos}{{% for message in messages %}}{{{{ message['content'] }}}}"
        f"{{% if message['role'] == 'assistant' %}}{_quoted(manifest, end)}"
        f"{{% else %}}{between}{{% endif %}}{{% endfor %}}"
    )


def _end(manifest: Manifest) -> str:
    """Returns the name of the token that ends a turn or a target; empty where it is none."""
    return _use(manifest, "end_of_turn" if manifest.format.get("kind") == "chat" else "end")


def _use(manifest: Manifest, argument: str) -> str:
    """Returns the name of the special token that an argument of the format names."""
    use = manifest.format.get(argument)
    name = use.get("name") if isinstance(use, dict) else None
    return name if isinstance(name, str) and name in manifest.special else ""


def _token(manifest: Manifest, name: str) -> int:
    return manifest.special[name].id


def _quoted(manifest: Manifest, name: str) -> str:
    return f"{{{{ {json.dumps(manifest.special[name].text, ensure_ascii=False)} }}}}"


def _prompts(
    artifact: Artifact, tokenizer: Any
) -> Iterator[tuple[list[dict[str, str]], list[int]]]:
    """Yields prompts of the artefact as messages, with their ids: all before the last answer.

    Examples that overflow has cut, and those whose ids don't come back from their text, are passed
    over: what they were made from is not known here.
    """
    manifest = artifact.manifest
    is_chat = manifest.format.get("kind") == "chat"
    closing = _end(manifest) if is_chat else _use(manifest, "separator")
    border = _token(manifest, closing) if closing else None
    num_bos = 1 if manifest.format.get("bos") == "example" else 0
    trimmed = artifact.examples.column("trimmed_tokens").to_numpy()
    parts = artifact.examples.column("part").to_numpy()
    for sequence in artifact["train"]:
        for example, begin, end in zip(
            sequence.examples, sequence.cu_seq_lens, sequence.cu_seq_lens[1:], strict=False
        ):
            trained = np.flatnonzero(sequence.labels[begin:end] >= 0)
            if not len(trained) or trimmed[example] or parts[example]:
                continue
            gaps = np.flatnonzero(np.diff(trained) > 1)
            last = int(trained[gaps[-1] + 1]) if len(gaps) else int(trained[0])
            ids = sequence.input_ids[begin : begin + last].tolist()
            turns = _turns(ids[num_bos:], border)
            texts = [tokenizer.decode(turn, skip_special_tokens=False) for turn in turns]
            back = [tokenizer.encode(text, add_special_tokens=False) for text in texts]
            if turns and back == turns:
                roles = ("user", "assistant")
                yield [{"role": roles[i % 2], "content": text} for i, text in enumerate(texts)], ids


def _turns(ids: list[int], border: int | None) -> list[list[int]]:
    """Cuts ids behind each border and leaves it out; none where the last turn is not closed."""
    if border is None:
        return [ids]
    turns: list[list[int]] = [[]]
    for id_ in ids:
        if id_ == border:
            turns.append([])
        else:
            turns[-1].append(id_)
    return [] if turns[-1] else turns[:-1]
