#!/usr/bin/env python3
"""The `http` handler against a real HTTP server: forms, signature, faults, refusals, TLS."""
import collections
import email.utils
import gzip
import hashlib
import hmac
import http.server
import json
import os
import re
import shutil
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import kit  # noqa: E402
from handlerkit import EVENT, TOPIC, HandlerTest, main  # noqa: E402

SECRET, TOKEN = "s3cret-of-the-test", "token-of-the-test"
Request = collections.namedtuple("Request", "path headers body time")


def events_of(request):
    """What a request carries, whatever its form."""
    body = gzip.decompress(request.body) if request.headers.get("Content-Encoding") == "gzip" else request.body
    if "ndjson" in request.headers["Content-Type"]:
        return [json.loads(line) for line in body.splitlines()]
    value = json.loads(body)
    return value if isinstance(value, list) else [value]


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, answer, context=None):
        super().__init__(("127.0.0.1", 0), Handler)
        self.answer, self.requests = answer, []
        if context:
            self.socket = context.wrap_socket(self.socket, server_side=True)
        self.url = f"{'https' if context else 'http'}://127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request, client_address):
        pass  # resets and failed handshakes are what the tests are about

    def close(self):
        self.shutdown()
        self.server_close()

    def stored(self, path=None):
        return [event for request in self.requests if path in (None, request.path) for event in events_of(request)]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        request = Request(self.path, self.headers, body, time.monotonic())
        answer = self.server.answer(request, self) or (200, {}, b"")
        if answer == "gone":
            return
        status, headers, text = answer
        if status < 300:
            self.server.requests.append(request)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


