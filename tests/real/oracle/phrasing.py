"""Every prompt of the specs, as a Python function that says what a row becomes.

In: a shaped row and, where the template has options, the order in which they are shown. Out: turns.
Labels are "template.prompt", as provenance gives them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

Row = dict[str, Any]


class Turn(NamedTuple):
    """A text spoken in a role; `own` is what a message says of its loss itself, mostly nothing."""

    role: str
    text: str
    own: bool | None = None


class Options(NamedTuple):
    """What a template offers: the surfaces as declared, and which are right.

    Attributes:
        surfaces: In declared order.
        right: Indices of the correct ones.
        style: dashes, letters, numbers or none.
        shuffled: Whether a draw orders them.
    """

    surfaces: list[str]
    right: list[int]
    style: str
    shuffled: bool


class Shown(NamedTuple):
    """Options as one example shows them, with one of them given as the answer."""

    listing: str
    answer: str
    text: str


@dataclass(frozen=True)
class Prompt:
    """A prompt, by hand.

    Attributes:
        kind: prompt, inverse or dialogue.
        turns: (row, shown options or None) -> turns; input and target for a prompt.
        options: Row -> what the template offers, or None.
        applies: What `when` and the template's `where` ask of the row.
    """

    source: str
    template: str
    label: str
    turns: Callable[[Row, Shown | None], list[Turn]]
    kind: str = "prompt"
    options: Callable[[Row], Options] | None = None
    when: Callable[[Row], bool] = lambda _row: True
    where: Callable[[Row], bool] = lambda _row: True

    @property
    def name(self) -> str:
        """The label by which provenance calls it."""
        return f"{self.template}.{self.label}"


def show(options: Options, order: list[int], given: int) -> Shown:
    """Lists `options` in `order` and gives the one declared at `given` as the answer."""
    surfaces = [options.surfaces[index] for index in order]
    place = order.index(given)
    marks = {
        "dashes": ["-"] * len(surfaces),
        "letters": [f"({chr(ord('A') + index)})" for index in range(len(surfaces))],
        "numbers": [f"({index + 1})" for index in range(len(surfaces))],
        "none": [],
    }[options.style]
    listing = "\n".join(
        ["OPTIONS:", *(f"{mark} {text}" for mark, text in zip(marks, surfaces, strict=False))]
    )
    answer = {
        "dashes": surfaces[place],
        "none": surfaces[place],
        "letters": chr(ord("A") + place),
        "numbers": str(place + 1),
    }[options.style]
    return Shown("" if options.style == "none" else listing, answer, surfaces[place])


def _choice(
    field: str, surfaces: dict[str, str], style: str, *, shuffled: bool = False
) -> Callable[[Row], Options]:
    """Options over a choice field, `surfaces` in written order."""

    def options(row: Row) -> Options:
        return Options(list(surfaces.values()), [list(surfaces).index(row[field])], style, shuffled)

    return options


def _pair(prompt: str, target: str) -> list[Turn]:
    return [Turn("input", prompt), Turn("target", target)]


# ---- SNLI --------------------------------------------------------------------------------------

_DECIDE = _choice(
    "label", {"entailment": "Yes", "neutral": "Maybe", "contradiction": "No"}, "dashes"
)
_RELATE = _choice(
    "label",
    {
        "entailment": "The second follows from the first",
        "neutral": "The second may be true or false",
        "contradiction": "The second cannot be true if the first is",
    },
    "letters",
    shuffled=True,
)
_JUDGE = _choice(
    "label", {"entailment": "True", "neutral": "Unknown", "contradiction": "False"}, "none"
)
_ASKED = {"entailment": "must be true", "neutral": "may be true", "contradiction": "cannot be true"}

_SNLI = (
    Prompt(
        "snli",
        "decide",
        "witness",
        lambda row, shown: _pair(
            f'{row["premise"]}\n\nA friend who was there says: "{row["hypothesis"]}"\n'
            f"Is the friend right?\n\n{shown.listing}",
            shown.answer,
        ),
        options=_DECIDE,
    ),
    Prompt(
        "snli",
        "decide",
        "must",
        lambda row, shown: _pair(
            f"Take this as a fact: {row['premise']}\n"
            f"Must this be so too? {row['hypothesis']}\n\n{shown.listing}",
            shown.answer,
        ),
        options=_DECIDE,
    ),
    Prompt(
        "snli",
        "relate",
        "pair",
        lambda row, shown: _pair(
            f"First: {row['premise']}\nSecond: {row['hypothesis']}\n\n"
            f"How do the two sentences stand to one another?\n{shown.listing}",
            shown.answer,
        ),
        options=_RELATE,
    ),
    Prompt(
        "snli",
        "judge",
        "verdict",
        lambda row, shown: _pair(
            f"Caption: {row['premise']}\nClaim: {row['hypothesis']}\n"
            "Reply with True, False or Unknown.",
            shown.answer,
        ),
        options=_JUDGE,
    ),
    Prompt(
        "snli",
        "judge",
        "claim",
        lambda row, _shown: _pair(
            f"Write one sentence that {_ASKED[row['label']]} of this scene.\n\n{row['premise']}",
            row["hypothesis"],
        ),
        kind="inverse",
        options=_JUDGE,
    ),
)

# ---- BoolQ -------------------------------------------------------------------------------------


def first_words(text: str, count: int) -> str:
    """The first `count` words, the spacing before and between them; a short text as it is."""
    taken = 0
    inside = False
    for place, character in enumerate(text):
        if character.isspace():
            inside = False
        elif not inside:
            inside = True
            taken += 1
            if taken > count:
                return text[:place].rstrip()
    return text


_LOOK_UP = _choice("verdict", {"yes": "yes", "no": "no"}, "dashes")
_QUIZ = _choice("verdict", {"yes": "Correct: yes.", "no": "Correct: no."}, "none")


def _not_long(row: Row) -> bool:
    return len(row["passage"]) <= 2_200


_BOOLQ = (
    Prompt(
        "boolq",
        "look_up",
        "passage_first",
        lambda row, shown: _pair(
            f"{row['passage']}\n\nGoing by the text above, {row['question']}\n{shown.listing}",
            shown.answer,
        ),
        options=_LOOK_UP,
        where=_not_long,
    ),
    Prompt(
        "boolq",
        "look_up",
        "question_first",
        lambda row, shown: _pair(
            f"I want to know: {row['question']}\nHere is what an encyclopedia says.\n\n"
            f"{row['passage']}\n\n{shown.listing}",
            shown.answer,
        ),
        options=_LOOK_UP,
        where=_not_long,
    ),
    Prompt(
        "boolq",
        "quiz",
        "host",
        lambda row, shown: _pair(
            f"Quiz card\n\n{first_words(row['passage'], 60)}\n\n"
            f"The question on the card: {row['question'][:1].upper()}{row['question'][1:]}",
            shown.answer,
        ),
        options=_QUIZ,
    ),
    Prompt(
        "boolq",
        "quiz",
        "card",
        lambda row, _shown: _pair(
            f"Ask a yes/no question that this passage settles.\n\n{row['passage']}", row["question"]
        ),
        kind="inverse",
        options=_QUIZ,
    ),
)

# ---- CosmosQA ----------------------------------------------------------------------------------


def _choices(style: str, *, shuffled: bool = False) -> Callable[[Row], Options]:
    """Options that come from the row: every choice equal to the right one is right."""
    return lambda row: Options(row["choices"], [row["label"]], style, shuffled)


_COSMOSQA = (
    Prompt(
        "cosmosqa",
        "pick",
        "story",
        lambda row, shown: _pair(
            f"{row['context']}\n\n{row['question']}\n{shown.listing}", shown.answer
        ),
        options=_choices("letters", shuffled=True),
    ),
    Prompt(
        "cosmosqa",
        "pick",
        "exam",
        lambda row, shown: _pair(
            f"Question: {row['question']}\n{shown.listing}\n"
            f"The question is about this note:\n{row['context']}",
            shown.answer,
        ),
        options=_choices("letters", shuffled=True),
        when=lambda row: len(row["context"]) <= 500,
    ),
    Prompt(
        "cosmosqa",
        "number",
        "likely",
        lambda row, shown: _pair(
            f"{first_words(row['context'], 80)}\n\n"
            f"Which of these is most likely? {row['question']}\n{shown.listing}",
            f"{shown.answer}: {shown.text}",
        ),
        options=_choices("numbers"),
    ),
    Prompt(
        "cosmosqa",
        "recall",
        "diary",
        lambda row, shown: _pair(
            f"From a diary: {row['context']}\n\n"
            f"{row['question']} One of these answers is right.\n{shown.listing}",
            shown.answer,
        ),
        options=_choices("dashes"),
    ),
    Prompt(
        "cosmosqa",
        "free",
        "open",
        lambda row, shown: _pair(
            f"Read this note and reply in a few words.\n\n{row['context']}\n\n{row['question']}",
            shown.answer,
        ),
        options=_choices("none"),
    ),
    Prompt(
        "cosmosqa",
        "free",
        "wonder",
        lambda row, _shown: _pair(
            f"What might a reader of this note wonder about?\n\n{row['context']}", row["question"]
        ),
        kind="inverse",
        options=_choices("none"),
    ),
)

# ---- DynaSent ----------------------------------------------------------------------------------

_WISH = {"positive": "praises", "negative": "complains about", "neutral": "merely mentions"}
_MOOD = _choice(
    "label", {"positive": "glad", "negative": "upset", "neutral": "indifferent"}, "none"
)

_DYNASENT = (
    Prompt(
        "dynasent",
        "rate_mood",
        "numbered",
        lambda row, shown: _pair(
            f"A guest wrote: {row['sentence']}\n{shown.listing}\n"
            "Give the number that fits the guest's mood.",
            shown.answer,
        ),
        options=_choice(
            "label", {"positive": "good", "negative": "bad", "neutral": "neither"}, "numbers"
        ),
    ),
    Prompt(
        "dynasent",
        "tell_mood",
        "attitude",
        lambda row, shown: _pair(
            f"{row['sentence']}\n\nWhat does this sentence from a review show?\n{shown.listing}",
            shown.answer,
        ),
        options=_choice(
            "label",
            {
                "positive": "The writer is pleased",
                "negative": "The writer is displeased",
                "neutral": "The writer takes no side",
            },
            "dashes",
            shuffled=True,
        ),
    ),
    Prompt(
        "dynasent",
        "continue_mood",
        "word",
        lambda row, shown: _pair(
            f"One word for the mood of this remark, glad, upset or indifferent:\n{row['sentence']}",
            shown.answer,
        ),
        options=_MOOD,
    ),
    Prompt(
        "dynasent",
        "continue_mood",
        "write",
        lambda row, _shown: _pair(
            f"Write a sentence from a review that {_WISH[row['label']]} something.", row["sentence"]
        ),
        kind="inverse",
        options=_MOOD,
    ),
)

# ---- GSM8K -------------------------------------------------------------------------------------

_GSM8K = (
    Prompt(
        "gsm8k",
        "solve",
        "work",
        lambda row, _shown: _pair(
            f"{row['question']}\n\nShow your work, then the result on a line of its own.",
            f"{row['steps']}\nResult: {row['answer']}",
        ),
    ),
    Prompt(
        "gsm8k",
        "solve",
        "result",
        lambda row, _shown: _pair(
            f"{row['question']}\nReply with the number alone.", row["answer"]
        ),
        when=lambda row: len(row["question"]) <= 240,
    ),
    Prompt(
        "gsm8k",
        "solve",
        "tutor",
        lambda row, _shown: _pair(
            f"A pupil asks for help with this problem:\n\n{row['question']}\n\n"
            "Explain it step by step.",
            f"{row['steps']}\n\nSo the answer is {row['answer']}.",
        ),
    ),
    Prompt(
        "gsm8k",
        "solve",
        "problem",
        lambda row, _shown: _pair(
            f"Write a word problem whose solution goes like this:\n{row['steps']}", row["question"]
        ),
        kind="inverse",
    ),
)

# ---- dialogues ---------------------------------------------------------------------------------


def _messages(messages: list[Row]) -> list[Turn]:
    return [Turn(each["role"], each["content"]) for each in messages]


_DIALOGUES = (
    Prompt(
        "stack_ai",
        "answer_question",
        "plain",
        lambda row, _shown: [Turn("user", row["ask"]), Turn("assistant", row["answer"])],
        kind="dialogue",
    ),
    Prompt(
        "stack_ai",
        "answer_question",
        "expert",
        lambda row, _shown: [
            Turn("system", f"You know {row['topic']} well and answer in full."),
            Turn("user", row["ask"]),
            Turn("assistant", row["answer"]),
        ],
        kind="dialogue",
    ),
    Prompt(
        "stack_ai",
        "answer_question",
        "two_steps",
        lambda row, _shown: [
            Turn("user", f"I have a question about {row['topic']}: {row['title']}"),
            Turn("assistant", "Tell me more."),
            Turn("user", row["question"]),
            Turn("assistant", row["answer"]),
        ],
        kind="dialogue",
        when=lambda row: len(row["question"]) <= 800,
    ),
    Prompt(
        "coffee", "serve", "plain", lambda row, _shown: _messages(row["messages"]), kind="dialogue"
    ),
    Prompt(
        "coffee",
        "serve",
        "at_the_bar",
        lambda row, _shown: [
            Turn("system", "You take orders at a coffee bar."),
            *_messages(row["messages"]),
        ],
        kind="dialogue",
    ),
    Prompt(
        "coffee",
        "serve",
        "guest",
        lambda row, _shown: [
            Turn(each["role"], each["content"], own=each["role"] == "user")
            for each in row["messages"]
        ],
        kind="dialogue",
    ),
)

PROMPTS = {
    (prompt.source, prompt.name): prompt
    for prompt in (*_SNLI, *_BOOLQ, *_COSMOSQA, *_DYNASENT, *_GSM8K, *_DIALOGUES)
}
