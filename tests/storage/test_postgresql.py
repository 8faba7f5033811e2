#!/usr/bin/env python3
"""The `postgresql` handler on a real PostgreSQL: values, guarantees under kills and faults, tables."""
import datetime
import decimal
import ipaddress
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import uuid

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import postgres  # noqa: E402
import storagekit  # noqa: E402
from postgres import kit  # noqa: E402
from storagekit import EVENT, TOPIC, bad_events, contract_of, instant, left_of_demo, plain, unique, user_key  # noqa: E402

TABLE = "customer_events"
CONFIG = """
defaults:
  handlers: [pg]
  consume: {{ {consume} }}
domains:
{domains}
handlers:
  pg:
    plugin: postgresql
    connection: {{ host: 127.0.0.1, port: {port}, user: admin, dbname: {database}, password: "${{file:{folder}/password}}" }}
    takeover_ms: 3000
    {handler}
"""
server = None


def setUpModule():
    global server
    server = postgres.Postgres()


def tearDownModule():
    server.close()


class Case(storagekit.Case):
    def setUp(self):
        super().setUp()
        self.database = "t" + uuid.uuid4().hex[:12]
        server.sql(f"CREATE DATABASE {self.database}")
        self.configure()

    def configure(self, consume="flush_interval: 100ms", handler="", domains=storagekit.ALL_DOMAINS, bootstrap=None):
        self.config = kit.write_config(self.folder, bootstrap or self.broker.bootstrap, CONFIG.format(
            domains=domains, port=server.port, database=self.database, folder=server.folder, handler=handler,
            consume=consume))

    def sql(self, text):
        return server.sql(text, self.database)

    def value(self, text):
        return server.value(text, self.database)

    def rows(self, table=TABLE):
        return [json.loads(row[0], parse_float=decimal.Decimal) for row in self.sql(f"SELECT to_jsonb(whole) FROM {table} whole")]

    def plain_table(self):
        """A table without a key shows every row that is stored twice."""
        self.storage("apply", EVENT)
        self.sql(f"CREATE TABLE plain AS SELECT * FROM {TABLE} WITH NO DATA")
        return "events: { customer.user_event: { table: plain, mode: append, key: [] } }"

    def assert_each_once(self, lines, table="plain"):
        ids = sorted(json.loads(line)["event_id"] for line in lines)
        found = sorted(row[0] for row in self.sql(f"SELECT event_id FROM {table}"))
        self.assertEqual(len(found), len(set(found)), "stored twice")
        self.assertEqual(found, ids)


# An independent reading: what a column of a type is to hold for a value of the event, or None: it does not fit.
def fits(kind, value):
    if value is None:
        return True
    if kind.endswith("[]"):
        return all(fits(kind[:-2], item) for item in value)
    sized = re.fullmatch(r"(varchar|char)\((\d+)\)", kind)
    if sized:
        return len(value) <= int(sized[2])
    exact = re.fullmatch(r"numeric\((\d+),(\d+)\)", kind)
    if exact:
        step = decimal.Decimal(1).scaleb(-int(exact[2]))
        rounded = decimal.Decimal(value).quantize(step, decimal.ROUND_HALF_UP)
        return abs(rounded) < decimal.Decimal(10) ** (int(exact[1]) - int(exact[2]))
    if kind == "integer":
        return -2 ** 31 <= value < 2 ** 31
    if kind == "inet":
        try:
            ipaddress.ip_interface(value)
        except ValueError:
            return False
    return True


def same(kind, wanted, found):
    if wanted is None or found is None:
        return wanted is None and found is None
    if kind.endswith("[]"):
        return len(wanted) == len(found) and all(same(kind[:-2], *pair) for pair in zip(wanted, found))
    exact = re.fullmatch(r"numeric\((\d+),(\d+)\)", kind)
    if exact:
        step = decimal.Decimal(1).scaleb(-int(exact[2]))
        return decimal.Decimal(wanted).quantize(step, decimal.ROUND_HALF_UP) == decimal.Decimal(found)
    if kind == "timestamptz":
        return instant(wanted) == instant(found)
    if kind == "date":
        return wanted[:10] == found
    if kind == "uuid":
        return uuid.UUID(wanted) == uuid.UUID(found)
    if kind == "inet":
        return ipaddress.ip_interface(wanted) == ipaddress.ip_interface(found)
    if kind.startswith("char("):
        return wanted == found.rstrip(" ")
    return wanted == found


