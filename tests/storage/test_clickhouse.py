#!/usr/bin/env python3
"""The `clickhouse` handler on the engine of ClickHouse (PyPI's chdb behind clickhouse_server.py): values, guarantees under kills and
faults, tables. Faults that the engine does not make on demand are made by the test server."""
import decimal
import json
import math
import os
import re
import signal
import struct
import sys
import time
import unittest
import uuid
import zlib

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import clickhouse  # noqa: E402
import storagekit  # noqa: E402
from clickhouse import kit  # noqa: E402
from storagekit import EVENT, TOPIC, bad_events, contract_of, instant, plain, unique, user_key  # noqa: E402

TABLE = "customer_events"
CONFIG = """
defaults:
  handlers: [ch]
  consume: {{ {consume} }}
domains:
{domains}
handlers:
  ch:
    plugin: clickhouse
    url: {url}
    database: {database}
    password: "${{file:{folder}/password}}"
    takeover_ms: 3000
    {handler}
"""
EVENTS = int(os.environ.get("BUSBAR_CLICKHOUSE_EVENTS", "300"))  # of each type; as many again in 100 are bad
server = None


def setUpModule():
    global server
    server = clickhouse.ClickHouse()


def tearDownModule():
    server.close()


class Case(storagekit.Case):
    partitions = 2

    def setUp(self):
        super().setUp()
        self.database = "t" + uuid.uuid4().hex[:12]
        server.faults()
        server.sql(f"CREATE DATABASE {self.database}")
        self.configure()

    def configure(self, consume="flush_interval: 100ms", handler="", domains=storagekit.ALL_DOMAINS):
        self.config = kit.write_config(self.folder, self.broker.bootstrap, CONFIG.format(
            domains=domains, url=server.url, database=self.database, folder=server.folder, handler=handler, consume=consume))

    def named(self, table):
        return f"{self.database}.{table}"

    def value(self, text):
        return server.value(text)

    def count(self, table=TABLE):
        return self.value(f"SELECT count() FROM {self.named(table)}")

    def assert_each_once(self, lines, table=TABLE):
        ids = sorted(json.loads(line)["event_id"] for line in lines)
        found = sorted(row[0] for row in server.sql(f"SELECT event_id FROM {self.named(table)}"))
        self.assertEqual(len(found), len(set(found)), "stored twice")
        self.assertEqual((len(set(ids) - set(found)), len(found)), (0, len(ids)))


# An independent reading: whether a column of a type holds a value, and what it then shows.
LIMITS = {"UInt8": 2 ** 8, "UInt16": 2 ** 16, "UInt32": 2 ** 32, "UInt64": 2 ** 64}
EMPTY = {"String": "", "Date": "1970-01-01", "DateTime": "1970-01-01 00:00:00"}


def fits(kind, value):
    if value is None:
        return True
    if kind in LIMITS:
        return 0 <= value < LIMITS[kind]
    if kind == "DateTime":
        return 0 <= instant(value).timestamp() < 2 ** 32
    if kind == "Date":
        return "1970-01-01" <= value[:10] <= "2149-06-06"
    return True


def same(kind, schema, wanted, found):
    if wanted is None:
        return found == EMPTY.get(kind, 0)
    if kind in LIMITS:
        return found == int(wanted)
    if kind == "Float32":
        return struct.pack("f", float(wanted)) == struct.pack("f", found)
    if kind == "Float64":
        return float(wanted) == found
    if kind == "DateTime":
        return found == time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(math.floor(instant(wanted).timestamp())))
    if kind == "Date":
        return found == wanted[:10]
    if isinstance(wanted, list) and schema.get("items", {}).get("format") == "uuid":
        wanted = [str(uuid.UUID(item)) for item in wanted]
    if isinstance(wanted, (list, dict)):
        return json.loads(found, parse_float=decimal.Decimal) == wanted
    return found == (str(uuid.UUID(wanted)) if schema.get("format") == "uuid" else wanted)


