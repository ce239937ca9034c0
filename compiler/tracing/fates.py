"""Fates: what becomes of one input row in one build, clause by clause, to its place in a sequence.

In: a build, and where the row stands. Out: an `Account`: the steps in the order of the stages, and
the fate. The stages are run as a build runs them, only nothing is written: what the store has is
looked up, what it lacks is made and kept for the build. A row that leaves early costs no more than
the stages up to there; where an artefact stands, its own account of the row is believed.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import groupby

import numpy as np

from taskc.compiler import plan
from taskc.compiler.build import Means, load_all, trained
from taskc.compiler.decontamination.report import shared_by
from taskc.compiler.examples import Drop, EncodeTask
from taskc.compiler.places import span_of
from taskc.compiler.rows.findings import shown
from taskc.compiler.rows.load import Loaded
from taskc.compiler.rows.values.names import names_in
from taskc.compiler.sequences.stream import written_at
from taskc.compiler.store.objects import Store
from taskc.compiler.tracing.accounts import Account, Match, Placed, PlacedOf, Step
from taskc.compiler.tracing.delivery import Delivered, deliver
from taskc.compiler.tracing.following import (
    Carved,
    Choice,
    Deduplicated,
    Following,
    Limited,
    Near,
    index_of,
)
from taskc.compiler.tracing.phrasing import Verdict, laid, verdicts
from taskc.compiler.tracing.row import range_of
from taskc.compiler.turns.encode import encode
from taskc.compiler.twins.report import twin_of
from taskc.dsl.diagnostics import Diagnostic
from taskc.dsl.errors import has_errors

__all__ = ["accounts"]


def accounts(
    build: plan.BuildPlan, matches: Sequence[Match], means: Means, placed_of: PlacedOf
) -> list[Account]:
    """Returns what becomes of a row in a build, once for each source and split that reads it.

    Args:
        build: The build.
        matches: The row, as sources of the build read it.
        means: What the build works with.
        placed_of: Asks the artefact.

    Raises:
        StoreError: If the store is full or can't be used.
    """
    found = [_opened(build, match) for match in matches]
    waiting = [account for account in found if account.fate == "not read"]
    if waiting:
        loaded, followed = _loaded(build, waiting, means)
        for account, following in zip(waiting, followed, strict=True):
            _tell_choices(account, following)
            _tell_destination(account, loaded, means.store)
        _tell_training(build, loaded, means, waiting, placed_of)
        for account in waiting:
            if account.fate == "evaluated":
                _tell_evaluation(account, placed_of)
    return found


# ---- by its own values ---------------------------------------------------------------------------


def _opened(build: plan.BuildPlan, match: Match) -> Account:
    """The account up to `where`."""
    account = Account(build, match, match.split)
    source, look = match.source, match.look
    words = f"row {look.number} of {look.file.name}"
    account.steps.append(Step("read", words, source.connector.at))
    for let in source.lets:
        if look.row_id and let.name in look.values:
            value = look.values[let.name]
            words = f"{let.name} = {shown(value)}"
            account.steps.append(Step("let", words, let.at, {let.name: value}))
    if look.diagnostics:
        account.diagnostics = look.diagnostics
        account.end("mistake", _mistake(look.diagnostics))
        return account
    for where in source.wheres:
        values = {
            name: look.values[name] for name in names_in(where.condition) if name in look.values
        }
        if where == look.refused:
            account.end("dropped", Step("where", f"{where.text} is false", where.at, values))
            return account
        account.steps.append(Step("where", f"{where.text} is true", where.at, values))
    return account


def _mistake(errors: Sequence[Diagnostic]) -> Step:
    return Step("mistake", f"{errors[0].code}: {errors[0].message}", None)


# ---- among all rows ------------------------------------------------------------------------------


class _Together:
    """Several rows of one source that are followed at once."""

    def __init__(self, followed: Sequence[Following]) -> None:
        self.loaded = _each([following.loaded for following in followed])
        self.deduplicated = _each([following.deduplicated for following in followed])
        self.near = _each([following.near for following in followed])
        self.carved = _each([following.carved for following in followed])
        self.limited = _each([following.limited for following in followed])


def _each(calls: Sequence[Callable[..., None]]) -> Callable[..., None]:
    def call_all(*arguments: object) -> None:
        for call in calls:
            call(*arguments)

    return call_all


def _loaded(
    build: plan.BuildPlan, waiting: Sequence[Account], means: Means
) -> tuple[dict[str, Loaded], list[Following]]:
    """Loads a build's sources, and follows the row of each account."""
    followed = [
        Following(account.match.split, account.match.file.name, account.match.look.number)
        for account in waiting
    ]
    by_source: dict[str, list[Following]] = {}
    for account, following in zip(waiting, followed, strict=True):
        by_source.setdefault(account.match.source.name, []).append(following)
    together = {name: _Together(own) for name, own in by_source.items()}
    loaded, findings = load_all(build, means, together)
    if has_errors(findings):
        for account in waiting:
            account.diagnostics = findings
    return loaded, followed


