"""What a rack is deployed with says what the code does; no Docker engine is needed to know that."""

import configparser
import json
import re
import tomllib
from pathlib import Path

import pytest
import yaml

from api.cli.main import _parser
from api.services.start_rules import addresses_beyond
from shared.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())
UNITS = sorted((ROOT / "deploy/systemd").glob("*.service"))


def settings_named_in(text: str) -> set[str]:
    return {name.removeprefix("DARKROOM_").lower() for name in re.findall(r"\bDARKROOM_[A-Z_]+", text)}


@pytest.mark.parametrize("path", ["compose.yaml", "deploy/Dockerfile", "deploy/systemd/darkroom.env.example"])
def test_every_setting_named_in_deployment_exists(path):
    named = settings_named_in((ROOT / path).read_text())

    assert named
    assert named <= set(Settings.model_fields)


def test_redis_keeps_accepted_jobs_and_refuses_rather_than_drops():
    command = COMPOSE["services"]["redis"]["command"]

    options = dict(zip(command[1::2], command[2::2], strict=True))
    assert (options["--appendonly"], options["--maxmemory-policy"]) == ("yes", "noeviction")
    assert "ports" not in COMPOSE["services"]["redis"]


def test_the_image_and_compose_make_the_first_key_where_they_listen_beyond_loopback():
    image = json.loads(re.search(r"^CMD (.+)$", (ROOT / "deploy/Dockerfile").read_text(), re.M)[1])

    for command in (image, COMPOSE["services"]["api"]["command"]):
        options = _parser().parse_args(command[1:])
        assert command[0] == "darkroom"
        assert addresses_beyond([options.host])
        assert options.first_key
        assert not options.insecure


def test_the_unit_listens_on_loopback_as_shipped():
    text = (ROOT / "deploy/systemd/darkroom.env.example").read_text()

    assert not [line for line in text.splitlines() if line.startswith("DARKROOM_HOST")]
    assert "darkroom key add" in text


def test_a_stopping_worker_gets_longer_than_its_drain():
    grace_s = int(COMPOSE["services"]["worker"]["stop_grace_period"].removesuffix("s"))

    assert grace_s > Settings().drain_s


def test_the_worker_reserves_gpus_and_the_cpu_profile_does_not():
    services = COMPOSE["services"]

    reserved = services["worker"]["deploy"]["resources"]["reservations"]["devices"][0]
    assert (reserved["driver"], "gpu" in reserved["capabilities"]) == ("nvidia", True)
    assert services["worker-cpu"]["profiles"] == ["cpu"]
    assert "deploy" not in services["worker-cpu"]


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_units_start_commands_that_exist(unit):
    parsed = configparser.ConfigParser(strict=False)
    parsed.optionxform = str
    parsed.read_string(unit.read_text())

    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert Path(parsed["Service"]["ExecStart"].split()[0]).name in scripts


def test_the_worker_unit_leaves_stopping_to_the_launcher():
    text = (ROOT / "deploy/systemd/darkroom-worker.service").read_text()

    assert "KillMode=mixed" in text
    assert int(re.search(r"TimeoutStopSec=(\d+)", text)[1]) > Settings().drain_s
