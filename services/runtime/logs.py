"""Owns logging: one JSON object a line on standard output, with whatever ids the current work has bound."""

from __future__ import annotations

import logging
import sys

import structlog


def configure_logs(*, process: str, level: str) -> None:
    """Send both structlog's and the standard library's lines through one renderer."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    structlog.contextvars.bind_contextvars(process=process)
    for noisy in ("aiokafka", "sqlalchemy.pool", "asyncio"):
        logging.getLogger(noisy).setLevel(logging.CRITICAL if noisy != "asyncio" else logging.ERROR)
