"""What a network gives → directions: rows of length 1, in fp32, every number finite."""

import numpy as np
from torch import Tensor

from workers.engines.torch_tools.finite import refuse_non_finite

#: Shorter than this a row has no direction: it stays as it is, near to nothing.
LEAST_LENGTH = 1e-12


def directions(rows: Tensor, what: str) -> np.ndarray:
    """(n, dimensions) fp32.

    Args:
        what: the rows are vectors of, e.g. "text".

    Raises:
        NotFinite: a number is none.
    """
    refuse_non_finite(rows, "the vectors", [f"{what} {number + 1}" for number in range(len(rows))])
    numbers = rows.float().cpu().numpy()
    lengths = np.linalg.norm(numbers, axis=1, keepdims=True)
    return numbers / np.maximum(lengths, LEAST_LENGTH)
