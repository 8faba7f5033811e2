#!/usr/bin/env python3
"""The `s3` handler on a real S3 server: values, each event once under kills, lost answers and races, faults, refusals."""
import collections
import datetime
import decimal
import json
import os
import re
import signal
import sys
import threading
import unittest
import unittest.mock
import uuid

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import lake  # noqa: E402
import storagekit as rules  # noqa: E402
from lake import kit  # noqa: E402
from storagekit import EVENT, TOPIC  # noqa: E402

CONFIG = """
defaults:
  handlers: [s3]
  consume: {{ {consume} }}
domains:
{domains}
handlers:
  s3:
    plugin: s3
    endpoint: "{endpoint}"
    bucket: {bucket}
    {access}
    takeover_ms: 2000
    {handler}
"""
ACCESS = f'access_key: {lake.ACCESS}\n    secret_key: "{lake.SECRET}"'
server = None


def setUpModule():
    global server
    lake.readers()
    server = lake.Gateway()


def tearDownModule():
    server.close()


def unpacked(path):
    """The bytes of an object, unpacked by pyarrow."""
    import pyarrow
    kind = {".zst": "zstd", ".gz": "gzip"}.get(os.path.splitext(path)[1])
    with pyarrow.OSFile(path) as file:
        if not kind:
            return file.read()
        with pyarrow.CompressedInputStream(file, kind) as stream:
            return stream.read()


class Case(rules.Case):
    format = "lines"

    def setUp(self):
        if self.format != "lines" and not lake.has_parquet():
            self.skipTest("this build has no Parquet: there was no Apache Arrow C++")
        super().setUp()
        self.under = "t" + uuid.uuid4().hex[:12]
        self.configure()

    def configure(self, consume="order: partition, flush_interval: 100ms", handler="", endpoint=None, access=ACCESS,
                  domains=rules.ALL_DOMAINS, bucket=lake.BUCKET, path=None, name="busbar.yaml"):
        handler = f"path: {path or self.under + '/{domain}/{event}'}\n    format: {self.format}\n    {handler}"
        self.config = kit.write_config(self.folder, self.broker.bootstrap, CONFIG.format(
            domains=domains, endpoint=endpoint or server.endpoint, bucket=bucket, access=access, handler=handler,
            consume=consume), name)

    def data(self, event=EVENT):
        """Names of the objects with rows of an event type."""
        domain, name = event.split(".")
        return [key for key in server.objects(f"{self.under}/{domain}/{name}") if "/_" not in key]

    def rows(self, event=EVENT):
        """(name of the object, row) for each row of the objects."""
        return [(key, json.loads(line, parse_float=decimal.Decimal)) for key in self.data(event)
                for line in unpacked(server.path(key)).splitlines()]

    def assert_each_once(self, lines):
        wanted = collections.Counter(json.loads(line)["event_id"] for line in lines)
        found = collections.Counter(row["event_id"] for _, row in self.rows())
        self.assertEqual(sum((found - wanted).values()), 0, "stored twice")
        self.assertEqual(sum((wanted - found).values()), 0, "lost")

    def faults(self):
        faults = lake.Faults(server.port)
        self.addCleanup(faults.close)
        return faults


class Values(Case):
    partitions = 1

    def test_the_ten_event_types_field_by_field(self):
        sent, topics = {}, self.topics()
        for event in kit.EVENTS:
            sent[event] = (topics[event], kit.generated(event, 200), rules.bad_events(event, 20))
            self.send(topics[event], sent[event][1] + sent[event][2])
        self.assertTrue(self.run_once(only=None)["balances"])
        for event, parts in sent.items():
            with self.subTest(event):
                self.check_event(event, *parts)

    def check_event(self, event, topic, good, bad):
        contract = rules.contract_of(event)
        letters = kit.consume(self.broker.bootstrap, topic + ".dlq")
        self.assertEqual(sorted(r["value"] for r in letters), sorted(bad))
        rows = sorted(self.rows(event), key=self.place)
        self.assertEqual(len(rows), len(good))
        for line, (key, row) in zip(good, rows):
            self.check_row(event, contract, json.loads(line, parse_float=decimal.Decimal), key, row)

    def check_row(self, event, contract, sent, key, row):
        for name, schema in contract["properties"].items():
            schema = schema if isinstance(schema, dict) else {}
            given = rules.plain(schema, sent.get(name, schema.get("default")))
            if given is None or name.startswith("_"):
                continue  # made on the way, or not there
            self.assertTrue(self.same(schema, given, row.get(name)), f"{event} {name}: sent {given!r}, found {row.get(name)!r}")
        self.check_directory(contract["x-busbar-storage"]["s3"]["partition"], key, row)

    @classmethod
    def same(cls, schema, given, found):
        if isinstance(given, list) and isinstance(schema.get("items"), dict):
            return len(given) == len(found) and all(cls.same(schema["items"], *pair) for pair in zip(given, found))
        if schema.get("format") == "uuid":
            return uuid.UUID(given) == uuid.UUID(found)
        if schema.get("format") == "date-time":
            return rules.instant(given) == rules.instant(found)
        return given == found

    def check_directory(self, partition, key, row):
        names = partition.get("from", partition["column"])
        dates = [str(row[name])[:10] for name in ([names] if isinstance(names, str) else names) if row.get(name)]
        self.assertEqual(re.search(rf"/{partition['column']}=([^/]+)/", key)[1], dates[0])


