"""The guide's example of costs is that of the environment as it would be made now."""

from scripts import expected_costs


def test_the_guide_has_the_costs_of_the_plan() -> None:
    assert expected_costs.main(["--check"]) == 0
