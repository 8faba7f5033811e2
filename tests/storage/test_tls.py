#!/usr/bin/env python3
"""Stores behind TLS: each handler stores rows where the server is the one it is to be, and nothing where it is not, and never says
a secret. PostgreSQL and versitygw speak TLS themselves; before the test server of ClickHouse stands a TLS end of this file."""
import contextlib
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import unittest
import unittest.mock
import uuid

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import clickhouse  # noqa: E402
import lake  # noqa: E402
import postgres  # noqa: E402
import storagekit  # noqa: E402
from storagekit import EVENT, TOPIC, kit  # noqa: E402

PLAN_FAILED = 3  # exit code
NAME, OTHER_NAME = "localhost", "127.0.0.1"  # both lead to the server; its certificate is for the first alone
pki = None


def setUpModule():
    global pki
    if not shutil.which("openssl"):
        raise unittest.SkipTest("openssl is not installed")
    pki = Pki()


def tearDownModule():
    pki.close()


class Pki:
    """A folder with two authorities, `ours` and `foreign`, and what they sign: NAME.pem with NAME.key."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="busbar-tls-", dir="/tmp")
        for name in ("ours", "foreign"):
            self.make(name)
        self.make("server", host=NAME, by="ours")
        self.make("next", host=NAME, by="foreign")
        self.make("client", by="ours")

    def path(self, name):
        return os.path.join(self.folder, name)

    def make(self, name, host=None, by=None):
        command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                   "-subj", f"/CN={name}", "-keyout", self.path(name + ".key"), "-out", self.path(name + ".pem")]
        if by:
            command += ["-CA", self.path(by + ".pem"), "-CAkey", self.path(by + ".key"), "-addext",
                        "basicConstraints=critical,CA:false"]
        if host:
            command += ["-addext", f"subjectAltName=DNS:{host}"]
        subprocess.run(command, check=True, capture_output=True, timeout=60)

    def read(self, name):
        with open(self.path(name)) as file:
            return file.read()

    def copy(self, name, to):
        """Certificate and key into the place of others."""
        for kind in (".pem", ".key"):
            shutil.copyfile(self.path(name + kind), to + kind)

    def in_the_system(self, name):
        """A program that runs busbar where this authority is the only one of the system."""
        folder, program = self.path("system"), self.path("busbar-in-system")
        os.makedirs(folder, exist_ok=True)
        hashed = subprocess.run(["openssl", "x509", "-hash", "-noout", "-in", self.path(name + ".pem")], check=True,
                                capture_output=True, text=True).stdout.strip()
        for link in ("ca-certificates.crt", hashed + ".0"):
            shutil.copyfile(self.path(name + ".pem"), os.path.join(folder, link))
        with open(program, "w") as out:
            out.write(f"#!/bin/sh\nexec unshare -rm sh -c 'mount --bind {folder} /etc/ssl/certs && exec \"$@\"' sh "
                      f"'{kit.BUSBAR}' \"$@\"\n")
        os.chmod(program, 0o755)
        if not os.path.isdir("/etc/ssl/certs") or subprocess.run([program, "version"], capture_output=True).returncode:
            raise unittest.SkipTest("the system's certificates cannot be replaced for one process here")
        return program

    def close(self):
        shutil.rmtree(self.folder, ignore_errors=True)


def given(keys):
    """Without what is None."""
    return {key: value for key, value in keys.items() if value is not None}


class Case(storagekit.Case):
    """What holds for every store. A store's own class says how its server is made and what its handler is told."""
    partitions = 1
    consume = {"order": "partition", "flush_interval": "100ms", "retry": {"initial": "50ms", "max": "200ms"}}

    def setUp(self):
        super().setUp()
        self.lines = storagekit.unique(kit.generated(EVENT, 30))
        self.place = "t" + uuid.uuid4().hex[:12]
        self.prepare()

    def prepare(self):
        """Makes the place in the store, over TLS where busbar can."""

    def configure(self, name=NAME, **keys):
        """Each time for a group of its own, which need not wait for members that have left."""
        self.config = os.path.join(self.folder, "busbar.yaml")
        with open(self.config, "w") as out:
            json.dump({"kafka": {"bootstrap.servers": self.broker.bootstrap},
                       "domains": {"customer": {"plugin": "ownlens_customer"}},
                       "handlers": {"store": given(self.handler(name, keys))},
                       "defaults": {"handlers": ["store"],
                                    "consume": {**self.consume, "group": "g" + uuid.uuid4().hex[:8]}}}, out)

    def plan(self, environment=(), expect=0, **keys):
        """What `busbar storage plan` says over the connection of these keys."""
        self.configure(**keys)
        with unittest.mock.patch.dict(os.environ, environment):
            result = kit.busbar("storage", "plan", EVENT, "--config", self.config)
        said = (result.stdout + result.stderr).decode()
        self.assertEqual(result.returncode, expect, said)
        self.assertNotIn(self.secret, said)
        return said

    def expect_stored(self, lines):
        self.assertEqual(sorted(self.stored()), sorted(json.loads(line)["event_id"] for line in lines))

    def stores(self, name=NAME, **keys):
        """What is in the topic is in the store after a run."""
        self.configure(name, **keys)
        self.assertTrue(self.run_once()["balances"])
        self.assertNotIn(self.secret, self.log)

    def waits(self, words, **keys):
        """The event type waits for the store, and the log says why."""
        self.configure(**keys)
        process = self.start()
        kit.wait_for(lambda: words in self.log_of(process) or process.poll() is not None)
        self.assertIsNone(process.poll(), self.log_of(process)[-2000:])
        self.kill(process)
        self.assertIn(words, self.log_of(process))
        self.assertNotIn(self.secret, self.log_of(process))

    def test_nothing_goes_to_another_server(self):
        self.send(TOPIC, self.lines)
        for words, keys in self.refusals():
            with self.subTest(words):
                self.waits(words, **keys)
                self.expect_stored([])
        self.stores()
        self.expect_stored(self.lines)
        self.assertFalse(self.has_letters())

    def test_the_certificate_and_its_authority_are_replaced(self):
        """A worker that runs goes on with them, without a start."""
        trusted = os.path.join(self.folder, "trusted.pem")
        shutil.copyfile(pki.path("ours.pem"), trusted)
        self.configure(**self.trusting(trusted))
        self.send(TOPIC, self.lines[:10])
        process = self.start()
        kit.wait_for(lambda: len(self.stored()) == 10)
        self.serve_with("next")
        self.addCleanup(self.serve_with, "server")
        self.send(TOPIC, self.lines[10:20])
        kit.wait_for(lambda: "is down" in self.log_of(process))
        shutil.copyfile(pki.path("foreign.pem"), trusted)
        self.send(TOPIC, self.lines[20:])
        kit.wait_for(lambda: len(self.stored()) >= len(self.lines))
        self.assertEqual(kit.stop(process), 0)
        self.expect_stored(self.lines)


