"""Owns how provider accounts look on the wire.

Never writes a secret into what is answered or stored beside it, but for the answer to whoever made it.
"""

from __future__ import annotations

import datetime
import secrets

from carillon.delivery.v1 import provider_accounts_pb2 as pb

from services import names
from services.delivery.domain.accounts import (
    MADE_SECRET_BYTES,
    HttpProvider,
    Provider,
    ProviderAccount,
    Security,
    SmtpProvider,
    http_provider,
    smtp_provider,
)
from services.delivery.senders.destination import Destinations
from services.runtime.errors import Invalid


def provider_from(account: pb.ProviderAccount, destinations: Destinations, *, path: str) -> Provider:
    """What the caller describes. Raises Invalid."""
    match account.WhichOneof("provider"):
        case "smtp":
            smtp = account.smtp
            return smtp_provider(
                host=smtp.host,
                port=smtp.port,
                security=smtp.security,
                username=smtp.username,
                password=smtp.password,
                allow_plaintext_auth=smtp.allow_plaintext_auth,
                connections=smtp.connections,
                timeout_seconds=smtp.timeout_seconds,
                destinations=destinations,
                path=f"{path}.smtp",
            )
        case "http":
            http = account.http
            return http_provider(
                url=http.url,
                signing_secret=http.signing_secret,
                made_secret=secrets.token_bytes(MADE_SECRET_BYTES),
                recipients_per_call=http.recipients_per_call,
                connections=http.connections,
                timeout_seconds=http.timeout_seconds,
                destinations=destinations,
                path=f"{path}.http",
            )
    raise Invalid("PROVIDER_REQUIRED", "Say which provider it is: smtp or http.", field=path)


def account_to(account: ProviderAccount) -> pb.ProviderAccount:
    """The account without its secrets."""
    message = pb.ProviderAccount(
        name=names.join(("projects", account.project), ("providerAccounts", account.id)),
        display_name=account.display_name,
    )
    message.create_time.FromDatetime(account.create_time)
    match account.provider:
        case SmtpProvider() as smtp:
            message.smtp.host = smtp.host
            message.smtp.port = smtp.port
            message.smtp.security = int(smtp.security)  # type: ignore[assignment]
            message.smtp.username = smtp.username
            message.smtp.allow_plaintext_auth = smtp.allow_plaintext_auth
            message.smtp.connections = smtp.connections
            message.smtp.timeout_seconds = smtp.timeout_seconds
        case HttpProvider() as http:
            message.http.url = http.url
            message.http.recipients_per_call = http.recipients_per_call
            message.http.connections = http.connections
            message.http.timeout_seconds = http.timeout_seconds
    return message


def made_to(account: ProviderAccount) -> pb.ProviderAccount:
    """What whoever made it is answered, once: with an HTTP account's signing secret."""
    answer = account_to(account)
    if isinstance(account.provider, HttpProvider):
        answer.http.signing_secret = account.provider.signing_secret
    return answer


def secret_of(provider: Provider) -> str:
    """What is to be sealed."""
    return provider.password if isinstance(provider, SmtpProvider) else provider.signing_secret


def account_from_stored(stored: bytes, secret: str, *, account_id: bytes, project: bytes) -> ProviderAccount:
    """The account that `account_to` wrote, with its secret again."""
    message = pb.ProviderAccount.FromString(stored)
    provider: Provider
    if message.WhichOneof("provider") == "smtp":
        smtp = message.smtp
        provider = SmtpProvider(
            host=smtp.host,
            port=smtp.port,
            security=Security(smtp.security),
            username=smtp.username,
            password=secret,
            allow_plaintext_auth=smtp.allow_plaintext_auth,
            connections=smtp.connections,
            timeout_seconds=smtp.timeout_seconds,
        )
    else:
        http = message.http
        provider = HttpProvider(
            url=http.url,
            signing_secret=secret,
            recipients_per_call=http.recipients_per_call,
            connections=http.connections,
            timeout_seconds=http.timeout_seconds,
        )
    return ProviderAccount(
        id=account_id,
        project=project,
        display_name=message.display_name,
        provider=provider,
        create_time=message.create_time.ToDatetime(tzinfo=datetime.UTC),
    )
