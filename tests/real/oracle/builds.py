"""What each build of the two packages asks for, said again in Python.

In: nothing. Out: a table with one entry a `build` block: its mixture, tokenizer, format and packs.
"""

from collections.abc import Callable
from dataclasses import dataclass

from oracle.encoding import Chat, PromptTarget, Templated


@dataclass(frozen=True)
class Build:
    """One `build` with what it refers to.

    Attributes:
        tokenizer: Path below the data folder.
        added: Texts of tokens that the spec adds.
        sources: In order of declaration.
        weight: (name, survivors up to the cap) -> weight.
        cap: Of the rate, or None.
        takes: Quotas by source, where the mixture has them instead of a rate.
        total: Count and unit; ("", 0) where the takes are all there is.
        fewshot: Fewest and most exemplars.
        evaluated: Split -> sources that have it.
        least_fill: What the packs must reach.
    """

    package: str
    name: str
    tokenizer: str
    form: PromptTarget | Chat | Templated
    sources: tuple[str, ...]
    seed: int
    length: int
    window: int
    evaluated: dict[str, tuple[str, ...]]
    total: tuple[int, str] = (0, "")
    cap: int | None = None
    weight: Callable[[int], float] = float
    takes: dict[str, int] | None = None
    fewshot: tuple[int, int] = (0, 0)
    added: tuple[str, ...] = ()
    least_fill: float = 0.9

    def __str__(self) -> str:
        return f"{self.package}/{self.name}"


GPT2 = "tokenizers/gpt2/tokenizer.json"
QWEN3 = "tokenizers/qwen3/tokenizer.json"
STORIES = "models/stories260k/tokenizer.json"
TURN_END = "<|end_of_turn|>"

_ALL = ("snli", "boolq", "cosmosqa", "dynasent", "gsm8k")
_DIALOGUES = ("stack_ai", "coffee")

BUILDS = {
    str(build): build
    for build in (
        Build(
            "flan_small",
            "gpt2",
            GPT2,
            PromptTarget(512, 128, end="<|endoftext|>", special="<|endoftext|>", overflow="trim"),
            _ALL,
            seed=11,
            length=1024,
            window=20_000,
            evaluated={"dev": _ALL, "test": _ALL},
            total=(1_700_000, "tokens"),
            cap=2_500,
            least_fill=0.995,
        ),
        Build(
            "flan_small",
            "qwen3",
            QWEN3,
            PromptTarget(400, 200, end="<|im_end|>", literal="\n\n", overflow="drop"),
            _ALL,
            seed=12,
            length=2048,
            window=20_000,
            evaluated={"dev": _ALL},
            total=(6_000, "examples"),
            cap=3_000,
            least_fill=0.995,
        ),
        Build(
            "flan_small",
            "stories",
            STORIES,
            PromptTarget(360, 120, end="</s>", literal="\n", overflow="drop", bos="<s>"),
            ("snli", "dynasent", "gsm8k"),
            seed=13,
            length=2048,
            window=20_000,
            evaluated={"test": ("snli", "dynasent", "gsm8k")},
            total=(6_000, "examples"),
            cap=2_000,
            # A root is rounded to a millionth, so that no platform's last bit decides.
            weight=lambda count: round(count**0.5 * 1_000_000) / 1_000_000,
            # Best-fit-decreasing alone fills 99.39 %: no example is shorter than 47 tokens.
            least_fill=0.995,
        ),
        Build(
            "flan_small",
            "stories_of_all",
            STORIES,
            PromptTarget(1200, 300, end="</s>", literal="\n", overflow="trim", bos="<s>"),
            _ALL,
            seed=16,
            length=4096,
            window=20_000,
            evaluated={"dev": _ALL},
            total=(300, "examples"),
            weight=lambda _count: 1.0,
        ),
        Build(
            "flan_small",
            "little",
            GPT2,
            PromptTarget(512, 64, end="<|endoftext|>", literal="\n\n", overflow="trim_prompt"),
            _ALL,
            seed=14,
            length=640,
            window=500,
            evaluated={"dev": _ALL},
            total=(1_200, "examples"),
            cap=2_000,
        ),
        Build(
            "flan_small",
            "shots",
            GPT2,
            PromptTarget(600, 160, end="<|endoftext|>", literal="\n\n", overflow="trim"),
            ("cosmosqa", "dynasent", "gsm8k"),
            seed=15,
            length=1024,
            window=20_000,
            evaluated={"dev": ("cosmosqa", "dynasent", "gsm8k")},
            total=(900, "examples"),
            cap=400,
            fewshot=(0, 4),
        ),
        Build(
            "chat",
            "gpt2",
            GPT2,
            Chat(TURN_END, loss="assistant", max=512, overflow="trim"),
            _DIALOGUES,
            seed=21,
            length=1024,
            window=20_000,
            evaluated={"dev": _DIALOGUES},
            takes={"stack_ai": 120, "coffee": 160},
            added=(TURN_END,),
        ),
        Build(
            "chat",
            "qwen3",
            QWEN3,
            Chat("<|im_end|>", loss="last", max=2048, overflow="error"),
            _DIALOGUES,
            seed=21,
            length=2048,
            window=20_000,
            evaluated={"dev": _DIALOGUES},
            takes={"stack_ai": 120, "coffee": 160},
        ),
        Build(
            "chat",
            "stories_of_all",
            STORIES,
            Chat(TURN_END, loss="assistant", max=3000, overflow="drop", bos="<s>"),
            _DIALOGUES,
            seed=24,
            length=4096,
            window=20_000,
            evaluated={"dev": _DIALOGUES},
            takes={"stack_ai": 40, "coffee": 40},
            added=(TURN_END,),
        ),
        Build(
            "chat",
            "templated",
            QWEN3,
            Templated("<|im_end|>", max=1024),
            ("stack_ai",),
            seed=23,
            length=1024,
            window=20_000,
            evaluated={"dev": ("stack_ai",)},
            takes={"stack_ai": 150},
        ),
        Build(
            "chat",
            "stories",
            STORIES,
            Chat(TURN_END, loss="assistant", max=500, overflow="drop", bos="<s>"),
            ("coffee",),
            seed=22,
            length=512,
            window=200,
            evaluated={"dev": ("coffee",)},
            total=(600, "examples"),
            weight=lambda _count: 1.0,
            added=(TURN_END,),
        ),
    )
}
