#!/usr/bin/env python3
"""The `s3` handler with credentials that it is given for a while: by the role of a machine or of a container, from a double of
their services, or by a file that is replaced. The server is a real one behind a front that knows such credentials, and refuses those that
have ended as AWS does."""
import collections
import hashlib
import hmac
import http.server
import json
import os
import sys
import threading
import time
import unittest
import unittest.mock
import uuid

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import lake  # noqa: E402
import storagekit  # noqa: E402
from storagekit import EVENT, TOPIC, kit  # noqa: E402

ROLE, FOLDER = "busbar-role", "/latest/meta-data/iam/security-credentials/"
AUTHORIZATION = "Bearer of-the-container"
server = None


def setUpModule():
    global server
    server = lake.Gateway()


def tearDownModule():
    server.close()


def signature(secret, authorization, method, target, headers):
    """Signature Version 4 of a request, by its documentation."""
    scope = authorization["Credential"].split("/")[1:]
    path, _, query = target.partition("?")
    names = authorization["SignedHeaders"].split(";")
    canonical = "\n".join([method, path, "&".join(sorted(query.split("&"))) if query else "",
                           *(f"{name}:{headers[name]}" for name in names), "", ";".join(names), headers["x-amz-content-sha256"]])
    text = "\n".join(["AWS4-HMAC-SHA256", headers["x-amz-date"], "/".join(scope), hashlib.sha256(canonical.encode()).hexdigest()])
    key = b"AWS4" + secret.encode()
    for part in scope:
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.new(key, text.encode(), "sha256").hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body=b"", headers=()):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        if "content-length" not in dict(headers):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Double:
    """A server on loopback whose requests are answered by `take(handler)`."""

    def __init__(self):
        double = self

        class Own(Handler):
            def work(self):
                double.take(self)
            do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = work

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Own)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Front(Double):
    """Before the S3 server, which knows no tokens: takes requests of temporary credentials, and signs them with lasting ones."""

    def __init__(self):
        super().__init__()
        self.valid, self.ever, self.used, self.refused = {}, [], [], []

    def add(self):
        """New credentials, as the answer of a role's service has them."""
        name = "role-" + uuid.uuid4().hex[:12]
        self.valid[name] = {"Code": "Success", "AccessKeyId": name, "SecretAccessKey": "secret/" + uuid.uuid4().hex,
                            "Token": "token/" + uuid.uuid4().hex}
        self.ever.append(self.valid[name])
        return self.valid[name]

    def take(self, request):
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        parts = request.headers["Authorization"].partition(" ")[2].split(",")
        authorization = dict(part.strip().split("=", 1) for part in parts)
        name = authorization["Credential"].split("/")[0]
        credentials = self.valid.get(name)
        if not credentials:
            self.refused.append(name)
            return request.answer(400, b"<Error><Code>ExpiredToken</Code><Message>It has expired.</Message></Error>")
        if credentials["Token"] != request.headers["x-amz-security-token"] or "x-amz-security-token" not in \
                authorization["SignedHeaders"] or authorization["Signature"] != signature(
                    credentials["SecretAccessKey"], authorization, request.command, request.path, request.headers):
            return request.answer(403, b"<Error><Code>SignatureDoesNotMatch</Code></Error>")
        self.used.append(name)
        self.forward(request, authorization, body)

    @staticmethod
    def forward(request, authorization, body):
        headers = {name.lower(): value for name, value in request.headers.items()
                   if name.lower() not in ("connection", "x-amz-security-token")}
        authorization["Credential"] = "/".join([lake.ACCESS, *authorization["Credential"].split("/")[1:]])
        authorization["SignedHeaders"] = authorization["SignedHeaders"].replace(";x-amz-security-token", "")
        authorization["Signature"] = signature(lake.SECRET, authorization, request.command, request.path, headers)
        headers["authorization"] = "AWS4-HMAC-SHA256 " + ", ".join(f"{name}={value}" for name, value in authorization.items())
        reply, data = lake.forward(server.port, request.command, request.path, headers, body)
        kept = [(name.lower(), value) for name, value in reply.getheaders() if name.lower() in ("etag", "content-length")]
        request.answer(reply.status, data, kept)


