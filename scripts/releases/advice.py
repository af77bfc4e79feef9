"""Advice that can be typed as it stands: commands in messages name the environment that they are about."""

import re
from typing import Final

_COMMAND: Final = re.compile(r"\bmake (plan|apply|publish-agent|release-status|promote|rollback)\b(?! ENV=)")


def for_environment(text: str, environment: str) -> str:
    """Complete the commands in a message; what is about a release does not know whose it is.

    Args:
        text: The message.
        environment: Such as `dev`; commands for the laptop (`local`) need no name.
    """
    return text if environment == "local" else _COMMAND.sub(rf"make \1 ENV={environment}", text)
