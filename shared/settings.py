"""Every setting, read once from `DARKROOM_*` environment variables.

A setting is a quantity with its unit in its name, never a mood. Code gets a `Settings` through its constructor;
only entry points (the CLI, the WSGI app, the worker's start) call `from_environment`.
"""

from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from shared.errors import InvalidRequest

#: Where data lies when nobody says otherwise (XDG Base Directory Specification).
DEFAULT_DATA_DIR = Path.home() / ".local" / "share" / "darkroom"
#: What `workers.engines.torch_tools.levers` knows to pull.
Lever = Literal[
    "tf32",
    "fp16_accumulation",
    "cudnn_benchmark",
    "channels_last",
    "fused_projections",
    "compiled_blocks",
    "traced_passes",
    "fp8_storage",
    "group_offload",
    "encoders_to_host",
]
#: Settings of several values, comma-separated.
LISTS = (
    "cors_origins",
    "api_keys",
    "viewer_limits",
    "user_limits",
    "operator_limits",
    "allowed_hosts",
    "trusted_proxies",
    "oidc_roles",
    "cpu_budgets_mib",
    "levers",
)
#: What an empty list is called: a variable that is empty counts as none at all, so that its default holds.
NOTHING = "none"


class Settings(BaseSettings):
    """All settings; frozen. Each field is read from `DARKROOM_<FIELD IN CAPITALS>`."""

    model_config = SettingsConfigDict(
        env_prefix="DARKROOM_", frozen=True, extra="ignore", env_ignore_empty=True, allow_inf_nan=False
    )

    # Where things are
    redis_url: str | None = Field(None, description="Redis or Valkey to use; none: a private Valkey in data_dir")
    data_dir: Path = Field(DEFAULT_DATA_DIR, description="Folder of models, artifacts and the private Valkey's AOF")
    artifacts: Literal["folder", "redis"] = Field(
        "folder", description="Where picture bytes lie: a folder that API and workers share, or Redis itself"
    )
    artifacts_dir: Path | None = Field(None, description="The shared folder; none: data_dir/artifacts")
    database_url: SecretStr | None = Field(
        None, description="PostgreSQL of the library (postgresql://user:password@host/name); none: SQLite in data_dir"
    )
    database_timeout_s: float = Field(
        5.0, gt=0, le=60, description="Longest wait for the library's database: for a connection, or for a lock"
    )
    models_dir: Path | None = Field(None, description="Folder of model weights; none: data_dir/models")
    models_file: Path | None = Field(
        None, description="A models.toml whose entries add to or replace the built-in ones"
    )

    # The web side
    host: str = Field("127.0.0.1", description="Address the API listens on")
    port: int = Field(2020, ge=1, le=65535, description="Port the API listens on")
    tls_cert: Path | None = Field(
        None, description="Certificate (PEM, its chain behind it) to speak HTTPS with; none: plain HTTP"
    )
    tls_key: Path | None = Field(None, description="The certificate's key (PEM, without a passphrase)")
    api_processes: int = Field(1, ge=1, le=64, description="gunicorn worker processes")
    api_threads: int = Field(64, ge=4, le=1024, description="Threads per process; a waiting client holds one")
    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (r"^https?://(localhost|127\.0\.0\.1)(:\d+)?$",),
        description="Origins (exact or regular expressions) that browsers may call from; comma-separated, or none",
    )
    api_keys: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="`name:key` pairs of administrators, comma-separated; none, and no key made: whoever gets here is one",
    )
    viewer_limits: Annotated[tuple[str, ...], NoDecode] = Field(
        ("requests_per_s=50",),
        description="What a viewer may use whose record says nothing: limit=number, comma-separated, or `none`",
    )
    user_limits: Annotated[tuple[str, ...], NoDecode] = Field(
        ("requests_per_s=50",), description="The same of a user, e.g. unfinished_jobs=1000,gpu_s_per_day=7200"
    )
    operator_limits: Annotated[tuple[str, ...], NoDecode] = Field((), description="The same of an operator")
    max_body_mib: int = Field(64, ge=1, le=4096, description="Largest request body")
    max_image_mib: int = Field(32, ge=1, le=1024, description="Largest picture, in encoded bytes")
    max_image_megapixels: int = Field(50, ge=1, le=1000, description="Largest picture, in decoded pixels")
    decode_at_once: int = Field(
        2,
        ge=1,
        le=64,
        description="Pictures an API process decodes at a time; many more at once are told to come later",
    )
    max_wait_seconds: int = Field(60, ge=0, le=600, description="Longest a request may wait for its job")
    max_queued_jobs: int = Field(20_000, ge=1, description="Jobs that may wait at once, all callers together")
    max_queued_jobs_per_caller: int = Field(10_000, ge=1, description="Jobs one caller may have waiting at once")
    max_batch_members: int = Field(10_000, ge=1, le=100_000, description="Members one batch may have")
    max_batch_steps: int = Field(8, ge=1, le=32, description="Steps the chain of a batch may have")
    max_batches_per_caller: int = Field(100, ge=1, description="Batches one caller may have under way at once")
    max_batch_body_mib: int = Field(2048, ge=1, description="Largest form that brings a batch's pictures")
    max_upload_files: int = Field(1000, ge=1, le=10_000, description="Pictures that one upload may bring or name")
    max_upload_mib: int = Field(2048, ge=1, description="Largest form that brings an upload's pictures")
    webhook_secret: SecretStr | None = Field(
        None, min_length=16, description="Signs webhooks (HMAC-SHA256); without it none are sent"
    )
    webhook_timeout_s: float = Field(10.0, gt=0, le=60, description="Longest wait for a webhook's answer")
    webhook_attempts: int = Field(8, ge=1, le=50, description="How often a webhook is tried")
    webhook_backoff_s: float = Field(5.0, gt=0, description="Pause before its second try; three times longer each time")
    rating: Literal["off", "label", "blur", "refuse"] = Field(
        "off",
        description="What follows from rating every picture that comes or is made: nothing (none is rated), a label, a blur "
        "that its owner may lift, or that it is withheld, until it is rated and from the threshold on",
    )
    rating_threshold: float = Field(
        0.5, ge=0, le=1, description="From this probability on a picture is not safe for work"
    )
    rating_model: str | None = Field(None, description="Model that rates; none: the first of its kind that is served")
    allow_image_urls: bool = Field(False, description="Whether image_url may name an http(s) address to fetch")
    allow_private_addresses: bool = Field(False, description="Whether fetches and webhooks may go to private networks")
    chat_deadline_s: int = Field(120, ge=1, le=3600, description="Longest a chat completion waits for its job")

    # The door
    insecure: bool = Field(
        False, description="Whether, where no key is set, whoever reaches this address may do everything"
    )
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Names (or *.name) in the Host header that are answered where no key is needed, besides loopback's",
    )
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Addresses and networks whose X-Forwarded-For, -Proto and -Host are believed; comma-separated"
    )
    proxy_user_header: str | None = Field(
        None,
        pattern="^[A-Za-z0-9-]{1,64}$",
        description="Header in which a trusted proxy names the person, e.g. X-Forwarded-User; none: none is believed",
    )
    proxy_user_role: Literal["viewer", "user", "operator", "admin"] = Field(
        "user", description="Role of a person whom a trusted proxy names for the first time"
    )
    session_idle_s: int = Field(
        86_400, ge=60, le=90 * 86_400, description="How long a browser's session lives after its last request"
    )
    session_max_s: int = Field(
        7 * 86_400, ge=60, le=90 * 86_400, description="How long a browser's session lives at most"
    )
    sign_in_attempts: int = Field(
        10, ge=1, le=1000, description="Failed sign-ins of one address, or with one key, in sign_in_window_s"
    )
    sign_in_window_s: int = Field(60, ge=1, le=86_400, description="The (moving) window of sign_in_attempts")
    oidc_issuer: str | None = Field(
        None,
        pattern="^https?://[^?#]+$",
        description="OpenID provider to sign in by, as it calls itself; none: no such way in",
    )
    oidc_client_id: str = Field("", description="What the provider calls this server")
    oidc_client_secret: SecretStr | None = Field(None, description="With what this server proves it to the provider")
    oidc_scopes: str = Field("openid profile email", pattern="openid", description="What the provider is asked for")
    oidc_person_claim: str = Field("preferred_username", description="Claim that names a person at their first sign-in")
    oidc_role_claim: str | None = Field(
        None, description="Claim that says their role, at every sign-in; or their groups"
    )
    oidc_roles: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="value=role pairs of that claim, comma-separated; none: its values are roles themselves"
    )
    oidc_default_role: Literal["none", "viewer", "user", "operator", "admin"] = Field(
        "none", description="Role of those whose claim names none; none: they do not get in"
    )
    oidc_link_existing: bool = Field(
        False, description="Whether a first sign-in may take over a person that is there already, by the claim's word"
    )

    # Redis and the broker
    redis_timeout_s: float = Field(0.8, gt=0, le=60, description="API: longest wait for one answer of Redis")
    worker_redis_timeout_s: float = Field(10.0, gt=0, le=120, description="Worker: longest wait for one answer")
    visibility_timeout_s: int = Field(
        3600, ge=60, description="When the broker itself would redeliver; leases act first"
    )

    # Trust
    lease_s: float = Field(
        9.0, gt=0.5, le=600, description="How long a silent worker keeps its jobs; renewed at a third"
    )
    recovery_interval_s: float = Field(1.0, gt=0.05, le=60, description="Pause between two looks for orphaned jobs")
    stale_queued_s: float = Field(
        10.0, gt=0.5, description="A queued job older than this with an empty queue is re-sent"
    )
    max_attempts: int = Field(3, ge=1, le=100, description="Workers a job may lose before it fails as worker_lost")
    load_timeout_s: float = Field(600.0, gt=0, description="Longest silence while a model loads")
    step_timeout_s: float = Field(180.0, gt=0, description="Longest silence between two steps")
    store_timeout_s: float = Field(120.0, gt=0, description="Longest silence while results are stored")
    drain_s: float = Field(30.0, ge=0, le=3600, description="How long a stopping worker may finish its running job")
    retry_backoff_s: float = Field(2.0, gt=0, description="First pause before an automatic retry; doubles each time")
    record_ttl_s: int = Field(7 * 86400, ge=1, description="How long an ended job's record is kept")
    artifact_ttl_s: int = Field(14 * 86400, ge=1, description="How long a picture is kept after it was last used")
    keep: bool = Field(
        True, description="Whether pictures of jobs stay in the library until deleted, where a job does not say (keep)"
    )
    min_free_mib: int = Field(
        1024, ge=0, description="Free room below which new jobs are refused (507); 0: only once the disk is full"
    )
    trash_days: int = Field(30, ge=1, le=3650, description="Days that a deleted asset stays in the trash")
    idempotency_ttl_s: int = Field(7 * 86400, ge=60, description="How long an Idempotency-Key is remembered")

    # The worker
    gpus: str = Field("all", description="GPUs to serve: all, none (one CPU worker), or UUIDs/indexes, comma-separated")
    cpu_workers: int = Field(1, ge=1, le=64, description="Workers to start where there is no GPU")
    cpu_budgets_mib: Annotated[tuple[int, ...], NoDecode] = Field(
        (), description="Budgets of the CPU workers, comma-separated, one each; none: the host's RAM shared out"
    )
    embed_workers: int = Field(
        1,
        ge=0,
        le=8,
        description="Small CPU workers beside the others, for what a search asks of an encoder; none without one",
    )
    vram_mode: Literal["low", "balanced", "high"] = Field("balanced", description="Row of the VRAM table to use")
    vram_budget_mib: int | None = Field(None, ge=256, description="VRAM a worker may use; none: what its card has")
    reserve_mib: int | None = Field(None, ge=0, description="VRAM left to the system; none: the mode's row says")
    host_cache_mib: int | None = Field(
        None, ge=0, description="RAM per worker for weights that wait for the card; none: half the RAM, shared out"
    )
    keep_alive_s: float = Field(1800.0, ge=0, description="How long an unused model stays resident")
    max_wait_s: float = Field(30.0, gt=0, description="How long a job may wait for a worker that prefers another model")
    max_batch: int = Field(4, ge=1, le=64, description="Generation jobs that may share one GPU batch")
    max_analysis_batch: int = Field(16, ge=1, le=64, description="Analysis jobs that may share one GPU batch")
    cpu_threads: int = Field(
        0, ge=0, le=256, description="Threads a worker computes with on the CPU; 0: measured per model (with a GPU: 2)"
    )
    batch_window: int = Field(
        32,
        ge=1,
        le=10_000,
        description="Batch members of one person under way at once, at least; grows with the workers",
    )
    continuous_batching: bool = Field(
        True,
        description="Whether pictures and answers are made in runs that jobs join and leave between two steps; off: in GPU "
        "batches",
    )
    levers: Annotated[tuple[Lever, ...], NoDecode] = Field(
        (),
        description="Comma-separated: what may make a card quicker and is not free of risk (see docs/gpus.md): "
        + ", ".join(get_args(Lever)),
    )
    slower_in_company: float = Field(
        2.5,
        ge=1,
        le=100,
        description="How many times its time alone a step may take for company, where a job of priority normal or high is in it",
    )
    checkpoint_steps: int = Field(
        5, ge=0, le=1000, description="Steps between two checkpoints of a running job; 0: none are kept"
    )
    preview_every_steps: int = Field(4, ge=0, le=1000, description="Steps between two previews; 0: none")
    doctor_every_s: int = Field(
        3600, ge=0, le=7 * 86_400, description="How often a host with workers looks at itself and tells; 0: never"
    )
    yield_to_others: bool = Field(False, description="Whether a worker unloads when a foreign process needs the card")
    prefix_cache_mib: int = Field(2048, ge=0, description="Memory for encoded pictures, so that one is seen once")
    log_json: bool = Field(False, description="Whether logs are JSON lines instead of readable ones")

    @field_validator(*LISTS, mode="before")
    @classmethod
    def _split_commas(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        if value.strip().lower() == NOTHING:
            return ()
        return tuple(part.strip() for part in value.split(",") if part.strip())

    @property
    def artifacts_path(self) -> Path:
        return self.artifacts_dir or self.data_dir / "artifacts"

    @property
    def models_path(self) -> Path:
        return self.models_dir or self.data_dir / "models"

    def required_redis_url(self) -> str:
        """The Redis address, or an error that says how to give one."""
        if self.redis_url is None:
            raise InvalidRequest("no Redis given: set DARKROOM_REDIS_URL, or start everything with `darkroom up`")
        return self.redis_url


def from_environment(**overrides: object) -> Settings:
    """Settings from the environment; `overrides` (from a command line) win.

    Raises:
        InvalidRequest: a variable has a value that is not allowed; the message names it and the limit.
    """
    try:
        return Settings(**{name: value for name, value in overrides.items() if value is not None})  # type: ignore[arg-type]
    except ValidationError as exc:
        first = exc.errors()[0]
        name = "DARKROOM_" + "_".join(str(part) for part in first["loc"]).upper()
        raise InvalidRequest(f"{name}: {first['msg']} (got {first.get('input')!r})", field=name) from exc
