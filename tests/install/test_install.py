#!/usr/bin/env python3
"""The installed tree as a user and a plugin author meet it: what is there, and the examples of docs/examples and the folders
of `busbar new` built out of tree against it and run through an embedded broker."""
import glob
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("BUSBAR_BUILD", os.path.join(ROOT, "build"))
EXAMPLES = os.path.join(ROOT, "docs", "examples")


def call(*command, cwd=None, env=None, expect=0, stdin=None):
    """Runs a command; its output is in the failure when the exit code is another one."""
    result = subprocess.run(command, cwd=cwd, env=env, input=stdin, capture_output=True, text=True, timeout=300)
    if result.returncode != expect:
        raise AssertionError(f"{' '.join(command)}: exit {result.returncode}, expected {expect}\n"
                             f"{result.stdout}\n{result.stderr}")
    return result


class Installed(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="busbar-install-")
        cls.prefix = os.path.join(cls.folder, "usr")
        call("cmake", "--install", BUILD, "--prefix", cls.prefix)
        cls.busbar = os.path.join(cls.prefix, "bin", "busbar")
        pkgconfig = os.path.dirname(cls.find("busbar-plugin.pc"))
        cls.env = dict(os.environ, PKG_CONFIG_PATH=pkgconfig, PATH=os.path.join(cls.prefix, "bin") + ":" + os.environ["PATH"])
        cls.broker = subprocess.Popen([cls.busbar, "broker"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        line = cls.broker.stdout.readline().strip()
        cls.env["KAFKA_BOOTSTRAP_SERVERS"] = line.split("=", 1)[1]

    @classmethod
    def tearDownClass(cls):
        cls.broker.send_signal(signal.SIGTERM)
        cls.broker.wait(20)
        cls.broker.stdout.close()
        shutil.rmtree(cls.folder)

    @classmethod
    def find(cls, name):
        found = glob.glob(os.path.join(cls.prefix, "**", name), recursive=True)
        assert found, f"{name} is not installed"
        return found[0]

    def copy(self, example):
        target = os.path.join(self.folder, example)
        shutil.copytree(os.path.join(EXAMPLES, example), target)
        return target

    def cmake(self, source):
        call("cmake", "-S", source, "-B", os.path.join(source, "build"), f"-DCMAKE_PREFIX_PATH={self.prefix}", env=self.env)
        call("cmake", "--build", os.path.join(source, "build"), env=self.env)
        return os.path.join(source, "build")

    def config(self, text):
        path = os.path.join(tempfile.mkdtemp(dir=self.folder), "busbar.yaml")
        with open(path, "w") as out:
            out.write("kafka: { bootstrap.servers: \"${KAFKA_BOOTSTRAP_SERVERS}\" }\n" + text)
        return path

    def flow(self, config, event, lines, expect=0):
        """Publishes the lines and handles them in the folder of the configuration; returns the outcomes of publishing."""
        where = {"cwd": os.path.dirname(config), "env": self.env}
        result = call(self.busbar, "--config", config, "publish", "--json", event, "-", **where,
                      stdin="".join(line + "\n" for line in lines), expect=expect)
        call(self.busbar, "--config", config, "run", "--once", **where)
        return [json.loads(line) for line in result.stdout.splitlines()]

    def test_what_is_installed(self):
        for name in ("busbar", "plugin.h", "version.h", "json.h", "source.h", "client.h", "busbar-plugin.pc", "busbar.pc", "busbar.1*",
                     "busbarConfig.cmake", "BusbarPlugin.cmake", "libbusbar.so", "handler_jsonl.so", "ownlens_customer.so",
                     "busbar.yaml", "ownlens_ml_models.so"):
            with self.subTest(name):
                self.find(name)
        self.assertIn("busbar", call(self.busbar, "--version").stdout)

    def test_a_release_has_no_fault_points(self):
        with open(os.path.join(BUILD, "CMakeCache.txt")) as cache:
            if "CMAKE_BUILD_TYPE:STRING=Debug" in cache.read():
                self.skipTest("a debug build")
        with open(self.busbar, "rb") as file:
            self.assertNotIn(b"BB_FAULT_NOTES", file.read())

    def test_installed_config_is_sound(self):
        call(self.busbar, "--config", self.find("busbar.yaml"), "check", env=self.env)

    def test_domain_in_c_by_make_and_pkg_config(self):
        source = self.copy("shop-domain-c")
        call("make", cwd=source, env=self.env)
        plugin = os.path.join(source, "shop.so")
        self.assertIn("order_placed", call(self.busbar, "inspect", plugin).stdout)
        out = os.path.join(self.folder, "orders.jsonl")
        config = self.config(f"domains: {{ shop: {{ plugin: {plugin}, handlers: [archive] }} }}\n"
                             f"handlers: {{ archive: {{ plugin: jsonl, path: {out} }} }}\n")
        good = {"customer": "c1", "lines": [{"article": "a", "quantity": 1}, {"article": "b", "quantity": 2}]}
        wrong_count = dict(good, line_count=7)
        outcomes = self.flow(config, "shop.order_placed", [json.dumps(good), json.dumps(wrong_count)], expect=1)
        self.assertEqual([o["status"] for o in outcomes], ["delivered", "rejected"])
        self.assertEqual(outcomes[1]["pointer"], "/line_count")
        with open(out) as lines:
            events = [json.loads(line) for line in lines]
        self.assertEqual(len(events), 1)
        self.assertEqual(events[0]["line_count"], 2)
        self.assertEqual(events[0]["currency"], "EUR")
        self.assertRegex(events[0]["order_id"], "^[0-9a-f-]{36}$")

    def test_domain_in_cpp_and_handler_in_c_by_cmake(self):
        weather = os.path.join(self.cmake(self.copy("weather-domain-cpp")), "weather.so")
        csv = os.path.join(self.cmake(self.copy("csv-handler-c")), "csv.so")
        out = os.path.join(self.folder, "weather.csv")
        config = self.config(f"domains: {{ weather: {{ plugin: {weather}, handlers: [table] }} }}\n"
                             f"handlers: {{ table: {{ plugin: {csv}, path: {out}, columns: [/station, /celsius] }} }}\n")
        call(self.busbar, "--config", config, "check", env=self.env)
        lines = ['{"station": "EDDH", "celsius": -1.5, "taken_at": 1741944413}', '{"station": "EDDH", "celsius": 99}']
        outcomes = self.flow(config, "weather.reading", lines, expect=1)
        self.assertEqual([o["status"] for o in outcomes], ["delivered", "rejected"])
        with open(out) as rows:
            self.assertEqual(rows.read(), '"EDDH","-1.5"\n')

    def test_domain_by_config_alone(self):
        source = self.copy("config-only")
        config = os.path.join(source, "busbar.yaml")
        outcomes = self.flow(config, "parking.entered", ['{"garage": "north-1", "plate": "HH AB 1"}', '{"garage": "north"}'],
                             expect=1)
        self.assertEqual([o["status"] for o in outcomes], ["delivered", "rejected"])
        with open(os.path.join(source, "out", "parking-entered.jsonl")) as lines:
            self.assertIsNone(json.loads(lines.read())["free_places"])
        os.remove(os.path.join(source, "conf.d", "parking.yaml"))
        call(self.busbar, "--config", config, "publish", "parking.entered", "-", env=self.env, stdin="{}", expect=2)

    def new(self, kind, name):
        source = os.path.join(self.folder, name)
        call(self.busbar, "new", kind, name, "--dir", source)
        build = self.cmake(source)
        call("ctest", "--test-dir", build, "--output-on-failure", env=self.env)
        return source

    def test_new_domain_builds_passes_and_runs(self):
        source = self.new("domain", "orders")
        config = os.path.join(source, "busbar.yaml")
        with open(os.path.join(source, "tests", "valid.jsonl")) as lines:
            self.flow(config, "orders.created", lines.read().splitlines())
        found = glob.glob(os.path.join(source, "out", "orders-created", "*.jsonl"))
        with open(found[0]) as lines:
            events = [json.loads(line) for line in lines]
        self.assertEqual([event["total"] for event in events], [19, 0])

    def test_new_handler_builds_passes_and_runs(self):
        source = self.new("handler", "my_store")
        call(self.busbar, "--config", "busbar.yaml", "publish", "sample.created", "-", cwd=source, env=self.env,
             stdin='{"id": "1"}\n')
        call(self.busbar, "--config", "busbar.yaml", "run", "--once", cwd=source, env=self.env)
        with open(os.path.join(source, "out.jsonl")) as lines:
            self.assertEqual(json.loads(lines.read()), {"id": "1"})

    def test_new_refuses_bad_names_and_existing_folders(self):
        call(self.busbar, "new", "domain", "Bad-Name", expect=2)
        call(self.busbar, "new", "thing", "x", expect=2)
        call(self.busbar, "new", "domain", "x", "--dir", self.folder, expect=2)

    def test_man_page_and_completion_name_every_command(self):
        help_text = call(self.busbar, "--help").stdout
        commands = re.findall(r"^  ([a-z]+) ", help_text, re.M)
        self.assertGreaterEqual(len(commands), 10)
        page = call("man", "-l", "-P", "cat", self.find("busbar.1*")).stdout if shutil.which("man") else \
            open(self.find("busbar.1")).read()
        for command in commands:
            self.assertIn(command, page)


class Quickstart(unittest.TestCase):
    def test_demo_balances(self):
        result = call(os.path.join(ROOT, "quickstart"), "--events", "2000", "--rate", "0")
        self.assertIn("It balances.", result.stdout)
        self.assertEqual(len(re.findall(r"^  [a-z_]+\.[a-z_]+ +\d", result.stdout, re.M)), 10, result.stdout)


if __name__ == "__main__":
    unittest.main()
