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
_WARNING = Severity.WARNING

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
    "T0019": Code(_ERROR, "mark expected"),
    "T0020": Code(_ERROR, "chained comparison"),
    "T0021": Code(_ERROR, "nested too deep"),
    "T0022": Code(_ERROR, "placeholder that cannot be read"),
    "T0023": Code(_ERROR, "edition not on the first line"),
    "T0024": Code(_ERROR, "type expected"),
    "T0025": Code(_ERROR, "quotes of a text block that do not stand apart"),
    "T0026": Code(_ERROR, "word of the language expected"),
    "T0027": Code(_ERROR, "more than stands there"),
    "T0028": Code(_ERROR, "unknown word where the language knows them all"),
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
    # ---- T0510-T0549: input files
    "T0510": Code(_ERROR, "input file that is not there"),
    "T0511": Code(_ERROR, "pattern that no input file matches"),
    "T0512": Code(_ERROR, "input file that may not be read"),
    "T0513": Code(_ERROR, "compressed input that is damaged"),
    "T0514": Code(_ERROR, "input that is not UTF-8"),
    "T0515": Code(_ERROR, "connector that is not carried out yet"),
    "T0516": Code(_ERROR, "line that is not JSON"),
    "T0517": Code(_ERROR, "row that is no object"),
    "T0518": Code(_ERROR, "row with too few or too many cells"),
    "T0519": Code(_ERROR, "record that is not CSV"),
    "T0520": Code(_ERROR, "header that cannot be used"),
    "T0521": Code(_ERROR, "columnar file that cannot be read"),
    "T0522": Code(_ERROR, "column of a type that the language lacks"),
    "T0523": Code(_ERROR, "delimiter that is not one character"),
    "T0524": Code(_ERROR, "number beyond 64 bits in a row"),
    "T0525": Code(_ERROR, "input file without a column that is read"),
    # ---- T0801-T0829: rows
    "T0801": Code(_ERROR, "field that is not of its declared type"),
    "T0802": Code(_ERROR, "row without a field that is read"),
    "T0803": Code(_ERROR, "expression without a value for a row"),
    "T0804": Code(_ERROR, "value that no row may hold"),
    "T0805": Code(_ERROR, "shaped row that does not conform to its source"),
    "T0806": Code(_ERROR, "carve of more rows than there are"),
    "T0807": Code(_ERROR, "dedup that is not carried out yet"),
    "T0808": Code(_WARNING, "split of which no row is left"),
    "T0809": Code(_ERROR, "more mistakes in rows than are shown"),
    # ---- T0850-T0899: the build as a whole
    "T0850": Code(_ERROR, "source without a row to train on"),
    "T0851": Code(_ERROR, "quota that the rows cannot fill"),
    "T0852": Code(_ERROR, "source repeated too often"),
    "T0860": Code(_ERROR, "statement that is not carried out yet"),
}