class PostgreSQL(Case):
    """No row comes without TLS: pg_hba.conf knows `hostssl` alone."""

    @classmethod
    def setUpClass(cls):
        cls.server = postgres.Postgres()
        cls.addClassCleanup(cls.server.close)
        cls.secret = cls.server.password
        with open(os.path.join(cls.server.data, "postgresql.conf"), "a") as file:
            file.write("ssl = on\nssl_ca_file = 'authority.pem'\n")
        cls.put("authority.pem", pki.read("ours.pem"))
        cls.put("pg_hba.conf", "hostssl all admin 127.0.0.1/32 scram-sha-256\nhostssl all client 127.0.0.1/32 cert\n")
        cls.serve_with("server")
        cls.server.sql("CREATE ROLE client LOGIN SUPERUSER")

    @classmethod
    def put(cls, name, text):
        """A file of the cluster, owned by who runs it."""
        path, owner = os.path.join(cls.server.data, name), os.stat(cls.server.data)
        with open(path, "w") as out:
            out.write(text)
        os.chown(path, owner.st_uid, owner.st_gid)
        os.chmod(path, 0o600)

    @classmethod
    def serve_with(cls, name):
        cls.put("server.crt", pki.read(name + ".pem"))
        cls.put("server.key", pki.read(name + ".key"))
        cls.server.stop()
        cls.server.start()

    def prepare(self):
        self.server.sql(f"CREATE DATABASE {self.place}")
        self.configure()
        self.storage("apply", EVENT)

    def handler(self, name, keys):
        connection = {"host": name, "port": self.server.port, "dbname": self.place, "user": "admin",
                      "password": f"${{file:{self.server.folder}/password}}", "sslmode": "verify-full",
                      "sslrootcert": pki.path("ours.pem"), **keys}
        return {"plugin": "postgresql", "connection": given(connection)}

    @staticmethod
    def trusting(path):
        return {"sslrootcert": path}

    @staticmethod
    def refusals():
        yield "certificate verify failed", {"sslrootcert": pki.path("foreign.pem")}
        yield f'does not match host name "{OTHER_NAME}"', {"name": OTHER_NAME}

    def stored(self):
        return [row[0] for row in self.server.sql("SELECT event_id FROM customer_events", self.place)]

    def test_other_refusals(self):
        """By `plan`, which connects in the same way."""
        self.plan()
        for words, keys in (('root certificate file "/nowhere" does not exist', {"sslrootcert": "/nowhere"}),
                            ("certificate verify failed", {"sslrootcert": pki.path("foreign.pem")}),
                            ("no encryption", {"sslmode": "disable"}),
                            ("password authentication failed", {"password": "hunter-two"}),
                            ("connection requires a valid client certificate", {"user": "client", "password": None})):
            with self.subTest(words):
                said = self.plan(expect=PLAN_FAILED, **keys)
                self.assertIn(words, said)
                self.assertNotIn("hunter-two", said)

    def test_a_certificate_in_place_of_a_password(self):
        self.plan(user="client", password=None, sslcert=pki.path("client.pem"), sslkey=pki.path("client.key"))

    def test_a_password_from_a_file_of_libpq_and_from_the_environment(self):
        path = os.path.join(self.folder, "pgpass")
        escaped = self.secret.replace("\\", "\\\\").replace(":", "\\:")
        with open(path, "w") as out:
            out.write(f"elsewhere:*:*:*:x\n{NAME}:{self.server.port}:*:admin:{escaped}\n")
        os.chmod(path, 0o600)
        self.plan(password=None, passfile=path)
        self.plan({"PGPASSFILE": path}, password=None)
        self.plan({"PGPASSWORD": self.secret}, password=None)
        self.plan(expect=PLAN_FAILED, password=None)

    def test_all_from_the_environment(self):
        self.plan({"PGHOST": NAME, "PGPORT": str(self.server.port), "PGDATABASE": self.place, "PGUSER": "admin",
                   "PGPASSWORD": self.secret, "PGSSLMODE": "verify-full", "PGSSLROOTCERT": pki.path("ours.pem")},
                  **dict.fromkeys(("host", "port", "dbname", "user", "password", "sslmode", "sslrootcert")))


