"""Data sets of the Hugging Face hub, and folders that its library `datasets` reads.

In: the id of a data set or a folder, a configuration, a revision, a split. Out: local files of
Parquet or Arrow: the data set's own Parquet files where it has such, else what `datasets` makes of
its files in its cache. What was fetched of one commit is found again without the library, and
without a network. Importing the library takes 2 s. Where the hub's name leads nowhere it is not
asked: the library would try for minutes.
"""

import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from logging import ERROR
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

import orjson

from taskc.compiler import plan
from taskc.compiler.rows.connect.files import InputFile
from taskc.compiler.rows.findings import Findings
from taskc.compiler.store.objects import Store

__all__ = ["hub_files", "hub_revision", "is_on_hub"]

KIND = "hub"
_COMMIT = re.compile(r"[0-9a-f]{40}")
_HUB_URL = re.compile(r"hf://datasets/([^@]+)@[^/]+/(.+)")
_MAX_NOTE_CHARS = 200


class _DataSet(NamedTuple):
    """Which data set, as the library is asked for it; `""` stands for what is not given."""

    path: str
    config: str
    revision: str
    is_on_hub: bool


class _Split(NamedTuple):
    """A split: what it is called in the data set, and in the source."""

    name: str
    own: str


# What the hub said in a build, which has a store of its own.
_found: "WeakKeyDictionary[Store, dict[tuple[_DataSet, _Split], list[InputFile]]]" = (
    WeakKeyDictionary()
)


