"""Data sets of the hub and folders in its form: what is read, what is kept, what is said."""

import hashlib
import json
import re
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from taskc.compiler import plan
from taskc.compiler.rows.connect.hub import hub_files, hub_revision, is_on_hub
from taskc.compiler.rows.findings import Findings

AT = plan.Place(path="s.task", start=0, end=1, line=1, column=1)
ROWS = [{"n": number, "t": f"text {number}"} for number in range(2_500)]


def source(bench, folder: str, *, split: str = "train", **options):
    """A source over a folder in the hub's form; its `train` is called `split` there."""
    connector = plan.Connector(
        kind="hf",
        patterns={"train": str(bench.folder / folder)},
        roots={"train": str(bench.folder)},
        names={"train": split},
        options=options,
        at=AT,
    )
    return bench.source(connector=connector, columns={"n": "int", "t": "text"})


def codes(loaded) -> list[str]:
    """Codes of what was found."""
    return [found.code for found in loaded.diagnostics]


# ---- folders -------------------------------------------------------------------------------------


def write_parquet(bench, name: str = "set/data/train-0.parquet") -> None:
    """A data set of one Parquet file."""
    path = bench.folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(ROWS), path)


def test_parquet_files_are_read_where_they_lie(bench):
    """No copy is made of them, and their names are those that they have in the data set."""
    write_parquet(bench)
    loaded = bench.load(source(bench, "set"))
    rows = loaded.rows["train"]

    assert rows.values == ROWS
    assert ["set/data/train-0.parquet"] == rows.file_names
    assert str(bench.folder / "set/data/train-0.parquet") == (
        loaded.keys["train"].inputs.files[0].path
    )


