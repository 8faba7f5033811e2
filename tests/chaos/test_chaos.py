#!/usr/bin/env python3
"""The fast part of the chaos runs: the embedded broker, each kind of fault once, with seeds that are known to reach it.

Environment: BUSBAR_CHAOS_SEED (default 1)."""
import json
import os
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import faults  # noqa: E402
from scenario import kit  # noqa: E402

SEED = int(os.environ.get("BUSBAR_CHAOS_SEED", "301"))
# One of each kind; the seed of a fault that only sometimes meets its moment is one that does.
CHOSEN = ("none", "kill_worker", "kill_supervisor", "restart", "rebalances", "plugin_segv", "plugin_zero", "flush_down", "disk_full",
          "kill@commit.sent", "kill@lane.flushed", "kill@letter.sent", "kill@revoke.settled", "kill@drain.settled",
          "drop_answer:OffsetCommit", "hold:Fetch", "dead_letters_away")
JOBS = 6  # they mostly wait for groups


def run(*arguments):
    return subprocess.run([sys.executable, os.path.join(HERE, "run"), *map(str, arguments)], capture_output=True, text=True, timeout=600)


class Chaos(unittest.TestCase):
    def test_each_kind_of_fault(self):
        with tempfile.TemporaryDirectory(prefix="busbar-chaos-") as folder:
            log = os.path.join(folder, "log")
            result = run("--each", *CHOSEN, "--seed", SEED, "--records", 1000, "--jobs", JOBS, "--log", log)
            self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
            with open(log) as file:
                lines = [json.loads(line) for line in file]
        self.assertEqual(sorted(line["faults"][0] for line in lines), sorted(CHOSEN))
        for line in lines:
            name = line["faults"][0]
            with self.subTest(name):
                self.assertTrue(line["ok"])
                self.assertGreater(line["records"], 900)
                self.assertGreater(line["commits"], 0)
                if faults.leaves_a_note(name):
                    self.assertTrue(line["fired"], "the fault never happened")
        print(f"chaos: {result.stderr.splitlines()[-1].removeprefix('chaos: ')}", flush=True)

    def test_at_most_once(self):
        """Nothing twice, whatever dies; and nothing is lost where nothing dies."""
        with tempfile.TemporaryDirectory(prefix="busbar-chaos-") as folder:
            log = os.path.join(folder, "log")
            result = run("--mode", "at_most_once", "--each", "none", "kill_worker", "restart", "--seed", SEED, "--records", 1000,
                         "--jobs", 3, "--log", log)
            self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
            with open(log) as file:
                lines = {json.loads(line)["faults"][0]: json.loads(line) for line in file}
        self.assertEqual([line["duplicates"] for line in lines.values()], [0, 0, 0])
        self.assertEqual((lines["none"]["lost"], lines["restart"]["lost"]), (0, 0))

    def test_a_loss_without_a_reason_is_caught_in_at_most_once(self):
        result = run("--mode", "at_most_once", "--fault", "planted_skip", "--runs", 1, "--seed", SEED, "--records", 500)
        self.assertEqual(result.returncode, 1, result.stdout + result.stderr)
        line = json.loads(result.stdout.splitlines()[0])
        self.assertGreater(line["lost"], 0)
        subprocess.run(["rm", "-rf", line["folder"]], check=True)

    def test_a_busbar_that_skips_is_caught(self):
        """The driver's own check: with a handler that says PASS and writes nothing, the run fails and says how to repeat it."""
        result = run("--fault", "planted_skip", "--runs", 1, "--seed", SEED, "--records", 500)
        self.assertEqual(result.returncode, 1, result.stdout + result.stderr)
        line = json.loads(result.stdout.splitlines()[0])
        self.assertGreater(line["lost"], 0)
        self.assertGreater(line["commit_over_handled"], 0)
        self.assertIn("FAILED, again with:", result.stderr)
        self.assertIn("--fault planted_skip", line["replay"])
        subprocess.run(["rm", "-rf", line["folder"]], check=True)

    def test_names_that_are_unknown_are_refused(self):
        self.assertEqual(run("--fault", "nothing_of_that_name").returncode, 2)


if __name__ == "__main__":
    if not os.path.exists(kit.BUSBAR):
        sys.exit(f"{kit.BUSBAR} is not there")
    unittest.main()
