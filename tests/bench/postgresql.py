#!/usr/bin/env python3
"""The benchmark of the postgresql handler: from a topic to committed rows, with busbar's default settings, beside COPY by psql of the
same rows as CSV, and beside a Python pipeline (postgresql_peer.py: pydantic, pandas, SQLAlchemy, psycopg). All into the table as `busbar storage
apply` makes it, with its key, partitions and indexes, emptied in between.

  python3 tests/bench/postgresql.py --events 200000 --rounds 3 [--bootstrap HOST:PORT] [--build FOLDER]

Starts a real Kafka (unless --bootstrap names one) and a PostgreSQL cluster in temporary folders, and ends them. The time of busbar is
that from the assignment of its partitions to its last commit, that of the peer from its first message on. The peer's packages are
installed from PyPI in ~/.cache/busbar; without them it is left out, which is said."""
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
    events: {{ user_event: {{ topic: {topic}, consume: {{ group: {group}{more} }}, handlers: [pg] }} }}
handlers:
  pg:
    plugin: postgresql
    connection: {{ host: 127.0.0.1, port: {port}, user: admin, dbname: postgres, password: "${{file:{folder}/password}}" }}
"""
WANTED, WANTED_OF_PEER = 0.7, 5
PEER = os.path.join(os.path.expanduser("~"), ".cache", "busbar", "postgresql-peer.venv")


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
            out.write(CONFIG.format(bootstrap=self.bootstrap, topic=self.topic, group=group, more=self.more(),
                                    port=self.server.port, folder=self.server.folder))
        return path

    def more(self):
        """What the command line asks for; nothing is the defaults."""
        wanted = {"concurrency": self.options.lanes, "batch_records": self.options.batch, "in_flight_records": self.options.window}
        return "".join(f", {name}: {value}" for name, value in wanted.items() if value)

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
        """Seconds from the assignment of the partitions, by the log, to the last commit, by the server's clock on the same machine."""
        process = subprocess.Popen([self.busbar, "run", "--once", "--only", EVENT, "--config", config], stdout=subprocess.DEVNULL,
                                   stderr=subprocess.PIPE, env=kit.environment(), text=True)
        begin, log = None, []
        for line in process.stderr:
            log.append(line)
            if " assigned: " in line and begin is None:
                begin = time.time()
        if process.wait() != 0 or begin is None:
            raise SystemExit("busbar run: " + "".join(log)[-2000:])
        return float(self.server.value("SELECT extract(epoch FROM timestamp) FROM pg_last_committed_xact()")) - begin

    def peer(self):
        """Events per second of the Python pipeline, over fewer events; None where it is not there."""
        rows = min(self.options.events, self.options.peer_events)
        if not peer_is_there():
            return None
        self.server.sql(f"TRUNCATE {TABLE}")
        found = subprocess.run([os.path.join(PEER, "bin", "python"), os.path.join(HERE, "postgresql_peer.py"), self.bootstrap, self.topic,
                                TABLE, str(rows), "500", f"{self.topic}-peer-{uuid.uuid4().hex[:8]}"], env={**kit.without_preload(), **{
                                    name: value for name, value in self.server.environment().items() if name.startswith("PG")}},
                               capture_output=True, text=True, timeout=1200)
        if found.returncode != 0 or int(self.server.value(f"SELECT count(*) FROM {TABLE}")) < rows:
            raise SystemExit(f"the peer: {found.stderr[-2000:]}")
        return rows / float(found.stdout)

    def round(self, number):
        config = self.config(f"{self.topic}-{number}")
        self.server.sql(f"TRUNCATE {TABLE}")
        took = self.timed_run(config)
        rows = int(self.server.value(f"SELECT count(*) FROM {TABLE}"))
        if rows != self.options.events:
            raise SystemExit(f"{rows} rows instead of {self.options.events}")
        path = os.path.join(self.folder, "rows.csv")
        self.server.sql(f"\\copy (SELECT * FROM {TABLE}) to '{path}' csv", timeout=1200)
        self.server.sql(f"TRUNCATE {TABLE}")
        begin = time.monotonic()
        self.server.sql(f"\\copy {TABLE} from '{path}' csv", timeout=1200)
        copy = time.monotonic() - begin
        peer = self.peer()
        say(f"  round {number}: busbar {took:.2f} s, psql {copy:.2f} s" + (f", peer {peer:,.0f} events per s" if peer else ""))
        return {"busbar": rows / took, "psql": rows / copy, "peer": peer}


def peer_is_there():
    """Installed once; False, and said, where PyPI is out of reach."""
    python = os.path.join(PEER, "bin", "python")
    modules = ("pandas", "sqlalchemy", "psycopg[binary]", "confluent-kafka", "pydantic")
    try_import = [python, "-c", "import pandas, sqlalchemy, psycopg, confluent_kafka, pydantic"]
    if os.path.exists(python) and subprocess.run(try_import, capture_output=True).returncode == 0:
        return True
    made = subprocess.run([sys.executable, "-m", "venv", PEER], capture_output=True).returncode == 0
    if made and subprocess.run([os.path.join(PEER, "bin", "pip"), "install", "-q", *modules], capture_output=True).returncode == 0:
        return True
    say("  the peer's packages cannot be installed: it is left out")
    return False


def measure(options, bootstrap, folder):
    with postgres.Postgres("shared_buffers = '512MB'\ntrack_commit_timestamp = on") as server:
        bench = Bench(options, bootstrap, server, folder)
        bench.prepare()
        rounds = [bench.round(number) for number in range(options.rounds)]
    return rounds


def median(rounds, side):
    return statistics.median(one[side] for one in rounds)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=200000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--lanes", type=int, help="consume.concurrency (default: busbar's)")
    parser.add_argument("--batch", type=int, help="consume.batch_records (default: busbar's)")
    parser.add_argument("--window", type=int, help="consume.in_flight_records (default: busbar's)")
    parser.add_argument("--peer-events", type=int, default=10000, help="events for the peer (default 10000)")
    parser.add_argument("--bootstrap", help="a Kafka that is there (default: one of its own)")
    parser.add_argument("--build", default=os.path.join(kit.ROOT, "build-bench"), help="a release build (default build-bench)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="busbar-bench-") as folder, contextlib.ExitStack() as stack:
        bootstrap = options.bootstrap or stack.enter_context(kit.Kafka()).bootstrap
        rounds = measure(options, bootstrap, folder)
    share = statistics.median(one["busbar"] / one["psql"] for one in rounds)
    peers = [one["busbar"] / one["peer"] for one in rounds if one["peer"]]
    times = statistics.median(peers) if peers else None
    wanted = {name: value for name, value in vars(options).items() if name in ("lanes", "batch", "window") and value}
    print(f"topic to committed rows: {median(rounds, 'busbar'):,.0f} events per s; psql COPY of the same rows: {median(rounds, 'psql'):,.0f} rows per s; "
          f"{100 * share:.0f} % (wanted: at least {100 * WANTED:.0f} %); {options.events:,} events, settings: {wanted or 'the defaults'}, "
          f"medians of {options.rounds}")
    if times:
        print(f"pydantic, pandas, SQLAlchemy and psycopg: {median(rounds, 'peer'):,.0f} events per s; busbar is {times:.1f} times as fast (wanted: "
              f"at least {WANTED_OF_PEER})")
    return 0 if share >= WANTED and (not times or times >= WANTED_OF_PEER) else 1


if __name__ == "__main__":
    sys.exit(main())
