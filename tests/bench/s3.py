#!/usr/bin/env python3
"""The benchmark of the s3 handler: from a topic to objects of a real S3 server (versitygw), as JSON lines, Parquet and a Delta table,
beside pyarrow that writes the same rows from dictionaries, and beside the compression alone of the same lines.

  python3 tests/bench/s3.py --events 200000 --rounds 3 [--bootstrap HOST:PORT] [--build FOLDER]

Starts a real Kafka (unless --bootstrap names one) and the S3 server on a temporary folder, and ends them. The time of busbar is that
from the assignment of its partitions to the last object; that of pyarrow is Table.from_pylist and write_table, for as many files as
busbar wrote, with the dictionaries in memory before. The CPU seconds of busbar are those of the process from the assignment to its end,
from Kafka to the signed request. The memory is the highest of the worker process.
Both sides write Parquet with the same Arrow, zstd at its default level, dictionaries and statistics; the sizes of their files tell."""
import contextlib
import os
import statistics
import sys
import tempfile
import time

from storebench import StoreBench, kit, options as store_options, say
import lake

CONFIG = """kafka: {{ bootstrap.servers: "{bootstrap}" }}
domains:
  customer:
    plugin: ownlens_customer
    events: {{ user_event: {{ topic: {topic}, handlers: [s3], consume: {{ group: {group}, order: partition, concurrency: {lanes},
      batch_records: {batch}, in_flight_records: {window}, in_flight_bytes: 256MiB, flush_interval: 500ms }} }} }}
handlers:
  s3: {{ plugin: s3, endpoint: "{endpoint}", bucket: {bucket}, access_key: {access}, secret_key: "{secret}", path: {path}, format: {format} }}
"""


class Bench(StoreBench):
    def config(self, kind, number):
        text = CONFIG.format(bootstrap=self.bootstrap, topic=self.topic, group=f"{self.topic}-{kind}-{number}", format=kind,
                             lanes=self.options.lanes, batch=self.options.batch, window=self.options.window,
                             endpoint=self.server.endpoint, bucket=lake.BUCKET, access=lake.ACCESS, secret=lake.SECRET,
                             path=f"{kind}-{number}")
        return self.written(f"{kind}-{number}", text)

    def prepare(self):
        self.lines = self.publish(self.config("lines", "prepare"), 6, own_ids=False)

    def timed_run(self, kind, number):
        """Seconds from the assignment of the partitions to the last object, the run, and the files of the data."""
        run = self.run(self.config(kind, number))
        keys = self.server.objects(f"{kind}-{number}")
        end = max(os.path.getmtime(self.server.path(key)) for key in keys)
        return end - run.begin, run, [self.server.path(key) for key in keys if "/_" not in key]

    def round(self, number):
        import pyarrow
        import pyarrow.parquet as parquet
        found = {}
        for kind in ("lines", "parquet", "delta"):
            took, run, paths = self.timed_run(kind, number)
            found[kind] = self.options.events / took
            found[kind + " CPU"] = run.cpu
            say(f"  round {number}: {kind} {took:.2f} s, CPU {run.cpu:.2f} s, {len(paths)} objects, "
                f"{sum(map(os.path.getsize, paths)) / 2**20:.1f} MiB, at most {run.peak:.0f} MiB of memory")
            if kind == "parquet":
                tables = [parquet.ParquetFile(path).read() for path in paths]
        if sum(table.num_rows for table in tables) != self.options.events:
            raise SystemExit(f"{sum(table.num_rows for table in tables)} rows instead of {self.options.events}")
        took = cpu = size = 0
        for table in tables:
            rows, schema, path = table.to_pylist(), table.schema, os.path.join(self.folder, "peer.parquet")
            begin, begin_cpu = time.monotonic(), time.process_time()
            parquet.write_table(pyarrow.Table.from_pylist(rows, schema), path, compression="zstd")
            took, cpu = took + time.monotonic() - begin, cpu + time.process_time() - begin_cpu
            size += os.path.getsize(path)
        found["pyarrow"], found["pyarrow CPU"] = self.options.events / took, cpu
        begin = time.monotonic()
        pyarrow.Codec("zstd", 3).compress(self.lines)
        found["zstd"] = self.options.events / (time.monotonic() - begin)
        say(f"  round {number}: pyarrow {took:.2f} s, CPU {cpu:.2f} s, {size / 2**20:.1f} MiB")
        return found


def main():
    parser = store_options(__doc__, lanes=2, batch=2500, window=100000)
    parser.add_argument("--prefix", default="", help="of the topic's name")
    options = parser.parse_args()
    lake.readers()
    with tempfile.TemporaryDirectory(prefix="busbar-bench-") as folder, contextlib.ExitStack() as stack:
        bootstrap = options.bootstrap or stack.enter_context(kit.Kafka()).bootstrap
        server = lake.Gateway()
        stack.callback(server.close)
        bench = Bench(options, bootstrap, server, folder, options.prefix + "bench-s3")
        bench.prepare()
        rounds = [bench.round(number) for number in range(options.rounds)]
    middle = {name: statistics.median(one[name] for one in rounds) for name in rounds[0]}
    share = statistics.median(one["parquet"] / one["pyarrow"] for one in rounds)
    print(f"topic to objects, events per s: JSON lines {middle['lines']:,.0f}, Parquet {middle['parquet']:,.0f}, Delta {middle['delta']:,.0f}; "
          f"pyarrow from dictionaries {middle['pyarrow']:,.0f}; zstd alone {middle['zstd']:,.0f}")
    print(f"Parquet is {share:.2f} times pyarrow (wanted: at least 1); {bench.memory()}; "
          f"{options.events:,} events, medians of {options.rounds}")
    print(f"CPU seconds: busbar with Parquet {middle['parquet CPU']:.2f}, pyarrow {middle['pyarrow CPU']:.2f}")
    return 0 if share >= 1 else 1


if __name__ == "__main__":
    sys.exit(main())
