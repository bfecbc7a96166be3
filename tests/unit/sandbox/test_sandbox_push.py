"""The sandbox's push service, with the real sender in front and by hand where a request must be wrong."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from services.delivery.senders.push_encryption import encrypt
from services.delivery.senders.sender import AnswerKind
from services.delivery.senders.vapid import VapidSigner
from services.delivery.senders.web_push import PushAddress
from tests.unit.sandbox.outside import Outside, a_push, topic

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(60)]

KEY = ec.generate_private_key(ec.SECP256R1())


async def test_what_is_pushed_is_accepted_and_found_in_the_ledger_in_order(tmp_path: Path) -> None:
    async with Outside(tmp_path) as outside:
        subscriptions = await outside.subscriptions(50)

        answers = await outside.push([a_push(to, number=at) for at, to in enumerate(subscriptions)])
        lines = await outside.lines("/messages?campaign=cmp_one")

        assert {(answer.kind, answer.code) for answer in answers} == {(AnswerKind.ACCEPTED, 201)}
        assert {(line["key"], line["to"]) for line in lines} == {
            (topic(at), to.url.rpartition("/")[2]) for at, to in enumerate(subscriptions)
        }
        assert {(line["channel"], line["campaign"], line["repeat"]) for line in lines} == {("push", "cmp_one", False)}
        assert [line["at"] for line in lines] == sorted(line["at"] for line in lines)


async def test_the_same_key_again_is_accepted_and_marked(tmp_path: Path) -> None:
    async with Outside(tmp_path) as outside:
        (to,) = await outside.subscriptions(1)

        await outside.push([a_push(to)])
        await outside.push([a_push(to)])

        assert [line["repeat"] for line in await outside.lines("/messages")] == [False, True]
        assert await outside.call("GET", "/messages/count") == (200, {"total": 2, "repeats": 1})


async def test_a_topic_replaces_only_what_has_not_been_delivered_yet(tmp_path: Path) -> None:
    async with Outside(tmp_path) as outside:
        (to,) = await outside.subscriptions(1)
        await outside.call("PUT", "/faults", {"offline_ms": 200})

        for wait in (0.0, 0.0, 0.4):
            await asyncio.sleep(wait)
            await outside.push([a_push(to)])

        assert [line["replaces"] for line in await outside.lines("/messages")] == [False, True, False]


async def test_a_retired_subscription_answers_410_and_an_unknown_one_404_for_ever(tmp_path: Path) -> None:
    async with Outside(tmp_path) as outside:
        (to,) = await outside.subscriptions(1)
        identifier = to.url.rpartition("/")[2]
        assert (await outside.call("DELETE", f"/subscriptions/{identifier}"))[0] == 204
        assert (await outside.call("DELETE", "/subscriptions/nobody"))[0] == 404

    async with Outside(tmp_path) as outside:
        gone, unknown = await outside.push(
            [
                a_push(PushAddress(f"http://{outside.host}/push/{identifier}", to.p256dh, to.auth)),
                a_push(PushAddress(f"http://{outside.host}/push/{'A' * 32}", to.p256dh, to.auth), number=1),
            ]
        )

        assert (gone.kind, gone.code) == (AnswerKind.RETIRED, 410)
        assert (unknown.kind, unknown.code) == (AnswerKind.RETIRED, 404)


@pytest.mark.parametrize(
    ("change", "status", "reason"),
    [
        ({}, 201, None),
        ({"TTL": None}, 400, "TTL_MISSING"),
        ({"TTL": "-1"}, 400, "TTL_MISSING"),
        ({"Content-Encoding": None}, 415, "ENCODING_UNKNOWN"),
        ({"Content-Encoding": "aesgcm"}, 415, "ENCODING_UNKNOWN"),
        ({"Urgency": "now"}, 400, "URGENCY_UNKNOWN"),
        ({"Topic": "x" * 33}, 400, "TOPIC_MALFORMED"),
        ({"Topic": "a b"}, 400, "TOPIC_MALFORMED"),
        ({"Authorization": None}, 401, "VAPID_MISSING"),
        ({"Authorization": "Bearer x"}, 403, "VAPID_REFUSED"),
        ({"Authorization": "vapid t=a.b.c, k=d"}, 403, "VAPID_REFUSED"),
        ({"body": b""}, 400, "BODY_MALFORMED"),
        ({"body": b"x" * 200}, 400, "BODY_MALFORMED"),
        ({"body": b"x" * 4_097}, 413, "PAYLOAD_TOO_LARGE"),
    ],
)
async def test_a_push_is_checked_as_the_rfcs_say(
    tmp_path: Path, change: dict[str, str | bytes | None], status: int, reason: str | None
) -> None:
    async with Outside(tmp_path) as outside:
        (to,) = await outside.subscriptions(1)
        authorization = VapidSigner(KEY, "mailto:a@example.com").authorization(f"http://{outside.host}").decode()
        headers = {"TTL": "60", "Content-Encoding": "aes128gcm", "Authorization": authorization} | change
        body = headers.pop("body", encrypt(b"{}", p256dh=to.p256dh, auth=to.auth))

        async with outside.client.post(
            to.url, data=body, headers={name: str(value) for name, value in headers.items() if value is not None}
        ) as answer:
            assert answer.status == status
            assert ("Location" in answer.headers) == (status == 201)
            if reason:
                assert (await answer.json())["error"]["reason"] == reason


@pytest.mark.parametrize(
    ("claims", "signer"),
    [
        ({"aud": "http://elsewhere.example"}, KEY),
        ({"exp": time.time() - 10}, KEY),
        ({"exp": time.time() + 2 * 24 * 3600}, KEY),
        ({"exp": None}, KEY),
        ({}, ec.generate_private_key(ec.SECP256R1())),
    ],
)
async def test_a_token_for_another_origin_time_or_key_is_refused(
    tmp_path: Path, claims: dict[str, object], signer: ec.EllipticCurvePrivateKey
) -> None:
    async with Outside(tmp_path) as outside:
        (to,) = await outside.subscriptions(1)
        good = {"aud": f"http://{outside.host}", "exp": time.time() + 60, "sub": "mailto:a@example.com"}
        wanted = {name: value for name, value in (good | claims).items() if value is not None}
        token = jwt.encode(wanted, signer, algorithm="ES256")
        public = VapidSigner(KEY, "mailto:a@example.com").public_key
        headers = {"TTL": "60", "Content-Encoding": "aes128gcm", "Authorization": f"vapid t={token}, k={public}"}
        body = encrypt(b"{}", p256dh=to.p256dh, auth=to.auth)

        async with outside.client.post(to.url, data=body, headers=headers) as answer:
            assert answer.status == 403


async def test_a_push_for_other_keys_is_accepted_unread_as_a_real_service_would(tmp_path: Path) -> None:
    async with Outside(tmp_path) as outside:
        one, other = await outside.subscriptions(2)

        (answer,) = await outside.push([a_push(PushAddress(one.url, other.p256dh, other.auth))])

        assert answer.kind is AnswerKind.ACCEPTED
        assert [line["campaign"] for line in await outside.lines("/messages")] == [""]
        async with outside.client.get("/") as page:
            assert "cannot be decrypted" in await page.text()
