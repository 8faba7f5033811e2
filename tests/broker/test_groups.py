#!/usr/bin/env python3
"""Members of one group joining and leaving while records flow, with each way of sharing the partitions that the librdkafka at hand has:
nothing is lost, and nothing is handled twice, as every leaving is a clean drain.

Environment: BUSBAR_GROUPS_STORM (default 3): how often the second member joins and leaves."""
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import tools  # noqa: E402
from tools import kit  # noqa: E402

STORM = int(os.environ.get("BUSBAR_GROUPS_STORM", "3"))
PARTITIONS = 6
LOOKED_AT = 15  # seconds without partitions, then a member asks about its group
PARKING = os.path.join(kit.ROOT, "docs", "examples", "config-only", "schemas", "entered.json")
# Members notice each other in half a second instead of some.
PROPERTIES = "\n".join(["group.initial.rebalance.delay.ms=0", "group.consumer.min.heartbeat.interval.ms=500",
                        "group.consumer.heartbeat.interval.ms=500"])


def active_gates():
    gates = json.loads(kit.busbar("version", "--verbose", "--json").stdout)["gates"]
    return {gate["name"] for gate in gates if gate["active"]}


class Members(unittest.TestCase):
    """What the tests of groups have in common."""
    @classmethod
    def make_kafka(cls):
        return kit.Kafka.shared(PROPERTIES)

    @classmethod
    def setUpClass(cls):
        cls.kafka = cls.make_kafka()
        cls.addClassCleanup(cls.kafka.close)
        temporary = tempfile.TemporaryDirectory(prefix="busbar-groups-")
        cls.addClassCleanup(temporary.cleanup)
        cls.folder = temporary.name
        cls.tools = tools.Tools(cls.folder, cls.kafka.bootstrap)
        cls.gates = active_gates()

    def setUp(self):
        self.out = tempfile.mkdtemp(dir=self.folder)
        self.topic = "gates-" + re.sub(r"\W+", "-", self._testMethodName) + os.path.basename(self.out).replace("tmp", "-")

    def config(self, consume, properties=", heartbeat.interval.ms: 500", more="", flush="20ms"):
        """The domain of docs/examples/config-only; topic and group have the name of the test."""
        path = os.path.join(self.out, "busbar.yaml")
        with open(path, "w") as out:
            out.write(f'kafka: {{ bootstrap.servers: "{self.kafka.bootstrap}"{properties} }}\n'
                      f"domains: {{ parking: {{ plugin: generic, events: {{ entered: {{ schema: {PARKING}, topic: {self.topic}, "
                      f"consume: {{ group: {self.topic}, commit_interval: 100ms, flush_interval: {flush}{consume} }}, "
                      f"handlers: [archive] }} }} }} }}\n"
                      f'handlers: {{ archive: {{ plugin: jsonl, path: "{self.out}/${{OUT:-one}}.jsonl", format: record }} }}\n{more}')
        return path

    def member(self, config, name="one"):
        """`busbar run` in the background; its log goes to a file of its name."""
        with open(os.path.join(self.out, name + ".log"), "ab") as log:
            process = subprocess.Popen([kit.BUSBAR, "run", "--config", config], env=kit.environment(OUT=name), stderr=log,
                                       stdout=subprocess.DEVNULL)
        self.addCleanup(lambda: process.poll() is None and (process.kill(), process.wait()))
        return process

    def end_of(self, member):
        """Its exit code, or what it logged when it does not end."""
        try:
            return member.wait(60)
        except subprocess.TimeoutExpired:
            return "still running"

    def publish(self, config, start, count):
        lines = b"\n".join(b'{"garage":"north-%d","plate":"%d"}' % (i % 97, i) for i in range(start, start + count))
        result = kit.busbar("publish", "parking.entered", "-", "--config", config, stdin=lines)
        self.assertEqual(result.returncode, 0, result.stderr.decode())

    def archived(self, name="one"):
        """Numbers of the records that were handled, in the order in which they were; a torn last line is not counted."""
        try:
            with open(os.path.join(self.out, name + ".jsonl"), "rb") as file:
                lines = file.read()
        except FileNotFoundError:
            return []
        return [int(record["value"]["plate"]) for record in kit.json_lines(lines[:lines.rfind(b"\n") + 1])]

    def log(self, name="one"):
        with open(os.path.join(self.out, name + ".log")) as file:
            return file.read()

    def flow(self, config):
        """Publishes until told to stop; returns a function that stops and gives the number of records."""
        stop, sent = threading.Event(), [0]

        def work():
            while not stop.is_set():
                self.publish(config, sent[0], 200)
                sent[0] += 200
                time.sleep(0.05)

        thread = threading.Thread(target=work)
        thread.start()

        def end():
            stop.set()
            thread.join()
            return sent[0]
        self.addCleanup(end)
        return end