class Values(Case):
    partitions = 1

    def expected(self, contract, lines):
        """Rows by key, with the columns that are made on the way, and refused events, by the rules of the document alone."""
        plan = contract["x-busbar-storage"]["postgresql"]
        rows, refused = {}, []
        for line in lines:
            event = json.loads(line, parse_float=decimal.Decimal)
            row, gaps, made = {}, [], set()
            for name, column in plan["columns"].items():
                source = column.get("from", name)
                schema = contract["properties"][source]
                given = plain(schema, event.get(source, schema.get("default")))
                if name in ("event_date", "prediction_date") and given is None:
                    given = event.get("predicted_at" if name == "prediction_date" else "event_timestamp")
                    schema = {"x-busbar-generate": "now"}
                if given is not None and column["type"] in ("date", "uuid"):
                    given = given[:10] if column["type"] == "date" else str(uuid.UUID(given))
                if name == "session_duration_sec" and given is None and event.get("session_end"):
                    given = int((instant(event["session_end"]) - instant(event["session_start"])).total_seconds())
                row[name] = given
                if given is None and self.is_made(schema, source in event):
                    made.add(name)
                elif given is None and column.get("not_null"):
                    gaps.append(name)
            # a key that is made on the way is another for each event
            key = tuple(len(rows) if name in made else row[name] for name in plan["primary_key"])
            clash = any(other != key and all(rows[other][0][n] is not None and rows[other][0][n] == row[n] for n in names)
                        for names in plan.get("unique", ()) for other in rows)
            if gaps or not all(fits(column["type"], row[name]) for name, column in plan["columns"].items()) or clash:
                refused.append(line)
            elif plan["mode"] == "upsert" or key not in rows:
                rows[key] = (row, made)
        return rows, refused

    @staticmethod
    def is_made(schema, is_null):
        """Whether a value that is absent, or null, is made on the way."""
        how = schema.get("x-busbar-generate")
        return bool(how) and (not is_null or "null" in (how.get("when", ()) if isinstance(how, dict) else ()))

    def test_the_ten_event_types_field_by_field(self):
        self.storage("apply")
        sent, topics = {}, self.topics()
        for event in kit.EVENTS:
            good, bad = kit.generated(event, 300), bad_events(event, 30)
            lines = [line for pair in zip(good[::10], bad) for line in pair] + [line for n, line in enumerate(good) if n % 10]
            self.send(topics[event], lines)
            sent[event] = (lines, bad)
        self.assertTrue(self.run_once(only=None)["balances"])
        for event in kit.EVENTS:
            with self.subTest(event):
                self.check_event(event, topics[event], *sent[event])

    def check_event(self, event, topic, lines, bad):
        contract = contract_of(event)
        plan = contract["x-busbar-storage"]["postgresql"]
        rows, refused = self.expected(contract, [line for line in lines if line not in bad])
        letters = self.letters(topic)
        surplus = [(r["headers"], r["value"]) for r in letters if r["value"] not in bad + refused]
        self.assertEqual(surplus, [])
        self.assertEqual(sorted(r["value"] for r in letters), sorted(bad + refused))
        for letter in letters:
            if letter["value"] in refused:
                self.assertEqual(letter["headers"]["busbar.stage"], "sink")
                self.assertIn(plan["table"], letter["headers"]["busbar.reason"])
        found = {}
        for row in self.rows(plan["table"]):
            found[tuple(row[name] for name in plan["primary_key"])] = row
        self.assertEqual(len(found), int(self.value(f"SELECT count(*) FROM {plan['table']}")))
        known = {key: row for key, row in rows.items() if not row[1] & set(plan["primary_key"])}
        self.assertEqual(set(known) - set(found), set())
        self.assertEqual(len(found), len(rows))
        self.assertGreater(len(known), 5)
        for key, (row, made) in known.items():
            for name in made:
                self.assertIsNotNone(found[key][name], name)
            for name, column in plan["columns"].items():
                self.assertTrue(name in made or same(column["type"], row[name], found[key][name]),
                                f"{event} {name}: sent {row[name]!r}, found {found[key][name]!r}")

    def test_edges_of_numbers_times_and_texts(self):
        schema = {"type": "object", "properties": {
            "id": {"type": "string", "x-busbar-generate": "uuid4", "format": "uuid"}, "n": {"type": "number"},
            "b": {"type": "integer"}, "f": {"type": "number"}, "t": {"type": "string"}, "at": {"type": "string"},
            "l": {"type": "array", "items": {"type": "string"}}, "j": {}, "c": {"type": "string"}, "e": {"type": "string"}}}
        with open(os.path.join(self.folder, "edge.json"), "w") as file:
            json.dump(schema, file)
        self.configure(domains=f"  shop:\n    plugin: generic\n    events: {{ edge: {{ schema: '{self.folder}/edge.json', "
                               f"topic: {TOPIC} }} }}")
        self.storage("plan", expect=1)
        self.storage("apply")
        self.sql("ALTER TABLE shop_edge ALTER n TYPE numeric, ALTER at TYPE timestamptz USING null, ALTER c TYPE cidr "
                 "USING null; CREATE TYPE mood AS ENUM ('calm', 'glad'); ALTER TABLE shop_edge ALTER e TYPE mood USING null")
        numbers = ["0", "-0", "1", "-1", "0.1", "1e3", "1E-3", "123456789012345678901234567890.000000001", "10000", "9999.9999",
                   "0.00001", "1e20", "12345e-2", "-0.0045", "100000000", "5e-324", "0.000100010001"]
        times = ["2026-02-28T23:59:59.9999996Z", "2024-02-29T00:00:00+02:00", "1969-12-31T23:59:59.000001Z",
                 "2026-11-24T10:00:00", "0001-01-01T00:00:00Z", "2026-06-30 23:59:60Z", "2026-01-01T00:00:00.5-11:30"]
        texts = ["", "Zo\u00eb \U0001f600 \u0416", "a\"b\\c\n\t/", "'; DROP TABLE x; --", "\\N", "{1,2}"]
        events = [{"n": decimal.Decimal(0), "raw": number} for number in numbers]
        lines = [json.dumps({"t": e["raw"]})[:-1].encode() + b', "n": ' + e["raw"].encode() + b', "f": ' +
                 e["raw"].encode() + b"}" for e in events]
        lines += [json.dumps({"t": text, "l": [text, "x", ""], "j": [text, {text: 1}]}).encode() for text in texts]
        lines += [json.dumps({"t": text, "at": text}).encode() for text in times]
        lines += [json.dumps({"t": str(b), "b": b}).encode() for b in (2 ** 63 - 1, -2 ** 63)]
        lines += [json.dumps({"t": "list", "l": []}).encode(), json.dumps({"t": "net", "c": "10.0.0.0/8", "e": "glad"}).encode()]
        wrong = [({"b": 2 ** 63}, "/b"), ({"at": "yesterday"}, "/at"),
                 ({"at": "2026-02-29T00:00:00Z"}, "/at"), ({"c": "10.0.0.1/8"}, ""), ({"e": "sad"}, "/e"),
                 ({"f": decimal.Decimal("1e999")}, "/f")]
        lines += [json.dumps(event, default=lambda d: 0).replace('"f": 0', '"f": 1e999').encode() for event, _ in wrong]
        self.send(TOPIC, lines)
        self.run_once(only="shop.edge")
        letters = sorted(self.letters(), key=lambda letter: int(letter["headers"]["busbar.offset"]))
        self.assertEqual([letter["value"] for letter in letters], lines[-len(wrong):], [l["headers"] for l in letters])
        for letter, (_, pointer) in zip(letters, wrong):
            self.assertEqual(letter["headers"].get("busbar.pointer", ""), pointer, letter["headers"])
        found = {row["t"]: row for row in self.rows("shop_edge")}
        self.assertEqual(len(found), len(lines) - len(wrong))
        stored = dict(self.sql("SELECT t, n FROM shop_edge WHERE n IS NOT NULL"))
        for number in numbers:
            self.assertEqual(decimal.Decimal(stored[number]), decimal.Decimal(number), number)
            self.assertEqual(float(found[number]["f"]), float(number), number)
        for text in texts:
            self.assertEqual((found[text]["l"], found[text]["j"]), ([text, "x", ""], [text, {text: 1}]))
        moments = dict(self.sql("SELECT t, to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') FROM shop_edge WHERE at "
                                "IS NOT NULL"))
        self.assertEqual(moments, {
            times[0]: "2026-03-01 00:00:00.000000", times[1]: "2024-02-28 22:00:00.000000",
            times[2]: "1969-12-31 23:59:59.000001", times[3]: "2026-11-24 10:00:00.000000",
            times[4]: "0001-01-01 00:00:00.000000", times[5]: "2026-07-01 00:00:00.000000",
            times[6]: "2026-01-01 11:30:00.500000"})
        self.assertEqual((found[str(2 ** 63 - 1)]["b"], found[str(-2 ** 63)]["b"]), (2 ** 63 - 1, -2 ** 63))
        self.assertEqual((found["list"]["l"], found["net"]["c"], found["net"]["e"]), ([], "10.0.0.0/8", "glad"))


