#!/usr/bin/env python3
"""Retry topics with keep_order on a real Kafka: two members of a group, of which one is killed, and a third that joins, while some keys
fail and records of all keys keep coming. Of each key every record is seen, and seen first in the order in which it was produced."""
import collections
import json
import os
import signal
import sys
import tempfile
import unittest
import uuid

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import tools  # noqa: E402
from tools import kit  # noqa: E402

PARTITIONS, TIER_PARTITIONS, KEYS, ROUNDS, EACH = 4, 3, 24, 6, 8
# Notes every try, and whether it passed: one write, so that members do not mix.
FLAKY = """
import json, os, sys
for line in sys.stdin:
    message = json.loads(line)
    passed = message["attempt"] > message["value"]["fails"]
    note = json.dumps({"key": message["key"], "number": message["value"]["number"], "passed": passed})
    out = os.open("seen", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(out, (note + "\\n").encode())
    os.close(out)
    print("pass" if passed else json.dumps({"verdict": "retry", "reason": "busy"}), flush=True)
"""


class RetryOrder(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.kafka = kit.Kafka.shared()
        cls.addClassCleanup(cls.kafka.close)

    def setUp(self):
        temporary = tempfile.TemporaryDirectory(prefix="busbar-order-")
        self.addCleanup(temporary.cleanup)
        self.folder = temporary.name
        self.tools = tools.Tools(self.folder, self.kafka.bootstrap)
        self.topic = f"kept-{uuid.uuid4().hex[:10]}"
        self.tiers = [self.topic + "-later", self.topic + "-last"]
        for name, text in (("flaky.py", FLAKY), ("order.json", json.dumps({"type": "object", "required": ["number", "fails"]}))):
            with open(os.path.join(self.folder, name), "w") as out:
                out.write(text)
        self.config = kit.write_config(self.folder, self.kafka.bootstrap, "".join(f"{name}: {json.dumps(part)}\n" for name, part in {
            "domains": {"shop": {"events": {"order": {"schema": "order.json", "topic": self.topic}}}},
            "handlers": {"flaky": {"plugin": "exec", "command": [sys.executable, "flaky.py"], "cwd": self.folder}},
            "defaults": {"handlers": ["flaky"], "consume": {
                "group": self.topic + "-group", "commit_interval": "100ms", "flush_interval": "50ms", "concurrency": 2,
                "retry": {"mode": "topics", "delays": ["1s", "2s"], "topics": self.tiers, "keep_order": True}}}}.items()))
        self.kafka.topic(self.topic, PARTITIONS)
        for tier in self.tiers:
            self.kafka.topic(tier, TIER_PARTITIONS)

    def start(self):
        with open(os.path.join(self.folder, "log"), "ab") as log:
            process = kit.spawn("run", "--config", self.config, "--set", "kafka.session.timeout.ms=6000", stdout=log, stderr=log)
        self.addCleanup(process.stdin.close)
        self.addCleanup(lambda: process.poll() is None and (process.kill(), process.wait()))
        return process

    def seen(self):
        path = os.path.join(self.folder, "seen")
        if not os.path.exists(path):
            return []
        with open(path) as file:
            return [json.loads(line) for line in file]

    def send(self, round_number):
        """Of every third key the first record of a round fails once or twice."""
        records = []
        for i in range(EACH):
            for key in range(KEYS):
                number = round_number * EACH + i
                fails = 1 + round_number % 2 if i == 0 and key % 3 == 0 else 0
                value = json.dumps({"number": number, "fails": fails}).encode()
                records.append((key % PARTITIONS, 0, b"key-%d" % key, value, []))
        self.tools.write(self.topic, records)

    def passed(self):
        return len({(one["key"], one["number"]) for one in self.seen() if one["passed"]})

    def test_members_come_and_go(self):
        members = [self.start(), self.start()]
        for number in range(ROUNDS):
            self.send(number)
            kit.wait_for(lambda: len(self.seen()) >= (number + 1) * EACH * KEYS // 2, 60)
            if number == 1:
                members[0].send_signal(signal.SIGKILL)
                members[0].wait()
            if number == 3:
                members.append(self.start())
        kit.wait_for(lambda: self.passed() == ROUNDS * EACH * KEYS, 180, every=0.5)
        for member in members[1:]:
            self.assertEqual(kit.stop(member), 0)
        first = collections.defaultdict(list)
        for one in self.seen():
            if one["number"] not in first[one["key"]]:
                first[one["key"]].append(one["number"])
        for key, numbers in first.items():
            self.assertEqual(numbers, list(range(ROUNDS * EACH)), key)
        places = collections.defaultdict(set)
        for record in self.tools.read(self.tiers[0]):
            places[record.key].add(record.partition)
        self.assertEqual({len(found) for found in places.values()}, {1}, "the key decides the partition")
        self.assertFalse([key for key in places if int(key.decode()[4:]) % 3], "a key that never failed was held up")


if __name__ == "__main__":
    unittest.main(verbosity=2)
