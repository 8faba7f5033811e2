"""What tests of handlers share: an event type made of a schema, a broker, and a run with one handler behind it."""
import concurrent.futures
import json
import os
import subprocess
import sys
import tempfile
import time
import unittest

import kit

EVENT, TOPIC = "shop.order", "orders"
SCHEMA = {"type": "object", "required": ["id"], "properties": {
    "id": {"type": "string"}, "amount": {"type": "integer"}, "test": {"type": "boolean"}}}
# The embedded broker lets a group wait for members that have left until their session is over.
SHORT = ("--set", "kafka.session.timeout.ms=3000", "--set", "kafka.heartbeat.interval.ms=300")


class HandlerTest(unittest.TestCase):
    """`self.handler` are the handler's keys in the configuration, as JSON values."""
    partitions = 1
    handler = {}
    consume = {"flush_interval": "50ms", "retry": {"initial": "20ms", "max": "200ms", "attempts": 4}}

    def setUp(self):
        temporary = tempfile.TemporaryDirectory(prefix="busbar-handler-")
        self.addCleanup(temporary.cleanup)
        self.folder = temporary.name
        self.broker = kit.Broker("--topic", f"{TOPIC}:{self.partitions}")
        self.addCleanup(self.broker.close)
        with open(self.path("order.json"), "w") as out:
            json.dump(SCHEMA, out)

    def path(self, name):
        return os.path.join(self.folder, name)

    def text(self, name):
        if not os.path.exists(self.path(name)):
            return ""
        with open(self.path(name)) as file:
            return file.read()

    def lines(self, name):
        return [json.loads(line) for line in self.text(name).splitlines()]

    def script(self, name, text):
        with open(self.path(name), "w") as out:
            out.write(text)
        return self.path(name)

    def config(self, handler=None, **consume):
        text = json.dumps({"kafka": {"bootstrap.servers": self.broker.bootstrap},
                           "domains": {"shop": {"events": {"order": {"schema": "order.json", "topic": TOPIC}}}},
                           "handlers": {"store": {**self.handler, **(handler or {})}},
                           "defaults": {"handlers": ["store"], "consume": {**self.consume, **consume}}})
        with open(self.path("busbar.yaml"), "w") as out:
            out.write(text)
        return self.path("busbar.yaml")

    def send(self, events, key="k%d", partition=None):
        """Records as any producer writes them, with a key that tells their place."""
        lines = "".join(f"{key % i if '%' in key else key}|{json.dumps(event)}\n" for i, event in enumerate(events))
        command = ["kcat", "-P", "-q", "-b", self.broker.bootstrap, "-t", TOPIC, "-K", "|"]
        command += ["-p", str(partition)] if partition is not None else []
        subprocess.run(command, input=lines.encode(), env=kit.without_preload(), timeout=60, check=True)

    def orders(self, count, first=0, **more):
        return [{"id": f"e{first + i}", "amount": i, **more} for i in range(count)]

    def run_once(self, *arguments, expect=0, timeout=120):
        result = kit.busbar("run", "--once", "--json", "--config", self.path("busbar.yaml"), *SHORT, *arguments, timeout=timeout)
        self.log = result.stderr.decode()
        self.assertEqual(result.returncode, expect, self.log)
        if expect:
            return None
        counts = json.loads(result.stdout)["all"]
        self.assertTrue(counts["balances"], counts)
        return counts

    def start(self, *arguments, **more):
        with open(self.path("log"), "ab") as log:
            process = kit.spawn("run", "--config", self.path("busbar.yaml"), *SHORT, *arguments, stdout=subprocess.DEVNULL,
                                stderr=log, **more)
        self.addCleanup(process.stdin.close)
        self.addCleanup(lambda: process.poll() is None and (process.kill(), process.wait()))
        return process

    def letters(self):
        return kit.consume(self.broker.bootstrap, TOPIC + ".dlq")


def main(workers=4):
    """As unittest.main, but several tests at a time: they mostly wait for groups and for backoff. One by name runs as usual."""
    names = [argument for argument in sys.argv[1:] if not argument.startswith("-")]
    if names:
        unittest.main(verbosity=2)

    def tests(suite):
        for part in suite:
            yield from tests(part) if isinstance(part, unittest.TestSuite) else [part]

    def run(test):
        result = unittest.TestResult()
        test.run(result)
        word = "ok" if result.wasSuccessful() and not result.skipped else "skipped" if result.skipped else "FAIL"
        print(f"{test} ... {word} {''.join(repr(reason) for _, reason in result.skipped)}".rstrip(), file=sys.stderr, flush=True)
        return result

    begun = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        results = list(pool.map(run, tests(unittest.defaultTestLoader.loadTestsFromModule(sys.modules["__main__"]))))
    bad = [found for result in results for found in result.failures + result.errors]
    for test, text in bad:
        print(f"{'=' * 70}\n{test}\n{text}", file=sys.stderr)
    skipped = sum(len(result.skipped) for result in results)
    print(f"Ran {len(results)} tests in {time.monotonic() - begun:.3f}s\n", file=sys.stderr)
    counts = [f"{name}={count}" for name, count in (("failures", len(bad)), ("skipped", skipped)) if count]
    print(("FAILED" if bad else "OK") + (f" ({', '.join(counts)})" if counts else ""), file=sys.stderr)
    sys.exit(bool(bad))