class Faults(Case):
    def test_one_row_of_500_that_the_server_refuses(self):
        self.storage("apply", EVENT)
        lines = unique(kit.generated(EVENT, 500))
        wrong = [json.loads(lines[n]) for n in (217, 399)]
        wrong[0]["page_url"] = "https://bad.example/"
        wrong[1]["article_id"] = "x" * 256
        lines[217], lines[399] = (json.dumps(event).encode() for event in wrong)
        self.sql(f"ALTER TABLE {TABLE} ADD CONSTRAINT no_bad_pages CHECK (page_url <> 'https://bad.example/')")
        self.send(TOPIC, lines)
        summary = self.run_once()
        self.assertEqual((summary["handled"], summary["dead_lettered"]), (498, 2))
        letters = {letter["value"]: letter["headers"] for letter in self.letters()}
        self.assertEqual(set(letters), {lines[217], lines[399]})
        self.assertIn("no_bad_pages", letters[lines[217]]["busbar.reason"])
        self.assertEqual(letters[lines[399]]["busbar.pointer"], "/article_id")
        self.assertIn("256 characters where at most 255 fit", letters[lines[399]]["busbar.reason"])
        self.assert_each_once([line for line in lines if line not in letters], TABLE)

    def test_a_kill_in_the_middle(self):
        self.configure(consume="flush_interval: 50ms, commit_interval: 10s, concurrency: 3", handler=self.plain_table())
        lines = unique(kit.generated(EVENT, 4000))
        self.send(TOPIC, lines, user_key)
        process = self.start()
        kit.wait_for(lambda: int(self.value("SELECT count(*) FROM plain")) > 0, timeout=60)
        self.kill(process)
        self.run_once()
        self.assert_each_once(lines)
        self.assertGreater(int(self.value("SELECT max(epoch) FROM busbar_offsets")), 1)
        self.assertEqual(self.run_once()["consumed"], 0)

    def test_the_server_goes_and_comes_while_running(self):
        self.configure(consume="flush_interval: 50ms, retry: { initial: 50ms, max: 300ms }", handler=self.plain_table())
        lines = unique(kit.generated(EVENT, 3000))
        process = self.start()
        for part, mode in ((0, "fast"), (1, "immediate")):
            self.send(TOPIC, lines[part * 1500:part * 1500 + 1500], user_key)
            kit.wait_for(lambda: int(self.value("SELECT count(*) FROM plain")) > part * 1500, timeout=60)
            server.stop(mode)
            time.sleep(0.5)
            server.start()
            kit.wait_for(lambda: int(self.value("SELECT count(*) FROM plain")) >= part * 1500 + 1500, timeout=60)
        self.assertEqual(kit.stop(process), 0, self.log_of(process))
        self.assert_each_once(lines)
        self.assertNotIn(server.password, self.log_of(process))
        self.assertFalse(self.has_letters())

    def test_connections_that_are_cut(self):
        self.configure(consume="flush_interval: 20ms, concurrency: 2, retry: { initial: 20ms, max: 100ms }",
                       handler=self.plain_table())
        lines = unique(kit.generated(EVENT, 4000))
        process = self.start()
        for part in range(4):
            self.send(TOPIC, lines[part * 1000:part * 1000 + 1000], user_key)
            time.sleep(0.05 * (part % 3))
            self.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'busbar%' AND "
                     "datname = current_database()")
        kit.wait_for(lambda: int(self.value("SELECT count(*) FROM plain")) >= len(lines), timeout=60)
        self.assertEqual(kit.stop(process), 0, self.log_of(process))
        self.assert_each_once(lines)

    def test_a_deadlock_is_tried_again(self):
        self.configure(handler="lock_timeout_ms: 20000")
        self.storage("apply", EVENT)
        lines = unique(kit.generated(EVENT, 50))
        first, last = json.loads(lines[0]), json.loads(lines[-1])
        session = server.session(self.database)
        self.addCleanup(lambda: (session.kill(), session.wait(), session.stdin.close(), session.stdout.close()))
        columns = "event_id, event_date, session_id, user_id, company_id, brand_id, event_type, event_timestamp"

        def hold(event):
            values = ", ".join("'%s'" % event.get(name, event["event_timestamp"][:10]) for name in columns.split(", "))
            session.stdin.write(f"INSERT INTO {TABLE} ({columns}) VALUES ({values});\n\\echo held\n")
            session.stdin.flush()

        # rows are put in as they come: busbar has the first and waits for the last, which the session holds
        session.stdin.write("SET deadlock_timeout = '60s';\nBEGIN;\n")
        hold(last)
        self.assertEqual(session.stdout.readline().strip(), "held")
        self.send(TOPIC, lines)
        process = self.start()
        kit.wait_for(lambda: self.value("SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'busbar%' AND "
                                        "wait_event_type = 'Lock' AND datname = current_database()") != "0", timeout=60)
        hold(first)
        self.assertEqual(session.stdout.readline().strip(), "held", "busbar was to be the one that gives way")
        session.stdin.write("ROLLBACK;\n\\echo gone\n")
        session.stdin.flush()
        self.assertEqual(session.stdout.readline().strip(), "gone")
        kit.wait_for(lambda: int(self.value(f"SELECT count(*) FROM {TABLE}")) == 50, timeout=60)
        self.assertEqual(kit.stop(process), 0)
        self.assertIn("40P01", self.log_of(process))
        self.assert_each_once(lines, TABLE)

    def test_a_worker_that_sleeps_through_the_loss_of_its_partition(self):
        self.configure(consume="flush_interval: 300ms, retry: { initial: 50ms, max: 300ms }", handler=self.plain_table())
        lines = unique(kit.generated(EVENT, 6000))
        zombie = self.start()
        self.send(TOPIC, lines[:3000], user_key)
        kit.wait_for(lambda: int(self.value("SELECT count(*) FROM plain")) > 0, timeout=60)
        self.send(TOPIC, lines[3000:], user_key)
        time.sleep(0.1)  # some of it is in the transaction that is open
        os.killpg(zombie.pid, signal.SIGSTOP)
        other = self.start()
        kit.wait_for(lambda: int(self.value("SELECT count(*) FROM plain")) >= len(lines), timeout=60)
        before = self.sql("SELECT partition, epoch FROM busbar_offsets WHERE writer = 0 ORDER BY 1")
        os.killpg(zombie.pid, signal.SIGCONT)
        time.sleep(2)
        self.assertEqual(int(self.value("SELECT count(*) FROM plain")), len(lines))
        more = unique(kit.generated(EVENT, 7000))[6000:]
        self.send(TOPIC, more, user_key)
        kit.wait_for(lambda: int(self.value("SELECT count(*) FROM plain")) >= len(lines) + 1000, timeout=90)
        self.assertEqual(kit.stop(zombie), 0, self.log_of(zombie))
        self.assertEqual(kit.stop(other), 0, self.log_of(other))
        self.assert_each_once(lines + more)
        self.assertEqual(len(before), self.partitions)

    def test_a_stale_epoch_stores_nothing(self):
        """Another owner takes the fence while rows are in the open transaction."""
        self.configure(consume="flush_interval: 2s, retry: { initial: 50ms, max: 200ms }", handler=self.plain_table())
        lines = unique(kit.generated(EVENT, 200))
        process = self.start()
        self.send(TOPIC, lines)
        kit.wait_for(lambda: self.value("SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'busbar%' AND state = "
                                        "'idle in transaction' AND datname = current_database()") != "0", timeout=60)
        taken = self.sql("UPDATE busbar_offsets SET epoch = epoch + 1, former = former || owner, owner = 'another/1' WHERE "
                         "writer = 0 AND partition = 0 RETURNING epoch")
        kit.wait_for(lambda: "taken over by another worker" in self.log_of(process), timeout=30)
        self.assertEqual(self.value("SELECT count(*) FROM plain"), "0")
        # it still has its partition, so it takes it again, and stores each row once
        kit.wait_for(lambda: int(self.value("SELECT count(*) FROM plain")) == 200, timeout=60)
        self.assertEqual(kit.stop(process), 0)
        self.assert_each_once(lines)
        self.assertGreater(int(self.value("SELECT epoch FROM busbar_offsets WHERE writer = 0 AND partition = 0")),
                           int(taken[0][0]))


