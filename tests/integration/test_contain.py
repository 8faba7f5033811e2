#!/usr/bin/env python3
"""Crash containment on the embedded broker: one poison record among many, plugins that keep dying, and the death of the processes themselves."""
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.error
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import kit  # noqa: E402

PLUGIN = os.path.join(kit.BUILD, "lib", "test-plugins", "fixture_poison.so")
# A member that died without leaving is missed for so long by its group.
SHORT = ("--set", "kafka.session.timeout.ms=3000", "--set", "kafka.heartbeat.interval.ms=300")
DEADLINES = ("--set", "workers.deadline.record=2s", "--set", "workers.deadline.call=2s")
CONFIG = """
domains:
  poison: {{ plugin: "{plugin}", events: {{ item: {{ topic: {topic}, handlers: [archive] }} }} }}
handlers:
  archive: {{ plugin: jsonl, path: "{folder}/out.jsonl" }}
"""


def events(count, poison):
    """Events with the numbers 0 to `count`; `poison`: {number: what it does}."""
    for number in range(count):
        event = {"id": f"n{number}"}
        if number in poison:
            event["do"] = poison[number]
        yield json.dumps(event, separators=(",", ":")).encode()


def topic_of(name):
    return "poison-" + name.replace(":", "-").replace("_", "")


class Site:
    """A folder, a topic and the runs on it."""

    def __init__(self, test, broker, name, config=CONFIG):
        self.test, self.broker, self.topic = test, broker, topic_of(name)
        temporary = tempfile.TemporaryDirectory(prefix="busbar-contain-")
        test.addCleanup(temporary.cleanup)
        self.folder = temporary.name
        self.config = kit.write_config(self.folder, broker.bootstrap,
                                       config.format(plugin=PLUGIN, topic=self.topic, folder=self.folder))

    def send(self, lines, topic=None):
        result = subprocess.run(["kcat", "-P", "-q", "-b", self.broker.bootstrap, "-t", topic or self.topic],
                                input=b"\n".join(lines) + b"\n", env=kit.without_preload(), timeout=120)
        self.test.assertEqual(result.returncode, 0)

    def run(self, *arguments):
        return kit.busbar("run", "--config", self.config, *SHORT, *DEADLINES, *arguments, timeout=400)

    def start(self, *arguments):
        log = open(os.path.join(self.folder, "log"), "w+")
        self.test.addCleanup(log.close)
        process = kit.spawn("run", "--config", self.config, *SHORT, *DEADLINES, *arguments, stdin=subprocess.DEVNULL,
                            stdout=subprocess.DEVNULL, stderr=log)
        self.test.addCleanup(lambda: process.poll() is None and (process.kill(), process.wait()))
        return process

    def log(self):
        with open(os.path.join(self.folder, "log")) as file:
            return file.read()

    def handled(self, name="out.jsonl"):
        path = os.path.join(self.folder, name)
        if not os.path.exists(path):
            return []
        with open(path, "rb") as file:
            return [line["id"] for line in kit.json_lines(file.read())]

    def lag(self):
        """Records behind the group's committed offsets."""
        result = kit.busbar("offsets", "show", "poison.item", "--config", self.config, "--json", timeout=60)
        return [line["lag"] for line in kit.json_lines(result.stdout)]

    def dead_letters(self, topic=None):
        """[(value, {header: text})] in their topic."""
        result = subprocess.run(["kcat", "-C", "-q", "-e", "-J", "-b", self.broker.bootstrap, "-t",
                                 (topic or self.topic) + ".dlq"], capture_output=True, env=kit.without_preload(), timeout=60)
        letters = []
        for line in kit.json_lines(result.stdout):
            names, values = line["headers"][::2], line["headers"][1::2]
            letters.append((line["payload"], dict(zip(names, values))))
        return letters


def workers(process):
    """The processes that `process` has started."""
    try:
        with open(f"/proc/{process.pid}/task/{process.pid}/children") as file:
            return [int(pid) for pid in file.read().split()]
    except FileNotFoundError:
        return []