def _tell_choices(account: Account, following: Following) -> None:
    """Adds what `dedup`, `carve` and `limit` did; a row that they drop ends here."""
    source = account.match.source
    if following.ordinal is None:
        sample = account.build.sample
        words = f"a sample of {sample:,} rows does not reach it" if sample else "was not reached"
        account.end("not read", Step("sample", words, source.connector.at))
        return
    account.split, account.ordinal = following.split, following.ordinal
    account.fate = "delivered"
    if source.dedup is not None and not any(
        isinstance(choice, Deduplicated | Near) for choice in following.choices
    ):
        account.steps.append(Step("dedup", "no other row has its key", source.dedup.at))
    for choice in following.choices:
        if choice.is_left or isinstance(choice, Carved):
            account.steps.append(_told(choice))
        else:
            account.end("dropped", _told(choice))


def _told(choice: Choice) -> Step:
    match choice:
        case Deduplicated(at=at, is_kept=True, num_alike=num_alike):
            return Step("dedup", f"stays, of {num_alike:,} rows with its key", at)
        case Deduplicated(at=at, winner=(file, number)):
            return Step("dedup", f"{file}:{number} has its key and stays", at)
        case Near(at=at, near=near, winner=winner):
            who = (
                "no row that stays" if winner is None else f"{winner[0]}:{winner[1]}, which stays,"
            )
            return Step("dedup", f"{who} is as near as {near:g}", at)
        case Carved(at=at, name=name, is_moved=True):
            return Step("carve", f"moved to split {name}", at)
        case Carved(at=at, name=name):
            return Step("carve", f"not moved to split {name}", at)
        case Limited(at=at, rank=rank, num_rows=num_rows, limit=limit):
            return Step("limit", f"number {rank:,} of {num_rows:,}, {limit:,} stay", at)


def _tell_destination(account: Account, loaded: Mapping[str, Loaded], store: Store) -> None:
    """Says where a row goes that its source has kept."""
    if account.fate != "delivered":
        return
    build, source = account.build, account.match.source
    if has_errors(account.diagnostics):
        words = "rows that the build reads have mistakes"
        account.end("stopped", Step("stopped", words, build.at))
    elif account.split not in build.splits:
        words = f"the build takes {', '.join(build.splits)}, not {account.split}"
        account.end("not taken", Step("splits", words, build.at))
    elif account.split != "train":
        account.fate = "evaluated"
        if source.name not in build.evaluated:
            words = f"the build does not evaluate {source.name}"
            account.end("not taken", Step("splits", words, build.at))
    elif source.name in build.mixture.held_out_sources:
        words = "its cluster is held out"
        account.end("not drawn from", Step("holdout", words, build.mixture.place("holdout")))
    elif source.name not in trained(build):
        words = f"the mixture does not draw from {source.name}"
        account.end("not drawn from", Step("from", words, build.mixture.place("from")))
    elif _index(account, loaded) is None:
        found = loaded[source.name]
        step = _twin(account, found) or _shared(account, found, store)
        account.end("dropped", step or _equal_of_held_out(account, loaded))


