#!/usr/bin/env python3
"""Dead letters of a real Kafka, sent back with a SIGKILL in the middle: all arrive, and none more than once besides the tail that
was not committed when it was killed.

Environment: BUSBAR_DLQ_RECORDS (default 2000)."""
import collections
import json
import os
import signal
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import tools  # noqa: E402
from tools import kit  # noqa: E402

RECORDS = int(os.environ.get("BUSBAR_DLQ_RECORDS", "2000"))
EVENT, TOPIC, PARTITIONS = "customer.user_event", "customer-user-events", 3
LETTERS, PARKED, GROUP = TOPIC + ".dlq", TOPIC + ".parked", "busbar.redrive." + TOPIC + ".dlq"
BATCH = 100  # records between two commits at most


def lost_or_doubled(expected, arrived, uncommitted):
    """What must not be: values that did not arrive, and values that arrived twice without being in the uncommitted tail."""
    counts = collections.Counter(arrived)
    lost = [value for value in expected if not counts[value]]
    doubled = [value for value, count in counts.items() if count > 1 + (value in uncommitted)]
    return lost, doubled


class Checker(unittest.TestCase):
    """The checker must catch each planted violation."""

    def test_planted_violations(self):
        self.assertEqual(lost_or_doubled("abc", "abbc", "b"), ([], []))
        self.assertEqual(lost_or_doubled("abc", "ac", "b"), (["b"], []))
        self.assertEqual(lost_or_doubled("abc", "aabc", "b"), ([], ["a"]))
        self.assertEqual(lost_or_doubled("abc", "abbbc", "b"), ([], ["b"]))


class Redrive(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.kafka = kit.Kafka()
        cls.kafka.start()
        cls.addClassCleanup(cls.kafka.close)
        temporary = tempfile.TemporaryDirectory(prefix="busbar-dlq-")
        cls.addClassCleanup(temporary.cleanup)
        cls.tools = tools.Tools(temporary.name, cls.kafka.bootstrap)
        text = (f"domains:\n  customer: {{ plugin: ownlens_customer, handlers: [archive] }}\n"
                f"handlers:\n  archive: {{ plugin: jsonl, path: \"{temporary.name}/{{topic}}.jsonl\" }}\n")
        cls.config = kit.write_config(temporary.name, cls.kafka.bootstrap, text)
        for topic in (TOPIC, LETTERS):
            cls.kafka.topic(topic, PARTITIONS)

    def busbar(self, *arguments, expect=0):
        result = kit.busbar(*arguments, "--config", self.config)
        self.assertEqual(result.returncode, expect, result.stderr.decode())
        return result.stdout

    def run_once(self):
        return json.loads(self.busbar("run", "--once", "--json", "--only", EVENT))["all"]["dead_lettered"]

    def ends(self, topic):
        ends = dict.fromkeys(range(PARTITIONS), 0)
        for record in self.tools.read(topic):
            ends[record.partition] = record.offset + 1
        return ends

    def redrive_and_kill(self, count):
        """Kills the process once `count` records are back; its rate makes it take ten seconds, so that this is in the middle."""
        process = kit.spawn("dlq", "redrive", EVENT, "--config", self.config, "--rate", str(max(RECORDS // 10, 100)))
        end = time.monotonic() + 60
        while sum(self.ends(TOPIC).values()) < RECORDS + count and time.monotonic() < end:
            self.assertIsNone(process.poll(), "it ended before it was killed")
        process.send_signal(signal.SIGKILL)
        process.communicate()

    def test_a_kill_in_the_middle_sends_at_most_the_uncommitted_tail_again(self):
        moment = int(time.time() * 1000) - 3600000
        first = [(-1, moment + i, b"key-%d" % (i % 97), b"{%d" % i, [("trace", b"a\x00\xff"), ("busbar.producer", b"web"), ("trace", b"")])
                 for i in range(RECORDS)]
        self.tools.write(TOPIC, first)
        self.assertEqual(self.run_once(), RECORDS)
        letters = self.tools.read(LETTERS)
        self.assertEqual(len(letters), RECORDS)

        self.redrive_and_kill(RECORDS // 3)
        committed = self.tools.committed(GROUP, LETTERS, PARTITIONS)
        at_kill = len(self.tools.read(TOPIC)) - RECORDS
        done = sum(max(offset, 0) for offset in committed.values())
        tail = {record.value for record in letters if record.offset >= max(committed[record.partition], 0)}
        self.assertGreater(done, 0, "it committed nothing before it was killed")
        self.assertLess(at_kill, RECORDS, "it was killed too late")
        self.assertLessEqual(done, at_kill)
        self.assertLessEqual(at_kill, done + BATCH)

        summary = json.loads(self.busbar("dlq", "redrive", EVENT, "--json"))
        self.assertEqual((summary["sent"], summary["complete"]), (RECORDS - done, True))
        back = [record for record in self.tools.read(TOPIC) if ("busbar.hops", b"1") in record.headers]
        self.assertEqual(lost_or_doubled([value for _, _, _, value, _ in first], [r.value for r in back], tail), ([], []))
        self.assertLessEqual(len(back), RECORDS + BATCH)
        wanted = {value: (time_ms, key, [*headers, ("busbar.hops", b"1")]) for _, time_ms, key, value, headers in first}
        for record in back:
            self.assertEqual((record.timestamp, record.key, record.headers), wanted[record.value])
        self.assertEqual(json.loads(self.busbar("dlq", "redrive", EVENT, "--json"))["sent"], 0)
        print(f"dlq: {RECORDS} dead letters, killed when {at_kill} were back and {done} committed: {len(back)} back in the end")

        again = self.run_once()
        self.assertEqual(again, len(back))
        self.assertEqual(json.loads(self.busbar("dlq", "redrive", EVENT, "--json"))["sent"], again)
        self.assertEqual(self.run_once(), again)
        summary = json.loads(self.busbar("dlq", "redrive", EVENT, "--json", expect=1))
        self.assertEqual((summary["sent"], summary["parked"]), (0, again))
        parked = self.tools.read(PARKED)
        self.assertEqual(len(parked), again)
        for record in parked[:50]:
            names = [name for name, _ in record.headers]
            self.assertEqual((record.headers[:3], names.count("busbar.hops"), names.count("busbar.reason"), names.count("busbar.parked")),
                             ([("trace", b"a\x00\xff"), ("busbar.producer", b"web"), ("trace", b"")], 1, 1, 1))


if __name__ == "__main__":
    unittest.main()
