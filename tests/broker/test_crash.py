#!/usr/bin/env python3
"""Kills `busbar run` with SIGKILL again and again while it handles events of a real Kafka, and reads the JSON lines it wrote and
the offsets it committed with programs that know nothing of busbar:
  - every event is in the output at least once
  - no committed offset was ever past an event that is not in the output
  - per key, events appear first in the order in which they were produced
The checker itself is tested first with planted violations.

Environment: BUSBAR_CRASH_EVENTS (default 100000), BUSBAR_CRASH_KILLS (default 10), BUSBAR_CRASH_SEED (default 1)."""
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "integration"))
import kit  # noqa: E402

EVENTS = int(os.environ.get("BUSBAR_CRASH_EVENTS", "100000"))
KILLS = int(os.environ.get("BUSBAR_CRASH_KILLS", "10"))
SEED = int(os.environ.get("BUSBAR_CRASH_SEED", "1"))
EVENT, TOPIC, GROUP, PARTITIONS = "customer.user_event", "customer-user-events", "crash-group", 6
CONFIG = """kafka: {{ bootstrap.servers: "{bootstrap}", session.timeout.ms: 6000, heartbeat.interval.ms: 1000 }}
domains:
  customer:
    plugin: ownlens_customer
    events:
      user_event:
        consume: {{ group: crash-group, concurrency: 3, flush_interval: 50ms, commit_interval: 50ms }}
        handlers: [archive]
handlers:
  archive: {{ plugin: jsonl, path: "{folder}/out/{{topic}}.jsonl", format: record }}
"""
LINE = re.compile(rb'\{"topic":"[^"]*","partition":(\d+),"offset":(\d+),"timestamp":-?\d+,"key":"((?:[^"\\]|\\.)*)",'
                  rb'"value":.*?"sequence": ?(\d+)')


class Ledger:
    """What the output holds: offsets per partition, and per key the order of first appearance."""

    def __init__(self):
        self.offsets = {}
        self.last = {}
        self.lines = 0
        self.problems = []

    def add(self, line):
        found = LINE.match(line)
        if not found or not line.endswith(b"}\n"):
            self.problems.append(f"a line that is not whole: {line[:80]!r}")
            return
        partition, offset, sequence = int(found[1]), int(found[2]), int(found[4])
        seen = self.offsets.setdefault(partition, bytearray())
        if offset >= len(seen):
            seen.extend(bytes(offset + 1 - len(seen)))
        self.lines += 1
        if seen[offset]:
            return
        seen[offset] = 1
        key = (partition, found[3])
        if sequence <= self.last.get(key, -1):
            self.problems.append(f"key {found[3].decode()}: {sequence} appears first behind {self.last[key]}")
        self.last[key] = sequence

    def handled_up_to(self, partition):
        """First offset that is not in the output."""
        seen = self.offsets.get(partition, bytearray())
        gap = seen.find(0)
        return gap if gap >= 0 else len(seen)

    def check_committed(self, committed):
        for partition, offset in committed.items():
            if offset > self.handled_up_to(partition):
                self.problems.append(f"partition {partition}: committed {offset}, but {self.handled_up_to(partition)} is "
                                     "not in the output")


class Checker(unittest.TestCase):
    """The checker must catch each planted violation."""

    @staticmethod
    def line(offset, sequence, key="k"):
        return (f'{{"topic":"t","partition":0,"offset":{offset},"timestamp":1,"key":"{key}",'
                f'"value":{{"metadata": {{"sequence": {sequence}}}}}}}\n').encode()

    def ledger(self, *lines):
        ledger = Ledger()
        for line in lines:
            ledger.add(line)
        return ledger

    def test_sound_output_passes(self):
        ledger = self.ledger(self.line(0, 0), self.line(1, 1), self.line(0, 0), self.line(2, 2))
        ledger.check_committed({0: 3})
        self.assertEqual(ledger.problems, [])

    def test_dropped_event_is_caught(self):
        ledger = self.ledger(self.line(0, 0), self.line(2, 2))
        ledger.check_committed({0: 3})
        self.assertEqual(len(ledger.problems), 1)
        self.assertEqual(ledger.handled_up_to(0), 1)

    def test_commit_one_too_far_is_caught(self):
        ledger = self.ledger(self.line(0, 0))
        ledger.check_committed({0: 2})
        self.assertEqual(len(ledger.problems), 1)

    def test_swapped_events_are_caught(self):
        self.assertEqual(len(self.ledger(self.line(1, 1), self.line(0, 0)).problems), 1)

    def test_torn_line_is_caught(self):
        self.assertEqual(len(self.ledger(self.line(0, 0)[:-20]).problems), 1)


