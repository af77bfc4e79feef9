"""Gives values to what AWS would assign. They depend on type and naming arguments alone, so two runs agree."""

from __future__ import annotations

import hashlib
import json
import re
import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from local_aws.terraform_provider.data import Attribute, Block, ResourceType, inner_blocks
from local_aws.terraform_provider.value_templates import COUNTERS, DATA_SOURCES, RESOURCES
from local_aws.terraform_provider.wire import is_unknown

_NAMING: Final = re.compile(r"name|bucket|key|resource_arn|.*_(name|id|identifier)")
_ALPHABET: Final = string.ascii_lowercase + string.digits
_PARTITIONS: Final = {"cn-": ("aws-cn", "amazonaws.com.cn"), "us-gov-": ("aws-us-gov", "amazonaws.com")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the provider block says."""

    region: str
    account: str
    default_tags: Mapping[str, Any] = field(default_factory=dict)  # a value may be unknown


class _Words(dict[str, str]):
    """The words of a template; a name that was left to AWS has the default."""

    def __missing__(self, _: str) -> str:
        return self["default_name"]


def fill(
    resource: ResourceType, planned: Mapping[str, Any], prior: Mapping[str, Any] | None, settings: Settings
) -> dict[str, Any]:
    """Return the planned value with every unknown replaced.

    Args:
        resource: The type.
        planned: The value; it is not changed.
        prior: What was recorded before, None for a new resource.
        settings: Of the provider.
    """
    value: dict[str, Any] = _copy(planned)
    if (counter := COUNTERS.get(resource.name)) and is_unknown(value.get(counter)):
        value[counter] = str(int(prior[counter]) + 1) if prior else "1"
    return _fill(resource, RESOURCES.get(resource.name, {}), value, settings)


def data_source(resource: ResourceType, config: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    """Return what a data source of `DATA_SOURCES` answers."""
    value: dict[str, Any] = _copy(config)
    return _fill(resource, DATA_SOURCES[resource.name], value, settings)


def _fill(
    resource: ResourceType, templates: Mapping[str, Any], value: dict[str, Any], settings: Settings
) -> dict[str, Any]:
    words = _words(resource.name, value, settings)
    for name, template in templates.items():
        given = value.get(name)
        if given is not None and not is_unknown(given):
            continue  # by the configuration, or kept from before
        made = _render(template, words)
        if is_unknown(given):
            value[name] = made
        # Else it is null, which the plan has promised, or a helper: the lines below take the default that AWS would.
        if isinstance(made, str):
            words[name] = made
    _fill_rest(resource, resource.block, value, words)
    return value


def _words(type_name: str, value: Mapping[str, Any], settings: Settings) -> _Words:
    texts = {name: item for name, item in sorted(value.items()) if isinstance(item, str)}
    naming = {name: item for name, item in texts.items() if _NAMING.fullmatch(name)}
    made_from = json.dumps([type_name, naming or value], sort_keys=True, default=str)
    digest = hashlib.sha256(made_from.encode()).digest()
    letters = "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in digest)
    uuid = digest.hex()
    region = value.get("region")
    region = region if isinstance(region, str) else settings.region
    partition, domain = next(
        (found for prefix, found in _PARTITIONS.items() if region.startswith(prefix)), ("aws", "amazonaws.com")
    )
    label = re.split("[:/]", naming.get("name") or next(iter(naming.values()), ""))[-1]
    lower = letters[:10]
    return _Words(
        texts,
        partition=partition,
        region=region,
        account=settings.account,
        domain=domain,
        lower10=lower,
        mixed10=lower[:5].upper() + lower[5:],
        upper17=letters[:17].upper(),
        uuid="-".join((uuid[:8], uuid[8:12], uuid[12:16], uuid[16:20], uuid[20:32])),
        lower_name=texts.get("name", "").lower(),
        default_name=f"{label or type_name.rpartition('_')[2]}-{lower}",
    )


def _render(template: Any, words: _Words) -> Any:
    if isinstance(template, str):
        return template.format_map(words)
    if isinstance(template, Mapping):
        return {key: _render(item, words) for key, item in template.items()}
    return [_render(item, words) for item in template] if isinstance(template, list) else template


def _fill_rest(resource: ResourceType, block: Block, value: dict[str, Any], words: _Words) -> None:
    for name, attribute in block.attributes.items():
        if is_unknown(value.get(name)):
            value[name] = _fallback(resource.name, name, attribute, words)
    for _, nested, _, element in inner_blocks(block, value):
        _fill_rest(resource, nested.block, element, words)


def _fallback(type_name: str, name: str, attribute: Attribute, words: _Words) -> Any:
    if attribute.optional and name != "id":  # which the schema calls optional, and AWS always assigns
        return None  # AWS's default is not known here, and null says so
    if isinstance(attribute.type, list):
        return {"map": {}, "object": None}.get(attribute.type[0], [])
    if attribute.type != "string":
        return {"number": 0, "bool": False}[attribute.type]
    service, _, noun = type_name.removeprefix("aws_").partition("_")
    if name == "arn" or name.endswith("_arn"):
        return "arn:{partition}:{service}:{region}:{account}:{noun}/{default_name}".format_map(
            {**words, "service": service, "noun": noun or service}
        )
    if name in ("id", "name") or name.endswith("_id"):
        return words["default_name"]
    return f"{name.replace('_', '-')}-{words['lower10']}"


def _copy(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _copy(item) for key, item in value.items()}
    return [_copy(item) for item in value] if isinstance(value, list) else value
