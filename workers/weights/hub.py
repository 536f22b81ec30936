"""The Hugging Face hub, as much of it as `pull` needs, with its failures in our words."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from shared.errors import EngineFailed, NotFound


@dataclass(frozen=True)
class HubFile:
    """One file of a repository."""

    path: str
    #: Bytes.
    size: int
    #: The hub knows it for large files only.
    sha256: str | None = None


@dataclass(frozen=True)
class Listing:
    """A repository at one commit."""

    commit: str
    files: tuple[HubFile, ...]


class Hub(Protocol):
    """Where repositories come from.

    Both calls raise NotFound (no such repository or revision, or one that needs a login) and EngineFailed (no
    network, or a refusal).
    """

    def listing(self, repo: str, revision: str) -> Listing: ...

    def fetch(self, repo: str, commit: str, paths: list[str], folder: Path) -> None:
        """Put the files below the folder; what is there already is not fetched again, what is half there goes on."""
        ...


class HuggingFaceHub:
    """The real one. Its cache is not used: a model lies on the disk once."""

    def listing(self, repo: str, revision: str) -> Listing:
        from huggingface_hub import HfApi

        with _failures_named(f"{repo} at {revision}"):
            info = HfApi().model_info(repo, revision=revision, files_metadata=True)
        files = tuple(
            HubFile(file.rfilename, file.size or 0, file.lfs.sha256 if file.lfs else None)
            for file in info.siblings or ()
        )
        return Listing(info.sha or revision, files)

    def fetch(self, repo: str, commit: str, paths: list[str], folder: Path) -> None:
        from huggingface_hub import snapshot_download

        with _failures_named(f"{repo} at {commit}"):
            snapshot_download(repo, revision=commit, local_dir=folder, allow_patterns=paths)


@contextmanager
def _failures_named(what: str) -> Iterator[None]:
    from huggingface_hub import errors

    try:
        yield
    except (errors.RepositoryNotFoundError, errors.RevisionNotFoundError) as exc:
        raise NotFound(f"the hub has no {what}, or wants a login for it (HF_TOKEN): {exc}", field="model") from exc
    except errors.HfHubHTTPError as exc:
        raise EngineFailed(f"the hub refused {what}: {exc}") from exc
    except Exception as exc:
        if not _is_network_failure(exc):
            raise
        raise EngineFailed(f"cannot reach the hub for {what} ({exc}); pull again where there is a network") from exc


def _is_network_failure(exc: Exception) -> bool:
    """By the names of its classes: which HTTP library the hub's client uses changes with its version."""
    names = {cls.__name__ for cls in type(exc).__mro__}
    return bool(names & {"TransportError", "ConnectionError", "TimeoutError", "OfflineModeIsEnabled"}) or (
        "LocalEntryNotFoundError" in names
    )
