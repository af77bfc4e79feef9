"""The remote procedures of plugin protocol 5: bytes of a request in, bytes of an answer out."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from local_aws.terraform_provider import values
from local_aws.terraform_provider.data import ProviderData, ResourceType
from local_aws.terraform_provider.planning import conform, plan
from local_aws.terraform_provider.policy_document import policy_document
from local_aws.terraform_provider.schema_message import provider_schema
from local_aws.terraform_provider.validation import validate
from local_aws.terraform_provider.value_templates import DATA_SOURCES
from local_aws.terraform_provider.values import Settings
from local_aws.terraform_provider.wire import (
    Diagnostic,
    Fields,
    attribute_path,
    contains_unknown,
    decode_dynamic,
    diagnostics,
    encode_dynamic,
    first,
    message,
    parse,
)

_DEFAULT_ACCOUNT: Final = "000000000000"
_RECORDING: Final = Diagnostic(
    summary="Recording provider: nothing is created",
    detail=(
        "This provider answers as hashicorp/aws, but has no connection to AWS. Resources are checked and recorded in "
        "the state, with made-up ids."
    ),
    warning=True,
)


class Provider:
    """What one terraform process talks to. The state is the only memory.

    Args:
        data: Schemas and rules.
        environment: `AWS_REGION` and `AWS_DEFAULT_REGION` count where the provider block names no region, and
            `RECORDING_PROVIDER_ACCOUNT` where it names no single account in `allowed_account_ids`.
            `RECORDING_PROVIDER_LOG` names a file that gets one JSON line for each applied change.
    """

    def __init__(self, data: ProviderData, environment: Mapping[str, str]) -> None:
        self._data = data
        self._environment = environment
        self._log = Path(environment["RECORDING_PROVIDER_LOG"]) if environment.get("RECORDING_PROVIDER_LOG") else None
        self._settings = self._read_settings({})

    def schema(self, _: Fields) -> bytes:
        """Say what types there are."""
        return provider_schema(self._data)

    def validate_configuration(self, request: Fields) -> bytes:
        """Take the provider block as it is: terraform has checked it against the schema."""
        return message(1, first(request, 1))

    def configure(self, request: Fields) -> bytes:
        """Take the provider block, and say what this provider is."""
        self._settings = self._read_settings(decode_dynamic(first(request, 2)) or {})
        return diagnostics(1, [_RECORDING])

    def validate_resource(self, request: Fields) -> bytes:
        """Check a configuration, as far as it is known."""
        return diagnostics(1, validate(self._resource(request), decode_dynamic(first(request, 2))))

    def validate_data_source(self, request: Fields) -> bytes:
        """Check the configuration of a data source."""
        source = self._data.data_sources[first(request, 1).decode()]
        return diagnostics(1, validate(source, decode_dynamic(first(request, 2))))

    def upgrade_state(self, request: Fields) -> bytes:
        """Hand a recorded value back, in the form of today's schema."""
        recorded = json.loads(first(parse(first(request, 3)), 1) or b"{}")
        return message(1, encode_dynamic(conform(self._resource(request).block, recorded)))

    def read(self, request: Fields) -> bytes:
        """Return what is recorded: there is nothing else to look at, so nothing drifts."""
        return message(1, first(request, 2))

    def plan(self, request: Fields) -> bytes:
        """Plan a change; a removal needs none."""
        prior, proposed, config = (decode_dynamic(first(request, number)) for number in (2, 3, 4))
        if proposed is None:
            return message(1, first(request, 3))
        planned = plan(self._resource(request), prior=prior, proposed=proposed, config=config, settings=self._settings)
        replaced = b"".join(message(2, attribute_path(path)) for path in planned.replaced)
        return message(1, encode_dynamic(planned.value)) + replaced

    def apply(self, request: Fields) -> bytes:
        """Record a change: the answer is what Terraform writes to the state."""
        resource = self._resource(request)
        prior, planned = (decode_dynamic(first(request, number)) for number in (2, 3))
        if planned is None:
            self._note("delete", resource, prior, changed=())
            return message(1, encode_dynamic(None))
        value = values.fill(resource, planned, prior, self._settings)
        changed = sorted(name for name in value if prior and value[name] != prior.get(name))
        self._note("update" if prior else "create", resource, value, changed=changed)
        return message(1, encode_dynamic(value))

    def read_data_source(self, request: Fields) -> bytes:
        """Answer a data source, or refuse one that only an account could answer."""
        source = self._data.data_sources[first(request, 1).decode()]
        if source.name not in DATA_SOURCES:
            known = ", ".join(sorted(DATA_SOURCES))
            detail = f"The recording provider has no account to ask for data.{source.name}; it answers {known}."
            return diagnostics(2, [Diagnostic(summary="Data source needs AWS", detail=detail)])
        config = decode_dynamic(first(request, 2))
        planned = plan(source, prior=None, proposed=config, config=config, settings=self._settings).value
        if source.name == "aws_iam_policy_document" and not contains_unknown(config.get("statement")):
            planned["json"] = planned["minified_json"] = policy_document(config)
        return message(1, encode_dynamic(values.data_source(source, planned, self._settings)))

    def refuse_import(self, request: Fields) -> bytes:
        """There is nothing to import from."""
        detail = "The recording provider creates nothing, so there is nothing to import. Import with hashicorp/aws."
        return diagnostics(2, [Diagnostic(summary=f"Cannot import {first(request, 1).decode()}", detail=detail)])

    def refuse_move(self, request: Fields) -> bytes:
        """Another type's state cannot be taken over."""
        detail = "The recording provider cannot take over the state of another resource type."
        return diagnostics(3, [Diagnostic(summary=f"Cannot move to {first(request, 5).decode()}", detail=detail)])

    def nothing(self, _: Fields) -> bytes:
        """There are no functions, and no calls under way that could be stopped."""
        return b""

    def _resource(self, request: Fields) -> ResourceType:
        return self._data.resources[first(request, 1).decode()]

    def _read_settings(self, config: Mapping[str, Any]) -> Settings:
        environment = self._environment
        accounts = config.get("allowed_account_ids")
        region = config.get("region") or environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION")
        one = accounts[0] if isinstance(accounts, list) and len(accounts) == 1 else None
        account = one if isinstance(one, str) else environment.get("RECORDING_PROVIDER_ACCOUNT")
        tags = [block.get("tags") or {} for block in config.get("default_tags") or []]
        return Settings(
            region=region if isinstance(region, str) else "us-east-1",
            account=account or _DEFAULT_ACCOUNT,
            default_tags=tags[0] if tags and isinstance(tags[0], dict) else {},
        )

    def _note(self, action: str, resource: ResourceType, value: Mapping[str, Any], *, changed: Any) -> None:
        """Append a line to the journal: names of what changed, never values, which may be secrets."""
        if self._log is None:
            return
        naming = {key: value[key] for key in ("name", "id", "arn") if isinstance(value.get(key), str)}
        line = json.dumps({"action": action, "type": resource.name, **naming, "changed": list(changed)})
        # One write to a file in append mode: the lines of several terraform processes do not mix.
        file = os.open(self._log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(file, f"{line}\n".encode())
        finally:
            os.close(file)


PROCEDURES: Final[Mapping[str, Callable[[Provider, Fields], bytes]]] = {
    "GetSchema": Provider.schema,
    "PrepareProviderConfig": Provider.validate_configuration,
    "Configure": Provider.configure,
    "ValidateResourceTypeConfig": Provider.validate_resource,
    "ValidateDataSourceConfig": Provider.validate_data_source,
    "UpgradeResourceState": Provider.upgrade_state,
    "ReadResource": Provider.read,
    "PlanResourceChange": Provider.plan,
    "ApplyResourceChange": Provider.apply,
    "ReadDataSource": Provider.read_data_source,
    "ImportResourceState": Provider.refuse_import,
    "MoveResourceState": Provider.refuse_move,
    "GetFunctions": Provider.nothing,
    "Stop": Provider.nothing,
}
"""By name in the service `tfplugin5.Provider`; what is not here, terraform takes as not supported."""