def test_other_files_are_read_as_the_library_makes_them(bench):
    """What it makes of them is an Arrow stream, which is cut between its record batches."""
    bench.rows("set/train.jsonl", ROWS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("taskc.compiler.rows.inputs._MIN_RANGE_BYTES", 1)
        loaded = bench.load(source(bench, "set"))

    assert loaded.rows["train"].values == ROWS
    assert [1, 1_001, 2_001] == [place.first_number for place in loaded.keys["train"].inputs.ranges]
    assert ["set/set-train.arrow"] == loaded.rows["train"].file_names


def test_types_of_a_card_are_kept(bench):
    """Where the card says more than the Parquet file the library's rows are read."""
    write_parquet(bench, "set/train.parquet")
    bench.write(
        "set/README.md",
        "---\ndataset_info:\n  features:\n  - name: n\n    dtype: string\n"
        "  - name: t\n    dtype: string\n---\n",
    )
    loaded = bench.load(source(bench, "set").model_copy(update={"columns": {}}))

    assert {"n": "3", "t": "text 3"} == loaded.rows["train"].values[3]


def test_configurations_are_data_sets_of_their_own(bench):
    """Each has its files."""
    bench.rows("set/a.jsonl", ROWS[:3])
    bench.rows("set/b.jsonl", ROWS[3:5])
    bench.write(
        "set/README.md",
        "---\nconfigs:\n- config_name: a\n  data_files: a.jsonl\n"
        "- config_name: b\n  data_files: b.jsonl\n---\n",
    )

    assert ROWS[3:5] == bench.load(source(bench, "set", config="b")).rows["train"].values
    assert ["T0543"] == codes(bench.load_keys(source(bench, "set", config="c"))[1])


def test_a_part_of_a_split_is_no_split(bench):
    """The library's own notation for parts would be read as the whole."""
    bench.rows("set/train.jsonl", ROWS)
    _, loaded = bench.load_keys(source(bench, "set", split="train[:10]"))

    assert ["T0543"] == codes(loaded)


def test_without_the_library(bench, monkeypatch):
    """It is an extra; the command that installs it is said."""
    write_parquet(bench)
    monkeypatch.setitem(sys.modules, "datasets", None)
    _, loaded = bench.load_keys(source(bench, "set"))

    assert ["T1030"] == codes(loaded)
    assert ('install it: `pip install "taskc-lang[hf]"`',) == loaded.diagnostics[0].helps


# ---- the hub -------------------------------------------------------------------------------------

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def parquet() -> bytes:
    """A file of two rows."""
    out = BytesIO()
    pq.write_table(pa.Table.from_pylist(ROWS[:2]), out)
    return out.getvalue()


FILES = {"README.md": b"---\nlicense: mit\n---\n", "data/train-00000-of-00001.parquet": parquet()}


class Hub(BaseHTTPRequestHandler):
    """As much of the hub as the library asks for: one data set, and one that is gated."""

    def log_message(self, *_arguments) -> None:
        """Says nothing."""

    def do_HEAD(self) -> None:
        """Answers without a body."""
        self.do_GET()

    def do_GET(self) -> None:
        """Answers what the library asks before and while it fetches files."""
        path = self.path.partition("?")[0]
        if "/nosuch" in path:
            self.answer(404, error="RevisionNotFound")
        elif path.startswith("/api/datasets/owner/name/tree/"):
            self.answer(200, json.dumps(self.tree(path.split("/", 7)[7:])).encode())
        elif path.startswith("/api/datasets/owner/name"):
            siblings = [{"rfilename": name} for name in FILES]
            self.answer(200, json.dumps({"id": "owner/name", "sha": COMMIT, "siblings": siblings}))
        elif found := re.fullmatch(r"/datasets/owner/name/resolve/[^/]+/(.+)", path):
            content = FILES.get(found[1])
            self.answer(200 if content else 404, content or b"", error="EntryNotFound")
        elif "gated" in path:
            self.answer(403, error="GatedRepo")
        else:
            self.answer(404, error="RepoNotFound")

    def tree(self, inner: list[str]) -> list[dict]:
        """The entries of a folder."""
        if inner == ["data"]:
            return [entry(name) for name in FILES if name.startswith("data/")]
        return [entry("README.md"), {"type": "directory", "oid": "0", "size": 0, "path": "data"}]

    def answer(self, status: int, body: bytes | str = b"", *, error: str = "") -> None:
        """Sends an answer; `error` says of what kind, where it is one."""
        raw = body.encode() if isinstance(body, str) else body
        self.send_response(status)
        if status != 200:
            self.send_header("X-Error-Code", error)
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("ETag", f'"{hashlib.sha1(raw).hexdigest()}"')
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(raw)


def entry(name: str) -> dict:
    """A file as the hub lists it."""
    content = FILES[name]
    oid = hashlib.sha1(content).hexdigest()
    return {"type": "file", "oid": oid, "size": len(content), "path": name}


ASK = """
import json, sys
from taskc.compiler import plan
from taskc.compiler.lock.reading import read_source
from taskc.compiler.rows.connect.hub import hub_files
from taskc.compiler.rows.findings import Findings
from taskc.compiler.store.objects import Store

at = plan.Place(path="s.task", start=0, end=1, line=1, column=1)
for name, revision in json.loads(sys.argv[2]):
    connector = plan.Connector(
        kind="hf", patterns={"train": name}, roots={"train": ""}, names={"train": "train"},
        options={"revision": revision}, at=at,
    )
    findings = Findings("s", at)
    files = hub_files(connector, "train", findings, Store.open(sys.argv[1]))
    found = findings.diagnostics()
    locked = None
    if files and "datasets" in sys.modules:
        entry = read_source("s", connector, {"train": name}, store=None).entry
        locked = [entry.revision, entry.splits["train"].rows, entry.splits["train"].files]
    print(json.dumps({
        "files": [[file.path, file.name] for file in files],
        "codes": [each.code for each in found],
        "helps": [help for each in found for help in each.helps],
        "locked": locked,
        "library": "datasets" in sys.modules,
    }))
"""


@pytest.fixture(scope="module")
def ask(tmp_path_factory):
    """Asks a process of its own for data sets: where the hub is, is read at import."""
    home = tmp_path_factory.mktemp("hub")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def answers(
        asked: list[tuple[str, str | None]], *, with_hub: bool = True, endpoint: str | None = None
    ) -> list[dict]:
        port = server.server_address[1] if with_hub else 9
        environment = {
            "HF_ENDPOINT": endpoint or f"http://127.0.0.1:{port}",
            "HF_HOME": str(home / "cache"),
            "HF_HUB_OFFLINE": "0" if with_hub else "1",
            "PATH": "",
        }
        done = subprocess.run(
            [sys.executable, "-c", ASK, str(home / "store"), json.dumps(asked)],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        assert "Retrying" not in done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    yield answers
    server.shutdown()
    server.server_close()


def test_the_hub(ask):
    """A commit is fetched once; afterwards neither the hub nor the library is needed for it."""
    pinned, branch, gated, unknown, revision = ask(
        [
            ("owner/name", COMMIT),
            ("owner/name", None),
            ("owner/gated", None),
            ("owner/unknown", None),
            ("owner/name", "nosuch"),
        ]
    )
    again, elsewhere = ask([("owner/name", COMMIT), ("owner/other", COMMIT)], with_hub=False)

    assert ["owner/name/data/train-00000-of-00001.parquet"] == [name for _, name in pinned["files"]]
    assert pq.read_table(pinned["files"][0][0]).to_pylist() == ROWS[:2]
    assert pinned["files"] == branch["files"] == again["files"]
    assert [COMMIT, 2, {}] == branch["locked"] == pinned["locked"]
    assert [["T0541"]] * 3 == [each["codes"] for each in (gated, unknown, revision)]
    assert "hf auth login" in gated["helps"][0]
    assert "hf auth login" not in unknown["helps"][0]
    assert not again["library"]
    assert ["T0542"] == elsewhere["codes"]
    assert "--local-dir FOLDER" in elsewhere["helps"][1]


def test_a_hub_that_leads_nowhere(ask):
    """Where its name can't be resolved the library is told so: it would try again for minutes."""
    (found,) = ask([("owner/name", "main")], endpoint="http://hub.invalid")

    assert ["T0542"] == found["codes"]


def test_a_name_is_of_the_hub_where_it_has_no_root():
    """A folder has the root that it is shown below."""
    connector = plan.Connector(
        kind="hf", patterns={"train": "o/n"}, roots={"train": ""}, options={}, at=AT
    )
    folder = connector.model_copy(update={"roots": {"train": "data"}})
    findings = Findings("s", AT)

    assert is_on_hub(connector)
    assert not is_on_hub(folder)
    assert not is_on_hub(folder.model_copy(update={"kind": "jsonl", "roots": {"train": ""}}))
    assert "" == hub_revision(folder)
    assert [] == hub_files(folder, "train", findings, None)
    assert ["T0541"] == [found.code for found in findings.diagnostics()]
