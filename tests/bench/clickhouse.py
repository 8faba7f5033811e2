#!/usr/bin/env python3
"""The benchmark of the clickhouse handler: from a topic to rows, beside inserts of the same rows by the engine's own formats into the
same table through the same server. Both sides into the table as `busbar storage apply` makes it, emptied in between.

  python3 tests/bench/clickhouse.py --events 200000 --rounds 3 [--bootstrap HOST:PORT] [--build FOLDER]

Starts a real Kafka (unless --bootstrap names one) and the engine of ClickHouse (PyPI's chdb behind tests/storage/clickhouse_server.py), and
ends them. Merges of the table are stopped, for both sides: they come later, and would be counted of the slower side alone. The time of a
run of busbar that finds nothing to read is taken off: it is the group's, not the rows'. The other side sends files of as many rows as a
batch of busbar had, made beforehand, one after the other; of the formats the fastest counts."""
import argparse
import contextlib
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import uuid

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "storage"))
import clickhouse  # noqa: E402
from clickhouse import kit  # noqa: E402

EVENT, TABLE = "customer.user_event", "bench.customer_events"
FORMATS = ("Native", "RowBinary", "Parquet", "JSONEachRow")
CONFIG = """kafka: {{ bootstrap.servers: "{bootstrap}" }}
domains:
  customer:
    plugin: ownlens_customer
    events: {{ user_event: {{ topic: {topic}, consume: {{ concurrency: {lanes}, group: {group}, batch_records: {batch},
                               in_flight_records: {window}, in_flight_bytes: 256MiB,
                               flush_interval: 2s, order: partition }}, handlers: [ch] }} }}
handlers:
  ch:
    plugin: clickhouse
    url: {url}
    database: bench
    password: "${{file:{folder}/password}}"
"""
WANTED = 1.5


def say(text):
    print(text, file=sys.stderr, flush=True)


