"""Found: the rows of one source that went for a twin, and where each one's twin stands.

In: nothing. Out: a record that `Loaded` carries from the search to the report. 62 bytes a row that
went.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from taskc.compiler import plan
from taskc.compiler.decontamination.standing import Standing
from taskc.compiler.rows.row_keys import RowKeys

__all__ = ["Twins"]


@dataclass(frozen=True, slots=True)
class Twins:
    """What one clause did among the training rows of one source.

    Attributes:
        clause: The clause.
        gone: The rows that went, in file order.
        kept: Of each of them, the row that stays.
        likeness: How alike the two are, float64 [g]; 1 where they are equal.
    """

    clause: plan.MixtureDedup
    gone: RowKeys
    kept: Standing
    likeness: npt.NDArray[np.float64]
