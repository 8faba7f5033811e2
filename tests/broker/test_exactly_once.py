#!/usr/bin/env python3
"""Kafka to Kafka exactly once with a real Kafka, seen by programs that know nothing of busbar. Records with a number each go in while
busbar is killed, stopped, fenced, loses its broker, or shares its partitions with another; some of them break the contract. In the
end a read_committed reader must find every good number once in the output, every bad one once in the dead letters, per key in order,
and the group's offsets at the ends.

The checker itself is tested first with planted violations.

Environment: BUSBAR_EXACTLY_RECORDS (default 24000, of each test), BUSBAR_EXACTLY_KILLS (default 5), BUSBAR_EXACTLY_SEED (default 1)."""
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import tools  # noqa: E402
from tools import kit  # noqa: E402

RECORDS = int(os.environ.get("BUSBAR_EXACTLY_RECORDS", "24000"))
KILLS = int(os.environ.get("BUSBAR_EXACTLY_KILLS", "5"))
SEED = int(os.environ.get("BUSBAR_EXACTLY_SEED", "1"))
PARTITIONS = 4
CHUNK = 1000
SCHEMA = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "numbered", "type": "object",
          "properties": {"n": {"type": "integer"}}, "required": ["n"]}
CONFIG = """kafka: {{ bootstrap.servers: "{bootstrap}", session.timeout.ms: 6000, heartbeat.interval.ms: 1000{more} }}
drain: 2s
domains:
  numbers:
    plugin: generic
    events:
      numbered:
        schema: numbered.json
        topic: {name}-in
        handlers: [out]
        consume: {{ delivery: exactly_once, concurrency: 3, transaction: {{ interval: 200ms }}, in_flight_records: 2000 }}
handlers:
  out: {{ plugin: kafka, topic: {name}-out, value: original }}
"""


def is_bad(number):
    return number % 50 == 7


def problems_of(sent, out, dead, ends, committed):
    """sent: numbers in the order of production by key; out, dead: (key, number) in the order of the log of each partition."""
    found = []
    for what, records, wanted in (("output", out, [n for _, n in sent if not is_bad(n)]),
                                  ("dead letters", dead, [n for _, n in sent if is_bad(n)])):
        count = {}
        for _, number in records:
            count[number] = count.get(number, 0) + 1
        lost = [n for n in wanted if n not in count]
        doubled = [n for n, times in count.items() if times > 1]
        strange = set(count) - set(wanted)
        for problem, numbers in (("lost", lost), ("doubled", doubled), ("from nowhere", sorted(strange))):
            if numbers:
                found.append(f"{what}: {len(numbers)} {problem}, such as {numbers[:5]}")
    last = {}
    for key, number in out:
        if number < last.get(key, -1):
            found.append(f"output: key {key}: {number} behind {last[key]}")
        last[key] = number
    for partition, end in ends.items():
        if committed[partition] < end:
            found.append(f"partition {partition}: committed {committed[partition]}, its end is {end}")
    return found


class Checker(unittest.TestCase):
    """The checker must catch each planted violation."""
    SENT = [("a", 0), ("b", 1), ("a", 2), ("b", 7)]
    OUT = [("a", 0), ("a", 2), ("b", 1)]

    def problems(self, out=None, dead=(("b", 7),), committed=4):
        return problems_of(self.SENT, self.OUT if out is None else out, dead, {0: 4}, {0: committed})

    def test_sound_output_passes(self):
        self.assertEqual(self.problems(), [])

    def test_violations_are_caught(self):
        for name, planted in {"lost": {"out": self.OUT[1:]}, "doubled": {"out": [*self.OUT, ("b", 1)]},
                              "swapped": {"out": [("a", 2), ("a", 0), ("b", 1)]}, "from nowhere": {"out": [*self.OUT, ("b", 9)]},
                              "dead letter lost": {"dead": ()}, "dead letter doubled": {"dead": (("b", 7), ("b", 7))},
                              "dead letter in the output": {"out": [*self.OUT, ("b", 7)]}, "commit short": {"committed": 3}}.items():
            with self.subTest(name):
                self.assertEqual(len(self.problems(**planted)), 1)


