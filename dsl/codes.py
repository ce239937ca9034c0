"""Every diagnostic code: its severity and a short title, one line each.

In: nothing. Out: the table that `Reporter`, the report and the catalogue read. A code is declared
once, here; its page is `dsl/explain/CODE.md`. Codes are stable: a code that is no longer reported
keeps its number and is never used for something else.

T00xx text and syntax, T01xx names and imports, T02xx types, T03xx templates and options, T04xx
mixing and held-out data, T05xx sources and lock, T06xx packing and format, T07xx lints, T08xx
build-time (rows, requires), T09xx our own bugs.
"""

from enum import StrEnum
from typing import NamedTuple

__all__ = ["CODES", "Code", "Severity"]


class Severity(StrEnum):
    """How bad it is: an error stops the build, a warning and a lint do not."""

    ERROR = "error"
    WARNING = "warning"
    LINT = "lint"


class Code(NamedTuple):
    """What is fixed about a code: how bad it is and its title in the catalogue."""

    severity: Severity
    title: str


_ERROR = Severity.ERROR

CODES: dict[str, Code] = {
    # ---- T00xx: text and syntax
    "T0001": Code(_ERROR, "character that is not part of the language"),
    "T0002": Code(_ERROR, "text without its closing quote"),
    "T0003": Code(_ERROR, "text block without its closing quotes"),
    "T0004": Code(_ERROR, "unknown escape"),
    "T0005": Code(_ERROR, "lone brace in a text"),
    "T0006": Code(_ERROR, "line of a text block indented less than its end"),
    "T0007": Code(_ERROR, "number that cannot be read"),
    "T0008": Code(_ERROR, "file without its edition"),
    "T0009": Code(_ERROR, "unknown edition"),
    "T0010": Code(_ERROR, "unknown declaration"),
    "T0011": Code(_ERROR, "unknown statement"),
    "T0012": Code(_ERROR, "statement at column 1"),
    "T0013": Code(_ERROR, "indented declaration"),
    "T0014": Code(_ERROR, "bracket without its end"),
    "T0015": Code(_ERROR, "closing bracket without its start"),
    "T0016": Code(_ERROR, "name expected"),
    "T0017": Code(_ERROR, "expression expected"),
    "T0018": Code(_ERROR, "text expected"),
    "T0019": Code(_ERROR, "word or mark expected"),
    "T0020": Code(_ERROR, "chained comparison"),
    "T0021": Code(_ERROR, "nested too deep"),
    "T0022": Code(_ERROR, "placeholder that cannot be read"),
    "T0023": Code(_ERROR, "edition not on the first line"),
    "T0024": Code(_ERROR, "type expected"),
    # ---- T064x, T065x: tokenizer and format at build time
    "T0640": Code(_ERROR, "tokenizer that cannot be read"),
    "T0641": Code(_ERROR, "file that is no tokenizer"),
    "T0642": Code(_ERROR, "tokenizer from the hub"),
    "T0643": Code(_ERROR, "special token that does not exist"),
    "T0644": Code(_ERROR, "added token that is not new"),
    "T0645": Code(_ERROR, "configuration of a tokenizer that cannot be read"),
    "T0646": Code(_ERROR, "format with a special token that the tokenizer lacks"),
    "T0647": Code(_ERROR, "chat template of the tokenizer"),
    "T0648": Code(_ERROR, "dialogue in a format for prompts"),
    "T0649": Code(_ERROR, "joined seam with a special token in it"),
    "T0650": Code(_ERROR, "limit that leaves no room"),
    "T0651": Code(_ERROR, "literal without tokens"),
    # ---- T083x: rows while they are phrased and encoded
    "T0830": Code(_ERROR, "expression of a template that fails on a row"),
    "T0831": Code(_ERROR, "answer that is not among the options"),
    "T0832": Code(_ERROR, "options that are no list of texts"),
    "T0833": Code(_ERROR, "message that is none"),
    "T0834": Code(_ERROR, "example longer than its limit"),
    "T0835": Code(_ERROR, "text that spells a special token"),
    "T0836": Code(Severity.WARNING, "evaluation without some of its prompts"),
}
