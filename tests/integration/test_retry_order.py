#!/usr/bin/env python3
"""Retry topics with keep_order: of each key the records are handled in their order, and other keys do not wait."""
import collections
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import kit  # noqa: E402
from handlerkit import EVENT, TOPIC, HandlerTest, main  # noqa: E402

FIRST = f"{TOPIC}.{EVENT}.retry.1"
# Fails as often as the member `fails` says; notes what it saw, and when.
FLAKY = """
import json, sys, time
for line in sys.stdin:
    message = json.loads(line)
    fails = message["attempt"] <= message["value"].get("fails", 0)
    headers = message.get("headers") or {}
    with open("seen", "a") as out:
        out.write(json.dumps({"key": message["key"], "partition": message["partition"], "offset": message["offset"], "fails": fails,
                              "id": message["value"]["id"], "attempt": message["attempt"], "headers": headers,
                              "now": time.time()}) + "\\n")
    print(json.dumps({"verdict": "retry", "reason": "not yet"}) if fails else "pass", flush=True)
"""


def inversions(seen, last=False):
    """Pairs of records of a key that appear first (`last`: are seen last) in the wrong order."""
    found, places = 0, collections.defaultdict(dict)
    for at, one in enumerate(seen):
        place = places[one["partition"], one["key"]]
        if last or one["offset"] not in place:
            place[one["offset"]] = at
    for place in places.values():
        order = [at for _, at in sorted(place.items())]
        found += sum(a > b for a, b in zip(order, order[1:]))
    return found


