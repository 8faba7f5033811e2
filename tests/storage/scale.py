#!/usr/bin/env python3
"""All ten event types from Kafka into PostgreSQL, ClickHouse and S3 at once, checked value by value.

  python3 tests/storage/scale.py --events 100000

Makes events of each type (--events, and --bad percent more that are bad: half break the contract, half keep it and do not fit a column of a
store), sends half of the valid ones with `busbar publish` and the rest as a producer that knows no contract, some of them twice,
and starts one `busbar run --once` whose handlers postgresql, clickhouse, delta, parquet and lines (the last three of S3) are bound to
every event type. Then each store is read by a reader that is not busbar's, and every value of every row is compared with
what Python makes of the input. Each bad event must be one dead letter, with its pointer or its column.

A store that refuses an event stops those behind it in the list of handlers; those before it have its row. Events that are sent twice are
to be there once: the second is dropped (`dedup`).

PostgreSQL, the engine of ClickHouse (PyPI's chdb), versitygw and a real Kafka are started for it in temporary folders and ended.
Prints a table; exit code 1 when anything differs. BUSBAR_BUILD names the build folder."""
import argparse
import concurrent.futures
import contextlib
import datetime
import itertools
import json
import multiprocessing
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
import unittest
import uuid

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import clickhouse  # noqa: E402
import lake  # noqa: E402
import postgres  # noqa: E402
import scale_events  # noqa: E402
from lake import kit  # noqa: E402
from scale_events import TYPES  # noqa: E402
from scale_readers import READERS  # noqa: E402

STORES = ("postgresql", "clickhouse", "delta", "parquet", "lines")
CONFIG = """
defaults:
  handlers: [{handlers}]
  consume: {{ order: partition, concurrency: {partitions}, batch_records: 2000, flush_interval: {flush}, in_flight_records: 100000,
              in_flight_bytes: 256MiB }}
handlers:
  postgresql:
    plugin: postgresql
    connection: {{ host: 127.0.0.1, port: {pg.port}, user: admin, dbname: postgres, password: "${{file:{pg.folder}/password}}" }}
  clickhouse:
    plugin: clickhouse
    url: {ch.url}
    database: scale
    password: "${{file:{ch.folder}/password}}"
"""
S3 = """  {name}:
    plugin: s3
    endpoint: "{endpoint}"
    bucket: {bucket}
    access_key: {access}
    secret_key: "{secret}"
    path: "{name}/{{domain}}/{{event}}"
    format: {name}
"""


