#!/usr/bin/env python3
"""Every plugin that was built exports exactly one symbol, and wants none that the host would have to give."""
import glob
import os
import shutil
import tempfile
import unittest

from checks import BUILD, HEADERS, run

PLUGINS = sorted(glob.glob(os.path.join(BUILD, "lib", "busbar", "plugins", "*.so")))


def exports(path):
    code, output = run("nm", "-D", "--defined-only", "--format=posix", path)
    assert code == 0, output
    return [line.split()[0] for line in output.splitlines()]


def wanted(path):
    """Undefined symbols that have no version: those of libc and of every good library have one."""
    code, output = run("nm", "-D", "--undefined-only", "--format=posix", path)
    assert code == 0, output
    return [line.split()[0] for line in output.splitlines()]


@unittest.skipUnless(shutil.which("nm"), "nm is not installed")
@unittest.skipIf(os.environ.get("BUSBAR_SANITIZE"), "sanitizers add symbols of their own")
class Exports(unittest.TestCase):
    def test_plugins_were_built(self):
        self.assertGreaterEqual(len(PLUGINS), 11, f"in {BUILD}")

    def test_exactly_one_symbol(self):
        for path in PLUGINS:
            with self.subTest(os.path.basename(path)):
                self.assertEqual(exports(path), ["busbar_plugin"])

    def test_nothing_of_the_host_is_wanted(self):
        for path in PLUGINS:
            with self.subTest(os.path.basename(path)):
                own = [name for name in wanted(path) if name.startswith(("bb_", "busbar_", "rd_kafka_", "g_"))]
                self.assertEqual(own, [])

    def test_a_second_symbol_is_seen(self):
        """The check can fail."""
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "two.so")
            code, output = run("gcc", "-shared", "-fPIC", "-I", HEADERS, "-x", "c", "-", "-o", path,
                               stdin="#include <busbar/plugin.h>\nint second(void) { return 1; }\n"
                                     "const busbar_plugin_descriptor busbar_plugin = {BUSBAR_DESCRIPTOR_HEAD};\n")
            self.assertEqual(code, 0, output)
            self.assertIn("second", exports(path))


if __name__ == "__main__":
    unittest.main()
