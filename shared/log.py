"""Structured logs: one event per fact, `noun.past_verb`, then fields with units.

A job's id is bound once, at its start (`bound(job=…)`), and every line below carries it. Prompts and pictures are never
logged.
"""

import logging
import sys
from contextlib import AbstractContextManager
from typing import Any

import structlog


def configure(*, json_lines: bool, level: int = logging.INFO) -> None:
    """Set up logging of this process; called once by each entry point."""
    renderer: Any = (
        structlog.processors.JSONRenderer() if json_lines else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )


def logger() -> Any:
    """A logger; what is bound in this context shows on each of its lines."""
    return structlog.get_logger()


def bound(**fields: Any) -> AbstractContextManager[Any]:
    """Bind fields to every line logged inside the block."""
    return structlog.contextvars.bound_contextvars(**fields)
