"""The Lambda handlers refuse to be imported without the platform's contract, so they are imported here, with it.

Only for the import: the variable does not stay, since what tests start would inherit it.
"""

import os
from unittest import mock

from clinic_agent.contract import CONTRACT_VERSION

with mock.patch.dict(os.environ, {"PLATFORM_CONTRACT": str(CONTRACT_VERSION)}):
    from clinic_agent.lambdas import broker, claims, interceptor, tools

__all__ = ["broker", "claims", "interceptor", "tools"]
