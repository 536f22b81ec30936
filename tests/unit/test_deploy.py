"""What a rack is deployed with says what the code does; no Docker engine is needed to know that."""

import configparser
import json
import re
import tomllib
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
import yaml

from api.cli.main import _parser
from api.services.start_rules import addresses_beyond
from api.services.trusted_proxies import trusted_proxies
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


def test_the_api_believes_the_proxy_of_the_tls_profile_and_nobody_else_on_its_network():
    api, proxy = COMPOSE["services"]["api"], COMPOSE["services"]["tls"]
    ours = ip_address(proxy["networks"]["door"]["ipv4_address"])
    network = ip_network(COMPOSE["networks"]["door"]["ipam"]["config"][0]["subnet"])
    trusted = trusted_proxies(Settings(trusted_proxies=(api["environment"]["DARKROOM_TRUSTED_PROXIES"],)))

    assert "door" in api["networks"]
    assert [address for address in network.hosts() if trusted.has(address)] == [ours]
    assert proxy["profiles"] == ["tls"]


def test_the_proxy_passes_on_to_the_port_that_the_api_publishes_and_keeps_its_certificates():
    caddyfile = (ROOT / "deploy/Caddyfile").read_text()
    port = COMPOSE["services"]["api"]["ports"][0].split(":")[-1]
    volumes = dict(volume.split(":")[:2] for volume in COMPOSE["services"]["tls"]["volumes"])

    assert re.search(r"^\treverse_proxy (.+)$", caddyfile, re.M)[1] == f"api:{port}"
    assert "{$TLS_NAME:localhost} {" in caddyfile
    assert "TLS_NAME" in COMPOSE["services"]["tls"]["environment"]
    assert volumes == {"./deploy/Caddyfile": "/etc/caddy/Caddyfile", "tls": "/data"}
    assert "tls" in COMPOSE["volumes"]


def test_the_api_has_the_same_settings_as_the_workers_and_its_proxy():
    services = COMPOSE["services"]

    more = services["api"]["environment"].items() - services["worker"]["environment"].items()
    assert dict(more).keys() == {"DARKROOM_TRUSTED_PROXIES"}
    assert services["worker"]["environment"].items() <= services["api"]["environment"].items()


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
