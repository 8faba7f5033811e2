#!/usr/bin/env python3
"""Runs busbar with the s3 handler and a Delta table under load while faults happen around it, and checks that every row is there once.

  tests/storage/chaos_s3.py --runs 100 --seed 1 [--jobs 2] [--fault NAME] [--log FILE]

The server is versitygw, a proxy before it makes what it does not make on demand. In the end deltalake, duckdb and pyarrow read the table,
each in its own way, and its log is checked: commits in a row, files there with their sizes and rows, checkpoints that say the same."""
import json
import os
import signal
import sys
import threading
import time
import uuid

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import chaos  # noqa: E402
import lake  # noqa: E402

HANDLER = """plugin: s3
    endpoint: {endpoint}
    bucket: {bucket}
    access_key: {access}
    secret_key: "{secret}"
    path: {path}
    format: delta
    takeover_ms: 1500
    checkpoint_every: {every}
    {more}"""
MULTIPART = "compression: none\n    partition: null\n    part_bytes: 5242880"


def step_of(method, path):
    """What a request that writes is about; None: it does not write, or only tries out whether the server knows conditions."""
    if method not in ("PUT", "POST") or "_probe" in path:
        return None
    if path.endswith("uploads="):
        return "create"
    if "partNumber=" in path:
        return "part"
    if method == "POST":
        return "complete"
    return ("checkpoint" if "checkpoint" in path else "commit") if "_delta_log/" in path else "file"


