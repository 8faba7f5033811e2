#!/usr/bin/env python3
"""`busbar extract` and `replay` on a real Kafka: places by time come from its index, and no group but the replay's is touched."""
import base64
import json
import os
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "integration"))
sys.path.insert(0, HERE)
import kit  # noqa: E402
from tools import Tools  # noqa: E402

BASE_MS = 1_700_000_000_000  # 2023-11-14T22:13:20Z
CONFIG = """
domains: {{ shop: {{ events: {{ order: {{ schema: order.json, topic: orders }} }} }} }}
handlers: {{ store: {{ plugin: jsonl, path: "{folder}/out-{{partition}}.jsonl", format: record }} }}
defaults: {{ handlers: [store], consume: {{ group: live }} }}
"""


class OnKafka(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory(prefix="busbar-extract-")
        cls.addClassCleanup(cls.temporary.cleanup)
        cls.folder = cls.temporary.name
        cls.kafka = kit.Kafka().start()
        cls.addClassCleanup(cls.kafka.close)
        for topic in ("orders", "orders.dlq"):
            cls.kafka.topic(topic, 3)
        with open(os.path.join(cls.folder, "order.json"), "w") as out:
            json.dump({"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}}}, out)
        cls.config = kit.write_config(cls.folder, cls.kafka.bootstrap, CONFIG.format(folder=cls.folder))
        cls.tools = Tools(cls.folder, cls.kafka.bootstrap)
        # a record a second in each partition, one of them with bytes that are no text
        cls.tools.write("orders", [(p, BASE_MS + 1000 * n, b"\xff\x00" if n == 3 else b"k%d" % n, b'{"id":"%d"}' % n, [])
                                   for p in range(3) for n in range(100)])

    def busbar(self, *arguments):
        result = kit.busbar(*arguments, "--config", self.config)
        self.assertEqual(result.returncode, 0, result.stderr.decode())
        return result.stdout

    def stored(self):
        found = {}
        for partition in range(3):
            path = os.path.join(self.folder, f"out-{partition}.jsonl")
            if os.path.exists(path):
                with open(path, "rb") as file:
                    found[partition] = [line["offset"] for line in kit.json_lines(file.read())]
                os.remove(path)
        return found

    def test_extract_by_time_and_replay_of_the_same(self):
        self.busbar("run", "--once")
        self.stored()
        live = self.tools.committed("live", "orders", 3)
        places = ("--from", "2023-11-14T22:13:30Z", "--to", "2023-11-14T22:13:40Z")
        rows = kit.json_lines(self.busbar("extract", "orders", *places))
        self.assertEqual(sorted((r["partition"], r["offset"]) for r in rows), [(p, n) for p in range(3) for n in range(10, 20)])
        expected = {(r.partition, r.offset): (r.key, r.value) for r in self.tools.read("orders")}
        for row in kit.json_lines(self.busbar("extract", "orders")):
            key = row["key"].encode() if "key" in row else base64.b64decode(row["key_base64"])
            self.assertEqual(expected.pop((row["partition"], row["offset"])), (key, row["value"].encode()))
        self.assertEqual(expected, {})
        summary = json.loads(self.busbar("replay", "shop.order", *places, "--id", "one", "--json"))
        self.assertEqual(summary["all"]["handled"], 30)
        self.assertEqual(self.stored(), {p: list(range(10, 20)) for p in range(3)})
        self.assertEqual(self.tools.committed("live.replay-one", "orders", 3), {0: 20, 1: 20, 2: 20})
        self.assertEqual(self.tools.committed("live", "orders", 3), live)
        self.assertEqual(self.tools.committed("busbar.extract", "orders", 3), {0: -1, 1: -1, 2: -1})

    def test_times_at_the_edges(self):
        for places, count in ((("--from", "2030-01-01T00:00:00Z"), 0), (("--to", "2020-01-01T00:00:00Z"), 0),
                              (("--from", "2020-01-01T00:00:00Z"), 300), (("--from", "2023-11-14T22:14:59Z"), 3)):
            with self.subTest(places):
                rows = kit.json_lines(self.busbar("extract", "orders", *places))
                self.assertEqual(len(rows), count)
                plan = json.loads(self.busbar("replay", "shop.order", "--dry-run", "--json", "--id", "edges",
                                              *(places if places[0] == "--from" else ("--from", "beginning", *places))))
                self.assertEqual(plan["offsets"], count)


if __name__ == "__main__":
    unittest.main(verbosity=2)
