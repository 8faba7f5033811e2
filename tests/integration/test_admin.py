#!/usr/bin/env python3
"""The admin port of `busbar run` on the embedded broker: its routes, and that the document names the metrics it serves."""
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import unittest
import urllib.error
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import kit  # noqa: E402

EVENT, TOPIC, PARTITIONS = "customer.user_event", "customer-user-events", 4
OTHER, OTHER_TOPIC = "audit.audit_log", "audit-logs"
SHORT = ("--set", "kafka.session.timeout.ms=3000", "--set", "kafka.heartbeat.interval.ms=300")
CONFIG = """
defaults:
  handlers: [archive]
  consume: {{ commit_interval: 100ms }}
domains:
  customer: {{ plugin: ownlens_customer, events: {{ user_event: true }} }}
handlers:
  archive: {{ plugin: jsonl, path: "{folder}/out/{{topic}}.jsonl" }}
"""
DOCUMENT = os.path.join(kit.ROOT, "docs", "metrics.md")
SAMPLE = re.compile(r'^([a-z_][a-z0-9_]*)(?:\{(.*)\})? (NaN|[-+]?(?:Inf|[0-9.]+(?:e[-+]?[0-9]+)?))$')


def documented():
    """The table of a run's metrics: name to (kind, set of labels)."""
    with open(DOCUMENT, encoding="utf-8") as file:
        section = file.read().split("## Metrics of a run")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| ([^|]*) \|", section, re.M)
    return {name: (kind, frozenset(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows}


def example():
    """The answer of /status that the document shows."""
    with open(DOCUMENT, encoding="utf-8") as file:
        return json.loads(file.read().split("```json\n")[1].split("```")[0])


def parse(text):
    """Prometheus text to kinds by name and values by (name, labels); fails on a line that is neither."""
    kinds, helps, values = {}, set(), {}
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            kinds[name] = kind
        elif line.startswith("# HELP "):
            helps.add(line.split(" ", 3)[2])
        else:
            match = SAMPLE.match(line)
            if not match:
                raise AssertionError(f"no line of the format: {line!r}")
            labels = dict(re.findall(r'(\w+)="([^"]*)"', match[2] or ""))
            values[(match[1], frozenset(labels.items()))] = float(match[3])
    if helps != set(kinds):
        raise AssertionError(f"HELP and TYPE differ: {helps ^ set(kinds)}")
    return kinds, values


class Admin(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory(prefix="busbar-admin-")
        self.addCleanup(temporary.cleanup)
        self.folder = temporary.name
        self.broker = kit.Broker("--topic", f"{TOPIC}:{PARTITIONS}")
        self.addCleanup(self.broker.close)
        self.config = kit.write_config(self.folder, self.broker.bootstrap, CONFIG.format(folder=self.folder))

    def publish(self, lines):
        result = kit.busbar("publish", EVENT, "-", "--config", self.config, stdin=b"\n".join(lines) + b"\n")
        self.assertEqual(result.returncode, 0, result.stderr.decode())

    def send_raw(self, lines):
        subprocess.run(["kcat", "-P", "-q", "-b", self.broker.bootstrap, "-t", TOPIC, "-p", "0"], check=True, timeout=60,
                       input=b"\n".join(lines) + b"\n", env=kit.without_preload())

    def start(self, *arguments):
        """Starts a run and reads its log until it names the port."""
        process = kit.spawn("run", "--config", self.config, *SHORT, *arguments)
        self.addCleanup(lambda: [stream.close() for stream in (process.stdin, process.stdout, process.stderr)])
        self.addCleanup(lambda: process.poll() is None and (process.kill(), process.wait()))
        self.log = []
        for line in process.stderr:
            self.log.append(line.decode())
            match = re.search(rb"admin port: http://(\S+)", line)
            if match:
                break
        else:
            self.fail(f"no admin port: {self.log}")
        reader = threading.Thread(target=lambda: self.log.extend(line.decode() for line in process.stderr))
        reader.start()
        self.addCleanup(reader.join)
        self.addCleanup(lambda: process.poll() is None and kit.stop(process))
        self.address = match[1].decode()
        return process

    def ask(self, path, method="GET"):
        """Code, headers and body."""
        request = urllib.request.Request(f"http://{self.address}{path}", method=method)
        try:
            with urllib.request.urlopen(request, timeout=20) as response:
                return response.status, response.headers, response.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers, error.read().decode()

    def status(self):
        code, headers, body = self.ask("/status")
        self.assertEqual((code, headers["Content-Type"]), (200, "application/json"))
        return json.loads(body)

    def metrics(self):
        code, headers, body = self.ask("/metrics")
        self.assertEqual((code, headers["Content-Type"]), (200, "text/plain; version=0.0.4; charset=utf-8"))
        return parse(body)

    def value(self, values, name, **labels):
        return values[(name, frozenset({"event": EVENT, **labels}.items()))]

    def wait_ready(self):
        kit.wait_for(lambda: self.ask("/ready")[0] == 200, timeout=60)

    def wait_final(self, count):
        """Waits until so many records are final and the picture of the partitions has followed."""
        def final():
            event = self.status()["events"][0]
            done = event["handled"] + event["dropped"] + event["dead_lettered"]
            return done == count and event["lag"] == 0 and not any(p["in_flight"] for p in event["partitions"])
        kit.wait_for(final, timeout=60)

    def test_routes(self):
        self.start("--admin", "127.0.0.1:0")
        self.assertEqual(self.ask("/live")[0], 200)
        self.wait_ready()
        code, headers, body = self.ask("/metrics", "HEAD")
        self.assertEqual((code, body), (200, ""))
        self.assertGreater(int(headers["Content-Length"]), 100)
        self.assertEqual(self.ask("/metrics", "POST")[0], 405)
        code, _, body = self.ask("/nowhere")
        self.assertEqual(code, 404)
        for path in ("/metrics", "/live", "/ready", "/status"):
            self.assertIn(path, body)

    def test_counts_balance_in_metrics_and_status(self):
        good = kit.generated(EVENT, 40)
        self.publish(good[:39])
        self.send_raw([b'{"event_type":', good[39], b'{"no":"event"}'])
        process = self.start("--admin", "127.0.0.1:0")
        self.wait_final(42)
        _, values = self.metrics()
        verdicts = {verdict: self.value(values, "busbar_records_total", verdict=verdict)
                    for verdict in ("handled", "dropped", "dead_lettered")}
        self.assertEqual(verdicts, {"handled": 40, "dropped": 0, "dead_lettered": 2})
        self.assertEqual(self.value(values, "busbar_records_consumed_total"), 42)
        self.assertEqual(self.value(values, "busbar_records_released_total"), 0)
        for name in ("busbar_in_flight", "busbar_lag_records", "busbar_lag_seconds", "busbar_oldest_in_flight_seconds"):
            self.assertEqual(self.value(values, name), 0, name)
        frontiers = [self.value(values, "busbar_partition_frontier", partition=str(i)) for i in range(PARTITIONS)]
        self.assertEqual(sum(offset for offset in frontiers if offset == offset), 42)  # NaN: nothing was read there
        self.assertEqual([self.value(values, "busbar_partition_lag_records", partition=str(i)) for i in range(PARTITIONS)],
                         [0] * PARTITIONS)
        self.assertGreaterEqual(self.value(values, "busbar_rebalances_total", kind="assigned"), 1)
        self.assertGreaterEqual(self.value(values, "busbar_flush_seconds_count", handler="archive"), 1)
        kit.wait_for(lambda: self.value(self.metrics()[1], "busbar_commits_total", result="ok") >= 1)
        self.assertEqual(self.value(values, "busbar_commits_total", result="failed"), 0)

        def committed():
            parts = self.status()["events"][0]["partitions"]
            return parts if all(p["committed"] == p["frontier"] for p in parts) else None
        partitions = kit.wait_for(committed)
        self.assertEqual([p["partition"] for p in partitions], list(range(PARTITIONS)))
        self.assertEqual(sum(p["end"] for p in partitions), 42)
        for partition in partitions:
            self.assertEqual(partition["lag"], 0)
            self.assertEqual(partition["position"], partition["end"])
            if partition["end"]:
                self.assertEqual(partition["frontier"], partition["end"])
        event = self.status()["events"][0]
        self.assertEqual((event["event"], event["topic"], event["state"], event["error"]), (EVENT, TOPIC, "working", None))
        self.assertEqual(event["consumed"], event["handled"] + event["dropped"] + event["dead_lettered"])
        self.assertEqual(kit.stop(process), 0)

    def test_a_handler_that_is_down_shows(self):
        self.publish(kit.generated(EVENT, 10))
        wall = os.path.join(self.folder, "out", TOPIC + ".jsonl")
        os.makedirs(wall)  # a folder where the handler's file should be
        self.start("--admin", "127.0.0.1:0", "--set", "defaults.consume.retry.max=300ms")

        def held(judge):
            values = self.metrics()[1]
            return values if judge(self.value(values, "busbar_oldest_in_flight_seconds")) else None
        values = kit.wait_for(lambda: held(lambda seconds: seconds >= 1), timeout=60)
        retries = {dict(labels)["stage"]: value for (name, labels), value in values.items() if name == "busbar_retries_total"}
        self.assertGreater(retries["sink"] + retries["flush"], 0, retries)
        self.assertEqual(self.value(values, "busbar_in_flight"), 10)
        self.assertEqual(self.value(values, "busbar_lag_records"), 10)
        self.assertGreater(self.value(values, "busbar_lag_seconds"), 0)
        self.assertGreater(self.status()["events"][0]["lag_seconds"], 0)
        self.assertEqual(sum(p["in_flight"] for p in self.status()["events"][0]["partitions"]), 10)
        self.assertEqual(self.ask("/ready")[0], 200)  # waiting for a store is work
        os.rmdir(wall)
        self.wait_final(10)
        values = kit.wait_for(lambda: held(lambda seconds: seconds == 0))
        self.assertEqual(self.value(values, "busbar_records_total", verdict="handled"), 10)

    def test_a_rebalance_shows(self):
        self.publish(kit.generated(EVENT, 20))
        self.start("--admin", "127.0.0.1:0")
        self.wait_final(20)
        first = self.address
        self.start("--admin", "127.0.0.1:0")
        second = self.address

        def share(address):
            self.address = address
            return [partition["partition"] for partition in self.status()["events"][0]["partitions"]]
        kit.wait_for(lambda: share(second) and sorted(share(first) + share(second)) == list(range(PARTITIONS)), timeout=60)
        self.address = first
        self.wait_ready()
        _, values = self.metrics()
        self.assertGreaterEqual(self.value(values, "busbar_rebalances_total", kind="revoked"), 1)
        self.assertGreaterEqual(self.value(values, "busbar_rebalances_total", kind="assigned"), 2)
        self.assertEqual(self.value(values, "busbar_records_total", verdict="handled"), 20)
        self.assertEqual(self.value(values, "busbar_records_released_total"), 0)

    def test_the_document_names_what_is_served(self):
        self.publish(kit.generated(EVENT, 5))
        self.start("--admin", "127.0.0.1:0", "--set", "defaults.consume.retry.mode=topics",
                   "--set", "defaults.consume.retry.delays=[1s]", "--set", "defaults.consume.retry.keep_order=true")
        self.wait_final(5)
        kinds, values = self.metrics()
        expected = documented()
        own = {name: kind for name, kind in kinds.items() if not name.startswith("busbar_plugin_")}
        self.assertEqual(own, {name: kind for name, (kind, _) in expected.items()})
        self.assertLess(len(own), len(kinds), "the plugin's own metrics are missing")
        for (name, labels) in values:
            if name.startswith("busbar_plugin_"):
                self.assertEqual({key for key, _ in labels}, {"plugin", "event"}, name)
                continue
            family = re.sub(r"_(bucket|sum|count)$", "", name) if name not in kinds else name
            more = {"tier"} if ("tier", "1") in labels and family != "busbar_lag_records" else set()
            self.assertEqual({key for key, _ in labels} - {"le"}, set(expected[family][1]) | more, name)
        shown, served = example()["events"][0], self.status()["events"][0]
        self.assertEqual(set(served), set(shown) | {"retry_topics"})

    def test_not_ready_while_kafka_is_away(self):
        port = kit.free_ports(1)
        process = self.start("--admin", "127.0.0.1:0", "--set", f"kafka.bootstrap.servers=127.0.0.1:{port}")
        code, _, body = self.ask("/ready")
        self.assertEqual((code, body), (503, f"not ready: {EVENT} has no assignment yet\n"))
        self.assertEqual(self.ask("/live")[0], 200)
        status = self.status()
        self.assertEqual((status["ready"], status["events"][0]["state"]), (False, "starting"))
        self.assertIsNone(status["events"][0]["lag"])
        self.assertIn("busbar_lag_records{event=\"" + EVENT + "\"} NaN", self.ask("/metrics")[2])
        self.assertEqual(kit.stop(process), 0)

    def test_a_failed_event_type_is_not_ready_and_names_the_reason(self):
        """The other one goes on, so that the process does not end."""
        self.start("--admin", "127.0.0.1:0", "--set", "domains.audit.plugin=ownlens_audit", "--set",
                   "domains.audit.events.audit_log.topic=" + TOPIC, "--set",
                   "domains.audit.events.audit_log.consume.offset_reset=error")
        kit.wait_for(lambda: "has no valid offset" in self.ask("/ready")[2], timeout=60)
        code, _, body = self.ask("/ready")
        self.assertEqual(code, 503)
        self.assertIn("audit.audit_log is failed", body)
        states = {event["event"]: event for event in self.status()["events"]}
        self.assertEqual(states["audit.audit_log"]["state"], "failed")
        self.assertIn("no valid offset", states["audit.audit_log"]["error"])
        kit.wait_for(lambda: {e["event"]: e["state"] for e in self.status()["events"]}[EVENT] == "working", timeout=60)

    def test_the_configuration_opens_it_and_the_command_line_wins(self):
        first = self.start("--set", "admin.listen=127.0.0.1:0")
        second = kit.busbar("run", "--config", self.config, "--set", "admin.listen=127.0.0.1:0", "--admin", self.address)
        self.assertEqual(second.returncode, 2, second.stderr.decode())
        self.assertIn(f"the admin port {self.address} cannot be opened", second.stderr.decode())
        self.assertEqual(kit.stop(first), 0)

    def test_addresses_that_are_none(self):
        result = kit.busbar("run", "--config", self.config, "--admin", "9464")
        self.assertEqual(result.returncode, 2)
        self.assertIn("HOST:PORT", result.stderr.decode())

    def test_other_machines_only_with_a_warning(self):
        self.start("--admin", "0.0.0.0:0")
        self.assertIn("can be reached from other machines", "".join(self.log))


if __name__ == "__main__":
    unittest.main(verbosity=2)
