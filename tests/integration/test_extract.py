#!/usr/bin/env python3
"""`busbar extract` gives what kcat reads, byte for byte, whatever is in it; and only the part that was asked for."""
import base64
import csv
import io
import json
import os
import random
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import kit  # noqa: E402

EVENT, EVENT_TOPIC = "customer.user_event", "customer-user-events"
AWKWARD = [b"", b"plain", b"\x00", b"a\x00b", b"\xff\xfe\x00\x01", b"\xc3\x28", "ünï\u2028\U0001f600".encode(), b'"quoted", and\r\nlines\n',
           b"\\", b"\xed\xa0\x80", b" ", b",", b'"', bytes(range(256))]


def from_json(row, name):
    if name + "_base64" in row:
        return base64.b64decode(row[name + "_base64"], validate=True)
    return None if row[name] is None else row[name].encode()


def csv_rows(data):
    """Rows of dicts. An empty cell without quotes is None; csv does not tell, so the encoding column does."""
    rows = list(csv.DictReader(io.StringIO(data.decode(), newline="")))
    for row in rows:
        for name in ("key", "value"):
            how = row[name + "_encoding"]
            row[name] = None if how == "" else base64.b64decode(row[name], validate=True) if how == "base64" else row[name].encode()
    return rows


class Extract(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory(prefix="busbar-extract-")
        cls.folder = cls.temporary.name
        cls.broker = kit.Broker("--topic", "bytes:3", "--topic", "times:1", "--topic", "numbers:4", "--topic", f"{EVENT_TOPIC}:2")
        cls.config = kit.write_config(cls.folder, cls.broker.bootstrap)
        cls.make_bytes()
        numbers = "".join(f"k{i}|v{i}\n" for i in range(1000))
        cls.kcat("-P", "-t", "numbers", "-K", "|", stdin=numbers.encode())

    @classmethod
    def tearDownClass(cls):
        cls.broker.close()
        cls.temporary.cleanup()

    @classmethod
    def kcat(cls, *arguments, stdin=b""):
        subprocess.run(["kcat", "-q", "-b", cls.broker.bootstrap, *arguments], input=stdin, env=kit.without_preload(), timeout=60,
                       check=True)

    @classmethod
    def make_bytes(cls):
        dice = random.Random(7)
        values = AWKWARD + [bytes(dice.randrange(256) for _ in range(dice.randrange(200))) for _ in range(60)]
        for number, value in enumerate(values):
            path = os.path.join(cls.folder, "value")
            with open(path, "wb") as out:
                out.write(value)
            key = [] if number % 3 == 0 else ["-k", values[(number * 5) % len(values)].replace(b"\x00", b"\x80")]
            cls.kcat("-P", "-t", "bytes", "-p", str(number % 3), *key, path)
        cls.kcat("-P", "-t", "bytes", "-p", "1", "-Z", "-K", "|", stdin=b"deleted|\n|\n")

    def extract(self, *arguments, expect=0):
        result = kit.busbar("extract", "--config", self.config, *arguments)
        self.assertEqual(result.returncode, expect, result.stderr.decode())
        self.log = result.stderr.decode()
        return result.stdout

    def rows(self, *arguments):
        return kit.json_lines(self.extract(*arguments))

    def test_json_lines_are_what_kcat_reads(self):
        expected = kit.consume(self.broker.bootstrap, "bytes")
        self.assertGreater(len(expected), 70)
        self.assertTrue(any(r["value"] is None for r in expected) and any(r["key"] is None for r in expected))
        rows = self.rows("bytes")
        got = sorted(((r["partition"], r["offset"], from_json(r, "key"), from_json(r, "value"), r["timestamp"]) for r in rows),
                     key=lambda r: r[:2])
        self.assertEqual(got, [(r["partition"], r["offset"], r["key"], r["value"], r["timestamp"]) for r in expected])
        self.assertEqual({(r["topic"], r["timestamp_type"]) for r in rows}, {("bytes", "create")})
        for partition in range(3):
            offsets = [r["offset"] for r in rows if r["partition"] == partition]
            self.assertEqual(offsets, sorted(offsets))

    def test_csv_is_what_kcat_reads(self):
        expected = kit.consume(self.broker.bootstrap, "bytes")
        data = self.extract("bytes", "--format", "csv")
        self.assertTrue(data.startswith(b"key,value,topic,partition,offset,timestamp,timestamp_type,key_encoding,value_encoding\n"))
        rows = sorted(csv_rows(data), key=lambda r: (int(r["partition"]), int(r["offset"])))
        self.assertEqual([(int(r["partition"]), int(r["offset"]), r["key"], r["value"], int(r["timestamp"])) for r in rows],
                         [(r["partition"], r["offset"], r["key"], r["value"], r["timestamp"]) for r in expected])

    def test_ranges(self):
        ends = {p: 0 for p in range(4)}
        for record in kit.consume(self.broker.bootstrap, "numbers"):
            ends[record["partition"]] = record["offset"] + 1
        self.assertEqual(len(self.rows("numbers")), 1000)

        def offsets(*arguments):
            found = {}
            for row in self.rows("numbers", *arguments):
                found.setdefault(row["partition"], []).append(row["offset"])
            return found
        self.assertEqual(offsets("--from", "10", "--to", "13"), {p: [10, 11, 12] for p in range(4)})
        self.assertEqual(offsets("--last", "2"), {p: [end - 2, end - 1] for p, end in ends.items()})
        self.assertEqual(offsets("--partition", "2", "--from", "5", "--max", "3"), {2: [5, 6, 7]})
        self.assertEqual(offsets("--from", "latest"), {})
        self.assertEqual(offsets("--from", "beginning", "--to", "1"), {p: [0] for p in range(4)})
        self.assertEqual(offsets("--from", "1000000"), {})

    def test_times(self):
        for number in range(6):
            self.kcat("-P", "-t", "times", stdin=b"%d\n" % number)
            time.sleep(0.02)
        times = [r["timestamp"] for r in kit.consume(self.broker.bootstrap, "times")]

        def iso(ms):
            return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(ms // 1000)) + f".{ms % 1000:03d}Z"
        values = [r["value"] for r in self.rows("times", "--from", iso(times[2]), "--to", iso(times[4]))]
        self.assertEqual(values, ["2", "3"])
        self.assertEqual(len(self.rows("times", "--from", "1h")), 6)
        self.assertEqual(len(self.rows("times", "--from", iso(times[5] + 3600_000))), 0)
        self.assertEqual(len(self.rows("times", "--to", iso(times[0]))), 0)

    def test_several_topics_a_file_and_the_summary(self):
        path = os.path.join(self.folder, "out.jsonl")
        summary = json.loads(self.extract("numbers", "bytes", "numbers", "--output", path, "--json"))
        with open(path, "rb") as file:
            rows = kit.json_lines(file.read())
        counts = {topic: len(kit.consume(self.broker.bootstrap, topic)) for topic in ("numbers", "bytes")}
        self.assertEqual({topic: sum(r["topic"] == topic for r in rows) for topic in counts}, counts)
        self.assertEqual((summary["records"], summary["complete"]), (sum(counts.values()), True))
        self.assertEqual(sum(part["records"] for part in summary["partitions"]), summary["records"])
        self.assertEqual(len(summary["partitions"]), 7)
        self.assertGreater(summary["records_per_second"], 0)

    def test_the_contracts_fields_as_columns(self):
        lines = kit.generated(EVENT, 30)
        result = kit.busbar("publish", EVENT, "-", "--config", self.config, stdin=b"\n".join(lines) + b"\n")
        self.assertEqual(result.returncode, 0)
        self.kcat("-P", "-t", EVENT_TOPIC, "-p", "0", stdin=b"no event\n")
        for row in self.rows("--event", EVENT, "--fields"):
            if row["value"] == "no event":
                self.assertIsNone(row["fields"])
            else:
                event = json.loads(row["value"])
                self.assertEqual(row["fields"], {name: event[name] for name in event if name in row["fields"]})
                self.assertIn("user_id", row["fields"])
        for row in csv_rows(self.extract("--event", EVENT, "--fields", "-f", "csv")):
            event = {} if row["value"] == b"no event" else json.loads(row["value"])
            self.assertEqual(row["value.user_id"], event.get("user_id", ""))
            if isinstance(event.get("properties"), dict):
                self.assertEqual(json.loads(row["value.properties"]), event["properties"])

    def test_usage_and_what_is_missing(self):
        for arguments, code, word in (([], 2, "needs a TOPIC"), (["x", "--from", "soon"], 2, "--from is `soon`"),
                                      (["x", "--format", "xml"], 2, "jsonl, csv or parquet"), (["x", "--fields"], 2, "--fields needs one --event"),
                                      (["x", "--from", "1", "--last", "2"], 2, "two beginnings"), (["x"], 3, "topic x does not exist"),
                                      (["--event", "customer.user_evnt"], 2, "customer.user_event"),
                                      (["numbers", "-o", "/nowhere/x"], 2, "/nowhere/x cannot be written")):
            with self.subTest(arguments):
                self.assertEqual(self.extract(*arguments, expect=code), b"")
                self.assertIn(word, self.log)

    def test_a_full_disk_is_said(self):
        with open("/dev/full", "wb") as full:
            result = subprocess.run([kit.BUSBAR, "extract", "numbers", "--config", self.config], stdout=full,
                                    stderr=subprocess.PIPE, env=kit.environment(), timeout=60)
        self.assertEqual(result.returncode, 2)
        self.assertIn(b"No space left", result.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
