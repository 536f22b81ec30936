"""How a GPU's memory would be laid out: `python -m workers.cli.plan --vram 12GiB --mode balanced`.

The same arithmetic as at run time (`workers.memory.planner`), for a GPU that is here or for one you think of buying. Without
`--vram` every GPU of this host is shown, or its CPU.
"""

import argparse
import json
import re
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from rich.console import Console
from rich.table import Table

from shared.errors import DarkroomError, InvalidRequest
from shared.models.catalogue import ModelCard, load_catalogue
from shared.settings import Settings, from_environment
from workers.devices.gpu import cpu_device, list_gpus
from workers.devices.snapshot import Snapshot
from workers.memory.budget import budget_for
from workers.memory.planner import QUANTISED_KINDS, Planned, RackPlan, may_stay_together, plan_rack

UNITS_MIB = {"": 1024.0, "g": 1024.0, "gb": 1e9 / 2**20, "gib": 1024.0, "m": 1.0, "mb": 1e6 / 2**20, "mib": 1.0}


@dataclass(frozen=True)
class Row:
    """One line of the layout."""

    part: str
    mib: int
    note: str = ""


@dataclass(frozen=True)
class Layout:
    """A device's memory from top to bottom: the rows add up to it."""

    title: str
    rows: tuple[Row, ...]
    #: Models that stay loaded at the same time.
    together: tuple[str, ...]
    #: Models that fit, but not beside those.
    in_turns: tuple[str, ...]
    #: Models that can never run here, with the MiB they need.
    too_large: dict[str, int]


def layout(rack: RackPlan, title: str = "") -> Layout:
    """The memory of a device under a plan, all models loaded that fit together."""
    budget, seated = rack.budget, together(rack)
    used = sum(p.need.weights_mib for p in seated)
    largest = max(seated, key=lambda p: p.need.working_mib, default=None)
    working = largest.need.working_mib if largest else 0
    beyond = budget.total_mib - budget.reserve_mib - budget.limit_mib
    rows = [
        Row("system reserve", min(budget.reserve_mib, budget.total_mib), f"left to others by {budget.mode}"),
        *([Row("outside the budget", beyond, "by vram_budget_mib")] if beyond > 0 else []),
        *([Row("CUDA context", budget.context_mib, "driver, cuBLAS, cuDNN")] if budget.context_mib else []),
        Row("margin", budget.margin_mib, "fragmentation, rounding"),
        *(Row(f"{p.card.id}: weights", p.need.weights_mib, how(p)) for p in seated),
        Row("working room", working, f"one job at a time; {largest.card.id} needs the most" if largest else ""),
        Row(
            "free",
            budget.limit_mib - budget.context_mib - budget.margin_mib - used - working,
            "larger pictures, batches, cached encodings",
        ),
    ]
    in_turns = tuple(name for name in rack.planned if name not in {p.card.id for p in seated})
    return Layout(title, tuple(rows), tuple(p.card.id for p in seated), in_turns, dict(rack.too_large))


def together(rack: RackPlan) -> list[Planned]:
    """Models that can stay loaded at once: the largest of each kind if they fit together, then whoever still fits."""
    by_size = sorted(rack.planned.values(), key=lambda p: -p.need.weights_mib)
    firsts = list({p.card.kind: p for p in reversed(by_size)}.values())
    others = [p for p in by_size if p not in firsts and p.plan.offload == "none"]
    seated: list[Planned] = []
    for planned in [*sorted(firsts, key=lambda p: -p.need.weights_mib), *others]:
        if may_stay_together([*seated, planned], rack.budget):
            seated.append(planned)
    return seated


def how(planned: Planned) -> str:
    """A plan in words."""
    plan = planned.plan
    if planned.card.kind not in QUANTISED_KINDS:
        return "as its file is"
    vae = f"VAE {plan.vae_precision}{' tiled' if plan.vae_tiling else ''}" if planned.card.kind == "generate" else ""
    waits = f"wait in {planned.need.host_mib:,} MiB of RAM"
    offload = {
        "none": f"text encoders {waits}" if planned.need.host_mib else "",
        "model": f"sub-models {waits}",
        "sequential": f"layers {waits} (slow)",
        "group": f"layers {waits}, copied ahead",
    }[plan.offload]
    source = "measured" if planned.need.is_measured else "computed"
    return ", ".join(part for part in (plan.precision, vae, offload, source) if part)


