#!/usr/bin/env python3
"""The benchmark of the postgresql handler: from a topic to committed rows, beside COPY by psql of the same rows as CSV into the same
table. Both sides into the table as `busbar storage apply` makes it, with its key, partitions and indexes, emptied in between.

  python3 tests/bench/postgresql.py --events 200000 --rounds 3 [--bootstrap HOST:PORT] [--build FOLDER]

Starts a real Kafka (unless --bootstrap names one) and a PostgreSQL cluster in temporary folders, and ends them. The time of a run of
busbar that finds nothing to read is taken off: it is the group's, not the rows'."""
import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import uuid

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "storage"))
import postgres  # noqa: E402
from postgres import kit  # noqa: E402

EVENT, TABLE = "customer.user_event", "customer_events"
CONFIG = """kafka: {{ bootstrap.servers: "{bootstrap}" }}
domains:
  customer:
    plugin: ownlens_customer
    events: {{ user_event: {{ topic: {topic}, consume: {{ concurrency: {lanes}, group: {group}, batch_records: {batch},
                               in_flight_records: {window} }}, handlers: [pg] }} }}
handlers:
  pg:
    plugin: postgresql
    connection: {{ host: 127.0.0.1, port: {port}, user: admin, dbname: postgres, password: "${{file:{folder}/password}}" }}
"""
WANTED = 0.7


def say(text):
    print(text, file=sys.stderr, flush=True)


class Bench:
    def __init__(self, options, bootstrap, server, folder):
        self.options, self.bootstrap, self.server, self.folder = options, bootstrap, server, folder
        self.busbar = os.path.join(options.build, "bin", "busbar")
        self.topic = f"bench-postgresql-{uuid.uuid4().hex[:8]}"

    def config(self, group):
        path = os.path.join(self.folder, group + ".yaml")
        with open(path, "w") as out:
            out.write(CONFIG.format(bootstrap=self.bootstrap, topic=self.topic, group=group, lanes=self.options.lanes,
                                    batch=self.options.batch, window=self.options.batch * self.options.lanes * 4,
                                    port=self.server.port, folder=self.server.folder))
        return path

    def call(self, *arguments, **more):
        result = subprocess.run([self.busbar, *arguments], capture_output=True, env=kit.environment(), **more)
        if result.returncode != 0:
            raise SystemExit(f"busbar {arguments[0]}: {result.stderr.decode()[-2000:]}")
        return result.stdout

    def prepare(self):
        """Events with an id of their own each, in the topic."""
        config = self.config("prepare")
        self.call("storage", "apply", "--config", config)
        self.call("topics", "apply", "--partitions", "6", "--config", config)
        lines = self.call("generate", EVENT, "-n", str(self.options.events), "--config", config).splitlines()
        for number, line in enumerate(lines):
            event = json.loads(line)
            event["event_id"] = str(uuid.UUID(int=uuid.uuid4().int, version=4))
            lines[number] = json.dumps(event).encode()
        self.call("publish", EVENT, "-", "--config", config, input=b"\n".join(lines) + b"\n")

    def timed_run(self, config):
        begin = time.monotonic()
        self.call("run", "--once", "--only", EVENT, "--config", config)
        return time.monotonic() - begin

    def round(self, number):
        config = self.config(f"{self.topic}-{number}")
        self.server.sql(f"TRUNCATE {TABLE}")
        full = self.timed_run(config)
        rows = int(self.server.value(f"SELECT count(*) FROM {TABLE}"))
        if rows != self.options.events:
            raise SystemExit(f"{rows} rows instead of {self.options.events}")
        idle = self.timed_run(config)
        path = os.path.join(self.folder, "rows.csv")
        self.server.sql(f"\\copy (SELECT * FROM {TABLE}) to '{path}' csv", timeout=1200)
        self.server.sql(f"TRUNCATE {TABLE}")
        begin = time.monotonic()
        self.server.sql(f"\\copy {TABLE} from '{path}' csv", timeout=1200)
        copy = time.monotonic() - begin
        say(f"  round {number}: busbar {full:.2f} s of which {idle:.2f} s without rows, psql {copy:.2f} s")
        return {"busbar": rows / (full - idle), "psql": rows / copy}


def measure(options, bootstrap, folder):
    with postgres.Postgres("shared_buffers = '512MB'") as server:
        bench = Bench(options, bootstrap, server, folder)
        bench.prepare()
        rounds = [bench.round(number) for number in range(options.rounds)]
    return {side: statistics.median(one[side] for one in rounds) for side in ("busbar", "psql")}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=200000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--lanes", type=int, default=2)
    parser.add_argument("--batch", type=int, default=2500, help="largest batch (default 2500)")
    parser.add_argument("--bootstrap", help="a Kafka that is there (default: one of its own)")
    parser.add_argument("--build", default=os.path.join(kit.ROOT, "build-bench"), help="a release build (default build-bench)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="busbar-bench-") as folder, contextlib.ExitStack() as stack:
        bootstrap = options.bootstrap or stack.enter_context(kit.Kafka()).bootstrap
        found = measure(options, bootstrap, folder)
    share = found["busbar"] / found["psql"]
    print(f"topic to committed rows: {found['busbar']:,.0f} events per s; psql COPY of the same rows: {found['psql']:,.0f} rows per s; "
          f"{100 * share:.0f} % (wanted: at least {100 * WANTED:.0f} %); {options.events:,} events, {options.lanes} lanes, medians of "
          f"{options.rounds}")
    return 0 if share >= WANTED else 1


if __name__ == "__main__":
    sys.exit(main())
