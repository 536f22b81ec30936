"""Refuses tensors with numbers that are none, before they become a black picture or a score of 0."""

from torch import Tensor

from shared.errors import NotFinite


def finite_rows(values: Tensor) -> list[bool]:
    """For each row of (B, …): whether all its numbers are finite."""
    return values.detach().isfinite().flatten(1).all(-1).tolist()


def refuse_non_finite(values: Tensor, what: str, names: list[str]) -> None:
    """Raise NotFinite unless every row of (B, …) is finite.

    Args:
        what: the rows are, e.g. "the latents".
        names: of the rows, e.g. "seed 7".
    """
    bad = [name for name, ok in zip(names, finite_rows(values), strict=True) if not ok]
    if bad:
        raise NotFinite(
            f"{what} of {', '.join(bad)} are not finite (NaN or infinite) in {str(values.dtype).removeprefix('torch.')}: "
            "the weights are damaged, or overflow in this precision"
        )
