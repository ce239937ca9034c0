"""Tokenizers of the Hugging Face hub: the files of one commit, in the hub's own cache.

In: `owner/name` and a revision. Out: where its files lie, or why they can't be had. Whatever lies
in the cache of a pinned commit is read without a network, and without asking. A branch is asked for
once a process: from then on its commit stands. `huggingface_hub` comes with `tokenizers`; its
import takes 0.3 s and is made for tokenizers of the hub alone.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from taskc.compiler import plan

__all__ = ["HubError", "fetched", "hub_commit"]

_COMMIT = re.compile(r"[0-9a-f]{40}")
_MAX_NOTE_CHARS = 200


class HubError(Exception):
    """Why a tokenizer of the hub can't be had.

    Attributes:
        message: The first line of the diagnostic.
        notes: Facts.
        helps: Actions.
    """

    def __init__(self, message: str, notes: tuple[str, ...], helps: tuple[str, ...]) -> None:
        super().__init__(message)
        self.message = message
        self.notes = notes
        self.helps = helps


def fetched(spec: plan.Tokenizer, names: Sequence[str]) -> dict[str, Path]:
    """Returns where files of a tokenizer lie; all but the first may be missing there.

    Args:
        spec: Of the kind `hf`.
        names: Of files, the first of which has to be there.

    Raises:
        HubError: If the first can't be had.
    """
    found = _fetched(spec.path, str(spec.options.get("revision") or ""), tuple(names))
    if isinstance(found, HubError):
        raise found
    return {name: found / name for name in names}


def hub_commit(spec: plan.Tokenizer, names: Sequence[str]) -> str:
    """Returns the commit that a tokenizer is read at.

    Raises:
        HubError: If it can't be had.
    """
    return fetched(spec, names)[names[0]].parent.name


@lru_cache(maxsize=64)
def _fetched(repository: str, revision: str, names: tuple[str, ...]) -> Path | HubError:
    """The folder of a commit, fetched as far as it was missing: kept, so a branch does not move."""
    from huggingface_hub import errors

    try:
        first = _file(repository, revision, names[0])
        commit = first.parent.name
        for name in names[1:]:
            try:
                _file(repository, commit, name)
            except errors.EntryNotFoundError:
                continue  # the hub has none, or can't be asked: what was fetched is all there is
    except (errors.HfHubHTTPError, errors.HFValidationError, OSError, ValueError) as error:
        return _problem(repository, revision, error)
    return first.parent


def _file(repository: str, revision: str, name: str) -> Path:
    """One file of the cache, fetched if it isn't there."""
    from huggingface_hub import hf_hub_download, try_to_load_from_cache
    from huggingface_hub.errors import EntryNotFoundError

    if _COMMIT.fullmatch(revision):  # what lies there of a commit stays as it is
        cached = try_to_load_from_cache(repository, name, revision=revision)
        if isinstance(cached, str):
            return Path(cached)
        if cached is not None:
            raise EntryNotFoundError(f"{repository} has no {name} at {revision}")
    return Path(hf_hub_download(repository, name, revision=revision or None))


def _problem(repository: str, revision: str, error: Exception) -> HubError:
    """What is wrong, and what to do about it."""
    from huggingface_hub import errors

    first = next(iter(str(error).splitlines()), "")
    notes = (first[:_MAX_NOTE_CHARS].rstrip("."),) if first else ()
    match error:
        case errors.GatedRepoError():
            return HubError(
                f"the hub gives `{repository}` only to those whom its owner lets in",
                notes,
                (f"ask for it at huggingface.co/{repository}, then `hf auth login`",),
            )
        case errors.RepositoryNotFoundError() | errors.HFValidationError():
            return HubError(
                f"the hub has no `{repository}`, or shows it to others alone",
                notes,
                ("is it written `owner/name`? If it is private: `hf auth login`",),
            )
        case errors.RevisionNotFoundError():
            return HubError(
                f"`{repository}` has no revision `{revision}` on the hub",
                notes,
                ("name one of its commits, branches or tags",),
            )
        case errors.RemoteEntryNotFoundError():
            return HubError(
                f"`{repository}` has no tokenizer.json on the hub",
                notes,
                ("convert it with transformers, save it and read the folder: `from folder(...)`",),
            )
        case _:
            return _unreached(repository, revision)


def _unreached(repository: str, revision: str) -> HubError:
    """Neither the cache has it nor is there a network: the library's own words change too often."""
    pinned = f" --revision {revision}" if revision else ""
    return HubError(
        f"the hub cannot be reached for `{repository}`",
        (),
        (
            "build once with a network: what was fetched of a pinned commit is kept",
            f"or bring it here: `hf download {repository}{pinned} --local-dir FOLDER`",
            'and read the folder: `from folder("FOLDER")`',
        ),
    )
