from decimal import Decimal

from ingestion.tests.edge_client import stored_calls


def test_an_event_is_stored_with_its_cost(edge, committed_acme, key):
    response = edge.post({"model": "gpt-4o", "input_tokens": 1000, "output_tokens": 500}, key=key)

    assert (response.status, response.json()["accepted"]) == (202, 1)
    (call,) = stored_calls(committed_acme)
    assert call["model"] == "gpt-4o"
    assert call["cost_usd"] == Decimal("0.0075")