class Service(Double):
    """The double of both services: instance metadata of version 2, and a container's endpoint. `given`: what, and until when."""

    def __init__(self):
        super().__init__()
        self.credentials, self.lifetime, self.status, self.given, self.troubles = None, 3600, 200, [], 0
        self.authorization, self.tokens = AUTHORIZATION, set()

    def take(self, request):
        status, text = (self.status, "trouble") if self.status != 200 else \
            self.begin(request) if request.command == "PUT" else self.go_on(request)
        self.troubles += status != 200
        request.answer(status, text.encode())

    def begin(self, request):
        if request.path != "/latest/api/token" or not request.headers["X-aws-ec2-metadata-token-ttl-seconds"].isdigit():
            return 400, ""
        token = "session-" + uuid.uuid4().hex
        self.tokens.add(token)
        return 200, token

    def go_on(self, request):
        if request.path == "/v1/credentials":
            return (200, self.give()) if request.headers["Authorization"] == self.authorization else (401, "")
        if request.headers["X-aws-ec2-metadata-token"] not in self.tokens:
            return 401, ""
        if request.path == FOLDER:
            return 200, ROLE + "\n"
        return (200, self.give()) if request.path == FOLDER + ROLE else (404, "")

    def give(self):
        end = int(time.time()) + self.lifetime
        self.given.append((self.credentials["AccessKeyId"], end))
        return json.dumps({**self.credentials, "Expiration": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(end))})


