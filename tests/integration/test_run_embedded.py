#!/usr/bin/env python3
"""`busbar run` on the embedded broker: what it handles, what it refuses, how it ends."""
import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import kit  # noqa: E402

EVENT, TOPIC, PARTITIONS = "customer.user_event", "customer-user-events", 4
# The embedded broker lets a group wait for members that have left until their session is over.
SHORT = ("--set", "kafka.session.timeout.ms=3000", "--set", "kafka.heartbeat.interval.ms=300")
CONFIG = """
defaults:
  handlers: [archive]
domains:
{domains}
handlers:
  archive: {{ plugin: jsonl, path: "{folder}/out/{{topic}}.jsonl" }}
  print: {{ plugin: stdout }}
"""


class Run(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory(prefix="busbar-run-")
        self.addCleanup(temporary.cleanup)
        self.folder = temporary.name
        self.broker = kit.Broker("--topic", f"{TOPIC}:{PARTITIONS}")
        self.addCleanup(self.broker.close)
        domains = "\n".join(f"  {domain}: {{ plugin: ownlens_{domain} }}" for domain in kit.DOMAINS)
        self.config = kit.write_config(self.folder, self.broker.bootstrap,
                                       CONFIG.format(domains=domains, folder=self.folder))

    def publish(self, event, lines):
        result = kit.busbar("publish", event, "-", "--config", self.config, stdin=b"\n".join(lines) + b"\n")
        self.assertEqual(result.returncode, 0, result.stderr.decode())

    def send_raw(self, topic, lines):
        """What a producer that knows nothing of contracts would send."""
        result = subprocess.run(["kcat", "-P", "-q", "-b", self.broker.bootstrap, "-t", topic, "-p", "0"],
                                input=b"\n".join(lines) + b"\n", env=kit.without_preload(), timeout=60)
        self.assertEqual(result.returncode, 0)

    def run_busbar(self, *arguments, expect=0, config=None):
        result = kit.busbar("run", "--config", config or self.config, *SHORT, *arguments)
        self.assertEqual(result.returncode, expect, result.stderr.decode())
        return result

    def summary(self, *arguments):
        """The summary of a run up to the end, checked."""
        summary = json.loads(self.run_busbar("--once", "--json", *arguments).stdout)
        for counts in [*summary["events"], summary["all"]]:
            self.assertTrue(counts["balances"], counts)
            self.assertEqual(counts["consumed"], counts["handled"] + counts["dropped"] + counts["dead_lettered"])
        return summary

    def written(self, topic):
        path = os.path.join(self.folder, "out", topic + ".jsonl")
        if not os.path.exists(path):
            return []
        with open(path, "rb") as file:
            return kit.json_lines(file.read())

    def start(self, *arguments, **more):
        process = kit.spawn("run", "--config", self.config, *SHORT, *arguments, **more)
        self.addCleanup(lambda: [stream.close() for stream in (process.stdin, process.stdout, process.stderr) if stream])
        self.addCleanup(lambda: process.poll() is None and (process.kill(), process.wait()))
        return process

    def test_the_ten_event_types_are_handled_and_committed(self):
        topics = {}
        for event in kit.EVENTS:
            lines = kit.generated(event, 20)
            self.publish(event, lines)
            topics[event] = len(lines)
        summary = self.summary()
        self.assertEqual(sorted(e["event"] for e in summary["events"]), sorted(kit.EVENTS))
        for counts in summary["events"]:
            self.assertEqual((counts["consumed"], counts["handled"]), (20, 20), counts)
            self.assertEqual(len(self.written(counts["topic"])), 20, counts)

    def test_refused_records_are_dead_letters_with_their_reason(self):
        good = kit.generated(EVENT, 3)
        self.send_raw(TOPIC, [good[0], b'{"event_type":', good[1], b'{"no":"event"}', b"[1,2]"])
        summary = self.summary("--only", EVENT)
        self.assertEqual(summary["all"]["handled"], 2)
        self.assertEqual(summary["all"]["dead_lettered"], 3)
        self.assertEqual(len(self.written(TOPIC)), 2)
        letters = {int(r["headers"]["busbar.offset"]): r for r in kit.consume(self.broker.bootstrap, TOPIC + ".dlq")}
        self.assertEqual(sorted(letters), [1, 3, 4])
        self.assertEqual(letters[1]["value"], b'{"event_type":')
        self.assertEqual(letters[1]["headers"]["busbar.keyword"], "malformed")
        self.assertEqual(letters[1]["headers"]["busbar.stage"], "parse")
        self.assertEqual(letters[3]["headers"]["busbar.keyword"], "required")
        self.assertEqual(letters[3]["headers"]["busbar.topic"], TOPIC)
        self.assertTrue(letters[4]["headers"]["busbar.plugin"].startswith("ownlens_customer "))

    def test_standard_output_belongs_to_its_handler(self):
        self.publish(EVENT, kit.generated(EVENT, 5))
        result = self.run_busbar("--once", "--only", EVENT, "--set", "defaults.handlers=[print]")
        self.assertEqual(len(kit.json_lines(result.stdout)), 5)
        self.assertIn("It balances.", result.stderr.decode())

    def test_signals_drain_and_exit_0(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(number=number):
                before = len(self.written(TOPIC))
                self.publish(EVENT, kit.generated(EVENT, 50))
                process = self.start("--only", EVENT, "--json")
                kit.wait_for(lambda: len(self.written(TOPIC)) >= before + 50, timeout=60)
                self.assertEqual(kit.stop(process, number), 0)
                summary = json.loads(process.stdout.read())
                self.assertTrue(summary["all"]["balances"])
                self.assertEqual(summary["all"]["handled"], 50)
        self.assertEqual(self.summary("--only", EVENT)["all"]["consumed"], 0)

    def test_a_signal_while_kafka_is_away_ends_at_once(self):
        port = kit.free_ports(1)
        process = self.start("--set", f"kafka.bootstrap.servers=127.0.0.1:{port}")
        line = process.stderr.readline().decode()
        while "not reachable" not in line:
            self.assertTrue(line, "it ended without a word about Kafka")
            line = process.stderr.readline().decode()
        self.assertEqual(kit.stop(process, timeout=10), 0)

    def test_kafka_that_is_away_is_exit_code_3_after_the_timeout(self):
        port = kit.free_ports(1)
        result = self.run_busbar("--timeout", "1s", "--set", f"kafka.bootstrap.servers=127.0.0.1:{port}", expect=3)
        self.assertIn(f"127.0.0.1:{port}", result.stderr.decode())

    def test_a_missing_topic_names_the_command_that_makes_it(self):
        result = self.run_busbar("--once", "--only", "audit.audit_log", "--set",
                                 "domains.audit.events.audit_log.topic=nowhere", expect=3)
        self.assertIn("topic nowhere does not exist", result.stderr.decode())
        self.assertIn("busbar topics apply", result.stderr.decode())

    def test_usage(self):
        for arguments, word in ((["--only", "customer.user_evnt"], "customer.user_event"),
                                (["--timeout", "soon"], "soon"), (["more"], "more")):
            with self.subTest(arguments):
                result = self.run_busbar(*arguments, expect=2)
                self.assertIn(word, result.stderr.decode())

    def on_terminal(self, rows, columns):
        """What a run shows on a terminal of that size until 30 events are handled."""
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        process = self.start("--only", EVENT, stderr=slave)
        os.close(slave)
        self.addCleanup(os.close, master)
        seen, end, stopped = b"", time.monotonic() + 60, False
        while time.monotonic() < end:
            if not select.select([master], [], [], 1)[0]:
                continue
            try:
                data = os.read(master, 65536)
            except OSError:  # the other side is closed
                break
            seen += data
            if not stopped and b" 30 " in seen and b"\x1b[" in seen:
                process.send_signal(signal.SIGINT)
                stopped = True
        self.assertEqual(process.wait(30), 0)
        return seen.decode()

    def test_the_table_on_a_terminal(self):
        self.publish(EVENT, kit.generated(EVENT, 30))
        text = self.on_terminal(30, 120)
        for word in ("event type", "in flight", "retries", EVENT, "records/s", "It balances."):
            self.assertIn(word, text)
        self.assertIn("\x1b[4A", text)

    def test_the_table_in_a_small_window(self):
        self.publish(EVENT, kit.generated(EVENT, 30))
        text = self.on_terminal(4, 50)
        self.assertIn("\x1b[3A", text)
        self.assertNotIn("\x1b[4A", text)
        plain = re.sub(r"\x1b\[[0-9]*[A-Za-z]", "", text)
        table = [line for line in plain.splitlines() if line.startswith("  ")]
        live = table[:-3]  # the summary behind it is not cut
        self.assertTrue(live)
        self.assertEqual([line for line in live if len(line) > 50], [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