class Lines(Values):
    def setUp(self):
        super().setUp()
        self.configure(handler="envelope: true")

    def rows(self, event=EVENT):
        self.origin = {}
        rows = []
        for key, row in super().rows(event):
            self.origin[id(row["value"])] = (row["partition"], row["offset"])
            self.assertEqual(row["event"], event)
            rows.append((key, row["value"]))
        return rows

    def place(self, pair):
        return self.origin[id(pair[1])]

    def test_duckdb_reads_them(self):
        import duckdb
        lines = rules.unique(kit.generated(EVENT, 300))
        self.send(TOPIC, lines)
        self.configure(handler="compression: gzip")
        self.run_once()
        self.assertTrue(all(key.endswith(".jsonl.gz") for key in self.data()))
        found = duckdb.sql(f"SELECT count(*), count(DISTINCT event_id) FROM read_json('{server.path(self.under)}/customer/"
                           "user_event/event_date=*/*.jsonl.gz')").fetchall()
        self.assertEqual(found, [(300, 300)])


def row_of(schema, value):
    """What the cell of a typed column is to be read as, by the member's schema and value."""
    kind = schema.get("type")
    kind = next((k for k in kind if k != "null"), None) if isinstance(kind, list) else kind
    if kind == "array" and isinstance(value, list) and value and isinstance(value[0], str):
        return value
    if isinstance(value, str) and re.fullmatch(r"[\[{].*[\]}]", value, re.S):
        return json.loads(value, parse_float=decimal.Decimal)
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    if isinstance(value, datetime.date):
        return str(value)
    return value


class Parquet(Values):
    format = "parquet"

    def setUp(self):
        super().setUp()
        self.configure(handler="envelope: true")

    def rows(self, event=EVENT):
        import pyarrow.parquet
        properties = rules.contract_of(event)["properties"]
        rows = []
        for key in self.data(event):
            self.assertTrue(key.endswith(".parquet"))
            for row in pyarrow.parquet.ParquetFile(server.path(key)).read().to_pylist():
                rows.append((key, {name: row_of(properties.get(name, {}), value) for name, value in row.items()}))
        return rows

    def place(self, pair):
        return pair[1]["_partition"], pair[1]["_offset"]

    @classmethod
    def same(cls, schema, given, found):
        if isinstance(given, decimal.Decimal) or isinstance(found, float):
            return float(given) == float(found)
        return super().same(schema, given, found)

    def check_row(self, event, contract, sent, key, row):
        column = contract["x-busbar-storage"]["s3"]["partition"]["column"]
        row[column] = re.search(rf"/{column}=([^/]+)/", key)[1]  # as readers of directories do
        if not sent.get(column):
            sent.pop(column, None)
        super().check_row(event, contract, sent, key, row)

    def test_duckdb_reads_them(self):
        import duckdb
        lines = rules.unique(kit.generated(EVENT, 300))
        self.send(TOPIC, lines)
        self.run_once()
        found = duckdb.sql(f"SELECT count(*), count(DISTINCT event_id), min(event_date)::VARCHAR FROM read_parquet('"
                           f"{server.path(self.under)}/customer/user_event/*/*.parquet', hive_partitioning = true)").fetchall()
        self.assertEqual(found[0][:2], (300, 300))

    def test_what_does_not_fit_its_column_is_dead_lettered(self):
        schema = {"type": "object", "properties": {"n": {"type": "number"}, "i": {"type": "integer"}, "l": {
            "type": "array", "items": {"type": ["integer", "null"]}}, "any": {}}}
        with open(os.path.join(self.folder, "odd.json"), "w") as file:
            json.dump(schema, file)
        self.configure(domains=f"  shop:\n    plugin: generic\n    events: {{ odd: {{ schema: '{self.folder}/odd.json', "
                               f"topic: {TOPIC} }} }}")
        good = [b'{"n": 1.5, "i": 7, "l": [1, null, 3], "any": {"a": [1]}}', b'{"any": "text"}', b'{"l": [], "any": null}']
        bad = [b'{"n": 1e999}', b'{"i": 9223372036854775808}', b'{"l": [1, 99999999999999999999]}']
        self.send(TOPIC, good + bad)
        self.run_once(only="shop.odd")
        letters = kit.consume(self.broker.bootstrap, TOPIC + ".dlq")
        self.assertEqual(sorted((r["value"], r["headers"]["busbar.pointer"]) for r in letters),
                         sorted(zip(bad, ("/n", "/i", "/l"))))
        import pyarrow.parquet
        found = [row for key in self.data("shop.odd") for row in pyarrow.parquet.read_table(server.path(key)).to_pylist()]
        self.assertEqual([{n: row[n] for n in ("n", "i", "l", "any")} for row in found], [
            {"n": 1.5, "i": 7, "l": [1, None, 3], "any": '{"a": [1]}'}, {"n": None, "i": None, "l": None, "any": "text"},
            {"n": None, "i": None, "l": [], "any": None}])


