#!/usr/bin/env python3
"""The benchmark of the s3 handler: from a topic to objects of a real S3 server (versitygw), as JSON lines, Parquet and a Delta table,
beside pyarrow that writes the same rows from dictionaries, and beside the compression alone of the same lines.

  python3 tests/bench/s3.py --events 200000 --rounds 3 [--bootstrap HOST:PORT] [--build FOLDER]

Starts a real Kafka (unless --bootstrap names one) and the S3 server on a temporary folder, and ends them. The time of busbar is that
from the assignment of its partitions to the last object, which waits for the flush interval at the topic's end; that of pyarrow is
Table.from_pylist and write_table, for as many files as busbar wrote, with the dictionaries in memory before. The CPU seconds of busbar
are those of the whole process, from Kafka to the signed request. The memory is the highest of the worker process."""
import argparse
import contextlib
import glob
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import uuid

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "storage"))
import lake  # noqa: E402
from lake import kit  # noqa: E402

EVENT = "customer.user_event"
CONFIG = """kafka: {{ bootstrap.servers: "{bootstrap}" }}
domains:
  customer:
    plugin: ownlens_customer
    events: {{ user_event: {{ topic: {topic}, handlers: [s3], consume: {{ group: {group}, order: partition, concurrency: {lanes},
      batch_records: {batch}, in_flight_records: {window}, in_flight_bytes: 256MiB, flush_interval: 500ms }} }} }}
handlers:
  s3: {{ plugin: s3, endpoint: "{endpoint}", bucket: {bucket}, access_key: {access}, secret_key: "{secret}", path: {path}, format: {format} }}
"""


def say(text):
    print(text, file=sys.stderr, flush=True)


