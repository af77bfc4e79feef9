"""One environment as a CDK Terrain stack: the modules and names of `terraform/envs/*`, composed from Python."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from cdktn import (
    S3Backend,
    TerraformHclModule,
    TerraformOutput,
    TerraformProvider,
    TerraformProviderGeneratorMetadata,
    TerraformStack,
)
from constructs import Construct

from python_stack.errors import StackError
from python_stack.expressions import expression, literal
from python_stack.inputs import Inputs
from python_stack.outputs import outputs

TERRAFORM: Final = ">= 1.11, < 2.0"
AWS_PROVIDER: Final = "6.69.1"


class EnvironmentStack(TerraformStack):
    """Catalog, keys, foundation, AgentCore, logs and alarms of one environment.

    Modules are called as in the HCL root, so resources have the same addresses, and either of the two can take over the
    state of the other.

    Args:
        scope: The app.
        inputs: What to make it from.
        folder: Where it will be synthesised to; module sources are relative to it.
    """

    def __init__(self, scope: Construct, *, inputs: Inputs, folder: Path) -> None:
        super().__init__(scope, inputs.environment)
        self._inputs = inputs
        self._folder = folder
        self._settings()

        tags = {"Platform": self.var("name_prefix")}
        place = {name: self.var(name) for name in ("name_prefix", "account_id", "region", "partition")}
        platform_key = expression("one(module.encryption[*].platform_key_arn)")
        guardrail_key = expression("one(module.encryption[*].guardrail_key_arn)")

        catalog = self._module(
            "catalog",
            tiers=literal(inputs.catalog.tiers),
            models=literal(inputs.catalog.models),
            tools=literal(inputs.catalog.tools),
            tiers_schema=literal(inputs.catalog.tiers_schema),
            models_schema=literal(inputs.catalog.models_schema),
            tool_schema=literal(inputs.catalog.tool_schema),
        )
        self._module("contract")
        encryption = self._module(
            "encryption",
            **place,
            kms_deletion_window_days=self.var("kms_deletion_window_days"),
            tags={**tags, "Module": "encryption"},
        )
        encryption.add_override("count", expression("var.customer_managed_key ? 1 : 0"))

        # The two compositions feed each other. Terraform orders single resources, so this is no circle; module.get() of
        # a module that comes later is not possible in Python, an expression is.
        foundation = self._module(
            "foundation",
            **place,
            tiers=catalog.get("tiers"),
            tools=catalog.get("tools"),
            memories=expression("module.agentcore.memories"),
            concurrency=self.var("concurrency"),
            protect_data=self.var("protect_data"),
            kms_deletion_window_days=self.var("kms_deletion_window_days"),
            log_retention_days=self.var("log_retention_days"),
            runtime_creates_log_groups=False,  # module observability makes them
            log_kms_key_arn=platform_key,
            agentcore_kms_key_arn=platform_key,
            guardrail_kms_key_arn=guardrail_key,
            tags=tags,
            sign_in={
                "mfa": self.var("mfa"),
                "password": self.var("password_sign_in"),
                "callback_urls": self.var("callback_urls"),
                "logout_urls": self.var("logout_urls"),
                "domain": expression('length(var.callback_urls) == 0 ? null : "${var.name_prefix}-${var.account_id}"'),
            },
            lambda_package={
                "bucket": self.var("artifacts_bucket"),
                "key": self.var("release.artifacts.lambda.key"),
                "sha256": self.var("release.artifacts.lambda.sha256"),
                "runtime": self.var("release.artifacts.lambda_runtime"),
                "architecture": self.var("release.artifacts.architecture"),
            },
            runtime_bundle={
                "bucket": self.var("artifacts_bucket"),
                # All versions: an endpoint may stay on an older one.
                "prefix": expression("dirname(dirname(var.release.artifacts.runtime.key))") + "/",
                "kms_key_arn": self.var("artifacts_kms_key_arn"),
            },
        )
        agentcore = self._module(
            "agentcore",
            **place,
            tiers=catalog.get("tiers"),
            tools=catalog.get("tools"),
            policy_template=literal(inputs.catalog.policy_template),
            foundation=foundation.get("agentcore"),
            agent_version=self.var("release.agent_version"),
            endpoints=self.var("release.endpoints"),
            coming_version=expression(
                "length(var.release.runtime_versions) == 0 ? null :"
                " one(setsubtract(values(var.release.endpoints), keys(var.release.runtime_versions)))"
            ),
            network=self.var("network"),
            production=self.var("production"),
            policy_mode=self.var("policy_mode"),
            kms_key_arn=platform_key,
            tags=tags,
            bundle={
                "bucket": self.var("artifacts_bucket"),
                "key": self.var("release.artifacts.runtime.key"),
                "sha256": self.var("release.artifacts.runtime.sha256"),
                "runtime": self.var("release.artifacts.runtime_name"),
            },
        )
        self._module(
            "observability",
            **place,
            tiers=catalog.get("tiers"),
            memories=agentcore.get("memories"),
            functions=foundation.get("function_names"),
            gateway={name: expression(f"module.agentcore.gateway.{name}") for name in ("id", "arn")},
            runtime={
                **{name: expression(f"module.agentcore.runtime.{name}") for name in ("id", "arn", "name")},
                # Not of the resources: alarms are made for each, so they have to be known at plan time.
                "endpoints": expression("keys(var.release.endpoints)"),
            },
            quotas=literal(inputs.catalog.quotas),
            thresholds=self.var("alarms.thresholds"),
            alarm_topic_arns=self.var("alarms.topic_arns"),
            payload_logs=self.var("payload_logs"),
            traces=self.var("traces"),
            log_retention_days=self.var("log_retention_days"),
            log_kms_key_arn=platform_key,
            tags={**tags, "Module": "observability"},
        )
        for name, output in outputs().items():
            TerraformOutput(self, name, static_id=True, **output)

    def var(self, path: str) -> str:
        """Refer to an input variable of the environment, or to a part of one.

        Raises:
            StackError: If variables.tf has no such variable.
        """
        name = path.partition(".")[0]
        if name not in self._inputs.variables:
            known = ", ".join(sorted(self._inputs.variables))
            raise StackError(f"{name}: must be a variable of {self._inputs.environment}'s variables.tf ({known})")
        return expression(f"var.{path}")

    def _settings(self) -> None:
        self.add_override("terraform.required_version", TERRAFORM)
        S3Backend(self, **self._inputs.backend)
        provider = TerraformProvider(
            self,
            "aws",
            terraform_resource_type="aws",
            terraform_provider_source="hashicorp/aws",
            terraform_generator_metadata=TerraformProviderGeneratorMetadata(
                provider_name="aws", provider_version=AWS_PROVIDER, provider_version_constraint=AWS_PROVIDER
            ),
        )
        arguments: Mapping[str, Any] = {
            "region": self.var("region"),
            # Credentials of another account fail here, before anything is made in the wrong place.
            "allowed_account_ids": [self.var("account_id")],
            "default_tags": [
                {
                    "tags": {
                        "Environment": self.var("environment"),
                        "CostCentre": self.var("cost_centre"),
                        "ManagedBy": "terraform",
                        "Production": expression("tostring(var.production)"),
                    }
                }
            ],
        }
        for name, value in arguments.items():
            provider.add_override(name, value)

    def _module(self, name: str, **variables: Any) -> TerraformHclModule:
        source = os.path.relpath((self._inputs.modules / name).resolve(), self._folder.resolve())
        return TerraformHclModule(
            self,
            name,
            source=source,
            variables=variables,
            skip_asset_creation_from_local_modules=True,  # Terraform reads them where they are
        )