def is_running(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


class Poison(unittest.TestCase):
    """One record among many ends the worker; the others pass, and it is dead-lettered, and nobody does anything."""
    CASES = {"handle:segv": ("SIGSEGV", "handle"), "validate:segv": ("SIGSEGV", "validate"), "handle:abort": ("SIGABRT", "handle"),
             "handle:exit": ("exit", "handle"), "enrich:_exit": ("exit", "enrich"), "handle:overflow": ("SIGSEGV", "handle"),
             "handle:loop": ("deadline", "handle"), "validate:loop": ("deadline", "validate"), "handle:kill": ("SIGKILL", "handle")}

    def setUp(self):
        self.broker = kit.Broker(*(word for do in self.CASES for word in ("--topic", f"{topic_of(do)}:1")))
        self.addCleanup(self.broker.close)

    def run_case(self, do, count, place, failures):
        try:
            self.check_case(do, count, place)
        except Exception as error:  # raised again by the test
            failures[do] = error

    def check_case(self, do, count, place):
        site = Site(self, self.broker, do)
        site.send(events(count, {place: do}))
        result = site.run("--once", "--json")
        log = result.stderr.decode()
        self.assertEqual(result.returncode, 0, log)
        expected = {f"n{number}" for number in range(count) if number != place}
        self.assertEqual(set(site.handled()), expected, log)
        self.assertEqual(site.lag(), [0], log)  # also when the last commit fell into a rebalance
        letters = site.dead_letters()
        # a rebalance of the embedded broker may fail the commit behind the dead letter, which is then written again
        self.assertEqual({value for value, _ in letters}, {list(events(place + 1, {place: do}))[-1].decode()}, log)
        headers, (how, stage) = letters[0][1], self.CASES[do]
        self.assertEqual((headers["busbar.signal"], headers["busbar.stage"], headers["busbar.plugin"], headers["busbar.keyword"]),
                         (how, stage, "fixture_poison 6.6.6", "crash"))
        self.assertEqual((headers["busbar.topic"], headers["busbar.offset"]), (site.topic, str(place)))
        if do not in ("enrich:_exit", "handle:kill"):  # those leave no moment for a stack
            self.assertIn("fixture_poison.so", headers["busbar.stack"])

    @staticmethod
    def sizes(do):
        """How many records there are, and which of them does it."""
        return (100000, 54321) if do in ("handle:segv", "handle:loop") else (2000, 777)

    def test_each_way_to_end(self):
        failures = {}
        threads = [threading.Thread(target=self.run_case, args=(do, *self.sizes(do), failures)) for do in self.CASES]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for do, error in failures.items():
            with self.subTest(do=do):
                raise error


class Quarantine(unittest.TestCase):
    """A plugin that ends its worker again and again is put aside; the others go on."""
    CONFIG = """
domains:
  poison: {{ plugin: "{plugin}", events: {{ item: {{ topic: {topic}, SETTINGS handlers: [archive] }} }} }}
  calm: {{ plugin: "{plugin}", events: {{ item: {{ topic: calm, handlers: [archive] }} }} }}
  other: {{ events: {{ thing: {{ schema: thing.json, topic: things, handlers: [things] }} }} }}
handlers:
  archive: {{ plugin: jsonl, path: "{folder}/out.jsonl" }}
  things: {{ plugin: jsonl, path: "{folder}/things.jsonl" }}
"""

    def site(self, settings=""):
        broker = kit.Broker(*(word for topic in ("poison-q", "calm", "things") for word in ("--topic", topic + ":1")))
        self.addCleanup(broker.close)
        site = Site(self, broker, "q", self.CONFIG.replace("SETTINGS", settings))
        with open(os.path.join(site.folder, "thing.json"), "w") as file:
            json.dump({"type": "object", "properties": {"id": {"type": "string"}}}, file)
        site.send(events(500, {}), "things")
        return site

    def test_different_records(self):
        site = self.site()
        site.send(events(100, {10: "handle:segv", 20: "handle:abort", 30: "handle:segv"}))
        result = site.run("--once", "--set", "workers.quarantine.records=2")
        log = result.stderr.decode()
        self.assertEqual(result.returncode, 4, log)
        self.assertEqual(set(site.handled("things.jsonl")), {f"n{number}" for number in range(500)}, log)
        self.assertIn("plugin fixture_poison 6.6.6 has ended its worker 2 times", log)
        self.assertIn("poison.item is stopped: plugin fixture_poison is in quarantine", log)
        self.assertIn("calm.item is stopped", log)
        # what was not dead-lettered before the plugin was put aside stays in its topic, before the committed offset
        self.assertLessEqual({json.loads(value)["id"] for value, _ in site.dead_letters()}, {"n10"}, log)
        self.assertFalse({"n20", "n30"} & set(site.handled()), log)

    def test_before_any_record(self):
        site = self.site("settings: {{ how: segv }},")
        result = site.run("--once", "--json")
        log = result.stderr.decode()
        self.assertEqual(result.returncode, 4, log)
        self.assertEqual(set(site.handled("things.jsonl")), {f"n{number}" for number in range(500)}, log)
        self.assertIn("stage setup of poison.item", log)
        self.assertEqual([event["event"] for event in json.loads(result.stdout)["events"]], ["other.thing"])


class Domains(unittest.TestCase):
    """One worker per domain: what happens to one does not touch the others."""
    CONFIG = Quarantine.CONFIG.replace("handlers: [things]", "consume: {{ group: GROUP }}, handlers: [things]") \
        .replace("SETTINGS", "") + "workers: {{ isolation: domain }}\n"

    def setUp(self):
        self.broker = kit.Broker(*(word for topic in ("poison-d", "calm", "things") for word in ("--topic", topic + ":1")))
        self.addCleanup(self.broker.close)

    def site(self, group):
        site = Site(self, self.broker, "d", self.CONFIG.replace("GROUP", group))
        with open(os.path.join(site.folder, "thing.json"), "w") as file:
            json.dump({"type": "object", "properties": {"id": {"type": "string"}}}, file)
        return site

    def things(self, site):
        with open(os.path.join(site.folder, "things.jsonl"), "rb") as file:
            return file.read()

    def test_a_death_changes_no_byte_of_another_domain(self):
        undisturbed, disturbed = self.site("first"), self.site("second")
        undisturbed.send(events(3000, {}), "things")
        alone = undisturbed.run("--once", "--only", "other.thing")
        self.assertEqual(alone.returncode, 0, alone.stderr.decode())
        self.assertEqual(self.things(undisturbed).count(b"\n"), 3000)
        disturbed.send(events(50, {7: "handle:segv"}))
        result = disturbed.run("--once", "--json")
        log = result.stderr.decode()
        self.assertEqual(result.returncode, 0, log)
        self.assertEqual(self.things(disturbed), self.things(undisturbed))
        self.assertEqual(set(disturbed.handled()), {f"n{number}" for number in range(50) if number != 7})
        summary = json.loads(result.stdout)
        self.assertEqual({event["event"]: event["handled"] for event in summary["events"]},
                         {"poison.item": 49, "calm.item": 0, "other.thing": 3000}, log)
        self.assertEqual(summary["restarts"], 2)
        self.assertTrue(summary["all"]["balances"])

    def test_one_view_of_all_workers(self):
        site = self.site("third")
        process = site.start("--admin", "127.0.0.1:0")
        address = kit.wait_for(lambda: re.search("http://(127[0-9.:]+)", site.log())).group(1)

        def ask(path):
            try:
                with urllib.request.urlopen(f"http://{address}/{path}", timeout=30) as answer:
                    return answer.status, answer.read().decode()
            except urllib.error.HTTPError as error:
                with error:
                    return error.code, error.read().decode()

        kit.wait_for(lambda: ask("ready")[0] == 200)
        status = json.loads(ask("status")[1])
        self.assertEqual({worker["domain"] for worker in status["workers"]}, {"poison", "calm", "other"})
        self.assertEqual({event["event"] for event in status["events"]}, {"poison.item", "calm.item", "other.thing"})
        self.assertEqual(sorted(worker["pid"] for worker in status["workers"]), sorted(workers(process)))
        victim = next(worker["pid"] for worker in status["workers"] if worker["domain"] == "calm")
        os.kill(victim, signal.SIGKILL)
        kit.wait_for(lambda: 'busbar_worker_restarts_total{domain="calm"} 1' in ask("metrics")[1])
        kit.wait_for(lambda: ask("ready")[0] == 200)
        metrics = ask("metrics")[1]
        self.assertIn('busbar_worker_restarts_total{domain="other"} 0', metrics)
        for name in ("busbar_records_consumed_total", "busbar_worker_restarts_total"):
            self.assertEqual(metrics.count(f"# TYPE {name} "), 1, metrics)
        for event in ("poison.item", "calm.item", "other.thing"):
            self.assertIn(f'busbar_in_flight{{event="{event}"}} 0', metrics)
        calm = next(worker for worker in json.loads(ask("status")[1])["workers"] if worker["domain"] == "calm")
        self.assertEqual((calm["restarts"], calm["last_death"]), (1, "was killed by SIGKILL"))
        self.assertNotEqual(calm["pid"], victim)
        self.assertEqual(ask("live")[0], 200)
        self.assertEqual(kit.stop(process), 0, site.log())


class Loading(unittest.TestCase):
    """A plugin that dies while it is loaded is a finding of those who look at it."""
    PLUGIN = PLUGIN.replace("fixture_poison", "fixture_poison_load")

    def config(self):
        temporary = tempfile.TemporaryDirectory(prefix="busbar-contain-")
        self.addCleanup(temporary.cleanup)
        return kit.write_config(temporary.name, "127.0.0.1:1", f'domains: {{ poison: {{ plugin: "{self.PLUGIN}" }} }}\n')

    def check(self, result):
        self.assertEqual(result.returncode, 4, result.stderr.decode())
        text = result.stderr.decode()
        self.assertIn("killed by SEGV", text)
        self.assertIn("while fixture_poison_load.so was being loaded", text)
        self.assertRegex(text, r"fixture_poison_load\.so\+0x")

    def test_inspect(self):
        self.check(kit.busbar("inspect", self.PLUGIN))

    def test_check(self):
        self.check(kit.busbar("check", "--config", self.config()))

    def test_run_gives_up(self):
        result = kit.busbar("run", "--once", "--config", self.config())
        self.assertEqual(result.returncode, 4, result.stderr.decode())
        self.assertIn("giving up", result.stderr.decode())


class Processes(unittest.TestCase):
    """What becomes of the one process when the other is killed."""

    def setUp(self):
        broker = kit.Broker("--topic", topic_of("p") + ":1")
        self.addCleanup(broker.close)
        self.site = Site(self, broker, "p")
        self.process = self.site.start()

    def handled_all(self, count):
        kit.wait_for(lambda: set(self.site.handled()) == {f"n{number}" for number in range(count)}, 60)

    def test_a_killed_worker_is_started_again(self):
        self.site.send(events(100, {}))
        self.handled_all(100)
        worker, = workers(self.process)
        os.kill(worker, signal.SIGKILL)
        kit.wait_for(lambda: [pid for pid in workers(self.process) if pid != worker])
        self.site.send(list(events(200, {}))[100:])
        self.handled_all(200)
        self.assertEqual(kit.stop(self.process), 0, self.site.log())
        self.assertIn("was killed by SIGKILL", self.site.log())

    def test_no_worker_outlives_its_supervisor(self):
        worker, = kit.wait_for(lambda: workers(self.process))
        self.process.kill()
        self.process.wait()
        kit.wait_for(lambda: not is_running(worker), 10)

    def test_a_signal_to_all_of_them_is_one_signal(self):
        """As a terminal or a service manager sends it."""
        self.site.send(events(100, {}))
        self.handled_all(100)
        for pid in (*workers(self.process), self.process.pid):
            os.kill(pid, signal.SIGTERM)
        self.assertEqual(self.process.wait(60), 0, self.site.log())
        self.assertIn("stopping", self.site.log())
        self.assertNotIn("ending now", self.site.log())


if __name__ == "__main__":
    unittest.main()