class Crash(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.kafka = kit.Kafka()
        cls.kafka.start()
        cls.addClassCleanup(cls.kafka.close)
        cls.temporary = tempfile.TemporaryDirectory(prefix="busbar-crash-")
        cls.addClassCleanup(cls.temporary.cleanup)
        cls.folder = cls.temporary.name
        cls.config = os.path.join(cls.folder, "busbar.yaml")
        with open(cls.config, "w") as out:
            out.write(CONFIG.format(bootstrap=cls.kafka.bootstrap, folder=cls.folder))
        cls.tool = os.path.join(cls.folder, "committed")
        flags = subprocess.run(["pkg-config", "--cflags", "--libs", "rdkafka"], check=True, capture_output=True,
                               text=True).stdout.split()
        subprocess.run(["cc", "-o", cls.tool, os.path.join(HERE, "committed.c"), *flags], check=True)

    def busbar(self, *arguments):
        return [kit.BUSBAR, "--config", self.config, *arguments]

    def produce(self):
        """Events of 1,000 keys, numbered per key, with a few that are past the contract."""
        lines = subprocess.run(self.busbar("generate", EVENT, "-n", "1000", "--seed", str(SEED)), check=True,
                               capture_output=True).stdout.splitlines()
        templates = [json.loads(line) for line in lines]
        publish = subprocess.Popen(self.busbar("publish", "--quiet", EVENT, "-"), stdin=subprocess.PIPE, env=kit.environment())
        for i in range(EVENTS):
            event = templates[i % len(templates)]
            event["metadata"] = {"sequence": i}
            event["event_id"] = None
            publish.stdin.write(json.dumps(event).encode() + b"\n")
        publish.stdin.close()
        self.assertEqual(publish.wait(600), 0)

    def committed(self):
        text = subprocess.run([self.tool, self.kafka.bootstrap, GROUP, TOPIC, str(PARTITIONS)], check=True,
                              capture_output=True, text=True).stdout
        return {int(partition): int(offset) for partition, offset in (line.split() for line in text.splitlines())}

    def read(self, ledger, at):
        """Adds what was written since position `at`; a torn last line is left for the next time."""
        path = os.path.join(self.folder, "out", TOPIC + ".jsonl")
        if not os.path.exists(path):
            return at
        with open(path, "rb") as file:
            file.seek(at)
            for line in file:
                if not line.endswith(b"\n"):
                    break
                ledger.add(line)
                at += len(line)
        return at

    def test_killed_again_and_again(self):
        self.kafka.topic(TOPIC, PARTITIONS)
        self.kafka.topic(TOPIC + ".dlq", 1)
        self.produce()
        chance = random.Random(SEED)
        ledger, at, kills = Ledger(), 0, 0
        while kills < KILLS and sum(map(sum, ledger.offsets.values())) < EVENTS:
            process = subprocess.Popen(self.busbar("run"), env=kit.environment(), stderr=subprocess.DEVNULL)
            # The kill falls somewhere into the work: after a random part of what is left was written.
            goal = at + chance.randint(1, max(EVENTS * 900 // (KILLS + 2), 1))
            path = os.path.join(self.folder, "out", TOPIC + ".jsonl")
            deadline = time.monotonic() + 60
            while (not os.path.exists(path) or os.path.getsize(path) < goal) and time.monotonic() < deadline:
                time.sleep(0.002)
                if os.path.exists(path) and sum(map(sum, ledger.offsets.values())) + 1 >= EVENTS:
                    break
            process.send_signal(signal.SIGKILL)
            process.wait()
            kills += 1
            committed = self.committed()
            at = self.read(ledger, at)
            ledger.check_committed(committed)
            self.assertEqual(ledger.problems[:5], [])
        self.assertGreaterEqual(kills, min(KILLS, 3))
        result = subprocess.run(self.busbar("run", "--once"), env=kit.environment(), capture_output=True, text=True, timeout=600)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.read(ledger, at)
        ledger.check_committed(self.committed())
        self.assertEqual(ledger.problems[:5], [])
        distinct = sum(map(sum, ledger.offsets.values()))
        print(f"crash: {EVENTS} events, {kills} kills, {ledger.lines - distinct} read twice, 0 missing", flush=True)
        self.assertEqual(distinct, EVENTS)


if __name__ == "__main__":
    unittest.main()
