"""A throw-away S3 server (versitygw on a temporary folder), a proxy with faults before it, and readers that are not ours.

Environment
  BUSBAR_CACHE  where the server's program and the readers' wheels are kept (~/.cache/busbar)
"""
import http.client
import http.server
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "integration"))
import kit  # noqa: E402

CACHE = os.environ.get("BUSBAR_CACHE", os.path.expanduser("~/.cache/busbar"))
GATEWAY = "github.com/versity/versitygw/cmd/versitygw@v1.8.0"
ACCESS, SECRET, BUCKET = "test-user", "wonder/land+secret", "ownlens"


def gateway():
    """The server's program, built by Go once. Skips the test where it cannot be had."""
    folder = os.path.join(CACHE, "versitygw")
    program = os.path.join(folder, "versitygw")
    if os.path.exists(program):
        return program
    if not shutil.which("go"):
        raise unittest.SkipTest("no S3 server: Go is not installed, which builds versitygw")
    version = re.search(r"go(\d+)\.(\d+)", subprocess.run(["go", "version"], capture_output=True, text=True).stdout)
    if not version or (int(version[1]), int(version[2])) < (1, 21):
        raise unittest.SkipTest("no S3 server: versitygw needs a Go of 1.21 or later that fetches the one it needs")
    made = subprocess.run(["go", "install", GATEWAY], env={**os.environ, "GOBIN": folder}, capture_output=True, text=True)
    if made.returncode or not os.path.exists(program):
        raise unittest.SkipTest("no S3 server: go install " + GATEWAY + " failed: " + made.stderr.strip()[-300:])
    return program


def has_parquet():
    """Whether this build writes Parquet."""
    return os.path.exists(os.path.join(kit.BUILD, "lib", "busbar", "libbusbar_parquet.so"))


def readers():
    """Makes pyarrow, duckdb and deltalake importable, from a virtual environment that is made once."""
    folder = os.path.join(CACHE, "lake.venv")
    site = os.path.join(folder, "lib", f"python{sys.version_info[0]}.{sys.version_info[1]}", "site-packages")
    if not all(os.path.isdir(os.path.join(site, name)) for name in ("pyarrow", "duckdb", "deltalake")):
        made = subprocess.run([sys.executable, "-m", "venv", folder], capture_output=True, text=True)
        if not made.returncode:
            made = subprocess.run([os.path.join(folder, "bin", "pip"), "install", "-q", "pyarrow", "duckdb", "deltalake"],
                                  capture_output=True, text=True)
        if made.returncode:
            raise unittest.SkipTest("no readers: pyarrow, duckdb and deltalake cannot be installed: " +
                                    (made.stderr or made.stdout).strip()[-300:])
    if site not in sys.path:
        sys.path.append(site)


class DeltaLog:
    """A table of Delta Lake as its files say, read without any library but pyarrow: `wrong` has what is not as the protocol wants it."""

    def __init__(self, folder):
        self.folder, self.wrong, self.files, self.versions, self.rows = folder, [], {}, {}, 0
        self.log = os.path.join(folder, "_delta_log")
        names = sorted(name for name in os.listdir(self.log) if re.fullmatch(r"\d{20}\.json", name))
        if names != [f"{number:020}.json" for number in range(len(names))]:
            self.wrong.append(f"the commits are not in a row: {names}")
        self.states = []  # files and versions after each commit
        for name in names:
            with open(os.path.join(self.log, name)) as file:
                for action in map(json.loads, file):
                    self.take(name, action)
            self.states.append((set(self.files), dict(self.versions)))
        self.checkpoints = sorted(name for name in os.listdir(self.log) if name.endswith(".checkpoint.parquet"))
        for name in self.checkpoints:
            self.check_checkpoint(name)
        self.check_last()

    def take(self, name, action):
        if "txn" in action:
            app, version = action["txn"]["appId"], action["txn"]["version"]
            if version <= self.versions.get(app, -1):
                self.wrong.append(f"{name}: {app} goes from {self.versions[app]} to {version}")
            self.versions[app] = version
        if "add" in action:
            self.add(name, action["add"])
        if "remove" in action:
            self.files.pop(action["remove"]["path"], None)

    def add(self, name, add):
        import pyarrow.parquet
        path, said = os.path.join(self.folder, add["path"]), json.loads(add["stats"])["numRecords"]
        if add["path"] in self.files:
            self.wrong.append(f"{name}: {add['path']} is added twice")
        if not os.path.exists(path) or os.path.getsize(path) != add["size"]:
            self.wrong.append(f"{name}: {add['path']} is not there with {add['size']} bytes")
            return
        count = pyarrow.parquet.ParquetFile(path).metadata.num_rows
        if count != said:
            self.wrong.append(f"{name}: {add['path']} has {count} rows, and the log says {said}")
        for column, value in add["partitionValues"].items():
            if f"{column}={value}/" not in add["path"]:
                self.wrong.append(f"{name}: {add['path']} is not of {column} {value}")
        self.files[add["path"]] = count
        self.rows += count

    def check_checkpoint(self, name):
        """What it says is what the commits up to it say."""
        import pyarrow.parquet
        rows = pyarrow.parquet.read_table(os.path.join(self.log, name)).to_pylist()
        files = {row["add"]["path"] for row in rows if row["add"]}
        versions = {row["txn"]["appId"]: row["txn"]["version"] for row in rows if row["txn"]}
        if (files, versions) != self.states[int(name[:20])]:
            self.wrong.append(f"{name} is not what the commits say")

    def check_last(self):
        path = os.path.join(self.log, "_last_checkpoint")
        if not os.path.exists(path):
            return
        with open(path) as file:
            last = f"{json.load(file)['version']:020}.checkpoint.parquet"
        if last not in self.checkpoints:
            self.wrong.append(f"_last_checkpoint names {last}, which is not there")


