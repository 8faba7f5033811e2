#!/usr/bin/env python3
"""`busbar extract --format parquet`, as pyarrow reads it, is what the same range gives as JSON lines."""
import base64
import datetime
import io
import json
import os
import pty
import random
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import lake  # noqa: E402
from lake import kit  # noqa: E402

EVENT, TOPIC = "customer.user_event", "customer-user-events"
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
CONTRACT = {"type": "object", "properties": {
    "id": {"type": "string"}, "n": {"type": "integer"}, "x": {"type": ["number", "null"]}, "yes": {"type": "boolean"},
    "day": {"type": "string", "format": "date"}, "at": {"type": "string", "format": "date-time"},
    "tags": {"type": "array", "items": {"type": "string"}}, "counts": {"type": "array", "items": {"type": "integer"}},
    "any": {"type": "object"}, "either": {"type": ["string", "integer"]}}}
EVENTS = [{"id": "one \"ü\" \\ \n\U0001f600", "n": 2 ** 63 - 1, "x": -0.5, "yes": True, "day": "2024-02-29", "at": "2024-02-29T23:30:00.123456+02:00",
           "tags": ["a", None, "b\tc"], "counts": [1, -1], "any": {"a": [1, {"b": None}]}, "either": 7},
          {"id": "", "n": 0, "x": None, "tags": [], "either": "text"}, {}]
# six members and an item of a list are not of their column's type
UNFIT = {"id": "unfit", "n": 1.5, "x": "1", "yes": 1, "day": "2023-02-29", "at": "yesterday", "tags": "a", "counts": [1, "2", 3]}
CONFIG = """
domains:
  shop: {{ events: {{ order: {{ schema: contract.json, topic: orders }} }} }}
  customer: {{ plugin: ownlens_customer }}
handlers: {{ out: {{ plugin: stdout }} }}
defaults: {{ handlers: [out] }}
"""


def setUpModule():
    if not lake.has_parquet():
        raise unittest.SkipTest("this build has no libbusbar_parquet.so, for there was no Apache Arrow")
    lake.readers()


def of_json(row, name):
    return base64.b64decode(row[name + "_base64"]) if name + "_base64" in row else row[name] and row[name].encode() if row[name] != "" else b""


def instant(text):
    value = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    return value if value.tzinfo else value.replace(tzinfo=datetime.timezone.utc)


def typed(value, kind):
    """What a column of this type of Arrow has for the member."""
    if value is None:
        return None
    if kind.startswith("list"):
        return value
    if kind.startswith("timestamp"):
        return instant(value)
    if kind == "date32[day]":
        return datetime.date.fromisoformat(value)
    return value if isinstance(value, str) or kind != "string" else ("json", value)


