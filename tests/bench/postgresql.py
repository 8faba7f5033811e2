#!/usr/bin/env python3
"""The benchmark of the postgresql handler: from a topic to committed rows, with busbar's default settings, beside COPY by psql of the
same rows as CSV, and beside a Python pipeline (postgresql_peer.py: pydantic, pandas, SQLAlchemy, psycopg). All into the table as `busbar storage
apply` makes it, with its key, partitions and indexes, emptied in between.

  python3 tests/bench/postgresql.py --events 200000 --rounds 3 [--bootstrap HOST:PORT] [--build FOLDER]

Starts a real Kafka (unless --bootstrap names one) and a PostgreSQL cluster in temporary folders, and ends them. The time of busbar is
that from the assignment of its partitions to its last commit, that of the peer from its first message on. The peer's packages are
installed from PyPI in ~/.cache/busbar; without them it is left out, which is said."""
import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
import uuid

from storebench import HERE, StoreBench, kit, options as store_options, say
import postgres

TABLE = "customer_events"
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


class Bench(StoreBench):
    def config(self, group):
        return self.written(group, CONFIG.format(bootstrap=self.bootstrap, topic=self.topic, group=group, more=self.more(),
                                                 port=self.server.port, folder=self.server.folder))

    def more(self):
        """What the command line asks for; nothing is the defaults."""
        wanted = {"concurrency": self.options.lanes, "batch_records": self.options.batch, "in_flight_records": self.options.window}
        return "".join(f", {name}: {value}" for name, value in wanted.items() if value)

    def prepare(self):
        config = self.config("prepare")
        self.call("storage", "apply", "--config", config)
        self.publish(config, 6)

    def timed_run(self, config):
        """Seconds from the assignment of the partitions to the last commit, by the server's clock on the same machine."""
        begin = self.run(config).begin
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
        bench = Bench(options, bootstrap, server, folder, "bench-postgresql")
        bench.prepare()
        rounds = [bench.round(number) for number in range(options.rounds)]
    say("  " + bench.memory())
    return rounds


def median(rounds, side):
    return statistics.median(one[side] for one in rounds)


def main():
    parser = store_options(__doc__)
    parser.add_argument("--peer-events", type=int, default=10000, help="events for the peer (default 10000)")
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
