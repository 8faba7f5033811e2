#!/usr/bin/env python3
"""Runs busbar with the postgresql handler under load while faults happen around the store, and checks that every row is there once.

  tests/storage/chaos_postgresql.py --runs 100 --seed 1 [--jobs 2] [--fault NAME] [--log FILE]

A database of its own for each run, and a table without a key, so that a row stored twice shows; some events break a constraint. With an
even seed the rows have the staging table to go round by, as those of a table with a key."""
import os
import sys
import time
import uuid

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import chaos  # noqa: E402
import postgres  # noqa: E402

TABLE = "events: {{ customer.user_event: {{ table: plain, mode: {}, key: [] }} }}"
HANDLER = """plugin: postgresql
    connection: {{ host: 127.0.0.1, port: {port}, user: admin, dbname: {database}, password: "${{file:{folder}/password}}" }}
    takeover_ms: 1500
    lock_timeout_ms: 4000
    {table}"""
SCHEMA = """CREATE TABLE plain AS SELECT * FROM customer_events WITH NO DATA;
ALTER TABLE plain ADD CONSTRAINT no_bad_pages CHECK (page_url <> '%s');
CREATE TABLE trouble (state text);
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  IF EXISTS (SELECT 1 FROM trouble) THEN RAISE EXCEPTION 'no space left on device' USING ERRCODE = '53100'; END IF; RETURN NULL; END $$;
CREATE TRIGGER refuse BEFORE INSERT ON plain FOR EACH STATEMENT EXECUTE FUNCTION refuse()""" % chaos.BAD_PAGE


class PostgreSQL(chaos.Run):
    script = "chaos_postgresql.py"
    faults = ("kill_point", "kill_point", "kill_any_time", "commit_without_answer", "commit_without_answer", "reset", "server_restart",
              "server_killed", "backends_ended", "deadlock", "disk_full", "zombie")
    held_back = ("deadlock",)

    @staticmethod
    def open():
        return postgres.Postgres("deadlock_timeout = '100ms'\nmax_connections = 60")

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.database = "c" + uuid.uuid4().hex[:12]
        self.proxy = chaos.Proxy(self.server.port)
        self.closing.append(self.proxy)

    def sql(self, text):
        return self.server.sql(text, self.database)

    def handler(self, table=None):
        table = TABLE.format("append" if self.seed % 2 else "insert") if table is None else table
        return HANDLER.format(port=self.proxy.port, database=self.database, folder=self.server.folder, table=table)

    def prepare(self):
        self.server.sql(f"CREATE DATABASE {self.database}")
        self.busbar("storage", "apply", chaos.EVENT, "--config", self.write_config("tables.yaml", handler=self.handler("")))
        self.sql(SCHEMA)

    def dress(self, event):
        refused = self.dice.random() < 0.004
        if refused:
            event["page_url"] = chaos.BAD_PAGE
        return refused

    def count(self):
        return int(self.server.value("SELECT count(*) FROM plain", self.database))

    def ids(self):
        return {"psql": [row[0] for row in self.sql("SELECT event_id FROM plain")]}

    def examine(self):
        left = self.server.value("SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE datname = current_database() AND "
                                 "backend_type = 'client backend' AND pid <> pg_backend_pid()", self.database)
        return [] if left == "0" else [f"{left} locks are left"]

    def clean(self):
        self.server.sql(f"DROP DATABASE IF EXISTS {self.database} WITH (FORCE)")

    def fault_commit_without_answer(self):
        self.proxy.armed = b"COMMIT\0"
        seen = self.proxy.done.wait(8)
        self.met = lambda: seen
        if self.dice.random() < 0.5:
            self.kill(self.first)

    def fault_reset(self):
        for _ in range(3):
            self.proxy.reset_all()
            time.sleep(self.dice.random() * 0.2)

    def stop_server(self, mode):
        self.server.stop(mode)
        time.sleep(self.dice.random() * 0.4)
        self.server.start()

    def fault_server_restart(self):
        self.stop_server("fast")

    def fault_server_killed(self):
        self.stop_server("immediate")

    def fault_backends_ended(self):
        for _ in range(4):
            self.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'busbar%' AND "
                     "datname = current_database()")
            time.sleep(self.dice.random() * 0.15)

    def fault_disk_full(self):
        self.sql("INSERT INTO trouble VALUES ('full')")
        time.sleep(0.3 + self.dice.random() * 0.5)
        self.sql("DELETE FROM trouble")
        self.is_logged("53100")

    def fault_deadlock(self):
        """The fence first and the table then, against a lane that has rows in the table and comes to the fence."""
        session = self.server.session(self.database)
        try:
            session.stdin.write("BEGIN;\nUPDATE busbar_offsets SET changed = now() WHERE writer = 0;\n\\echo held\n")
            session.stdin.flush()
            session.stdout.readline()
            self.send(self.held)
            time.sleep(0.5)
            output, _ = session.communicate("LOCK TABLE plain IN SHARE MODE;\nCOMMIT;\n", timeout=30)
            gave_way = "deadlock" in output
            self.met = lambda: gave_way or "40P01" in self.log()
        finally:
            if session.poll() is None:
                session.kill()
                session.wait()


if __name__ == "__main__":
    sys.exit(chaos.main(PostgreSQL))