class Role(storagekit.Case):
    partitions = 1

    def setUp(self):
        super().setUp()
        self.under = "t" + uuid.uuid4().hex[:12]
        self.service, self.front = Service(), Front()
        self.addCleanup(self.service.close)
        self.addCleanup(self.front.close)
        self.service.credentials = self.front.add()
        self.lines = storagekit.unique(kit.generated(EVENT, 60))
        self.configure()
        self.use(AWS_EC2_METADATA_SERVICE_ENDPOINT=self.service.url)

    def use(self, **environment):
        """The environment of busbar: of AWS there is only this, and no home with a file."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        patch = unittest.mock.patch.dict(os.environ, {**kept, "HOME": self.folder, **environment}, clear=True)
        patch.start()
        self.addCleanup(patch.stop)

    def configure(self, **keys):
        self.config = os.path.join(self.folder, "busbar.yaml")
        with open(self.config, "w") as out:
            json.dump({"kafka": {"bootstrap.servers": self.broker.bootstrap},
                       "domains": {"customer": {"plugin": "ownlens_customer"}},
                       "handlers": {"s3": {"plugin": "s3", "endpoint": self.front.url, "bucket": lake.BUCKET, "path": self.under,
                                           "format": "lines", "compression": "none", **keys}},
                       "defaults": {"handlers": ["s3"], "consume": {"order": "partition", "flush_interval": "100ms",
                                                                    "retry": {"initial": "50ms", "max": "300ms"}}}}, out)

    def stored(self):
        found = []
        for key in server.objects(self.under):
            if "/_" not in key:
                with open(server.path(key)) as file:
                    found += [json.loads(line)["event_id"] for line in file]
        return found

    def expect_stored(self, lines):
        wanted, found = collections.Counter(json.loads(line)["event_id"] for line in lines), collections.Counter(self.stored())
        self.assertEqual((sum((wanted - found).values()), sum((found - wanted).values())), (0, 0), "lost, twice")

    def expect_secrets_kept(self, log):
        secrets = [text for given in self.front.ever for text in (given["SecretAccessKey"], given["Token"])]
        for secret in (*secrets, *self.service.tokens, AUTHORIZATION, "Signature="):
            self.assertNotIn(secret, log)

    def stores(self, first, last):
        """Sends some of the events to the worker that runs."""
        self.sent = last
        self.send(TOPIC, self.lines[first:last])
        kit.wait_for(lambda: len(self.stored()) >= last)

    def end(self, process):
        self.assertEqual(kit.stop(process), 0)
        self.expect_stored(self.lines)
        self.assertEqual(self.letters(), [])
        self.expect_secrets_kept(self.log_of(process))

    def replace(self, end=True):
        """Other credentials from now on; those before, whose key is returned, may end at once."""
        former, self.service.credentials = self.service.credentials["AccessKeyId"], self.front.add()
        if end:
            del self.front.valid[former]
        return former

    def trickle(self, until):
        """Events one by one, as time goes by, until something has happened; each is stored."""
        while not until():
            time.sleep(0.3)
            self.stores(self.sent, self.sent + 1)

    def test_a_machine_that_fetches_before_they_end(self):
        """Its service is in trouble at the start and when it is time: it is asked again, and what is there counts until then."""
        self.service.status, self.service.lifetime = 500, 303
        process = self.start()
        kit.wait_for(lambda: "answered 500" in self.log_of(process))
        self.service.status = 200
        self.stores(0, 10)
        former = self.replace(end=False)
        self.service.status, self.service.troubles = 500, 0
        self.trickle(lambda: self.service.troubles)
        self.stores(self.sent, self.sent + 5)
        self.assertEqual(set(self.front.used), {former})
        self.service.status = 200
        self.trickle(lambda: self.front.used[-1] != former)
        del self.front.valid[former]
        self.stores(self.sent, len(self.lines))
        self.assertEqual((self.front.refused, len(self.service.given)), ([], 2))
        self.end(process)

    def test_they_end_while_the_service_is_in_trouble(self):
        self.service.lifetime = 4
        process = self.start()
        self.stores(0, 10)
        self.service.status = 503
        kit.wait_for(lambda: time.time() > self.service.given[-1][1])
        self.replace()
        self.send(TOPIC, self.lines[10:])
        kit.wait_for(lambda: "answered 503" in self.log_of(process))
        self.assertEqual((len(self.stored()), self.front.refused), (10, []))
        self.service.status = 200
        kit.wait_for(lambda: len(self.stored()) >= len(self.lines))
        self.end(process)

    def test_a_container_with_a_token_in_a_file(self):
        """They are taken back before their time, and the token has been replaced by then: both are fetched anew."""
        path = os.path.join(self.folder, "token")
        for number, token in enumerate((AUTHORIZATION, AUTHORIZATION + "-next")):
            self.service.authorization = token
            with open(path, "w") as out:
                out.write(token + "\n")
            if number == 0:
                self.use(AWS_CONTAINER_CREDENTIALS_FULL_URI=self.service.url + "/v1/credentials",
                         AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=path)
                process = self.start()
                self.stores(0, 20)
                former = self.replace()
        self.stores(20, len(self.lines))
        self.assertEqual((set(self.front.refused), len(self.service.given), self.service.troubles), ({former}, 2, 0))
        self.end(process)

    def test_a_container_with_a_token_in_the_environment(self):
        self.use(AWS_CONTAINER_CREDENTIALS_FULL_URI=self.service.url + "/v1/credentials",
                 AWS_CONTAINER_AUTHORIZATION_TOKEN=AUTHORIZATION)
        process = self.start()
        self.stores(0, len(self.lines))
        self.end(process)

    def test_a_file_that_is_replaced(self):
        path = os.path.join(self.folder, "credentials")
        self.configure(credentials_file=path)

        def write():
            given = self.service.credentials
            with open(path + ".new", "w") as out:
                out.write(f"[default]\naws_access_key_id = {given['AccessKeyId']}\naws_secret_access_key = "
                          f"{given['SecretAccessKey']}\naws_session_token = {given['Token']}\n")
            os.replace(path + ".new", path)
        write()
        process = self.start()
        self.stores(0, 20)
        self.replace()
        write()
        self.stores(20, len(self.lines))
        self.assertEqual(self.service.given, [])
        self.end(process)


if __name__ == "__main__":
    unittest.main()
