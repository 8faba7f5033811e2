#!/usr/bin/env python3
"""What `busbar run` does when something around it fails, with a real Kafka: a broker that is down at the start or goes away in the
middle, topics that are missing, users that may not, wrong passwords, a disk that is full. Nothing may be lost, and each trouble
has its message and its exit code.

Environment: BUSBAR_FAULT_EVENTS (default 6000): how many events cross the broker's restart."""
import base64
import os
import random
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import tools  # noqa: E402
from tools import kit  # noqa: E402

EVENTS = int(os.environ.get("BUSBAR_FAULT_EVENTS", "6000"))
PARTITIONS = 2
PARKING = os.path.join(kit.ROOT, "docs", "examples", "config-only", "schemas", "entered.json")
# Beside the listener without passwords, whose user may do everything, one with passwords, whose users may do nothing.
SECURITY = """listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller},SASL://127.0.0.1:{sasl}
advertised.listeners=PLAINTEXT://127.0.0.1:{port},SASL://127.0.0.1:{sasl}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL:SASL_PLAINTEXT
sasl.enabled.mechanisms=PLAIN
listener.name.sasl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required \
user_reader="Xk4-right-Qz9";
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS"""


class Faults(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.kafka = kit.Kafka()
        port = int(cls.kafka.bootstrap.rsplit(":", 1)[1])
        sasl = kit.free_ports(1)
        cls.sasl = f"127.0.0.1:{sasl}"
        cls.kafka.env["BUSBAR_KAFKA_PROPS"] = SECURITY.format(port=port, controller=port + 1, sasl=sasl)
        cls.kafka.start()
        cls.addClassCleanup(cls.kafka.close)
        temporary = tempfile.TemporaryDirectory(prefix="busbar-faults-")
        cls.addClassCleanup(temporary.cleanup)
        cls.folder = temporary.name
        cls.tools = tools.Tools(cls.folder, cls.kafka.bootstrap)

    def setUp(self):
        self.out = tempfile.mkdtemp(dir=self.folder)

    def config(self, topic, consume="", folder=None, more="", bootstrap=None):
        """parking.entered on a topic, and in a group, of its own; its events go to {folder}/{topic}.jsonl."""
        path = os.path.join(self.out, "busbar.yaml")
        with open(path, "w") as out:
            out.write(f"""kafka: {{ bootstrap.servers: "{bootstrap or self.kafka.bootstrap}", reconnect.backoff.max.ms: 500 {more} }}
domains:
  parking:
    plugin: generic
    events:
      entered:
        schema: {PARKING}
        topic: {topic}
        consume: {{ group: {topic}, retry: {{ initial: 50ms, max: 500ms }}, commit_interval: 100ms {consume} }}
        handlers: [archive]
handlers:
  archive: {{ plugin: jsonl, path: "{folder or self.out}/{{topic}}.jsonl", format: record }}
""")
        return path

    def user(self, topic, password):
        return self.config(topic, bootstrap=self.sasl, more=", security.protocol: sasl_plaintext, sasl.mechanism: PLAIN, "
                                                            f"sasl.username: reader, sasl.password: {password}")

    def cars(self, count, start=0):
        return b"".join(b'{"garage":"north-%d","plate":"%d"}\n' % (i % 97, i) for i in range(start, start + count))

    def publish(self, config, data, code=0):
        result = kit.busbar("publish", "parking.entered", "-", "--quiet", "--config", config, stdin=data)
        self.assertEqual(result.returncode, code, result.stderr.decode())

    def member(self, config, *arguments):
        """`busbar run` in the background; its log goes to a file."""
        with open(os.path.join(self.out, "log"), "ab") as log:
            process = subprocess.Popen([kit.BUSBAR, "run", *arguments, "--config", config], env=kit.environment(), stderr=log,
                                       stdout=subprocess.DEVNULL)
        self.addCleanup(lambda: process.poll() is None and (process.kill(), process.wait()))
        return process

    def log(self):
        with open(os.path.join(self.out, "log")) as file:
            return file.read()

    def wait_for_log(self, text, process, timeout=30):
        kit.wait_for(lambda: text in self.log() or process.poll() is not None, timeout)
        self.assertIn(text, self.log())

    def archived(self, topic, folder=None, live=False):
        """What the jsonl handler wrote, every line whole; while it writes the last one may not be."""
        try:
            with open(os.path.join(folder or self.out, topic + ".jsonl"), "rb") as file:
                data = file.read()
        except FileNotFoundError:
            return []
        if not live:
            self.assertIn(data[-1:], (b"", b"\n"))
        return kit.json_lines(data[:data.rfind(b"\n") + 1])

    def plates(self, topic, folder=None, live=False):
        return sorted(int(record["value"]["plate"]) for record in self.archived(topic, folder, live))

    def check_committed(self, topic, folder=None):
        """No committed offset is past a record that is not in the output."""
        written = {(record["partition"], record["offset"]) for record in self.archived(topic, folder)}
        for partition, offset in self.tools.committed(topic, topic, PARTITIONS).items():
            missing = [i for i in range(offset) if (partition, i) not in written]
            self.assertEqual(missing, [], f"partition {partition} is committed up to {offset}")

    def test_down_at_the_start(self):
        topic = "down"
        self.kafka.topic(topic, PARTITIONS)
        config = self.config(topic)
        self.kafka.node("stop")
        try:
            start = time.monotonic()
            result = kit.busbar("run", "--once", "--timeout", "1s", "--config", config)
            self.assertEqual(result.returncode, 3, result.stderr.decode())
            self.assertLess(time.monotonic() - start, 25)  # without --timeout it would not end
            self.assertIn(f"Kafka at {self.kafka.bootstrap}", result.stderr.decode())
            self.assertIn("Connection refused", result.stderr.decode())
            process = self.member(config)
            # as long as it takes a busy machine to start a broker
            publish = kit.spawn("publish", "parking.entered", "-", "--quiet", "--timeout", "120s", "--config", config)
            publish.stdin.write(self.cars(300))
            publish.stdin.close()
            self.wait_for_log("is not reachable", process)
            self.wait_for_log("still waiting for Kafka", process)
            self.assertIsNone(process.poll())
        finally:
            self.kafka.node("start")
        self.assertEqual(publish.wait(150), 0, publish.stderr.read().decode())
        publish.stdout.close()
        publish.stderr.close()
        kit.wait_for(lambda: len(self.archived(topic, live=True)) >= 300, 60)
        self.assertEqual(kit.stop(process), 0)
        self.assertEqual(self.plates(topic), list(range(300)))

    def test_stopped_while_it_waits(self):
        """A signal ends the wait for Kafka at once."""
        config = self.config("x", bootstrap=f"127.0.0.1:{kit.free_ports(1)}")
        process = self.member(config)
        self.wait_for_log("is not reachable", process)
        self.assertEqual(kit.stop(process, timeout=10), 0)

    def test_killed_and_started_while_events_flow(self):
        topic, third = "restarted", EVENTS // 3
        self.kafka.topic(topic, PARTITIONS)
        config = self.config(topic, ", concurrency: 3, in_flight_records: 500, batch_records: 50")
        process = self.member(config)
        publish = kit.spawn("publish", "parking.entered", "-", "--quiet", "--config", config)
        publish.stdin.write(self.cars(third))
        publish.stdin.flush()
        kit.wait_for(lambda: self.archived(topic, live=True), 60)
        self.kafka.node("kill")
        try:
            publish.stdin.write(self.cars(third, third))
            publish.stdin.flush()
            self.wait_for_log("is not reachable", process)
        finally:
            self.kafka.node("start")
        publish.stdin.write(self.cars(EVENTS - 2 * third, 2 * third))
        publish.stdin.close()
        self.assertEqual(publish.wait(120), 0, publish.stderr.read().decode())
        publish.stdout.close()
        publish.stderr.close()
        kit.wait_for(lambda: len(set(self.plates(topic, live=True))) == EVENTS, 120, 0.2)
        # a broker that was slow to come back has expelled the member: it joins again, and handles again what was not committed
        kit.wait_for(lambda: sum(self.tools.committed(topic, topic, PARTITIONS).values()) == EVENTS, 120, 0.5)
        self.assertEqual(kit.stop(process), 0)
        plates = self.plates(topic)
        self.assertEqual(sorted(set(plates)), list(range(EVENTS)))
        self.check_committed(topic)
        self.assertEqual(sum(self.tools.committed(topic, topic, PARTITIONS).values()), EVENTS, self.log())
        print(f"faults: {EVENTS} events across a killed broker, {len(plates) - EVENTS} twice, 0 missing", flush=True)

    def test_topic_missing(self):
        config = self.config("made-later")
        result = kit.busbar("run", "--once", "--config", config)
        self.assertEqual(result.returncode, 3, result.stderr.decode())
        self.assertIn("topic made-later does not exist; `busbar topics apply` makes it", result.stderr.decode())
        process = self.member(config)
        self.wait_for_log("topic made-later does not exist; `busbar topics apply` makes it; waiting for it", process)
        self.assertEqual(kit.busbar("topics", "apply", "--partitions", str(PARTITIONS), "--config", config).returncode, 0)
        self.publish(config, self.cars(10))
        kit.wait_for(lambda: len(self.archived("made-later", live=True)) >= 10)
        self.assertEqual(kit.stop(process), 0)
        self.assertEqual(self.plates("made-later"), list(range(10)))

    def test_dead_letter_topic_missing(self):
        """Without its dead letter topic a rejected record is not passed: the offset waits until the topic is there."""
        topic = "no-letters"
        self.kafka.topic(topic, 1)
        config = self.config(topic, ", dead_letter: { create: false }")
        self.publish(config, self.cars(3))
        self.tools.write(topic, [(0, 1, b"k", b"not json", [])])
        self.publish(config, self.cars(3, 3))
        process = self.member(config)
        self.wait_for_log("no-letters.dlq", process)
        self.assertIsNone(process.poll())
        kit.wait_for(lambda: len(self.archived(topic, live=True)) == 6)
        self.assertLessEqual(self.tools.committed(topic, topic, 1)[0], 3)
        self.kafka.topic(topic + ".dlq", 1)
        kit.wait_for(lambda: self.tools.committed(topic, topic, 1)[0] == 7, 60, 0.5)
        self.assertEqual(kit.stop(process), 0)
        letter, = self.tools.read(topic + ".dlq")
        self.assertEqual((letter.key, letter.value), (b"k", b"not json"))

    def test_dead_letter_too_large(self):
        """A record that Kafka takes, but not with the reason in its headers, arrives without them, and the log says so."""
        topic = "large"
        self.kafka.topic(topic, 1)
        self.kafka.topic(topic + ".dlq", 1)
        config = self.config(topic)
        large = base64.b64encode(random.Random(1).randbytes(786400))  # that no compression makes smaller
        self.tools.write(topic, [(0, 1, b"k", large[:1048450], [("mine", b"kept")])])
        self.publish(config, self.cars(3))
        process = self.member(config)
        self.wait_for_log("large.dlq is too large with its busbar.* headers: they are left out", process)
        kit.wait_for(lambda: self.tools.committed(topic, topic, 1)[0] == 4, 60, 0.5)
        self.assertEqual(kit.stop(process), 0)
        letter, = self.tools.read(topic + ".dlq")
        self.assertEqual((letter.key, letter.value), (b"k", large[:1048450]))
        self.assertEqual(letter.headers[0], ("mine", b"kept"))
        self.assertNotIn("busbar.reason", [name for name, _ in letter.headers])

    def refused(self, config, *parts):
        """`run --once` and `publish` end with 3, say these words and never the password."""
        for command in (("run", "--once", "--timeout", "4s"), ("publish", "parking.entered", "-", "--timeout", "4s")):
            with self.subTest(command):
                start = time.monotonic()
                result = kit.busbar(*command, "--config", config, stdin=self.cars(1), timeout=60)
                text = (result.stdout + result.stderr).decode()
                self.assertEqual(result.returncode, 3, text)
                self.assertLess(time.monotonic() - start, 30)
                for part in parts:
                    self.assertIn(part, text)
                self.assertNotIn("Qz9", text)

    def test_wrong_password(self):
        self.refused(self.user("private", "Xk4-wrong-Qz9"), f"Kafka at {self.sasl}", "uthentication failed")

    def test_topic_that_is_not_allowed(self):
        self.kafka.topic("private", PARTITIONS)
        config = self.user("private", "Xk4-right-Qz9")
        self.refused(config, "not authorised", "topic private", "the user needs the ACL")
        process = self.member(config)  # without --once it waits for the rights
        self.wait_for_log("not authorised for topic private", process)
        self.assertEqual(kit.stop(process, timeout=20), 0)

    def test_group_that_is_not_allowed(self):
        self.kafka.topic("half-private", PARTITIONS)
        self.kafka.checked("acls", "--add", "--allow-principal", "User:reader", "--operation", "Read", "--topic", "half-private")
        config = self.user("half-private", "Xk4-right-Qz9")
        result = kit.busbar("run", "--once", "--timeout", "4s", "--config", config, timeout=60)
        self.assertEqual(result.returncode, 3, result.stderr.decode())
        self.assertIn("group half-private", result.stderr.decode())
        self.assertIn("uthori", result.stderr.decode())

    def test_user_that_may_only_read(self):
        """Events are handled; a record that would be a dead letter is not passed, and the log says why without flooding."""
        topic = "read-only"
        self.kafka.topic(topic, 1)
        self.kafka.topic(topic + ".dlq", 1)
        self.kafka.checked("acls", "--add", "--allow-principal", "User:reader", "--operation", "Read", "--topic", topic, "--group",
                           topic)
        self.publish(self.config(topic), self.cars(5))
        config = self.user(topic, "Xk4-right-Qz9")
        result = kit.busbar("run", "--once", "--config", config)
        self.assertEqual(result.returncode, 0, result.stderr.decode())
        self.assertEqual(self.plates(topic), list(range(5)))
        self.tools.write(topic, [(0, 1, b"k", b"not json", [])])
        process = self.member(config)
        self.wait_for_log("a record for topic read-only.dlq could not be delivered", process)
        self.assertIn("uthori", self.log())
        before = len(self.log().splitlines())
        time.sleep(6)  # long enough for a flood
        self.assertLess(len(self.log().splitlines()) - before, 20, self.log())
        self.assertEqual(self.tools.committed(topic, topic, 1)[0], 5)
        kit.stop(process)
        self.assertEqual(self.tools.committed(topic, topic, 1)[0], 5)

    @unittest.skipUnless(os.geteuid() == 0, "a full disk needs a file system of its own, and mounting one needs root")
    def test_full_disk(self):
        """The run pauses while the disk is full, also across a stop and a start, and goes on when there is room."""
        topic, count, disk = "full", 12000, os.path.join(self.out, "disk")
        self.kafka.topic(topic, PARTITIONS)
        os.mkdir(disk)
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "busbar-test", disk], capture_output=True).returncode:
            self.skipTest("no file system can be mounted here")
        self.addCleanup(subprocess.run, ["umount", "-l", disk], check=True)
        config = self.config(topic, ", concurrency: 2, batch_records: 100", folder=disk)
        with open(config, "a") as out:
            out.write("drain: 1s\n")
        self.publish(config, self.cars(count))
        first = self.member(config)
        self.wait_for_log("No space left on device", first)
        self.assertIsNone(first.poll())
        kit.stop(first)
        full = len(self.archived(topic, disk))
        self.assertLess(0, full)
        self.assertLess(full, count)
        self.check_committed(topic, disk)
        second = self.member(config)
        kit.wait_for(lambda: self.log().count("No space left on device") >= 2 or second.poll() is not None)
        subprocess.run(["mount", "-o", "remount,size=64m", disk], check=True)
        kit.wait_for(lambda: len(set(self.plates(topic, disk, live=True))) == count or second.poll() is not None, 60, 0.2)
        self.assertEqual(kit.stop(second), 0, self.log())
        plates = self.plates(topic, disk)
        self.assertEqual(sorted(set(plates)), list(range(count)))
        self.assertEqual(sum(self.tools.committed(topic, topic, PARTITIONS).values()), count)
        self.assertNotIn(topic + ".dlq", self.kafka.topics())
        print(f"faults: {count} events over a disk that was full after {full}, {len(plates) - count} twice, 0 missing", flush=True)


if __name__ == "__main__":
    unittest.main()
