"""A throw-away PostgreSQL cluster in a temporary folder on a free port of loopback, as a user that is not root."""
import csv
import io
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "integration"))
import kit  # noqa: E402


def find_tool(name):
    """Debian keeps the server's programs outside of PATH."""
    folder = "/usr/lib/postgresql"
    versions = sorted(os.listdir(folder), key=lambda v: [int(p) for p in v.split(".") if p.isdigit()],
                      reverse=True) if os.path.isdir(folder) else []
    for path in [os.path.join(folder, version, "bin", name) for version in versions] + [shutil.which(name)]:
        if path and os.path.exists(path):
            return path
    return None


class Postgres:
    """As a context: started with the block, stopped and removed with its end. Skips the test where it is not installed."""

    def __init__(self, settings=""):
        missing = [tool for tool in ("initdb", "pg_ctl", "psql") if not find_tool(tool)]
        if missing:
            raise unittest.SkipTest(f"no PostgreSQL: {', '.join(missing)} not found (Debian: postgresql)")
        self.folder = tempfile.mkdtemp(prefix="busbar-pg-", dir="/tmp")
        self.data = os.path.join(self.folder, "data")
        self.port = kit.free_ports(1)
        self.as_user = []
        if os.geteuid() == 0:
            user = next(pwd.getpwnam(name) for name in ("postgres", "nobody") if self.has_user(name))
            os.chown(self.folder, user.pw_uid, user.pw_gid)
            self.as_user = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
        with open(os.path.join(self.folder, "password"), "w") as file:
            file.write("wonder land's\\ pass\n")
        self.tool("initdb", "-D", self.data, "-U", "admin", "-A", "scram-sha-256", "-E", "UTF8", "--no-locale", "-N",
                  "--pwfile", os.path.join(self.folder, "password"))
        with open(os.path.join(self.data, "postgresql.conf"), "a") as file:
            file.write(f"listen_addresses = '127.0.0.1'\nport = {self.port}\nunix_socket_directories = ''\n"
                       f"fsync = off\nmax_wal_size = '2GB'\ncheckpoint_timeout = '30min'\n{settings}\n")
        self.start()

    @staticmethod
    def has_user(name):
        try:
            return bool(pwd.getpwnam(name))
        except KeyError:
            return False

    def tool(self, name, *arguments, check=True):
        result = subprocess.run([*self.as_user, find_tool(name), *arguments], capture_output=True, text=True, timeout=120,
                                stdin=subprocess.DEVNULL, cwd="/")
        if check and result.returncode != 0:
            raise AssertionError(f"{name}: {result.stdout}{result.stderr}")
        return result

    def start(self):
        # pg_ctl's child keeps what it inherits: not our pipes
        result = subprocess.run([*self.as_user, find_tool("pg_ctl"), "-D", self.data, "-w", "-t", "60", "-l",
                                 os.path.join(self.folder, "log"), "start"], stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, timeout=120, cwd="/")
        if result.returncode != 0:
            with open(os.path.join(self.folder, "log")) as file:
                raise AssertionError(f"pg_ctl start: {file.read()[-2000:]}")

    def stop(self, mode="fast"):
        self.tool("pg_ctl", "-D", self.data, "-w", "-m", mode, "stop", check=False)

    def close(self):
        self.stop("immediate")
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    @property
    def password(self):
        with open(os.path.join(self.folder, "password")) as file:
            return file.read().rstrip("\n")

    def environment(self, database="postgres"):
        return {**os.environ, "PGHOST": "127.0.0.1", "PGPORT": str(self.port), "PGUSER": "admin", "PGDATABASE": database,
                "PGPASSWORD": self.password, "PGTZ": "UTC", "PGCLIENTENCODING": "UTF8"}

    def sql(self, text, database="postgres", timeout=120):
        """Runs statements with psql; rows as lists of texts, None for null."""
        result = subprocess.run([find_tool("psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", "--csv", "-t", "-P", "null=\\N",
                                 "-c", text], env=self.environment(database), capture_output=True, text=True, timeout=timeout)
        if result.returncode != 0:
            raise AssertionError(f"psql: {result.stderr}")
        return [[None if cell == "\\N" else cell for cell in row] for row in csv.reader(io.StringIO(result.stdout))]

    def value(self, text, database="postgres"):
        rows = self.sql(text, database)
        return rows[0][0] if rows else None

    def value_or_none(self, text, database="postgres"):
        try:
            return self.value(text, database)
        except AssertionError:
            return None

    def session(self, database="postgres"):
        """A psql that stays, for locks that are held; the caller ends it."""
        return subprocess.Popen([find_tool("psql"), "-X", "-q", "-t", "-A"], env=self.environment(database),
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
