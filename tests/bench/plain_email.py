"""Owns the plain way of sending emails, to compare with: aiosmtplib as its documentation shows it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence

import aiosmtplib


async def mail_plainly(host: str, port: int, messages: Sequence[tuple[str, str, bytes]], *, connections: int) -> float:
    """Messages a second over this many connections; each message is (from, to, bytes)."""
    left = iter(messages)
    began = time.perf_counter()
    await asyncio.gather(*(_mail(host, port, left) for _ in range(connections)))
    return len(messages) / (time.perf_counter() - began)


async def _mail(host: str, port: int, left: Iterator[tuple[str, str, bytes]]) -> None:
    async with aiosmtplib.SMTP(hostname=host, port=port) as client:
        for mail_from, to, raw in left:
            await client.sendmail(mail_from, [to], raw)
