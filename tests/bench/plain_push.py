"""Owns the plain alternative: the best-known library, one call per recipient, as its documentation shows it."""

from __future__ import annotations

import json
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import requests
from py_vapid import Vapid02
from pywebpush import webpush

THREADS = 8


def push_plainly(sandbox: str, count: int) -> float:
    """Messages a second to so many new subscriptions of the sandbox."""
    request = urllib.request.Request(f"{sandbox}/subscriptions?count={count}", method="POST")
    with urllib.request.urlopen(request) as answer:
        subscriptions = [json.loads(line) for line in answer]
    vapid = Vapid02()
    vapid.generate_keys()
    payload = json.dumps({"id": "plain", "campaign": "plain", "title": "Hello", "body": "World"})

    def one(subscription: dict[str, object], session: requests.Session) -> None:
        webpush(
            subscription_info=subscription,
            data=payload,
            vapid_private_key=vapid,
            vapid_claims={"sub": "mailto:operator@example.com"},
            ttl=60,
            requests_session=session,
        )

    def many(share: list[dict[str, object]], session: requests.Session) -> None:
        for subscription in share:
            one(subscription, session)

    started = time.monotonic()
    with ThreadPoolExecutor(THREADS) as pool:
        sessions = [requests.Session() for _ in range(THREADS)]
        shares = [subscriptions[number::THREADS] for number in range(THREADS)]
        jobs = [pool.submit(many, share, session) for share, session in zip(shares, sessions, strict=True)]
        for job in jobs:
            job.result()
    return count / (time.monotonic() - started)
