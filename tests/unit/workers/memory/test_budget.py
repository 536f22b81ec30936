"""What a worker may use of its GPU."""

from tests.unit.workers.memory.planned_models import GIB
from workers.memory.budget import MODES, budget_for


def test_settings_win_over_the_modes_row():
    assert budget_for(24 * GIB, budget_mib=8000).limit_mib == 8000
    assert budget_for(24 * GIB, reserve_mib=0).limit_mib == 24 * GIB


def test_a_budget_never_exceeds_its_card():
    assert budget_for(8 * GIB, budget_mib=20_000).limit_mib == 8 * GIB - MODES["balanced"].reserve_mib


def test_the_process_is_capped_below_the_card():
    budget = budget_for(12 * GIB)

    assert budget.process_mib + budget.context_mib == budget.limit_mib
    assert budget.process_mib == budget.usable_mib + budget.margin_mib
