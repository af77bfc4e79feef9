"""What one tenant's credentials are tried on: its own things, and everybody else's. Used by the tour and by the tests.

All of it is boto3 against the AWS API, from outside: no code of the platform is asked whether it would allow a call.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock
from typing import Any, Final

import jwt

from scripts.clients.runtime import Stack, new_session_id
from scripts.tours.tenant_credentials import client, outcome

ALLOWED: Final = "allowed"
DENIED: Final = "AccessDenied"
_PARALLEL: Final = 4
_MESSAGES: Final = [{"role": "user", "content": [{"text": "hello"}]}]


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """Whose things are meant: a user of a clinic."""

    clinic_id: str
    tier: str
    user_id: str
    document_id: str
    patient_id: str
    model_id: str

    @property
    def actor(self) -> str:
        """The user's memory actor."""
        return f"{self.clinic_id}/{self.user_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """One call that must be denied (or, among a tenant's own, allowed)."""

    name: str
    service: str
    operation: str
    arguments: dict[str, Any]

    def run(self, clients: Callable[[str], Any]) -> str:
        """Make the call and return its outcome."""
        return outcome(getattr(clients(self.service), self.operation), **self.arguments)


def user_id_of(access_token: str) -> str:
    """Read the user id from a token of our own, unverified."""
    claims: dict[str, Any] = jwt.decode(access_token, options={"verify_signature": False})
    return str(claims["sub"])


def clients_of(stack: Stack, credentials: dict[str, str]) -> Callable[[str], Any]:
    """Return a source of boto3 clients with these credentials, each made once."""
    made: dict[str, Any] = {}
    lock = Lock()

    def get(service: str) -> Any:
        with lock:  # several threads may ask
            if service not in made:
                made[service] = client(stack, service, credentials)
            return made[service]

    return get


def outcomes(attacks: Iterator[Attack], clients: Callable[[str], Any]) -> list[tuple[str, str]]:
    """Make the calls, a few at a time, and return name and outcome of each."""
    with ThreadPoolExecutor(_PARALLEL) as pool:
        return list(pool.map(lambda attack: (attack.name, attack.run(clients)), attacks))


def own_access(stack: Stack, owner: Owner) -> Iterator[Attack]:
    """Yield the calls that an owner's credentials must be good for."""
    yield from _documents(stack, owner, "own")
    yield from _patients(stack, owner, "own")
    yield from _events(stack, owner, "own", memory=stack["memories"][owner.tier])
    yield from _records(stack, owner, "own", memory=stack["memories"][owner.tier])
    yield from _model(stack, owner.model_id, "own tier's", guardrail_of=owner.tier)
    yield _check_text(stack, owner.tier, "own tier's")
    yield Attack(
        name="read own profile",
        service="s3",
        operation="get_object",
        arguments={"Bucket": stack["buckets"]["documents"], "Key": f"clinics/{owner.clinic_id}/profile.json"},
    )


def tenant_attacks(stack: Stack, attacker: Owner, victim: Owner) -> Iterator[Attack]:
    """Yield the calls on a victim's things that an attacker's credentials must not be good for."""
    whose = f"{victim.clinic_id}'s"
    if victim.clinic_id == attacker.clinic_id:
        whose = "a colleague's"
    else:
        yield from _documents(stack, victim, whose)
        yield from _patients(stack, victim, whose)
        yield from _writes(stack, victim, whose)
        yield from _other_ways_to_patients(stack, attacker, victim)
    # The victim's things in the attacker's own memory, and in the one where they really lie.
    for memory in dict.fromkeys([stack["memories"][attacker.tier], stack["memories"][victim.tier]]):
        yield from _events(stack, victim, whose, memory=memory)
        yield from _records(stack, victim, whose, memory=memory)
        yield from _memory_by_id(stack, victim, whose, memory=memory)
    if victim.tier != attacker.tier:
        for tier in (attacker.tier, victim.tier, None):
            yield from _model(stack, victim.model_id, "the other tier's", guardrail_of=tier)
        yield from _model(stack, attacker.model_id, "own tier's", guardrail_of=victim.tier)
        yield _check_text(stack, victim.tier, "the other tier's")


def wholesale_attacks(stack: Stack, attacker: Owner) -> Iterator[Attack]:
    """Yield the calls that reach for everybody's things at once, or for a way round."""
    bucket, table, registry = stack["buckets"]["documents"], stack["tables"]["patients"], stack["tables"]["registry"]
    memory = stack["memories"][attacker.tier]
    for prefix in ("", "clinics/", f"clinics/{attacker.clinic_id}"):
        yield Attack(
            name=f"list documents below {prefix!r}",
            service="s3",
            operation="list_objects_v2",
            arguments={"Bucket": bucket, "Prefix": prefix},
        )
    yield Attack(
        name="write an own document",
        service="s3",
        operation="put_object",
        arguments={"Bucket": bucket, "Key": f"clinics/{attacker.clinic_id}/documents/x.md", "Body": b"x"},
    )
    yield Attack(name="scan patients", service="dynamodb", operation="scan", arguments={"TableName": table})
    yield Attack(
        name="read patients by PartiQL",
        service="dynamodb",
        operation="execute_statement",
        arguments={"Statement": f'SELECT * FROM "{table}"'},  # noqa: S608 - the attack is the statement
    )
    yield Attack(
        name="read two clinics' patients in a batch",
        service="dynamodb",
        operation="batch_get_item",
        arguments={
            "RequestItems": {
                table: {
                    "Keys": [
                        {"clinic_id": {"S": clinic}, "patient_id": {"S": attacker.patient_id}}
                        for clinic in (attacker.clinic_id, "clinic-b")
                    ]
                }
            }
        },
    )
    yield Attack(
        name="read the registry",
        service="dynamodb",
        operation="get_item",
        arguments={"TableName": registry, "Key": {"pk": {"S": "clinic#clinic-b"}, "sk": {"S": "profile"}}},
    )
    yield Attack(
        name="list everybody's memory actors",
        service="bedrock-agentcore",
        operation="list_actors",
        arguments={"memoryId": memory},
    )
    for path in ("/", "/actors/", f"/actors/{attacker.clinic_id}/", f"/actors/{attacker.actor}"):
        yield Attack(
            name=f"read records below {path.replace(attacker.user_id, '<own id>')}",
            service="bedrock-agentcore",
            operation="list_memory_records",
            arguments={"memoryId": memory, "namespacePath": path},
        )
    for tier, other in stack["memories"].items():
        if tier != attacker.tier:
            yield from _events(stack, attacker, "own", memory=other)
            yield from _records(stack, attacker, "own", memory=other)
    for role, arn in stack["roles"].items():
        yield from role_attacks(arn, f"the {role} role", attacker.user_id)
    for function, arn in stack["functions"].items():
        yield Attack(
            name=f"call the {function}",
            service="lambda",
            operation="invoke",
            arguments={"FunctionName": arn, "Payload": b"{}"},
        )
    yield from _model(stack, attacker.model_id, "own tier's", guardrail_of=None)
    yield from _model(stack, attacker.model_id, "own tier's", guardrail_of=attacker.tier, version="DRAFT")


def role_attacks(role_arn: str, name: str, user_id: str) -> Iterator[Attack]:
    """Yield the attempts to become a role: as it is (tags could be what is refused), and as somebody else's tenant."""
    tags = {"Tier": "premium", "ClinicId": "clinic-b", "UserId": user_id}
    plain = {"RoleArn": role_arn, "RoleSessionName": "clinic-b@attack"}
    tagged = {**plain, "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}
    for how, arguments in (("without tags", plain), ("with another clinic's tags", tagged)):
        yield Attack(name=f"assume {name} {how}", service="sts", operation="assume_role", arguments=arguments)


def execution_role_attacks(stack: Stack, victim: Owner) -> Iterator[Attack]:
    """Yield what code in a microVM must not be able to do with the execution role's credentials."""
    whose = f"{victim.clinic_id}'s"
    yield from _documents(stack, victim, whose)
    yield from _patients(stack, victim, whose)
    yield from _writes(stack, victim, whose)
    yield from _events(stack, victim, whose, memory=stack["memories"][victim.tier])
    yield from _records(stack, victim, whose, memory=stack["memories"][victim.tier])
    yield from _memory_by_id(stack, victim, whose, memory=stack["memories"][victim.tier])
    for tier in (victim.tier, None):
        yield from _model(stack, victim.model_id, "a tier's", guardrail_of=tier)
    yield _check_text(stack, victim.tier, "a tier's")
    for attack in wholesale_attacks(stack, victim):
        if attack.name != "call the broker":  # that it may; it needs a token for it to be of use
            yield attack


def _documents(stack: Stack, owner: Owner, whose: str) -> Iterator[Attack]:
    bucket, prefix = stack["buckets"]["documents"], f"clinics/{owner.clinic_id}/documents/"
    yield Attack(
        name=f"read {whose} document",
        service="s3",
        operation="get_object",
        arguments={"Bucket": bucket, "Key": f"{prefix}{owner.document_id}.md"},
    )
    yield Attack(
        name=f"list {whose} documents",
        service="s3",
        operation="list_objects_v2",
        arguments={"Bucket": bucket, "Prefix": prefix},
    )


def _patients(stack: Stack, owner: Owner, whose: str) -> Iterator[Attack]:
    table = stack["tables"]["patients"]
    yield Attack(
        name=f"read {whose} patient",
        service="dynamodb",
        operation="get_item",
        arguments={
            "TableName": table,
            "Key": {"clinic_id": {"S": owner.clinic_id}, "patient_id": {"S": owner.patient_id}},
        },
    )
    yield Attack(
        name=f"query {whose} patients",
        service="dynamodb",
        operation="query",
        arguments={
            "TableName": table,
            "KeyConditionExpression": "clinic_id = :c",
            "ExpressionAttributeValues": {":c": {"S": owner.clinic_id}},
        },
    )


def _writes(stack: Stack, owner: Owner, whose: str) -> Iterator[Attack]:
    bucket, table = stack["buckets"]["documents"], stack["tables"]["patients"]
    document = {"Bucket": bucket, "Key": f"clinics/{owner.clinic_id}/documents/attack.md"}
    patient = {"clinic_id": {"S": owner.clinic_id}, "patient_id": {"S": "P-9999"}}
    for what, service, operation, arguments in (
        ("write into {} documents", "s3", "put_object", {**document, "Body": b"x"}),
        ("delete from {} documents", "s3", "delete_object", document),
        ("add to {} patients", "dynamodb", "put_item", {"TableName": table, "Item": patient}),
        ("delete from {} patients", "dynamodb", "delete_item", {"TableName": table, "Key": patient}),
    ):
        yield Attack(name=what.format(whose), service=service, operation=operation, arguments=arguments)


def _other_ways_to_patients(stack: Stack, attacker: Owner, victim: Owner) -> Iterator[Attack]:
    """Yield requests that mean another clinic in a less obvious way."""
    table = stack["tables"]["patients"]
    keys = [
        {"clinic_id": {"S": owner.clinic_id}, "patient_id": {"S": owner.patient_id}} for owner in (attacker, victim)
    ]
    legacy = {"ComparisonOperator": "EQ", "AttributeValueList": [{"S": victim.clinic_id}]}
    sql = f'SELECT * FROM "{table}" WHERE clinic_id = ?'  # noqa: S608 - the attack is the statement
    for what, operation, arguments in (
        (
            "in a transaction with an own one",
            "transact_get_items",
            {"TransactItems": [{"Get": {"TableName": table, "Key": key}} for key in keys]},
        ),
        ("by legacy conditions", "query", {"TableName": table, "KeyConditions": {"clinic_id": legacy}}),
        ("by PartiQL", "execute_statement", {"Statement": sql, "Parameters": [{"S": victim.clinic_id}]}),
    ):
        name = f"read {victim.clinic_id}'s patients {what}"
        yield Attack(name=name, service="dynamodb", operation=operation, arguments=arguments)


def _memory_by_id(stack: Stack, owner: Owner, whose: str, *, memory: str) -> Iterator[Attack]:
    """Yield the calls on single events and records, as if their ids were known."""
    where, record_id = _which(stack, memory), "mem-" + "1" * 40
    event = {"memoryId": memory, "actorId": owner.actor, "sessionId": new_session_id(), "eventId": "1#00000000"}
    record = {
        "requestIdentifier": "attack",
        "namespaces": [f"/actors/{owner.actor}/preferences/"],
        "content": {"text": "x"},
        "timestamp": 0,
    }
    for what, operation, arguments in (
        ("read an event of", "get_event", event),
        ("delete an event of", "delete_event", event),
        ("read a record of", "get_memory_record", {"memoryId": memory, "memoryRecordId": record_id}),
        ("write a record of", "batch_create_memory_records", {"memoryId": memory, "records": [record]}),
        ("delete a record of", "delete_memory_record", {"memoryId": memory, "memoryRecordId": record_id}),
    ):
        yield Attack(
            name=f"{what} {whose} memory ({where})",
            service="bedrock-agentcore",
            operation=operation,
            arguments=arguments,
        )


def _events(stack: Stack, owner: Owner, whose: str, *, memory: str) -> Iterator[Attack]:
    where = _which(stack, memory)
    actor = {"memoryId": memory, "actorId": owner.actor}
    session = {**actor, "sessionId": new_session_id()}
    payload = [{"conversational": {"role": "USER", "content": {"text": "hello"}}}]
    for name, operation, arguments in (
        ("write into", "create_event", {**session, "eventTimestamp": 0, "payload": payload}),
        ("read", "list_events", session),
        ("list the sessions of", "list_sessions", actor),
    ):
        yield Attack(
            name=f"{name} {whose} conversations ({where})",
            service="bedrock-agentcore",
            operation=operation,
            arguments=arguments,
        )


def _records(stack: Stack, owner: Owner, whose: str, *, memory: str) -> Iterator[Attack]:
    where = _which(stack, memory)
    search = {"searchQuery": "preferences", "topK": 3}
    namespace = f"/actors/{owner.actor}/preferences/"
    for form in ("namespace", "namespacePath"):
        yield Attack(
            name=f"search {whose} records by {form} ({where})",
            service="bedrock-agentcore",
            operation="retrieve_memory_records",
            arguments={"memoryId": memory, form: namespace, "searchCriteria": search},
        )
        yield Attack(
            name=f"list {whose} records by {form} ({where})",
            service="bedrock-agentcore",
            operation="list_memory_records",
            arguments={"memoryId": memory, form: namespace},
        )


def _model(
    stack: Stack, model_id: str, whose: str, *, guardrail_of: str | None, version: str | None = None
) -> Iterator[Attack]:
    """Call a model with a tier's guardrail (in another version than the one in force, if given), or without any."""
    with_it: dict[str, Any] = {}
    how = "without a guardrail"
    if guardrail_of is not None:
        guardrail = stack["guardrails"][guardrail_of]
        chosen = version or guardrail["version"]
        with_it = {"guardrailConfig": {"guardrailIdentifier": guardrail["id"], "guardrailVersion": chosen}}
        how = f"with the guardrail of {guardrail_of}, version {chosen}"
    for operation in ("converse", "converse_stream"):
        yield Attack(
            name=f"call {whose} model {how} ({operation})",
            service="bedrock-runtime",
            operation=operation,
            arguments={"modelId": model_id, "messages": _MESSAGES, **with_it},
        )


def _check_text(stack: Stack, tier: str, whose: str) -> Attack:
    guardrail = stack["guardrails"][tier]
    return Attack(
        name=f"apply {whose} guardrail",
        service="bedrock-runtime",
        operation="apply_guardrail",
        arguments={
            "guardrailIdentifier": guardrail["id"],
            "guardrailVersion": guardrail["version"],
            "source": "INPUT",
            "content": [{"text": {"text": "hello"}}],
        },
    )


def _which(stack: Stack, memory: str) -> str:
    tier = next(tier for tier, memory_id in stack["memories"].items() if memory_id == memory)
    return f"{tier} memory"
