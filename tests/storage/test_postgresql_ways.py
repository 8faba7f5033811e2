#!/usr/bin/env python3
"""The two ways that rows take into a table of PostgreSQL: straight, or by the staging table where the server has refused the first or
where it cannot be. What is in the table in the end is the same. The server's log of statements tells which way was taken."""
import json
import os
import re
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import postgres  # noqa: E402
import test_postgresql  # noqa: E402
from storagekit import EVENT, TOPIC, unique, user_key  # noqa: E402
from test_postgresql import kit  # noqa: E402

STRAIGHT, STAGED = "straight", "staged"
COLUMNS = "event_id uuid {}, page_url varchar(1000), event_timestamp timestamptz NOT NULL"
TABLE = "events: {{ customer.user_event: {{ table: {table}, mode: {mode}, key: [{key}] }} }}"


def setUpModule():
    test_postgresql.server = postgres.Postgres("deadlock_timeout = '100ms'")


def tearDownModule():
    test_postgresql.server.close()


class Case(test_postgresql.Case):
    partitions = 2
    consume = "flush_interval: 50ms, batch_records: 100, retry: { initial: 20ms, max: 100ms }"

    def setUp(self):
        super().setUp()
        self.sql(f"ALTER DATABASE {self.database} SET log_statement = 'all'")
        self.log_file = os.path.join(test_postgresql.server.folder, "log")
        self.read_from = os.path.getsize(self.log_file)

    def make(self, mode, columns=COLUMNS.format("PRIMARY KEY"), key="event_id", more="", table="rows"):
        """A table of a few columns and the offsets beside it, and the configuration for it."""
        self.configure(consume=self.consume)
        self.storage("apply", EVENT)
        self.sql(f"CREATE TABLE rows ({columns}); {more}")
        self.configure(consume=self.consume, handler=TABLE.format(table=table, mode=mode, key=key))

    def ways(self):
        """The ways of all batches since it was asked last, in their order."""
        with open(self.log_file) as file:
            file.seek(self.read_from)
            text = file.read()
        self.read_from += len(text.encode())
        return [STRAIGHT if found == '"public"' else STAGED for found in re.findall(r'COPY ("public"|pg_temp)\.', text)]

    def urls(self, table="rows"):
        return dict(self.sql(f"SELECT event_id, page_url FROM {table}"))

    def wait_for_rows(self, count):
        kit.wait_for(lambda: int(self.value("SELECT count(*) FROM rows")) >= count, timeout=60)


def url(name):
    return f"https://{name}.example/"


def with_url(line, name):
    return json.dumps({**json.loads(line), "page_url": url(name)}).encode()


def ids(lines):
    return [json.loads(line)["event_id"] for line in lines]