class OfCurl:
    """What holds for the handlers that use libcurl."""

    @staticmethod
    def trusting(path):
        return {"ca_file": path}

    @staticmethod
    def refusals():
        yield "unable to get local issuer certificate", {"ca_file": pki.path("foreign.pem")}
        yield "no alternative certificate subject name matches target", {"name": OTHER_NAME}

    def test_authorities_of_the_system(self):
        """They count without `ca_file`, and not beside it."""
        self.send(TOPIC, self.lines)
        with unittest.mock.patch.object(kit, "BUSBAR", pki.in_the_system("ours")):
            self.waits("certificate", ca_file=pki.path("foreign.pem"))
            self.expect_stored([])
            self.stores(ca_file=None)
        self.expect_stored(self.lines)

    def test_files_that_are_not_there(self):
        for key in self.files:
            with self.subTest(key):
                self.configure(**{**{name: pki.path("ours.pem") for name in self.files}, key: "/nowhere"})
                self.run_once(expect=4)
                self.assertIn(f"`{key}`: /nowhere cannot be read: No such file or directory", self.log)


class TlsEnd:
    """Takes TLS off connections and hands what comes to a port of loopback. `taken` counts those whose handshake went well."""

    def __init__(self, port, name, authority=None):
        self.port, self.authority, self.taken, self.open = port, authority, 0, set()
        self.lock = threading.Lock()
        self.use(name)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.own_port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def use(self, name):
        """Serves with this certificate from now on; the connections that are there end."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pki.path(name + ".pem"), pki.path(name + ".key"))
        if self.authority:
            context.load_verify_locations(pki.path(self.authority + ".pem"))
            context.verify_mode = ssl.CERT_REQUIRED
        self.context = context
        with self.lock:
            for connection in self.open:
                with contextlib.suppress(OSError):  # one that is about to end
                    connection.shutdown(socket.SHUT_RDWR)

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, plain):
        try:
            with self.context.wrap_socket(plain, server_side=True) as client, socket.create_connection(
                    ("127.0.0.1", self.port)) as server:
                with self.lock:
                    self.taken += 1
                    self.open |= {client, server}
                back = threading.Thread(target=self.carry, args=(server, client), daemon=True)
                back.start()
                self.carry(client, server)
                back.join()
                with self.lock:
                    self.open -= {client, server}
        except OSError:
            pass  # a handshake that failed is what the tests are about

    @staticmethod
    def carry(source, target):
        try:
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # the other direction has ended it

    def close(self):
        self.listener.close()


class ClickHouse(OfCurl, Case):
    files = ("ca_file", "client_certificate", "client_key")

    @classmethod
    def setUpClass(cls):
        cls.server = clickhouse.ClickHouse()
        cls.addClassCleanup(cls.server.close)
        cls.secret = clickhouse.PASSWORD

    def end(self, *arguments):
        end = TlsEnd(self.server.port, *arguments)
        self.addCleanup(end.close)
        return end

    def prepare(self):
        self.tls = self.end("server")
        self.server.sql(f"CREATE DATABASE {self.place}")
        self.configure()
        self.storage("apply", EVENT)

    def serve_with(self, name):
        self.tls.use(name)

    def handler(self, name, keys):
        return {"plugin": "clickhouse", "url": f"https://{name}:{self.tls.own_port}", "database": self.place,
                "password": f"${{file:{self.server.folder}/password}}", "ca_file": pki.path("ours.pem"), **keys}

    def stored(self):
        return [row[0] for row in self.server.sql(f"SELECT event_id FROM {self.place}.customer_events")]

    def test_a_server_that_is_not_checked(self):
        self.plan(name=OTHER_NAME, ca_file=pki.path("foreign.pem"), verify=False)

    def test_a_certificate_of_the_client(self):
        self.tls = self.end("server", "ours")
        self.plan(expect=PLAN_FAILED)
        self.assertEqual(self.tls.taken, 0)
        self.plan(client_certificate=pki.path("client.pem"), client_key=pki.path("client.key"))
        self.assertGreater(self.tls.taken, 0)


class S3(OfCurl, Case):
    files = ("ca_file",)

    @classmethod
    def setUpClass(cls):
        cls.secret = lake.SECRET
        cls.own = os.path.join(pki.folder, "s3")
        pki.copy("server", cls.own)
        cls.server = lake.Gateway("--cert", cls.own + ".pem", "--key", cls.own + ".key")
        cls.addClassCleanup(cls.server.close)

    def serve_with(self, name):
        self.server.stop()
        pki.copy(name, self.own)
        self.server.start()

    def handler(self, name, keys):
        return {"plugin": "s3", "endpoint": f"https://{name}:{self.server.port}", "bucket": lake.BUCKET, "format": "lines",
                "access_key": lake.ACCESS, "secret_key": lake.SECRET, "ca_file": pki.path("ours.pem"), "compression": "none",
                "path": self.place, **keys}

    def stored(self):
        found = []
        for key in self.server.objects(self.place):
            if "/_" not in key:
                with open(self.server.path(key)) as file:
                    found += [json.loads(line)["event_id"] for line in file]
        return found

    def test_a_server_that_is_not_checked(self):
        self.send(TOPIC, self.lines)
        self.stores(OTHER_NAME, ca_file=pki.path("foreign.pem"), verify=False)
        self.assertIn("is believed to be the server", self.log)
        self.expect_stored(self.lines)


del Case, OfCurl  # the rules for several stores are no tests themselves

if __name__ == "__main__":
    unittest.main()
