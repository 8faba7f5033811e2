#!/usr/bin/env python3
"""Kills `busbar run` with SIGKILL again and again while it handles events of a real Kafka, and reads what it wrote and the offsets
it committed with programs that know nothing of busbar:
  - every event is in the output at least once
  - no committed offset was ever past an event that is not in the output
  - per key, events appear first in the order in which they were produced
Three domains at once: an OwnLens event with the jsonl handler; a third party's domain in C++ with a third party's handler in C
(docs/examples, built against an installed tree); and a domain by configuration alone. The checker itself is tested first with
planted violations.

Environment: BUSBAR_CRASH_EVENTS (default 30000), BUSBAR_CRASH_OTHERS (default a fifth of it: events of each of the two other
domains), BUSBAR_CRASH_KILLS (default 5), BUSBAR_CRASH_SEED (default 1)."""
import datetime
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

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import tools  # noqa: E402
from tools import kit  # noqa: E402

EVENTS = int(os.environ.get("BUSBAR_CRASH_EVENTS", "30000"))
OTHERS = int(os.environ.get("BUSBAR_CRASH_OTHERS", str(EVENTS // 5)))
KILLS = int(os.environ.get("BUSBAR_CRASH_KILLS", "5"))
SEED = int(os.environ.get("BUSBAR_CRASH_SEED", "1"))
PARTITIONS = 6
EXAMPLES = os.path.join(kit.ROOT, "docs", "examples")
START = datetime.datetime(2025, 3, 14, tzinfo=datetime.timezone.utc)
# A static member takes its partitions over from its killed predecessor at once.
CONFIG = """kafka: {{ bootstrap.servers: "{bootstrap}", session.timeout.ms: 6000, heartbeat.interval.ms: 1000 }}
defaults: {{ consume: {{ flush_interval: 50ms, commit_interval: 50ms, in_flight_records: 2000, concurrency: 3,
                       instance_id: m1 }} }}
domains:
  customer: {{ plugin: ownlens_customer, events: {{ user_event: {{ handlers: [archive] }} }} }}
  weather: {{ plugin: {weather}, handlers: [table], consume: {{ concurrency: 1 }} }}
  parking: {{ plugin: generic, events: {{ entered: {{ schema: {parking}, topic: parking-entered, handlers: [archive] }} }} }}
handlers:
  archive: {{ plugin: jsonl, path: "{folder}/{{topic}}.jsonl", format: record }}
  table: {{ plugin: {csv}, path: "{folder}/weather-readings.csv", columns: [/station, /taken_at] }}
"""
RECORD = (rb'\{"topic":"[^"]*","partition":(?P<partition>\d+),"offset":(?P<offset>\d+),"timestamp":-?\d+,'
          rb'"key":"(?P<key>(?:[^"\\]|\\.)*)","value":.*?"%s": ?"?(?P<sequence>\d+)')


def json_line(member):
    """Reads a line of the jsonl handler whose events have their number in `member`: partition, offset, key, number."""
    pattern = re.compile(RECORD % member.encode())

    def parse(line):
        found = pattern.match(line)
        if found and line.endswith(b"}\n"):
            return int(found["partition"]), int(found["offset"]), found["key"], int(found["sequence"])
        return None
    return parse


class Ledger:
    """What the output holds: offsets per partition, and per key the order of first appearance."""

    def __init__(self, parse=json_line("sequence")):
        self.parse = parse
        self.offsets = {}
        self.last = {}
        self.lines = 0
        self.problems = []

    def add(self, line):
        found = self.parse(line)
        if not found:
            self.problems.append(f"a line that is not whole: {line[:80]!r}")
            return
        partition, offset, key, sequence = found
        seen = self.offsets.setdefault(partition, bytearray())
        if offset >= len(seen):
            seen.extend(bytes(offset + 1 - len(seen)))
        self.lines += 1
        if seen[offset]:
            return
        seen[offset] = 1
        if sequence <= self.last.get((partition, key), -1):
            self.problems.append(f"key {key.decode()}: {sequence} appears first behind {self.last[partition, key]}")
        self.last[partition, key] = sequence

    def distinct(self):
        return sum(map(sum, self.offsets.values()))

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


class Stream:
    """Events of one type with their output."""

    def __init__(self, folder, event, topic, group, file, count, lines):
        self.event, self.topic, self.group, self.count, self.lines = event, topic, group, count, lines
        self.path = os.path.join(folder, file)
        self.ledger = None
        self.at = 0

    def size(self):
        return os.path.getsize(self.path) if os.path.exists(self.path) else 0

    def read(self):
        """Adds what was written since the last time; a torn last line is left for the next time."""
        if not os.path.exists(self.path):
            return
        with open(self.path, "rb") as file:
            file.seek(self.at)
            for line in file:
                if not line.endswith(b"\n"):
                    break
                self.ledger.add(line)
                self.at += len(line)


def user_events():
    """Events of up to 1,000 keys."""
    templates = [json.loads(line) for line in kit.generated("customer.user_event", 1000, SEED)]
    for i in range(EVENTS):
        event = templates[i % len(templates)]
        event["metadata"] = {"sequence": i}
        event["event_id"] = None
        yield json.dumps(event)


def readings():
    for i in range(OTHERS):
        yield json.dumps({"station": f"ED{i % 97:02}", "celsius": i % 50, "taken_at": int(START.timestamp()) + i})


def cars():
    for i in range(OTHERS):
        yield json.dumps({"garage": f"north-{i % 97}", "plate": str(i)})


class Crash(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.kafka = kit.Kafka()
        cls.kafka.start()
        cls.addClassCleanup(cls.kafka.close)
        temporary = tempfile.TemporaryDirectory(prefix="busbar-crash-")
        cls.addClassCleanup(temporary.cleanup)
        cls.folder = temporary.name
        cls.tools = tools.Tools(cls.folder, cls.kafka.bootstrap)
        prefix = os.path.join(cls.folder, "usr")
        cls.call("cmake", "--install", kit.BUILD, "--prefix", prefix)
        cls.config = os.path.join(cls.folder, "busbar.yaml")
        with open(cls.config, "w") as out:
            out.write(CONFIG.format(bootstrap=cls.kafka.bootstrap, folder=cls.folder, weather=cls.build("weather-domain-cpp", prefix),
                                    csv=cls.build("csv-handler-c", prefix),
                                    parking=os.path.join(EXAMPLES, "config-only", "schemas", "entered.json")))

    @staticmethod
    def call(*command):
        result = subprocess.run(command, capture_output=True, text=True)
        if result.returncode != 0:
            raise AssertionError(f"{' '.join(command)}: {result.stdout}{result.stderr}")

    @classmethod
    def build(cls, example, prefix):
        """A plugin of docs/examples, built as its author would."""
        build = os.path.join(cls.folder, example)
        cls.call("cmake", "-S", os.path.join(EXAMPLES, example), "-B", build, "-DCMAKE_PREFIX_PATH=" + prefix)
        cls.call("cmake", "--build", build)
        return os.path.join(build, example.split("-")[0] + ".so")

    def reading_line(self):
        """Reads a line of the csv handler. It has no offset: that comes from the topic."""
        places = {}
        for record in self.tools.read("weather-readings"):
            value = json.loads(record.value)
            places[value["station"], value["taken_at"]] = record.partition, record.offset

        def parse(line):
            found = re.fullmatch(rb'"([A-Z0-9]{4})","([^"]+)"\n', line)
            if not found:
                return None
            partition, offset = places[found[1].decode(), found[2].decode()]
            at = datetime.datetime.fromisoformat(found[2].decode().replace("Z", "+00:00"))
            return partition, offset, found[1], int((at - START).total_seconds())
        return parse

    def streams(self):
        streams = [
            Stream(self.folder, "customer.user_event", "customer-user-events", "user-event-consumer-group",
                   "customer-user-events.jsonl", EVENTS, user_events()),
            Stream(self.folder, "weather.reading", "weather-readings", "weather.reading", "weather-readings.csv", OTHERS, readings()),
            Stream(self.folder, "parking.entered", "parking-entered", "parking.entered", "parking-entered.jsonl", OTHERS, cars()),
        ]
        for stream in streams:
            self.publish(stream)
        for stream, parse in zip(streams, (json_line("sequence"), self.reading_line(), json_line("plate")), strict=True):
            stream.ledger = Ledger(parse)
        return streams

    def publish(self, stream):
        publish = subprocess.Popen([kit.BUSBAR, "--config", self.config, "publish", "--quiet", stream.event, "-"],
                                   stdin=subprocess.PIPE, env=kit.environment())
        for line in stream.lines:
            publish.stdin.write(line.encode() + b"\n")
        publish.stdin.close()
        self.assertEqual(publish.wait(600), 0)

    def check(self, streams):
        for stream in streams:
            committed = self.tools.committed(stream.group, stream.topic, PARTITIONS)
            stream.read()
            stream.ledger.check_committed(committed)
            self.assertEqual(stream.ledger.problems[:5], [], stream.event)

    def run_and_kill(self, stream, size):
        """The kill falls somewhere into the work: when the stream's output has reached a size."""
        process = subprocess.Popen([kit.BUSBAR, "--config", self.config, "run"], env=kit.environment(), stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while stream.size() < size and time.monotonic() < deadline:
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        process.wait()

    def test_killed_again_and_again(self):
        made = kit.busbar("topics", "apply", "--partitions", str(PARTITIONS), "--config", self.config)
        self.assertEqual(made.returncode, 0, made.stderr.decode())
        streams = self.streams()
        chance = random.Random(SEED)
        kills = inside = 0
        while kills < KILLS and any(stream.ledger.distinct() < stream.count for stream in streams):
            # a stream that is not through yet, and a part of what is left of it
            stream = chance.choice([stream for stream in streams if stream.ledger.distinct() < stream.count])
            done = stream.ledger.distinct()
            bytes_each = stream.at / done if done else 300
            goal = stream.at + chance.uniform(0, 1.5) * (stream.count - done) / (KILLS - kills + 1) * bytes_each
            self.run_and_kill(stream, min(goal, stream.at + (stream.count - done) * bytes_each / 2))
            kills += 1
            self.check(streams)
            inside += any(stream.ledger.distinct() < stream.count for stream in streams)
        self.assertGreaterEqual(inside, min(KILLS, 3), "the kills came too late to show anything")
        result = subprocess.run([kit.BUSBAR, "--config", self.config, "run", "--once"], env=kit.environment(), capture_output=True,
                                text=True, timeout=600)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.check(streams)
        for stream in streams:
            twice = stream.ledger.lines - stream.ledger.distinct()
            print(f"crash: {stream.event}: {stream.count} events, {kills} kills, {twice} twice, "
                  f"{stream.count - stream.ledger.distinct()} missing", flush=True)
            self.assertEqual(stream.ledger.distinct(), stream.count)
            committed = self.tools.committed(stream.group, stream.topic, PARTITIONS)
            self.assertEqual(sum(committed.values()), stream.count)


if __name__ == "__main__":
    unittest.main()
