"""The signature of a call, by the example of the Standard Webhooks specification's own libraries."""

from __future__ import annotations

from services.delivery.domain.accounts import secret_bytes
from services.delivery.senders.webhook_signature import WebhookSigner


def test_it_is_what_standard_webhooks_says() -> None:
    signer = WebhookSigner(secret_bytes("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"))

    headers = signer.headers(b"msg_p5jXN8AQM9LWM0D4loKWxJek", b'{"test": 2432232314}', now=1614265330)

    assert headers.decode().splitlines() == [
        "webhook-id: msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp: 1614265330",
        "webhook-signature: v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    ]
