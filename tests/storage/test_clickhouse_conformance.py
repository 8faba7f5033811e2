#!/usr/bin/env python3
"""The checks that every handler has to pass (tests/integration/conformance.py), on the `clickhouse` handler and the engine."""
import os
import sys
import unittest
import uuid

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import clickhouse  # noqa: E402
from conformance import Conformance, Profile  # noqa: E402
from handlerkit import HandlerTest  # noqa: E402

BATCHES = """(consumer_group String, topic String, handler String, partition Int32, writer String, version UInt64, epoch UInt64, owner
String, settled UInt8, stored Array(Int64), pending Array(Int64), token String, block Int64, target String, columns Array(String),
encoding String, payload String, changed DateTime DEFAULT now()) ENGINE = ReplacingMergeTree(version)
ORDER BY (consumer_group, topic, handler, partition, writer)"""


class Store(Profile):
    """A table that keeps its rows in the order of their inserts."""

    def keys(self):
        self.server = clickhouse.ClickHouse()
        self.test.addCleanup(self.server.close)
        self.database = "t" + uuid.uuid4().hex[:12]
        self.server.sql(f"CREATE DATABASE {self.database}")
        self.server.sql(f"CREATE TABLE {self.database}.orders (id String, amount Int16) ENGINE = MergeTree ORDER BY tuple() "
                        "SETTINGS non_replicated_deduplication_window = 1000")
        self.server.sql(f"CREATE TABLE {self.database}.busbar_batches {BATCHES}")
        return {"plugin": "clickhouse", "url": self.server.url, "database": self.database, "table": "orders",
                "password": clickhouse.PASSWORD, "takeover_ms": 500}

    def stored(self):
        if self.server.process.poll() is not None:
            return []
        return [row[0] for row in self.server.sql(
            f"SELECT id FROM {self.database}.orders ORDER BY toUInt64(splitByChar('_', _part)[2]), _part_offset")]

    def good(self, number):
        return {"id": f"e{number}", "amount": number}

    def bad(self, number):
        return {"id": f"e{number}", "amount": 40000}, "/amount"

    def close_store(self):
        self.server.kill()

    def open_store(self):
        self.server.start()


class ClickHouseHandler(Conformance, HandlerTest):
    profile_class = Store

    def check_complete(self, events):
        super().check_complete(events)
        stored = self.profile.stored()
        self.assertEqual(len(stored), len(set(stored)), "stored twice")


if __name__ == "__main__":
    unittest.main()
