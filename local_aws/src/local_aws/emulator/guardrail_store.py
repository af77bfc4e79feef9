"""The guardrails themselves: created, versioned, read and deleted as AWS does it.

The emulator finds a guardrail by its id only, not by the ARN that Terraform uses, answers GetGuardrail in the form of
the request, forgets a version's own description, keeps policies that an update leaves out, and deletes a guardrail
with the last of its versions. A version is a copy: an update of the draft does not touch it.
"""

from __future__ import annotations

import copy
import re
import secrets
import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote

from local_aws.emulator.patching import wrap

DRAFT: Final = "DRAFT"
ID_CHARS: Final = 12
_PATH: Final = re.compile(r"/guardrails(?:/(?P<identifier>.+))?")
_NAME: Final = re.compile(r"[0-9a-zA-Z_-]{1,50}")
_VERSION: Final = re.compile(r"[1-9][0-9]{0,7}")
_MAX_MESSAGE_CHARS: Final = 500
_MESSAGES: Final = ("blockedInputMessaging", "blockedOutputsMessaging")
_POLICIES: Final = {
    "topicPolicy": {"topicsConfig": "topics", "tierConfig": "tier"},
    "contentPolicy": {"filtersConfig": "filters", "tierConfig": "tier"},
    "wordPolicy": {"wordsConfig": "words", "managedWordListsConfig": "managedWordLists"},
    "sensitiveInformationPolicy": {"piiEntitiesConfig": "piiEntities", "regexesConfig": "regexes"},
    "contextualGroundingPolicy": {"filtersConfig": "filters"},
}
"""Policies by the name of the answer's member, and what their lists are called in a request and in an answer."""


def _stored(name: str) -> str:
    """Give the name under which the emulator keeps a member."""
    return name[0].upper() + name[1:]


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardrailReference:
    """Which guardrail a request means."""

    identifier: str  # id or ARN
    version: str

    def find(self) -> dict[str, Any] | None:
        """Look the version up; None if there is none in this account and Region."""
        from ministack.services import bedrock

        guardrail = find_guardrail(self.identifier)
        if guardrail is None or self.version == DRAFT:
            return guardrail
        found = bedrock._guardrail_versions.get(f"{guardrail['GuardrailId']}/{self.version}")
        return dict(found) if found is not None else None


def find_guardrail(identifier: str) -> dict[str, Any] | None:
    """Look a guardrail's draft up by id or ARN."""
    from ministack.services import bedrock

    found: dict[str, Any] | None = bedrock._guardrails.get(identifier)
    if found is not None:
        return found
    return next((one for one in bedrock._guardrails.values() if one["GuardrailArn"] == identifier), None)


def _problem(data: Mapping[str, Any]) -> str | None:
    """Say what keeps a request from describing a guardrail."""
    name = data.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        return f"name must match {_NAME.pattern}"
    for member in _MESSAGES:
        value = data.get(member)
        if not isinstance(value, str) or not 1 <= len(value) <= _MAX_MESSAGE_CHARS:
            return f"{member} must have 1 to {_MAX_MESSAGE_CHARS} characters"
    if not any(data.get(f"{policy}Config") for policy in _POLICIES):
        return "Guardrail must have at least one policy"
    for rule in (data.get("sensitiveInformationPolicyConfig") or {}).get("regexesConfig") or []:
        try:
            re.compile(rule["pattern"])
        except (re.error, TypeError, KeyError):
            return "Regex in the sensitive information policy is invalid"
    return None


def _described(data: Mapping[str, Any]) -> dict[str, Any]:
    """Take over what a create or update request says, as a whole: what it leaves out is gone."""
    described = {_stored(policy): copy.deepcopy(data.get(f"{policy}Config")) for policy in _POLICIES}
    described |= {_stored(member): data[member] for member in _MESSAGES}
    return {
        "Name": data["name"],
        "Description": data.get("description", ""),
        "KmsKeyArn": data.get("kmsKeyId"),
        **described,
    }


def _answer(record: Mapping[str, Any]) -> dict[str, Any]:
    """Give a guardrail in the form of GetGuardrail."""
    answer: dict[str, Any] = {
        "name": record["Name"],
        "guardrailId": record["GuardrailId"],
        "guardrailArn": record["GuardrailArn"],
        "version": record["Version"],
        "status": record["Status"],
        "createdAt": record["CreatedAt"],
        "updatedAt": record["UpdatedAt"],
        **{member: record[_stored(member)] for member in _MESSAGES},
    }
    answer |= {name: record[_stored(name)] for name in ("description", "kmsKeyArn") if record.get(_stored(name))}
    for policy, lists in _POLICIES.items():
        given = record.get(_stored(policy))
        if given:
            answer[policy] = {lists[name]: value for name, value in given.items() if name in lists and value}
    return answer


