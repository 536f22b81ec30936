"""One sequence on its way: what is fed to it, where it stands, and what it waits for. It belongs to no cache.

Between two turns a strand either has the feed of its next position (`pending`), or a hidden state that no head has read yet.
So a turn that breaks off anywhere can be made again: whoever was fed is not fed twice, whoever has chosen does not choose
again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from torch import Tensor

from workers.engines.moondream.prompts import Feed
from workers.engines.moondream.requests import Prefix
from workers.engines.moondream.scripts import Need, Script


@dataclass(eq=False)
class Strand:
    """One request on its way."""

    index: int  #: of the request
    prefix: Prefix | None  #: None from where its prompt is read: its own keys and values have it then
    prompt: list[Feed]
    script: Script
    #: Positions that are read.
    length: int = 0
    #: (D,) of its last position, until a head has read it.
    hidden: Tensor | None = None
    pending: Feed | None = None
    #: Its keys and values in host memory, while it has no seat; see `KVCache.taken_out`.
    taken_out: Tensor | None = None
    #: How often it has chosen.
    turns: int = 0
    prompt_tokens: int = field(init=False)

    def __post_init__(self) -> None:
        self.prompt_tokens = self.begins_at + len(self.prompt)

    @property
    def begins_at(self) -> int:
        """The position of its prompt."""
        return 0 if self.prefix is None else self.prefix.length

    @property
    def is_read(self) -> bool:
        """Whether its prompt is."""
        return self.length > 0

    @property
    def has_ended(self) -> bool:
        return self.script.need is Need.NOTHING


def read_together(strands: Sequence[Strand], max_context: int) -> list[list[Strand]]:
    """Strands whose prompts are read in one pass. Pure.

    Shorter prompts are padded on the right. A picture's prompt beside a long text without one would be padded to
    beyond the context, and a cache grow for nothing.
    """
    groups: list[list[Strand]] = []
    for strand in sorted(strands, key=lambda one: len(one.prompt)):
        group = groups[-1] if groups else []
        begin = max(one.begins_at for one in [*group, strand])
        if group and begin + len(strand.prompt) <= max_context:
            group.append(strand)
        else:
            groups.append([strand])
    return groups
