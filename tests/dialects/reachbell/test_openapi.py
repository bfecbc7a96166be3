"""Whatever fits ReachBell's OpenAPI document, or just does not, is answered as the document says, and never by a 5xx.

The examples are drawn from a fixed seed. Paths get ids that exist as often as ids that do not, since those that
schemathesis invents never do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis import Case
from schemathesis.core.failures import FailureGroup
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from gateway.dialects.reachbell import REACHBELL
from gateway.openapi.comments import Comments
from gateway.openapi.document import document
from tests.e2e.books import push, wait_until_ended
from tests.stacks import Running
from tools.client import Client
from tools.stack.layout import DESCRIPTORS
from tools.workspace import Workspace, add_people

SEED = 4
EXAMPLES = 40  # of each operation, as many again that break its rules
SECONDS = 10.0  # for one answer
CHECKS = (
    schemathesis.checks.not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
)
UNKNOWN = "cmp_00000000000000000000"


def _documented() -> dict[str, Any]:
    return document(REACHBELL, Comments.of(Path(DESCRIPTORS).read_bytes()), server="")


def _operations(documented: dict[str, Any]) -> dict[str, Any]:
    found: Any = schemathesis.openapi.from_dict(documented).get_all_operations()
    return {operation.ok().definition.raw["operationId"]: operation.ok() for operation in found}


OPERATIONS = _operations(_documented())


@dataclass(frozen=True)
class Known:
    """What there is to call about."""

    url: str
    workspace: Workspace
    draft: str
    sent: str

    def ids(self, operation: str) -> Mapping[str, list[str]]:
        """What a path variable may be; nobody's stream is opened that would not end."""
        campaigns = [self.sent, UNKNOWN] if operation == "StreamCampaign" else [self.draft, self.sent, UNKNOWN]
        project = self.workspace.project
        return {"id": campaigns, "projectId": [project], "file": [f"{project}.csv", project]}


@pytest.fixture
async def known(stack: Running, workspace: Workspace, reachbell: Client) -> Known:
    await add_people(stack.described, workspace, 3)
    draft = await reachbell.call("POST", "/campaigns", push(workspace) | {"schedule": {"mode": "draft"}})
    sent = await reachbell.call("POST", "/campaigns", push(workspace))
    await wait_until_ended(reachbell, sent["id"], seconds=30)
    return Known(stack.described["dialects"]["reachbell"], workspace, draft["id"], sent["id"])


@pytest.mark.parametrize("operation", OPERATIONS)
def test_what_fits_the_document_is_answered_by_it(operation: str, known: Known) -> None:
    _call_and_check(OPERATIONS[operation], known, GenerationMode.POSITIVE, CHECKS)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_what_does_not_fit_the_document_is_refused_by_it(operation: str, known: Known) -> None:
    _call_and_check(OPERATIONS[operation], known, GenerationMode.NEGATIVE, (*CHECKS, negative_data_rejection))


def test_all_of_the_documents_operations_are_there() -> None:
    assert len(OPERATIONS) == 8


def test_an_answer_outside_its_schema_is_found_out(known: Known) -> None:
    wrong = _documented()
    wrong["components"]["schemas"]["Stats"]["properties"]["queued"] = {"type": "string"}

    with pytest.raises(FailureGroup, match='is not of type "string"'):
        _call_and_check(_operations(wrong)["GetCampaign"], known, GenerationMode.POSITIVE, CHECKS)


def _call_and_check(operation: Any, known: Known, mode: GenerationMode, checks: tuple[Any, ...]) -> None:
    name = operation.definition.raw["operationId"]
    cases = operation.as_strategy(generation_mode=mode)
    session = requests.Session()

    @seed(SEED)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],  # a failure is told as it was found: making it smaller would take too long
    )
    @given(case=cases, data=st.data())
    def check(case: Case, data: st.DataObject) -> None:
        _make_real(case, data, name, known)
        credential = {} if name == "StreamCampaign" else known.workspace.key_header
        answer = case.call(base_url=known.url, session=session, headers=dict(credential), timeout=SECONDS)
        is_stream = any("event-stream" in kind for kind in answer.headers.get("content-type", []))
        case.validate_response(answer, checks=[*checks], excluded_checks=[response_schema_conformance] * is_stream)

    check()


def _make_real(case: Case, data: st.DataObject, operation: str, known: Known) -> None:
    """Ids that exist, mostly, and the project's own in bodies."""
    for name, real in known.ids(operation).items():
        if name in (case.path_parameters or {}):
            case.path_parameters[name] = data.draw(st.sampled_from(real))
    if isinstance(case.body, dict) and isinstance(case.body.get("projectId"), str):
        case.body["projectId"] = known.workspace.project
    if operation == "StreamCampaign":
        case.query = {**(case.query or {}), "token": known.workspace.jwt, "orgId": known.workspace.organization}
