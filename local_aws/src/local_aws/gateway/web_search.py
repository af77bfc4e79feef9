"""The web-search connector, offline: a handful of invented texts behind the tool name and result shape of AWS's.

Nothing of it is from the web, and every title says so. Words of the query are looked for, whole, in titles and texts.
Shape of the result: AgentCore developer guide, "Web Search Tool", and `bedrock_agentcore.tools.web_search_client`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any, Final

from local_aws.gateway.tool_schema import InvalidArgumentsError

_MAX_QUERY_CHARACTERS: Final = 200
_MAX_RESULTS: Final = 25
_DEFAULT_RESULTS: Final = 10
_TITLE_WEIGHT: Final = 3
_LABEL: Final = "[offline sample]"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    result: Mapping[str, str]
    words: Mapping[str, int]  # with their weights


class WebSearch:
    """Searches the corpus.

    Args:
        entries: Objects with `title`, `url`, `text` and `publishedDate`.
    """

    def __init__(self, entries: Sequence[Mapping[str, str]]) -> None:
        self._entries = [_indexed(entry) for entry in entries]
        self._searches = 0

    @classmethod
    def load(cls) -> WebSearch:
        """Read the corpus that comes with the package."""
        text = resources.files("local_aws.gateway").joinpath("web_search_corpus.json").read_text(encoding="utf-8")
        return cls(json.loads(text)["entries"])

    def search(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Answer one call.

        Args:
            arguments: Checked against the tool's schema: `query`, `maxResults`.

        Raises:
            InvalidArgumentsError: If they are out of range.
        """
        query, limit = arguments["query"], arguments.get("maxResults", _DEFAULT_RESULTS)
        if not 1 <= len(query) <= _MAX_QUERY_CHARACTERS:
            raise InvalidArgumentsError(f"query has to be 1 to {_MAX_QUERY_CHARACTERS} characters")
        if not 1 <= limit <= _MAX_RESULTS:
            raise InvalidArgumentsError(f"maxResults has to be 1 to {_MAX_RESULTS}")
        wanted = set(_words(query))
        scores = [
            (sum(entry.words.get(word, 0) for word in wanted), -index) for index, entry in enumerate(self._entries)
        ]
        best = sorted((score for score in scores if score[0]), reverse=True)[:limit]
        self._searches += 1
        return {"id": str(self._searches), "results": [dict(self._entries[-index].result) for _, index in best]}


def _indexed(entry: Mapping[str, str]) -> _Entry:
    words = dict.fromkeys(_words(entry["text"]), 1)
    words |= dict.fromkeys(_words(entry["title"]), _TITLE_WEIGHT)
    return _Entry(result={**entry, "title": f"{_LABEL} {entry['title']}"}, words=words)


def _words(text: str) -> list[str]:
    # Words of one or two letters are in every text. A plural finds its singular.
    return [word.removesuffix("s") for word in re.findall(r"[^\W_]+", text.lower()) if len(word) > 2]