class ExtractParquet(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory(prefix="busbar-extract-")
        cls.addClassCleanup(cls.temporary.cleanup)
        cls.folder = cls.temporary.name
        cls.broker = kit.Broker("--topic", "bytes:3", "--topic", "big:10", "--topic", "orders:1", "--topic", f"{TOPIC}:2")
        cls.addClassCleanup(cls.broker.close)
        with open(os.path.join(cls.folder, "contract.json"), "w") as out:
            json.dump(CONTRACT, out)
        cls.config = kit.write_config(cls.folder, cls.broker.bootstrap, CONFIG.format())
        dice = random.Random(5)
        for partition in range(3):
            values = [bytes(dice.randrange(256) for _ in range(dice.randrange(1, 80))) for _ in range(20)] + [b"text", b"a\x00b"]
            for number, value in enumerate(values):
                cls.file("value", value)
                key = ["-k", ("", "key", "ü")[number % 3]] if number % 4 else []
                cls.kcat("-P", "-t", "bytes", "-p", str(partition), *key, os.path.join(cls.folder, "value"))
        cls.kcat("-P", "-t", "bytes", "-p", "1", "-Z", "-K", "|", stdin=b"deleted|\n|\n")
        cls.kcat("-P", "-t", "bytes", "-p", "2", "-K", "|", stdin=b"empty|\n")
        cls.kcat("-P", "-t", "orders", stdin=b"".join(json.dumps(e).encode() + b"\n" for e in EVENTS + [UNFIT]) + b"no event\n")

    @classmethod
    def file(cls, name, data):
        path = os.path.join(cls.folder, name)
        with open(path, "wb") as out:
            out.write(data)
        return path

    @classmethod
    def kcat(cls, *arguments, stdin=b""):
        subprocess.run(["kcat", "-q", "-b", cls.broker.bootstrap, *arguments], input=stdin, env=kit.without_preload(), timeout=60,
                       check=True)

    def extract(self, *arguments, expect=0):
        result = kit.busbar("extract", "--config", self.config, *arguments)
        self.assertEqual(result.returncode, expect, result.stderr.decode())
        self.log = result.stderr.decode()
        return result.stdout

    def both(self, *arguments):
        """The file as pyarrow has it, and the rows of JSON in the same order."""
        import pyarrow.parquet
        path = os.path.join(self.folder, "out.parquet")
        self.summary = json.loads(self.extract(*arguments, "--format", "parquet", "--output", path, "--json"))
        table = pyarrow.parquet.read_table(path)
        rows = kit.json_lines(self.extract(*arguments))
        self.assertEqual((table.num_rows, self.summary["records"]), (len(rows), len(rows)))
        self.assertGreater(len(rows), 0)
        return table, [table.take([i]).to_pylist()[0] for i in
                       sorted(range(len(rows)), key=lambda i, c=table.to_pydict(): (c["topic"][i], c["partition"][i], c["offset"][i]))], \
            sorted(rows, key=lambda r: (r["topic"], r["partition"], r["offset"]))

    def test_records_are_what_json_has(self):
        table, found, rows = self.both("bytes", "orders", "--from", "2")
        self.assertEqual([(f.name, str(f.type), f.nullable) for f in table.schema],
                         [("key", "binary", True), ("value", "binary", True), ("topic", "string", False), ("partition", "int32", False),
                          ("offset", "int64", False), ("timestamp", "timestamp[us, tz=UTC]", True), ("timestamp_type", "string", False)])
        self.assertEqual([(r["key"], r["value"], r["topic"], r["partition"], r["offset"], r["timestamp"], r["timestamp_type"]) for r in found],
                         [(of_json(r, "key"), of_json(r, "value"), r["topic"], r["partition"], r["offset"],
                           EPOCH + datetime.timedelta(milliseconds=r["timestamp"]), r["timestamp_type"]) for r in rows])
        self.assertTrue(any(r["value"] is None for r in found) and any(r["value"] == b"" for r in found))
        self.assertTrue(any(r["key"] is None for r in found))

    def test_fields_have_the_contracts_types(self):
        table, found, rows = self.both("--event", "shop.order", "--fields")
        self.assertEqual({f.name: str(f.type) for f in table.schema if f.name.startswith("value.")}, {
            "value.id": "string", "value.n": "int64", "value.x": "double", "value.yes": "bool", "value.day": "date32[day]",
            "value.at": "timestamp[us, tz=UTC]", "value.tags": "list<element: string>", "value.counts": "list<element: int64>",
            "value.any": "string", "value.either": "string"})
        for row, event in zip(found, EVENTS):
            for name in CONTRACT["properties"]:
                value, got = event.get(name), row["value." + name]
                wanted = typed(value, str(table.schema.field("value." + name).type))
                self.assertEqual(("json", json.loads(got)) if isinstance(wanted, tuple) else got, wanted, name)
        unfit = {name: found[3]["value." + name] for name in CONTRACT["properties"]}
        self.assertEqual(unfit, {**dict.fromkeys(CONTRACT["properties"]), "id": "unfit", "counts": [1, None, 3]})
        self.assertEqual({found[4]["value." + name] for name in CONTRACT["properties"]}, {None})
        self.assertEqual(self.summary["unfit"], 7)
        self.extract("orders", "--event", "shop.order", "--fields", "-f", "parquet", "-o", os.path.join(self.folder, "out.parquet"))
        self.assertIn("7 members are not of their column's type", self.log)

    def test_fields_of_an_ownlens_event(self):
        lines = kit.generated(EVENT, 50)
        self.assertEqual(kit.busbar("publish", EVENT, "-", "--config", self.config, stdin=b"\n".join(lines) + b"\n").returncode, 0)
        table, found, rows = self.both("--event", EVENT, "--fields")
        self.assertEqual(self.summary["unfit"], 0)
        kinds = {f.name[len("value."):]: str(f.type) for f in table.schema if f.name.startswith("value.")}
        self.assertLessEqual({"string", "date32[day]", "timestamp[us, tz=UTC]"}, set(kinds.values()))
        for row, line in zip(found, rows):
            for name, kind in kinds.items():
                wanted, got = typed(line["fields"].get(name), kind), row["value." + name]
                self.assertEqual(("json", json.loads(got)) if isinstance(wanted, tuple) else got, wanted, name)

    def test_row_groups_and_a_pipe(self):
        import pyarrow.parquet
        dice = random.Random(1)
        files = [self.file(f"big{n}", dice.randbytes(900_000)) for n in range(40)]
        for partition in range(10):  # the embedded broker keeps 5 MB of each
            self.kcat("-P", "-t", "big", "-p", str(partition), *files[4 * partition:4 * partition + 4])
        file = pyarrow.parquet.ParquetFile(io.BytesIO(self.extract("big", "-f", "parquet")))
        self.assertEqual([file.metadata.row_group(i).num_rows for i in range(file.metadata.num_row_groups)], [38, 2])
        for row in file.read(["partition", "offset", "value"]).to_pylist():
            with open(files[4 * row["partition"] + row["offset"]], "rb") as data:
                self.assertTrue(row["value"] == data.read(), (row["partition"], row["offset"]))
        self.assertEqual(pyarrow.parquet.read_table(io.BytesIO(self.extract("big", "--last", "0", "-f", "parquet"))).num_rows, 0)

    def test_a_full_disk_a_terminal_and_a_missing_library(self):
        self.extract("bytes", "-f", "parquet", "-o", "/dev/full", expect=2)
        self.assertIn("/dev/full: writing failed: No space left on device", self.log)
        leader, terminal = pty.openpty()
        arguments = ["extract", "bytes", "-f", "parquet", "--config", self.config]
        refused = subprocess.run([kit.BUSBAR, *arguments], stdout=terminal, stderr=subprocess.PIPE, env=kit.environment(), timeout=60)
        os.close(terminal)
        os.close(leader)
        self.assertEqual((refused.returncode, b"--output" in refused.stderr), (2, True), refused.stderr)
        os.makedirs(os.path.join(self.folder, "bin"))
        alone = shutil.copy(kit.BUSBAR, os.path.join(self.folder, "bin"))  # with nothing beside it
        missing = subprocess.run([alone, *arguments, "-o", os.path.join(self.folder, "none")], capture_output=True, env=kit.environment(),
                                 timeout=60)
        if os.path.exists("/usr/local/lib/busbar/libbusbar_parquet.so"):
            self.skipTest("busbar is installed here, too, with what is to be missing")
        self.assertEqual(missing.returncode, 2)
        self.assertRegex(missing.stderr.decode(), r"libbusbar_parquet.so is not in .*; install Apache Arrow C\+\+ .*pip install pyarrow")
        self.assertFalse(os.path.exists(os.path.join(self.folder, "none")))


if __name__ == "__main__":
    unittest.main(verbosity=2)
