"""The platform's own links of the chain, one behind the other: client, Gateway stand-in, interceptor, tool function."""

import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.responses import Response

from clinic_agent.errors import Forbidden, NotAuthenticated, Unavailable
from clinic_agent.gateway import GatewayConnection, GatewayTools
from clinic_agent.gateway.refusals import ToolRefused
from clinic_agent.identity import SigningKeys, TokenVerifier, TrustedIssuer
from clinic_agent.lambdas import interceptor, tools
from clinic_agent.tools import ClinicData
from tests.unit.gateway_standin_support import (
    GET_PATIENT,
    INTERCEPTOR,
    ISSUED,
    LIST_PATIENTS,
    TOOLS,
    WEB_SEARCH,
    StandIn,
    running,
    token,
)
from tests.unit.runtime_standin_support import CLIENT, ISSUER
from tests.unit.support import USER_A
from tests.unit.test_tools import FakeDynamo

NAMES = {"get_patient": GET_PATIENT, "list_patients": LIST_PATIENTS, "web_search": WEB_SEARCH}
ARGUMENTS = {GET_PATIENT: {"patient_id"}, LIST_PATIENTS: {"limit", "cursor"}, WEB_SEARCH: {"query", "maxResults"}}


class Clinics(FakeDynamo):
    """Patients of two clinics, by leading key."""

    def __init__(self, clinic_id: str) -> None:
        super().__init__(*{"clinic-a": ["P-1001", "P-1002", "P-1003"], "clinic-b": ["P-2001", "P-2002"]}[clinic_id])
        self.clinic_id = clinic_id

    def get_item(self, *, Key: Any, **_: Any) -> Any:  # noqa: N803
        assert Key["clinic_id"] == {"S": self.clinic_id}
        return {"Item": Key} if Key["patient_id"]["S"] in self.ids else {}

    def query(self, *, Limit: int, ExpressionAttributeValues: Any, ExclusiveStartKey: Any = None, **_: Any) -> Any:  # noqa: N803
        assert ExpressionAttributeValues == {":clinic": {"S": self.clinic_id}}
        found = [i for i in self.ids if i > (ExclusiveStartKey["patient_id"]["S"] if ExclusiveStartKey else "")]
        items = [{"patient_id": {"S": i}} for i in found[:Limit]]
        return {"Items": items, **({"LastEvaluatedKey": items[-1]} if len(found) > Limit else {})}


class OwnSessions:
    """Tenant sessions without AWS: clients that know one clinic."""

    def open(self, who: Any) -> Any:
        boto3 = SimpleNamespace(client=lambda service, config: Clinics(who.clinic_id))
        session: Any = SimpleNamespace(boto3=boto3)
        session.kept = lambda kind, make: ClinicData(
            session=session, clinic_id=who.clinic_id, bucket="documents", table="patients"
        )
        return session


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    with running(tmp_path_factory.mktemp("chain")) as stand_in:
        yield stand_in


