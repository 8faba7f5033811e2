#!/usr/bin/env python3
"""Events through a real Kafka, end to end: all ten OwnLens event types compared with an independent reading of the input, a domain
by configuration alone, the handlers, dead letters byte for byte, two members of one group, and the drain.

Environment: BUSBAR_FLOW_EVENTS (default 6000): how many events the tests of group and drain use."""
import datetime
import json
import os
import signal
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import ownlens_model as model  # noqa: E402
import tools  # noqa: E402
from tools import kit  # noqa: E402

EVENTS = int(os.environ.get("BUSBAR_FLOW_EVENTS", "6000"))
LOAD = 10 * EVENTS  # what is not done within the moment that a signal takes
PARTITIONS = 5
ARCHIVE = 'handlers: {{ archive: {{ plugin: jsonl, path: "{folder}/{{topic}}.jsonl", format: record }} }}\n'
PARKING = os.path.join(kit.ROOT, "docs", "examples", "config-only", "schemas", "entered.json")


def now():
    return datetime.datetime.now(datetime.timezone.utc)


class Flow(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.kafka = kit.Kafka()
        cls.kafka.start()
        cls.addClassCleanup(cls.kafka.close)
        temporary = tempfile.TemporaryDirectory(prefix="busbar-flow-")
        cls.addClassCleanup(temporary.cleanup)
        cls.folder = temporary.name
        cls.tools = tools.Tools(cls.folder, cls.kafka.bootstrap)

    def setUp(self):
        self.out = tempfile.mkdtemp(dir=self.folder)

    def config(self, text, handlers=ARCHIVE, properties=""):
        path = os.path.join(self.out, "busbar.yaml")
        with open(path, "w") as out:
            out.write(f'kafka: {{ bootstrap.servers: "{self.kafka.bootstrap}" {properties} }}\n{text}'
                      + handlers.format(folder=self.out))
        return path

    def ownlens(self):
        return self.config("domains:\n" + "".join(f"  {d}: {{ plugin: ownlens_{d} }}\n" for d in kit.DOMAINS)
                           + "defaults: { handlers: [archive] }\n")

    def parking(self, topic, handlers=ARCHIVE, use="archive", consume="{}"):
        """The domain of docs/examples/config-only on a topic, and in a group, of its own."""
        self.kafka.topic(topic, PARTITIONS)
        return self.config(f"domains: {{ parking: {{ plugin: generic, events: {{ entered: {{ schema: {PARKING}, topic: {topic}, "
                           f"consume: {consume}, handlers: [{use}] }} }} }} }}\n", handlers)

    def busbar(self, config, *arguments, stdin=None, code=0):
        result = kit.busbar(*arguments, "--config", config, stdin=stdin)
        self.assertEqual(result.returncode, code, (result.stderr + result.stdout[-2000:]).decode())
        return result

    def publish(self, config, event, lines, code=0):
        return kit.json_lines(self.busbar(config, "publish", event, "-", "--json", stdin=b"\n".join(lines), code=code).stdout)

    def archived(self, topic):
        """What the jsonl handler wrote, with every line whole."""
        path = os.path.join(self.out, topic + ".jsonl")
        with open(path, "rb") as file:
            lines = file.read()
        self.assertTrue(lines.endswith(b"\n"))
        return kit.json_lines(lines)

    def cars(self, count, start=0):
        return [b'{"garage":"north-%d","plate":"%d"}' % (i % 97, i) for i in range(start, start + count)]

    def plates(self, records):
        return sorted(int(record["value"]["plate"]) for record in records)

    def lines_for(self, event):
        examples = [json.loads(line) for line in kit.examples(event)]
        made = [json.loads(line) for line in kit.generated(event, 12)]
        forms = [form(event, example) for form in (model.lax, model.sparse, model.nulls) for example in examples]
        return examples + made + forms

    def test_1_ten_event_types(self):
        """First, on empty topics: every field of every event is what the facts of the contracts say."""
        config = self.ownlens()
        self.busbar(config, "topics", "apply", "--partitions", str(PARTITIONS))
        given, start = {}, now()
        for event in kit.EVENTS:
            lines = self.lines_for(event)
            outcomes = self.publish(config, event, [json.dumps(line).encode() for line in lines])
            self.assertEqual({outcome["status"] for outcome in outcomes}, {"delivered"})
            given[event] = {(o["partition"], o["offset"]): line for o, line in zip(outcomes, lines, strict=True)}
        end = now()
        summary = json.loads(self.busbar(config, "run", "--once", "--json").stdout)
        total = sum(map(len, given.values()))
        self.assertEqual((summary["all"]["consumed"], summary["all"]["handled"]), (total, total), summary)
        compared = 0
        for event in kit.EVENTS:
            topic = model.TOPICS[event]
            wire = {(r["partition"], r["offset"]): r for r in kit.consume(self.kafka.bootstrap, topic)}
            archived = {(r["partition"], r["offset"]): r for r in self.archived(topic)}
            self.assertEqual((set(wire), set(archived)), (set(given[event]), set(given[event])))
            for place, line in given[event].items():
                with self.subTest(event, place=place, line=line):
                    compared += self.compare(event, line, wire[place], archived[place], start, end)
        print(f"flow: {total} events of ten types, {compared} fields as the contracts say", flush=True)

    def compare(self, event, line, record, archived, start, end):
        value = json.loads(record["value"])
        self.assertEqual(list(value)[-1], "_metadata")
        self.assertEqual(archived["value"], value)
        self.assertEqual(archived["key"].encode(), record["key"])
        self.assertEqual(archived["timestamp"], record["timestamp"])
        metadata = value.pop("_metadata")
        self.assertEqual(list(metadata), ["produced_at", "producer", "version"])
        self.assertRegex(metadata["produced_at"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?$")
        self.assertTrue(start <= model.timestamp(metadata["produced_at"])[0] <= end)
        self.assertRegex(metadata["producer"], "^[A-Z][A-Za-z]+Producer$")
        self.assertEqual(metadata["version"], "1.0")
        wanted = model.expected(event, line, start, end)
        self.assertEqual(set(value), set(wanted))
        for name, what in wanted.items():
            self.assertEqual(what, value[name], name)
            if isinstance(what, (bool, int)):  # 1 is not true
                self.assertIs(type(value[name]), type(what), name)
        self.assertEqual([name for name in value if name in line], list(line))
        self.assertEqual(record["key"], model.key_of(event, value))
        self.assertEqual(record["partition"], kit.partition_of(record["key"], PARTITIONS))
        return len(wanted)

    def test_domain_by_configuration_alone(self):
        """Raw keys, and the metadata in headers."""
        config = self.parking("parking-raw")
        start = now()
        outcomes = self.publish(config, "parking.entered", self.cars(50) + [b'{"garage":"North","plate":"1"}'], code=1)
        self.assertEqual((outcomes[50]["status"], outcomes[50]["pointer"], outcomes[50]["keyword"]),
                         ("rejected", "/garage", "pattern"))
        for record in self.tools.read("parking-raw"):
            value = json.loads(record.value)
            self.assertEqual(record.key, value["garage"].encode())
            self.assertEqual(record.partition, kit.partition_of(record.key, PARTITIONS))
            self.assertEqual(set(value), {"garage", "plate", "id", "at", "free_places"})
            headers = dict(record.headers)
            self.assertEqual(list(headers), ["busbar.produced_at", "busbar.producer", "busbar.version"])
            self.assertTrue(start <= model.timestamp(headers["busbar.produced_at"].decode())[0] <= now())
        self.busbar(config, "run", "--once")
        self.assertEqual(self.plates(self.archived("parking-raw")), list(range(50)))

    def test_kafka_and_stdout_handlers(self):
        config = self.parking("forwarded", use="copy, print", handlers="""handlers:
  copy: {{ plugin: kafka, topic: "{{topic}}-copy" }}
  print: {{ plugin: stdout }}
""")
        self.kafka.topic("forwarded-copy", PARTITIONS)
        self.publish(config, "parking.entered", self.cars(200))
        printed = self.busbar(config, "run", "--once").stdout.splitlines()
        source, copy = self.tools.read("forwarded"), self.tools.read("forwarded-copy")
        self.assertEqual(len(copy), 200)
        strip = lambda record: (record.partition, record.key, record.value)  # noqa: E731
        self.assertEqual(sorted(map(strip, copy)), sorted(map(strip, source)))
        self.assertEqual(sorted(line for line in printed if line.startswith(b'{"garage"')), sorted(r.value for r in source))

    def test_dead_letters(self):
        """What cannot be handled is in the dead letter topic as it was, and the group is past it."""
        config = self.parking("broken")
        plate = b'{"garage":"north-1","plate":"7","x":"%s"}'
        limit = 1048588  # Kafka's default for a whole batch
        bad = [
            ("malformed", "parse", b"key", b'{"garage":',
             [("trace", b"\x00\xff=,\n"), ("trace", b"twice"), ("empty", b""), ("null", None)]),
            ("pattern", "validate", b"\xff\x00", b'{"garage":"North","plate":"1"}', []),
            ("required", "validate", None, b"{}", [("reason", b"of someone else")]),
            ("empty", "parse", b"k", b"", []),
            ("empty", "parse", b"", None, []),
            ("malformed", "parse", b"k", b"\x00\x01\xfe\xff" * 64, []),
            ("additionalProperties", "validate", b"large", plate % (b"y" * 900000), []),
            # As large as Kafka takes: with the reason in its headers it is larger than that.
            ("additionalProperties", "validate", b"largest", plate % (b"y" * (limit - 200)), []),
        ]
        records = [(0, 1700000000000 + i, key, value, headers) for i, (_, _, key, value, headers) in enumerate(bad)]
        self.tools.write("broken", records[:4])
        self.publish(config, "parking.entered", self.cars(20))
        self.tools.write("broken", records[4:])
        summary = json.loads(self.busbar(config, "run", "--once", "--json").stdout)
        self.assertEqual((summary["all"]["handled"], summary["all"]["dead_lettered"]), (20, len(bad)), summary)
        self.assertEqual(self.plates(self.archived("broken")), list(range(20)))
        origin = {record.timestamp: record for record in self.tools.read("broken")}
        letters = {record.timestamp: record for record in self.tools.read("broken.dlq")}
        self.assertEqual(len(letters), len(bad))
        for i, (keyword, stage, key, value, headers) in enumerate(bad):
            with self.subTest(keyword=keyword, key=key):
                letter = letters[1700000000000 + i]
                self.assertEqual((letter.key, letter.value), (key, value))
                self.assertEqual(letter.headers[:len(headers)], headers)
                own = {name: data.decode() for name, data in letter.headers[len(headers):]}
                self.assertEqual((own["busbar.stage"], own["busbar.keyword"]), (stage, keyword), own)
                self.assertEqual((own["busbar.topic"], own["busbar.partition"], own["busbar.offset"], own["busbar.attempts"]),
                                 ("broken", "0", str(origin[letter.timestamp].offset), "1"))
                self.assertNotEqual(own["busbar.reason"], "")
                self.assertLess(abs((now() - model.timestamp(own["busbar.time"])[0]).total_seconds()), 120)
        counts = [len([r for r in self.tools.read("broken") if r.partition == p]) for p in range(PARTITIONS)]
        committed = self.tools.committed("parking.entered", "broken", PARTITIONS)
        self.assertEqual([max(committed[p], 0) for p in range(PARTITIONS)], counts)

    def member(self, config, **more):
        """`busbar run` in the background; its log goes to a file."""
        with open(os.path.join(self.out, "log"), "ab") as log:
            process = subprocess.Popen([kit.BUSBAR, "run", "--config", config], env=kit.environment(**more), stderr=log,
                                       stdout=subprocess.DEVNULL)
        self.addCleanup(lambda: process.poll() is None and (process.kill(), process.wait()))
        return process

    def count(self, *path):
        """Lines in a file that may not be there yet."""
        try:
            with open(os.path.join(self.out, *path), "rb") as file:
                return file.read().count(b"\n")
        except FileNotFoundError:
            return 0

    def log(self):
        with open(os.path.join(self.out, "log")) as file:
            return file.read()

    def test_two_members_share_the_partitions(self):
        config = self.parking("shared", consume="{ commit_interval: 100ms, group: two }",
                              handlers=ARCHIVE.replace("{folder}", "{folder}/${{OUT:-none}}"))
        members = [self.member(config, OUT=name) for name in ("one", "two")]
        both = ("one", "shared.jsonl"), ("two", "shared.jsonl")
        sent = 0
        while not all(self.count(*path) for path in both):  # until both have partitions
            self.publish(config, "parking.entered", self.cars(100, sent))
            sent += 100
            self.assertLess(sent, 20000, self.log())
        self.publish(config, "parking.entered", self.cars(EVENTS, sent))
        sent += EVENTS
        kit.wait_for(lambda: sum(self.count(*path) for path in both) >= sent, 60)
        for member in members:
            self.assertEqual(kit.stop(member), 0)
        one, two = self.archived("one/shared"), self.archived("two/shared")
        self.assertEqual(self.plates(one + two), list(range(sent)))
        self.assertEqual(sum(self.tools.committed("two", "shared", PARTITIONS).values()), sent)
        print(f"flow: two members handled {len(one)} and {len(two)} of {sent}, none twice", flush=True)

    def test_drain_by_signal(self):
        """Stopped in the middle of the work with a signal, then started again: nothing is lost and nothing is there twice."""
        config = self.parking("drained", consume="{ concurrency: 3, group: drained, in_flight_records: 300, batch_records: 50, "
                                                 "flush_interval: 20ms }")
        self.publish(config, "parking.entered", self.cars(LOAD))
        inside = 0
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGTERM):
            before = self.count("drained.jsonl")
            process = self.member(config)
            kit.wait_for(lambda: self.count("drained.jsonl") > before, 30, 0.001)
            process.send_signal(number)
            self.assertEqual(process.wait(60), 0, self.log())
            written = self.count("drained.jsonl")
            inside += written < LOAD
            committed = self.tools.committed("drained", "drained", PARTITIONS)
            self.assertEqual(sum(max(offset, 0) for offset in committed.values()), written)
            self.publish(config, "parking.entered", self.cars(10, LOAD + 10 * number))
        self.assertGreater(inside, 0, "every drain came when all was done")
        self.busbar(config, "run", "--once")
        extra = [LOAD + 10 * number + i for number in (signal.SIGINT, signal.SIGTERM, signal.SIGTERM) for i in range(10)]
        self.assertEqual(self.plates(self.archived("drained")), list(range(LOAD)) + sorted(extra))
        print(f"flow: {inside} of 3 drains fell into the work, 0 events twice", flush=True)

    def test_only_a_part(self):
        config = self.ownlens()
        self.busbar(config, "topics", "apply")
        for event in ("audit.audit_log", "security.security_event"):
            self.publish(config, event, kit.examples(event))
        result = self.busbar(config, "run", "--once", "--json", "--only", "audit.audit_log")
        self.assertEqual([row["event"] for row in json.loads(result.stdout)["events"]], ["audit.audit_log"])
        self.assertEqual([name for name in os.listdir(self.out) if name.endswith(".jsonl")], ["audit-logs.jsonl"])


if __name__ == "__main__":
    unittest.main()
