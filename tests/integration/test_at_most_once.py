#!/usr/bin/env python3
"""`delivery: at_most_once` on the embedded broker: a process that is killed again and again handles no event twice, and what a drain
gives up is told."""
import json
import os
import random
import re
import signal
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import kit  # noqa: E402

EVENT, TOPIC, PARTITIONS, EVENTS, KILLS, IN_FLIGHT = "customer.user_event", "customer-user-events", 4, 20000, 4, 400
# The embedded broker lets a group wait for members that have left until their session is over.
SHORT = ("--set", "kafka.session.timeout.ms=3000", "--set", "kafka.heartbeat.interval.ms=300")
CONFIG = """
drain: {drain}
domains:
  customer:
    plugin: ownlens_customer
    events:
      user_event:
        handlers: [{handler}]
        consume: {{ delivery: at_most_once, concurrency: 3, flush_interval: 20ms, in_flight_records: {in_flight}, batch_records: 50,
                   retry: {{ initial: 50ms, max: 100ms }} }}
handlers:
  archive: {{ plugin: jsonl, path: "{folder}/out.jsonl", format: record }}
  away: {{ plugin: http, url: "http://127.0.0.1:{port}/" }}
"""


class AtMostOnce(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory(prefix="busbar-once-")
        self.addCleanup(temporary.cleanup)
        self.folder = temporary.name
        self.broker = kit.Broker("--topic", f"{TOPIC}:{PARTITIONS}")
        self.addCleanup(self.broker.close)
        self.port = kit.free_ports(1)
        self.config = self.configure("archive", "10s")

    def configure(self, handler, drain):
        return kit.write_config(self.folder, self.broker.bootstrap,
                                CONFIG.format(folder=self.folder, handler=handler, drain=drain, in_flight=IN_FLIGHT, port=self.port))

    def publish(self, count):
        result = kit.busbar("publish", EVENT, "-", "--config", self.config, stdin=b"\n".join(kit.generated(EVENT, count)) + b"\n")
        self.assertEqual(result.returncode, 0, result.stderr.decode())

    def handled(self):
        """Partition and offset of every whole line of the output; a process that was killed may leave a part of one."""
        path = os.path.join(self.folder, "out.jsonl")
        if not os.path.exists(path):
            return []
        with open(path, "rb") as file:
            whole = file.read().split(b"\n")[:-1]
        places = []
        for line in whole:
            try:
                record = json.loads(line)
            except ValueError:
                continue  # the beginning of it is what the kill left
            places.append((record["partition"], record["offset"]))
        return places

    def lines(self):
        """As many as are written; cheap, so that a kill comes before all events are through."""
        path = os.path.join(self.folder, "out.jsonl")
        if not os.path.exists(path):
            return 0
        with open(path, "rb") as file:
            return file.read().count(b"\n")

    def start(self, *more):
        with open(os.path.join(self.folder, "log"), "ab") as log:
            process = kit.spawn("run", "--config", self.config, *SHORT, *more, stderr=log)
        self.addCleanup(lambda: [stream.close() for stream in (process.stdin, process.stdout) if stream])
        self.addCleanup(lambda: process.poll() is None and (process.kill(), process.wait()))
        return process

    def once(self):
        result = kit.busbar("run", "--config", self.config, *SHORT, "--once", "--json", timeout=180)
        self.assertEqual(result.returncode, 0, result.stderr.decode())
        return json.loads(result.stdout)["all"]

    def test_a_killed_process_handles_nothing_twice(self):
        chance = random.Random(7)
        self.publish(EVENTS)
        for _ in range(KILLS):
            enough = self.lines() + chance.randrange(200, 1500)
            process = self.start()
            kit.wait_for(lambda: self.lines() > enough, timeout=60, every=0.01)
            process.kill()
            process.wait()
        killed_at = len(self.handled())
        self.assertLess(killed_at, EVENTS, "the kills came too late to show anything")
        self.once()
        places = self.handled()
        self.assertEqual(len(places), len(set(places)), "an event was handled twice")
        missing = EVENTS - len(places)
        # a part of a line joins the one behind it, so a kill may cost one more
        self.assertLessEqual(missing, KILLS * (IN_FLIGHT + 1), "more is missing than was in hand")
        self.assertEqual(self.once()["consumed"], 0)

    def test_what_a_drain_gives_up_is_told_and_gone(self):
        self.config = self.configure("away", "300ms")
        self.publish(40)
        process = self.start("--json")

        def committed():
            result = kit.busbar("offsets", "show", EVENT, "--config", self.config, "--json")
            return sum(max(line["committed"] or 0, 0) for line in kit.json_lines(result.stdout)) == 40
        kit.wait_for(committed, timeout=60, every=0.2)
        self.assertEqual(kit.stop(process), 0)
        with open(os.path.join(self.folder, "log"), encoding="utf-8") as log:
            told = re.findall(r" (\d+) records are lost: their offsets are committed and they were not handled", log.read())
        self.assertEqual(sum(map(int, told)), 40)  # the lanes may give up one after the other
        counts = json.loads(process.stdout.read())["all"]
        self.assertEqual((counts["consumed"], counts["handled"], counts["lost"], counts["balances"]), (0, 0, 40, True))
        self.config = self.configure("archive", "10s")
        counts = self.once()
        self.assertEqual((counts["consumed"], counts["lost"]), (0, 0))

    def test_check_says_what_it_means(self):
        result = kit.busbar("check", "--config", self.config)
        self.assertEqual(result.returncode, 0, result.stderr.decode())
        self.assertIn(b"the process dies are lost, and none is handled again", result.stdout)
        self.assertNotIn(b"may get events again", result.stdout)


if __name__ == "__main__":
    unittest.main()