class _ProblemError(Exception):
    """Why there are no files; caught in `hub_files`, which makes a diagnostic of it."""

    def __init__(
        self, code: str, message: str, *, notes: tuple[str, ...] = (), helps: tuple[str, ...] = ()
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.notes = notes
        self.helps = helps


def is_on_hub(connector: plan.Connector) -> bool:
    """Whether an `hf` connector names a data set of the hub, and not a folder."""
    return connector.kind == "hf" and not any(connector.roots.values())


def hub_files(
    connector: plan.Connector, split: str, findings: Findings, store: Store | None
) -> list[InputFile]:
    """Returns the files of a split, in its own order; where there are none, that is reported.

    Args:
        connector: Of the kind `hf`.
        split: A split of the source.
        findings: Told what is wrong.
        store: Remembers where the files of a commit lie; None: they are asked for again.
    """
    data_set = _data_set(connector, split)
    asked = _Split(connector.names.get(split, split), split)
    key = _key(data_set, asked)
    known = _remembered(store, key)
    if known:
        return known
    try:
        files = _asked_once(data_set, asked, store)
    except _ProblemError as problem:
        findings.report(
            problem.code,
            problem.message[:100],
            at=connector.at,
            label="read from here",
            notes=problem.notes,
            helps=problem.helps,
        )
        return []
    if store is not None and _COMMIT.fullmatch(data_set.revision):
        store.put(KIND, key, orjson.dumps([[file.path, file.name] for file in files]))
    return files


def hub_revision(connector: plan.Connector) -> str:
    """The commit that a data set is read at; "" where it can't be told, and for a folder."""
    given = str(connector.options.get("revision") or "")
    if _COMMIT.fullmatch(given) or not is_on_hub(connector):
        return given
    data_set = _data_set(connector, next(iter(connector.patterns)))
    try:
        with _quiet(data_set):
            found = str(_builder(data_set).hash)
    except _ProblemError:
        return given  # reported where the rows are read
    return found if _COMMIT.fullmatch(found) else given


def _data_set(connector: plan.Connector, split: str) -> _DataSet:
    options = connector.options
    return _DataSet(
        connector.patterns[split],
        str(options.get("config") or ""),
        str(options.get("revision") or ""),
        is_on_hub(connector),
    )


# ---- what is known -------------------------------------------------------------------------------


def _key(data_set: _DataSet, split: _Split) -> str:
    return blake2b(orjson.dumps([*data_set, split.name]), digest_size=16).hexdigest()


def _remembered(store: Store | None, key: str) -> list[InputFile]:
    """The files of an earlier build, where they still lie there."""
    content = None if store is None else store.get(KIND, key)
    files = [InputFile(path, name) for path, name in orjson.loads(content or b"[]")]
    return files if all(Path(file.path).is_file() for file in files) else []


# ---- asking the library --------------------------------------------------------------------------


def _asked_once(data_set: _DataSet, split: _Split, store: Store | None) -> list[InputFile]:
    """The files of a split: the hub is asked once a build, during which a branch may move."""
    if store is None or not data_set.is_on_hub:
        return _split_files(data_set, split)
    found = _found.setdefault(store, {})
    if (data_set, split) not in found:
        found[data_set, split] = _split_files(data_set, split)
    return found[data_set, split]


def _split_files(data_set: _DataSet, split: _Split) -> list[InputFile]:
    if not data_set.is_on_hub and not Path(data_set.path).exists():
        raise _ProblemError("T0541", f"there is no folder `{Path(data_set.path).name}`")
    with _quiet(data_set):
        builder = _builder(data_set)
        files = _own_parquet_files(data_set, builder, split)
        return files if files is not None else _cached_files(data_set, builder, split)


@contextmanager
def _quiet(data_set: _DataSet) -> Iterator[None]:
    """Leaves the terminal to our own progress and findings, and asks no hub that isn't there."""
    datasets = _library()
    from huggingface_hub import constants
    from huggingface_hub.utils import logging

    was_quiet = datasets.are_progress_bars_disabled()
    loudness = logging.get_verbosity()
    was_offline = constants.HF_HUB_OFFLINE, datasets.config.HF_HUB_OFFLINE
    datasets.disable_progress_bars()
    logging.set_verbosity(ERROR)
    if data_set.is_on_hub and not constants.HF_HUB_OFFLINE and _leads_nowhere(constants.ENDPOINT):
        constants.HF_HUB_OFFLINE = datasets.config.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE, datasets.config.HF_HUB_OFFLINE = was_offline
        logging.set_verbosity(loudness)
        if not was_quiet:
            datasets.enable_progress_bars()


def _leads_nowhere(url: str) -> bool:
    """Whether a name can't be resolved here; a proxy would resolve it elsewhere."""
    from urllib.request import getproxies  # brings HTTP and TLS in: 8 ms

    if getproxies():
        return False
    try:
        socket.getaddrinfo(urlsplit(url).hostname, None)
    except OSError:
        return True
    return False


def _library() -> Any:
    try:
        import datasets
    except ImportError as error:
        raise _ProblemError(
            "T1030",
            "`hf` needs the library `datasets`, which is not installed",
            helps=('install it: `pip install "taskc-lang[hf]"`',),
        ) from error
    return datasets


def _builder(data_set: _DataSet) -> Any:
    """What the library knows of a data set before it reads any row."""
    datasets = _library()
    try:
        return datasets.load_dataset_builder(
            data_set.path, name=data_set.config or None, revision=data_set.revision or None
        )
    except (datasets.exceptions.DatasetNotFoundError, FileNotFoundError) as error:
        raise _not_found(data_set, error) from error
    except ConnectionError as error:
        raise _not_reached(data_set, error) from error
    except ValueError as error:
        raise _wrong_config(data_set, error) from error
    except Exception as error:  # a data set's own files may raise anything
        raise _unreadable(data_set, error) from error


def _own_parquet_files(data_set: _DataSet, builder: Any, split: _Split) -> list[InputFile] | None:
    """The Parquet files that a data set consists of; None: it has others, or gives them types."""
    listed = builder.config.data_files
    if not listed or not type(builder).__name__.startswith("Parquet"):
        return None
    _check_split(data_set, split, sorted(map(str, listed)))
    urls = [str(url) for url in listed[split.name]]
    if not all(url.endswith(".parquet") for url in urls):
        return None
    datasets = _library()
    try:
        manager = datasets.DownloadManager(
            dataset_name=builder.dataset_name,
            download_config=datasets.DownloadConfig(token=builder.token),
        )
        paths = [str(path) for path in manager.download(urls)]
    except (ConnectionError, OSError) as error:
        raise _not_reached(data_set, error) from error
    files = [InputFile(path, _name(data_set, url)) for path, url in zip(paths, urls, strict=True)]
    return files if _have_types(files, builder.info.features) else None


def _have_types(files: list[InputFile], features: Any) -> bool:
    """Whether files hold values as the data set's card declares them; without one they do."""
    import pyarrow.parquet as pq

    if features is None:
        return True
    declared = features.arrow_schema.remove_metadata()
    for file in files:
        held = pq.read_schema(file.path).remove_metadata()
        if {field.name: field.type for field in held} != {
            field.name: field.type for field in declared
        }:
            return False
    return True


def _cached_files(data_set: _DataSet, builder: Any, split: _Split) -> list[InputFile]:
    """The Arrow files that the library makes of a split in its cache."""
    try:
        builder.download_and_prepare()
        _check_split(data_set, split, sorted(map(str, builder.info.splits or ())))
        cached = builder.as_dataset(split.name).cache_files
    except _ProblemError:
        raise
    except ConnectionError as error:
        raise _not_reached(data_set, error) from error
    except Exception as error:  # as above
        raise _unreadable(data_set, error) from error
    paths = [Path(each["filename"]) for each in cached]
    return [InputFile(str(path), f"{_shown(data_set)}/{path.name}") for path in paths]


def _check_split(data_set: _DataSet, split: _Split, known: list[str]) -> None:
    if split.name in known:
        return
    listed = ", ".join(f"`{name}`" for name in known)
    raise _ProblemError(
        "T0543",
        f"`{_shown(data_set)}` has no split `{split.name}`",
        notes=(f"its splits: {listed}",) if known else ("it has none",),
        helps=(f'say what it is called there: `splits {split.own} = "{known[0]}"`',)
        if known
        else (),
    )


def _name(data_set: _DataSet, url: str) -> str:
    """How a file is shown: below the data set's id, or below the folder's own name."""
    on_hub = _HUB_URL.fullmatch(url)
    if on_hub:
        return "/".join(on_hub.groups())
    folder = Path(data_set.path).resolve()
    path = Path(url).resolve()
    inner = path.relative_to(folder) if path.is_relative_to(folder) else Path(path.name)
    return f"{folder.name}/{inner.as_posix()}"


# ---- what is wrong -------------------------------------------------------------------------------


def _shown(data_set: _DataSet) -> str:
    return data_set.path if data_set.is_on_hub else Path(data_set.path).name


def _notes(error: BaseException) -> tuple[str, ...]:
    """What the library says, its first line."""
    first = next(iter(str(error).splitlines()), "")
    return (first[:_MAX_NOTE_CHARS].rstrip("."),) if first else ()


def _not_found(data_set: _DataSet, error: Exception) -> _ProblemError:
    if not data_set.is_on_hub:
        return _ProblemError(
            "T0541", f"the folder `{_shown(data_set)}` holds no data set", notes=_notes(error)
        )
    gated = "gated" in str(error) or "authenticated" in str(error)
    return _ProblemError(
        "T0541",
        f"the hub does not give `{data_set.path}`",
        notes=_notes(error),
        helps=(
            f"ask for it at huggingface.co/datasets/{data_set.path}, then `hf auth login`"
            if gated
            else "is it written `owner/name`, and is the revision one of its commits?",
        ),
    )


def _not_reached(data_set: _DataSet, error: Exception) -> _ProblemError:
    revision = f" --revision {data_set.revision}" if data_set.revision else ""
    fetch = f"hf download --repo-type dataset {data_set.path}{revision} --local-dir FOLDER"
    return _ProblemError(
        "T0542",
        f"the hub cannot be reached for `{_shown(data_set)}`",
        notes=_notes(error),
        helps=(
            "build once with a network: what was fetched of a pinned commit is kept",
            f"or bring it here: `{fetch}`",
            'and read the folder: `from hf("./FOLDER")`',
        ),
    )


def _wrong_config(data_set: _DataSet, error: ValueError) -> _ProblemError:
    datasets = _library()
    try:
        known = datasets.get_dataset_config_names(data_set.path, revision=data_set.revision or None)
    except Exception:  # noqa: BLE001 - as above; then the library's own words have to do
        return _ProblemError("T0543", f"`{_shown(data_set)}` is not read so", notes=_notes(error))
    asked = f"no configuration `{data_set.config}`" if data_set.config else "several configurations"
    listed = ", ".join(f"`{name}`" for name in known)
    return _ProblemError(
        "T0543",
        f"`{_shown(data_set)}` has {asked}",
        notes=(f"its configurations: {listed}",),
        helps=(f'name one: `config: "{known[0]}"`',),
    )


def _unreadable(data_set: _DataSet, error: Exception) -> _ProblemError:
    cause = error.__cause__ or error
    return _ProblemError(
        "T0544",
        f"`datasets` cannot read `{_shown(data_set)}`",
        notes=(f"{type(cause).__name__}: {' '.join(_notes(cause))}"[:_MAX_NOTE_CHARS],),
        helps=("download its files and read them by `jsonl(...)`, `csv(...)` or `parquet(...)`",),
    )