class Demo(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory(prefix="busbar-demo-test-")
        self.addCleanup(temporary.cleanup)
        self.folder = temporary.name

    def start(self, *arguments):
        os.chmod(self.folder, 0o755)  # the server's user has to get to its own folder in it
        return subprocess.Popen([kit.BUSBAR, "demo", "--out", os.path.join(self.folder, "out"), *arguments], stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, env=kit.environment(TMPDIR=self.folder), start_new_session=True)

    def test_rows_are_shown_and_nothing_is_left(self):
        output, log = self.start("--with", "postgresql", "--events", "500", "--rate", "0").communicate(timeout=120)
        self.assertIn(b"It balances.", output, log.decode())
        shown = output.split(b"as psql sees it:")[1].decode()
        for table in ("customer_events", "editorial_articles", "ml_model_predictions"):
            rows = re.search(rf"{table} +\| +(\d+)", shown)
            self.assertGreater(int(rows.group(1)), 40, shown)
        self.assertRegex(shown, r"[0-9a-f]{8}-[0-9a-f-]{27} \| [a-z_]+ +\| 20")
        self.assertEqual(left_of_demo(self.folder), [])

    def test_an_interrupt_leaves_nothing(self):
        process = self.start("--with", "postgresql", "--events", "100000", "--rate", "500")
        try:
            kit.wait_for(lambda: any(name.startswith("busbar-demo-pg-") and os.path.exists(os.path.join(self.folder, name, "log"))
                                     for name in os.listdir(self.folder)), timeout=60)
            kit.wait_for(lambda: os.path.isdir(os.path.join(self.folder, "out", "events")), timeout=60)
            os.killpg(process.pid, signal.SIGINT)
            process.communicate(timeout=60)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.communicate()
        self.assertEqual(left_of_demo(self.folder), [])

    def test_a_store_that_it_cannot_start(self):
        _, log = self.start("--with", "oracle").communicate(timeout=30)
        self.assertIn(b"the demo can start `postgresql`, `clickhouse` or `s3` by itself", log)


class Fanout(Case):
    def test_each_handler_keeps_its_own_progress(self):
        """One of two handlers cannot store; the other goes on from where it is after a kill, and neither stores a row twice."""
        plain = self.plain_table()
        self.sql("CREATE TABLE other AS SELECT * FROM plain")
        text = f"{plain}\n  second:\n    plugin: postgresql\n    connection: {{ host: 127.0.0.1, port: {server.port}, user: admin, " \
               f"dbname: {self.database}, password: \"${{file:{server.folder}/password}}\" }}\n    " + plain.replace("plain", "other")
        self.configure(consume="flush_interval: 50ms, commit_interval: 100ms, retry: { initial: 20ms, max: 200ms }", handler=text,
                       domains="  customer: { plugin: ownlens_customer, events: { user_event: { handlers: [pg, second] } } }")
        lines = unique(kit.generated(EVENT, 3000))
        self.send(TOPIC, lines[:500], user_key)
        process = self.start()
        kit.wait_for(lambda: self.value("SELECT count(*) FROM other") == "500", timeout=60)
        session = server.session(self.database)
        self.addCleanup(lambda: (session.kill(), session.wait(), session.stdin.close(), session.stdout.close()))
        session.stdin.write("BEGIN;\nUPDATE busbar_offsets SET changed = now() WHERE handler = 'second' AND writer = 0;\n\\echo held\n")
        session.stdin.flush()
        kit.wait_for(lambda: session.stdout.readline().strip() == "held", timeout=10)
        self.send(TOPIC, lines[500:1500], user_key)
        kit.wait_for(lambda: int(self.value("SELECT count(*) FROM plain")) > 500, timeout=60)
        self.kill(process)
        self.assertEqual(self.value("SELECT count(*) FROM other"), "500")
        session.stdin.write("ROLLBACK;\n\\echo gone\n")
        session.stdin.flush()
        self.assertEqual(session.stdout.readline().strip(), "gone")
        self.send(TOPIC, lines[1500:], user_key)
        summary = self.run_once()
        self.assertGreaterEqual(summary["handled"], 2500, "the slowest decides what is read again")
        self.assertIn("had been stored before", self.log)
        for table in ("plain", "other"):
            self.assert_each_once(lines, table)

    def test_a_flush_that_fails_is_repeated_for_its_handler_alone(self):
        plain = self.plain_table()
        self.sql(f"CREATE TABLE other AS SELECT * FROM plain; ALTER TABLE other ADD CHECK (event_id <> "
                 f"'{uuid.UUID(int=(1 << 96) + 7, version=4)}')")
        text = f"{plain}\n  second:\n    plugin: postgresql\n    connection: {{ host: 127.0.0.1, port: {server.port}, user: admin, " \
               f"dbname: {self.database}, password: \"${{file:{server.folder}/password}}\" }}\n    " + plain.replace("plain", "other") + \
               f"\n  archive: {{ plugin: jsonl, path: {self.folder}/archive.jsonl }}"
        self.configure(consume="flush_interval: 50ms, batch_records: 100, retry: { initial: 20ms, max: 200ms }", handler=text,
                       domains="  customer: { plugin: ownlens_customer, events: { user_event: { handlers: [pg, archive, second] } } }")
        lines = unique(kit.generated(EVENT, 1000))
        self.send(TOPIC, lines)
        summary = self.run_once()
        self.assertEqual((summary["handled"], summary["dead_lettered"]), (999, 1))
        self.assertEqual([letter["value"] for letter in self.letters()], [lines[7]])
        self.assertNotIn("had been stored before", self.log)
        self.assert_each_once(lines, "plain")
        self.assert_each_once(lines[:7] + lines[8:], "other")
        with open(os.path.join(self.folder, "archive.jsonl"), "rb") as file:
            self.assertEqual(len(file.readlines()), 1000, "a handler that has not failed saw an event twice")


class Tables(Case):
    def test_upsert_keeps_the_last(self):
        self.storage("apply", "editorial.article")
        line = json.loads(kit.generated("editorial.article", 1)[0])
        versions = [json.dumps({**line, "title": f"version {n}"}).encode() for n in range(40)]
        topic = "editorial-articles-test"
        self.make_topics(1, "--set", f"domains.editorial.events.article.topic={topic}")
        self.send(topic, versions)
        self.run_once("--set", f"domains.editorial.events.article.topic={topic}", only="editorial.article")
        self.assertEqual([row["title"] for row in self.rows("editorial_articles")], ["version 39"])

    def test_plan_apply_and_drift(self):
        shown = self.storage("plan", expect=1)
        self.assertEqual(self.value("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"), "0")
        self.assertIn("missing  table      customer_events ", shown)
        self.storage("apply")
        self.storage("plan")
        self.assertEqual(self.storage("apply").count("made"), 0)
        month = datetime.datetime.now(datetime.timezone.utc).strftime("%Y_%m")
        self.assertEqual(self.value(f"SELECT count(*) FROM pg_class WHERE relname = 'customer_events_{month}'"), "1")
        self.sql("ALTER TABLE editorial_articles ALTER title TYPE varchar(100), DROP COLUMN headline, ADD COLUMN note text, "
                 "ALTER content_url DROP NOT NULL; DROP INDEX customer_events_user_id_idx; ALTER TABLE customer_sessions DROP "
                 "CONSTRAINT customer_sessions_pkey")
        shown = self.storage("plan", expect=1)
        for line in ("column title has type character varying(100), expected character varying(500)",
                     "column headline is missing, expected character varying(500)", "column note (text) is there and not expected",
                     "column content_url may be null", "missing  index      customer_events_user_id_idx",
                     "the primary key is (), expected (session_id)"):
            self.assertIn(line, shown)
        after = self.storage("apply")
        self.assertIn("made     index      customer_events_user_id_idx", after)
        self.assertEqual(self.value("SELECT count(*) FROM information_schema.columns WHERE table_name = 'editorial_articles' AND "
                                    "column_name IN ('note', 'headline')"), "1")

    def test_statements_can_be_run_by_hand(self):
        statements = self.storage("plan", "--sql", expect=1)
        self.sql(statements)
        self.storage("plan")

    def test_json_handler_and_usage(self):
        objects = [json.loads(line) for line in self.storage("plan", EVENT, "--json", expect=1).splitlines()]
        self.assertEqual({(o["kind"], o["state"]) for o in objects},
                         {("table", "missing"), ("partition", "missing"), ("index", "missing")})
        self.assertIn("PARTITION BY RANGE", objects[0]["statement"])
        for arguments, word in ((("plan", "--handler", "nobody"), "nobody"), (("drop",), "plan, apply"),
                                (("plan", "customer.user_evnt"), "customer.user_event")):
            result = kit.busbar("storage", *arguments, "--config", self.config)
            self.assertEqual(result.returncode, 2, result.stderr)
            self.assertIn(word, result.stderr.decode())

    def test_foreign_keys_only_when_asked(self):
        self.assertNotIn("REFERENCES", self.storage("plan", "--sql", expect=1))
        self.assertIn('REFERENCES "public"."users" ("user_id") ON DELETE cascade',
                      self.storage("plan", "--sql", "--foreign-keys", expect=1))

    def test_a_month_that_the_default_partition_has_rows_of(self):
        self.storage("apply", EVENT)
        month = datetime.datetime.now(datetime.timezone.utc).strftime("%Y_%m")
        self.sql(f"DROP TABLE {TABLE}_{month}")
        self.send(TOPIC, [json.dumps({**json.loads(kit.generated(EVENT, 1)[0]),
                                      "event_date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d")}).encode()])
        self.run_once()
        shown = self.storage("apply", EVENT, expect=1)
        self.assertIn(f"failed   partition  {TABLE}_{month}", shown)
        self.assertEqual(self.value(f"SELECT count(*) FROM {TABLE}_default"), "1")

    def test_a_table_that_is_missing_stops_the_event_type(self):
        self.run_once(expect=4)
        self.assertIn(f"there is no table public.{TABLE}; `busbar storage apply` makes it", self.log)

    def test_secrets_stay_secret(self):
        self.storage("apply", EVENT)
        secret = "hunter-two"
        process = self.start("--set", f"handlers.pg.connection.password={secret}")
        kit.wait_for(lambda: "password authentication failed" in self.log_of(process), timeout=30)
        self.kill(process)
        self.assertNotIn(secret, self.log_of(process))
        shown = kit.busbar("check", "--json", "--config", self.config)
        self.assertNotIn(server.password.encode(), shown.stdout + shown.stderr)
        self.assertNotIn(json.dumps(server.password).encode(), shown.stdout)

    def test_columns_of_choice(self):
        self.sql("CREATE TABLE clicks (id uuid PRIMARY KEY, source text, depth int, happened timestamptz NOT NULL, kind text)")
        self.configure(handler="events: { customer.user_event: { table: clicks, key: [id], columns: { id: event_id, source: "
                               "/metadata/source, depth: /engagement_metrics/scroll_depth, happened: event_timestamp } } }")
        self.storage("apply", EVENT)
        lines = unique(kit.generated(EVENT, 20))
        self.send(TOPIC, lines)
        self.run_once()
        found = {row["id"]: row for row in self.rows("clicks")}
        for line in lines:
            event = json.loads(line)
            row = found[event["event_id"]]
            self.assertEqual((row["source"], row["depth"], row["kind"]),
                             (event.get("metadata", {}).get("source"), event.get("engagement_metrics", {}).get("scroll_depth"),
                              None))

    def test_a_column_that_nothing_fills(self):
        self.sql("CREATE TABLE clicks (event_id uuid PRIMARY KEY, kind text NOT NULL)")
        self.configure(handler="exactly_once: false\n    events: { customer.user_event: { table: clicks, key: [event_id] } }")
        self.run_once(expect=4)
        self.assertIn("column kind of table public.clicks must not be null", self.log)


if __name__ == "__main__":
    unittest.main()