class Duplicates(Case):
    def send_versions(self):
        """3,000 events of 2,000 keys: a half of the keys come twice, some of them at once and some much later."""
        lines = [with_url(line, "first") for line in unique(kit.generated(EVENT, 2000))]
        again = [with_url(line, "second") for line in lines[:1000]]
        sent = []
        for n in range(0, 1000, 50):
            sent += lines[n:n + 50] + lines[1000 + n:1050 + n]
            sent += [line for pair in zip(again[n:n + 25], again[max(n - 50, 0) + 25:max(n - 50, 0) + 50]) for line in pair]
        self.send(TOPIC, sent)
        return lines, sent

    def check_counts(self, handled, dead_lettered):
        summary = self.run_once()
        self.assertEqual((summary["handled"], summary["dead_lettered"]), (handled, dead_lettered))
        self.assertNotIn(ids(unique(kit.generated(EVENT, 1)))[0], self.log, "a value is in the log")

    def test_insert_keeps_the_first(self):
        self.make("insert")
        lines, sent = self.send_versions()
        self.check_counts(3000, 0)
        found = self.urls()
        self.assertEqual(sorted(found), sorted(ids(lines)))
        self.assertEqual({found[key] for key in ids(lines[1000:])}, {url("first")})
        self.assertEqual(set(self.ways()), {STRAIGHT, STAGED})
        self.send(TOPIC, [with_url(line, "third") for line in sent])
        self.check_counts(3000, 0)
        self.assertEqual(self.urls(), found)
        ways = self.ways()  # 30 batches at least, each in vain where it goes straight
        self.assertGreaterEqual(ways.count(STAGED), 30)
        self.assertLess(ways.count(STRAIGHT), 10)

    def test_upsert_keeps_the_last(self):
        self.make("upsert")
        lines, sent = self.send_versions()
        self.check_counts(3000, 0)
        last = {json.loads(line)["event_id"]: json.loads(line)["page_url"] for line in sent}
        self.assertEqual(self.urls(), last)
        self.send(TOPIC, [with_url(line, str(n)) for n in range(5) for line in lines[:300]])
        self.check_counts(1500, 0)
        last.update((key, url(4)) for key in ids(lines[:300]))
        self.assertEqual(self.urls(), last)
        self.assertIn(STRAIGHT, self.ways())

    def test_append_makes_another_row(self):
        self.make("append", columns=COLUMNS.format(""))
        _, sent = self.send_versions()
        self.check_counts(3000, 0)
        found = sorted(tuple(row) for row in self.sql("SELECT event_id, page_url FROM rows"))
        self.assertEqual(found, sorted((json.loads(line)["event_id"], json.loads(line)["page_url"]) for line in sent))
        self.assertEqual(set(self.ways()), {STRAIGHT})

    def test_append_to_a_table_with_a_key_refuses_it(self):
        self.make("append")
        lines, sent = self.send_versions()
        self.check_counts(2000, 1000)
        self.assertEqual(sorted(self.urls()), sorted(ids(lines)))
        self.assertEqual(len(self.letters()), 1000)
        self.assertEqual(set(self.ways()), {STRAIGHT})

    def test_after_a_conflict_rows_go_straight_again(self):
        self.make("insert")
        lines = unique(kit.generated(EVENT, 60))
        process = self.start()
        ways = []
        for number, line in enumerate(lines):
            self.send(TOPIC, [line, line] if number in (10, 30) else [line])
            self.wait_for_rows(number + 1)
        self.assertEqual(kit.stop(process), 0, self.log_of(process))
        ways = self.ways()
        self.assertEqual(set(ways[:5]), {STRAIGHT})
        self.assertEqual(set(ways[-5:]), {STRAIGHT})
        self.assertIn(STAGED, ways)
        self.assertGreater(ways.count(STRAIGHT), 40)
        self.assertNotIn("SQLSTATE", self.log_of(process), "a flush failed")
        self.assertFalse(self.has_letters())
        self.assertEqual(sorted(self.urls()), sorted(ids(lines)))

    def test_two_lanes_meet_the_same_keys_in_different_orders(self):
        self.consume += ", concurrency: 2, order: partition"
        self.make("insert", columns=COLUMNS.format("") + ", UNIQUE (event_id)")
        lines = unique(kit.generated(EVENT, 3000))
        for number in range(0, 3000, 500):
            part = lines[number:number + 500]
            self.send(TOPIC, part, 0)
            self.send(TOPIC, part[::-1], 1)
        self.check_counts(6000, 0)
        self.assertEqual(sorted(row[0] for row in self.sql("SELECT event_id FROM rows")), sorted(ids(lines)))
        self.assertFalse(self.has_letters())

    def test_a_deadlock_of_rows_that_go_straight(self):
        """The keys are in no order, and another session has the second when it asks for the first."""
        self.make("insert")
        server = test_postgresql.server
        lines = unique(kit.generated(EVENT, 50))[::-1]
        session = server.session(self.database)
        self.addCleanup(lambda: (session.kill(), session.wait(), session.stdin.close(), session.stdout.close()))

        def hold(line):
            session.stdin.write(f"INSERT INTO rows VALUES ('{ids([line])[0]}', 'other', now());\n\\echo held\n")
            session.stdin.flush()

        session.stdin.write("SET deadlock_timeout = '60s';\nBEGIN;\n")
        hold(lines[-1])
        self.assertEqual(session.stdout.readline().strip(), "held")
        self.send(TOPIC, lines)
        process = self.start()
        kit.wait_for(lambda: self.value("SELECT count(*) FROM pg_locks WHERE NOT granted") != "0", timeout=60)
        hold(lines[0])
        self.assertEqual(session.stdout.readline().strip(), "held", "busbar was to be the one that gives way")
        session.stdin.write("COMMIT;\n\\echo gone\n")
        session.stdin.flush()
        self.assertEqual(session.stdout.readline().strip(), "gone")
        self.wait_for_rows(50)
        self.assertEqual(kit.stop(process), 0)
        self.assertIn("40P01", self.log_of(process))
        ways = self.ways()
        self.assertEqual((ways[0], ways[-1]), (STRAIGHT, STAGED))
        self.assertFalse(self.has_letters())
        found = self.urls()
        self.assertEqual(sorted(found), sorted(ids(lines)))
        self.assertEqual([found[ids([line])[0]] for line in (lines[0], lines[-1])], ["other", "other"])


