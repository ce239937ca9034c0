"""Tokenizers of the hub: a commit is fetched once, and what can't be had says what to do."""

import hashlib
import json
import re
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

COMMIT = "1" * 40
TURN = "{{ message.content }}<end>"


def tokenizer_json() -> bytes:
    """A tokenizer of two words."""
    made = Tokenizer(models.WordLevel({"<unk>": 0, "red": 1, "green": 2}, unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    made.add_special_tokens(["<end>"])
    return made.to_str().encode()


FILES = {
    "tokenizer.json": tokenizer_json(),
    "tokenizer_config.json": json.dumps({"eos_token": "<end>"}).encode(),
    "chat_template.jinja": TURN.encode(),
}


class Hub(BaseHTTPRequestHandler):
    """As much of the hub as its library asks for, with one repository."""

    def log_message(self, *_: object) -> None:
        """Keeps the terminal quiet."""

    def do_GET(self) -> None:
        """Answers with a file."""
        found = re.fullmatch(r"/(owner/\w+)/resolve/([^/]+)/(.+)", self.path)
        repository, revision, name = found.groups() if found else ("", "", "")
        if repository == "owner/gated":
            self.answer(403, error="GatedRepo")
        elif repository not in {"owner/words", "owner/bare"}:
            self.answer(404, error="RepoNotFound")
        elif revision not in {"main", COMMIT}:
            self.answer(404, error="RevisionNotFound")
        elif repository == "owner/bare" or name not in FILES:
            self.answer(404, error="EntryNotFound")
        else:
            self.answer(200, FILES[name])

    do_HEAD = do_GET  # noqa: N815 (named by the library)

    def answer(self, status: int, body: bytes = b"", *, error: str = "") -> None:
        """Sends an answer; `error` says of what kind, where it is one."""
        self.send_response(status)
        if error:
            self.send_header("X-Error-Code", error)
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("ETag", f'"{hashlib.sha1(body).hexdigest()}"')
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


ASK = """
import json, sys
from taskc.compiler import plan
from taskc.compiler.lock.reading import read_tokenizer
from taskc.compiler.turns.tokenizer import fingerprint, load

at = plan.Place(path="s.task", start=0, end=1, line=1, column=1)
for name, revision in json.loads(sys.argv[1]):
    spec = plan.Tokenizer(
        name="t", kind="hf", path=name, options={"revision": revision}, eos="", bos="", pad="",
        added={}, places={}, at=at,
    )
    loaded, errors = load(spec)
    entry, _ = read_tokenizer(spec, store=None)
    print(json.dumps({
        "codes": [each.code for each in errors],
        "messages": [each.message for each in errors],
        "helps": [help for each in errors for help in each.helps],
        "special": loaded and loaded.special,
        "files": loaded and sorted(loaded.files),
        "locked": entry and [entry.revision, sorted(entry.files)],
        "fingerprint": fingerprint(spec),
    }))
"""


@pytest.fixture(scope="module")
def ask(tmp_path_factory):
    """Asks a process of its own for tokenizers: where the hub is, is read at import."""
    home = tmp_path_factory.mktemp("hub")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def answers(asked: list[tuple[str, str | None]], *, with_hub: bool = True) -> list[dict]:
        port = server.server_address[1] if with_hub else 9
        environment = {
            "HF_ENDPOINT": f"http://127.0.0.1:{port}",
            "HF_HOME": str(home / "cache"),
            "HF_HUB_OFFLINE": "0" if with_hub else "1",
            "PATH": "",
        }
        done = subprocess.run(
            [sys.executable, "-c", ASK, json.dumps(asked)],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        return [json.loads(line) for line in done.stdout.splitlines()]

    yield answers
    server.shutdown()
    server.server_close()


def test_a_commit_is_fetched_once(ask):
    """Afterwards no hub is needed for it; a branch gives the files of the same commit."""
    pinned, branch = ask([("owner/words", COMMIT), ("owner/words", None)])
    (again,) = ask([("owner/words", COMMIT)], with_hub=False)

    assert pinned == again
    assert pinned | {"fingerprint": ""} == branch | {"fingerprint": ""}
    assert pinned["codes"] == []
    assert pinned["special"] == {"eos": 3}
    assert pinned["files"] == sorted(FILES)
    assert pinned["locked"] == [COMMIT, sorted(FILES)]


def test_what_cannot_be_had_says_what_to_do(ask):
    """Gated, unknown, another revision, no tokenizer.json, no network: one diagnostic each."""
    asked = ["owner/gated", "owner/unknown", "owner/words", "owner/bare", "no name"]
    revisions = [None, None, "nosuch", None, None]
    found = ask(list(zip(asked, revisions, strict=True)))
    found += ask([("owner/other", COMMIT)], with_hub=False)

    assert [each["codes"] for each in found] == [["T0642"]] * 6
    assert [each["messages"] for each in found] == [
        ["the hub gives `owner/gated` only to those whom its owner lets in"],
        ["the hub has no `owner/unknown`, or shows it to others alone"],
        ["`owner/words` has no revision `nosuch` on the hub"],
        ["`owner/bare` has no tokenizer.json on the hub"],
        ["the hub has no `no name`, or shows it to others alone"],
        ["the hub cannot be reached for `owner/other`"],
    ]
    assert "hf auth login" in found[0]["helps"][0]
    assert f"hf download owner/other --revision {COMMIT}" in found[5]["helps"][1]
    assert {each["locked"] for each in found} == {None}
