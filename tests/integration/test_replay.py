#!/usr/bin/env python3
"""`busbar replay`: the part that was asked for, through the same handlers, in a group of its own."""
import json
import os
import signal
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import kit  # noqa: E402
from handlerkit import EVENT, SHORT, TOPIC, HandlerTest, main  # noqa: E402


class Replay(HandlerTest):
    partitions = 2

    def setUp(self):
        super().setUp()
        self.config({"plugin": "jsonl", "path": self.path("{topic}-{partition}.jsonl"), "format": "record"})

    def replay(self, *arguments, expect=0):
        result = kit.busbar("replay", EVENT, "--config", self.path("busbar.yaml"), *SHORT, *arguments)
        self.log = result.stderr.decode()
        self.assertEqual(result.returncode, expect, self.log)
        return json.loads(result.stdout) if "--json" in arguments and not expect else result.stdout.decode()

    def stored(self):
        """Offsets in the store, by partition, as often as they are there."""
        return {p: [line["offset"] for line in self.lines(f"{TOPIC}-{p}.jsonl")] for p in range(self.partitions)}

    def fill(self, count=20):
        for partition in range(self.partitions):
            self.send(self.orders(count), partition=partition)

    def forget(self):
        for partition in range(self.partitions):
            if os.path.exists(self.path(f"{TOPIC}-{partition}.jsonl")):
                os.remove(self.path(f"{TOPIC}-{partition}.jsonl"))

    def test_a_part_again_and_the_live_group_stays_where_it_was(self):
        self.fill()
        self.assertEqual(self.run_once()["handled"], 40)
        self.send([{"no": "id"}], partition=1)  # behind what the live group has committed
        self.send(self.orders(5, first=100), partition=0)
        self.forget()
        summary = self.replay("--from", "5", "--to", "8", "--json")["all"]
        self.assertEqual((summary["consumed"], summary["handled"]), (6, 6))
        self.assertEqual(self.stored(), {0: [5, 6, 7], 1: [5, 6, 7]})
        self.forget()
        summary = self.replay("--last", "3", "--partition", "1", "--json")["all"]
        self.assertEqual((summary["handled"], summary["dead_lettered"]), (2, 1))
        self.assertEqual(self.stored(), {0: [], 1: [18, 19]})
        self.forget()
        self.assertEqual(self.run_once()["consumed"], 6)  # where it was: neither more nor less
        self.assertEqual(self.stored(), {0: [20, 21, 22, 23, 24], 1: []})

    def test_a_dry_run_changes_nothing(self):
        self.fill(10)
        plan = self.replay("--from", "4", "--max", "8", "--dry-run", "--json", "--id", "look")
        self.assertEqual({**plan, "partitions": [(p["start"], p["end"], p["committed"]) for p in plan["partitions"]]},
                         {"event": EVENT, "topic": TOPIC, "group": EVENT + ".replay-look", "offsets": 8, "handlers": ["store"],
                          "partitions": [(4, 10, -1), (4, 6, -1)]})
        self.assertIn("this is a dry run", self.replay("--from", "beginning", "--dry-run", "--id", "look"))
        self.assertEqual(self.stored(), {0: [], 1: []})
        self.assertEqual(self.replay("--from", "4", "--max", "8", "--json", "--id", "look")["all"]["handled"], 8)
        self.assertEqual(self.stored(), {0: [4, 5, 6, 7, 8, 9], 1: [4, 5]})
        self.assertEqual(self.replay("--from", "4", "--max", "8", "--json", "--id", "look")["all"]["handled"], 0)

    def test_times(self):
        self.fill(3)
        time.sleep(0.05)
        self.fill(3)
        border = min(r["timestamp"] for r in kit.consume(self.broker.bootstrap, TOPIC) if r["offset"] == 3)
        iso = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(border // 1000)) + f".{border % 1000:03d}Z"
        self.assertEqual(self.replay("--from", "beginning", "--to", iso, "--json")["all"]["handled"], 6)
        self.assertEqual(self.stored(), {0: [0, 1, 2], 1: [0, 1, 2]})
        self.forget()
        self.assertEqual(self.replay("--from", iso, "--json", "--id", "second")["all"]["handled"], 6)
        self.assertEqual(self.stored(), {0: [3, 4, 5], 1: [3, 4, 5]})

    def test_a_replay_that_was_killed_goes_on(self):
        self.script("slow.py", "import sys, time\nfor line in sys.stdin:\n    open('seen', 'a').write(line)\n"
                               "    time.sleep(0.01)\n    print('pass', flush=True)\n")
        self.config({"plugin": "exec", "command": ["python3", "slow.py"], "cwd": self.folder, "input": "value"},
                    batch_records=10, commit_interval="50ms")
        self.fill(200)
        arguments = ("--config", self.path("busbar.yaml"), *SHORT, "--from", "0", "--to", "200", "--id", "one")
        with open(self.path("log"), "wb") as log:
            process = kit.spawn("replay", EVENT, *arguments, stderr=log)
        kit.wait_for(lambda: len(self.text("seen").splitlines()) > 100, timeout=60)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        before = len(self.text("seen").splitlines())
        summary = self.replay("--from", "0", "--to", "200", "--id", "one", "--json")["all"]
        self.assertLess(summary["handled"], 400)
        self.assertGreaterEqual(summary["handled"], 400 - before)
        seen = [json.loads(line)["id"] for line in self.text("seen").splitlines()]
        self.assertEqual({id: seen.count(id) >= 2 for id in set(seen)}, {f"e{i}": True for i in range(200)})

    def test_handlers_and_usage(self):
        self.fill(1)
        for arguments, code, word in (([], 2, "needs --from or --last"), (["--from", "0", "--handlers", "x"], 2, "no handler `x`; it has: store"),
                                      (["--from", "0", "--id", "a b"], 2, "--id is `a b`"), (["--from", "x"], 2, "--from is `x`"),
                                      (["more", "--from", "0"], 2, "one EVENT")):
            with self.subTest(arguments):
                self.replay(*arguments, expect=code)
                self.assertIn(word, self.log)
        self.assertEqual(self.replay("--from", "0", "--handlers", "store", "--json")["all"]["handled"], 2)


if __name__ == "__main__":
    main()
