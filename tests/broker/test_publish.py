#!/usr/bin/env python3
"""`busbar publish` and `topics` on a real Kafka: the ten event types, missing and forbidden topics, a broker that goes away,
back-pressure.

Environment: BUSBAR_PUBLISH_EVENTS (default 60000): how many events cross the broker's restart."""
import collections
import json
import os
import signal
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "integration"))
import kit  # noqa: E402

EVENT, TOPIC = "customer.user_event", "customer-user-events"
EVENTS = int(os.environ.get("BUSBAR_PUBLISH_EVENTS", "60000"))
ACLS = "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer\nallow.everyone.if.no.acl.found=true"


class Publish(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.kafka = kit.Kafka(properties=ACLS)
        cls.kafka.start()
        cls.addClassCleanup(cls.kafka.close)
        temporary = tempfile.TemporaryDirectory(prefix="busbar-publish-")
        cls.addClassCleanup(temporary.cleanup)
        cls.folder = temporary.name
        cls.config = kit.write_config(cls.folder, cls.kafka.bootstrap)

    def own_config(self, topic, properties="", **more):
        """A configuration in which customer.user_event goes to a topic of this test."""
        path = os.path.join(self.folder, topic + ".yaml")
        with open(path, "w") as out:
            out.write(f'kafka: {{ bootstrap.servers: "{self.kafka.bootstrap}" {properties} }}\n'
                      f"domains: {{ customer: {{ plugin: ownlens_customer, events: {{ user_event: {{ topic: {topic} }} }} }} }}\n")
        return path

    def lines(self, count, start=0):
        """Valid events, each with its number in `metadata`."""
        example = json.loads(kit.examples(EVENT)[0])
        head, tail = json.dumps({**example, "metadata": {"number": 987654321}}).encode().split(b"987654321")
        return [head + b"%d" % i + tail for i in range(start, start + count)]

    def numbers(self, topic):
        return [json.loads(record["value"])["metadata"]["number"] for record in kit.consume(self.kafka.bootstrap, topic, 180)]

    def test_1_topics_are_planned_and_made(self):
        def topics(*arguments):
            result = kit.busbar("topics", *arguments, "--json", "--config", self.config)
            return result.returncode, {row["topic"]: row for row in kit.json_lines(result.stdout)}, result.stderr.decode()

        code, rows, text = topics("plan")
        self.assertEqual((code, {row["state"] for row in rows.values()}), (1, {"missing"}), text)
        self.assertEqual(self.kafka.topics() & set(rows), set())  # plan makes nothing
        code, rows, text = topics("apply", "--partitions", "5", "--replication", "1")
        self.assertEqual((code, {row["state"] for row in rows.values()}), (0, {"made"}), text)
        self.assertEqual(len(rows), 20)
        self.assertLessEqual(set(rows), self.kafka.topics())
        code, rows, text = topics("plan", "--partitions", "5", "--replication", "1")
        self.assertEqual((code, {row["state"] for row in rows.values()}), (0, {"present"}), text)
        code, rows, text = topics("plan", "--partitions", "6")
        self.assertEqual((code, {row["state"] for row in rows.values()}), (1, {"differs"}), text)
        code, rows, text = topics("apply", "--partitions", "6")
        self.assertEqual((code, {row["partitions"] for row in rows.values()}), (0, {5}), text)

    def test_2_the_ten_event_types(self):
        applied = kit.busbar("topics", "apply", "--json", "--config", self.config)
        self.assertEqual(applied.returncode, 0, applied.stderr.decode())
        partitions = {row["topic"]: row["partitions"] for row in kit.json_lines(applied.stdout)}
        for event in kit.EVENTS:
            with self.subTest(event):
                lines = kit.examples(event)
                result = kit.busbar("publish", event, "-", "--json", "--config", self.config, stdin=b"\n".join(lines))
                self.assertEqual(result.returncode, 0, result.stderr.decode())
                outcomes = kit.json_lines(result.stdout)
                records = kit.consume(self.kafka.bootstrap, outcomes[0]["topic"])
                self.assertEqual(sorted((o["partition"], o["offset"]) for o in outcomes),
                                 [(r["partition"], r["offset"]) for r in records])
                for record in records:
                    self.assertEqual(list(json.loads(record["value"]))[-1], "_metadata")
                    self.assertRegex(record["key"], rb'^".+"$')
                    self.assertEqual(record["partition"], kit.partition_of(record["key"], partitions[record["topic"]]))

    def test_missing_topic(self):
        config = self.own_config("never-made")
        data = self.lines(1)[0] + b"\n{}\n" + self.lines(1)[0]
        result = kit.busbar("publish", EVENT, "-", "--json", "--config", config, stdin=data)
        self.assertEqual(result.returncode, 3, result.stderr.decode())
        outcomes = kit.json_lines(result.stdout)
        self.assertEqual([o["status"] for o in outcomes], ["failed", "rejected", "failed"])
        self.assertEqual(outcomes[0]["message"], "topic never-made does not exist; `busbar topics apply` makes it")
        self.assertFalse(outcomes[0]["retriable"])
        self.assertNotIn("never-made", self.kafka.topics())

    def test_topic_that_is_not_allowed(self):
        self.kafka.topic("forbidden", 2)
        self.kafka.checked("acls", "--add", "--deny-principal", "User:ANONYMOUS", "--operation", "Write", "--topic", "forbidden")
        self.addCleanup(self.kafka.checked, "acls", "--remove", "--force", "--topic", "forbidden")
        start = time.monotonic()
        result = kit.busbar("publish", EVENT, "-", "--json", "--config", self.own_config("forbidden"), stdin=self.lines(1)[0])
        self.assertEqual(result.returncode, 3, result.stderr.decode())
        self.assertLess(time.monotonic() - start, 30)
        outcome, = kit.json_lines(result.stdout)
        self.assertEqual(outcome["status"], "failed")
        self.assertIn("not authorised for topic forbidden", outcome["message"])

    def test_broker_goes_away_and_comes_back(self):
        self.kafka.topic("restarted", 3)
        process = kit.spawn("publish", EVENT, "-", "--json", "--config", self.own_config("restarted"))
        outcomes, errors = [], []
        readers = [threading.Thread(target=lambda: outcomes.extend(process.stdout)),
                   threading.Thread(target=lambda: errors.extend(process.stderr))]
        for reader in readers:
            reader.start()
        third = EVENTS // 3
        process.stdin.write(b"\n".join(self.lines(third)) + b"\n")
        process.stdin.flush()
        kit.wait_for(lambda: len(outcomes) > third // 10, 60)
        down = threading.Thread(target=self.kafka.node, args=("kill",))
        down.start()
        process.stdin.write(b"\n".join(self.lines(third, third)) + b"\n")
        process.stdin.flush()
        down.join()
        self.kafka.node("start")
        process.stdin.write(b"\n".join(self.lines(EVENTS - 2 * third, 2 * third)) + b"\n")
        process.stdin.close()
        self.assertEqual(process.wait(180), 0, b"".join(errors[-5:]).decode())
        for reader in readers:
            reader.join()
        process.stdout.close()
        process.stderr.close()
        told = kit.json_lines(b"".join(outcomes))
        self.assertEqual([o["line"] for o in told], list(range(1, EVENTS + 1)))
        self.assertEqual({o["status"] for o in told}, {"delivered"})
        self.assertEqual(len({(o["partition"], o["offset"]) for o in told}), EVENTS)
        found = collections.Counter(self.numbers("restarted"))
        self.assertEqual(len(found), EVENTS)
        self.assertEqual(set(found.values()), {1})  # exactly once

    def test_memory_is_bounded_while_the_broker_stands_still(self):
        self.kafka.topic("slow", 3)
        config = self.own_config("slow")
        process = kit.spawn("publish", EVENT, "-", "--config", config)
        data = b"\n".join(self.lines(20000)) + b"\n"
        process.stdin.write(data)
        process.stdin.flush()
        written = threading.Event()

        def write():
            try:
                for _ in range(10):  # about 200 MB
                    process.stdin.write(data)
                written.set()
            except BrokenPipeError:
                pass

        self.kafka.node("pause")
        try:
            writer = threading.Thread(target=write)
            writer.start()
            self.assertFalse(written.wait(6), "publish took everything although nothing was confirmed")
            with open(f"/proc/{process.pid}/status") as status:
                rss = next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) // 1024
            self.assertLess(rss, 250 if "asan" not in kit.BUILD else 1000)
        finally:
            self.kafka.node("resume")
        kit.wait_for(written.is_set, 120)
        writer.join()
        process.stdin.close()
        self.assertEqual(process.wait(120), 0)
        self.assertIn("220000 delivered", process.stderr.read().decode().replace(",", ""))
        process.stdout.close()
        process.stderr.close()
        print(f"publish: at most {rss} MiB while the broker stood still", flush=True)

    def test_signal_while_the_broker_stands_still(self):
        self.kafka.topic("stuck", 1)
        process = kit.spawn("publish", EVENT, "-", "--json", "--timeout", "10s", "--config", self.own_config("stuck"))
        process.stdin.write(self.lines(1)[0] + b"\n")
        process.stdin.flush()
        self.assertEqual(json.loads(process.stdout.readline())["status"], "delivered")
        self.kafka.node("pause")
        try:
            process.stdin.write(b"\n".join(self.lines(3, 1)) + b"\n")
            process.stdin.flush()
            time.sleep(0.5)  # so that the lines are read; nothing can be waited for
            process.send_signal(signal.SIGTERM)
            time.sleep(0.5)
            process.send_signal(signal.SIGTERM)  # the second one stops waiting
            self.assertEqual(process.wait(8), 3)
        finally:
            self.kafka.node("resume")
        outcomes = kit.json_lines(process.stdout.read())
        self.assertEqual([(o["line"], o["status"], o["retriable"]) for o in outcomes],
                         [(line, "failed", True) for line in (2, 3, 4)])
        for stream in (process.stdin, process.stdout, process.stderr):
            stream.close()


if __name__ == "__main__":
    unittest.main()