class Values(Case):
    partitions = 1 + EVENTS // 600  # the embedded broker keeps the last 5 MB of each

    def expected(self, event_name, contract, lines):
        """Rows by their own id and refused events, by the rules of the documents alone."""
        plan = contract["x-busbar-storage"]["clickhouse"]
        rows, refused = {}, []
        for line in lines:
            event = json.loads(line, parse_float=decimal.Decimal)
            row = {}
            for name, column in plan["columns"].items():
                source = column.get("from", name)
                if "materialized" in column or source not in contract["properties"]:
                    continue
                schema = contract["properties"][source]
                given = plain(schema, event.get(source, schema.get("default")))
                if name == "prediction_date" and given is None:
                    given = event.get("predicted_at")
                if name == "session_duration_sec" and given is None and event.get("session_end"):
                    given = int((instant(event["session_end"]) - instant(event["session_start"])).total_seconds())
                row[name] = (schema, given, given is None and source not in event and "x-busbar-generate" in schema or
                             name == "prediction_date" and given is None)
            if all(fits(plan["columns"][name]["type"], given) for name, (_, given, _) in row.items()):
                rows[event[OWN[event_name]]] = row
            else:
                refused.append(line)
        return rows, refused

    def test_the_ten_event_types_field_by_field(self):
        self.storage("apply")
        self.make_topics(self.partitions)
        sent, topics = {}, self.topics()
        for event in kit.EVENTS:
            good = [json.dumps({**json.loads(line), OWN[event]: str(uuid.UUID(int=(1 << 96) + number, version=4))}).encode()
                    for number, line in enumerate(kit.generated(event, EVENTS))]
            bad = bad_events(event, EVENTS // 100)
            lines = [line for pair in zip(good[::100], bad) for line in pair] + [g for n, g in enumerate(good) if n % 100]
            self.send(topics[event], lines, lambda line: b"%d" % zlib.crc32(line))
            sent[event] = (good, bad)
        summary = self.run_once(only=None)
        self.assertEqual((summary["balances"], summary["consumed"]), (True, sum(len(g) + len(b) for g, b in sent.values())))
        for event in kit.EVENTS:
            with self.subTest(event):
                self.check_event(event, topics[event], *sent[event])

    def check_event(self, event, topic, good, bad):
        contract = contract_of(event)
        plan = contract["x-busbar-storage"]["clickhouse"]
        rows, refused = self.expected(event, contract, good)
        self.assertEqual(sorted(letter["value"] for letter in self.letters(topic)), sorted(bad + refused))
        for letter in self.letters(topic):
            if letter["value"] in refused:
                self.assertEqual(letter["headers"]["busbar.stage"], "sink")
                self.assertIn("column ", letter["headers"]["busbar.reason"])
        found = server.rows(self.named(plan["table"]))
        self.assertEqual((len(found), len({row[OWN[event]] for row in found})), (len(rows), len(rows)))
        for row in found:
            for name, (schema, wanted, made) in rows[row[OWN[event]]].items():
                self.assertTrue(made or same(plan["columns"][name]["type"], schema, wanted, row[name]),
                                f"{event} {name}: sent {wanted!r}, found {row[name]!r}")

    def test_stricter_types_name_their_column(self):
        self.storage("apply", "customer.session")
        base = json.loads(kit.generated("customer.session", 1)[0])
        wrong = [({"total_events": 65536}, "/total_events", "expected 0 to 65535"),
                 ({"session_start": "1969-12-31T23:59:59Z", "session_end": None}, "/session_start", "expected 1970-01-01 to 2106-02-07"),
                 ({"session_start": "2106-02-07T06:28:16Z", "session_end": None}, "/session_start", "expected 1970-01-01 to 2106-02-07"),
                 ({"engagement_score": 1e39}, "/engagement_score", "1e+39 is beyond the range of Float32")]
        right = {"total_events": 65535, "session_start": "2106-02-07T06:28:15Z", "session_end": None, "engagement_score": 3.4e38,
                 "created_at": "2026-01-01T00:00:00Z"}
        self.make_topics(1)
        topic = "customer-sessions"
        self.send(topic, [json.dumps({**base, **change}).encode() for change in [right] + [w[0] for w in wrong]])
        summary = self.run_once(only="customer.session")
        self.assertEqual((summary["handled"], summary["dead_lettered"]), (1, 4))
        letters = sorted(self.letters(topic), key=lambda letter: int(letter["headers"]["busbar.offset"]))
        for letter, (_, pointer, reason) in zip(letters, wrong):
            self.assertEqual(letter["headers"]["busbar.pointer"], pointer)
            self.assertIn(reason, letter["headers"]["busbar.reason"])
        row = server.rows(self.named("customer_sessions"))[0]
        self.assertEqual((row["total_events"], row["session_start"]), (65535, "2106-02-07 06:28:15"))

    def test_types_of_a_table_of_ones_own(self):
        schema = {"type": "object", "properties": {name: {} for name in
                  ("t", "n", "i", "u", "d", "day", "at", "at9", "e", "ids", "words", "a4", "a6", "id", "f", "low", "yes", "no")}}
        with open(os.path.join(self.folder, "edge.json"), "w") as file:
            json.dump(schema, file)
        server.sql(f"CREATE TABLE {self.named('edge')} (t String, n Nullable(Int64), i Int8, u UInt64, d Decimal(18, 3), day Date32, "
                   "at DateTime64(3, 'UTC'), at9 DateTime64(9, 'UTC'), e Enum8('calm' = -3, 'it\\'s' = 7), ids Array(UUID), "
                   "words Array(String), a4 IPv4, a6 IPv6, id UUID, f FixedString(4), low LowCardinality(String), yes Bool, "
                   "no UInt8) ENGINE = MergeTree ORDER BY t SETTINGS non_replicated_deduplication_window = 5")
        self.configure(domains=f"  shop:\n    plugin: generic\n    events: {{ edge: {{ schema: '{self.folder}/edge.json', "
                               f"topic: {TOPIC} }} }}", handler="table: edge")
        server.sql(self.batches_statement())
        one = "0123abcd-1111-4222-8333-0123456789ab"
        full = {"t": "full", "n": -2 ** 63, "i": -128, "u": 2 ** 64 - 1, "d": decimal.Decimal("-1.2345"), "day": "1900-01-01",
                "at": "1969-12-31T23:59:59.9996Z", "at9": "2026-01-01T00:00:00.123456789+01:00", "e": "it's", "ids": [one, one],
                "words": ["a", "", "Zo\u00eb \"x\", [y]"], "a4": "10.1.2.3", "a6": "10.1.2.3", "id": one, "f": "ab", "low": "x",
                "yes": True, "no": False}
        wrong = [("i", 128), ("i", 1.5), ("u", -1), ("d", decimal.Decimal("1000000000000000")), ("day", "1899-12-31"), ("e", "glad"),
                 ("at", "yesterday"), ("ids", ["x"]), ("words", "x"), ("a4", "::1"), ("f", "abcde"), ("yes", 1), ("id", "x")]
        lines = [json.dumps(event, default=lambda d: f"@{d}@").replace('"@', "").replace('@"', "").encode()
                 for event in [full, {"t": "empty"}] + [{"t": name, name: value} for name, value in wrong]]
        self.send(TOPIC, lines)
        self.run_once(only="shop.edge")
        letters = sorted(self.letters(), key=lambda letter: int(letter["headers"]["busbar.offset"]))
        self.assertEqual([letter["headers"].get("busbar.pointer") for letter in letters], ["/" + name for name, _ in wrong])
        found = {row[0]: row[1:] for row in server.sql(
            "SELECT t, n, i, toString(u), toString(d), toString(day), toString(at), toString(at9), toString(e), ids, words, "
            f"toString(a4), toString(a6), toString(id), toString(f), low, yes, no FROM {self.named('edge')}")}
        self.assertEqual(found["full"], [-2 ** 63, -128, str(2 ** 64 - 1), "-1.235", "1900-01-01", "1969-12-31 23:59:59.999",
                                         "2025-12-31 23:00:00.123457000", "it's", [one, one], full["words"], "10.1.2.3",
                                         "::ffff:10.1.2.3", one, "ab", "x", True, 0])
        self.assertEqual(found["empty"][:3], [None, 0, "0"])
        self.assertEqual(found["empty"][7:10], ["calm", [], []])

    def batches_statement(self):
        objects = [json.loads(line) for line in self.storage("plan", "--json", expect=1).splitlines()]
        return next(o["statement"] for o in objects if o["name"] == "busbar_batches")


OWN = {"customer.user_event": "event_id", "customer.session": "session_id", "editorial.content_event": "event_id",
       "editorial.article": "article_id", "company.internal_content": "content_id", "security.security_event": "event_id",
       "compliance.compliance_event": "event_id", "audit.audit_log": "log_id", "data_quality.quality_metric": "metric_id",
       "ml_models.model_prediction": "prediction_id"}


class Faults(Case):
    def test_killed_at_each_step_of_a_flush(self):
        """Of a first flush of one partition: claim, settle, record, insert, confirm. chaos_clickhouse.py kills at each."""
        target, batches = f"INSERT INTO .*`{TABLE}`", "INSERT INTO .*`busbar_batches`"
        self.storage("apply", EVENT)
        steps = [("recorded, no answer", batches, 2, "late"), ("inserted, no answer", target, 0, "late"),
                 ("confirmed, no answer", batches, 3, "late")]
        self.configure(consume="flush_interval: 100ms, retry: { initial: 5s, max: 5s }")
        lines = unique(kit.generated(EVENT, 100 * len(steps)))
        for number, (name, match, skip, kind) in enumerate(steps):
            with self.subTest(name):
                self.send(TOPIC, lines[100 * number:100 * number + 100])
                server.faults({"match": match, "skip": skip, "kind": kind})
                process = self.start()
                kit.wait_for(lambda: server.pending() == 0, timeout=60)
                self.kill(process)
                self.assertEqual(self.run_once()["dead_lettered"], 0)
                self.assert_each_once(lines[:100 * number + 100])

    def test_a_kill_in_the_middle(self):
        self.configure(consume="flush_interval: 50ms, commit_interval: 10s, concurrency: 3")
        self.storage("apply", EVENT)
        lines = unique(kit.generated(EVENT, 2000))
        self.send(TOPIC, lines, user_key)
        process = self.start()
        kit.wait_for(lambda: self.count() > 0, timeout=60)
        self.kill(process)
        self.run_once()
        self.assert_each_once(lines)
        self.assertGreater(self.value(f"SELECT max(epoch) FROM {self.named('busbar_batches')}"), 1)
        self.assertEqual(self.run_once()["consumed"], 0)

    def test_what_passes_is_tried_again_and_blames_nobody(self):
        self.configure(consume="flush_interval: 50ms, retry: { initial: 50ms, max: 300ms }", handler="timeout_ms: 1500")
        self.storage("apply", EVENT)
        target, batches = f"INSERT INTO .*`{TABLE}`", "INSERT INTO .*`busbar_batches`"

        def answer(status, code, text):
            return {"kind": "answer", "status": status, "code": code, "body": f"Code: {code}. DB::Exception: {text}" if code else text}

        faults = [answer(503, 0, "<html>busy</html>"), answer(500, 202, "Too many simultaneous queries"),
                  answer(500, 241, "Memory limit (total) exceeded"), answer(500, 252, "Too many parts (3001)"),
                  answer(500, 159, "Timeout exceeded"), {"kind": "reset"}, {"kind": "late"}, {"kind": "slow", "seconds": 3}]
        faults = [(target, 2, fault) for fault in faults] + [(batches, 1, faults[0]), (batches, 1, {"kind": "late"})]
        lines = unique(kit.generated(EVENT, 100 * len(faults)))
        process = self.start()
        for number, (match, times, fault) in enumerate(faults):
            server.faults({"match": match, "times": times, **fault})
            self.send(TOPIC, lines[number * 100:number * 100 + 100], user_key)
            kit.wait_for(lambda: server.pending() == 0, timeout=60)
            kit.wait_for(lambda: self.count() >= number * 100 + 100, timeout=60)
        self.assertEqual(kit.stop(process), 0, self.log_of(process))
        self.assert_each_once(lines)
        self.assertFalse(self.has_letters())
        self.assertIn("ClickHouse: HTTP status 503", self.log_of(process))
        self.assertNotIn("had been stored before", self.log_of(process))

    def test_the_server_goes_and_comes_while_running(self):
        self.configure(consume="flush_interval: 50ms, retry: { initial: 50ms, max: 300ms }")
        self.storage("apply", EVENT)
        lines = unique(kit.generated(EVENT, 2000))
        process = self.start()
        for part in range(2):
            self.send(TOPIC, lines[part * 1000:part * 1000 + 1000], user_key)
            kit.wait_for(lambda: self.count() > part * 1000, timeout=60)
            server.kill()
            time.sleep(0.5)
            server.start()
            kit.wait_for(lambda: self.count() >= part * 1000 + 1000, timeout=60)
        self.assertEqual(kit.stop(process), 0, self.log_of(process))
        self.assert_each_once(lines)
        self.assertNotIn(clickhouse.PASSWORD, self.log_of(process))

    def test_a_worker_that_sleeps_through_the_loss_of_its_partition(self):
        self.configure(consume="flush_interval: 300ms, retry: { initial: 50ms, max: 300ms }")
        self.storage("apply", EVENT)
        lines = unique(kit.generated(EVENT, 3000))
        zombie = self.start()
        self.send(TOPIC, lines[:1500], user_key)
        kit.wait_for(lambda: self.count() > 0, timeout=60)
        self.send(TOPIC, lines[1500:2000], user_key)
        time.sleep(0.1)  # some of it is gathered and not flushed
        os.killpg(zombie.pid, signal.SIGSTOP)
        other = self.start()
        kit.wait_for(lambda: self.count() >= 2000, timeout=60)
        os.killpg(zombie.pid, signal.SIGCONT)
        time.sleep(2)
        self.assertEqual(self.count(), 2000)
        self.send(TOPIC, lines[2000:], user_key)
        kit.wait_for(lambda: self.count() >= 3000, timeout=90)
        self.assertEqual(kit.stop(zombie), 0, self.log_of(zombie))
        self.assertEqual(kit.stop(other), 0, self.log_of(other))
        self.assert_each_once(lines)

    def test_a_stale_epoch_stores_nothing(self):
        """Another owner takes the partition while rows are recorded: they are not inserted under the old epoch."""
        self.configure(consume="flush_interval: 100ms, retry: { initial: 50ms, max: 200ms }")
        self.storage("apply", EVENT)
        lines = unique(kit.generated(EVENT, 200))
        process = self.start()
        self.send(TOPIC, lines[:100])
        kit.wait_for(lambda: self.count() == 100, timeout=60)
        batches = self.named("busbar_batches")
        server.sql(f"INSERT INTO {batches} (consumer_group, topic, handler, partition, writer, version, epoch, owner, settled, stored) "
                   f"SELECT consumer_group, topic, handler, partition, 'another', 1, epoch + 1, 'another/1', 1, stored FROM {batches} "
                   "FINAL WHERE partition = 0 ORDER BY epoch DESC LIMIT 1")
        self.send(TOPIC, lines[100:])
        kit.wait_for(lambda: "taken over by another worker" in self.log_of(process), timeout=30)
        self.assertEqual(self.count(), 100)
        # it still has its partition, so it takes it again; what it had recorded under the old epoch is void
        kit.wait_for(lambda: self.count() == 200, timeout=60)
        self.assertEqual(kit.stop(process), 0)
        self.assert_each_once(lines)

    def leave_open(self, lines, name):
        """A worker that has recorded a batch and dies before it inserts. What it said is kept in a table of that name."""
        process = self.start()
        server.faults({"match": f"INSERT INTO .*`{TABLE}`", "kind": "reset", "group": process.pid})
        self.send(TOPIC, lines)
        process.wait(timeout=60)
        server.sql(f"CREATE TABLE {self.named(name)} AS {self.named('busbar_batches')}")
        server.sql(f"INSERT INTO {self.named(name)} SELECT * FROM {self.named('busbar_batches')} FINAL WHERE length(pending) > 0")
        self.assertEqual(self.value(f"SELECT count() FROM {self.named(name)}"), 1)

    def test_a_lane_that_goes_on_while_another_joins(self):
        """Between reading that a batch is pending and taking it over: the next one is not taken for it."""
        self.storage("apply", EVENT)
        lines, batches = unique(kit.generated(EVENT, 50)), self.named("busbar_batches")
        self.leave_open(lines[:20], "halves")
        server.sql(f"TRUNCATE TABLE {batches}")
        self.leave_open(lines[20:], "whole")
        server.faults({"match": r"SELECT \* REPLACE", "kind": "slow", "seconds": 2})
        process = self.start()
        kit.wait_for(lambda: server.pending() == 0, timeout=60)  # it has read that 50 are pending
        server.sql(f"INSERT INTO {batches} SELECT * REPLACE ((SELECT any(writer) FROM {self.named('whole')}) AS writer, "
                   f"(SELECT any(version) + 1 FROM {self.named('whole')}) AS version) FROM {self.named('halves')}")
        kit.wait_for(lambda: self.count() >= 50, timeout=30)
        self.assertEqual(kit.stop(process), 0, self.log_of(process))
        self.assert_each_once(lines)

    def test_a_record_that_comes_late_is_void(self):
        """A lane gave its record up and stored the rows in another batch; then the record comes, and another worker."""
        self.configure(consume="flush_interval: 300ms, retry: { initial: 50ms, max: 50ms }", handler="timeout_ms: 1500")
        self.storage("apply", EVENT)
        lines, batches = unique(kit.generated(EVENT, 50)), self.named("busbar_batches")
        self.leave_open(lines[:20], "late")
        server.sql(f"TRUNCATE TABLE {batches}")
        self.send(TOPIC, lines[20:])
        server.faults({"match": "INSERT INTO .*`busbar_batches`", "skip": 2, "kind": "slow", "seconds": 3})  # behind the claim
        process = self.start()
        kit.wait_for(lambda: server.pending() == 0, timeout=60)
        server.faults({"match": f"INSERT INTO .*`{TABLE}`", "kind": "late", "group": process.pid})
        process.wait(timeout=60)
        kit.wait_for(lambda: self.value(f"SELECT count() FROM {batches} FINAL WHERE length(pending) > 0") == 2, timeout=30)
        # of what came late, a part of the rows is there under another token; in which order writers are seen is chance: it is the first
        server.sql(f"INSERT INTO {batches} SELECT * REPLACE ('0000000000000000' AS writer, (SELECT min(epoch) FROM {batches}) AS epoch, "
                   f"(SELECT any(owner) FROM {batches}) AS owner) FROM {self.named('late')}")
        self.run_once()
        self.assert_each_once(lines)

    def test_rows_that_the_server_refuses(self):
        self.storage("apply", EVENT)
        lines = unique(kit.generated(EVENT, 500))
        for number in (217, 399):
            event = json.loads(lines[number])
            event["page_url"] = "https://bad.example/"
            lines[number] = json.dumps(event).encode()
        server.sql(f"ALTER TABLE {self.named(TABLE)} ADD CONSTRAINT no_bad_pages CHECK page_url != 'https://bad.example/'")
        self.send(TOPIC, lines)
        summary = self.run_once()
        self.assertEqual((summary["handled"], summary["dead_lettered"]), (498, 2))
        letters = {letter["value"]: letter["headers"] for letter in self.letters()}
        self.assertEqual(set(letters), {lines[217], lines[399]})
        for headers in letters.values():
            self.assertIn("no_bad_pages", headers["busbar.reason"])
            self.assertEqual(headers["busbar.pointer"], "/page_url")
        self.assertNotIn("bad.example", self.log)
        self.assert_each_once([line for line in lines if line not in letters])

    def test_beyond_the_window_it_says_so(self):
        self.storage("apply", EVENT)
        server.sql(f"ALTER TABLE {self.named(TABLE)} MODIFY SETTING non_replicated_deduplication_window = 3")
        self.configure(consume="flush_interval: 100ms, retry: { initial: 5s, max: 5s }")
        lines = unique(kit.generated(EVENT, 50))
        self.send(TOPIC, lines)
        server.faults({"match": f"INSERT INTO .*`{TABLE}`", "kind": "late"})
        process = self.start()
        kit.wait_for(lambda: server.pending() == 0, timeout=60)
        self.kill(process)
        for number in range(4):
            server.sql(f"INSERT INTO {self.named(TABLE)} (event_id, event_timestamp) VALUES ('other {number}', now())")
        self.run_once()
        self.assertIn("its rows may be there twice", self.log)
        self.assertEqual(self.count(), 104)  # as said: the server has forgotten the token


class Tables(Case):
    def test_plan_apply_and_drift(self):
        shown = self.storage("plan", expect=1)
        self.assertEqual(self.value(f"SELECT count() FROM system.tables WHERE database = '{self.database}'"), 0)
        self.assertIn("missing  table      customer_events ", shown)
        self.storage("apply")
        self.storage("plan")
        self.assertEqual(self.storage("apply").count("made  "), 0)
        articles = self.named("editorial_articles")
        for change in ("MODIFY COLUMN title FixedString(9)", "DROP COLUMN headline", "ADD COLUMN note String",
                       "MODIFY TTL created_at + INTERVAL 3 YEAR", "MODIFY SETTING non_replicated_deduplication_window = 7"):
            server.sql(f"ALTER TABLE {articles} {change}")
        server.sql(f"DROP TABLE {self.named('customer_sessions')}")
        server.sql(f"CREATE TABLE {self.named('customer_sessions')} (session_id String) ENGINE = ReplacingMergeTree "
                   "ORDER BY session_id PARTITION BY session_id")
        server.sql(f"ALTER TABLE {self.named(TABLE)} MODIFY COLUMN event_date Date MATERIALIZED toDate(created_at)")
        shown = self.storage("plan", expect=1)
        for line in ("column title has type FixedString(9), expected String", "column headline is missing, expected String",
                     "column note (String) is there and not expected",
                     "its TTL is created_at + toIntervalYear(3), expected created_at + toIntervalYear(2)",
                     "its deduplication window is 7 parts, expected at least 10000", "its engine is ReplacingMergeTree, expected MergeTree",
                     "its order key is session_id, expected session_start, company_id, brand_id, user_id, session_id",
                     "its partition key is session_id, expected toYYYYMM(session_start)",
                     "column event_date is materialized as toDate(created_at), expected toDate(event_timestamp)"):
            self.assertIn(line, shown)
        self.storage("apply")
        self.assertEqual(self.value(f"SELECT count() FROM system.columns WHERE database = '{self.database}' AND table = "
                                    "'editorial_articles' AND name IN ('note', 'headline')"), 1)

    def test_tables_are_as_the_document_says(self):
        self.storage("apply")
        for event in kit.EVENTS:
            plan = contract_of(event)["x-busbar-storage"]["clickhouse"]
            engine, order, partition, full = server.sql(
                f"SELECT engine, sorting_key, partition_key, engine_full FROM system.tables WHERE database = '{self.database}' AND "
                f"name = '{plan['table']}'")[0]
            self.assertEqual((engine, order.split(", "), partition),
                             (plan["engine"].split("(")[0], plan["order_by"], plan.get("partition_by", "")))
            years = re.search(r"TTL created_at \+ toIntervalYear\((\d)\)", full)
            self.assertEqual(years and f"created_at + INTERVAL {years[1]} YEAR", plan.get("ttl"))
            columns = {name: (kind, made) for name, kind, made in server.sql(
                f"SELECT name, type, default_kind FROM system.columns WHERE database = '{self.database}' AND table = "
                f"'{plan['table']}'")}
            self.assertEqual(columns, {name: (column["type"], "MATERIALIZED" if "materialized" in column else
                                              "DEFAULT" if "default" in column else "")
                                       for name, column in plan["columns"].items()})

    def test_statements_can_be_run_by_hand(self):
        for statement in self.storage("plan", "--sql", expect=1).split(";\n"):
            if statement.strip():
                server.sql(statement)
        self.storage("plan")

    def test_more_than_the_table_gives_is_not_claimed(self):
        self.storage("apply", EVENT)
        server.sql(f"ALTER TABLE {self.named(TABLE)} MODIFY SETTING non_replicated_deduplication_window = 0")
        self.run_once(expect=4)
        self.assertIn("MODIFY SETTING non_replicated_deduplication_window = 10000, or say `exactly_once: false`", self.log)
        self.configure(handler="exactly_once: false")
        lines = unique(kit.generated(EVENT, 20))
        self.send(TOPIC, lines)
        self.run_once()
        self.assertIn("each event at least once", self.log)
        self.assert_each_once(lines)
        server.sql(f"CREATE TABLE {self.named('log')} (event_id String) ENGINE = Log")
        self.configure(handler="table: log")
        self.run_once(expect=4)
        self.assertIn("has engine Log, which does not know an insert again", self.log)

    def test_what_is_missing_stops_the_event_type(self):
        self.run_once(expect=4)
        self.assertIn(f"there is no table {self.database}.{TABLE}; `busbar storage apply` makes it", self.log)
        server.sql(f"CREATE TABLE {self.named(TABLE)} (event_id String, m Map(String, String)) ENGINE = MergeTree ORDER BY event_id "
                   "SETTINGS non_replicated_deduplication_window = 10")
        self.configure(handler="columns: { m: metadata }")
        self.run_once(expect=4)
        self.assertIn("column m of table", self.log)
        self.assertIn("Map(String, String), which this handler does not fill", self.log)

    def test_secrets_stay_secret(self):
        self.storage("apply", EVENT)
        secret = "hunter-two"
        process = self.start("--set", f"handlers.ch.password={secret}")
        kit.wait_for(lambda: "Authentication failed" in self.log_of(process), timeout=30)
        process.wait(timeout=30)
        self.assertNotIn(secret, self.log_of(process))
        shown = kit.busbar("check", "--json", "--config", self.config)
        self.assertNotIn(json.dumps(clickhouse.PASSWORD).encode(), shown.stdout + shown.stderr)
        refused = kit.busbar("storage", "plan", "--config", self.config, "--set", "handlers.ch.url=http://me:hunter@127.0.0.1:1")
        self.assertIn("`url` has a user or a query in it", refused.stderr.decode())
        self.assertNotIn("hunter", refused.stderr.decode())

    def test_columns_of_choice_and_compression(self):
        server.sql(f"CREATE TABLE {self.named('clicks')} (id String, source String, depth UInt32, happened DateTime, kind String "
                   "DEFAULT 'click') ENGINE = MergeTree ORDER BY id SETTINGS non_replicated_deduplication_window = 10")
        for number, compression in enumerate(("gzip", "none", "zstd")):
            self.configure(handler=f"compression: {compression}\n    events: {{ customer.user_event: {{ table: clicks, columns: {{ id: "
                                   "event_id, source: /metadata/source, depth: /engagement_metrics/scroll_depth, happened: "
                                   "event_timestamp } } }")
            self.storage("apply", EVENT)
            lines = unique(kit.generated(EVENT, 20 * number + 20))[20 * number:]
            self.send(TOPIC, lines)
            self.run_once()
            found = {row["id"]: row for row in server.rows(self.named("clicks"))}
            self.assertEqual(len(found), 20 * number + 20)
            for line in lines:
                event = json.loads(line)
                row = found[event["event_id"]]
                self.assertEqual((row["source"], row["depth"], row["kind"]),
                                 (event.get("metadata", {}).get("source", ""),
                                  event.get("engagement_metrics", {}).get("scroll_depth", 0), "click"))


if __name__ == "__main__":
    unittest.main()
