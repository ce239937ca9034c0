"""Signing: what the rows of one range are compared by, before any of them is compared.

In: rows by their keys, and names of fields. Out: of each row a hash of its texts or words, whether
it has any, and, where near rows are sought, its bands. Besides reading 2 us a row of 35 words, with
bands 25.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from taskc.compiler.decontamination.stored import columns_of, from_buffer, to_buffers
from taskc.compiler.decontamination.texts import TextsTask, row_texts, row_words
from taskc.compiler.keys import value_hash
from taskc.compiler.resemblance.minhash import Signing
from taskc.compiler.resemblance.words import words_key
from taskc.compiler.rows.reread import RereadError
from taskc.compiler.rows.row_keys import Ids, Uint32s
from taskc.dsl.diagnostics import Diagnostic

__all__ = ["Signed", "SigningTask", "sign"]


@dataclass(frozen=True, slots=True)
class SigningTask:
    """Training rows of one range.

    Attributes:
        texts: The rows and their fields.
        near: How alike rows are that are sought; None: those of equal texts are.
    """

    texts: TextsTask
    near: float | None


@dataclass(frozen=True, slots=True)
class Signed:
    """What rows are compared by, in their order.

    Attributes:
        keys: Hash of each row's texts; where near rows are sought, of its words; uint8 [n, 16].
        is_filled: Whether it has any, bool [n].
        bands: Of its shingles, uint32 [n, b]; b is 0 where no near rows are sought.
    """

    keys: Ids
    is_filled: npt.NDArray[np.bool_]
    bands: Uint32s

    def __len__(self) -> int:
        """The number of rows."""
        return len(self.keys)

    @staticmethod
    def joined(pieces: list["Signed"]) -> "Signed":
        """The rows of all pieces, of which there is one at least, one after another."""
        return Signed(
            np.concatenate([piece.keys for piece in pieces]),
            np.concatenate([piece.is_filled for piece in pieces]),
            np.concatenate([piece.bands for piece in pieces]),
        )

    def to_buffers(self) -> list[bytes]:
        """What the store keeps."""
        columns = {"is_filled": self.is_filled, "keys": self.keys, "bands": self.bands}
        return to_buffers({}, {f"rows.{name}": column for name, column in columns.items()})

    @staticmethod
    def opened(content: bytes) -> "Signed":
        """What `to_buffers` gave."""
        _, columns = from_buffer(content)
        return Signed(**columns_of(columns, "rows"))


def sign(task: SigningTask) -> Signed | Diagnostic:
    """Reads the rows of a task; gives a diagnostic where the file is not what it was."""
    try:
        return _by_texts(task.texts) if task.near is None else _by_words(task.texts, task.near)
    except RereadError as error:
        return error.diagnostic


def _by_texts(task: TextsTask) -> Signed:
    keys, is_filled = bytearray(), []
    for rows in row_texts(task):
        for texts in rows:
            filled = [text for text in texts if text]
            keys += value_hash(list(filled))
            is_filled.append(bool(filled))
    return _signed(keys, is_filled, np.empty((len(is_filled), 0), np.uint32))


def _by_words(task: TextsTask, near: float) -> Signed:
    keys, is_filled, signing = bytearray(), [], Signing(near)
    for rows in row_words(task):
        for words in rows:
            keys += words_key(words)
            is_filled.append(bool(words))
            signing.note(words)
        signing.sign()
    return _signed(keys, is_filled, signing.column())


def _signed(keys: bytearray, is_filled: list[bool], bands: Uint32s) -> Signed:
    ids = np.frombuffer(bytes(keys), np.uint8).reshape(-1, 16)
    return Signed(ids, np.array(is_filled, np.bool_), bands)