class S3(chaos.Run):
    script = "chaos_s3.py"
    orders = ("partition",)
    batches, flushes = (20, 100, 500), (50, 150, 300)
    faults = ("kill_point", "kill_point", "kill_any_time", "kill_before_put", "kill_after_put", "kill_commit", "answers_lost", "multipart",
              "reset", "server_killed", "slow_down", "race", "race_kill", "zombie", "zombie_put")

    @staticmethod
    def open():
        lake.readers()
        return lake.Gateway()

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.under = "c" + uuid.uuid4().hex[:12]
        self.every = self.dice.choice((1, 3, 10))
        self.proxy = lake.Faults(self.server.port)
        self.closing.append(self.proxy)
        self.more, self.padding = "", 0
        self.groups = 2 if self.fault.startswith("race") else 1
        if self.fault == "multipart":
            # long texts that Kafka packs and Parquet does not: the embedded broker keeps 5 MB of a partition
            self.more, self.padding, self.kcat = MULTIPART, 9000, ("-z", "gzip", "-p", "0")

    def settings(self):
        if self.fault == "multipart":
            return "order: partition, flush_interval: 4s, in_flight_bytes: 256MiB, in_flight_records: 100000"
        return super().settings()

    def handler(self):
        return HANDLER.format(endpoint=self.proxy.endpoint, bucket=lake.BUCKET, access=lake.ACCESS, secret=lake.SECRET, path=self.under,
                              every=self.every, more=self.more)

    def dress(self, event):
        if self.padding:
            event["metadata"] = {"text": event["event_id"] + "x" * self.padding}
        return False

    @property
    def root(self):
        return self.server.path(self.under)

    def count(self):
        """By what the commits say of their files."""
        log, rows = os.path.join(self.root, "_delta_log"), 0
        for name in os.listdir(log):
            if name.endswith(".json"):
                with open(os.path.join(log, name)) as file:
                    rows += sum(json.loads(action["add"]["stats"])["numRecords"] for action in map(json.loads, file) if "add" in action)
        return rows

    def ids(self):
        import deltalake
        import duckdb
        import pyarrow.parquet
        table = deltalake.DeltaTable(self.root)
        ids = table.to_pyarrow_table(columns=["event_id"])
        files = [os.path.join(self.root, path) for path in lake.DeltaLog(self.root).files]
        return {"deltalake": ids["event_id"].to_pylist(),
                "duckdb": [row[0] for row in duckdb.connect().execute(
                    "SELECT event_id FROM read_parquet(?, hive_partitioning = false)", [files]).fetchall()],
                "pyarrow": [event for path in files
                            for event in pyarrow.parquet.ParquetFile(path).read(columns=["event_id"])["event_id"].to_pylist()]}

    def examine(self):
        log = lake.DeltaLog(self.root)
        wanted = len(self.valid) * self.groups
        return log.wrong + ([f"the log counts {log.rows} rows, {wanted} are right"] if log.rows != wanted else [])

    def clean(self):
        self.server.clear(self.under)

    def decide(self, what, seconds=8.0, until=1):
        """`what(step)` decides about requests that write, until `until` of them were decided about, or `seconds` have passed."""
        hits, enough = [], threading.Event()

        def choose(method, path, _):
            step = step_of(method, path)
            found = what(step) if step and not enough.is_set() else None
            if found:
                hits.append(step)
                if len(hits) >= until:
                    enough.set()
            return found
        self.proxy.decide = choose
        enough.wait(seconds)
        self.proxy.decide = lambda *_: None
        self.detail = " ".join(sorted(set(hits)))
        self.met = lambda: bool(hits)

    def kill_at(self, step, after):
        """Kills the worker at a request: before the server has it, or when it is done and not answered."""
        skip = [self.dice.randrange(3)]
        victim = self.first
        self.proxy.killed = lambda: os.killpg(victim.pid, signal.SIGKILL)

        def what(found):
            if step not in (None, found):
                return None
            if skip[0] > 0:
                skip[0] -= 1
                return None
            if after:
                return "lost-and-killed"
            self.proxy.killed()
            return "reset"
        self.decide(what)

    def fault_kill_before_put(self):
        self.kill_at(self.dice.choice((None, "file", "checkpoint")), False)

    def fault_kill_after_put(self):
        self.kill_at(self.dice.choice((None, "file", "checkpoint")), True)

    def fault_kill_commit(self):
        self.kill_at("commit", self.dice.random() < 0.6)

    def fault_answers_lost(self):
        """Done, and the answer does not come: at several requests in a row, those that are sent again among them."""
        self.decide(lambda step: "lost" if self.dice.random() < 0.6 else None, until=self.dice.randint(2, 8))

    def arm_multipart(self):
        """At the first two of each step: create, part, complete."""
        seen = []

        def choose(method, path, _):
            step = step_of(method, path)
            if step in ("create", "part", "complete") and seen.count(step) < 2:
                seen.append(step)
                return "lost"
            return None
        self.proxy.decide = choose
        self.met = lambda: set(seen) == {"create", "part", "complete"}

    def fault_multipart(self):
        pass

    def fault_reset(self):
        self.decide(lambda step: "reset" if self.dice.random() < 0.5 else None, seconds=0.8, until=50)

    def fault_slow_down(self):
        self.decide(lambda step: 503 if self.dice.random() < 0.7 else None, seconds=0.8, until=50)

    def fault_server_killed(self):
        self.server.stop()
        time.sleep(self.dice.random() * 0.4)
        self.server.start()

    def lost_races(self):
        """Commits whose number another had taken."""
        commits = [path for method, path in self.proxy.seen if step_of(method, path) == "commit"]
        return len(commits) - len(set(commits))

    def fault_race(self):
        """Two groups fill the table at the same time."""
        self.met = lambda: self.lost_races() > 0

    def fault_race_kill(self):
        self.kill_at("commit", self.dice.random() < 0.6)
        killed = self.met
        self.met = lambda: killed() and self.lost_races() > 0

    def fault_zombie_put(self):
        """A commit is on its way when its worker is stopped; it reaches the server when another has the partitions."""
        held, go = threading.Event(), threading.Event()

        def choose(method, path, _):
            if step_of(method, path) == "commit" and not held.is_set():
                held.set()
                go.wait(20)
            return None
        self.proxy.decide = choose
        self.met = held.is_set
        held.wait(8)
        os.killpg(self.first.pid, signal.SIGSTOP)
        self.start()
        time.sleep(6)
        go.set()
        time.sleep(0.5)
        os.killpg(self.first.pid, signal.SIGCONT)


if __name__ == "__main__":
    sys.exit(chaos.main(S3))
