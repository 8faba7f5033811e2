"""The engine of ClickHouse, from PyPI's wheel chdb, behind the test server of clickhouse_server.py."""
import glob
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "integration"))
import kit  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
PASSWORD = "wonder land's\\ pass"


def wheel():
    """The folder of the wheel, fetched once. Skips the test where it cannot be had."""
    folder = os.path.join(os.environ.get("BUSBAR_CACHE") or os.path.expanduser("~/.cache/busbar"), "chdb")
    if glob.glob(os.path.join(folder, "chdb", "_chdb*.so")):
        return folder
    made = subprocess.run(f"python3 -m venv '{folder}.venv' && '{folder}.venv/bin/pip' install -q --no-deps --target '{folder}' "
                          "chdb chdb-core", shell=True, capture_output=True, text=True, timeout=900)
    if made.returncode != 0:
        raise unittest.SkipTest("no engine of ClickHouse: PyPI's chdb cannot be had")
    return folder


class ClickHouse:
    """As a context: started with the block, stopped and removed with its end."""

    def __init__(self):
        self.wheel = wheel()
        self.folder = tempfile.mkdtemp(prefix="busbar-ch-", dir="/tmp")
        self.port = kit.free_ports(1)
        with open(os.path.join(self.folder, "password"), "w") as file:
            file.write(PASSWORD + "\n")
        self.process = None
        self.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def start(self):
        self.log = open(os.path.join(self.folder, "log"), "ab")
        self.process = subprocess.Popen([sys.executable, os.path.join(HERE, "clickhouse_server.py"), self.folder, str(self.port),
                                         self.wheel], stdout=subprocess.PIPE, stderr=self.log, stdin=subprocess.DEVNULL)
        if self.process.stdout.readline() != b"ready\n":
            self.kill()
            with open(self.log.name, "rb") as file:
                raise AssertionError(f"the test server: {file.read()[-2000:].decode()}")

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.log.close()

    def close(self):
        if self.process.poll() is None:
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def post(self, path, body):
        request = urllib.request.Request(self.url + path, data=body, headers={"X-ClickHouse-Key": PASSWORD})
        try:
            with urllib.request.urlopen(request, timeout=300) as answer:
                return answer.read()
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{body[:200]}: {error.read()[:2000].decode()}") from None

    def sql(self, text):
        """A statement, or a query whose rows come as lists."""
        if not text.startswith(("SELECT", "SHOW", "DESCRIBE")):
            self.post("/", text.encode())
            return []
        rows = self.post("/?output_format_json_quote_64bit_integers=0&output_format_json_quote_denormals=1",
                         (text + " FORMAT JSONCompact").encode())
        return json.loads(rows)["data"]

    def rows(self, table):
        """Rows as objects."""
        text = self.post("/?output_format_json_quote_64bit_integers=0", f"SELECT * FROM {table} FORMAT JSONEachRow".encode())
        return [json.loads(line) for line in text.splitlines()]

    def value(self, text):
        rows = self.sql(text)
        return rows[0][0] if rows else None

    def pending(self):
        """How many faults have not happened yet."""
        return int(self.post("/pending", b""))

    def faults(self, *faults):
        """What is to go wrong from now on; says how many queries there were so far."""
        return json.loads(self.post("/fault", json.dumps([{"times": 1, **fault} for fault in faults]).encode()))