class Tables(Case):
    def store(self, expected, count=200):
        lines = unique(kit.generated(EVENT, count))
        self.send(TOPIC, lines, user_key)
        self.run_once()
        self.assertEqual(sorted(self.urls()), sorted(ids(lines)))
        self.assertEqual(set(self.ways()), {expected})
        self.assertFalse(self.has_letters())

    def test_a_table_with_everything(self):
        """Triggers of all kinds, defaults, a generated column and constraints that wait speak for rows that go straight, too."""
        self.make("insert", columns=COLUMNS.format("PRIMARY KEY") + ", number bigserial, made int GENERATED ALWAYS AS (1 + 1) STORED, "
                  "stamp timestamptz DEFAULT now(), twin varchar(1000), UNIQUE (twin) DEFERRABLE INITIALLY DEFERRED",
                  more="CREATE TABLE seen (what text, id uuid); CREATE FUNCTION dress() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
                       "NEW.twin = coalesce(NEW.page_url, '') || NEW.event_id; IF NEW.page_url LIKE '%twin%' THEN NEW.twin = 'twin'; END IF; "
                       "RETURN NEW; END $$; CREATE TRIGGER dress BEFORE INSERT ON rows FOR EACH ROW EXECUTE FUNCTION dress(); "
                       "CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO seen VALUES (TG_LEVEL, "
                       "CASE TG_LEVEL WHEN 'ROW' THEN NEW.event_id END); RETURN NULL; END $$; CREATE TRIGGER see AFTER INSERT ON "
                       "rows FOR EACH ROW EXECUTE FUNCTION see(); CREATE TRIGGER see_all AFTER INSERT ON rows FOR EACH STATEMENT "
                       "EXECUTE FUNCTION see()")
        lines = unique(kit.generated(EVENT, 300))
        self.send(TOPIC, lines)
        self.run_once()
        self.assertEqual(set(self.ways()), {STRAIGHT})
        more = unique(kit.generated(EVENT, 500))[300:]
        more[20], more[120] = with_url(more[20], "twin"), with_url(more[120], "twin")
        self.send(TOPIC, more)
        summary = self.run_once()
        self.assertEqual((summary["handled"], summary["dead_lettered"]), (199, 1))
        self.assertIn(self.letters()[0]["value"], (more[20], more[120]))
        stored = sorted(set(ids(lines + more)) - set(ids([self.letters()[0]["value"]])))
        self.assertEqual(sorted(self.urls()), stored)
        self.assertEqual(sorted(row[0] for row in self.sql("SELECT id FROM seen WHERE what = 'ROW'")), stored)
        self.assertEqual(self.sql("SELECT count(DISTINCT number) = 499, min(made), max(made), count(stamp) FROM rows"),
                         [["t", "2", "2", "499"]])

    def test_months(self):
        self.storage("apply", EVENT)
        lines = unique(kit.generated(EVENT, 300))
        for n, day in enumerate(("1999-12-31", "2000-01-01", "2000-02-01", "2000-01-31")):
            lines[n::10] = [json.dumps({**json.loads(line), "event_date": day}).encode() for line in lines[n::10]]
        self.sql("CREATE TABLE turn PARTITION OF customer_events FOR VALUES FROM ('2000-01-01') TO ('2000-02-01')")
        self.send(TOPIC, lines + lines[:100])
        self.assertEqual(self.run_once()["handled"], 400)
        self.assert_each_once(lines, "customer_events")
        self.assertEqual(self.value("SELECT count(*) FROM turn"), "60")
        self.assertIn(STRAIGHT, self.ways())

    def test_rules(self):
        self.make("insert", more="CREATE RULE keep AS ON DELETE TO rows DO INSTEAD NOTHING")
        self.store(STAGED)

    def test_a_view(self):
        self.make("insert", table="seen", more="CREATE VIEW seen AS SELECT * FROM rows")
        self.store(STAGED)

    def test_a_view_without_a_key(self):
        self.make("append", key="", table="seen", more="CREATE VIEW seen AS SELECT * FROM rows")
        self.store(STAGED)

    def test_a_column_that_the_server_reads(self):
        self.make("insert", columns=COLUMNS.format("PRIMARY KEY").replace("varchar(1000)", "name"))
        lines = [with_url(line, "short") for line in unique(kit.generated(EVENT, 20))]
        self.send(TOPIC, lines)
        self.run_once()
        self.assertEqual(self.urls(), {key: url("short") for key in ids(lines)})
        self.assertEqual(set(self.ways()), {STAGED})

    def test_upsert_where_its_update_would_show(self):
        """The trigger of UPDATE statements is one of INSERT ... DO UPDATE, and not of COPY."""
        self.make("upsert", more="CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$; CREATE "
                                 "TRIGGER each AFTER UPDATE ON rows FOR EACH STATEMENT EXECUTE FUNCTION nothing()")
        self.store(STAGED)

    def test_upsert_by_a_key_that_may_be_null(self):
        self.make("upsert", columns=COLUMNS.format("") + ", UNIQUE (event_id, page_url)", key="event_id, page_url")
        self.store(STAGED)

    def refused(self, *words):
        """Nothing may be stored, and the log is to say why."""
        self.send(TOPIC, unique(kit.generated(EVENT, 20)))
        process = self.start()
        kit.wait_for(lambda: all(word in self.log_of(process) for word in words), timeout=60)
        self.kill(process)
        self.assertEqual(self.value("SELECT count(*) FROM rows"), "0")
        self.assertNotIn(STRAIGHT, self.ways())

    def test_a_key_without_a_constraint(self):
        self.make("insert", columns=COLUMNS.format(""))
        self.refused("42P10")

    def test_a_key_whose_constraint_is_of_a_part(self):
        self.make("insert", columns=COLUMNS.format(""), more="CREATE UNIQUE INDEX ON rows (event_id) WHERE page_url IS NOT NULL")
        self.refused("42P10")

    def test_a_key_whose_constraint_waits(self):
        self.make("insert", columns=COLUMNS.format("PRIMARY KEY DEFERRABLE"))
        self.refused("55000")

    def as_role(self, grants, mode="insert", more=""):
        """The handler as somebody who does not own the table."""
        role = "r" + self.database
        self.make(mode, more=f"CREATE ROLE {role} LOGIN PASSWORD 'plain'; GRANT ALL ON busbar_offsets TO {role}; "
                             f"GRANT {grants} ON rows TO {role}; {more.format(role=role)}")
        self.addCleanup(lambda: self.sql(f"DROP OWNED BY {role}; DROP ROLE {role}"))
        with open(self.config) as file:
            text = file.read()
        with open(self.config, "w") as file:
            file.write(re.sub(r'password: "[^"]*"', "password: plain", text.replace("user: admin", f"user: {role}")))

    def test_a_key_that_is_dropped_later(self):
        self.make("insert")
        lines = unique(kit.generated(EVENT, 100))
        process = self.start()
        self.send(TOPIC, lines[:50])
        self.wait_for_rows(50)
        self.sql("ALTER TABLE rows DROP CONSTRAINT rows_pkey")
        self.send(TOPIC, lines)
        kit.wait_for(lambda: "42P10" in self.log_of(process), timeout=60)
        self.assertEqual(self.value("SELECT count(*) FROM rows"), "50")
        self.sql("ALTER TABLE rows ADD PRIMARY KEY (event_id)")
        self.wait_for_rows(100)
        self.assertEqual(kit.stop(process), 0, self.log_of(process))
        self.assertEqual(sorted(self.urls()), sorted(ids(lines)))

    def test_rights(self):
        self.as_role("INSERT, SELECT")
        self.store(STRAIGHT)

    def test_rights_that_the_staging_table_would_need(self):
        self.as_role("INSERT, SELECT", mode="upsert")
        self.refused("42501")

    def test_row_level_security(self):
        self.as_role("INSERT, SELECT", more="ALTER TABLE rows ENABLE ROW LEVEL SECURITY; CREATE POLICY all_rows ON rows USING (true)")
        self.store(STAGED)

    def test_row_level_security_that_comes_later(self):
        self.as_role("INSERT, SELECT")
        lines = unique(kit.generated(EVENT, 400))
        process = self.start()
        self.send(TOPIC, lines[:200])
        self.wait_for_rows(200)
        self.sql("ALTER TABLE rows ENABLE ROW LEVEL SECURITY; CREATE POLICY all_rows ON rows USING (true)")
        self.send(TOPIC, lines[200:])
        self.wait_for_rows(400)
        self.assertEqual(kit.stop(process), 0, self.log_of(process))
        self.assertEqual(sorted(self.urls()), sorted(ids(lines)))
        ways = self.ways()
        self.assertEqual((ways[0], ways[-1]), (STRAIGHT, STAGED))


if __name__ == "__main__":
    unittest.main()
