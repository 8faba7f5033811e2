#!/usr/bin/env python3
"""The examples of handlers in docs/examples, in C and in Python, against the same conformance checks; and the checks themselves
against handlers that are wrong."""
import csv
import json
import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import kit  # noqa: E402
from conformance import Conformance, Profile  # noqa: E402
from handlerkit import HandlerTest, main  # noqa: E402

EXAMPLES = os.path.join(kit.ROOT, "docs", "examples")


class Ledger(Profile):
    """docs/examples/exec-handler-python"""
    program = os.path.join(EXAMPLES, "exec-handler-python", "ledger.py")

    def keys(self):
        return {"plugin": "exec", "command": ["python3", self.program, self.test.path("ledger.jsonl")], "flush": True}

    def stored(self):
        whole = [line for line in self.test.text("ledger.jsonl").splitlines(True) if line.endswith("\n")]
        return [json.loads(line)["id"] for line in whole]

    def bad(self, number):
        return {**self.good(number), "amount": -1}, "/amount"

    def dropped(self, number):
        return {**self.good(number), "test": True}

    def close_store(self):
        self.test.script("ledger.jsonl.closed", "")

    def open_store(self):
        os.remove(self.test.path("ledger.jsonl.closed"))


class Table(Profile):
    """docs/examples/csv-handler-c"""

    def keys(self):
        plugin = self.test.path("csv.so")
        flags = subprocess.run(["pkg-config", "--cflags", "--libs", "jansson"], capture_output=True, text=True, check=True)
        subprocess.run(["gcc", "-shared", "-fPIC", "-fvisibility=hidden", "-I", os.path.join(kit.ROOT, "plugin-api", "include"),
                        os.path.join(EXAMPLES, "csv-handler-c", "csv.c"), "-o", plugin, *flags.stdout.split()], check=True)
        os.chmod(plugin, 0o755)
        os.mkdir(self.test.path("store"))
        return {"plugin": plugin, "path": self.test.path("store/table.csv"), "columns": ["/id", "/amount"], "complete": True}

    def stored(self):
        lines = [line for line in self.test.text("store/table.csv").splitlines(True) if line.endswith("\n")]
        return [row[0] for row in csv.reader(lines)]

    def bad(self, number):
        return {"id": f"e{number}"}, "/amount"

    def close_store(self):
        os.rename(self.test.path("store"), self.test.path("elsewhere"))

    def open_store(self):
        os.rename(self.test.path("elsewhere"), self.test.path("store"))


class PythonHandler(Conformance, HandlerTest):
    profile_class = Ledger


class CHandler(Conformance, HandlerTest):
    profile_class = Table


class Wrong(HandlerTest):
    """Each is the example in Python with one line changed; the checks have to see it."""

    def attempt(self, old, new, check):
        with open(Ledger.program) as file:
            text = file.read()
        self.assertIn(old, text)

        class Changed(Ledger):
            program = self.script("changed.py", text.replace(old, new))

        class Tried(Conformance, HandlerTest):
            profile_class = Changed

            def runTest(self):
                pass

        result = unittest.TestResult()
        Tried(check).run(result)
        self.assertEqual((len(result.failures), len(result.errors)), (1, 0), result.errors)

    def test_passing_what_is_not_durable(self):
        self.attempt("self.file.write(b\"\".join(lines))", "self.file.write(b\"\".join(lines[:-1]))",
                     "test_passes_rejects_and_drops")

    def test_a_reason_that_is_missing(self):
        self.attempt('"reason": "an amount below zero"', '"reason": ""', "test_passes_rejects_and_drops")

    def test_blaming_events_for_a_store_that_is_away(self):
        self.attempt('"verdict": "retry", "scope": "infrastructure"', '"verdict": "reject"',
                     "test_a_store_that_is_away_holds_events_up_and_blames_none")

    def test_lying_about_a_flush(self):
        self.attempt("            self.file.flush()\n            os.fsync(self.file.fileno())\n", "",
                     "test_killed_at_rest_nothing_is_lost")


if __name__ == "__main__":
    main()
