"""The tiers' settings in the broker's environment: a table, since names with each value would not fit for ten tiers.

    {"common": {"guardrail_message": "…"}, "fields": ["model_id", …], "tiers": {"basic": ["…", …]}}

The Terraform module `tenant_access` writes it.
"""

import json
from typing import Any


def tier_settings(text: str) -> dict[str, dict[str, Any]]:
    """Read the settings of each tier.

    Raises:
        ValueError: If the text is something else; it is not quoted.
    """
    try:
        table = json.loads(text)
        common, fields, rows = table["common"], table["fields"], table["tiers"]
        return {tier: {**common, **dict(zip(fields, row, strict=True))} for tier, row in rows.items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ValueError("TIERS: is no table of tiers; module tenant_access writes it") from None
