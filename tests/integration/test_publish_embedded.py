#!/usr/bin/env python3
"""`busbar publish`, `broker` and `topics` on the embedded broker, read back with kcat."""
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import kit  # noqa: E402

EVENT, TOPIC, PARTITIONS = "customer.user_event", "customer-user-events", 6


class Publish(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        temporary = tempfile.TemporaryDirectory(prefix="busbar-publish-")
        cls.addClassCleanup(temporary.cleanup)
        cls.folder = temporary.name
        cls.example = [json.loads(line) for line in kit.examples(EVENT)]

    def setUp(self):
        self.broker = kit.Broker("--topic", f"{TOPIC}:{PARTITIONS}")
        self.addCleanup(self.broker.close)
        self.config = kit.write_config(self.folder, self.broker.bootstrap)

    def publish(self, data, *arguments, event=EVENT, config=None, expect=None):
        result = kit.busbar("publish", event, "-", "--config", config or self.config, *arguments, stdin=data)
        if expect is not None:
            self.assertEqual(result.returncode, expect, result.stderr.decode())
        return result

    def line(self, number, **changes):
        """A valid event that can be told from others."""
        return json.dumps({**self.example[number % len(self.example)], "metadata": {"number": number}, **changes}).encode()

    def numbers(self):
        return sorted(json.loads(record["value"])["metadata"]["number"]
                      for record in kit.consume(self.broker.bootstrap, TOPIC))

    def test_the_ten_event_types(self):
        for event in kit.EVENTS:
            with self.subTest(event):
                lines = kit.examples(event)
                result = self.publish(b"\n".join(lines) + b"\n", "--json", event=event, expect=0)
                outcomes = kit.json_lines(result.stdout)
                self.assertEqual([o["line"] for o in outcomes], [1, 2, 3])
                self.assertEqual({o["status"] for o in outcomes}, {"delivered"})
                records = kit.consume(self.broker.bootstrap, outcomes[0]["topic"])
                self.assertEqual(len(records), 3)
                by_place = {(r["partition"], r["offset"]): r for r in records}
                for given, outcome in zip(lines, outcomes):
                    record = by_place[(outcome["partition"], outcome["offset"])]
                    value = json.loads(record["value"])
                    self.assertEqual(list(value)[-1], "_metadata")
                    self.assertEqual(sorted(value["_metadata"]), ["produced_at", "producer", "version"])
                    # the key is a JSON string, quotes included
                    self.assertRegex(record["key"], rb'^".+"$')
                    self.assertIn(json.loads(record["key"]).split("_")[0], record["value"].decode())
                    for name, given_value in json.loads(given).items():
                        # numbers stay as they are, but for times given as seconds
                        if isinstance(given_value, (int, float)) and not name.endswith(("_at", "_date", "timestamp", "_start", "_end")):
                            self.assertEqual(value[name], given_value, name)

    def test_partitions_are_those_of_the_java_client(self):
        data = b"\n".join(self.line(i, user_id=f"00000000-0000-4000-8000-{i:012d}") for i in range(200))
        self.publish(data, expect=0)
        records = kit.consume(self.broker.bootstrap, TOPIC)
        self.assertEqual(len(records), 200)
        self.assertEqual({r["partition"] for r in records}, set(range(PARTITIONS)))
        for record in records:
            self.assertEqual(record["partition"], kit.partition_of(record["key"], PARTITIONS), record["key"])

    def test_metadata_in_headers_and_raw_keys(self):
        config = kit.write_config(self.folder, self.broker.bootstrap, name="headers.yaml", text="""domains:
  customer:
    plugin: ownlens_customer
    events:
      user_event: { publish: { key: raw, metadata: headers, producer: mine } }
""")
        self.publish(self.line(1), config=config, expect=0)
        record, = kit.consume(self.broker.bootstrap, TOPIC)
        self.assertNotIn("_metadata", json.loads(record["value"]))
        self.assertEqual(record["headers"]["busbar.producer"], "mine")
        self.assertEqual(sorted(record["headers"]), ["busbar.produced_at", "busbar.producer", "busbar.version"])
        self.assertEqual(record["key"].decode(), json.loads(record["value"])["user_id"])
        self.assertEqual(record["partition"], kit.partition_of(record["key"], PARTITIONS))

    def mixed(self, seed, count):
        """Lines of every kind and what must become of each: (bytes, status)."""
        chance = random.Random(seed)
        kinds = [
            lambda i: (self.line(i), "delivered"),
            lambda i: (self.line(i), "delivered"),
            lambda i: (b"  " + self.line(i) + b"\r", "delivered"),
            lambda i: (self.line(i, user_id="no uuid"), "rejected"),
            lambda i: (self.line(i)[:-1], "rejected"),
            lambda i: (b'"\xff"', "rejected"),
            lambda i: (b"[1, 2]", "rejected"),
            lambda i: (self.line(i, page_url="x" * 1_100_000) if i % 40 == 0 else b"{}", "rejected"),
            lambda i: (chance.choice([b"", b"  ", b"\t\r"]), None),
        ]
        return [chance.choice(kinds)(i) for i in range(count)]

    def test_outcomes_in_input_order_and_refused_lines_as_they_came(self):
        for seed in range(3):
            with self.subTest(seed=seed):
                lines = self.mixed(seed, 400)
                rejected = os.path.join(self.folder, f"rejected{seed}.jsonl")
                result = self.publish(b"".join(line + b"\n" for line, _ in lines), "--json", "--rejected", rejected, expect=1)
                outcomes = [(o["line"], o["status"]) for o in kit.json_lines(result.stdout)]
                expected = [(number, status) for number, (_, status) in enumerate(lines, 1) if status]
                self.assertEqual(outcomes, expected)
                with open(rejected, "rb") as file:
                    self.assertEqual(file.read(), b"".join(line + b"\n" for line, status in lines if status == "rejected"))
                summary = result.stderr.decode()
                for text in (f'{sum(s == "delivered" for _, s in lines)} delivered',
                             f'{sum(s == "rejected" for _, s in lines)} refused', "0 failed",
                             f"{sum(s is None for _, s in lines)} empty lines"):
                    self.assertIn(text, summary)

    def test_refused_lines_can_be_corrected_and_fed_back(self):
        rejected = os.path.join(self.folder, "again.jsonl")
        lines = [self.line(i) if i % 3 else self.line(i, user_id="wrong") for i in range(30)]
        self.publish(b"\n".join(lines), "--rejected", rejected, expect=1)
        with open(rejected, "rb") as file:
            corrected = file.read().replace(b'"wrong"', b'"4b9defd4-73f4-4027-af07-fd6b69c5294b"')
        self.assertEqual(corrected.count(b"\n"), 10)
        self.publish(corrected, expect=0)
        self.assertEqual(self.numbers(), list(range(30)))

    def test_rejected_outcome_names_the_place_and_the_rule(self):
        outcome, = kit.json_lines(self.publish(self.line(1, user_id=7), "--json", expect=1).stdout)
        self.assertEqual((outcome["line"], outcome["status"], outcome["pointer"]), (1, "rejected", "/user_id"))
        self.assertEqual(sorted(outcome), ["keyword", "line", "message", "pointer", "status"])

    def test_text_shows_what_was_not_delivered(self):
        result = self.publish(self.line(1) + b"\n{\n" + self.line(2), expect=1)
        text = result.stdout.decode()
        self.assertRegex(text, r"^line 2: refused: malformed .*\n$")
        self.assertIn("2 delivered", result.stderr.decode())
        quiet = self.publish(self.line(1) + b"\n{\n", "--quiet", expect=1)
        self.assertEqual(quiet.stdout.decode().count("\n"), 1)
        self.assertEqual(quiet.stderr, b"")
        self.assertEqual(kit.json_lines(self.publish(self.line(1), "--json", "--quiet", expect=0).stdout), [])

    def test_no_input_is_fine(self):
        result = self.publish(b"", "--json", expect=0)
        self.assertEqual(result.stdout, b"")
        self.assertIn("0 delivered", result.stderr.decode())

    def test_usage_errors(self):
        for arguments, text in ((("publish",), "EVENT"), (("publish", EVENT, "a", "b"), "`b`"),
                                (("publish", EVENT, "-", "--timeout", "soon"), "duration"),
                                (("publish", "customer.user_evnt", "-", "--config", self.config), "customer.user_event"),
                                (("publish", EVENT, "/nowhere/x.jsonl", "--config", self.config), "/nowhere/x.jsonl"),
                                (("publish", EVENT, self.folder, "--config", self.config), "folder"),
                                (("publish", EVENT, "-", "--rejected", "/nowhere/x", "--config", self.config), "/nowhere/x"),
                                (("topics", "--config", self.config), "plan"), (("topics", "aply"), "aply"),
                                (("topics", "plan", "--partitions", "0"), "from 1"),
                                (("broker", "--topic", "x:y"), "x:y"), (("broker", "--partitions", "0"), "1 to"),
                                (("broker", "x"), "`x`")):
            with self.subTest(arguments):
                result = kit.busbar(*arguments)
                self.assertEqual(result.returncode, 2, result.stderr.decode())
                self.assertIn(text, result.stderr.decode())
                self.assertEqual(result.stdout, b"")

    def test_kafka_down_at_the_start(self):
        config = kit.write_config(self.folder, f"127.0.0.1:{kit.free_ports(1)}", name="down.yaml")
        for command in (("publish", EVENT, "-"), ("topics", "plan")):
            with self.subTest(command):
                start = time.monotonic()
                result = kit.busbar(*command, "--timeout", "700ms", "--config", config, stdin=self.line(1))
                text = result.stderr.decode()
                self.assertEqual(result.returncode, 3, text)
                self.assertLess(time.monotonic() - start, 30)
                self.assertIn("Kafka at 127.0.0.1:", text)
                self.assertIn("not reachable", text)
                self.assertIn("no answer from Kafka", text)

    def test_signal_stops_reading_and_reports(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(number):
                process = kit.spawn("publish", EVENT, "-", "--json", "--config", self.config)
                self.addCleanup(lambda p=process: [s.close() for s in (p.stdin, p.stdout, p.stderr)])
                process.stdin.write(b"\n".join(self.line(i) for i in range(50)) + b"\n")
                process.stdin.flush()
                # outcomes come while the input stays open
                lines = [process.stdout.readline() for _ in range(50)]
                self.assertEqual([json.loads(line)["line"] for line in lines], list(range(1, 51)))
                self.assertEqual(kit.stop(process, number), 0)
                self.assertIn("50 delivered", text := process.stderr.read().decode())
                self.assertIn("stopped by a signal", text)

    def test_output_that_cannot_be_written(self):
        with open("/dev/full", "wb") as full:
            process = kit.spawn("publish", EVENT, "-", "--json", "--config", self.config, stdout=full)
            _, errors = process.communicate(self.line(1))
        self.assertEqual(process.returncode, 2)
        self.assertIn("standard output cannot be written", errors.decode())
        result = self.publish(b"{}", "--rejected", "/dev/full", expect=2)
        self.assertIn("/dev/full cannot be written", result.stderr.decode())

    def test_reader_that_goes_away(self):
        process = kit.spawn("publish", EVENT, "-", "--json", "--config", self.config)
        process.stdout.close()
        _, errors = process.stdin.write(self.line(1)), process.stdin.close()
        self.assertEqual(process.wait(60), 2)
        self.assertIn("standard output cannot be written", process.stderr.read().decode())
        process.stderr.close()
        self.assertEqual(self.numbers(), [1])

    def test_topics_plan_and_apply(self):
        def topics(*arguments):
            return kit.busbar("topics", *arguments, "--json", "--config", self.config)

        before = topics("plan")
        self.assertEqual(before.returncode, 1, before.stderr.decode())
        states = {row["topic"]: row["state"] for row in kit.json_lines(before.stdout)}
        self.assertEqual(len(states), 20)
        self.assertEqual({name for name, state in states.items() if state == "present"}, {TOPIC})
        self.assertEqual(states[TOPIC + ".dlq"], "missing")
        applied = topics("apply")
        self.assertEqual(applied.returncode, 0, applied.stderr.decode())
        self.assertEqual(sum(row["state"] == "made" for row in kit.json_lines(applied.stdout)), 19)
        after = topics("plan")
        self.assertEqual(after.returncode, 0, after.stderr.decode())
        self.assertEqual({row["state"] for row in kit.json_lines(after.stdout)}, {"present"})
        again = topics("apply")
        self.assertEqual({row["state"] for row in kit.json_lines(again.stdout)}, {"present"})
        differing = topics("plan", "--partitions", "5")
        self.assertEqual(differing.returncode, 1)
        self.assertEqual({row["state"] for row in kit.json_lines(differing.stdout)}, {"differs"})


class BrokerProcess(unittest.TestCase):
    def test_ends_cleanly_on_a_signal(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(number):
                broker = kit.Broker()
                self.assertRegex(broker.bootstrap, r"^127\.0\.0\.1:\d+$")
                self.assertEqual(kit.stop(broker.process, number), 0)
                self.assertIn("no real transactions", broker.process.stderr.read().decode())
                broker.close()

    def test_makes_the_topics_of_all_events(self):
        with tempfile.TemporaryDirectory() as folder:
            config = kit.write_config(folder, "embedded")
            with kit.Broker("--events", "--partitions", "3", "--topic", "mine:2", "--config", config) as broker:
                listing = json.loads(subprocess.run(["kcat", "-L", "-J", "-b", broker.bootstrap], capture_output=True,
                                                    check=True, env=kit.without_preload()).stdout)
        found = {topic["topic"]: len(topic["partitions"]) for topic in listing["topics"]}
        self.assertEqual(found.pop("mine"), 2)
        self.assertEqual(len(found), 20)
        self.assertEqual(set(found.values()), {3})


if __name__ == "__main__":
    unittest.main()
