"""Logs: one JSON object a line, real time, and nothing shaped like a HETU in any of them."""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from canonical.hetu import mask


def _masked(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The last processor before writing: whatever slipped into a text does not get out."""
    for name, value in event.items():
        if isinstance(value, str):
            event[name] = mask(value)
    return event


def configure() -> None:
    """Send structlog's and the standard library's records the same way."""
    shared: list[Any] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _masked,
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    for chatty in ("httpx", "httpcore", "dramatiq"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    # Of a broker that is away it tells each try at length; hub.worker says it once.
    logging.getLogger("pika").setLevel(logging.CRITICAL)
