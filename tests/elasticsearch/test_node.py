"""The node that the tests start is what the store needs."""

from __future__ import annotations

import httpx


def test_node_answers_and_names_the_product(elasticsearch_url: str) -> None:
    answer = httpx.get(f"{elasticsearch_url}/_cluster/health")
    assert answer.json()["number_of_nodes"] >= 1
    assert answer.headers["x-elastic-product"] == "Elasticsearch"