class Bench:
    def __init__(self, options, bootstrap, server, folder):
        self.options, self.bootstrap, self.server, self.folder = options, bootstrap, server, folder
        self.busbar = os.path.join(options.build, "bin", "busbar")
        self.topic = f"bench-clickhouse-{uuid.uuid4().hex[:8]}"

    def config(self, group):
        path = os.path.join(self.folder, group + ".yaml")
        with open(path, "w") as out:
            out.write(CONFIG.format(bootstrap=self.bootstrap, topic=self.topic, group=group, lanes=self.options.lanes,
                                    batch=self.options.batch, window=self.options.window, url=self.server.url,
                                    folder=self.server.folder))
        return path

    def call(self, *arguments, **more):
        result = subprocess.run([self.busbar, *arguments], capture_output=True, env=kit.environment(), **more)
        if result.returncode != 0:
            raise SystemExit(f"busbar {arguments[0]}: {result.stderr.decode()[-2000:]}")
        return result.stdout

    def prepare(self):
        """Events with an id of their own each, in the topic."""
        config = self.config("prepare")
        self.server.sql("CREATE DATABASE bench")
        self.call("storage", "apply", "--config", config)
        self.server.sql(f"SYSTEM STOP MERGES {TABLE}")
        self.call("topics", "apply", "--partitions", str(self.options.partitions), "--config", config)
        lines = self.call("generate", EVENT, "-n", str(self.options.events), "--config", config).splitlines()
        for number, line in enumerate(lines):
            event = json.loads(line)
            event["event_id"] = str(uuid.UUID(int=uuid.uuid4().int, version=4))
            lines[number] = json.dumps(event).encode()
        self.call("publish", EVENT, "-", "--config", config, input=b"\n".join(lines) + b"\n")

    def server_cpu(self):
        with open(f"/proc/{self.server.process.pid}/stat") as file:
            fields = file.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def timed_run(self, config):
        """Seconds, and CPU seconds of busbar and of the server."""
        usage, server, begin = resource.getrusage(resource.RUSAGE_CHILDREN), self.server_cpu(), time.monotonic()
        self.call("run", "--once", "--only", EVENT, "--config", config)
        seconds, after = time.monotonic() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
        return seconds, after.ru_utime + after.ru_stime - usage.ru_utime - usage.ru_stime, self.server_cpu() - server

    def dump(self, rows_per_file):
        """The rows as files of each format, without the column that the table makes itself."""
        names = ", ".join(row[0] for row in self.server.sql(
            "SELECT name FROM system.columns WHERE database = 'bench' AND table = 'customer_events' AND default_kind != 'MATERIALIZED'"))
        self.server.sql(f"CREATE TABLE bench.copy ENGINE = MergeTree ORDER BY tuple() AS SELECT {names} FROM {TABLE}")
        files = {name: [] for name in FORMATS}
        for name in FORMATS:
            for begin in range(0, self.options.events, rows_per_file):
                path = os.path.join(self.folder, f"{name}-{begin}")
                with open(path, "wb") as out:
                    out.write(self.server.post("/", f"SELECT * FROM bench.copy LIMIT {begin}, {rows_per_file} FORMAT {name}".encode()))
                files[name].append(path)
        self.server.sql("DROP TABLE bench.copy")
        return names, files

    def insert(self, names, files, form):
        self.server.sql(f"TRUNCATE TABLE {TABLE}")
        cpu, begin = self.server_cpu(), time.monotonic()
        for path in files:
            with open(path, "rb") as data:
                body = data.read()
            query = f"INSERT INTO {TABLE} ({names}) FORMAT {form}"
            self.server.post("/?async_insert=0&query=" + query.replace(" ", "%20"), body)
        seconds = time.monotonic() - begin
        if self.server.value(f"SELECT count() FROM {TABLE}") != self.options.events:
            raise SystemExit(f"{form}: rows are missing")
        return seconds, self.server_cpu() - cpu

    def round(self, number):
        config = self.config(f"{self.topic}-{number}")
        self.server.sql(f"TRUNCATE TABLE {TABLE}")
        before = self.server.faults()["inserts"]
        full, own, at_server = self.timed_run(config)
        rows = self.server.value(f"SELECT count() FROM {TABLE}")
        if rows != self.options.events:
            raise SystemExit(f"{rows} rows instead of {self.options.events}")
        # of the inserts of a flush of one partition one is the batch, two are its records
        batches = max(1, (self.server.faults()["inserts"] - before) // 3)
        idle, idle_own, idle_server = self.timed_run(config)
        own, at_server = own - idle_own, at_server - idle_server
        names, files = self.dump(max(1, rows // batches))
        others = {form: self.insert(names, files[form], form) for form in FORMATS}
        say(f"  round {number}: busbar {full:.2f} s of which {idle:.2f} s without rows, CPU {own:.2f} s and {at_server:.2f} s "
            f"of the server, {batches} batches; " +
            ", ".join(f"{form} {seconds:.2f} s, CPU {cpu:.2f} s" for form, (seconds, cpu) in others.items()))
        return {"busbar": full - idle, "own": own, "server": at_server,
                **{form: seconds for form, (seconds, _) in others.items()},
                **{form + " CPU": cpu for form, (_, cpu) in others.items()}}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=200000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--lanes", type=int, default=2)
    parser.add_argument("--partitions", type=int, default=2)
    parser.add_argument("--batch", type=int, default=2500, help="largest batch handed over (default 2500)")
    parser.add_argument("--window", type=int, default=100000, help="in_flight_records; half of it is flushed at once (default 100000)")
    parser.add_argument("--bootstrap", help="a Kafka that is there (default: one of its own)")
    parser.add_argument("--build", default=os.path.join(kit.ROOT, "build-bench"), help="a release build (default build-bench)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="busbar-bench-") as folder, contextlib.ExitStack() as stack:
        bootstrap = options.bootstrap or stack.enter_context(kit.Kafka()).bootstrap
        server = stack.enter_context(clickhouse.ClickHouse())
        bench = Bench(options, bootstrap, server, folder)
        bench.prepare()
        rounds = [bench.round(number) for number in range(options.rounds)]
    found = {side: statistics.median(one[side] for one in rounds) for side in rounds[0]}
    best = min(FORMATS, key=lambda form: found[form])
    ratio = found["busbar"] / found[best]
    print(f"topic to rows: {options.events / found['busbar']:,.0f} events per s; the engine's {best}: {options.events / found[best]:,.0f} rows "
          f"per s; {ratio:.2f} times its time (wanted: at most {WANTED}); {options.events:,} events, {options.lanes} lanes, medians of "
          f"{options.rounds}")
    print(f"CPU seconds: busbar {found['own']:.2f}, the server {found['server']:.2f}; the engine's {best} {found[best + ' CPU']:.2f}")
    return 0 if ratio <= WANTED else 1


if __name__ == "__main__":
    sys.exit(main())
