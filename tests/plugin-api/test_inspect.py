#!/usr/bin/env python3
"""`busbar inspect` on good, wrong and missing files: text, JSON and exit codes."""
import json
import os
import subprocess
import unittest

from checks import BUILD

BUSBAR = os.path.join(BUILD, "bin", "busbar")
FIXTURES = os.path.join(BUILD, "lib", "test-plugins")


def inspect(*arguments):
    result = subprocess.run([BUSBAR, "inspect", *arguments], capture_output=True, text=True, timeout=60, cwd="/")
    return result.returncode, result.stdout, result.stderr


def fixture(name):
    return os.path.join(FIXTURES, name + ".so")


@unittest.skipUnless(os.path.exists(BUSBAR) and os.path.isdir(FIXTURES), f"{BUSBAR} or the fixtures were not built")
class Inspect(unittest.TestCase):
    def test_a_domain(self):
        code, out, err = inspect(fixture("fixture_good"))
        self.assertEqual((code, err), (0, ""))
        for part in ("accepted: plugin contract 1.1, this host has 1.1", "fixture_good 1.2.3", "A plugin for tests", "sample-group",
                     "<domain>.plain", "{id}", "A sample event, 7 members", "validate, enrich, handle"):
            self.assertIn(part, out)

    def test_a_handler(self):
        code, out, _ = inspect(fixture("handler_fixture"))
        self.assertEqual(code, 0)
        for part in ("the same event twice leaves the same result as once", "all of a flush or nothing", "path, limit"):
            self.assertIn(part, out)

    def test_json(self):
        code, out, _ = inspect("--json", fixture("fixture_good"))
        self.assertEqual(code, 0)
        plugin = json.loads(out)
        self.assertTrue(plugin["accepted"])
        self.assertEqual(plugin["abi"], {"plugin": "1.1", "host": "1.1"})
        self.assertEqual([event["name"] for event in plugin["event_types"]], ["sample", "plain"])
        self.assertEqual(plugin["event_types"][0]["contract"]["required"], ["id"])
        self.assertEqual(plugin["event_types"][1]["functions"], [])
        code, out, _ = inspect("--json", fixture("handler_fixture"))
        self.assertEqual(json.loads(out)["handlers"][0]["capabilities"], ["idempotent", "transactional"])

    def test_every_wrong_plugin_is_refused(self):
        names = sorted(name[:-3] for name in os.listdir(FIXTURES) if name.startswith("bad_"))
        self.assertGreaterEqual(len(names), 30)
        for name in names:
            with self.subTest(name):
                code, out, err = inspect(fixture(name))
                self.assertEqual((code, out), (4, ""), err)
                self.assertIn(fixture(name), err)
                code, out, _ = inspect("--json", fixture(name))
                self.assertEqual(code, 4)
                refused = json.loads(out)
                self.assertFalse(refused["accepted"])
                self.assertIn(fixture(name), refused["error"])

    def test_a_missing_file_and_wrong_usage(self):
        for arguments in (["/nowhere/x.so"], ["no_such_plugin"], [], ["a.so", "b.so"]):
            with self.subTest(arguments):
                code, out, err = inspect(*arguments)
                self.assertEqual((code, out), (2, ""), err)
                self.assertNotEqual(err, "")

    def test_by_name(self):
        code, out, _ = inspect("jsonl")
        self.assertEqual(code, 0)
        self.assertIn("handler_jsonl", out)


if __name__ == "__main__":
    unittest.main()