def parse_mib(text: str) -> int:
    """`12GiB`, `12G`, `12`, `12288MiB` → MiB. A bare number is in GiB, as cards are sold.

    Raises:
        InvalidRequest: it is none of these.
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*", text.lower())
    if found is None or found[2] not in UNITS_MIB:
        raise InvalidRequest(f"{text!r} is no amount of memory: write 12GiB or 12288MiB", field="vram")
    return round(float(found[1]) * UNITS_MIB[found[2]])


def layouts(settings: Settings, vram_mib: int | None, models: Sequence[str] = ()) -> list[Layout]:
    """One layout for a GPU of that size, or one for each device of this host."""
    catalogue = load_catalogue(settings)
    cards = [catalogue.get(name) for name in models] or [c for c in catalogue.cards.values() if not c.source.builtin]
    if vram_mib is not None:
        imagined = Snapshot("GPU-imagined", "imagined card", 0, vram_mib, compute_capability=(8, 0))
        return [_layout_of(imagined, cards, settings)]
    return [_layout_of(here, cards, settings) for here in list_gpus() or [cpu_device()]]


def _layout_of(here: Snapshot, cards: list[ModelCard], settings: Settings) -> Layout:
    budget = budget_for(
        here.total_mib,
        settings.vram_mode,
        device="cpu" if here.is_cpu else "cuda:0",
        budget_mib=settings.vram_budget_mib,
        reserve_mib=settings.reserve_mib,
        has_bf16=here.has_bf16,
        levers=settings.levers,
    )
    return layout(plan_rack(cards, budget), f"{here.name}: {here.total_mib:,} MiB, {budget.mode}")


def show(found: Layout, console: Console) -> None:
    """A layout as a table, and what fits together in words."""
    table = Table(title=found.title)
    table.add_column("part")
    table.add_column("MiB", justify="right")
    table.add_column("how")
    for row in found.rows:
        table.add_row(row.part, f"{row.mib:,}", row.note)
    table.add_section()
    table.add_row("card", f"{sum(row.mib for row in found.rows):,}", "")
    console.print(table)
    console.print(f"Stay loaded together: {', '.join(found.together) or 'none'}")
    if found.in_turns:
        console.print(f"Take turns with them: {', '.join(found.in_turns)}")
    for name, mib in found.too_large.items():
        console.print(f"Never fits: {name} needs {mib:,} MiB in its smallest form")


def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="darkroom plan", description="How a card's memory would be laid out.")
    parser.add_argument("--vram", help="size of the card, e.g. 12GiB; without it: the cards of this host")
    parser.add_argument("--mode", choices=("low", "balanced", "high"), help="row of the table (DARKROOM_VRAM_MODE)")
    parser.add_argument("--budget-mib", type=int, help="what a worker may use (DARKROOM_VRAM_BUDGET_MIB)")
    parser.add_argument("--reserve-mib", type=int, help="what is left to others (DARKROOM_RESERVE_MIB)")
    parser.add_argument("--models", default="", help="only these, comma-separated")
    parser.add_argument("--json", action="store_true", help="for programs")
    given = parser.parse_args(arguments)
    try:
        settings = from_environment(
            vram_mode=given.mode, vram_budget_mib=given.budget_mib, reserve_mib=given.reserve_mib
        )
        names = [name.strip() for name in given.models.split(",") if name.strip()]
        found = layouts(settings, parse_mib(given.vram) if given.vram else None, names)
    except DarkroomError as error:
        print(f"darkroom plan: {error.message}", file=sys.stderr)
        return 2
    if given.json:
        print(json.dumps([asdict(one) for one in found], indent=1))
    else:
        for one in found:
            show(one, Console())
    return 0


if __name__ == "__main__":
    sys.exit(main())
