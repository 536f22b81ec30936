"""The house stays a house: imports go down the floors only, also those inside functions."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

#: The house, floor by floor. A module imports only from floors below its own. `shared` is the ground under both columns;
#: a new module says here where it stands, and one that must move up is a change of design.
FLOORS = {
    0: """
        api.bare_requests api.blueprints.docs api.contact_sheet api.departures api.documents api.field_paths
        api.sidecar_names api.status_table shared.colour shared.contracts.samplers shared.contracts.sizes
        shared.errors shared.eta shared.finite shared.keys shared.log shared.orientation shared.parentage
        shared.picture_parts shared.signatures workers.allocator_settings workers.cores workers.cuda_probe
        workers.host_ram workers.hub_kernels workers.load_plan workers.memory_return workers.moondream.config
        workers.moondream.requests workers.noise workers.ready_pipe workers.sdxl.ancestral workers.sdxl.previews
        workers.sdxl.prompt_encoding workers.sdxl.step_report workers.sdxl.timesteps workers.sdxl.toy
        workers.sdxl.vae_decoding workers.sdxl.vae_encoding workers.starter.crew workers.starter.shapes
        workers.starter.world workers.torch_threads workers.turns workers.weights_hash workers.yielding
    """,
    1: """
        api.changes api.errors api.reading shared.addresses shared.as_seen shared.contracts.generation
        shared.data_uris shared.embedded_redis shared.jpeg_segments shared.picture_boxes shared.picture_formats
        shared.png_chunks shared.redis_client shared.settings workers.child_watch workers.device_lost
        workers.feed_bell workers.finite workers.host_copy workers.hub workers.inspection.weight_files
        workers.moondream.memory workers.moondream.prefix_cache workers.moondream.prompts workers.moondream.sampling
        workers.moondream.tokenizer workers.moondream.vision workers.nf4 workers.patience workers.precision
        workers.preview_thread workers.sdxl.schedulers workers.slot workers.starter.loop workers.starter.paint
        workers.starter.patches workers.starter.truth workers.thread_book
    """,
    2: """
        api.access api.gunicorn_settings api.ignorable_fields api.picture_fetch shared.artifact_store shared.broker
        shared.contracts.jobs shared.contracts.orders shared.contracts.vision shared.learned shared.pixels
        shared.worker_registry workers.analysis.onnx_session workers.card_lock workers.inspection.classifiers
        workers.inspection.clip_tokenizer workers.inspection.moondream workers.inspection.sdxl_checkpoint
        workers.inspection.sdxl_parts workers.moondream.region workers.moondream.scripts workers.moondream.text
        workers.out_of_vram workers.sdxl.img2img workers.sdxl.offloading workers.starter.judge workers.starter.marks
        workers.starter.phrasing workers.starter.pictures workers.starter.tokens
    """,
    3: """
        api.box_requests api.decoding api.openai_chat shared.catalogue shared.contracts.batch_records
        shared.contracts.batches shared.current_weights shared.job_codec shared.lifecycle shared.routing
        workers.continuation workers.cuda_device workers.gpu workers.inspection.sdxl workers.larger_card
        workers.measured workers.moondream.network workers.sdxl.placement workers.starter.vae workers.stopwatch
        workers.teaching
    """,
    4: """
        api.batch_client api.conversation api.folder_pictures api.model_choice api.stack shared.batch_codec
        shared.chain_rules shared.effective shared.job_index workers.affinity workers.energy workers.engines.base
        workers.inspection.table workers.kinds.outcome workers.moondream.generate workers.moondream.training
        workers.moondream.weights workers.needs workers.sdxl.files workers.sdxl.sharing workers.sdxl.smallest
        workers.starter.latents
    """,
    5: """
        api.chat_task api.client shared.batch_plan shared.job_store workers.analysis.classifying
        workers.analysis.talk workers.engines.sdxl workers.engines.table workers.host_cache workers.moondream.model
        workers.moondream.toy workers.pull workers.starter.sdxl workers.threads workers.vram
    """,
    6: """
        api.job_display api.outlook shared.batch_members shared.batch_store shared.chains shared.dispatch
        shared.token_stream workers.analysis.asking workers.analysis.torch_classifier workers.diagnosis
        workers.engines.opennsfw workers.engines.wd_tagger workers.housekeeping workers.plan workers.plans
        workers.reader workers.residency workers.starter.lessons workers.tickets workers.watching
    """,
    7: """
        api.demo api.exports api.services shared.batch_views workers.analysis.saying workers.chain_care
        workers.engines.efficientnet workers.engines.hf_classifier workers.engines.moondream workers.ladder
        workers.placing workers.requeue workers.runtime workers.standing_orders workers.starter.evaluate
        workers.starter.moondream
    """,
    8: """
        api.batch_command api.blueprints.images api.blueprints.models api.blueprints.status api.blueprints.workers
        api.waiting workers.doctor workers.endings workers.feeder workers.giving_way workers.kinds.analyze
        workers.kinds.generate workers.kinds.orders workers.recovery workers.starter.train workers.webhooks
    """,
    9: """
        api.batch_answers api.blueprints.home api.cli api.job_answers workers.assembly workers.keeper workers.runner
        workers.slot_process
    """,
    10: """
        api.blueprints.jobs api.blueprints.orders api.chat_job api.submission workers.child_start workers.launcher
    """,
    11: """
        api.blueprints.generate api.blueprints.retry api.chat_answers api.engine_choice workers.tasks
    """,
    12: """
        api.batch_acceptance api.blueprints.analyze api.blueprints.chat
    """,
    13: """
        api.blueprints.batches
    """,
    14: """
        api.blueprints.batch_exports
    """,
    15: """
        api.app
    """,
    16: """
        api.wsgi
    """,
}


def own_modules() -> dict[str, Path]:
    files = [path for top in ("api", "workers", "shared") for path in (ROOT / top).rglob("*.py")]
    return {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in files}


def imports_of(path: Path) -> set[str]:
    """Own modules a file imports anywhere in it, `from package import module` resolved to the module."""
    known, found = own_modules(), set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {
                f"{node.module}.{a.name}" if f"{node.module}.{a.name}" in known else node.module for a in node.names
            }
    return {name for name in found if name.split(".")[0] in ("api", "workers", "shared")}


PLACES = {module: floor for floor, modules in FLOORS.items() for module in modules.split()}


@pytest.mark.parametrize("module", sorted(own_modules()))
def test_the_web_side_and_the_gpu_side_never_meet(module):
    other = {"api": "workers", "workers": "api", "shared": ("api", "workers")}[module.split(".")[0]]

    crossing = [name for name in imports_of(own_modules()[module]) if name.split(".")[0] in other]

    assert not crossing


@pytest.mark.parametrize("module", sorted(PLACES))
def test_imports_go_down_only(module):
    up = [name for name in imports_of(own_modules()[module]) if PLACES.get(name, -1) >= PLACES[module]]

    assert not up, f"{module} stands on floor {PLACES[module]} and imports {up}"


def test_every_module_stands_on_a_floor():
    modules = {name for name, path in own_modules().items() if path.name != "__init__.py"}

    assert modules == set(PLACES)


def test_the_web_side_knows_no_torch():
    heavy = ("torch", "diffusers", "transformers", "onnxruntime", "bitsandbytes")
    found = [
        (name, word)
        for name, path in own_modules().items()
        if name.split(".")[0] in ("api", "shared")
        for word in heavy
        if f"import {word}" in path.read_text() or f"from {word}" in path.read_text()
    ]

    assert not found
