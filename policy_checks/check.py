"""One check: what it is called, why it matters, what to do, and the function that decides."""

import enum
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from policy_checks.iam import InvalidDocument
from policy_checks.plan import NotConcerned, Plan, Resource, Undecided

DOCS: Final = "docs/policy-checks.md"


class Severity(enum.Enum):
    """How bad a failure is, worst first."""

    CRITICAL = "critical"  # another tenant's data, or the way in for anybody
    HIGH = "high"  # one further mistake leads there
    MEDIUM = "medium"  # evidence or limits are missing


class Result(enum.Enum):
    """What a check says of a resource."""

    PASSED = "passed"
    FAILED = "failed"
    UNDECIDED = "undecided"  # a value is known only after the apply, or only in a plan
    NOT_ASKED = "not_asked"  # the rule is for production, or for roles of another kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The result with its reasons: what is wrong, or what is unknown."""

    result: Result
    reasons: tuple[str, ...] = ()


Rule = Callable[[Resource, Plan], Iterator[str]]
"""Yields what is wrong, one short sentence each; raises `Undecided` if a value that it needs is unknown,
`NotConcerned` before it yields anything if the rule is for others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One rule for resources of some types."""

    id: str  # CKV_AGENTCORE_<n>; permanent, since suppressions name it
    name: str  # a sentence that is true of what passes
    severity: Severity
    why: str
    fix: str
    types: tuple[str, ...]
    rule: Rule
    production: bool = False  # only production is asked

    @property
    def guideline(self) -> str:
        """Where the documentation stands, in the repository."""
        return f"{DOCS}#{self.id.lower()}"

    def run(self, resource: Resource, plan: Plan) -> Outcome:
        """Decide.

        A rule that breaks fails the resource: checkov would count an exception as "unknown", which passes.
        """
        if self.production and plan.production is not True:
            if not plan.complete and plan.production is None:
                return Outcome(result=Result.UNDECIDED, reasons=("whether this is production",))
            return Outcome(result=Result.NOT_ASKED)
        problems: list[str] = []
        try:
            for problem in self.rule(resource, plan):
                problems.append(problem)  # what was found counts, whatever the rule stumbles over next
        except NotConcerned:
            return Outcome(result=Result.NOT_ASKED)
        except Undecided as error:
            if not problems:
                return Outcome(result=Result.UNDECIDED, reasons=(str(error),))
        except InvalidDocument as error:
            problems.append(str(error))
        except Exception as error:  # a crash must not pass
            problems.append(f"the check itself broke: {type(error).__name__}; please report it")
        if problems:
            return Outcome(result=Result.FAILED, reasons=tuple(dict.fromkeys(problems)))
        return Outcome(result=Result.PASSED)