def _index(account: Account, loaded: Mapping[str, Loaded]) -> int | None:
    match = account.match
    rows = loaded[match.source.name].rows[account.split]
    return index_of(rows, match.file.name, match.look.number)


def _twin(account: Account, found: Loaded) -> Step | None:
    """Which row of the mixture stays in the row's place; None where none does."""
    match = account.match
    twin = twin_of(found.twins, match.file.name, match.look.number)
    if twin is None:
        return None
    row, near = twin.kept, twin.clause.near
    how = "equals it" if near is None else f"is {twin.likeness:.2f} alike"
    return Step("dedup", f"{row.file}:{row.number} of {row.source} {how} and stays", twin.clause.at)


def _shared(account: Account, found: Loaded, store: Store) -> Step | None:
    """Which words the row shares with which evaluation row; None where it was not dropped so."""
    match, inputs = account.match, found.rows[account.split].inputs
    names = [file.name for file in inputs.files]
    range_ = range_of(inputs, names.index(match.file.name), match.look.number)
    line = match.look.number - inputs.ranges[range_].first_number
    shared = shared_by(found.decontaminated, store, range_, line)
    if shared is None:
        return None
    row = shared.evaluated
    where = f"{row.file}:{row.number} of {row.source}, {row.split}"
    how = f"{shared.similarity:.2f} alike" if shared.similarity else f"shares {shown(shared.words)}"
    more = f", and {shared.num_more:,} more" if shared.num_more else ""
    return Step("decontaminate", f"{how} with {where}{more}", shared.clause.at)


def _equal_of_held_out(account: Account, loaded: Mapping[str, Loaded]) -> Step:
    """Which row of a held-out cluster the row equals."""
    mixture = account.build.mixture
    row_id = np.frombuffer(account.match.look.row_id, np.uint8)
    for name in mixture.held_out_sources:
        for split, rows in loaded[name].rows.items():
            equal = np.flatnonzero((rows.ids == row_id).all(axis=1))
            if len(equal):
                file, number = rows.place(int(equal[0]))
                words = f"equals {file}:{number} of {name}, {split}, which is held out"
                return Step("holdout", words, mixture.place("holdout"))
    raise AssertionError("a row that is gone equals a row that is held out")


# ---- phrased and encoded -------------------------------------------------------------------------


def _tell_training(
    build: plan.BuildPlan,
    loaded: Mapping[str, Loaded],
    means: Means,
    waiting: Sequence[Account],
    placed_of: PlacedOf,
) -> None:
    """The rest of the accounts of rows that are in the training split and left."""
    delivered = [account for account in waiting if account.fate == "delivered"]
    unknown = []
    for account in delivered:
        examples = placed_of(account)
        if examples is not None:
            account.examples, account.is_built = examples, True
        else:
            index = _index(account, loaded)
            assert index is not None, "a row that is gone was accounted for"
            unknown.append((account, index))
    unused = [account for account in waiting if _is_unused(account)]
    found = Delivered()
    if unknown or (unused and build.mixture.fewshot[1]):
        found = deliver(build, loaded, means, unknown)
    for account, drop in found.fallen:
        _tell_drop(account, account.task(evaluation=False), drop)
    for account in delivered:
        for repetition, own in groupby(account.examples, key=lambda each: each.repetition):
            task = account.task(evaluation=False, repetition=repetition)
            labels = {each.prompt for each in own}
            account.steps += _drawn(verdicts(task), labels, repetition)
        if account.examples and found.errors:
            account.diagnostics = found.errors
            account.end("stopped", _unmet(build, found.errors))
    for account in waiting:
        rows = found.exemplars.get(account.match.source.name)
        if rows is not None and _is_unused(account) and _index(account, loaded) in rows:
            words = "stands before examples of other rows"
            account.end("exemplar", Step("fewshot", words, build.mixture.place("fewshot")))