class RetryOrder(HandlerTest):
    partitions = 3
    consume = {"flush_interval": "50ms", "commit_interval": "100ms", "concurrency": 3,
               "retry": {"mode": "topics", "delays": ["1s", "1500ms"], "keep_order": True}}

    def setUp(self):
        super().setUp()
        self.handler = {"plugin": "exec", "command": [sys.executable, self.script("flaky.py", FLAKY)], "cwd": self.folder}

    def seen(self):
        return self.lines("seen")

    def passed(self):
        return {(one["partition"], one["offset"]) for one in self.seen() if not one["fails"]}

    def events(self, count, first=0, **more):
        return [{"id": f"e{first + i}"} | more for i in range(count)]

    def failing(self, count, fails, first=0):
        """The first of `count` fails."""
        return [{"id": f"e{first + i}"} | ({} if i else {"fails": fails}) for i in range(count)]

    def check_order(self, last=True):
        seen = self.seen()
        self.assertEqual(inversions(seen), 0, "first appearance")
        if last:
            self.assertEqual(inversions(seen, last=True), 0, "last word")

    def test_the_check_sees_an_inversion(self):
        def at(key, *offsets):
            return [{"partition": 0, "key": key, "offset": offset} for offset in offsets]
        self.assertEqual(inversions(at("a", 0, 1, 2) + at("b", 3, 4)), 0)
        self.assertEqual(inversions(at("a", 1, 0)), 1)
        self.assertEqual((inversions(at("a", 0, 1, 0)), inversions(at("a", 0, 1, 0), last=True)), (0, 1))

    def test_later_records_of_a_key_come_behind_and_other_keys_go_on(self):
        self.config()
        self.send(self.failing(20, 2), key="bad")
        self.send(self.events(200, 1000))
        begun = time.time()
        process = self.start()
        kit.wait_for(lambda: len(self.passed()) >= 200)
        self.send(self.events(10, 100), key="bad")
        self.send(self.events(100, 2000))
        kit.wait_for(lambda: len(self.passed()) == 330, 60)
        others = [one["now"] for one in self.seen() if one["key"] != "bad"]
        bad = [one for one in self.seen() if one["key"] == "bad"]
        self.assertLess(max(others), [one["now"] for one in bad if one["id"] == "e0"][2], "they waited for the other key")
        self.assertEqual([one["attempt"] for one in bad if one["id"] == "e0"], [1, 2, 3])
        self.assertTrue(all(one["attempt"] == 1 for one in bad if one["id"] != "e0"))
        self.assertFalse([one for one in self.seen() if any(name.startswith("busbar.") for name in one["headers"])])
        self.check_order()
        self.assertGreater(time.time() - begun, 2.5)
        # once all of it is done the key is as any other
        time.sleep(3.5)
        before = len(kit.consume(self.broker.bootstrap, FIRST))
        self.send(self.events(5, 200), key="bad")
        kit.wait_for(lambda: len(self.passed()) == 335)
        self.assertEqual(kit.stop(process), 0, self.text("log"))
        self.assertEqual(len(kit.consume(self.broker.bootstrap, FIRST)), before)
        self.check_order()

    def test_followers_say_so_and_are_as_they_were(self):
        self.config()
        self.send(self.failing(3, 1), key="bad", partition=1)
        process = self.start()
        kit.wait_for(lambda: len(self.passed()) == 3)
        self.assertEqual(kit.stop(process), 0, self.text("log"))
        copies = kit.consume(self.broker.bootstrap, FIRST)
        self.assertEqual([int(copy["headers"]["busbar.offset"]) for copy in copies], [0, 1, 2])
        self.assertEqual([copy["headers"].get("busbar.retry_follows") for copy in copies], [None, "1", "1"])
        self.assertEqual([copy["headers"]["busbar.attempts"] for copy in copies], ["1", "0", "0"])
        self.assertEqual(len({copy["partition"] for copy in copies}), 1)
        self.check_order()

    def test_what_always_fails_is_a_dead_letter_and_those_behind_it_go_on(self):
        self.config()
        self.send(self.failing(15, 99), key="bad")
        process = self.start()
        kit.wait_for(lambda: len(self.passed()) == 14, 60)
        kit.wait_for(lambda: self.count(TOPIC + ".dlq") == 1)
        self.assertEqual(kit.stop(process), 0, self.text("log"))
        self.assertIn(b'"e0"', self.letters()[0]["value"])
        self.assertEqual(self.letters()[0]["headers"]["busbar.attempts"], "3")
        self.assertFalse([name for name in self.letters()[0]["headers"] if name.startswith("busbar.retry")])
        self.check_order()

    def test_followers_that_fail_themselves_keep_their_place_and_have_as_many_tries(self):
        self.config()
        events = [{"id": f"e{i}"} | ({"fails": 1 + i % 2} if i % 3 == 0 else {}) for i in range(30)] + [{"id": "e30", "fails": 99}]
        self.send(events, key="a")
        self.send(events, key="b")
        process = self.start()
        kit.wait_for(lambda: len(self.passed()) == 60, 90)
        kit.wait_for(lambda: self.count(TOPIC + ".dlq") == 2)
        self.assertEqual(kit.stop(process), 0, self.text("log"))
        for one in self.letters():
            self.assertGreaterEqual(int(one["headers"]["busbar.attempts"]), 3)
        self.check_order()

    def count(self, topic):
        """Records of a topic that may not be there."""
        listed = subprocess.run(["kcat", "-L", "-J", "-b", self.broker.bootstrap], capture_output=True, timeout=60,
                                env=kit.without_preload(), check=True)
        topics = {one["topic"] for one in json.loads(listed.stdout)["topics"]}
        return len(kit.consume(self.broker.bootstrap, topic)) if topic in topics else 0

    def test_records_without_a_key_are_one_key_in_each_partition(self):
        self.config()
        lines = "".join(json.dumps(event) + "\n" for event in self.failing(10, 1))
        for partition in (0, 2):
            subprocess.run(["kcat", "-P", "-q", "-b", self.broker.bootstrap, "-t", TOPIC, "-p", str(partition)], check=True,
                           input=lines.encode(), env=kit.without_preload(), timeout=60)
        process = self.start()
        kit.wait_for(lambda: len(self.passed()) == 20, 60)
        self.assertEqual(kit.stop(process), 0, self.text("log"))
        self.assertEqual({one["key"] for one in self.seen()}, {None})
        self.check_order()

    def test_order_by_partition(self):
        self.config(order="partition")
        self.send(self.failing(10, 1), key="k%d", partition=0)
        self.send(self.failing(10, 1), key="k%d", partition=2)
        process = self.start()
        kit.wait_for(lambda: len(self.passed()) == 20, 60)
        self.assertEqual(kit.stop(process), 0, self.text("log"))
        seen = [dict(one, key=None) for one in self.seen()]
        self.assertEqual((inversions(seen), inversions(seen, last=True)), (0, 0))

    def test_kills_in_the_middle_keep_the_order_and_lose_nothing(self):
        self.config(batch_records=1)  # what follows has been seen by nobody
        keys = [f"k{i}" for i in range(12)]
        for key in keys:
            self.send(self.failing(15, 2 if key < "k3" else 0), key=key)
        for wanted in (60, 150, 180, 200):
            process = self.start()
            kit.wait_for(lambda: len(self.seen()) >= wanted, 60)
            kit.wait_for(lambda: self.count(FIRST) >= 3)
            process.send_signal(signal.SIGKILL)
            process.wait()
            for key in keys[:6]:
                self.send(self.events(5, wanted * 10), key=key)
        process = self.start()
        kit.wait_for(lambda: len(self.passed()) == 12 * 15 + 4 * 30, 120)
        self.assertEqual(kit.stop(process), 0, self.text("log"))
        self.check_order()

    def test_nothing_to_keep_is_refused(self):
        self.config(order="none")
        result = kit.busbar("check", "--config", self.path("busbar.yaml"))
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("`retry.keep_order` has nothing to keep with `order: none`", result.stderr.decode())

    def test_a_busy_key_returns_from_the_retry_topic(self):
        self.config(retry={"mode": "topics", "delays": ["1s"], "keep_order": True})
        self.send(self.failing(1, 1), key="busy")
        port = kit.free_ports(1)
        process = self.start("--admin", f"127.0.0.1:{port}")
        deadline, sent, was_blocked = time.time() + 60, 1, False
        while time.time() < deadline:
            self.send(self.events(3, sent), key="busy")
            sent += 3
            blocked = self.blocked(port)
            was_blocked = was_blocked or blocked == 1
            if was_blocked and blocked == 0:
                break
            time.sleep(0.1)
        else:
            self.fail("it never returned")
        kit.wait_for(lambda: len(self.passed()) == sent)
        self.assertEqual(kit.stop(process), 0, self.text("log"))
        self.check_order()

    def blocked(self, port):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
                text = answer.read().decode()
        except OSError:
            return None
        found = re.search(r'busbar_retry_blocked_keys\{event="%s",tier="0"\} (\S+)' % EVENT, text)
        return float(found[1]) if found else None


if __name__ == "__main__":
    main()