def table_of(path):
    """Rows of a Delta table as deltalake reads it, and its version."""
    import deltalake
    table = deltalake.DeltaTable(server.path(path))
    return table, table.to_pyarrow_table()


class Delta(Parquet):
    format = "delta"
    test_duckdb_reads_them = test_what_does_not_fit_its_column_is_dead_lettered = None

    def rows(self, event=EVENT):
        contract = rules.contract_of(event)
        column = contract["x-busbar-storage"]["s3"]["partition"]["column"]
        _, rows = table_of(f"{self.under}/{event.replace('.', '/')}")
        return [(f"/{column}={row[column]}/", {name: row_of(contract["properties"].get(name, {}), value)
                                              for name, value in row.items()}) for row in rows.to_pylist()]

    def check_row(self, event, contract, sent, key, row):
        column = contract["x-busbar-storage"]["s3"]["partition"]["column"]
        self.assertIsInstance(row[column], str)
        super().check_row(event, contract, sent, key, row)

    def test_another_schema_is_refused_by_name(self):
        self.send(TOPIC, kit.generated(EVENT, 5))
        self.run_once()
        log = server.path(f"{self.under}/customer/user_event/_delta_log/{0:020}.json")
        with open(log) as file:
            text = file.read()
        with open(log, "w") as file:
            file.write(text.replace('page_url', 'page_link'))
        self.send(TOPIC, kit.generated(EVENT, 5))
        self.run_once(expect=4)
        self.assertIn("column page_url is not there", self.log)


