#!/usr/bin/env python3
"""Where reading begins with a store that keeps offsets: its own against Kafka's, on a real Kafka and a real PostgreSQL."""
import os
import re
import subprocess
import sys
import unittest
import uuid

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "storage"))
import storagekit  # noqa: E402
import test_postgresql as stored  # noqa: E402
from postgres import kit  # noqa: E402

kafka = None


def setUpModule():
    global kafka
    kafka = kit.Kafka.shared(properties="group.initial.rebalance.delay.ms=0")
    storagekit.SHORT = ()  # shorter than a real broker allows
    stored.setUpModule()


def tearDownModule():
    stored.tearDownModule()
    kafka.close()


class Places(stored.Case):
    def setUp(self):
        super().setUp()
        self.topic = f"places-{uuid.uuid4().hex[:10]}"

    def configure(self, consume="flush_interval: 50ms", handler="", handlers="pg", source="plugin: ownlens_customer, events: { user_event: {", **more):
        if not handler:
            return  # that of the embedded broker
        super().configure(consume=consume, handler=handler, bootstrap=kafka.bootstrap, domains=
                          f"  customer: {{ {source} topic: {self.topic}, handlers: [{handlers}], "
                          f"consume: {{ group: {self.topic} }} }} }} }}")

    def plain(self):
        """The tables are made with a configuration for the embedded broker: no Kafka is asked for them."""
        stored.Case.configure(self)
        return self.plain_table()

    def make_topic(self):
        result = kit.busbar("topics", "apply", "--partitions", "4", "--config", self.config)
        self.assertEqual(result.returncode, 0, result.stderr.decode())

    def send(self, topic, lines, key=None):
        data = b"\n".join(lines) + b"\n"
        result = subprocess.run(["kcat", "-P", "-q", "-b", kafka.bootstrap, "-t", topic, "-p", "0"], input=data,
                                env=kit.without_preload(), timeout=60)
        self.assertEqual(result.returncode, 0)

    def store(self, count=500, **more):
        self.configure(handler=self.plain(), **more)
        self.make_topic()
        lines = stored.unique(kit.generated(stored.EVENT, count))
        self.send(self.topic, lines)
        self.assertEqual(self.run_once()["handled"], count)
        return lines

    def set_offset(self, *to):
        result = kit.busbar("offsets", "set", stored.EVENT, *to, "--config", self.config)
        self.assertEqual(result.returncode, 0, result.stderr.decode())

    def test_a_store_that_is_ahead_is_not_read_again(self):
        # without the domain's code, whose own `handle` would leave it to Kafka
        contract = os.path.join(kit.ROOT, "plugins", "ownlens_customer", "contracts", "user_event.json")
        lines = self.store(source=f"events: {{ user_event: {{ schema: {contract},")
        self.set_offset("--to", "earliest")
        more = stored.unique(kit.generated(stored.EVENT, 510))[500:]
        self.send(self.topic, more)
        self.assertEqual(self.run_once()["consumed"], 10)
        self.assertIn("stored up to offset 499, so reading begins behind that and not at 0", self.log)
        self.assert_each_once(lines + more)

    def test_a_handler_without_offsets_leaves_it_to_kafka(self):
        handler = self.plain() + f"\n  archive: {{ plugin: jsonl, path: {self.folder}/archive.jsonl }}"
        self.configure(handler=handler, handlers="pg, archive")
        self.make_topic()
        lines = stored.unique(kit.generated(stored.EVENT, 50))
        self.send(self.topic, lines)
        self.run_once()
        self.set_offset("--to", "earliest")
        self.assertEqual(self.run_once()["consumed"], 50)
        self.assert_each_once(lines)
        with open(os.path.join(self.folder, "archive.jsonl"), "rb") as file:
            self.assertEqual(len(file.readlines()), 100)

    def set_back(self):
        """As a backup of 500 rows that is restored after 1,000."""
        lines = self.store()
        self.sql("CREATE TABLE plain_then AS SELECT * FROM plain; CREATE TABLE offsets_then AS SELECT * FROM busbar_offsets")
        lines += stored.unique(kit.generated(stored.EVENT, 1000))[500:]
        self.send(self.topic, lines[500:])
        self.run_once()
        self.sql("TRUNCATE plain, busbar_offsets; INSERT INTO plain SELECT * FROM plain_then; INSERT INTO busbar_offsets SELECT * FROM "
                 "offsets_then")
        return lines

    def test_a_store_that_was_set_back_stops_and_says_how_to_go_on(self):
        lines = self.set_back()
        self.run_once(expect=3)
        found = re.search(r"does not have offset 999 .* busbar offsets set customer.user_event --partition 0 --to (\d+)`", self.log
                          .replace("`busbar", " busbar"))
        self.assertTrue(found, self.log)
        self.run_once(expect=3)
        self.set_offset("--partition", "0", "--to", found.group(1))
        self.assertEqual(self.run_once()["consumed"], 500)
        self.assert_each_once(lines)

    def test_the_choice_to_go_on_without(self):
        lines = self.set_back()
        self.run_once(expect=3)
        self.set_offset("--partition", "0", "--to", "1000")
        more = stored.unique(kit.generated(stored.EVENT, 1010))[1000:]
        self.send(self.topic, more)
        self.assertEqual(self.run_once()["consumed"], 10)
        self.assert_each_once(lines[:500] + more)

    def test_rejected_records_at_the_end_are_no_loss(self):
        lines = self.store()
        self.send(self.topic, [b'{"broken": '] * 3)
        self.assertEqual(self.run_once()["dead_lettered"], 3)
        self.assertEqual(self.run_once()["consumed"], 0)
        self.assert_each_once(lines)

    def test_a_store_that_is_away_is_asked_when_it_is_back(self):
        self.set_back()
        more = stored.unique(kit.generated(stored.EVENT, 1010))[1000:]
        stored.server.stop()
        self.addCleanup(lambda: stored.server.start() if not stored.server.value_or_none("SELECT 1") else None)
        self.send(self.topic, more)
        process = self.start()
        kit.wait_for(lambda: "what is stored is not known" in self.log_of(process), timeout=30)
        stored.server.start()
        self.assertEqual(process.wait(timeout=60), 3)
        self.assertIn("does not have offset 999", self.log_of(process))
        self.run_once(expect=3)


if __name__ == "__main__":
    unittest.main()