def _create(data: Mapping[str, Any]) -> Any:
    from ministack.services import bedrock

    if problem := _problem(data):
        return bedrock._validation(problem)
    if any(one["Name"] == data["name"] for one in bedrock._guardrails.values()):
        return bedrock._conflict(f"Another guardrail in your account already has this name: {data['name']}")
    alphabet = string.ascii_lowercase + string.digits
    identifier = "".join(secrets.choice(alphabet) for _ in range(ID_CHARS))
    arn, now = bedrock._guardrail_arn(identifier), bedrock._now_iso()
    names = {"GuardrailId": identifier, "GuardrailArn": arn, "Version": DRAFT, "Status": "READY"}
    bedrock._guardrails[identifier] = {**names, "CreatedAt": now, "UpdatedAt": now, **_described(data)}
    if tags := data.get("tags"):
        bedrock._tags[arn] = {tag["key"]: tag["value"] for tag in tags}
    return bedrock._json(
        {"guardrailId": identifier, "guardrailArn": arn, "version": DRAFT, "createdAt": now}, status=202
    )


def _update(guardrail: dict[str, Any], data: Mapping[str, Any]) -> Any:
    from ministack.services import bedrock

    if problem := _problem(data):
        return bedrock._validation(problem)
    guardrail |= _described(data) | {"UpdatedAt": bedrock._now_iso()}
    names = {"guardrailId": guardrail["GuardrailId"], "guardrailArn": guardrail["GuardrailArn"], "version": DRAFT}
    return bedrock._json({**names, "updatedAt": guardrail["UpdatedAt"]}, status=202)


def _versions(guardrail: Mapping[str, Any]) -> dict[int, dict[str, Any]]:
    from ministack.services import bedrock

    prefix = f"{guardrail['GuardrailId']}/"
    items = bedrock._guardrail_versions.items()
    return {int(key.removeprefix(prefix)): version for key, version in items if key.startswith(prefix)}


def _create_version(guardrail: dict[str, Any], data: Mapping[str, Any]) -> Any:
    from ministack.services import bedrock

    # A number is not given twice, not even after its version was deleted.
    number = max(guardrail.get("LastVersion", 0), *_versions(guardrail), 0) + 1
    guardrail["LastVersion"] = number
    now = bedrock._now_iso()
    version = {**copy.deepcopy(guardrail), "Version": str(number), "CreatedAt": now, "UpdatedAt": now}
    version["Description"] = data.get("description", "")
    bedrock._guardrail_versions[f"{guardrail['GuardrailId']}/{number}"] = version
    return bedrock._json({"guardrailId": guardrail["GuardrailId"], "version": str(number)}, status=202)


def _delete(guardrail: Mapping[str, Any], version: str | None) -> Any:
    from ministack.services import bedrock

    numbers = list(_versions(guardrail)) if version is None else [int(version)]
    for number in numbers:
        bedrock._guardrail_versions.pop(f"{guardrail['GuardrailId']}/{number}", None)
    if version is None:
        bedrock._guardrails.pop(guardrail["GuardrailId"], None)
        bedrock._tags.pop(guardrail["GuardrailArn"], None)
    return bedrock._empty(status=202)


def _list(guardrails: list[dict[str, Any]]) -> Any:
    from ministack.services import bedrock

    members = {"id": "guardrailId", "arn": "guardrailArn"}
    names = ("status", "name", "description", "version", "createdAt", "updatedAt")
    answers = [_answer(guardrail) for guardrail in guardrails]
    listed = [
        {**{ours: answer[theirs] for ours, theirs in members.items()}, **{n: answer[n] for n in names if n in answer}}
        for answer in answers
    ]
    return bedrock._json({"guardrails": listed})


def _parameter(query: Mapping[str, Any], name: str) -> str | None:
    value = query.get(name)
    found = value[0] if isinstance(value, list) and value else value
    return str(found) if found else None


def _serve(method: str, identifier: str | None, body: bytes, query: Mapping[str, Any]) -> Any:
    from ministack.services import bedrock

    data, refused = bedrock._parse_body(body)
    if refused:
        return refused
    if identifier is None and method == "POST":
        return _create(data)
    identifier = identifier or _parameter(query, "guardrailIdentifier")
    if identifier is None:
        return _list(bedrock._guardrails.values())
    guardrail = find_guardrail(identifier)
    version = _parameter(query, "guardrailVersion")
    if version not in (None, DRAFT) and not _VERSION.fullmatch(version or ""):
        return bedrock._validation("guardrailVersion must be DRAFT or a number")
    reference = GuardrailReference(identifier=identifier, version=version or DRAFT)
    found = reference.find()
    if guardrail is None or found is None:
        return bedrock._not_found("The guardrail identifier or version provided in the request does not exist.")
    if method == "GET" and "guardrailIdentifier" in query:
        return _list([guardrail, *_versions(guardrail).values()])
    if method == "GET":
        return bedrock._json(_answer(found))
    if method == "PUT":
        return _update(guardrail, data)
    if method == "POST":
        return _create_version(guardrail, data)
    return _delete(guardrail, None if version in (None, DRAFT) else version)


def install() -> None:
    """Make the emulator keep guardrails as AWS does."""
    from ministack.services import bedrock

    @wrap(bedrock, "handle_request")
    async def handle_request(
        original: Callable[..., Any], method: str, path: str, headers: Any, body: bytes, query: Any
    ) -> Any:
        match = _PATH.fullmatch(unquote(path).rstrip("/"))
        if match is None or method not in ("GET", "POST", "PUT", "DELETE"):
            return await original(method, path, headers, body, query)
        return _serve(method, match["identifier"], body, query or {})
