#!/usr/bin/env python3
"""The binary interface against the baseline that is checked in. After a change that docs/abi-history.md names, the build
target `abi-baseline` makes a new one."""
import os
import shutil
import tempfile
import unittest

from checks import BUILD, HEADERS, ROOT, run

FOLDER = os.path.dirname(os.path.abspath(__file__))
BASELINE = os.path.join(FOLDER, "busbar-plugin-abi.xml")
LIBRARY = os.path.join(BUILD, "tests", "plugin-api", "libbusbar_abi.so")


def differences(library):
    return run("abidiff", BASELINE, library)


@unittest.skipUnless(shutil.which("abidiff"), "abidiff is not installed (Debian: abigail-tools)")
class Abi(unittest.TestCase):
    @unittest.skipUnless(os.path.exists(LIBRARY), f"{LIBRARY} was not built")
    def test_nothing_has_changed_since_the_baseline(self):
        code, output = differences(LIBRARY)
        self.assertEqual(code, 0, output)

    def changed(self, before, after):
        """abidiff's answer for a library built with a changed header."""
        with tempfile.TemporaryDirectory() as folder:
            headers = os.path.join(folder, "include")
            shutil.copytree(HEADERS, headers)
            path = os.path.join(headers, "busbar", "plugin.h")
            with open(path) as file:
                text = file.read()
            self.assertEqual(text.count(before), 1, before)
            with open(path, "w") as file:
                file.write(text.replace(before, after))
            library = os.path.join(folder, "libbusbar_abi.so")
            code, output = run("gcc", "-shared", "-fPIC", "-g", "-Wl,-soname,libbusbar_abi.so", "-I", headers,
                               os.path.join(FOLDER, "abi.c"), "-o", library)
            self.assertEqual(code, 0, output)
            return differences(library)

    def test_a_member_in_the_middle_is_seen(self):
        code, output = self.changed("    const char *group;", "    const char *extra;\n    const char *group;")
        self.assertNotEqual(code, 0)
        self.assertIn("'const char* group' offset changed", output)

    def test_the_header_as_it_is_gives_no_difference(self):
        code, output = self.changed("    const char *group;", "    const char *group;")
        self.assertEqual(code, 0, output)

    def test_another_type_of_a_member_is_seen(self):
        code, output = self.changed("    int64_t offset;\n    int64_t timestamp_ms;",
                                    "    int32_t offset;\n    int64_t timestamp_ms;")
        self.assertNotEqual(code, 0, output)

    def test_the_baseline_covers_every_struct(self):
        with open(BASELINE) as file:
            baseline = file.read()
        for name in ("plugin_descriptor", "event_type", "event_ops", "handler", "handler_ops", "host", "call", "batch", "value",
                     "origin", "record", "header", "bytes", "json_v1", "source_v1", "outcome"):
            self.assertIn(f"name='busbar_{name}'", baseline)
        self.assertNotIn(ROOT, baseline)


if __name__ == "__main__":
    unittest.main()
