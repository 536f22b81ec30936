"""Kind of job → how this worker runs it. A row here for each of `shared.contracts.kinds`."""

from shared.contracts.kinds import Kind
from workers.execution.kinds import analyze, embed, generate
from workers.execution.kinds.base import JobKind
from workers.execution.kinds.commands import SWITCH, UNLOAD

KINDS: dict[Kind, JobKind] = {
    "generate": generate,
    "analyze": analyze,
    "embed": embed,
    "switch": SWITCH,
    "unload": UNLOAD,
}