class Http(HandlerTest):
    def setUp(self):
        super().setUp()
        if not os.path.exists(os.path.join(kit.BUILD, "lib", "busbar", "plugins", "handler_http.so")):
            self.skipTest("handler_http was not built: no libcurl")

    def serve(self, answer=lambda *_: None, context=None):
        server = Server(answer, context)
        self.addCleanup(server.close)
        return server

    def configure(self, handlers):
        """Several handlers behind one event type, in the order of their names."""
        with open(self.path("busbar.yaml"), "w") as out:
            json.dump({"kafka": {"bootstrap.servers": self.broker.bootstrap},
                       "domains": {"shop": {"events": {"order": {"schema": "order.json", "topic": TOPIC}}}},
                       "handlers": {name: {"plugin": "http", **keys} for name, keys in handlers.items()},
                       "defaults": {"handlers": list(handlers), "consume": self.consume}}, out)

    def test_forms_signature_and_headers(self):
        server = self.serve()
        for name, text in (("secret", SECRET), ("token", TOKEN)):
            self.script(name, text + "\n")
        self.configure({
            "json": {"url": server.url + "/json", "max_events": 4, "secret_file": self.path("secret"), "gzip": True},
            "lines": {"url": server.url + "/lines", "format": "lines", "envelope": True,
                      "headers": {"X-Team": "shop"}, "bearer_token_file": self.path("token")},
            "event": {"url": server.url + "/event", "format": "event", "secret": SECRET, "signature_header": "X-Sign"},
            "cloud": {"url": server.url.replace("//", "//user:password@") + "/cloud?key=q", "format": "cloudevent"},
            "clouds": {"url": server.url + "/clouds", "format": "cloudevents", "source": "urn:shop"}})
        self.send(self.orders(10))
        self.assertEqual(self.run_once()["handled"], 10)
        by_path = collections.defaultdict(list)
        for request in server.requests:
            by_path[request.path.split("?")[0]].append(request)
        self.assertEqual({path: sum(len(events_of(r)) for r in requests) for path, requests in by_path.items()},
                         {path: 10 for path in ("/json", "/lines", "/event", "/cloud", "/clouds")})
        self.check_json(by_path["/json"])
        self.check_lines(by_path["/lines"])
        self.check_single(by_path["/event"])
        self.check_cloud(by_path["/cloud"], by_path["/clouds"])
        for hidden in (SECRET, TOKEN, "password"):
            self.assertNotIn(hidden, self.log)

    def check_signature(self, header, body):
        parts = dict(part.split("=") for part in header.split(","))
        expected = hmac.new(SECRET.encode(), parts["t"].encode() + b"." + body, hashlib.sha256).hexdigest()
        self.assertEqual(parts["v1"], expected)
        self.assertLess(abs(int(parts["t"]) - time.time()), 120)

    def check_json(self, requests):
        self.assertLessEqual(max(len(events_of(r)) for r in requests), 4)
        self.assertEqual([e["id"] for r in requests for e in events_of(r)], [f"e{i}" for i in range(10)])
        for request in requests:
            self.assertEqual(request.headers["Content-Type"], "application/json")
            self.check_signature(request.headers["X-Busbar-Signature"], request.body)
        offset = 0
        for request in requests:
            count = len(events_of(request))
            lines = "".join(f"{TOPIC}/0/{offset + i}\n" for i in range(count))
            self.assertEqual(request.headers["Idempotency-Key"], f"{TOPIC}/0/{offset}" if count == 1 else
                             hashlib.sha256(lines.encode()).hexdigest()[:32])
            offset += count

    def check_lines(self, requests):
        for request in requests:
            self.assertEqual((request.headers["X-Team"], request.headers["Authorization"]), ("shop", "Bearer " + TOKEN))
            self.assertTrue(request.headers["User-Agent"].startswith("busbar/"))
        first = events_of(requests[0])[0]
        self.assertEqual((first["event"], first["offset"], first["value"]["id"]), (EVENT, 0, "e0"))

    def check_single(self, requests):
        self.assertEqual([r.headers["Idempotency-Key"] for r in requests], [f"{TOPIC}/0/{i}" for i in range(10)])
        for request in requests:
            self.check_signature(request.headers["X-Sign"], request.body)
            self.assertTrue(request.body.startswith(b"{"))

    def check_cloud(self, single, batches):
        self.assertEqual({r.headers["Content-Type"] for r in single}, {"application/cloudevents+json"})
        self.assertEqual({r.headers["Content-Type"] for r in batches}, {"application/cloudevents-batch+json"})
        one, of_batch = events_of(single[3])[0], [e for r in batches for e in events_of(r)][3]
        self.assertRegex(one["time"], r"^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        self.assertEqual({**one, "time": ""}, {
            "specversion": "1.0", "id": f"{TOPIC}/0/3", "source": f"/busbar/{TOPIC}", "type": EVENT, "time": "",
            "partitionkey": "k3", "datacontenttype": "application/json", "data": {"id": "e3", "amount": 3}})
        self.assertEqual((of_batch["source"], of_batch["data"]), ("urn:shop", one["data"]))

    def test_a_server_in_trouble_loses_nothing(self):
        seen = []

        def answer(request, connection):
            seen.append(request)
            step = len(seen)
            if step == 1:
                return 429, {"Retry-After": "1"}, b""
            if step == 2:
                return 503, {"Retry-After": email.utils.formatdate(time.time() + 2, usegmt=True)}, b""
            if step == 3:
                return 500, {}, b"oh no"
            if step == 4:  # a reset
                connection.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                connection.close_connection = True
                return "gone"
            if step == 5:  # slow
                time.sleep(1.5)
                return "gone"
            if step == 6:  # done, and the answer comes too late
                connection.server.requests.append(request)
                time.sleep(1.5)
                return "gone"
            return {7: (401, {}, b""), 8: (301, {"Location": "/else"}, b""), 9: (408, {}, b"")}.get(step)

        server = self.serve(answer)
        self.configure({"store": {"url": server.url + "/a", "timeout_ms": 700}})
        self.send(self.orders(5))
        self.assertEqual(self.run_once()["handled"], 5)
        self.assertEqual(self.letters(), [])
        self.assertGreaterEqual(seen[1].time - seen[0].time, 0.95)
        self.assertGreaterEqual(seen[2].time - seen[1].time, 0.9)  # a date has whole seconds
        ids = [event["id"] for event in server.stored()]
        self.assertEqual(set(ids), {f"e{i}" for i in range(5)})
        self.assertGreater(len(ids), 5, "what was answered too late is sent again")
        self.assertTrue(all(re.fullmatch(r"[0-9a-f]{32}|.*/0/[0-9]+", r.headers["Idempotency-Key"]) for r in server.requests))
        self.assertIn("answered 429 and asks to wait 1000 ms", self.log)

    def test_a_server_that_is_away(self):
        port = kit.free_ports(1)
        self.configure({"store": {"url": f"http://127.0.0.1:{port}/"}})
        self.send(self.orders(1))
        process = self.start("--set", "drain=500ms")
        kit.wait_for(lambda: "onnect" in self.text("log"), timeout=60)
        self.assertIn(f"http://127.0.0.1:{port}/", self.text("log"))
        self.assertEqual(kit.stop(process), 0)
        self.assertEqual(self.letters(), [])

    def test_exactly_the_offending_events_are_rejected(self):
        def answer(request, _):
            orders = events_of(request)
            if request.path == "/bisect" and any(o["amount"] % 7 == 0 for o in orders):
                return 422, {}, b"an amount of seven"
            if request.path == "/single" and any(o["amount"] % 11 == 0 for o in orders):
                return 400, {}, b""
            if request.path != "/list":
                return None
            results = [{"verdict": "reject", "reason": "thirteen", "pointer": "/amount"} if o["amount"] == 13 else
                       {"status": 409, "reason": "there already"} if o["amount"] == 17 else
                       "drop" if o["amount"] == 19 else {"status": 200} for o in orders]
            return 207, {}, json.dumps({"results": results}).encode()

        server = self.serve(answer)
        self.configure({"a": {"url": server.url + "/bisect"}, "b": {"url": server.url + "/single", "on_refusal": "single"},
                        "c": {"url": server.url + "/list", "answers": "list", "max_events": 5}})
        self.send(self.orders(40))
        counts = self.run_once()
        by_seven, by_eleven = set(range(0, 40, 7)), {11, 22, 33}
        letters = {json.loads(r["value"])["amount"]: r["headers"] for r in self.letters()}
        self.assertEqual(set(letters), by_seven | by_eleven | {13, 17})
        self.assertEqual((counts["dead_lettered"], counts["dropped"], counts["handled"]), (11, 1, 28))
        self.assertEqual(letters[7]["busbar.reason"], "the server answered 422: an amount of seven")
        self.assertEqual(letters[11]["busbar.reason"], "the server answered 400")
        self.assertEqual((letters[13]["busbar.reason"], letters[13]["busbar.pointer"]), ("thirteen", "/amount"))
        self.assertEqual(letters[17]["busbar.reason"], "there already")
        stored = [order["amount"] for order in server.stored("/bisect")]
        self.assertEqual(sorted(stored), sorted(set(range(40)) - by_seven))  # none twice
        stored = [order["amount"] for order in server.stored("/single")]
        self.assertEqual(sorted(stored), sorted(set(range(40)) - by_seven - by_eleven))

    def test_an_answer_that_is_no_list_is_nobodys_fault(self):
        answers = [b"hello", b'{"results":[]}', b'{"results":[{"status":9}]}']
        server = self.serve(lambda *_: (200, {}, answers.pop(0) if answers else b'{"results":["pass"]}'))
        self.configure({"store": {"url": server.url, "answers": "list", "max_events": 1}})
        self.send(self.orders(1))
        self.assertEqual(self.run_once()["handled"], 1)
        self.assertEqual(len(server.requests), 4)
        self.assertIn("the server's answer is not {\"results\":[...]}", self.log)

    def certificate(self, name):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}",
                        "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", self.path(name + ".key"),
                        "-out", self.path(name + ".pem")], check=True, capture_output=True, timeout=60)

    @unittest.skipUnless(shutil.which("openssl"), "openssl is not installed")
    def test_tls_is_verified_both_ways(self):
        self.certificate("server")
        self.certificate("client")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.path("server.pem"), self.path("server.key"))
        context.load_verify_locations(self.path("client.pem"))
        context.verify_mode = ssl.CERT_REQUIRED
        server = self.serve(context=context)
        self.send(self.orders(3))
        own = {"client_certificate": self.path("client.pem"), "client_key": self.path("client.key")}
        self.configure({"store": {"url": server.url, **own}})
        process = self.start("--set", "drain=500ms")
        kit.wait_for(lambda: "certificate" in self.text("log").lower(), timeout=60)
        self.assertEqual(kit.stop(process), 0)
        self.assertEqual(server.requests, [])
        self.configure({"store": {"url": server.url, "ca_file": self.path("server.pem"), **own}})
        self.assertEqual(self.run_once()["handled"], 3)
        self.assertEqual(len(server.stored()), 3)

    def test_a_configuration_that_cannot_work(self):
        for keys, word in (({"url": "http://"}, "`url` is no URL"), ({"ca_file": "/nowhere"}, "`ca_file`: /nowhere"),
                           ({"headers": {"Host": "x"}}, "Host is set by the handler itself"),
                           ({"format": "cloudevent", "envelope": True}, "two envelopes"),
                           ({"client_key": "/dev/null"}, "needs a `client_certificate`")):
            with self.subTest(keys):
                self.configure({"store": {"url": "http://127.0.0.1:1", **keys}})
                self.run_once(expect=4)
                self.assertIn(word, self.log)


if __name__ == "__main__":
    main()
