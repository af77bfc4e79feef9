"""On AWS the connector describes the web-search tool; here the catalog and the stand-in do, and must agree."""

import json
from pathlib import Path

from local_aws.agentcore.reader import Reader
from local_aws.gateway.recorded import _connector

CATALOG = Path(__file__).parents[2] / "terraform" / "catalog" / "tools" / "web_search.json"


def test_the_catalogs_web_search_is_the_one_that_the_stand_in_serves() -> None:
    declared = json.loads(CATALOG.read_text())
    block = {"source": [{"connector_id": declared["connector"]["id"], "version": None}], "enabled": None}
    (served,) = _connector(Reader("connector", block), target=declared["target"])
    assert served.name == declared["connector"]["tool"]
    types = {name: value["type"] for name, value in declared["inputSchema"]["properties"].items()}
    assert {name: value.type for name, value in (served.schema.properties or {}).items()} == types
    assert served.schema.required == set(declared["inputSchema"]["required"])
