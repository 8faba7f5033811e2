#!/usr/bin/env python3
"""docs/examples/publish-c built out of tree against the installed libbusbar, by make and by CMake, and run."""
import os
import shutil
import subprocess
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("BUSBAR_BUILD", os.path.join(ROOT, "build"))
SCHEMA = '{"type": "object", "x-busbar-key": "{id}", "required": ["id"], "properties": {"id": {"type": "string"}}}'
CONFIG = """kafka: { bootstrap.servers: embedded }
domains: { shop: { plugin: generic, events: { order: { schema: order.json, topic: orders } } } }
"""


class PublishExample(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        temporary = tempfile.TemporaryDirectory(prefix="busbar-example-")
        cls.addClassCleanup(temporary.cleanup)
        cls.folder = temporary.name
        cls.prefix = os.path.join(cls.folder, "usr")
        cls.call("cmake", "--install", BUILD, "--prefix", cls.prefix)
        found = subprocess.run(["find", cls.prefix, "-name", "busbar.pc"], capture_output=True, text=True, check=True).stdout.split()
        assert len(found) == 1, found
        cls.libraries = os.path.dirname(os.path.dirname(found[0]))
        cls.env = {**os.environ, "PKG_CONFIG_PATH": os.path.dirname(found[0])}
        for name, text in (("order.json", SCHEMA), ("busbar.yaml", CONFIG)):
            with open(os.path.join(cls.folder, name), "w") as out:
                out.write(text)
        cls.config = os.path.join(cls.folder, "busbar.yaml")

    @staticmethod
    def call(*command, env=None):
        result = subprocess.run(command, capture_output=True, text=True, timeout=300, env=env)
        if result.returncode != 0:
            raise AssertionError(f"{' '.join(command)}: {result.stdout}{result.stderr}")

    def copy(self, name):
        target = os.path.join(self.folder, name)
        shutil.copytree(os.path.join(ROOT, "docs", "examples", "publish-c"), target)
        return target

    def run_it(self, program, event, lines, expect):
        result = subprocess.run([program, self.config, event], input=lines, capture_output=True, text=True, timeout=60)
        self.assertEqual(result.returncode, expect, result.stderr)
        return result

    def check(self, program):
        result = self.run_it(program, "shop.order", '{"id": "a"}\n{"id": 1}\n\n{"id": "b"}\n', 1)
        lines = result.stdout.splitlines()
        self.assertRegex(lines[0], r"^1: delivered to orders, partition \d, offset 0$")
        self.assertRegex(lines[1], r'^2: rejected at "/id": ')
        self.assertRegex(lines[2], r"^4: delivered to orders, partition \d, offset \d$")
        self.assertIn("2 delivered, 1 rejected, 0 failed", result.stderr)
        self.run_it(program, "shop.order", '{"id": "a"}\n', 0)
        self.assertIn("no such event type", self.run_it(program, "shop.none", "{}\n", 2).stderr)

    def test_by_make_and_pkg_config(self):
        source = self.copy("by-make")
        self.call("make", "-C", source, f"LDFLAGS=-Wl,-rpath,{self.libraries}", env=self.env)
        self.check(os.path.join(source, "publish"))

    def test_by_cmake(self):
        source = self.copy("by-cmake")
        build = os.path.join(source, "build")
        self.call("cmake", "-S", source, "-B", build, env=self.env)
        self.call("cmake", "--build", build, env=self.env)
        self.check(os.path.join(build, "publish"))


if __name__ == "__main__":
    unittest.main()