class ExactlyOnce(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.kafka = kit.Kafka(properties="transaction.state.log.num.partitions=4\ngroup.initial.rebalance.delay.ms=0")
        cls.kafka.start()
        cls.addClassCleanup(cls.kafka.close)
        temporary = tempfile.TemporaryDirectory(prefix="busbar-exactly-")
        cls.addClassCleanup(temporary.cleanup)
        cls.folder = temporary.name
        cls.tools = tools.Tools(cls.folder, cls.kafka.bootstrap)
        with open(os.path.join(cls.folder, "numbered.json"), "w") as out:
            json.dump(SCHEMA, out)

    def begin(self, name, more=""):
        """Topics, configuration and a load that lasts for some seconds."""
        self.name = name
        self.config = os.path.join(self.folder, name + ".yaml")
        with open(self.config, "w") as out:
            out.write(CONFIG.format(bootstrap=self.kafka.bootstrap, name=name, more=more))
        for topic in ("in", "out", "in.dlq"):
            self.kafka.topic(f"{name}-{topic}", PARTITIONS)
        self.processes = []
        self.addCleanup(self.kill_all)
        self.load_problems = []
        self.load = threading.Thread(target=self.produce)
        self.load.start()
        self.addCleanup(self.load.join)

    def produce(self):
        try:
            for first in range(0, RECORDS, CHUNK):
                numbers = range(first, min(first + CHUNK, RECORDS))
                self.tools.write(self.name + "-in", [(n % PARTITIONS, 1700000000000 + n, b"k%d" % (n % 101 * PARTITIONS + n % PARTITIONS),
                                                      b'{"n":%d}' % n if not is_bad(n) else b'{"m":%d}' % n, []) for n in numbers])
                time.sleep(0.25)
        except AssertionError as problem:
            self.load_problems.append(str(problem))

    def start(self):
        log = open(os.path.join(self.folder, f"{self.name}-{len(self.processes)}.log"), "wb")
        self.addCleanup(log.close)
        process = subprocess.Popen([kit.BUSBAR, "--config", self.config, "run", "--admin", "127.0.0.1:0"], env=kit.environment(),
                                   stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        self.processes.append(process)
        return process

    def kill_all(self):
        for process in self.processes:
            self.kill(process)

    @staticmethod
    def kill(process):
        """The supervisor and its worker: a session of their own."""
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def log(self):
        text = ""
        for number in range(len(self.processes)):
            with open(os.path.join(self.folder, f"{self.name}-{number}.log"), errors="replace") as file:
                text += file.read()
        return text

    def committed(self):
        """0 while the coordinator is away."""
        try:
            return self.committed_sum()
        except AssertionError:
            return 0

    def committed_sum(self):
        return sum(max(offset, 0) for offset in self.tools.committed("numbers.numbered", self.name + "-in", PARTITIONS).values())

    def wait_for_progress(self):
        before = min(self.committed(), RECORDS - 1)  # where all is done there is none to wait for
        kit.wait_for(lambda: self.committed() > before, timeout=60, every=0.1)

    def read(self, topic):
        """None of the topics is empty in the end."""
        records = self.tools.read(f"{self.name}-{topic}")
        self.assertTrue(records, f"{topic} is empty; " + self.log()[-3000:])
        return records

    def finish(self):
        """What is left is done by a last run; then everything is looked at."""
        self.load.join()
        self.assertEqual(self.load_problems, [])
        last = kit.busbar("--config", self.config, "run", "--once", timeout=180)
        self.assertEqual(last.returncode, 0, last.stderr.decode()[-2000:])
        records = {topic: self.read(topic) for topic in ("in", "out", "in.dlq")}
        numbers = {topic: [(r.key, next(iter(json.loads(r.value).values()))) for r in found] for topic, found in records.items()}
        ends = {}
        for record in records["in"]:
            ends[record.partition] = record.offset + 1
        self.assertEqual(len(numbers["in"]), RECORDS)
        committed = self.tools.committed("numbers.numbered", self.name + "-in", PARTITIONS)
        found = problems_of(numbers["in"], numbers["out"], numbers["in.dlq"], ends, committed)
        self.assertEqual(found, [], self.log()[-3000:])

    def test_killed_again_and_again(self):
        chance = random.Random(SEED)
        self.begin("killed")
        for _ in range(KILLS):
            process = self.start()
            self.wait_for_progress()
            time.sleep(chance.uniform(0, 0.5))
            self.kill(process)
        self.finish()

    def test_stopped_until_its_transaction_is_over(self):
        """The broker ends its transaction and the group gives its partitions away; then it goes on as if nothing had been."""
        self.begin("stopped", ", transaction.timeout.ms: 3000")
        process = self.start()
        self.wait_for_progress()
        os.killpg(process.pid, signal.SIGSTOP)
        time.sleep(12)
        os.killpg(process.pid, signal.SIGCONT)
        self.wait_for_progress()
        self.assertEqual(kit.stop(process), 0)
        self.finish()
        self.assertRegex(self.log(), "partitions of .* lost", "it must have slept for longer than its session lasts")

    def test_the_broker_goes_and_comes_back(self):
        self.begin("broker")
        process = self.start()
        self.wait_for_progress()
        self.load.join()
        self.kafka.node("kill")
        time.sleep(3)
        self.kafka.node("start")
        kit.wait_for(lambda: self.committed() >= RECORDS, timeout=90, every=0.5)
        self.assertEqual(kit.stop(process), 0)
        self.finish()

    def test_two_share_the_partitions(self):
        self.begin("shared")
        first = self.start()
        self.wait_for_progress()
        second = self.start()
        self.wait_for_progress()
        third = self.start()
        self.wait_for_progress()
        self.kill(second)
        self.assertEqual(kit.stop(first), 0)
        self.wait_for_progress()
        self.assertEqual(kit.stop(third), 0)
        self.finish()


if __name__ == "__main__":
    unittest.main()
