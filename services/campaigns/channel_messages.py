"""Owns translating emails' and HTTP calls' contents between the domain and protos, and the names in them.

Never decides anything but whether a name is one of the project: what is wrong with a content, the domain says.
"""

from __future__ import annotations

from carillon.campaigns.v1 import campaigns_pb2 as pb

from services import names
from services.campaigns.domain.email import EmailContent, TemplateName
from services.campaigns.domain.http_call import HttpContent
from services.runtime.errors import NotFound

VERSION_MARK = "@"
MAX_VERSION = 2**31 - 1
EMAIL_TEXTS = ("from_email", "from_name", "reply_to", "subject", "html", "text")


def email_from(message: pb.EmailContent, project: bytes) -> EmailContent:
    """The domain's content. Raises NotFound for what is no name of an account or a template of the project."""
    return EmailContent(
        provider_account=account_from(message.provider_account, project, "email_content.provider_account"),
        template=template_from(message.template, project, "email_content.template"),
        **{field: getattr(message, field) for field in EMAIL_TEXTS},
    )


def email_to(content: EmailContent, project: bytes) -> pb.EmailContent:
    """The proto of a content."""
    return pb.EmailContent(
        provider_account=account_to(content.provider_account, project),
        template=template_to(content.template, project),
        **{field: getattr(content, field) for field in EMAIL_TEXTS},
    )


def http_from(message: pb.HttpContent, project: bytes) -> HttpContent:
    """The domain's content. Raises NotFound for what is no name of an account of the project."""
    return HttpContent(
        provider_account=account_from(message.provider_account, project, "http_content.provider_account"),
        content=message.content,
        contact_fields=tuple(message.contact_fields),
    )


def http_to(content: HttpContent, project: bytes) -> pb.HttpContent:
    """The proto of a content."""
    return pb.HttpContent(
        provider_account=account_to(content.provider_account, project),
        content=content.content,
        contact_fields=content.contact_fields,
    )


def account_from(name: str, project: bytes, path: str) -> bytes | None:
    """The id in an account's name; None where it is empty."""
    if not name:
        return None
    owner, account = names.split(name, "projects", "providerAccounts", field=path)
    if owner not in (None, project):
        raise NotFound("PROVIDER_ACCOUNT_NOT_FOUND", "There is no such provider account.", field=path)
    return account


def account_to(account: bytes | None, project: bytes) -> str:
    """`projects/proj_…/providerAccounts/acc_…`, or nothing."""
    return "" if account is None else names.join(("projects", project), ("providerAccounts", account))


def template_from(name: str, project: bytes, path: str) -> TemplateName | None:
    """The template and the version in a name; None where it is empty."""
    if not name:
        return None
    owner, found = read_template_name(name, path)
    if owner not in (None, project):
        raise template_not_found(path)
    return found


def read_template_name(name: str, path: str) -> tuple[bytes | None, TemplateName]:
    """The project, None for any, and the template in `projects/proj_…/templates/tpl_…` or `…/tpl_…@3`."""
    bare, mark, version = name.partition(VERSION_MARK)
    owner, template = names.split(bare, "projects", "templates", field=path)
    assert template is not None
    if not mark:
        return owner, TemplateName(template)
    number = int(version) if version.isascii() and version.isdigit() and len(version) <= 10 else 0
    if not 1 <= number <= MAX_VERSION or version.startswith("0"):
        raise template_not_found(path)
    return owner, TemplateName(template, number)


def template_not_found(path: str) -> NotFound:
    """There is no such template, or it is another tenant's."""
    return NotFound("TEMPLATE_NOT_FOUND", "There is no such template.", field=path)


def template_to(template: TemplateName | None, project: bytes) -> str:
    """The name of a template, with its version where one is meant, or nothing."""
    if template is None:
        return ""
    name = names.join(("projects", project), ("templates", template.template))
    return name if template.version is None else f"{name}{VERSION_MARK}{template.version}"