class Once(Case):
    """Each event once, whatever happens to the worker and to requests."""
    partitions = 2
    settings = ""
    moments = (1, 3)  # takes of two partitions, announcements, objects; chaos_s3.py kills at many more

    def setUp(self):
        super().setUp()
        self.lines = rules.unique(kit.generated(EVENT, 600))
        self.proxy = self.faults()
        self.configure(endpoint=self.proxy.endpoint, consume="order: partition, concurrency: 2, flush_interval: 100ms, "
                       "batch_records: 50, in_flight_records: 200", handler=self.settings)
        for number in (0, 1):
            self.send(TOPIC, self.lines[number::2], number)

    def puts(self):
        return [path for method, path in self.proxy.seen if method in ("PUT", "POST")]

    def kill_at(self, number, fault):
        """Kills the worker at its n-th request that writes: before the server has it, or after. False: there was none."""
        count, hit = 0, threading.Event()
        process = None

        def decide(method, path, _):
            nonlocal count
            count += method in ("PUT", "POST") and "_probe" not in path
            if count == number and not hit.is_set() and method in ("PUT", "POST") and process:
                hit.set()
                if fault == "lost":
                    return "lost-and-killed"
                os.killpg(process.pid, signal.SIGKILL)
                return "reset"
            return None
        self.proxy.decide = decide
        self.proxy.killed = lambda: os.killpg(process.pid, signal.SIGKILL)
        process = self.start()
        kit.wait_for(lambda: hit.is_set() or process.poll() is not None or self.is_done())
        if not hit.is_set():
            kit.stop(process)
        process.wait(30)
        self.proxy.decide = lambda *_: None
        return hit.is_set()

    def is_done(self):
        return len(self.rows()) >= len(self.lines)

    def test_killed_around_every_put(self):
        """Before and after the server has the n-th request that writes: takes of two partitions, announcements, objects."""
        moments = [(number, fault) for number in self.moments for fault in ("reset", "lost")]
        for number, fault in moments:
            more = rules.unique(kit.generated(EVENT, len(self.lines) + 60))[len(self.lines):]
            self.send(TOPIC, more[:30], 0)
            self.send(TOPIC, more[30:], 1)
            self.lines += more
            self.assertTrue(self.kill_at(number, fault), f"there was no request {number}")
        self.run_once()
        self.assert_each_once(self.lines)

    def test_passing_faults(self):
        """Each kind of trouble at every third request, and at last all goes through."""
        kinds = [503, 500, "reset", "lost", 429, "lost"]
        self.proxy.decide = lambda method, path, number: kinds[number // 3 % len(kinds)] if number % 3 == 0 else None
        self.run_once()
        self.assert_each_once(self.lines)
        self.assertIn("lost", kinds)

    def test_a_worker_that_wakes_up_after_it_lost_its_partitions(self):
        held, go = threading.Event(), threading.Event()

        def decide(method, path, _):
            if method == "PUT" and "/_busbar/" not in path and not held.is_set():
                held.set()  # announced, and not yet there
                go.wait(60)
            return None
        self.proxy.decide = decide
        first = self.start()
        kit.wait_for(held.is_set)
        os.killpg(first.pid, signal.SIGSTOP)
        second = self.start()
        kit.wait_for(self.is_done, 60)
        go.set()  # what the first one had sent reaches the server
        os.killpg(first.pid, signal.SIGCONT)
        more = rules.unique(kit.generated(EVENT, 800))[600:]
        for number in (0, 1):
            self.send(TOPIC, more[number::2], number)
        self.lines += more
        kit.wait_for(self.is_done, 60)
        kit.stop(first)
        kit.stop(second)
        self.run_once()
        self.assert_each_once(self.lines)
        self.assertTrue(any(self.is_empty(key) for key in self.data()), "no name was taken from the other")

    def is_empty(self, key):
        return not unpacked(server.path(key))


class OnceParquet(Once):
    """What differs from lines: objects without rows."""
    format = "parquet"
    test_killed_around_every_put = test_passing_faults = None

    def rows(self, event=EVENT):
        import pyarrow.parquet
        return [(key, row) for key in self.data(event)
                for row in pyarrow.parquet.ParquetFile(server.path(key)).read(columns=["event_id"]).to_pylist()]

    def is_empty(self, key):
        import pyarrow.parquet
        return pyarrow.parquet.ParquetFile(server.path(key)).metadata.num_rows == 0


class OnceDelta(Once):
    """A commit makes rows visible: nobody sees half of a flush, and the log is whole after any crash."""
    format = "delta"
    settings = "checkpoint_every: 1"
    moments = (1, 2)

    def rows(self, event=EVENT):
        import deltalake
        path = f"{self.under}/{event.replace('.', '/')}"
        try:
            return [(None, row) for row in table_of(path)[1].select(["event_id"]).to_pylist()]
        except deltalake.exceptions.TableNotFoundError:
            return []

    def is_empty(self, key):
        return True  # nothing needs to be taken from another: its objects are part of no commit

    def test_killed_around_every_put(self):
        super().test_killed_around_every_put()
        self.check_log()
        self.check_checkpoint()

    def check_log(self):
        log = lake.DeltaLog(server.path(f"{self.under}/customer/user_event"))
        self.assertEqual((log.wrong, log.rows, len(log.versions)), ([], len(self.lines), self.partitions))
        self.assertTrue(log.checkpoints)

    def check_checkpoint(self):
        """The table reads the same, and busbar goes on, when the commits before the checkpoint are gone."""
        folder = server.path(f"{self.under}/customer/user_event/_delta_log")
        with open(folder + "/_last_checkpoint") as file:
            version = json.load(file)["version"]
        for name in os.listdir(folder):
            if re.fullmatch(r"\d{20}\.json", name) and int(name[:20]) <= version:
                os.remove(os.path.join(folder, name))
        self.assert_each_once(self.lines)
        more = rules.unique(kit.generated(EVENT, len(self.lines) + 40))[len(self.lines):]
        self.send(TOPIC, more)
        self.lines += more
        self.run_once()
        self.assert_each_once(self.lines)

    def test_writers_race_for_each_commit(self):
        """Another group fills the same table at the same time: both are there, each event once of each."""
        import duckdb
        processes = []
        for group in ("one", "other"):
            self.configure(consume=f"group: {group}, order: partition, concurrency: 2, flush_interval: 50ms, batch_records: 20, "
                           "in_flight_records: 40", handler="checkpoint_every: 5", name=group + ".yaml")
            processes.append(self.start())
        kit.wait_for(lambda: len(self.rows()) >= 2 * len(self.lines), 240)
        self.assertEqual([kit.stop(process) for process in processes], [0, 0])
        ids = table_of(f"{self.under}/customer/user_event")[1]
        counts = duckdb.sql("SELECT n, count(*) FROM (SELECT count(*) AS n FROM ids GROUP BY event_id) GROUP BY n").fetchall()
        self.assertEqual(counts, [(2, len(self.lines))])
        self.assertIsNotNone(ids)


class Multipart(Case):
    partitions = 1

    def setUp(self):
        super().setUp()
        # as much as the embedded broker keeps of a partition; the envelope makes it more than one part
        self.lines = rules.unique((kit.generated(EVENT, 300) * 20)[:4600])
        self.send(TOPIC, self.lines)
        self.proxy = self.faults()
        self.configure(endpoint=self.proxy.endpoint, path=self.under + "/customer/user_event",
                       handler="compression: none\n    envelope: true\n    part_bytes: 5242880\n    partition: null",
                       consume="order: partition, flush_interval: 20s, in_flight_bytes: 256MiB, in_flight_records: 100000")

    def rows(self, event=EVENT):
        return [(key, row["value"]) for key, row in super().rows(event)]

    def test_parts_and_their_faults(self):
        hit = []

        def decide(method, path, number):
            step = "create" if path.endswith("uploads=") else "complete" if method == "POST" else \
                "part" if "partNumber" in path else None
            if step and hit.count(step) < 2:
                hit.append(step)
                return ("lost", 503)[hit.count(step) - 1]
            return None
        self.proxy.decide = decide
        self.run_once()
        self.assertEqual(sorted(set(hit)), ["complete", "create", "part"])
        self.assertGreater(sum("partNumber=" in path for _, path in self.proxy.seen), 2)
        self.assert_each_once(self.lines)


class Refusals(Case):
    partitions = 1

    def setUp(self):
        super().setUp()
        self.send(TOPIC, kit.generated(EVENT, 5))

    def refused(self, words, **settings):
        self.configure(**settings)
        self.run_once(expect=4)
        self.assertIn(words, self.log)
        self.assertNotIn(lake.SECRET, self.log)

    def test_at_the_start(self):
        self.refused("order: partition", consume="concurrency: 2")
        self.refused("NoSuchBucket", bucket="nowhere")
        self.refused("SignatureDoesNotMatch", access=f"access_key: {lake.ACCESS}\n    secret_key: wrong")
        self.refused("belong together", access=f"access_key: {lake.ACCESS}")
        self.refused("placeholder", path="x/{date}")

    def test_a_server_that_ignores_conditions(self):
        proxy = self.faults()
        proxy.decide = lambda method, path, number: 200 if method == "PUT" else None
        self.refused("ignores If-None-Match", endpoint=proxy.endpoint)

    def test_credentials_from_the_environment_and_from_a_file(self):
        path = os.path.join(self.folder, "credentials")
        with open(path, "w") as file:
            file.write(f"[other]\naws_access_key_id = x\naws_secret_access_key = y\n\n[lake]\naws_access_key_id = "
                       f"{lake.ACCESS}\naws_secret_access_key={lake.SECRET}\n")
        self.configure(access=f"credentials_file: {path}\n    profile: lake")
        self.run_once()
        self.assertEqual(len(self.rows()), 5)
        with unittest.mock.patch.dict(os.environ, {"AWS_ACCESS_KEY_ID": lake.ACCESS, "AWS_SECRET_ACCESS_KEY": lake.SECRET}):
            self.configure(access="region: us-east-1")
            self.send(TOPIC, kit.generated(EVENT, 4, seed=3))
            self.run_once()
        self.assertEqual(len(self.rows()), 9)

    def test_at_least_once_without_a_journal(self):
        self.configure(consume="concurrency: 2", handler="exactly_once: false")
        self.run_once()
        self.assertEqual(len(self.rows()), 5)
        self.assertFalse([key for key in server.objects(self.under) if "_busbar" in key])


del Values  # the rules for all formats are no test themselves

if __name__ == "__main__":
    unittest.main()
