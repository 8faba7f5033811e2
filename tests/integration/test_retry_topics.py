#!/usr/bin/env python3
"""Retry topics: nothing before it is due, nothing lost, the record and its place as they were, seen by nobody else."""
import collections
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import kit  # noqa: E402
from handlerkit import EVENT, TOPIC, HandlerTest, main  # noqa: E402

GROUP = EVENT
FIRST, SECOND = f"{TOPIC}.{GROUP}.retry.1", f"{TOPIC}.{GROUP}.retry.2"
DELAYS = (0.8, 1.5)
# Fails as often as the member `fails` says; notes what it saw, and when.
FLAKY = """
import json, os, signal, sys, time
for line in sys.stdin:
    message = json.loads(line)
    message["now"] = time.time()
    with open("seen", "a") as out:
        out.write(json.dumps(message) + "\\n")
    if message["attempt"] > 1 and "kills" in message["value"]:
        os.kill(os.getppid(), signal.SIGSEGV)
        sys.exit(1)
    if message["attempt"] <= message["value"].get("fails", 0):
        print(json.dumps({"verdict": "retry", "reason": "not yet at try %d" % message["attempt"]}), flush=True)
    else:
        print("pass", flush=True)
"""


class RetryTopics(HandlerTest):
    partitions = 2
    consume = {"flush_interval": "50ms", "commit_interval": "100ms",
               "retry": {"mode": "topics", "delays": ["800ms", "1500ms"]}}

    def setUp(self):
        super().setUp()
        self.handler = {"plugin": "exec", "command": [sys.executable, self.script("flaky.py", FLAKY)], "cwd": self.folder}

    def seen(self):
        found = collections.defaultdict(list)
        for message in self.lines("seen"):
            found[message["value"]["id"]].append(message)
        return found

    def events(self, count, fails):
        return [{"id": f"e{i}", "amount": fails} | ({"fails": fails} if fails else {}) for i in range(count)]

    def until_seen(self, count, timeout=60):
        kit.wait_for(lambda: len(self.lines("seen")) >= count, timeout)

    def records(self, topic):
        """Of a topic that may not be there."""
        return kit.consume(self.broker.bootstrap, topic)

    def test_a_record_comes_back_when_it_is_due_as_what_it_was(self):
        with open(self.path("order.json"), "w") as out:
            json.dump({"type": "object", "required": ["id"], "properties": {
                "made": {"type": "string", "x-busbar-generate": "uuid4"}, "at": {"type": "string", "x-busbar-generate": "now"}}}, out)
        self.config()
        self.send(self.events(6, fails=2))
        self.send([{"id": f"good{i}"} for i in range(20)])
        process = self.start("--admin", "127.0.0.1:0")
        self.until_seen(20 + 6 * 3)
        self.assertEqual(kit.stop(process), 0, self.text("log"))
        source = {(r["partition"], r["offset"]): r for r in self.records(TOPIC)}
        for name, tries in self.seen().items():
            if name.startswith("good"):
                self.assertEqual(len(tries), 1)
                continue
            self.assertEqual([t["attempt"] for t in tries], [1, 2, 3], tries)
            for before, after, delay in zip(tries, tries[1:], DELAYS):
                self.assertGreaterEqual(after["now"] - before["now"], delay)
            self.assertTrue(tries[0]["value"]["made"] and tries[0]["value"]["at"])
            for one in tries:
                self.assertEqual(one["value"], tries[0]["value"], "what is generated is the same at each try")
                self.assertEqual({k: one[k] for k in ("event", "topic", "partition", "offset", "timestamp", "key")},
                                 {k: tries[0][k] for k in ("event", "topic", "partition", "offset", "timestamp", "key")})
        self.assertEqual(self.records(TOPIC + ".dlq") if self.exists(TOPIC + ".dlq") else [], [])
        for topic, reason, tier in ((FIRST, "try 1", "1"), (SECOND, "try 2", "2")):
            copies = self.records(topic)
            self.assertEqual(len(copies), 6)
            for copy in copies:
                headers = copy["headers"]
                original = source[int(headers["busbar.partition"]), int(headers["busbar.offset"])]
                self.assertEqual((copy["key"], copy["value"]), (original["key"], original["value"]))
                self.assertEqual(headers["busbar.topic"], TOPIC)
                self.assertEqual(int(headers["busbar.timestamp"]), original["timestamp"])
                self.assertIn(reason, headers["busbar.reason"])
                self.assertIn("try 1", headers["busbar.first_reason"])
                self.assertEqual((headers["busbar.retry_tier"], headers["busbar.attempts"]), (tier, tier))

    def exists(self, topic):
        listed = subprocess.run(["kcat", "-L", "-J", "-b", self.broker.bootstrap], capture_output=True, timeout=60,
                                env=kit.without_preload(), check=True)
        return topic in {t["topic"] for t in json.loads(listed.stdout)["topics"]}

    def test_after_the_last_retry_topic_it_is_a_dead_letter_of_its_own_topic(self):
        self.config()
        self.send(self.events(3, fails=99))
        process = self.start()
        self.until_seen(9)
        kit.wait_for(lambda: self.exists(TOPIC + ".dlq") and len(self.letters()) == 3)
        self.assertEqual(kit.stop(process), 0, self.text("log"))
        source = {(r["partition"], r["offset"]): r for r in self.records(TOPIC)}
        for letter in self.letters():
            headers = letter["headers"]
            original = source[int(headers["busbar.partition"]), int(headers["busbar.offset"])]
            self.assertEqual((letter["key"], letter["value"], letter["timestamp"]),
                             (original["key"], original["value"], original["timestamp"]))
            self.assertEqual((headers["busbar.topic"], headers["busbar.attempts"]), (TOPIC, "3"))
            self.assertIn("try 3", headers["busbar.reason"])
            self.assertIn("try 1", headers["busbar.first_reason"])
            self.assertLess(headers["busbar.first_time"], headers["busbar.time"])
            self.assertFalse([h for h in headers if h.startswith("busbar.retry") or h == "busbar.timestamp"], headers)

    def test_another_group_never_sees_what_is_tried_again(self):
        self.config()
        config = json.loads(self.text("busbar.yaml"))
        config["domains"]["spy"] = {"events": {"order": {
            "schema": "order.json", "topic": TOPIC, "consume": {"retry": {"mode": "memory"}}, "handlers": ["file"]}}}
        config["handlers"]["file"] = {"plugin": "jsonl", "path": self.path("spy.jsonl")}
        with open(self.path("busbar.yaml"), "w") as out:
            json.dump(config, out)
        self.send(self.events(10, fails=1))
        process = self.start()
        self.until_seen(20)
        self.assertEqual(kit.stop(process), 0, self.text("log"))
        self.assertEqual(sorted(line["id"] for line in self.lines("spy.jsonl")), sorted(f"e{i}" for i in range(10)))

    def test_a_kill_in_the_middle_loses_nothing(self):
        self.config(retry={"mode": "topics", "delays": ["300ms", "600ms"]})
        count = 60
        self.send(self.events(count, fails=2))
        for wanted in (count // 2, count, count * 2):
            process = self.start()
            self.until_seen(wanted)
            process.send_signal(signal.SIGKILL)
            process.wait()
        process = self.start()
        kit.wait_for(lambda: sum(max(t["attempt"] for t in tries) == 3 for tries in self.seen().values()) == count, 90)
        self.assertEqual(kit.stop(process), 0, self.text("log"))
        for tries in self.seen().values():
            begun = {}
            for one in tries:
                self.assertTrue(one["attempt"] == 1 or
                                one["now"] - begun[one["attempt"] - 1] >= (0.3, 0.6)[one["attempt"] - 2], tries)
                begun.setdefault(one["attempt"], one["now"])
        counts = self.run_once()
        self.assertEqual(counts["dead_lettered"], 0)

    def test_what_kills_the_worker_from_a_retry_topic_is_a_dead_letter(self):
        self.config(retry={"mode": "topics", "delays": ["300ms"]})
        self.send([{"id": "bad", "fails": 1, "kills": True}, *self.events(8, fails=1)])
        process = self.start()
        kit.wait_for(lambda: self.exists(TOPIC + ".dlq") and self.crashes(), 90)
        kit.wait_for(lambda: sum(max(t["attempt"] for t in tries) == 2 for tries in self.seen().values()) == 9, 60)
        self.assertEqual(kit.stop(process), 0, self.text("log"))
        ((value, headers),) = self.crashes()
        source = {r["value"].decode(): r for r in self.records(TOPIC)}[value]
        self.assertIn('"kills"', value)
        self.assertEqual((headers["busbar.topic"], int(headers["busbar.partition"]), int(headers["busbar.offset"])),
                         (TOPIC, source["partition"], source["offset"]))
        self.assertEqual((headers["busbar.keyword"], headers["busbar.signal"]), ("crash", "SIGSEGV"))

    def crashes(self):
        """The dead letters as (value, headers): the stack in a header has lines of its own."""
        result = subprocess.run(["kcat", "-C", "-q", "-e", "-J", "-b", self.broker.bootstrap, "-t", TOPIC + ".dlq"],
                                capture_output=True, env=kit.without_preload(), timeout=60)
        return [(line["payload"], dict(zip(line["headers"][::2], line["headers"][1::2]))) for line in kit.json_lines(result.stdout)]

    def test_once_leaves_what_is_not_due_for_the_next_run(self):
        self.config(retry={"mode": "topics", "delays": ["15s"]})
        self.send(self.events(5, fails=1))
        counts = self.run_once()
        self.assertEqual((counts["consumed"], counts["deferred"], counts["handled"]), (5, 5, 0))
        counts = self.run_once()
        self.assertEqual((counts["consumed"], counts["deferred"]), (0, 0))
        time.sleep(max(0, max(line["now"] for line in self.lines("seen")) + 15.1 - time.time()))
        counts = self.run_once()
        self.assertEqual((counts["consumed"], counts["handled"]), (5, 5))

    def test_status_and_metrics_tell_what_waits(self):
        self.config(retry={"mode": "topics", "delays": ["1h"]})
        port = kit.free_ports(1)
        self.send(self.events(4, fails=1))
        process = self.start("--admin", f"127.0.0.1:{port}")

        def get(path):
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
                return answer.read().decode()

        def tier():
            try:
                return json.loads(get("/status"))["events"][0]["retry_topics"][0]
            except (OSError, LookupError):
                return {"waiting": None}
        kit.wait_for(lambda: tier()["waiting"] == 4 and tier()["next_due_ms"])
        found = tier()
        self.assertEqual((found["topic"], found["group"], found["tier"], found["delay_ms"]), (FIRST, GROUP + ".retry.1", 1, 3600000))
        self.assertTrue(0 < found["next_due_ms"] / 1000 - time.time() <= 3600, found)
        metrics = get("/metrics")
        self.assertIn(f'busbar_records_total{{event="{EVENT}",verdict="deferred"}} 4\n', metrics)
        self.assertIn(f'busbar_retry_waiting_records{{event="{EVENT}",tier="1"}} 4\n', metrics)
        due = [line for line in metrics.splitlines() if line.startswith("busbar_retry_next_due_seconds{")]
        self.assertTrue(3500 < float(due[0].split()[-1]) <= 3600, due)
        self.assertEqual(kit.stop(process), 0, self.text("log"))

    def test_check_and_topics_tell_of_them(self):
        self.config(retry={"mode": "topics", "delays": ["10s", "1m"], "topics": ["later", "much-later"]})
        report = json.loads(self.busbar("check", "--json"))["events"][0]
        self.assertEqual(report["retry_topics"], [
            {"topic": "later", "group": GROUP + ".retry.1", "delay_ms": 10000},
            {"topic": "much-later", "group": GROUP + ".retry.2", "delay_ms": 60000}])
        self.assertIn("later (10s, group shop.order.retry.1), much-later (60s,", self.busbar("check"))
        planned = self.busbar("topics", "plan", "--json", expect=(1,))
        needed = {line["topic"]: line["use"] for line in map(json.loads, planned.splitlines())}
        self.assertEqual(needed, {TOPIC: "events", TOPIC + ".dlq": "dead_letter", "later": "retry", "much-later": "retry"})
        self.busbar("topics", "apply")
        self.assertTrue(self.exists("later") and self.exists("much-later"))

    def busbar(self, *arguments, expect=(0,)):
        result = kit.busbar(*arguments, "--config", self.path("busbar.yaml"))
        self.assertIn(result.returncode, expect, result.stderr.decode())
        return result.stdout.decode() if expect < (2,) else result.stderr.decode()

    def test_what_cannot_hold_is_refused(self):
        topics = {"mode": "topics", "delays": ["1s"]}
        for retry, more, reason in (
                ({"mode": "topics"}, {}, "has no `delays`"),
                ({**topics, "attempts": 3}, {}, "the number of `delays` says how often"),
                ({**topics, "keep_order": True}, {"order": "none"}, "`retry.keep_order` has nothing to keep"),
                ({**topics, "topics": ["a", "b"]}, {}, "`retry.topics` has 2 names and `retry.delays` 1 delay"),
                ({**topics, "topics": [TOPIC]}, {}, "is also its topic"),
                ({**topics, "delays": ["0s"]}, {}, "expected a duration above 0"),
                ({**topics, "delays": []}, {}, "delays"),
                (topics, {"delivery": "exactly_once"}, "needs `delivery: at_least_once`")):
            with self.subTest(reason=reason):
                self.config(retry=retry, **more)
                self.assertIn(reason, self.busbar("check", expect=(2, 4)))
        if os.path.exists(os.path.join(kit.BUILD, "lib", "busbar", "plugins", "handler_postgresql.so")):
            flaky, self.handler = self.handler, {"plugin": "postgresql"}
            self.config(retry=topics)
            self.handler = flaky
            self.assertIn("handler 'store' keeps offsets with its data", self.busbar("check", expect=(2, 4)))
        self.config(retry={**topics, "create": False})
        process = self.start()
        kit.wait_for(lambda: f"topic {FIRST} does not exist; `busbar topics apply` makes it" in self.text("log"))
        self.assertEqual(kit.stop(process), 0, self.text("log"))


if __name__ == "__main__":
    main()