@pytest.fixture
def gateway(shared: StandIn, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    shared.reset()
    keys = SigningKeys("https://issuer.example", fetch=lambda: {"keys": [ISSUED.jwk()]})
    verifier = TokenVerifier(TrustedIssuer(issuer=ISSUER, client_id=CLIENT), keys)
    checks = interceptor.Interceptor(
        verifier=verifier,
        tool_arguments={name: frozenset(names) for name, names in ARGUMENTS.items()},
        refusal_sink=lambda _: None,
    )
    sessions: Any = OwnSessions()
    behind = tools.Tools(
        verifier=verifier,
        sessions=sessions,
        bucket="documents",
        table="patients",
        refusal_sink=lambda _: None,
    )
    monkeypatch.setattr(interceptor, "_interceptor", lambda: checks)
    monkeypatch.setattr(tools, "_tools", lambda: behind)

    async def intercept(event: dict[str, Any], _: Any) -> Any:
        return interceptor.handler(event, None)

    async def run(event: dict[str, Any], context: dict[str, Any] | None) -> Any:
        client_context = None if context is None else SimpleNamespace(**context)
        return tools.handler(event, SimpleNamespace(aws_request_id="r", client_context=client_context))

    shared.emulator.functions = {INTERCEPTOR: intercept, TOOLS: run}
    return shared


@pytest.fixture
def as_user(gateway: StandIn) -> Iterator[Any]:
    opened: list[GatewayConnection] = []

    def connect(**claims: Any) -> GatewayTools:
        bearer = token(user=USER_A, **claims)
        opened.append(GatewayConnection(url=f"{gateway.url}/mcp", token=lambda: bearer))
        return GatewayTools(opened[-1])

    yield connect
    for connection in opened:
        connection.close()


def use(found: GatewayTools, name: str, **arguments: Any) -> Any:
    return json.loads(found.call(name, NAMES[name], arguments))


def test_each_tier_is_offered_its_own_tools(as_user: Any) -> None:
    assert [tool.tool_name for tool in as_user().load()] == ["get_patient", "list_patients"]
    assert [tool.tool_name for tool in as_user(tier="premium").load()] == ["get_patient", "list_patients", "web_search"]


def test_a_clinic_reads_its_own_patients_and_cannot_tell_another_clinics_from_none(as_user: Any) -> None:
    ours = as_user()
    assert use(ours, "get_patient", patient_id="P-1001")["patient"]["patient_id"] == "P-1001"
    assert use(ours, "get_patient", patient_id="P-2001") == use(ours, "get_patient", patient_id="P-9999")


def test_a_cursor_serves_its_own_clinic_only(as_user: Any) -> None:
    ours, theirs = as_user(), as_user(clinic="clinic-b")
    page = use(ours, "list_patients", limit=2)
    assert [p["patient_id"] for p in use(ours, "list_patients", cursor=page["next_cursor"])["patients"]] == ["P-1003"]
    with pytest.raises(ToolRefused) as caught:
        use(theirs, "list_patients", cursor=page["next_cursor"])
    assert "cursor: is not one that list_patients returned" in caught.value.text


def test_arguments_that_no_tool_has_are_refused_by_name(as_user: Any) -> None:
    with pytest.raises(ToolRefused) as caught:
        use(as_user(), "get_patient", patient_id="P-1001", clinic_id="clinic-b")
    assert "'clinic_id' is no argument of this tool" in caught.value.text


def test_a_tool_of_another_tier_is_denied(as_user: Any) -> None:
    with pytest.raises(ToolRefused) as caught:
        use(as_user(), "web_search", query="measles")
    assert caught.value.code == "tool_denied"
    assert use(as_user(tier="premium"), "web_search", query="measles")["results"] is not None


def test_out_of_hours_nothing_is_offered(as_user: Any, gateway: StandIn) -> None:
    basic = as_user()
    basic.load()
    gateway.set_clock("2026-08-12T21:30:00Z")
    with pytest.raises(ToolRefused):
        use(basic, "get_patient", patient_id="P-1001")
    assert basic.load() == ()


def test_forged_headers_change_nothing(gateway: StandIn) -> None:
    theirs = token(user=USER_A, clinic="clinic-b")
    headers = {"X_Clinic_Access_Token": theirs, "X_Clinic_Id": "clinic-b", "X_Clinic_Request_Id": "forged"}
    answer = gateway.call(GET_PATIENT, {"patient_id": "P-2001"}, bearer=token(user=USER_A), **headers)
    assert answer.json()["result"]["structuredContent"]["error"]["code"] == "not_found"
    ((_, context),) = gateway.emulator.called(TOOLS)
    assert theirs not in json.dumps(context)
    assert "forged" not in json.dumps(context)


def test_who_is_not_known_gets_nowhere(as_user: Any) -> None:
    with pytest.raises(NotAuthenticated):
        as_user(exp=1).load()
    with pytest.raises(Forbidden):
        as_user(tiers=["gold"]).load()


def test_a_session_that_has_ended_does_not_lose_the_call(as_user: Any, gateway: StandIn) -> None:
    ours = as_user()
    ours.load()
    session_id = ours._connection._link.session_id
    headers = {"Authorization": f"Bearer {token(user=USER_A)}", "Mcp-Session-Id": session_id}
    assert gateway.client.request("DELETE", f"{gateway.url}/mcp", headers=headers).is_success
    assert use(ours, "get_patient", patient_id="P-1001")["patient"]
    assert ours._connection.link_number == 2


@pytest.mark.parametrize("function", [TOOLS, INTERCEPTOR])
def test_a_function_that_is_down_is_an_outage(as_user: Any, gateway: StandIn, function: str) -> None:
    async def down(*_: Any) -> Response:
        return Response("down", 503)

    gateway.emulator.functions = {**gateway.emulator.functions, function: down}
    with pytest.raises(Unavailable) as caught:
        use(as_user(), "get_patient", patient_id="P-1001")
    assert caught.value.code == "tools_unavailable"