def _is_unused(account: Account) -> bool:
    """Whether a training row gives no example, though no clause dropped it."""
    is_left = account.fate in {"not asked for", "not drawn from", "not taken"}
    return is_left and account.split == "train"


def _unmet(build: plan.BuildPlan, errors: Sequence[Diagnostic]) -> Step:
    """The first requirement that is not met."""
    places = [each.at for each in build.mixture.requires]
    spans = [error.primary.span for error in errors if error.primary is not None]
    at = next((at for at in places if span_of(at) in spans), build.mixture.at)
    return Step("require", "what is delivered does not meet a requirement", at)


def _drawn(found: Sequence[Verdict], labels: Collection[str], repetition: int) -> Iterator[Step]:
    """Yields a step for each condition that kept a prompt out, and one for each that was drawn."""
    yield from _refusals(found)
    num_applying = sum(each.word in {"drawn", "applies"} for each in found)
    times = f" for its delivery {repetition + 1}" if repetition else ""
    among = f"of {num_applying} prompts that apply" if num_applying > 1 else "alone applies"
    for each in found:
        if each.label in labels:
            yield Step("prompt", f"{each.label} is drawn{times}, {among}", each.at)


def _refusals(found: Sequence[Verdict]) -> Iterator[Step]:
    for each in found:
        if each.word in {"where", "when"}:
            words = "its template's `where` is false" if each.word == "where" else "`when` is false"
            yield Step(each.word, f"not {each.label}: {words}", each.at, each.values)


def _tell_drop(account: Account, task: EncodeTask, drop: Drop) -> None:
    """Ends an account with the drop of the stages that phrase and encode."""
    found = verdicts(task)
    account.steps += _refusals(found)
    words = drop.reason
    drawn = [index for index, each in enumerate(found) if each.word == "drawn"]
    if drop.stage == "encode" and drawn:
        example = laid(task, drawn[0])
        too_long = example.layout.too_long.get(0) if example is not None else None
        if too_long is not None:
            words = (
                f"the {too_long.what} has {too_long.num_tokens:,} tokens, "
                f"the limit is {too_long.limit:,}"
            )
    if drawn:
        words = f"by {found[drawn[0]].label}: {words}"
    account.end("dropped", Step(drop.stage, words, drop.at))


def _tell_evaluation(account: Account, placed_of: PlacedOf) -> None:
    """The rest of the account of a row of an evaluation split."""
    task = account.task(evaluation=True)
    encoded = encode(task)
    if encoded.errors:
        account.diagnostics = encoded.errors
        account.end("mistake", _mistake(encoded.errors))
        return
    if not len(encoded):
        _tell_drop(account, task, encoded.drops[0])
        return
    account.steps += _refusals(verdicts(task))
    shots = account.build.mixture.fewshot[1]
    if shots:
        words = f"whatever asks for an answer stands there twice, once behind up to {shots} others"
        account.steps.append(Step("fewshot", words, account.build.mixture.place("fewshot")))
    examples = placed_of(account)
    if examples is not None:
        account.examples, account.is_built = examples, True
        return
    folder = account.build.at.path.rpartition("/")[0]
    lengths = np.diff(encoded.offsets).tolist()
    for index, (template, prompt) in enumerate(
        zip(encoded.template.tolist(), encoded.prompt.tolist(), strict=True)
    ):
        owner = task.templates[template]
        written = owner.prompts[prompt]
        start, stop = encoded.span_offsets[index : index + 2].tolist()
        spans = encoded.spans[2 * start : 2 * stop].reshape(-1, 2)
        account.examples.append(
            Placed(
                prompt=f"{owner.name}.{written.label}",
                at=written_at(written.at, folder),
                tokens=lengths[index],
                trained=int((spans[:, 1] - spans[:, 0]).sum()),
            )
        )
