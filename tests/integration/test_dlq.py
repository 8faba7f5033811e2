#!/usr/bin/env python3
"""`busbar dlq` on the embedded broker: what it counts and shows, what it moves, and what it leaves alone."""
import base64
import datetime
import json
import os
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import kit  # noqa: E402

CONFIG = """
defaults: {{ handlers: [archive] }}
domains:
  customer: {{ plugin: ownlens_customer }}
  audit: {{ plugin: ownlens_audit }}
handlers:
  archive: {{ plugin: jsonl, path: "{folder}/{{topic}}.jsonl" }}
"""
# The embedded broker lets a group wait for members that have left until their session is over.
SHORT = ("--set", "kafka.session.timeout.ms=3000", "--set", "kafka.heartbeat.interval.ms=300")
GROUPS = [("parse", "malformed", 1), ("parse", "malformed", 1), ("validate", "required", 1), ("validate", "type", 1)]
OWN = ("stage", "reason", "pointer", "keyword", "plugin", "topic", "partition", "offset", "attempts", "time")


class Dlq(unittest.TestCase):
    """One broker for all; each test has topics of its own, except those that only look at the topic `shared`."""

    @classmethod
    def setUpClass(cls):
        temporary = tempfile.TemporaryDirectory(prefix="busbar-dlq-")
        cls.addClassCleanup(temporary.cleanup)
        cls.folder = temporary.name
        cls.broker = kit.Broker()
        cls.addClassCleanup(cls.broker.close)
        cls.has_shared = False

    def setUp(self):
        self.use(self.id().rsplit(".", 1)[1].replace("_", "-"))

    def use(self, topic):
        self.topic = topic
        self.config = kit.write_config(self.folder, self.broker.bootstrap, CONFIG.format(folder=self.folder), self.topic + ".yaml")
        self.sets = ("--set", f"domains.customer.events.user_event.topic={self.topic}",
                     "--set", f"domains.customer.events.user_event.consume.group={self.topic}")

    def busbar(self, *arguments, expect=0):
        result = kit.busbar(*arguments, "--config", self.config, *self.sets)
        self.assertEqual(result.returncode, expect, result.stderr.decode())
        return result

    def dlq(self, *arguments, expect=0):
        """A sub-command with --json: its lines."""
        return kit.json_lines(self.busbar("dlq", *arguments, "--json", expect=expect).stdout)

    def redrive(self, *arguments, expect=0):
        return self.dlq("redrive", "customer.user_event", *arguments, expect=expect)[0]

    def send(self, lines, topic=None, key="k1", partition=0, headers=("trace=a,b", "trace=c", "busbar.producer=web")):
        result = subprocess.run(["kcat", "-P", "-q", "-b", self.broker.bootstrap, "-t", topic or self.topic, "-p", str(partition),
                                 *(["-k", key] if key else []), *(part for header in headers for part in ("-H", header))],
                                input=b"\n".join(lines) + b"\n", env=kit.without_preload(), timeout=60)
        self.assertEqual(result.returncode, 0)

    def run_once(self, dead_letters):
        result = self.busbar("run", "--once", "--json", "--only", "customer.user_event", *SHORT)
        self.assertEqual(json.loads(result.stdout)["all"]["dead_lettered"], dead_letters)

    def read(self, topic):
        return kit.consume(self.broker.bootstrap, topic)

    def use_shared(self):
        """Four dead letters that every test finds as they are."""
        self.use("shared")
        if not self.has_shared:
            self.send([b"{\"\x1b[31m", b"\xff\xfe", b'{"no":"event"}'])
            self.send([b"[]"], key="k2")
            self.run_once(4)
            type(self).has_shared = True

    def test_list_counts_by_reason(self):
        self.use_shared()
        counts, = self.dlq("list", "customer.user_event")
        self.assertEqual((counts["topic"], counts["exists"], counts["count"], counts["other"]), (self.topic + ".dlq", True, 4, 0))
        self.assertEqual(sorted((r["stage"], r["keyword"], r["count"]) for r in counts["reasons"]), GROUPS)
        self.assertLessEqual(counts["first"], counts["last"])
        text = self.busbar("dlq", "list").stdout.decode()
        self.assertIn(f"{self.topic}.dlq: 4, from 20", text)
        self.assertIn("         1  validate required ", text)
        self.assertEqual(len(self.dlq("list")), 2, "a topic for each enabled event type")
        self.assertEqual(self.dlq("list", self.topic, "--keyword", "required")[0]["count"], 1)
        nothing, = self.dlq("list", "nothing-here")
        self.assertEqual((nothing["exists"], nothing["count"], nothing["first"]), (False, 0, "-"))

    def test_show_has_place_reason_headers_and_bytes(self):
        self.use_shared()
        records = self.dlq("show", "customer.user_event", "--key", "k1")
        self.assertEqual([r["dead_letter"]["offset"] for r in records], ["0", "1", "2"])
        first, second, third = records
        self.assertEqual((first["value"], first["key"], first["hops"]), ("{\"\x1b[31m", "k1", 0))
        self.assertEqual(base64.b64decode(second["value_base64"]), b"\xff\xfe")
        self.assertEqual(third["dead_letter"]["keyword"], "required")
        self.assertEqual(third["headers"][:3], [{"name": "trace", "value": "a,b"}, {"name": "trace", "value": "c"},
                                                {"name": "busbar.producer", "value": "web"}])
        self.assertEqual({h["name"] for h in third["headers"][3:]}, {"busbar." + name for name in OWN})
        text = self.busbar("dlq", "show", "customer.user_event").stdout
        self.assertNotIn(b"\x1b", text)
        self.assertIn(f"{self.topic}.dlq {first['partition']}:{first['offset']}".encode(), text)
        self.assertIn(b"header     busbar.producer = web", text)
        place = f"{second['partition']}:{second['offset']}"
        self.assertEqual(self.dlq("show", "customer.user_event", "--offset", place), [second])
        self.assertIn(b"\xff\xfe\n", self.busbar("dlq", "show", "customer.user_event", "--offset", place, "--payload").stdout)
        self.assertEqual(self.dlq("show", "customer.user_event", "--max", "1", "--key", "k1"), [first])
        self.assertIn(b"there are more", self.busbar("dlq", "show", self.topic, "--max", "1").stderr)

    def test_redrive_sends_the_original_back_once(self):
        self.send([b"{1", b"{2"])
        self.send([b"{3"], key=None)
        self.run_once(3)
        before = self.read(self.topic)
        plan = self.redrive("--dry-run")
        self.assertEqual((plan["dry_run"], plan["sent"]), (True, 3))
        self.assertEqual(self.read(self.topic), before, "a dry run changes nothing")
        first_line = self.busbar("dlq", "redrive", "customer.user_event", "--dry-run").stderr
        self.assertIn(b"3 dead letters from the beginning on, as no progress of an earlier run is kept", first_line)
        done = self.redrive("--max", "2")
        self.assertEqual((done["sent"], done["parked"], done["refused"], done["complete"]), (2, 0, 0, True))
        done = self.redrive()
        self.assertEqual((done["total"], done["sent"]), (1, 1))
        self.assertEqual(self.redrive()["sent"], 0, "each dead letter goes back once")
        places = {(r["partition"], r["offset"]) for r in before}
        again = [r for r in self.read(self.topic) if (r["partition"], r["offset"]) not in places]

        def whole(record, **more):
            return record["timestamp"], record["key"] or None, record["value"], sorted({**record["headers"], **more}.items())
        self.assertEqual(sorted(whole(r) for r in again if r["key"]),
                         sorted(whole(r, **{"busbar.hops": "1"}) for r in before if r["key"]))
        self.assertEqual([r["value"] for r in again if not r["key"]], [b"{3"])
        self.assertIn(b"0 dead letters behind those of earlier runs", self.busbar("dlq", "redrive", "customer.user_event").stderr)

    def test_the_third_return_is_parked(self):
        self.send([b"{"], headers=("trace=a", "trace=b", "busbar.producer=web", "busbar.reason=of an earlier dead letter", "busbar.time=then"))
        self.run_once(1)
        first, = self.dlq("show", "customer.user_event")
        self.assertEqual(sorted(h["name"] for h in first["headers"]),
                         sorted(["trace", "trace", "busbar.producer", *("busbar." + name for name in OWN)]), "none is there twice")
        self.assertTrue(first["dead_letter"]["reason"] and "earlier" not in first["dead_letter"]["reason"])
        for hops in ("1", "2"):
            self.assertEqual(self.redrive()["sent"], 1)
            self.run_once(1)
            last = [r for r in self.dlq("show", "customer.user_event") if str(r["hops"]) == hops]
            self.assertEqual(len(last), 1)
            names = [h["name"] for h in last[0]["headers"]]
            self.assertEqual(names.count("trace"), 2)
            for name in ("hops", *OWN):
                self.assertEqual(names.count("busbar." + name), 1, name)
        self.assertEqual(self.redrive("--dry-run", expect=1)["parked"], 1)
        done = self.redrive(expect=1)
        self.assertEqual((done["sent"], done["parked"]), (0, 1))
        parked, = self.read(self.topic + ".parked")
        self.assertEqual((parked["value"], parked["headers"]["busbar.hops"]), (b"{", "2"))
        self.assertIn("twice", parked["headers"]["busbar.parked"])
        self.assertEqual(parked["headers"]["busbar.keyword"], "malformed")
        self.assertEqual(len(self.read(self.topic)), 3)
        self.assertEqual(self.redrive()["parked"], 0)

    def test_park_with_filters_takes_what_matches(self):
        self.use_shared()
        for arguments, count in ((["--keyword", "nothing"], 0), (["--reason", "no such reason"], 0), (["--key", "k2"], 1),
                                 (["--stage", "validate", "--key", "k1"], 1), (["--plugin", "ownlens_customer"], 4), (["--plugin", "ownlens"], 0),
                                 (["--since", "1h"], 4), (["--until", "1h"], 0),
                                 (["--since", (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)).isoformat()], 0)):
            with self.subTest(arguments):
                done, = self.dlq("park", "customer.user_event", "--dry-run", *arguments)
                self.assertEqual((done["parked"], done["left"]), (count, 4 - count))
        done, = self.dlq("park", "customer.user_event", "--key", "k2")
        self.assertEqual((done["parked"], done["left"]), (1, 3))
        parked, = self.read(self.topic + ".parked")
        self.assertEqual((parked["key"], parked["value"]), (b"k2", b"[]"))
        self.assertEqual(len(self.read(self.topic + ".dlq")), 4, "nothing is deleted")
        result = self.busbar("dlq", "park", "customer.user_event", "--key", "k2")
        self.assertIn(b"no progress is kept", result.stderr)
        self.assertEqual(self.dlq("park", "customer.user_event")[0]["parked"], 4, "filters keep no progress")

    def test_other_targets_need_leave(self):
        self.send([b"old"], topic=self.topic + ".dlq", headers=("busbar.topic=retired-" + self.topic,))
        self.send([b"behind"], topic=self.topic + ".dlq", headers=("busbar.topic=" + self.topic,))
        done = self.redrive(expect=1)
        self.assertEqual((done["sent"], done["refused"]), (0, 1))
        said = self.busbar("dlq", "redrive", "customer.user_event", expect=1).stderr.decode()
        self.assertIn(f"0:0 from retired-{self.topic} is refused", said)
        self.assertIn("--park-refused", said)
        self.assertEqual(self.redrive(expect=1)["refused"], 1, "progress does not pass what was left behind")
        done = self.redrive("--allow-target", "retired-" + self.topic, expect=1)
        self.assertEqual((done["sent"], done["refused"]), (0, 1), "that topic is not there")
        self.send([b"here"], topic="retired-" + self.topic)
        self.send([b"here"])
        self.assertEqual(self.redrive("--allow-target", "retired-" + self.topic)["sent"], 2)
        self.assertEqual([r["value"] for r in self.read("retired-" + self.topic) if "busbar.hops" in r["headers"]], [b"old"])
        self.send([b"foreign"], topic=self.topic + ".dlq", headers=())
        self.assertEqual(self.redrive(expect=1)["refused"], 1)
        self.assertEqual(self.redrive("--park-refused", expect=1)["parked"], 1)
        parked, = self.read(self.topic + ".parked")
        self.assertIn("busbar.topic", parked["headers"]["busbar.parked"])
        self.assertEqual(self.redrive()["read"], 0)

    def test_rate_is_kept(self):
        self.send([b"{"], headers=())
        self.send([b"{"] * 8, topic=self.topic + ".dlq", headers=("busbar.topic=" + self.topic,))
        start = datetime.datetime.now()
        self.assertEqual(self.redrive("--rate", "8")["sent"], 8)
        self.assertGreater((datetime.datetime.now() - start).total_seconds(), 0.8)

    def test_a_signal_ends_after_what_is_in_hand(self):
        self.send([b"{"], headers=())
        self.send([b"{%d" % i for i in range(40)], topic=self.topic + ".dlq", headers=("busbar.topic=" + self.topic,))
        process = kit.spawn("dlq", "redrive", "customer.user_event", "--json", "--rate", "10", "--config", self.config, *self.sets)
        kit.wait_for(lambda: len(self.read(self.topic)) > 5)
        code = kit.stop(process)
        with process:
            summary, = kit.json_lines(process.stdout.read())
            self.assertEqual((code, summary["complete"]), (0, False), process.stderr.read())
        self.assertLess(summary["sent"], 40)
        self.assertEqual(self.redrive()["sent"], 40 - summary["sent"])
        back = [r["value"] for r in self.read(self.topic) if "busbar.hops" in r["headers"]]
        self.assertEqual(sorted(back), sorted(b"{%d" % i for i in range(40)), "each once")

    def test_usage(self):
        for arguments, word in (([], "list, show, redrive, park"), (["shw"], "shw"), (["redrive"], "EVENT"),
                                (["redrive", "customer.user_evnt"], "customer.user_event"), (["list", "--payload"], "--payload"),
                                (["show", "--dry-run"], "--dry-run"), (["show", "--since", "soon"], "soon"),
                                (["show", "--offset", "3"], "3:1024"), (["park", "customer.user_event", "--allow-target", "x"],
                                                                       "--allow-target"),
                                (["redrive", "customer.user_event", "--rate", "-1"], "--rate")):
            with self.subTest(arguments):
                self.assertIn(word, self.busbar("dlq", *arguments, expect=2).stderr.decode())

    def test_kafka_that_is_away_is_exit_code_3(self):
        port = kit.free_ports(1)
        for arguments in (["list"], ["redrive", "customer.user_event"]):
            result = self.busbar("dlq", *arguments, "--timeout", "300ms", "--set", f"kafka.bootstrap.servers=127.0.0.1:{port}", expect=3)
            self.assertIn(str(port), result.stderr.decode())


if __name__ == "__main__":
    unittest.main()
