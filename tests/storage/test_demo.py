#!/usr/bin/env python3
"""`busbar demo --with clickhouse` and `--with s3`: rows in the store by its own client, and nothing left. PostgreSQL: test_postgresql.py."""
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import clickhouse  # noqa: E402
import lake  # noqa: E402
from lake import kit  # noqa: E402
from storagekit import left_of_demo  # noqa: E402

PLACES = ("data-lake/customer/events", "data-lake/editorial/articles", "data-lake/ml_models/predictions")


class Demo(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory(prefix="busbar-demo-test-")
        self.addCleanup(temporary.cleanup)
        self.folder = temporary.name
        self.bin = os.path.join(self.folder, "bin")
        os.makedirs(self.bin)
        for name in ("python3", "sh", "curl"):
            if shutil.which(name):
                os.symlink(shutil.which(name), os.path.join(self.bin, name))

    def program(self, name, *lines):
        path = os.path.join(self.bin, name)
        with open(path, "w") as out:
            out.write("#!/bin/sh\n" + "\n".join(lines) + "\n")
        os.chmod(path, 0o755)

    def start(self, *arguments):
        return subprocess.Popen([kit.BUSBAR, "demo", "--out", os.path.join(self.folder, "out"), *arguments], stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, start_new_session=True,
                                env=kit.environment(TMPDIR=self.folder, PATH=self.bin, HOME=self.folder, GOPATH="", GOBIN=""))

    def refused(self, store):
        process = self.start("--with", store)
        output, log = process.communicate(timeout=30)
        self.assertEqual((process.returncode, output, left_of_demo(self.folder)), (2, b"", []), log)
        return log.decode()

    def shown(self, mark, *arguments):
        process = self.start("--events", "500", "--rate", "0", *arguments)
        output, log = process.communicate(timeout=120)
        self.assertIn(b"It balances.", output, log.decode())
        self.assertEqual(process.returncode, 0)
        self.assertEqual(left_of_demo(self.folder), [])
        return output.decode().split(mark)[1]

    def test_clickhouse(self):
        wheel = clickhouse.wheel()
        program = os.path.join(os.path.dirname(os.path.abspath(__file__)), "clickhouse_program.py")
        self.program("clickhouse", f"exec {sys.executable} {program} {wheel} \"$@\"")
        text = self.shown("as its client sees it:", "--with", "clickhouse")
        rows = {name: int(count) for name, count in re.findall(r"(\w+) +│ +(\d+) │", text)}
        self.assertEqual(len(rows), 10, text)
        for table in ("customer_events", "editorial_articles", "ml_model_predictions"):
            self.assertGreater(rows[table], 40, text)
        self.assertRegex(text, r"[0-9a-f]{8}-[0-9a-f-]{27} │ [a-z_]+ +│ 20")

    def test_s3(self):
        self.program("versitygw", f"exec {lake.gateway()} \"$@\"")
        text = self.shown("as curl sees it:", "--with", "s3")
        places = {place: (int(objects), int(size)) for place, objects, size in re.findall(r"(data-lake/\S+) +(\d+) +(\d+)\n", text)}
        self.assertEqual(len(places), 10, text)
        for place in PLACES:
            self.assertGreater(places[place][1], 40 * 200, text)
        self.assertRegex(text, r'The first lines of data-lake/customer/events/event_date=\S+\.jsonl:\n  \{"')

    def test_an_interrupt_leaves_nothing(self):
        # the name and the arguments are MinIO's, which is not here; the server is not
        self.program("minio", "[ \"$1 $2 $#\" = 'server --address 4' ] || exit 9",
                     "export ROOT_ACCESS_KEY=\"$MINIO_ROOT_USER\" ROOT_SECRET_KEY=\"$MINIO_ROOT_PASSWORD\"",
                     f"exec {lake.gateway()} --quiet --port \"$3\" posix --sidecar \"${{4%data}}meta\" \"$4\"")
        for number in (signal.SIGINT, signal.SIGKILL):
            process = self.start("--with", "s3", "--events", "100000", "--rate", "500")
            try:
                made = os.path.join(self.folder, "out", "events" if number == signal.SIGINT else "busbar.yaml")
                kit.wait_for(lambda: os.path.exists(made), timeout=60, every=0.1)
                self.assertEqual(len(left_of_demo(self.folder)), 3, "the demo, its server, and the server's folder")
                os.killpg(process.pid, number)
            finally:
                if process.poll() is None and number != signal.SIGINT:
                    os.killpg(process.pid, signal.SIGKILL)
                process.communicate(timeout=60)
            if number == signal.SIGINT:
                self.assertEqual(left_of_demo(self.folder), [])
                shutil.rmtree(os.path.join(self.folder, "out"))
        kit.wait_for(lambda: not [name for name in left_of_demo(self.folder) if name.isdigit()], timeout=10)  # the folder outlives SIGKILL

    def test_what_is_missing_is_named(self):
        self.assertRegex(self.refused("s3"), r"no program versitygw .*go install github.com/versity/versitygw/cmd/versitygw@latest")
        self.assertRegex(self.refused("clickhouse"), r"no program clickhouse .*get ClickHouse 23 or later")
        self.assertRegex(self.refused("oracle"), "`postgresql`, `clickhouse` or `s3`")
        self.program("clickhouse-server", "echo 'Unknown option specified: version'", "exit 1")  # as that of 18.16 has it
        self.assertIn("no program clickhouse-client", self.refused("clickhouse"))
        self.program("clickhouse-client", "echo 'ClickHouse client version 18.16.1.'")
        self.assertRegex(self.refused("clickhouse"), r"too old or unknown, it says `ClickHouse client version 18\.16\.1\.`")

    def test_a_server_that_ends_is_told(self):
        self.program("versitygw", "echo 'no leave to listen'", "exit 3")
        self.assertIn("the server ended at its start: no leave to listen", self.refused("s3"))


if __name__ == "__main__":
    unittest.main(verbosity=2)