class Gateway:
    """What is in the bucket is read from its folder, not through what is tested."""

    def __init__(self, *options):
        program = gateway()
        self.folder = tempfile.mkdtemp(prefix="busbar-s3-", dir="/tmp")
        self.root = os.path.join(self.folder, "data")
        os.makedirs(os.path.join(self.root, BUCKET))
        os.makedirs(os.path.join(self.folder, "meta"))
        self.port = kit.free_ports(1)
        self.process = None
        self.command = [program, "--quiet", "--port", f"127.0.0.1:{self.port}", "--access", ACCESS, "--secret", SECRET, *options,
                        "posix", "--sidecar", os.path.join(self.folder, "meta"), self.root]
        self.start()

    def start(self):
        self.log = open(os.path.join(self.folder, "log"), "ab")
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        kit.wait_for(self.answers)

    def answers(self):
        if self.process.poll() is not None:
            raise AssertionError("versitygw ended: " + open(os.path.join(self.folder, "log")).read()[-500:])
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self):
        kit.stop(self.process, 9)
        self.log.close()

    def close(self):
        if self.process.poll() is None:
            self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def endpoint(self):
        return f"http://127.0.0.1:{self.port}"

    def objects(self, under=""):
        """Names of objects below a path, journal included, in order."""
        base, found = os.path.join(self.root, BUCKET), []
        for folder, _, files in os.walk(os.path.join(base, under)):
            found += [os.path.relpath(os.path.join(folder, name), base) for name in files if ".sgwtmp" not in folder]
        return sorted(found)

    def path(self, key):
        return os.path.join(self.root, BUCKET, key)

    def clear(self, under):
        shutil.rmtree(self.path(under), ignore_errors=True)
        shutil.rmtree(os.path.join(self.folder, "meta", BUCKET, under), ignore_errors=True)


def forward(port, method, target, headers, body):
    """A request as it came, to a server of this machine; gives the reply and its body."""
    upstream = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    upstream.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
    for name, value in headers.items():
        upstream.putheader(name, value)
    upstream.endheaders(body)
    reply = upstream.getresponse()
    data = reply.read()
    upstream.close()
    return reply, data


class Faults:
    """A proxy before the gateway. `decide(method, path, number)` says what happens to a request:
    None (it goes through), a status, "reset", or "lost" (it goes through, its answer does not come)."""

    def __init__(self, port):
        self.decide = lambda method, path, number: None
        self.killed = lambda: None  # called at "lost-and-killed", when the server has the request
        self.seen = []
        self.lock = threading.Lock()
        faults = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def work(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                with faults.lock:
                    faults.seen.append((self.command, self.path))
                    number = len(faults.seen)
                fault = faults.decide(self.command, self.path, number)
                if isinstance(fault, int):
                    text = f"<Error><Code>{'SlowDown' if fault == 503 else 'Fault'}</Code><Message>made</Message></Error>"
                    return self.answer(fault, [], text.encode())
                if fault == "reset":
                    return self.cut()
                headers = {name: value for name, value in self.headers.items() if name.lower() != "connection"}
                reply, data = forward(port, self.command, self.path, headers, body)
                if fault == "lost-and-killed":
                    faults.killed()
                if fault in ("lost", "lost-and-killed"):
                    return self.cut()
                kept = [(n, v) for n, v in reply.getheaders() if n.lower() in ("etag", "content-type")]
                self.answer(reply.status, kept, data, reply.getheader("Content-Length"))

            do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = work

            def answer(self, status, headers, data, length=None):
                self.send_response(status)
                for name, value in headers:
                    self.send_header(name, value)
                self.send_header("Content-Length", length if self.command == "HEAD" and length else str(len(data)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(data)

            def cut(self):
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)

            def log_message(self, *arguments):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *arguments):
                pass  # a client that was cut off

        self.server = Server(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    @property
    def endpoint(self):
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


if __name__ == "__main__":
    try:
        readers()
    except unittest.SkipTest as reason:
        sys.exit(str(reason))
