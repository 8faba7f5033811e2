#!/usr/bin/env python3
"""A handler that is down, on the embedded broker: how often it is asked depends on the time and not on the lanes and event types that
use it, metrics and status say so, nothing is dead-lettered, and all goes on when it is back."""
import http.server
import json
import os
import re
import sys
import tempfile
import threading
import time
import unittest
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import kit  # noqa: E402

EVENTS = {"customer.user_event": "customer-user-events", "audit.audit_log": "audit-logs"}
LANES, PARTITIONS, COUNT, INTERVAL = 8, 4, 200, 0.4
SHORT = ("--set", "kafka.session.timeout.ms=3000", "--set", "kafka.heartbeat.interval.ms=300")
CONFIG = """
defaults:
  handlers: [peer]
  consume: {{ concurrency: {lanes}, batch_records: 20, retry: {{ initial: {interval_ms}ms, max: {interval_ms}ms }} }}
domains:
  customer: {{ plugin: ownlens_customer, events: {{ user_event: true }} }}
  audit: {{ plugin: ownlens_audit, events: {{ audit_log: true }} }}
handlers:
  peer: {{ plugin: http, url: "{url}" }}
"""


class Peer(http.server.ThreadingHTTPServer):
    """Refuses with 503 while it is down, and notes when it was asked and how many lines it took."""
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Answer)
        self.lock, self.down, self.asked, self.taken = threading.Lock(), True, [], 0
        self.url = f"http://127.0.0.1:{self.server_address[1]}/"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def close(self):
        self.shutdown()
        self.server_close()


class Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        peer = self.server
        with peer.lock:
            down = peer.down
            peer.asked.append(time.monotonic())
            if not down:
                value = json.loads(body) if body[:1] == b"[" else [json.loads(line) for line in body.splitlines()]
                peer.taken += len(value)
        self.send_response(503 if down else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()


class Breaker(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory(prefix="busbar-breaker-")
        self.addCleanup(temporary.cleanup)
        self.folder = temporary.name
        self.broker = kit.Broker(*(word for topic in EVENTS.values() for word in ("--topic", f"{topic}:{PARTITIONS}")))
        self.addCleanup(self.broker.close)
        self.peer = Peer()
        self.addCleanup(self.peer.close)
        self.port = kit.free_ports(1)
        self.config = kit.write_config(self.folder, self.broker.bootstrap, CONFIG.format(
            lanes=LANES, interval_ms=int(INTERVAL * 1000), url=self.peer.url))
        for event in EVENTS:
            result = kit.busbar("publish", event, "-", "--config", self.config,
                                stdin=b"\n".join(kit.generated(event, COUNT)) + b"\n")
            self.assertEqual(result.returncode, 0, result.stderr.decode())
        with open(os.path.join(self.folder, "log"), "wb") as log:
            self.process = kit.spawn("run", "--config", self.config, *SHORT, "--admin", f"127.0.0.1:{self.port}", stderr=log)
        self.addCleanup(lambda: [stream.close() for stream in (self.process.stdin, self.process.stdout)])
        self.addCleanup(lambda: self.process.poll() is None and (self.process.kill(), self.process.wait()))

    def get(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
            return answer.read().decode()

    def metric(self, name):
        found = re.search(rf'^{name}{{handler="peer"}} (\S+)$', self.get("/metrics"), re.M)
        return found and float(found[1])

    def handlers(self):
        return [handler for event in json.loads(self.get("/status"))["events"] for handler in event["handlers"]]

    def test_one_lane_asks_for_all(self):
        kit.wait_for(lambda: self.peer.asked, timeout=60)
        kit.wait_for(lambda: any(h["failures"] >= 2 for h in self.handlers()), timeout=60)
        begun = time.monotonic()
        time.sleep(12 * INTERVAL)
        self.assertEqual(self.metric("busbar_breaker_open"), 1)
        self.assertEqual(self.metric("busbar_breaker_opened_total"), 1)
        told = self.handlers()
        self.assertEqual([h["handler"] for h in told], ["peer", "peer"])
        self.assertTrue(all(h["down"] and h["times"] == 1 and h["failures"] >= 2 and h["down_seconds"] > 0 for h in told), told)
        with self.peer.lock:
            asked = [at for at in self.peer.asked if at > begun]
            passed = time.monotonic() - begun
            self.peer.down = False
        # a wait is at least half of the interval, and calls may have begun before the first one failed; without the breaker each of
        # the 16 lanes would ask as often as one does
        lanes = LANES * len(EVENTS)
        self.assertLessEqual(len(asked), passed / (INTERVAL / 2) + 1 + lanes)
        self.assertGreaterEqual(len(asked), 2)
        kit.wait_for(lambda: self.peer.taken >= COUNT * len(EVENTS), timeout=60)
        kit.wait_for(lambda: self.metric("busbar_breaker_open") == 0, timeout=10)
        self.assertFalse(any(h["down"] for h in self.handlers()))
        self.assertEqual(kit.stop(self.process), 0)
        with open(os.path.join(self.folder, "log"), encoding="utf-8") as log:
            text = log.read()
        self.assertEqual(text.count("handler peer is down"), 1)
        self.assertEqual(text.count("handler peer is back"), 1)
        self.assertEqual(self.peer.taken, COUNT * len(EVENTS))
        summary = json.loads(kit.busbar("run", "--config", self.config, *SHORT, "--once", "--json").stdout)["all"]
        self.assertEqual((summary["consumed"], summary["dead_lettered"]), (0, 0))


if __name__ == "__main__":
    unittest.main()
