"""Owns where a request carries ids: found by walking the descriptors, so that a new field has to be told apart.

Every text field of every request is either an id or a word; one that is in neither table fails the test.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from google.api import field_behavior_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from gateway.api import Api
from gateway.routes import Route

# Fields that say which thing is meant.
IDS = frozenset(
    {
        "Audience.segment",
        "BatchGetCampaignStatsRequest.names",
        "CampaignPatch.project_id",
        "CreateApiKeyRequest.organization",
        "CreateCampaignRequest.project_id",
        "CreateProjectRequest.organization",
        "CreateTokenRequest.organization",
        "ApiKey.projects",
        "DidNotOpen.campaign",
        "EmailContent.provider_account",
        "EmailContent.template",
        "ExplainRecipientRequest.contact",
        "ListMessagesRequest.contact",
        "ExportCampaignsRequest.file",
        "HttpContent.provider_account",
        "ListCampaignsRequest.project_id",
        "RetryMessagesRequest.messages",
        "Segment.saved_segment_id",
    }
)
# In any request, and in the resources that it carries.
ID_NAMES = frozenset({"id", "name", "parent"})
# But not here.
NOT_IDS = frozenset({"CreateCampaignRequest.name", "CampaignPatch.name"})
# Fields that say anything else, by message.
WORDS: Mapping[str, str] = {
    "Action": "action click_url title url",
    "ApiKey": "display_name",
    "Campaign": "display_name etag vendor_fields",
    "Condition": "attribute values",
    "Contact": "country email external_id locale tags time_zone",
    "Content": "body click_url icon_url image_url title",
    "CreateTokenRequest": "subject",
    "CountAudienceRequest": "contact_fields",
    "EmailContent": "from_email from_name html reply_to subject text",
    "ExportCampaignsRequest": "from to",
    "HttpContent": "contact_fields content",
    "HttpProvider": "signing_secret url",
    "ListCampaignsRequest": "from page_token q query status to",
    "ListMessagesRequest": "page_token reasons",
    "ListProjectsRequest": "page_token",
    "ListProviderAccountsRequest": "page_token",
    "ListRunsRequest": "page_token",
    "ListSegmentsRequest": "page_token",
    "ListTemplatesRequest": "page_token",
    "ListSuppressionsRequest": "page_token",
    "Organization": "display_name",
    "Project": "display_name phone_region time_zone",
    "ProviderAccount": "display_name",
    "PushAction": "action title url",
    "PushContent": "body click_url icon_url image_url title",
    "PushSubscription": "auth endpoint p256dh",
    "ResendCampaignRequest": "vendor_fields",
    "RetryMessagesRequest": "etag reasons",
    "Schedule": "mode send_at time_zone timezone",
    "Segment": "display_name",
    "SmtpProvider": "host password username",
    "StartCampaignRequest": "etag",
    "Template": "display_name etag html subject text",
    "SuppressContactRequest": "reason",
    "Utm": "campaign content medium source term",
}


def texts_of(route: Route, api: Api) -> Iterator[tuple[str, str]]:
    """(`Message.field`, its path in the request as the API spells it) of each text field that a caller may send."""
    yield from _texts(route.method.input_type, route, api, path="", above=())


def _texts(
    message: Descriptor, route: Route, api: Api, *, path: str, above: tuple[Descriptor, ...]
) -> Iterator[tuple[str, str]]:
    for field in message.fields:
        if _is_answered_only(field):
            continue
        name = field.json_name if api.json_names_only else field.name
        place = f"{path}.{name}" if path else name
        if field.type == FieldDescriptor.TYPE_STRING:
            yield f"{message.name}.{field.name}", place
        elif field.type == FieldDescriptor.TYPE_MESSAGE and (inner := _inner(field, route)) not in (None, *above):
            assert inner is not None
            yield from _texts(inner, route, api, path=place, above=(*above, message))


def _is_answered_only(field: FieldDescriptor) -> bool:
    behaviors = list(field.GetOptions().Extensions[field_behavior_pb2.field_behavior])
    return field_behavior_pb2.FieldBehavior.OUTPUT_ONLY in behaviors


def _inner(field: FieldDescriptor, route: Route) -> Descriptor | None:
    message: Descriptor | None = field.message_type
    assert message is not None
    if message.full_name == "google.api.HttpBody":
        message = message.file.pool.FindMessageTypeByName(route.rule.body_message)
    is_ours = message.full_name.startswith("carillon.") and not message.GetOptions().map_entry
    return message if is_ours else None


def is_id(field: str) -> bool:
    """Whether `Message.field` says which thing is meant. Raises KeyError where nobody has decided that."""
    if field in IDS or (field.rpartition(".")[2] in ID_NAMES and field not in NOT_IDS):
        return True
    message, _, name = field.partition(".")
    if field in NOT_IDS or name in WORDS.get(message, "").split():
        return False
    raise KeyError(f"{field}: is it an id or a word?")
