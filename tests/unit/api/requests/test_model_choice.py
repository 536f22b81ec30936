"""Which model a request gets."""

import pytest

from api.requests.model_choice import choose_model, ensure_servable
from shared.errors import DoesNotFit, ModelMissing
from shared.models.catalogue import Defaults, ModelCard, ModelLimits, Source, Vram
from tests.workers_played import report


def card(model_id: str, **source: str) -> ModelCard:
    return ModelCard(
        id=model_id,
        kind="generate",
        engine="sdxl",
        title=model_id,
        summary="",
        licence="MIT",
        source=Source(**source),
        defaults=Defaults(),
        limits=ModelLimits(),
        vram=Vram(weights_mib=1, peak_mib=1),
    )


TOY = card("toy", builtin="toy")
STARTER = card("starter", package="workers/starter/weights")
REAL = card("real", repo="someone/something")
SECOND = card("second", repo="someone/else")
ALL = [TOY, STARTER, REAL, SECOND]


@pytest.mark.parametrize(
    ("served", "here", "chosen"),
    [
        (["toy", "starter", "real"], ["toy"], REAL),
        (["toy", "starter"], ["toy", "starter", "real"], STARTER),
        (["toy"], ["toy", "starter"], TOY),
        (["second", "real"], [], REAL),
        ([], ["toy", "starter", "real"], STARTER),
        ([], ["toy", "real"], TOY),
        ([], ["real"], REAL),
    ],
    ids=[
        "a real one that is served beats all",
        "a served starter beats a real one on disk",
        "a served toy beats a starter nobody serves",
        "the catalogue's order decides among equals",
        "with nobody there, the starter",
        "with nobody there and no starter, the toy",
        "a real one on disk is better than none",
    ],
)
def test_the_default_model(served, here, chosen):
    assert choose_model(ALL, served, here) is chosen


def test_where_nothing_can_be_had_there_is_no_default():
    assert choose_model(ALL, [], []) is None


def test_a_model_that_one_card_holds_is_servable_although_others_are_too_small():
    ensure_servable(REAL, [report("a", too_large={"real": 9}), report("b", models=("real",))], is_here=False)


def test_a_model_that_no_card_holds_is_refused_with_its_need_and_the_largest_budget():
    small = [
        report("a", budget_mib=4000, too_large={"real": 9800}),
        report("b", budget_mib=7500, too_large={"real": 9800}),
    ]

    with pytest.raises(DoesNotFit, match=r"9,800 MiB.*7,500 MiB"):
        ensure_servable(REAL, small, is_here=True)


def test_a_model_on_disk_waits_for_a_worker_to_come():
    ensure_servable(REAL, [], is_here=True)


def test_a_model_that_is_nowhere_is_refused_with_the_command_that_fetches_it():
    with pytest.raises(ModelMissing, match="darkroom pull real"):
        ensure_servable(REAL, [report("a", models=("toy",))], is_here=False)
