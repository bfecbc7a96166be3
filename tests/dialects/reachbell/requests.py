"""Owns a good request for every operation of ReachBell's and the native API, with an id in every position.

Names in braces stand for the world's things; `KINDS` says what each is, and so what stands for it in another
organization and in none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Request = Mapping[str, Any]

KINDS: Mapping[str, str] = {
    "organization": "organization",
    "project": "project",
    "segment": "segment",
    "contact": "contact",
    "subscription": "subscription",
    "run": "run",
    "api_key": "api_key",
    "account": "account",
    "endpoint_account": "account",
    "template": "template",
    "sent": "campaign",
    "ready": "campaign",
}

# What is read by nobody, or not from this caller: whatever it says, the answer is the same. (method, position, kind)
IGNORED = frozenset(
    {
        ("CreateOrganization", "organization.name", "organization"),
        ("CreateProject", "project.name", "project"),
        ("CreateProject", "organization", "organization"),
        ("CreateApiKey", "api_key.name", "api_key"),
        ("CreateApiKey", "organization", "organization"),
        ("CreateToken", "organization", "organization"),
        ("CreateSegment", "segment.name", "project"),
        ("CreateSegment", "segment.name", "segment"),
        ("BatchUpsertContacts", "contacts.name", "project"),
        ("BatchUpsertContacts", "contacts.name", "contact"),
        ("BatchUpsertContacts", "contacts.push_subscriptions.name", "project"),
        ("BatchUpsertContacts", "contacts.push_subscriptions.name", "contact"),
        ("BatchUpsertContacts", "contacts.push_subscriptions.name", "subscription"),
        ("CreateCampaign", "campaign.name", "project"),
        ("CreateCampaign", "campaign.name", "campaign"),
        ("CreateTemplate", "template.name", "project"),
        ("CreateTemplate", "template.name", "template"),
        ("CreateProviderAccount", "provider_account.name", "project"),
        ("CreateProviderAccount", "provider_account.name", "account"),
    }
)

PROJECT = "projects/{project}"
SENT = PROJECT + "/campaigns/{sent}"
READY = PROJECT + "/campaigns/{ready}"
CONTACT = PROJECT + "/contacts/{contact}"
ORGANIZATION = "organizations/{organization}"
SAVED = {"segment": PROJECT + "/segments/{segment}"}
ACCOUNT = PROJECT + "/providerAccounts/{account}"
ENDPOINT = PROJECT + "/providerAccounts/{endpoint_account}"
TEMPLATE = PROJECT + "/templates/{template}"
NON_OPENERS = {"filter": {"did_not_open": {"campaign": SENT}}}


def _campaign(name: str, audience: Request) -> Request:
    return {
        "name": name,
        "display_name": "x",
        "channels": ["CHANNEL_PUSH", "CHANNEL_EMAIL", "CHANNEL_HTTP"],
        "push_content": {"title": "x"},
        "email_content": {"provider_account": ACCOUNT, "template": TEMPLATE, "from_email": "shop@example.com"},
        "http_content": {"provider_account": ENDPOINT},
        "audience": audience,
        "schedule": {"immediate": True},
    }


NATIVE: Mapping[str, Sequence[Request]] = {
    "CreateOrganization": [{"organization": {"name": ORGANIZATION, "display_name": "x"}}],
    "CreateProject": [{"project": {"name": PROJECT, "display_name": "x"}, "organization": ORGANIZATION}],
    "GetProject": [{"name": PROJECT}],
    "ListProjects": [{}],
    "CreateApiKey": [
        {
            "api_key": {"name": "apiKeys/{api_key}", "display_name": "x", "projects": [PROJECT]},
            "organization": ORGANIZATION,
        }
    ],
    "RevokeApiKey": [{"name": "apiKeys/{api_key}"}],
    "CreateToken": [{"subject": "x", "organization": ORGANIZATION}],
    "CreateCampaign": [{"parent": PROJECT, "campaign": _campaign(SENT, audience)} for audience in (SAVED, NON_OPENERS)],
    "GetCampaign": [{"name": SENT}],
    "ListCampaigns": [{"parent": PROJECT}],
    "UpdateCampaign": [{"campaign": _campaign(READY, audience)} for audience in (SAVED, NON_OPENERS)],
    "DeleteCampaign": [{"name": READY}],
    "ArchiveCampaign": [{"name": SENT}],
    "ResendCampaign": [{"name": SENT, "audience": audience} for audience in (SAVED, NON_OPENERS)],
    "StartCampaign": [{"name": READY, "audience": audience} for audience in (SAVED, NON_OPENERS)],
    "PauseCampaign": [{"name": SENT}],
    "ResumeCampaign": [{"name": SENT}],
    "CancelCampaign": [{"name": SENT}],
    "ListRuns": [{"parent": SENT}],
    "RetryMessages": [
        {"name": SENT, "states": ["MESSAGE_STATE_FAILED"], "messages": [SENT + "/runs/{run}/messages/0-0"]}
    ],
    "CreateTemplate": [
        {"parent": PROJECT, "template": {"name": TEMPLATE, "display_name": "x", "subject": "x", "text": "x"}}
    ],
    "GetTemplate": [{"name": TEMPLATE}],
    "ListTemplates": [{"parent": PROJECT}],
    "UpdateTemplate": [{"template": {"name": TEMPLATE, "subject": "y"}}],
    "BatchUpsertContacts": [
        {
            "parent": PROJECT,
            "contacts": [
                {
                    "name": PROJECT + "/contacts/{contact}",
                    "external_id": "x",
                    "push_subscriptions": [
                        {
                            "name": PROJECT + "/contacts/{contact}/pushSubscriptions/{subscription}",
                            "endpoint": "{endpoint}",
                            "p256dh": "{p256dh}",
                            "auth": "{auth}",
                        }
                    ],
                }
            ],
        }
    ],
    "GetContact": [{"name": PROJECT + "/contacts/{contact}"}],
    "CreateSegment": [
        {
            "parent": PROJECT,
            "segment": {"name": PROJECT + "/segments/{segment}", "display_name": "x", **NON_OPENERS},
        }
    ],
    "GetSegment": [{"name": PROJECT + "/segments/{segment}"}],
    "ListSegments": [{"parent": PROJECT}],
    "CountAudience": [
        {"parent": PROJECT, "audience": audience, "channels": ["CHANNEL_PUSH"]} for audience in (SAVED, NON_OPENERS)
    ],
    "Reconcile": [{"name": SENT}, {"name": SENT + "/runs/{run}"}],
    "GetVapidKey": [{"name": PROJECT + "/vapidKey"}],
    "CreateProviderAccount": [
        {
            "parent": PROJECT,
            "provider_account": {"name": ACCOUNT, "display_name": "x", "smtp": {"host": "smtp.example.com"}},
        }
    ],
    "GetProviderAccount": [{"name": ACCOUNT}],
    "ListProviderAccounts": [{"parent": PROJECT}],
    "TestProviderAccount": [{"name": ACCOUNT}],
    "DeleteProviderAccount": [{"name": ACCOUNT}],
    "SuppressContact": [{"name": CONTACT, "channels": ["CHANNEL_EMAIL"]}],
    "UnsuppressContact": [{"name": CONTACT, "channels": ["CHANNEL_EMAIL"]}],
    "ListMessages": [{"parent": SENT, "contact": CONTACT}, {"parent": SENT + "/runs/{run}", "contact": CONTACT}],
    "GetMessage": [{"name": SENT + "/runs/{run}/messages/0-0"}],
    "ExplainRecipient": [{"name": SENT, "contact": CONTACT}],
    "ListSuppressions": [{"parent": PROJECT}, {"parent": CONTACT}],
    "GetCampaignStats": [{"name": SENT + "/stats"}],
    "BatchGetCampaignStats": [{"parent": PROJECT, "names": [SENT + "/stats"]}],
    "WatchCampaign": [{"name": SENT}],
}

SEGMENT = {"savedSegmentId": "{segment}"}
LAUNCH = {"segment": SEGMENT, "schedule": {"mode": "immediate"}, "content": {"title": "x"}}

REACHBELL: Mapping[str, Sequence[Request]] = {
    "CreateCampaign": [{"name": "x", "projectId": "{project}", **LAUNCH}],
    "ListCampaigns": [{"projectId": "{project}"}],
    "GetCampaign": [{"id": "{sent}"}],
    "UpdateCampaign": [{"id": "{ready}", "patch": {"projectId": "{project}", **LAUNCH}}],
    "DeleteCampaign": [{"id": "{ready}"}],
    "SendCampaign": [{"id": "{ready}", "segment": SEGMENT}],
    "StreamCampaign": [{"id": "{sent}"}],
    "ExportCampaigns": [{"file": "{project}.csv"}],
}

REQUESTS: Mapping[str, Mapping[str, Sequence[Request]]] = {"native": NATIVE, "reachbell": REACHBELL}
