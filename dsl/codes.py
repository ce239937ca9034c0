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
    "T0029": Code(_ERROR, "statement that is not complete"),
    # ---- T01xx: names and imports
    "T0101": Code(_ERROR, "name that is declared twice"),
    "T0102": Code(_ERROR, "unknown name"),
    "T0103": Code(_ERROR, "name of another kind"),
    "T0104": Code(_ERROR, "name of no imported package"),
    "T0105": Code(_ERROR, "import without a name of its own"),
    "T0106": Code(_ERROR, "packages that import each other"),
    "T0107": Code(_ERROR, "imported folder that is not there"),
    "T0108": Code(_ERROR, "imported folder without specs"),
    "T0109": Code(_ERROR, "file that cannot be read"),
    "T0110": Code(_ERROR, "file that is not UTF-8"),
    "T0111": Code(_ERROR, "value for an unknown parameter"),
    "T0112": Code(_ERROR, "parameter without a value"),
    "T0113": Code(_ERROR, "value from outside that does not fit"),
    "T0114": Code(_ERROR, "statement that stands twice"),
    "T0115": Code(_ERROR, "unknown argument"),
    "T0116": Code(_ERROR, "missing argument"),
    "T0117": Code(_ERROR, "argument that is given twice"),
    "T0118": Code(_ERROR, "argument too many"),
    "T0120": Code(_ERROR, "missing statement"),
    "T0121": Code(_ERROR, "field that stands twice"),
    "T0122": Code(_ERROR, "unknown word for an argument"),
    "T0124": Code(_ERROR, "path that leads to no spec"),
    # ---- T02xx: types
    "T0201": Code(_ERROR, "unknown field in a source"),
    "T0202": Code(_ERROR, "unknown function"),
    "T0203": Code(_ERROR, "operator between types that do not go together"),
    "T0204": Code(_ERROR, "argument of another type"),
    "T0205": Code(_ERROR, "value that may be none"),
    "T0206": Code(_ERROR, "condition that is not true or false"),
    "T0207": Code(_ERROR, "comparison of unlike types"),
    "T0208": Code(_ERROR, "text that a choice does not have"),
    "T0209": Code(_ERROR, "field that a record does not have"),
    "T0210": Code(_ERROR, "field of what is no record"),
    "T0211": Code(_ERROR, "item of what has none"),
    "T0212": Code(_ERROR, "index outside of the list"),
    "T0213": Code(_ERROR, "table that does not cover a choice"),
    "T0214": Code(_ERROR, "table entry that is never looked up"),
    "T0215": Code(_ERROR, "key that stands twice"),
    "T0216": Code(_ERROR, "pattern that is not written out"),
    "T0217": Code(_ERROR, "pattern that cannot be matched"),
    "T0218": Code(_ERROR, "values of several types in one place"),
    "T0220": Code(_ERROR, "value that does not fit the schema"),
    "T0221": Code(_ERROR, "column that does not fit the schema"),
    "T0222": Code(_ERROR, "field of the schema that nothing provides"),
    "T0223": Code(_ERROR, "range out of place"),
    "T0224": Code(_ERROR, "test for none of what is never none"),
    "T0225": Code(_ERROR, "argument that a function refuses"),
    "T0226": Code(_ERROR, "unknown type"),
    "T0227": Code(_ERROR, "type that cannot stand here"),
    "T0228": Code(_ERROR, "declared value that does not fit"),
    "T0229": Code(_ERROR, "setting of another type"),
    "T0230": Code(_ERROR, "setting out of range"),
    "T0231": Code(_ERROR, "comprehension over what is no list"),
    "T0232": Code(_ERROR, "range that holds nothing"),
    "T0233": Code(_ERROR, "division by zero"),
    "T0234": Code(_WARNING, "braces in a text that fills nothing in"),
    "T0235": Code(_ERROR, "function without its arguments"),
    # ---- T03xx: templates and options
    "T0301": Code(_ERROR, "placeholder for what cannot be written"),
    "T0302": Code(_ERROR, "placeholder for options that are not there"),
    "T0303": Code(_ERROR, "options over what is no choice"),
    "T0304": Code(_ERROR, "option values without words"),
    "T0305": Code(_ERROR, "words for a value that is not there"),
    "T0306": Code(_ERROR, "option value that stands twice"),
    "T0307": Code(_ERROR, "options with the same words"),
    "T0308": Code(_ERROR, "answer that is not among the options"),
    "T0309": Code(_ERROR, "placeholder for options that are not shown"),
    "T0310": Code(_ERROR, "options that cannot be shown like this"),
    "T0311": Code(_ERROR, "option without words"),
    "T0312": Code(_ERROR, "unknown field in a template"),
    "T0313": Code(_ERROR, "field that one of the served sources lacks"),
    "T0314": Code(_ERROR, "label that stands twice"),
    "T0315": Code(_ERROR, "prompt without a label"),
    "T0316": Code(_ERROR, "prompts with the same text"),
    "T0317": Code(_WARNING, "answer that stands in the input"),
    "T0318": Code(_WARNING, "word glued to a placeholder"),
    "T0319": Code(_WARNING, "space before the seam"),
    "T0320": Code(_WARNING, "prompt that shows what it asks for"),
    "T0322": Code(_ERROR, "prompt without a target in a trained split"),
    "T0323": Code(_ERROR, "surface of an answer that is its surface"),
    "T0325": Code(_ERROR, "dialogue with an unknown role or nobody in it"),
    "T0326": Code(_ERROR, "messages of another shape"),
    "T0330": Code(_ERROR, "text that is empty"),
    "T0331": Code(_ERROR, "test of an unknown prompt"),
    "T0332": Code(_ERROR, "test of a template that does not serve the source"),
    "T0333": Code(_ERROR, "test row with an unknown field"),
    "T0334": Code(_ERROR, "test row with a value that does not fit"),
    "T0335": Code(_ERROR, "test row without a field that is read"),
    # ---- T04xx: mixing and held-out data
    "T0401": Code(_ERROR, "held-out data that would be trained on"),
    "T0402": Code(_ERROR, "unknown rate or way to choose rows"),
    "T0403": Code(_ERROR, "weight or quota that is not positive"),
    "T0404": Code(_ERROR, "requirement that can never hold"),
    "T0405": Code(_ERROR, "mixture with nothing to train on"),
    "T0406": Code(_ERROR, "evaluation rows that would be trained on"),
    "T0407": Code(_WARNING, "sources that read the same rows"),
    "T0408": Code(_ERROR, "mixture that contains itself"),
    "T0409": Code(_ERROR, "source that stands twice in a mixture"),
    "T0410": Code(_ERROR, "share for what is not mixed"),
    "T0411": Code(_ERROR, "share that is missing"),
    "T0412": Code(_ERROR, "quota from a source without a training split"),
    "T0413": Code(_ERROR, "sources of one name in a mixture"),
    "T0414": Code(_ERROR, "unknown figure in a requirement"),
    "T0415": Code(_WARNING, "requirement that always holds"),
    "T0416": Code(_ERROR, "decontamination of an unknown field"),
    "T0417": Code(_ERROR, "decontamination against an unknown split"),
    "T0418": Code(_ERROR, "name that stands twice in a list"),
    "T0422": Code(_ERROR, "rate that weighs nothing"),
    # ---- T050x, T051x: sources
    "T0501": Code(_ERROR, "unknown connector"),
    "T0502": Code(_ERROR, "connector without a path"),
    "T0503": Code(_ERROR, "unknown name in a path"),
    "T0504": Code(_ERROR, "splits that read the same rows"),
    "T0505": Code(_WARNING, "remote data without a revision"),
    "T0506": Code(_ERROR, "split that stands twice"),
    "T0507": Code(_ERROR, "split that cannot be made"),
    "T0508": Code(_ERROR, "unknown metric"),
    "T0509": Code(_ERROR, "references that are no list of texts"),
    # ---- T060x: format and pack
    "T0601": Code(_ERROR, "unknown format"),
    "T0602": Code(_ERROR, "unknown packer"),
    "T0603": Code(_ERROR, "limits longer than the pack"),
    "T0604": Code(_ERROR, "special token that is not declared"),
    "T0605": Code(_ERROR, "special token that is there already"),
    "T0606": Code(_ERROR, "special token without its text"),
    "T0609": Code(_ERROR, "split that no source has"),
    "T0611": Code(_ERROR, "evaluation of two models"),
    "T0612": Code(_ERROR, "unknown recipe or method"),
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