class Bench:
    def __init__(self, options, bootstrap, server, folder):
        self.options, self.bootstrap, self.server, self.folder = options, bootstrap, server, folder
        self.busbar = os.path.join(options.build, "bin", "busbar")
        self.topic = f"{options.prefix}bench-s3-{uuid.uuid4().hex[:8]}"

    def config(self, kind, number):
        path = os.path.join(self.folder, f"{kind}-{number}.yaml")
        with open(path, "w") as out:
            out.write(CONFIG.format(bootstrap=self.bootstrap, topic=self.topic, group=f"{self.topic}-{kind}-{number}", format=kind,
                                    lanes=self.options.lanes, batch=self.options.batch, window=self.options.window,
                                    endpoint=self.server.endpoint, bucket=lake.BUCKET, access=lake.ACCESS, secret=lake.SECRET,
                                    path=f"{kind}-{number}"))
        return path

    def call(self, *arguments, **more):
        result = subprocess.run([self.busbar, *arguments], capture_output=True, env=kit.environment(), **more)
        if result.returncode != 0:
            raise SystemExit(f"busbar {arguments[0]}: {result.stderr.decode()[-2000:]}")
        return result.stdout

    def prepare(self):
        config = self.config("lines", "prepare")
        self.call("topics", "apply", "--partitions", "6", "--config", config)
        self.lines = self.call("generate", EVENT, "-n", str(self.options.events), "--config", config)
        self.call("publish", EVENT, "-", "--config", config, input=self.lines)

    def watch(self, process, peak):
        """The highest memory of the worker, which is a child of the process."""
        while process.poll() is None:
            for path in glob.glob(f"/proc/{process.pid}/task/*/children"):
                with contextlib.suppress(OSError, StopIteration):
                    for child in open(path).read().split():
                        line = next(line for line in open(f"/proc/{child}/status") if line.startswith("VmHWM"))
                        peak[0] = max(peak[0], int(line.split()[1]))
            time.sleep(0.05)

    def run(self, kind, number):
        """Seconds, CPU seconds, names of the data, and the highest memory in MiB."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        process = subprocess.Popen([self.busbar, "run", "--once", "--only", EVENT, "--config", self.config(kind, number)],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=kit.environment(), text=True)
        begin, log, peak = None, [], [0]
        watcher = threading.Thread(target=self.watch, args=(process, peak))
        watcher.start()
        for line in process.stderr:
            log.append(line)
            if " assigned: " in line and begin is None:
                begin = time.time()
        watcher.join()
        if process.wait() != 0 or begin is None:
            raise SystemExit("busbar run: " + "".join(log)[-2000:])
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        keys = self.server.objects(f"{kind}-{number}")
        end = max(os.path.getmtime(self.server.path(key)) for key in keys)
        return end - begin, cpu, [self.server.path(key) for key in keys if "/_" not in key], peak[0] / 1024

    def round(self, number):
        import pyarrow
        import pyarrow.parquet as parquet
        found = {}
        for kind in ("lines", "parquet", "delta"):
            took, cpu, paths, peak = self.run(kind, number)
            found[kind], found["memory"] = self.options.events / took, max(peak, found.get("memory", 0))
            found[kind + " CPU"] = cpu
            say(f"  round {number}: {kind} {took:.2f} s, CPU {cpu:.2f} s, {len(paths)} objects, "
                f"{sum(map(os.path.getsize, paths)) / 2**20:.1f} MiB, at most {peak:.0f} MiB of memory")
            if kind == "parquet":
                tables = [parquet.ParquetFile(path).read() for path in paths]
        if sum(table.num_rows for table in tables) != self.options.events:
            raise SystemExit(f"{sum(table.num_rows for table in tables)} rows instead of {self.options.events}")
        took = cpu = 0
        for table in tables:
            rows, schema = table.to_pylist(), table.schema
            begin, begin_cpu = time.monotonic(), time.process_time()
            parquet.write_table(pyarrow.Table.from_pylist(rows, schema), os.path.join(self.folder, "peer.parquet"), compression="zstd")
            took, cpu = took + time.monotonic() - begin, cpu + time.process_time() - begin_cpu
        found["pyarrow"], found["pyarrow CPU"] = self.options.events / took, cpu
        begin = time.monotonic()
        pyarrow.Codec("zstd", 3).compress(self.lines)
        found["zstd"] = self.options.events / (time.monotonic() - begin)
        say(f"  round {number}: pyarrow {took:.2f} s, CPU {cpu:.2f} s")
        return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=200000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--lanes", type=int, default=2, help="consume.concurrency (default 2)")
    parser.add_argument("--batch", type=int, default=2500, help="consume.batch_records (default 2500)")
    parser.add_argument("--window", type=int, default=100000, help="consume.in_flight_records (default 100000)")
    parser.add_argument("--prefix", default="", help="of the topic's name")
    parser.add_argument("--bootstrap", help="a Kafka that is there (default: one of its own)")
    parser.add_argument("--build", default=os.path.join(kit.ROOT, "build-bench"), help="a release build (default build-bench)")
    options = parser.parse_args()
    lake.readers()
    with tempfile.TemporaryDirectory(prefix="busbar-bench-") as folder, contextlib.ExitStack() as stack:
        bootstrap = options.bootstrap or stack.enter_context(kit.Kafka()).bootstrap
        server = lake.Gateway()
        stack.callback(server.close)
        bench = Bench(options, bootstrap, server, folder)
        bench.prepare()
        rounds = [bench.round(number) for number in range(options.rounds)]
    middle = {name: statistics.median(one[name] for one in rounds) for name in rounds[0]}
    share = statistics.median(one["parquet"] / one["pyarrow"] for one in rounds)
    print(f"topic to objects, events per s: JSON lines {middle['lines']:,.0f}, Parquet {middle['parquet']:,.0f}, Delta {middle['delta']:,.0f}; "
          f"pyarrow from dictionaries {middle['pyarrow']:,.0f}; zstd alone {middle['zstd']:,.0f}")
    print(f"Parquet is {share:.2f} times pyarrow (wanted: at least 1); at most {middle['memory']:.0f} MiB of memory with {options.lanes} lanes; "
          f"{options.events:,} events, medians of {options.rounds}")
    print(f"CPU seconds: busbar with Parquet {middle['parquet CPU']:.2f}, pyarrow {middle['pyarrow CPU']:.2f}")
    return 0 if share >= 1 else 1


if __name__ == "__main__":
    sys.exit(main())
