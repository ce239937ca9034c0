"""The forms of a `train` block: recipes, models, and what stands inside them.

In: nothing. Out: tables like those of forms.py. Defaults are the runtime's own, shown to readers:
a recipe is handed what was written and no more, so that a run can say whose number each is. Where
an argument takes a form itself, `INNER` has the table.
"""

from typing import Final

from taskc.dsl.model.forms import REQUIRED, Form, FormArgument, Kind, Required

__all__ = ["INNER", "MODELS", "RECIPES"]


def _table(*forms: Form) -> dict[str, Form]:
    return {form.name: form for form in forms}


def _count(doc: str) -> FormArgument:
    return FormArgument("count", Kind.COUNT, doc, by_position=True)


def _steps(default: int | Required = REQUIRED) -> FormArgument:
    return FormArgument("steps", Kind.COUNT, "Steps of the optimizer.", default)


def _lr(default: float | Required = REQUIRED) -> FormArgument:
    return FormArgument("lr", Kind.NUMBER, "Learning rate, at its top.", default)


def _batch(default: str) -> FormArgument:
    doc = "What one step reads: `tokens(N)`, `examples(N)` or `sequences(N)`."
    return FormArgument("batch", Kind.FORM, doc, default)


def _common(clip: float) -> tuple[FormArgument, ...]:
    return (
        FormArgument(
            "loss",
            Kind.WORD,
            "The mean over trained tokens, or over the means of examples.",
            default="tokens",
            words=("tokens", "examples"),
        ),
        FormArgument("clip", Kind.AMOUNT, "Largest norm of the gradient; 0: any.", default=clip),
        FormArgument(
            "adapter",
            Kind.FORM,
            "`lora(...)`: what is trained in the place of the model's own parameters.",
            default=None,
        ),
    )


def _adam(beta2: float, weight_decay: float) -> tuple[FormArgument, ...]:
    return (
        FormArgument("beta1", Kind.FRACTION, "AdamW's.", default=0.9),
        FormArgument("beta2", Kind.FRACTION, "AdamW's.", default=beta2),
        FormArgument("eps", Kind.NUMBER, "AdamW's.", default=1e-8),
        _decay(weight_decay),
    )


def _decay(default: float) -> FormArgument:
    return FormArgument("weight_decay", Kind.AMOUNT, "AdamW's, on matrices.", default)


RECIPES: Final = _table(
    Form(
        "flan",
        "Wei et al. 2022: Adafactor at a constant rate.",
        (
            _steps(30_000),
            _lr(3e-5),
            _batch("tokens(8_192)"),
            FormArgument("eps", Kind.NUMBER, "Added to squared gradients.", default=1e-30),
            FormArgument("eps_scale", Kind.NUMBER, "Least size of a parameter.", default=1e-3),
            FormArgument("update_clip", Kind.NUMBER, "Largest size of an update.", default=1.0),
            FormArgument("decay", Kind.NUMBER, "Exponent of the second moment's.", default=0.8),
            FormArgument(
                "scale_parameter",
                Kind.FLAG,
                "Whether the rate is relative to a parameter's size.",
                default=True,
            ),
            *_common(clip=0.0),
        ),
    ),
    Form(
        "lima",
        "Zhou et al. 2023: AdamW, falling in a straight line.",
        (
            FormArgument("epochs", Kind.COUNT, "How often everything is read.", default=15),
            _lr(1e-5),
            FormArgument("last_lr", Kind.NUMBER, "Learning rate of the last step.", default=1e-6),
            _batch("examples(32)"),
            *_adam(beta2=0.95, weight_decay=0.1),
            FormArgument(
                "dropout",
                Kind.FORM,
                "`ramp(BOTTOM, TOP)`: rates at the lowest and at the highest layer.",
                default="ramp(0.0, 0.3)",
            ),
            *_common(clip=0.0),
        ),
    ),
    Form(
        "sft",
        "Plain supervised fine-tuning: AdamW, a warm-up, then down a curve.",
        (
            FormArgument("epochs", Kind.WHOLE, "How often everything is read.", default=0),
            FormArgument("steps", Kind.WHOLE, "Steps, where `epochs` is 0.", default=0),
            _lr(),
            _batch("sequences(32)"),
            FormArgument(
                "schedule",
                Kind.WORD,
                "How the rate falls.",
                default="cosine",
                words=("cosine", "linear", "constant"),
            ),
            FormArgument("warmup", Kind.FRACTION, "Share of steps that it rises.", default=0.03),
            FormArgument("last", Kind.FRACTION, "Share of `lr` at the last step.", default=0.1),
            *_adam(beta2=0.999, weight_decay=0.0),
            FormArgument("dropout", Kind.FRACTION, "Of all layers.", default=0.0),
            *_common(clip=1.0),
        ),
    ),
    Form(
        "plain",
        "AdamW and nothing else: a place to start from.",
        (
            _steps(),
            _lr(),
            _batch("sequences(8)"),
            FormArgument("warmup", Kind.WHOLE, "Steps over which the rate rises.", default=0),
            _decay(0.0),
            *_common(clip=1.0),
        ),
    ),
)

MODELS: Final = _table(
    Form(
        "tiny_llama",
        "A Llama of random weights over the artefact's vocabulary.",
        (
            FormArgument("layers", Kind.COUNT, "Layers.", default=2),
            FormArgument("width", Kind.COUNT, "Size of a token's vector.", default=64),
            FormArgument("heads", Kind.COUNT, "Heads of attention.", default=4),
        ),
    )
)

# Argument of a recipe -> the forms that it takes, where it takes forms.
INNER: Final = {
    "batch": _table(
        Form("tokens", "So many tokens, padding counted.", (_count("Tokens."),)),
        Form("examples", "So many examples.", (_count("Examples."),)),
        Form("sequences", "So many packed sequences.", (_count("Sequences."),)),
    ),
    "dropout": _table(
        Form(
            "ramp",
            "Rising in equal steps from the lowest layer to the highest.",
            (
                FormArgument("bottom", Kind.FRACTION, "At the lowest.", by_position=True),
                FormArgument("top", Kind.FRACTION, "At the highest.", by_position=True),
            ),
        )
    ),
    "adapter": _table(
        Form(
            "lora",
            "Small matrices beside frozen ones (Hu et al. 2022; numbers of Dettmers et al. 2023).",
            (
                FormArgument("rank", Kind.COUNT, "Of what is added.", default=64),
                FormArgument("alpha", Kind.NUMBER, "It counts `alpha / rank`.", default=16.0),
                FormArgument("dropout", Kind.FRACTION, "Before what is added.", default=0.1),
                FormArgument("targets", Kind.TEXTS, "Names of layers; none: all.", default=None),
                FormArgument(
                    "rows",
                    Kind.WORD,
                    "Whether rows of added tokens are trained.",
                    default="added",
                    words=("added", "frozen"),
                ),
            ),
        )
    ),
}
