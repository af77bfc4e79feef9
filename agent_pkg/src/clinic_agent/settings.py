"""What Terraform tells the agent, by environment variables. Nothing in it names a tenant."""

from collections.abc import Mapping
from dataclasses import dataclass

from clinic_agent.contract import check_contract


class MissingSetting(Exception):
    """An environment variable is not set."""

    def __init__(self, names: list[str]) -> None:
        super().__init__(f"environment: {', '.join(names)} not set; the runtime module of the platform sets them")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The environment of the runtime."""

    token_issuer: str
    token_jwks_url: str
    token_client_id: str
    broker_function: str  # ARN
    gateway_url: str  # the MCP endpoint of the AgentCore Gateway
    platform_name: str  # start of all names of this platform; tells its metrics from another's in the account
    region: str

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Read the settings.

        Raises:
            WrongContract: If the platform is of another contract: then its settings are another's too.
            MissingSetting: If any is not set or empty. There are no defaults: a half-configured agent must not serve.
        """
        check_contract(environment)
        names = {field: "AWS_REGION" if field == "region" else field.upper() for field in cls.__slots__}
        missing = [name for name in names.values() if not environment.get(name)]
        if missing:
            raise MissingSetting(missing)
        return cls(**{field: environment[name] for field, name in names.items()})
