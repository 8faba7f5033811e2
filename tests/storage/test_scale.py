#!/usr/bin/env python3
"""The ten event types into all stores at once, as scale.py does it, with few events on the embedded broker; and that its check finds
what was changed. BUSBAR_SCALE_EVENTS (300): of each type."""
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import scale  # noqa: E402

EVENTS = os.environ.get("BUSBAR_SCALE_EVENTS", "300")


def spoil(run):
    """One value changed, one row gone, one there that nobody sent, one twice; says of which event types."""
    def first(table, own, last=""):
        return f"{own} = (SELECT {own} FROM {table} ORDER BY {own} {last} LIMIT 1)"
    run["pg"].sql(f"UPDATE audit_logs SET resource_type = resource_type || '.' WHERE {first('audit_logs', 'log_id')}")
    run["pg"].sql(f"DELETE FROM customer_sessions WHERE {first('customer_sessions', 'session_id', 'DESC')}")
    run["pg"].sql(f"UPDATE editorial_articles SET article_id = gen_random_uuid() WHERE {first('editorial_articles', 'article_id')}")
    run["ch"].sql("INSERT INTO scale.audit_security_events SELECT * FROM scale.audit_security_events ORDER BY event_id LIMIT 1")
    return ["audit.audit_log", "customer.session", "editorial.article", "security.security_event"]


class Scale(unittest.TestCase):
    def test_each_value_of_each_event_in_each_store(self):
        options = scale.arguments(["--events", EVENTS, "--bad", "5", "--bootstrap", "embedded", "--flush", "300ms"])
        result = scale.execute(options, spoil)
        self.assertEqual({event: entry["wrong"] for event, entry in result["events"].items() if entry["wrong"]}, {})
        letters = [entry["letters"] for entry in result["events"].values()]
        self.assertGreater(min(letter["column"] for letter in letters), 0)
        self.assertGreater(sum(letter["pointer"] for letter in letters), 0)
        self.check_spoiled(result["spoiled"])

    def check_spoiled(self, judged):
        found = {(event, name, kind): store[kind] for event, entry in judged.items() for name, store in entry["stores"].items()
                 for kind in ("missing", "surplus", "values") if store[kind]}
        self.assertEqual(found, {("audit.audit_log", "postgresql", "values"): 1, ("customer.session", "postgresql", "missing"): 1,
                                 ("editorial.article", "postgresql", "missing"): 1,
                                 ("editorial.article", "postgresql", "surplus"): 1,
                                 ("security.security_event", "clickhouse", "surplus"): 1})


if __name__ == "__main__":
    unittest.main()