class Groups(Members):
    def storm(self, consume, properties=", heartbeat.interval.ms: 500", more="", flush="20ms", clean=True, until=""):
        """One member stays, the other joins and leaves again and again, until the log of the first has `until`."""
        self.kafka.topic(self.topic, PARTITIONS)
        config = self.config(consume, properties, more, flush)
        end = self.flow(config)
        first = self.member(config)
        kit.wait_for(lambda: self.archived(), 30)
        for turn in range(5 * STORM):
            if turn >= STORM and until in self.log():
                break
            before = len(self.archived("two"))
            second = self.member(config, "two")
            kit.wait_for(lambda: len(self.archived("two")) > before, 60)
            self.assertEqual(kit.stop(second), 0, self.log("two"))
        sent = end()
        kit.wait_for(lambda: len(set(self.archived() + self.archived("two"))) >= sent, 60)
        kit.wait_for(lambda: sum(self.tools.committed(self.topic, self.topic, PARTITIONS).values()) == sent, 20)
        self.assertEqual(kit.stop(first), 0, self.log())
        one, two = self.archived(), self.archived("two")
        self.assertEqual(sorted(one + two) if clean else sorted(set(one + two)), list(range(sent)))
        self.assertEqual(sum(self.tools.committed(self.topic, self.topic, PARTITIONS).values()), sent)
        print(f"groups: {self.topic}: {len(one)} and {len(two)} of {sent} handled, {len(one + two) - sent} twice", flush=True)
        return self.log()

    def test_eager(self):
        log = self.storm(", assignment: eager")
        given = re.findall(r"given back: (.*)", log)
        self.assertTrue(any(len(line.split(", ")) == PARTITIONS for line in given), log)  # all of them, each time

    def test_auto_is_cooperative_where_that_is_safe(self):
        if "unsafe-cooperative" in self.gates:
            self.skipTest("this librdkafka shares eagerly")
        log = self.storm("")
        given = re.findall(r"given back: (.*)", log)
        self.assertTrue(given and all(len(line.split(", ")) < PARTITIONS for line in given), log)  # some stay

    def test_a_drain_without_time_loses_nothing(self):
        """What was in hand of partitions that stay is read again too."""
        said = "" if "unsafe-cooperative" in self.gates else "read again: "
        log = self.storm("", more="drain: 0s\n", flush="1s", clean=False, until=said)
        self.assertIn(said, log)

    def test_consumer_protocol(self):
        if "no-consumer-protocol" in self.gates:
            self.skipTest("this librdkafka has no consumer protocol")
        log = self.storm(", assignment: consumer", "")
        given = re.findall(r"given back: (.*)", log)
        self.assertTrue(given and all(len(line.split(", ")) < PARTITIONS for line in given), log)

    def test_static_member_comes_back_without_a_rebalance(self):
        self.kafka.topic(self.topic, PARTITIONS)
        config = self.config(', instance_id: "{event}-${OUT:-none}"')
        first, second = self.member(config), self.member(config, "two")
        end = self.flow(config)
        kit.wait_for(lambda: self.archived() and self.archived("two"), 60)
        told = self.log().count("given back")
        self.assertEqual(kit.stop(second), 0)
        second = self.member(config, "two")
        before = len(self.archived("two"))
        kit.wait_for(lambda: len(self.archived("two")) > before, 60)
        self.assertEqual(self.log().count("given back"), told, self.log())
        sent = end()
        kit.wait_for(lambda: len(self.archived()) + len(self.archived("two")) >= sent, 60)
        self.assertEqual((kit.stop(first), kit.stop(second)), (0, 0))
        self.assertEqual(sorted(self.archived() + self.archived("two")), list(range(sent)))

    def once(self, config, code=0):
        result = kit.busbar("run", "--once", "--config", config)
        self.assertEqual(result.returncode, code, result.stderr.decode())
        return result.stderr.decode()

    def offsets(self, config, *arguments, code=0):
        result = kit.busbar("offsets", *arguments, "parking.entered", "--json", "--config", config)
        self.assertEqual(result.returncode, code, result.stderr.decode())
        return kit.json_lines(result.stdout) if code == 0 else result.stderr.decode()

    def delete_before(self, offset, partition=0):
        path = os.path.join(self.out, "delete.json")
        with open(path, "w") as out:
            json.dump({"version": 1, "partitions": [{"topic": self.topic, "partition": partition, "offset": offset}]}, out)
        self.kafka.checked("tool", "org.apache.kafka.tools.DeleteRecordsCommand", "--bootstrap-server", self.kafka.bootstrap,
                           "--offset-json-file", path)

    def test_what_was_deleted_before_it_was_handled_is_not_passed_in_silence(self):
        self.kafka.topic(self.topic, 1)
        config = self.config("", "")
        self.publish(config, 0, 10)
        self.once(config)
        self.publish(config, 10, 30)
        self.delete_before(25)
        text = self.once(config, 3)
        self.assertIn("the committed offset 10 is out of range: the records from 10 to 24 were deleted", text)
        self.assertIn("busbar offsets set", text)
        row, = self.offsets(config, "show")
        self.assertEqual((row["committed"], row["low"], row["end"], row["state"]), (10, 25, 40, "behind"))
        self.assertEqual(self.archived(), list(range(10)))
        self.assertIn("partition 0 has no offset 3", self.offsets(config, "set", "--to", "3", code=2))
        row, = self.offsets(config, "set", "--to", "30", "--dry-run")
        self.assertEqual((row["set"], self.offsets(config, "show")[0]["committed"]), (30, 10))
        text = self.once(self.config(", on_out_of_range: earliest", ""))
        self.assertIn("reading from offset 25", text)
        self.assertEqual(self.archived(), [*range(10), *range(25, 40)])
        self.offsets(config, "set", "--to", "38")
        self.once(config)
        self.assertEqual(self.archived(), [*range(10), *range(25, 40), 38, 39])
        self.offsets(config, "set", "--to", "2020-01-01T00:00:00Z")
        self.assertEqual(self.offsets(config, "show")[0]["committed"], 25)

    def made_anew(self, in_between):
        """A topic is deleted and made anew while busbar runs; `in_between`: what is waited for."""
        self.kafka.topic(self.topic, 1)
        config = self.config("", "")
        self.publish(config, 0, 50)
        member = self.member(config)
        kit.wait_for(lambda: len(self.archived()) == 50)
        kit.wait_for(lambda: self.offsets(config, "show")[0]["committed"] == 50)
        self.assertIn("the group has members", self.offsets(config, "set", "--to", "earliest", code=3))
        if "topic-id-cache" not in self.gates:
            self.kafka.checked("topic", "--delete", "--topic", self.topic)
            kit.wait_for(lambda: self.topic not in self.kafka.topics())
            kit.wait_for(in_between, 60)
            self.kafka.topic(self.topic, 1)
            self.publish(config, 50, 20)
            self.assertEqual(self.end_of(member), 3, self.log())
            self.assertIn("the topic was deleted and made anew", self.log())
        kit.stop(member)
        self.assertEqual(len(self.archived()), 50)

    def test_a_topic_that_is_made_anew_is_noticed(self):
        self.made_anew(lambda: True)

    def test_a_topic_that_was_missing_for_a_while_is_another(self):
        """Its offsets in the group went with it."""
        self.made_anew(lambda: "Subscribed topic not available" in self.log())

    def test_partitions_that_come_later_are_read_from_their_beginning(self):
        """With offset_reset: latest too, and also when they come while busbar is stopped."""
        self.kafka.topic(self.topic, 1)
        config = self.config(", offset_reset: latest", ", topic.metadata.refresh.interval.ms: 300")
        self.publish(config, 0, 10)
        member = self.member(config)
        kit.wait_for(lambda: "assigned: 0" in self.log())
        kit.wait_for(lambda: self.offsets(config, "show")[0]["committed"] == 10)
        values = [b'{"garage":"later-1","plate":"%d"}' % i for i in range(10, 40)]
        for partitions, part in ((2, values[:10]), (3, values[10:20])):
            self.kafka.checked("topic", "--alter", "--topic", self.topic, "--partitions", str(partitions))
            self.tools.write(self.topic, [(partitions - 1, 0, b"later", value, []) for value in part])
            if partitions == 2:
                kit.wait_for(lambda: len(self.archived()) == 10, 40)
                self.assertEqual(kit.stop(member), 0, self.log())
        self.tools.write(self.topic, [(0, 0, b"later", value, []) for value in values[20:]])
        self.once(config)
        self.assertEqual(sorted(self.archived()), list(range(10, 40)))

    def test_what_this_library_cannot_do_is_refused(self):
        for kind, gate in (("cooperative", "unsafe-cooperative"), ("consumer", "no-consumer-protocol")):
            with self.subTest(kind):
                result = kit.busbar("check", "--config", self.config(f", assignment: {kind}", ""))
                self.assertEqual(result.returncode, 2 if gate in self.gates else 0, result.stderr.decode())
                if gate in self.gates:
                    self.assertIn(b"needs librdkafka 2.1", result.stderr)

    def test_contradictions_are_named_with_what_to_write_instead(self):
        path = self.config(", assignment: consumer", ", session.timeout.ms: 6000, heartbeat.interval.ms: 500")
        for command in (["check"], ["run", "--once"]):
            result = kit.busbar(*command, "--config", path)
            self.assertEqual(result.returncode, 2, result.stderr.decode())
        text = kit.busbar("check", "--config", path).stderr.decode()
        if "no-consumer-protocol" in self.gates:
            self.assertIn("needs librdkafka 2.12.0", text)
        self.assertRegex(text, rf"{path}:1:\d+: `session.timeout.ms` cannot be used by parking.entered.*"
                               "group.consumer.session.timeout.ms")
        self.assertRegex(text, "`heartbeat.interval.ms` .*group.consumer.heartbeat.interval.ms")

    def test_a_member_that_is_rightly_without_partitions_lets_the_others_be(self):
        self.kafka.topic(self.topic, 1)
        config = self.config("")
        members = [self.member(config), self.member(config, "two")]
        kit.wait_for(lambda: "assigned: none" in self.log() + self.log("two") and "assigned: 0" in self.log() + self.log("two"), 30)
        time.sleep(3)
        before = [self.log(), self.log("two")]
        time.sleep(LOOKED_AT + 5)
        self.assertEqual([self.log(), self.log("two")], before)
        self.assertEqual([kit.stop(member) for member in members], [0, 0])


class Overlooked(Members):
    """The broker lets a new group wait for its members for some seconds."""
    @classmethod
    def make_kafka(cls):
        return kit.Kafka(properties="group.initial.rebalance.delay.ms=6000").start()

    def test_a_member_that_was_given_nothing_because_the_topic_was_not_known_joins_anew(self):
        """The topic is away while the leader of the group shares it out, and back before the client looks at it again: as on a
        cluster whose brokers do not hear of a topic at the same time."""
        if "topic-id-cache" in self.gates:
            self.skipTest("a topic that is made anew may end this client")
        self.kafka.client("create", self.topic, "3")
        config = self.config("", ", topic.metadata.refresh.interval.ms: 20000")
        member = self.member(config)
        time.sleep(2)  # it has joined, and waits for the others
        self.kafka.client("delete", self.topic)
        kit.wait_for(lambda: "assigned: none" in self.log(), 30)
        self.kafka.client("create", self.topic, "3")
        self.publish(config, 0, 30)
        kit.wait_for(lambda: len(self.archived()) == 30, LOOKED_AT + 30)
        self.assertEqual(self.log().count("has shared out no partition"), 1, self.log())
        self.assertEqual(kit.stop(member), 0, self.log())


if __name__ == "__main__":
    unittest.main()
