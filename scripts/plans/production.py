"""Whether a plan is of a production environment, before it or after it.

What a plan says of itself is not enough: the change that deletes data may say `production = false` too. So what was
applied last counts as well.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

Document = Mapping[str, Any]
_OUTPUT: Final = "production"
_TAG: Final = "Production"


@dataclass(frozen=True, slots=True, kw_only=True)
class Production:
    """Whether an environment is one for real clinics."""

    before: str  # what says so of what is there; empty if nothing does
    after: bool  # what the plan's values say

    @property
    def either(self) -> bool:
        """Whether data must be kept as in production."""
        return self.after or bool(self.before)

    @property
    def ends(self) -> bool:
        """Whether it is none any more once the plan is applied."""
        return bool(self.before) and not self.after


def read_production(document: Document) -> Production:
    """Read from a plan whether its environment is, or was, a production environment.

    Whatever does not say `production = false` is one. Before the plan it was one if the state's output `production`
    says so, or the tag `Production` of anything that is there.

    Args:
        document: `terraform show -json` of it.
    """
    variable = (document.get("variables") or {}).get("production") or {}
    return Production(before=next(_signs(document), ""), after=variable.get("value") is not False)


def is_production(document: Document) -> bool:
    """Tell whether a plan is of a production environment, before it or after it."""
    return read_production(document).either


def _signs(document: Document) -> Iterator[str]:
    """What says that it was one. The prior state alone does not do: Terraform writes outputs' new values into it."""
    prior = (document.get("prior_state") or {}).get("values") or {}
    change = (document.get("output_changes") or {}).get(_OUTPUT) or {}
    stated = (prior.get("outputs") or {}).get(_OUTPUT) or {}
    if any(value is not None and value is not False for value in (change.get("before"), stated.get("value"))):
        yield f"its output {_OUTPUT} was true"
    for kind in ("resource_changes", "resource_drift"):
        for entry in document.get(kind) or []:
            if _tagged(entry["change"].get("before")):
                yield f"{entry['address']} has the tag {_TAG} = true"
    for address, values in _resources(prior.get("root_module") or {}):
        if _tagged(values):
            yield f"{address} has the tag {_TAG} = true"


def _tagged(values: Any) -> bool:
    if not isinstance(values, Mapping):
        return False
    tags = [values.get(name) for name in ("tags_all", "tags")]
    return any(isinstance(found, Mapping) and str(found.get(_TAG)).casefold() == "true" for found in tags)


def _resources(module: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for resource in module.get("resources") or []:
        if resource.get("mode") == "managed":
            yield str(resource.get("address")), resource.get("values")
    for child in module.get("child_modules") or []:
        yield from _resources(child)