def arguments(given=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--events", type=int, default=1000, help="valid events of each type (default 1000)")
    parser.add_argument("--bad", type=float, default=1, help="bad ones more, in percent (default 1)")
    parser.add_argument("--repeated", type=float, default=0.5, help="valid ones sent twice, in percent (default 0.5)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--stores", default=",".join(STORES), help="handlers (default %(default)s)")
    parser.add_argument("--partitions", type=int, default=2, help="of each topic, and lanes (default 2)")
    parser.add_argument("--flush", default="5s", help="flush_interval (default 5s)")
    parser.add_argument("--bootstrap", help="a Kafka that runs; `embedded`: that of busbar (default: a real one, started)")
    parser.add_argument("--jobs", type=int, default=2, help="event types made and checked at a time (default 2)")
    parser.add_argument("--json", action="store_true", help="the result as one JSON object on standard output")
    parser.add_argument("--keep", action="store_true", help="leave the files of the run")
    return parser.parse_args(given)


def say(text):
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


# What is made for an event type, in `folder`/<event>: valid.tsv (the store that refuses it or nothing, event; in the order of ids),
# publish.jsonl and raw.tsv (key, event) as they are sent, bad.tsv (pointer or nothing, column or nothing, event).
def make(event, folder, events, bad, repeated, seed, day):
    maker = scale_events.Maker(event, seed, day)
    dice = random.Random(f"{seed} order {event}")
    count = {"repeated": 0, "contract": 0, "column": 0, "valid": 0}
    base = os.path.join(folder, event)
    with contextlib.ExitStack() as stack:
        valid, publish, raw, letters = (stack.enter_context(open(f"{base}.{name}", "wb"))
                                        for name in ("valid.tsv", "publish.jsonl", "raw.tsv", "bad.tsv"))
        bad_at = set(dice.sample(range(events + bad), bad))
        again = []
        for number in range(events + bad):
            if number in bad_at:
                write_bad(maker, number, valid, raw, letters, count)
                continue
            given = maker.valid(number)
            line = scale_events.dump(given, dice.random() < 0.3)
            valid.write(b"\t" + line + b"\n")
            count["valid"] += 1
            if dice.random() < 0.5:
                publish.write(line + b"\n")
                continue
            record = scale_events.key_of(event, given) + b"\t" + line + b"\n"
            raw.write(record)
            if dice.random() < repeated / 50:  # half of them go this way
                again.append(record)
                count["repeated"] += 1
            if len(again) > 100:
                raw.write(again.pop(dice.randrange(len(again))))
        raw.writelines(again)
    return event, count


def write_bad(maker, number, valid, raw, letters, count):
    if count["contract"] <= count["column"]:
        line, pointer = maker.bad(number)
        key, column = b'"bad"', ""
        count["contract"] += 1
    else:
        key, line, column, store = maker.stricter(number)
        pointer = "/" + column
        valid.write(store.encode() + b"\t" + line + b"\n")
        count["column"] += 1
    raw.write(key + b"\t" + line + b"\n")
    letters.write(b"\t".join([("-" if pointer is None else pointer).encode(), column.encode(), line]) + b"\n")


def configure(run, options, bootstrap):
    """One configuration for everything; topics and groups have a name of this run."""
    text = CONFIG.format(handlers=", ".join(run["stores"]), partitions=options.partitions, flush=options.flush, pg=run["pg"],
                         ch=run["ch"])
    for name in run["stores"]:
        if name in ("delta", "parquet", "lines"):
            text += S3.format(name=name, endpoint=run["s3"].endpoint, bucket=lake.BUCKET, access=lake.ACCESS, secret=lake.SECRET)
    text += "domains:\n"
    for domain, events in itertools.groupby(sorted(TYPES), lambda event: event.split(".")[0]):
        text += f"  {domain}:\n    plugin: ownlens_{domain}\n    events:\n"
        for event in events:
            topic, own, _ = TYPES[event]
            text += (f"      {event.split('.')[1]}: {{ topic: {run['prefix']}-{topic}, consume: {{ group: {run['prefix']}-{event}, "
                     f"dedup: {{ key: /{own}, max_bytes: 64MiB }} }} }}\n")
    return kit.write_config(run["folder"], bootstrap, text)


def busbar(run, *command, timeout=7200, **more):
    result = subprocess.run([kit.BUSBAR, *command, "--config", run["config"]], capture_output=True, timeout=timeout,
                            env=kit.environment(), stdin=subprocess.DEVNULL, **more)
    with open(os.path.join(run["folder"], "log"), "ab") as log:
        log.write(result.stderr)
    if result.returncode:
        raise AssertionError(f"busbar {command[0]}: exit {result.returncode}: {result.stderr[-3000:].decode()}")
    return result


def send(run, event, bootstrap):
    """Both ways at once; says between which times, in microseconds."""
    topic, base = f"{run['prefix']}-{TYPES[event][0]}", os.path.join(run["folder"], event)
    start = time.time_ns() // 1_000_000 * 1000
    with open(base + ".raw.tsv", "rb") as lines:
        other = subprocess.Popen(["kcat", "-P", "-q", "-b", bootstrap, "-t", topic, "-K", "\t", "-X",
                                  "topic.partitioner=murmur2_random"], stdin=lines, env=kit.without_preload())
        busbar(run, "publish", "--quiet", event, base + ".publish.jsonl")
    if other.wait(600):
        raise AssertionError(f"kcat: exit {other.returncode}")
    return start, time.time_ns() // 1000 + 1000


class Side:
    """The rows of one store, beside the events that they must be."""

    def __init__(self, reader):
        self.reader, self.stream = reader, iter(reader)
        self.rows = self.missing = self.surplus = self.values = 0
        self.examples = []
        self.advance()

    def advance(self):
        self.row = next(self.stream, None)
        self.rows += self.row is not None

    def note(self, text):
        if len(self.examples) < 3:
            self.examples.append(text[:300])

    def pass_over(self):
        self.surplus += 1
        self.note(f"{self.row[0]}: a row too many")
        self.advance()

    def take(self, own, event):
        """The row of this event comes next; `event` is None where there must be none."""
        while self.row is not None and (self.row[0] < own or self.row[0] == own and event is None):
            self.pass_over()
        if event is None:
            return
        if self.row is None or self.row[0] != own:
            self.missing += 1
            return self.note(f"{own}: no row")
        wanted = self.reader.expected(event)
        if self.row != wanted:
            self.compare(wanted)
        self.advance()

    def compare(self, wanted):
        if len(self.row) != len(wanted):
            self.values += 1
            return self.note(f"{self.row[0]}: members that nobody declared: {self.row[len(wanted):]}")
        for (column, *_), found, value in zip(self.reader.columns, self.row, wanted):
            if found != value:
                self.values += 1
                self.note(f"{self.row[0]} {column}: expected {value!r}, found {found!r}")

    def result(self):
        while self.row is not None:
            self.pass_over()
        return {"rows": self.rows, "columns": len(self.reader.columns), "missing": self.missing, "surplus": self.surplus,
                "values": self.values, "examples": self.examples}


def check(place, event, window):
    """All stores side by side, in the order of ids: each event of the input is read once."""
    lake.readers()
    begun, names, own = time.monotonic(), place["stores"], TYPES[event][1]
    sides = [Side(READERS[name](place, event)) for name in names]
    with open(os.path.join(place["folder"], event + ".valid.tsv"), "rb") as lines:
        for line in lines:
            refused, _, text = line.rstrip(b"\n").partition(b"\t")
            read = scale_events.read(event, text, *window)
            reach = names.index(refused.decode()) if refused else len(names)
            for index, side in enumerate(sides):
                side.take(read[own], read if index < reach else None)
    return event, {name: side.result() for name, side in zip(names, sides)}, time.monotonic() - begun


def check_letters(run, event, bootstrap):
    """What is wrong with the dead letters, as texts; how many there are with a pointer, and with a column."""
    wanted, wrong, count = {}, [], {"pointer": 0, "column": 0, "no_json": 0}
    with open(os.path.join(run["folder"], event + ".bad.tsv"), "rb") as lines:
        for line in lines:
            pointer, column, text = line.rstrip(b"\n").split(b"\t", 2)
            wanted[text] = (pointer.decode(), column.decode())
    for letter in kit.consume(bootstrap, f"{run['prefix']}-{TYPES[event][0]}.dlq"):
        pointer, column = wanted.pop(letter["value"], (None, None))
        if pointer is None:
            wrong.append(f"a dead letter too many: {letter['headers']}")
            continue
        count["column" if column else "no_json" if pointer == "-" else "pointer"] += 1
        headers = letter["headers"]
        stage = "sink" if column else "parse" if pointer == "-" else "validate"
        found = (headers["busbar.stage"], headers.get("busbar.pointer", "").split("/0")[0], column in headers["busbar.reason"])
        if found != (stage, "" if pointer == "-" else pointer, True):
            wrong.append(f"{stage} {pointer}: {headers}")
    return wrong + [f"no dead letter: {pointer} {column}" for pointer, column in wanted.values()], count


def stores_of(stack, names):
    """Starts what is needed. Raises unittest.SkipTest where a store cannot be had."""
    lake.readers()
    if {"delta", "parquet"} & set(names) and not lake.has_parquet():
        raise unittest.SkipTest("this build has no Parquet: there was no Apache Arrow C++")
    pg = stack.enter_context(postgres.Postgres("shared_buffers = '256MB'\njit = off"))
    s3 = lake.Gateway()
    stack.callback(s3.close)
    ch = stack.enter_context(clickhouse.ClickHouse())
    ch.sql("CREATE DATABASE scale")
    return {"pg": pg, "s3": s3, "ch": ch}


def kafka_of(stack, bootstrap, topics):
    if bootstrap == "embedded":
        return stack.enter_context(kit.Broker(*sum((["--topic", topic] for topic in topics), []))).bootstrap
    return bootstrap or stack.enter_context(kit.Kafka()).bootstrap


def execute(options, spoil=None):
    """The whole run; the result as it is printed with --json. With `spoil`, which may change what is in the stores, the event
    types that it names are looked at once more behind it, as `spoiled`."""
    with contextlib.ExitStack() as stack:
        run = {"stores": options.stores.split(","), "prefix": f"scale-{uuid.uuid4().hex[:8]}",
               "folder": tempfile.mkdtemp(prefix="busbar-scale-")}
        stack.callback(lambda: options.keep or shutil.rmtree(run["folder"], ignore_errors=True))
        topics = [f"{run['prefix']}-{topic}" for topic, *_ in TYPES.values()]
        run.update(stores_of(stack, run["stores"]))
        bootstrap = kafka_of(stack, options.bootstrap, [f"{topic}:{options.partitions}" for topic in topics])
        run["config"] = configure(run, options, bootstrap)
        pool = stack.enter_context(concurrent.futures.ProcessPoolExecutor(options.jobs, multiprocessing.get_context("spawn")))
        result, judge = steps(run, options, bootstrap, pool)
        if spoil:
            result["spoiled"] = judge(spoil(run))
        return result


def steps(run, options, bootstrap, pool):
    events, result = list(TYPES), {"options": vars(options), "seconds": {}, "events": {}}
    bad, day = round(options.events * options.bad / 100), datetime.date.today() - datetime.timedelta(days=5)

    def timed(name, work):
        begun = time.monotonic()
        done = work()
        result["seconds"][name] = round(time.monotonic() - begun, 1)
        say(f"{name}: {result['seconds'][name]} s")
        return done

    made = timed("make", lambda: dict(pool.map(make, *zip(*[(event, run["folder"], options.events, bad, options.repeated, options.seed,
                                                             day) for event in events]))))
    timed("tables and topics", lambda: (busbar(run, "storage", "apply"),
                                        busbar(run, "topics", "apply", "--partitions", str(options.partitions))))
    windows = timed("send", lambda: {event: send(run, event, bootstrap) for event in events})
    summary = timed("run", lambda: json.loads(busbar(run, "run", "--once", "--json").stdout))
    counted = {entry["event"]: entry for entry in summary["events"]}
    place = {"stores": run["stores"], "folder": run["folder"], "psql": postgres.find_tool("psql"), "url": run["ch"].url,
             "key": clickhouse.PASSWORD, "database": "scale", "bucket": run["s3"].path(""),
             "pg": {name: value for name, value in run["pg"].environment().items() if name.startswith("PG")}}
    def judge(events):
        judged = {}
        for event, stores, seconds in pool.map(check, *zip(*[(place, event, windows[event]) for event in events])):
            letters, kinds = check_letters(run, event, bootstrap)
            judged[event] = {**made[event], "bad": bad, "run": counted[event], "stores": stores, "letters": kinds, "check_seconds":
                             round(seconds, 1), "wrong": wrong_of(made[event], bad, counted[event], stores, letters)}
        return judged

    result["events"] = timed("check", lambda: judge(events))
    return result, judge


def wrong_of(made, bad, counted, stores, letters):
    """Whatever is not as it must be, as texts; none: all is well."""
    sent = made["valid"] + made["repeated"] + bad
    wrong = list(letters)
    for name, wanted in (("consumed", sent), ("dropped", made["repeated"]), ("dead_lettered", bad), ("handled", made["valid"])):
        if counted[name] != wanted:
            wrong.append(f"{name}: expected {wanted}, found {counted[name]}")
    for name, store in stores.items():
        for kind in ("missing", "surplus", "values"):
            if store[kind]:
                wrong.append(f"{name}: {kind} {store[kind]}: {'; '.join(store['examples'])}")
    return wrong[:20]


def table(result):
    """As docs/reliability.md has it."""
    names = result["options"]["stores"].split(",")
    lines = ["| event type | sent | bad: pointer, column | " + " | ".join(f"rows {name}" for name in names) +
             " | columns | values that differ |", "|---" * (len(names) + 5) + "|"]
    total = [0] * (len(names) + 4)
    for event, entry in result["events"].items():
        stores = [entry["stores"][name] for name in names]
        letters = entry["letters"]
        row = [entry["run"]["consumed"], letters["pointer"] + letters["no_json"], letters["column"], *(store["rows"] for store in stores),
               sum(store["missing"] + store["surplus"] + store["values"] for store in stores)]
        total = [a + b for a, b in zip(total, row)]
        lines.append(line_of(event, row, "/".join(str(store["columns"]) for store in stores)))
    lines.append(line_of("all", total, ""))
    return "\n".join(lines) + "\n\n" + ", ".join(f"{name} {seconds} s" for name, seconds in result["seconds"].items())


def line_of(event, row, columns):
    sent, pointer, column, *rows, differing = (f"{value:,}" for value in row)
    return f"| {event} | {sent} | {pointer}, {column} | " + " | ".join(rows) + f" | {columns} | {differing} |"


def main():
    options = arguments()
    result = execute(options)
    print(json.dumps(result) if options.json else table(result))
    wrong = [f"{event}: {text}" for event, entry in result["events"].items() for text in entry["wrong"]]
    for text in wrong:
        print(text, file=sys.stderr)
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
