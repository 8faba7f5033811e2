#!/usr/bin/env python3
"""Runs busbar with the clickhouse handler under load while faults happen around the store, and checks that every row is there once.

  tests/storage/chaos_clickhouse.py --runs 100 --seed 1 [--jobs 2] [--fault NAME] [--log FILE]

The engine is ClickHouse's own (PyPI's chdb), what speaks HTTP is clickhouse_server.py. The table is a MergeTree, where a row stored
twice shows, with the deduplication window that `busbar storage apply` gives it; some events break a constraint."""
import os
import signal
import sys
import time
import uuid

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import chaos  # noqa: E402
import clickhouse  # noqa: E402

TABLE = "customer_events"
ROWS, ANY = f"INSERT INTO .*`{TABLE}`", "INSERT INTO"
HANDLER = """plugin: clickhouse
    url: http://127.0.0.1:{port}
    database: {database}
    password: "${{file:{folder}/password}}"
    takeover_ms: 1500
    timeout_ms: 1500"""
TROUBLE = {"disk_full": ("min_free_disk_bytes_to_perform_insert = 1000000000000000000", "(code 243)"),
           "too_many_parts": ("parts_to_throw_insert = 1, max_avg_part_size_for_too_many_parts = 0", "(code 252)")}


class ClickHouse(chaos.Run):
    script = "chaos_clickhouse.py"
    batches, flushes = (100, 300, 500), (50, 100, 200)
    faults = ("kill_point", "kill_point", "kill_any_time", "kill_before_insert", "kill_after_insert", "kill_request",
              "insert_without_answer", "answer_too_late", "reset", "server_killed", "busy", "too_many_parts", "disk_full", "zombie",
              "zombie_insert")
    held_back = ("answer_too_late", "too_many_parts", "disk_full")  # so that there is something to insert

    @staticmethod
    def open():
        return clickhouse.ClickHouse()

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.database = "c" + uuid.uuid4().hex[:12]
        self.proxy = chaos.Proxy(self.server.port)
        self.closing.append(self.proxy)

    @property
    def table(self):
        return f"{self.database}.{TABLE}"

    def handler(self):
        return HANDLER.format(port=self.proxy.port, database=self.database, folder=self.server.folder)

    def prepare(self):
        self.server.faults()
        self.server.sql(f"CREATE DATABASE {self.database}")
        self.busbar("storage", "apply", chaos.EVENT, "--config", self.write_config("tables.yaml"))
        self.server.sql(f"ALTER TABLE {self.table} ADD CONSTRAINT no_bad_pages CHECK page_url != '{chaos.BAD_PAGE}'")

    def dress(self, event):
        refused = self.dice.random() < 0.002
        if refused:
            event["page_url"] = chaos.BAD_PAGE
        return refused

    def count(self):
        return self.server.value(f"SELECT count() FROM {self.table}")

    def ids(self):
        return {"engine": [row[0] for row in self.server.sql(f"SELECT event_id FROM {self.table}")]}

    def examine(self):
        return ["a batch was beyond the window"] if "may be there twice" in self.log() else []

    def clean(self):
        self.server.sql(f"DROP DATABASE IF EXISTS {self.database} SYNC")

    def send_held(self):
        for at in range(0, len(self.held), 50):
            self.send(self.held[at:at + 50])
            time.sleep(0.25)

    def make(self, **fault):
        """Asks the server for a fault, and waits until it has happened."""
        self.server.faults(fault)
        self.send_held()
        end = time.monotonic() + 10
        while (left := self.server.pending()) and time.monotonic() < end:
            time.sleep(0.02)
        self.server.faults()
        self.met = lambda: not left

    def fault_kill_before_insert(self):
        self.make(match=ROWS, kind="reset", skip=self.dice.randrange(4), group=self.first.pid)

    def fault_kill_after_insert(self):
        """The rows are there, and the worker dies before it hears of it."""
        self.make(match=ROWS, kind="late", skip=self.dice.randrange(4), group=self.first.pid)

    def fault_kill_request(self):
        """Around any insert: of rows, or of what is recorded about them."""
        self.make(match=ANY, kind=self.dice.choice(("reset", "late")), skip=self.dice.randrange(12), group=self.first.pid)

    def fault_insert_without_answer(self):
        self.make(match=ANY, kind="late", times=3)
        if self.dice.random() < 0.5:
            self.kill(self.first)

    def fault_answer_too_late(self):
        """The client gives up, and the rows come all the same."""
        self.make(match=ANY, kind=self.dice.choice(("slow", "late")), seconds=2.5, skip=self.dice.randrange(6))

    def fault_reset(self):
        for _ in range(3):
            self.proxy.reset_all()
            time.sleep(self.dice.random() * 0.2)

    def fault_server_killed(self):
        self.server.kill()
        time.sleep(self.dice.random() * 0.4)
        self.server.start()

    def fault_busy(self):
        self.make(match=ANY, kind="answer", status=503, body="<html>busy</html>", times=self.dice.randint(2, 6))

    def refuse_rows(self, setting, code):
        """By a setting of the table: it is the engine that refuses."""
        self.server.sql(f"ALTER TABLE {self.table} MODIFY SETTING {setting}")
        self.send_held()
        end = time.monotonic() + 5
        while code not in self.log() and time.monotonic() < end:
            time.sleep(0.02)
        time.sleep(0.1 + self.dice.random() * 0.5)
        names = ", ".join(part.split(" = ")[0] for part in setting.split(", "))
        self.server.sql(f"ALTER TABLE {self.table} RESET SETTING {names}")
        self.is_logged(code)

    def fault_too_many_parts(self):
        self.refuse_rows(*TROUBLE["too_many_parts"])

    def fault_disk_full(self):
        self.refuse_rows(*TROUBLE["disk_full"])

    def fault_zombie_insert(self):
        """Rows are on their way when the worker is stopped; they reach the engine when another has its partitions."""
        self.make(match=ROWS, kind="slow", seconds=6)
        os.killpg(self.first.pid, signal.SIGSTOP)
        self.start()
        time.sleep(7)
        os.killpg(self.first.pid, signal.SIGCONT)


if __name__ == "__main__":
    sys.exit(chaos.main(ClickHouse))
