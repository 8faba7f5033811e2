#!/usr/bin/env python3
"""Retry topics on a real Kafka: topics made by `topics apply`, two members of a group of which one is killed, records byte for byte
through all tiers, old records that retention would take, nothing before it is due, and offsets at the ends."""
import collections
import json
import os
import signal
import sys
import tempfile
import time
import unittest
import uuid

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import tools  # noqa: E402
from tools import kit  # noqa: E402

PARTITIONS, DELAYS = 3, (1.0, 2.0)
LONG_AGO = int(time.time() * 1000) - 400 * 86400 * 1000
# Passes what `fails` says on a later try; a line for each try goes to `seen`.
FLAKY = """
import json, os, sys, time
for line in sys.stdin:
    message = json.loads(line)
    again = message["attempt"] <= message["value"]["fails"]
    note = json.dumps({"id": message["value"]["id"], "attempt": message["attempt"], "now": time.time(), "passed": not again,
                       "place": [message["topic"], message["partition"], message["offset"], message["timestamp"]]})
    out = os.open("seen", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(out, (note + "\\n").encode())
    os.close(out)
    print(json.dumps({"verdict": "retry", "reason": "busy"}) if again else "pass", flush=True)
"""


class RetryTopics(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.kafka = kit.Kafka.shared()
        cls.addClassCleanup(cls.kafka.close)

    def setUp(self):
        temporary = tempfile.TemporaryDirectory(prefix="busbar-retry-")
        self.addCleanup(temporary.cleanup)
        self.folder = temporary.name
        self.tools = tools.Tools(self.folder, self.kafka.bootstrap)
        self.topic = f"tiers-{uuid.uuid4().hex[:10]}"
        self.group = self.topic + "-group"
        self.tiers = [f"{self.topic}.{self.group}.retry.{n}" for n in (1, 2)]
        for name, text in (("flaky.py", FLAKY), ("order.json", json.dumps({"type": "object", "required": ["id", "fails"]}))):
            with open(os.path.join(self.folder, name), "w") as out:
                out.write(text)
        self.config = kit.write_config(self.folder, self.kafka.bootstrap, "".join(f"{name}: {json.dumps(part)}\n" for name, part in {
            "domains": {"shop": {"events": {"order": {"schema": "order.json", "topic": self.topic}}}},
            "handlers": {"flaky": {"plugin": "exec", "command": [sys.executable, "flaky.py"], "cwd": self.folder}},
            "defaults": {"handlers": ["flaky"], "consume": {
                "group": self.group, "commit_interval": "100ms", "flush_interval": "50ms",
                "retry": {"mode": "topics", "delays": [f"{int(1000 * delay)}ms" for delay in DELAYS]}}}}.items()))
        self.busbar("topics", "apply", "--partitions", str(PARTITIONS))

    def busbar(self, *arguments):
        result = kit.busbar(*arguments, "--config", self.config)
        self.assertEqual(result.returncode, 0, result.stderr.decode())
        return result.stdout.decode()

    def start(self):
        with open(os.path.join(self.folder, "log"), "ab") as log:
            process = kit.spawn("run", "--config", self.config, "--set", "kafka.session.timeout.ms=6000", stdout=log, stderr=log)
        self.addCleanup(process.stdin.close)
        self.addCleanup(lambda: process.poll() is None and (process.kill(), process.wait()))
        return process

    def seen(self):
        tries = collections.defaultdict(list)
        path = os.path.join(self.folder, "seen")
        if os.path.exists(path):
            with open(path) as file:
                for line in file:
                    one = json.loads(line)
                    tries[one["id"]].append(one)
        return tries

    def letters(self):
        return {r.value: r for r in self.tools.read(self.topic + ".dlq")}

    def test_through_all_tiers_with_a_member_killed(self):
        records = {}
        for number in range(90):
            value = json.dumps({"id": f"r{number}", "fails": (0, 1, 2, 99)[number % 4]}).encode()
            headers = [("binary", bytes(range(256))), ("null", None), ("twice", b"1"), ("twice", b"")]
            records[value] = (number % PARTITIONS, LONG_AGO + number, b"\x00\xffkey" + bytes([number % 7]), value, headers)
        self.tools.write(self.topic, list(records.values()))
        doomed = [value for value in records if json.loads(value)["fails"] == 99]
        members = [self.start(), self.start()]
        kit.wait_for(lambda: sum(len(tries) for tries in self.seen().values()) > 100, 90)
        members[0].send_signal(signal.SIGKILL)
        members[0].wait()

        def done():
            passed = sum(any(one["passed"] for one in tries) for tries in self.seen().values())
            return passed == len(records) - len(doomed) and len(self.letters()) == len(doomed)
        kit.wait_for(done, 120, every=0.5)
        # what was in hand when the member was killed may be in a retry topic twice, and is not due yet
        kit.wait_for(lambda: all(self.is_read(tier, topic) for tier, topic in enumerate(self.tiers, 1)), 60, every=0.5)
        self.assertEqual(kit.stop(members[1]), 0)
        source = {r.value: r for r in self.tools.read(self.topic)}
        self.assertEqual(len(self.tools.read(self.topic)), len(records), "what is tried again is not written to the topic itself")
        for name, tries in self.seen().items():
            first = {}
            for one in tries:
                first.setdefault(one["attempt"], one["now"])
            for attempt in range(2, max(first) + 1):
                self.assertGreaterEqual(first[attempt] - first[attempt - 1], DELAYS[attempt - 2], name)
            self.assertEqual(len({tuple(one["place"]) for one in tries}), 1, tries)
        for tier, topic in enumerate(self.tiers, 1):
            copies = self.tools.read(topic)
            self.assertEqual({r.value for r in copies}, {v for v in records if json.loads(v)["fails"] >= tier})
            for copy in copies:
                self.same(copy, source[copy.value], tier)
                self.assertGreater(copy.timestamp, LONG_AGO + 86400000, "by the record's own time it would be deleted")
            self.assertTrue(self.is_read(tier, topic))
        for value, letter in self.letters().items():
            self.assertIn(value, doomed)
            self.same(letter, source[value], 3)
            self.assertEqual(letter.timestamp, source[value].timestamp)
        self.assertEqual(self.tools.committed(self.group, self.topic, PARTITIONS), {p: 30 for p in range(PARTITIONS)})

    def is_read(self, tier, topic):
        """The group has committed the ends."""
        ends = collections.Counter(r.partition for r in self.tools.read(topic))
        committed = self.tools.committed(f"{self.group}.retry.{tier}", topic, PARTITIONS)
        return all(max(committed[p], 0) == ends[p] for p in range(PARTITIONS))

    def same(self, copy, original, attempts):
        own = len(original.headers)
        self.assertEqual((copy.key, copy.value, copy.headers[:own]), (original.key, original.value, original.headers))
        added = {name: (value or b"").decode() for name, value in copy.headers[own:]}
        self.assertTrue(all(name.startswith("busbar.") for name in added), added)
        self.assertEqual((added["busbar.topic"], int(added["busbar.partition"]), int(added["busbar.offset"])),
                         (self.topic, original.partition, original.offset))
        self.assertEqual(int(added["busbar.attempts"]), attempts)


if __name__ == "__main__":
    unittest.main(verbosity=2)
