#!/usr/bin/env python3
"""The benchmark of the clickhouse handler: from a topic to rows, beside inserts of the same rows by the engine's own formats into the
same table through the same server. Both sides into the table as `busbar storage apply` makes it, emptied in between.

  python3 tests/bench/clickhouse.py --events 200000 --rounds 3 [--bootstrap HOST:PORT] [--build FOLDER]

Starts a real Kafka (unless --bootstrap names one) and the engine of ClickHouse (PyPI's chdb behind tests/storage/clickhouse_server.py), and
ends them. Merges of the table are stopped, for both sides: they come later, and would be counted of the slower side alone. The time of
busbar is that from the assignment of its partitions to the end of its last insert of rows; its CPU seconds are those from the assignment to
the end of the process, those of the server are of the whole run. The other side sends files of as many rows as a batch of busbar had, made
beforehand and not compressed, one after the other; of the formats the fastest counts."""
import contextlib
import os
import statistics
import sys
import tempfile
import time

from storebench import StoreBench, cpu_of, kit, options as store_options, say
import clickhouse

TABLE = "bench.customer_events"
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
    compression: {compression}
    password: "${{file:{folder}/password}}"
"""
WANTED = 1.5


class Bench(StoreBench):
    def config(self, group):
        return self.written(group, CONFIG.format(bootstrap=self.bootstrap, topic=self.topic, group=group, lanes=self.options.lanes,
                                                 batch=self.options.batch, window=self.options.window, url=self.server.url,
                                                 folder=self.server.folder, compression=self.options.compression))

    def prepare(self):
        config = self.config("prepare")
        self.server.sql("CREATE DATABASE bench")
        self.call("storage", "apply", "--config", config)
        self.server.sql(f"SYSTEM STOP MERGES {TABLE}")
        self.publish(config, self.options.partitions)

    def server_cpu(self):
        return cpu_of(self.server.process.pid)

    def timed_run(self, config):
        """Seconds from the assignment of the partitions to the last row, by the server's clock on the same machine; CPU seconds of
        busbar from then to its end; the server's of all of the run; batches."""
        server, before = self.server_cpu(), self.server.faults()["inserts"]
        run = self.run(config)
        count = self.server.faults()
        # of the inserts of a flush of one partition one is the batch, two are its records
        return count["ended"][TABLE] - run.begin, run.cpu, self.server_cpu() - server, max(1, (count["inserts"] - before) // 3)

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
        took, own, at_server, batches = self.timed_run(config)
        rows = self.server.value(f"SELECT count() FROM {TABLE}")
        if rows != self.options.events:
            raise SystemExit(f"{rows} rows instead of {self.options.events}")
        names, files = self.dump(-(-rows // batches))
        others = {form: self.insert(names, files[form], form) for form in FORMATS}
        say(f"  round {number}: busbar {took:.2f} s, CPU {own:.2f} s and {at_server:.2f} s of the server, {batches} batches; " +
            ", ".join(f"{form} {seconds:.2f} s, CPU {cpu:.2f} s" for form, (seconds, cpu) in others.items()))
        return {"busbar": took, "own": own, "server": at_server,
                **{form: seconds for form, (seconds, _) in others.items()},
                **{form + " CPU": cpu for form, (_, cpu) in others.items()}}


def main():
    parser = store_options(__doc__, lanes=2, batch=2500, window=100000)
    parser.add_argument("--partitions", type=int, default=2)
    parser.add_argument("--compression", default="zstd", help="of what busbar sends: zstd, gzip or none (default zstd)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="busbar-bench-") as folder, contextlib.ExitStack() as stack:
        bootstrap = options.bootstrap or stack.enter_context(kit.Kafka()).bootstrap
        server = stack.enter_context(clickhouse.ClickHouse())
        bench = Bench(options, bootstrap, server, folder, "bench-clickhouse")
        bench.prepare()
        rounds = [bench.round(number) for number in range(options.rounds)]
    found = {side: statistics.median(one[side] for one in rounds) for side in rounds[0]}
    best = min(FORMATS, key=lambda form: found[form])
    ratio = statistics.median(one["busbar"] / one[best] for one in rounds)
    print(f"topic to rows: {options.events / found['busbar']:,.0f} events per s; the engine's {best}: {options.events / found[best]:,.0f} rows "
          f"per s; {ratio:.2f} times its time (wanted: at most {WANTED}); {options.events:,} events, {options.lanes} lanes, medians of "
          f"{options.rounds}")
    print(f"CPU seconds: busbar {found['own']:.2f} with compression {options.compression}, the server {found['server']:.2f}; the engine's "
          f"{best} {found[best + ' CPU']:.2f}; {bench.memory()}")
    return 0 if ratio <= WANTED else 1


if __name__ == "__main__":
    sys.exit(main())
