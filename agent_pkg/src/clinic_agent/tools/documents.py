"""Search in the clinic's own documents: BM25 by SQLite's full-text index, kept in memory with the tenant session."""

import re
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock
from typing import Any, Final

from clinic_agent.aws_errors import AWS_ERRORS, as_agent_error
from clinic_agent.errors import BadRequest
from clinic_agent.keys import documents_prefix

MAX_DOCUMENTS: Final = 1000
MAX_DOCUMENT_BYTES: Final = 200_000
MAX_RESULTS: Final = 10
MAX_QUERY_CHARS: Final = 1_000
MAX_QUERY_WORDS: Final = 32
EXCERPT_WORDS: Final = 48
"""As in `_SEARCH`."""
PARALLEL_READS: Final = 8

_SEARCH: Final = """
    SELECT document_id, title, type, updated, snippet(document, 4, '', '', ' … ', 48), text,
           bm25(document, 0.0, 4.0, 2.0, 0.0, 1.0) AS score
    FROM document WHERE document MATCH ? ORDER BY score LIMIT ?
"""
"""The weights belong to the columns: a word in the title counts four times. An excerpt has 48 words."""
_WORD = re.compile(r"\w+", re.UNICODE)
_FIELD = re.compile(r"^([a-z_]+):\s*(.*)$")
# Words that stand in most questions and most documents; BM25 weighs them down anyway, leaving them out is faster.
_STOP_WORDS: Final = frozenset(
    [
        *(
            "a",
            "about",
            "an",
            "and",
            "are",
            "as",
            "at",
            "be",
            "by",
            "can",
            "do",
            "does",
            "for",
            "from",
            "how",
            "i",
            "in",
        ),
        *("is", "it", "me", "my", "of", "on", "or", "our", "shall", "should", "tell", "that", "the", "their", "there"),
        *(
            "this",
            "to",
            "us",
            "was",
            "we",
            "what",
            "when",
            "where",
            "which",
            "who",
            "why",
            "will",
            "with",
            "you",
            "your",
        ),
    ]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A document as it lies in S3: front matter and text."""

    document_id: str
    title: str
    type: str
    updated: str
    text: str


class DocumentIndex:
    """The documents of one clinic, read with that clinic's credentials. Belongs to a session, never to the process.

    Each search lists the keys (one call) and reads only what is new or changed, so an edit is found at once.
    """

    def __init__(self, *, client: Any, bucket: str, clinic_id: str) -> None:
        self._client = client  # a boto3 S3 client with the tenant's credentials
        self._bucket = bucket
        self._prefix = documents_prefix(clinic_id)
        self._versions: dict[str, str] = {}  # document id -> ETag
        self._lock = Lock()
        # In memory, and no setting of ours: nothing of a clinic's documents touches a disk.
        self._index = sqlite3.connect(":memory:", check_same_thread=False)
        self._index.execute(
            "CREATE VIRTUAL TABLE document USING fts5"
            "(document_id UNINDEXED, title, type, updated UNINDEXED, text, tokenize = 'porter unicode61')"
        )

    def search(self, query: str, limit: int) -> list[dict[str, Any]]:
        """Return the documents that fit best, best first, each with an excerpt and a score.

        Raises:
            BadRequest: If the query has no words or the limit is out of range.
            Throttled, Unavailable: If the documents can't be read.
        """
        if not 1 <= limit <= MAX_RESULTS:
            raise BadRequest("invalid_argument", f"limit: must be 1 to {MAX_RESULTS}")
        expression = _match_expression(query)
        with self._lock:
            self._refresh()
            rows = self._index.execute(
                _SEARCH,
                (expression, limit),
            ).fetchall()
        return [
            {
                "document_id": row[0],
                "title": row[1],
                "type": row[2],
                "updated": row[3],
                "excerpt": _excerpt(row[4], row[5]),
                "score": round(-row[6], 4),  # SQLite's BM25 is negative: better is smaller
            }
            for row in rows
        ]

    def _refresh(self) -> None:
        try:
            listed = self._listed()
            changed = [document_id for document_id, etag in listed.items() if self._versions.get(document_id) != etag]
            with ThreadPoolExecutor(PARALLEL_READS) as pool:
                documents = list(pool.map(self._read, changed))
        except AWS_ERRORS as error:
            raise as_agent_error(error, part="documents") from None
        gone = [document_id for document_id in self._versions if document_id not in listed]
        with self._index:  # one transaction: a failure leaves the index as it was
            for document_id in [*gone, *changed]:
                self._index.execute("DELETE FROM document WHERE document_id = ?", (document_id,))
            self._index.executemany(
                "INSERT INTO document (document_id, title, type, updated, text) VALUES (?, ?, ?, ?, ?)",
                [(d.document_id, d.title, d.type, d.updated, d.text) for d in documents],
            )
        self._versions = listed

    def _listed(self) -> dict[str, str]:
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=self._prefix, PaginationConfig={"MaxItems": MAX_DOCUMENTS}
        )
        return {
            item["Key"].removeprefix(self._prefix).removesuffix(".md"): item["ETag"]
            for page in pages
            for item in page.get("Contents", [])
            if item["Key"].endswith(".md") and item["Size"] <= MAX_DOCUMENT_BYTES
        }

    def _read(self, document_id: str) -> Document:
        response = self._client.get_object(Bucket=self._bucket, Key=f"{self._prefix}{document_id}.md")
        return parse_document(document_id, response["Body"].read().decode("utf-8", errors="replace"))


def parse_document(document_id: str, source: str) -> Document:
    """Split a document into front matter and text. A document without front matter is titled by its id."""
    fields: dict[str, str] = {}
    text = source
    if source.startswith("---\n"):
        head, found, rest = source[4:].partition("\n---\n")
        if found:
            text = rest
            matches = (_FIELD.match(line) for line in head.splitlines())
            fields = {match[1]: match[2].strip().strip('"') for match in matches if match}
    return Document(
        document_id=document_id,
        title=fields.get("title") or document_id,
        type=fields.get("type", ""),
        updated=fields.get("updated", ""),
        text=text.strip(),
    )


def _match_expression(query: str) -> str:
    """Turn free text into an FTS5 expression: each word quoted, so that nothing in it is an operator."""
    words = [word for word in _WORD.findall(query.lower()) if word not in _STOP_WORDS] or _WORD.findall(query.lower())
    if not words:
        raise BadRequest("invalid_argument", "query: has no words to search for")
    return " OR ".join(f'"{word}"' for word in dict.fromkeys(words[:MAX_QUERY_WORDS]))


def _excerpt(snippet: str, text: str) -> str:
    """The passage that fits, or the document's beginning where only the title matched."""
    excerpt = snippet or " ".join(text.split()[:EXCERPT_WORDS])
    return " ".join(excerpt.split())
