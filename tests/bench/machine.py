"""Where and when a bench ran: what makes a number comparable."""

import os
import platform
import subprocess
from datetime import UTC, datetime
from typing import Any


def about_this_run() -> dict[str, Any]:
    """A checkout without git, as one that was carried to a card, has no commit to tell."""
    try:
        commit = subprocess.run(
            ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
        ).stdout
    except OSError:
        commit = ""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit.strip() or "unknown",
        "machine": f"{platform.machine()}, {len(os.sched_getaffinity(0))} cores, Python {platform.python_version()}",
        "load_before": round(os.getloadavg()[0], 2),
    }
