#!/usr/bin/env python3
"""The table says what the lines say."""
import json
import os
import subprocess
import sys
import tempfile
import unittest

TABLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "table")


def line(seed, ok=True, **more):
    return {"seed": seed, "tier": "mock", "mode": "at_least_once", "faults": ["none"], "records": 2000, "lost": 0, "duplicates": 3,
            "order": 0, "commit_over_handled": 0, "commit_back": 0, "librdkafka": "2.0.2", "build": "abc", "ok": ok, **more}


class Table(unittest.TestCase):
    def table(self, lines, *arguments):
        with tempfile.TemporaryDirectory(prefix="busbar-table-") as folder:
            path = os.path.join(folder, "log")
            with open(path, "w") as out:
                out.writelines(json.dumps(one) + "\n" for one in lines)
            result = subprocess.run([sys.executable, TABLE, *arguments, path], capture_output=True, text=True)
        return result.returncode, result.stdout.splitlines()

    def rows(self, text):
        return [[cell.strip() for cell in row.strip("|").split("|")] for row in text[2:] if row.startswith("|")]

    def test_a_row_for_each_tier_mode_and_library(self):
        code, text = self.table([line(1), line(2, faults=["a", "b"]), line(3), line(7), line(1, mode="at_most_once", lost=5, commit_over_handled=9),
                                 line(1, librdkafka="2.16.0"), line(1, tier="single")])
        self.assertEqual(code, 0, text)
        self.assertEqual([row[:6] for row in self.rows(text)],
                         [["mock", "at_least_once", "2.0.2", "4", "0", "3"], ["mock", "at_least_once", "2.16.0", "1", "0", "1"],
                          ["mock", "at_most_once", "2.0.2", "1", "0", "1"], ["single", "at_least_once", "2.0.2", "1", "0", "1"]])
        first = self.rows(text)[0]
        self.assertEqual(first[6:], ["8,000", "0", "0", "0", "0", "12", "0.750", "1-3, 7", "abc"])
        most_once = self.rows(text)[2]
        self.assertEqual((most_once[7], most_once[9]), ("5", "-"))

    def test_a_run_that_was_made_again_replaces_the_one_before(self):
        code, text = self.table([line(1, ok=False, lost=1, replay="tests/chaos/run"), line(1)])
        self.assertEqual(code, 0, text)
        self.assertEqual(self.rows(text)[0][3:5], ["1", "0"])
        self.assertIn("1 runs; 1 were made again by hand", text[4])

    def test_a_failed_run_is_named(self):
        code, text = self.table([line(1), line(2, ok=False, lost=1, replay="tests/chaos/run --seed 2")])
        self.assertEqual(code, 1)
        self.assertIn("tests/chaos/run --seed 2", text[-1])
        self.assertEqual((self.rows(text)[0][4], self.rows(text)[0][7]), ("1", "1"))

    def test_nothing_is_no_success(self):
        self.assertEqual(self.table([])[0], 1)


if __name__ == "__main__":
    unittest.main()
