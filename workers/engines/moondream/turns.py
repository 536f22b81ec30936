"""Hidden states → feeds: the heads read the last hidden state of every strand, and the scripts choose what is fed next."""

from collections.abc import Sequence

import torch
from torch import Tensor

from shared.errors import NotFinite
from workers.engines.moondream.network import Network
from workers.engines.moondream.prompts import Coord, Feed, Size, Token
from workers.engines.moondream.sampling import choose
from workers.engines.moondream.scripts import Need
from workers.engines.moondream.strands import Strand
from workers.engines.torch_tools.finite import finite_rows


def choose_feeds(network: Network, strands: Sequence[Strand], hidden: Tensor) -> None:
    """Give every script what it needs from its hidden state; each has ended afterwards or has a `pending` feed.

    Args:
        hidden: (B, D).

    Raises:
        NotFinite: in fp16, where a wider precision may mend it.
    """

    def waiting(need: Need) -> list[int]:
        return [row for row, one in enumerate(strands) if one.script.need is need and one.pending is None]

    def sound(rows: list[int], values: Tensor) -> tuple[list[int], Tensor]:
        """The rows whose head gave numbers; the others end, or in fp16 all stop: a wider precision may mend them."""
        good = finite_rows(values)
        if not all(good) and network.dtype == torch.float16:
            raise NotFinite("the model's words or places are not finite in float16")
        for row, is_good in zip(rows, good, strict=True):
            if not is_good:
                strands[row].script.end("not_finite")
        return [row for row, is_good in zip(rows, good, strict=True) if is_good], values[good]

    if rows := waiting(Need.TOKEN):
        rows, logits = sound(rows, network.text.logits(hidden[rows]))
        chosen = choose(logits, [strands[row].script.choice() for row in rows]) if rows else []
        for row, token in zip(rows, chosen, strict=True):
            strands[row].pending = strands[row].script.take_token(token)
    if rows := waiting(Need.COORD):
        rows, coords = sound(rows, network.region.decode_coord(hidden[rows])[:, None])
        for row, [value] in zip(rows, coords.tolist(), strict=True):
            strands[row].pending = strands[row].script.take_coord(value)
    if rows := waiting(Need.SIZE):
        rows, sizes = sound(rows, network.region.decode_size(hidden[rows]))
        for row, (width, height) in zip(rows, sizes.tolist(), strict=True):
            strands[row].pending = strands[row].script.take_size(width, height)


def embed(network: Network, feeds: Sequence[Feed]) -> Tensor:
    """(N, D): tokens from the table, coordinates and sizes from their encoders."""
    device = network.device
    ids = torch.tensor([feed.id if isinstance(feed, Token) else 0 for feed in feeds], device=device)
    out = network.text.embed(ids)
    coords = {at: feed.value for at, feed in enumerate(feeds) if isinstance(feed, Coord)}
    if coords:
        out[list(coords)] = network.region.encode_coord(torch.tensor(list(coords.values()), device=device)[:, None])
    sizes = {at: (feed.width, feed.height) for at, feed in enumerate(feeds) if isinstance(feed, Size)}
    if sizes:
        out[list(sizes)] = network.region.encode_size(torch.tensor(list(sizes.values()), device=device))
    return out
