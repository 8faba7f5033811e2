#!/usr/bin/env python3
"""Runs busbar with the postgresql handler under load while faults happen around the store, and checks that every row is there once.

  tests/storage/chaos_postgresql.py --runs 100 --seed 1 [--jobs 2] [--fault NAME] [--log FILE]

Each run: a database of its own in one cluster, a topic and a group of their own in the embedded broker, 1,500 events of which some break
the contract and some a constraint that only the server knows, into a table without a key, so that a row stored twice shows. The seed draws
the fault, its time, and the settings. A worker that dies is started again, as a supervisor would. In the end the rows must be the valid
events, each once, and the dead letters the others (they may come twice). BUSBAR_BUILD names the build: a debug one has fault points, with
a release those faults are a SIGKILL at a time the seed draws. A line of JSON per run, a table at the end; exit code 1: a run failed."""
import argparse
import collections
import concurrent.futures
import contextlib
import json
import os
import queue
import random
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import uuid

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import postgres  # noqa: E402
from postgres import kit  # noqa: E402

EVENT, EVENTS, BAD_PAGE = "customer.user_event", 1500, "https://bad.example/"
POINTS = ("lane.stage", "lane.flush", "lane.flushed", "lane.finish", "consume.account", "commit.sent", "commit.answer", "assign.done")
FAULTS = ("kill_point", "kill_point", "kill_any_time", "commit_without_answer", "commit_without_answer", "reset", "server_restart",
          "server_killed", "backends_ended", "deadlock", "disk_full", "zombie")
CONFIG = """kafka: {{ bootstrap.servers: "{bootstrap}", session.timeout.ms: 3000, heartbeat.interval.ms: 300 }}
drain: 3s
domains:
  customer:
    plugin: ownlens_customer
    events:
      user_event:
        topic: {topic}
        handlers: [pg]
        consume: {{ group: {topic}, {consume}, retry: {{ initial: 20ms, max: 200ms }} }}
handlers:
  pg:
    plugin: postgresql
    connection: {{ host: 127.0.0.1, port: {port}, user: admin, dbname: {database}, password: "${{file:{folder}/password}}" }}
    takeover_ms: 1500
    lock_timeout_ms: 4000
    {table}
"""
SCHEMA = """CREATE TABLE plain AS SELECT * FROM customer_events WITH NO DATA;
ALTER TABLE plain ADD CONSTRAINT no_bad_pages CHECK (page_url <> '%s');
CREATE TABLE trouble (state text);
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  IF EXISTS (SELECT 1 FROM trouble) THEN RAISE EXCEPTION 'no space left on device' USING ERRCODE = '53100'; END IF; RETURN NULL; END $$;
CREATE TRIGGER refuse BEFORE INSERT ON plain FOR EACH STATEMENT EXECUTE FUNCTION refuse()""" % BAD_PAGE


class Proxy:
    """In front of the server. Armed, it lets one COMMIT through and never its answer, or cuts everything off in the middle."""

    def __init__(self, port):
        self.target, self.armed, self.done, self.pairs = port, None, threading.Event(), []
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client = self.socket.accept()[0]
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                client.close()
                continue
            pair = {"client": client, "server": server, "mute": False}
            self.pairs.append(pair)
            for source, sink in (("client", "server"), ("server", "client")):
                threading.Thread(target=self.pump, args=(pair, source, sink), daemon=True).start()

    def pump(self, pair, source, sink):
        try:
            while data := pair[source].recv(65536):
                if source == "client" and self.armed == "commit" and b"COMMIT\0" in data:
                    self.armed, pair["mute"] = None, True
                if source == "server" and pair["mute"]:  # the answer is here: the rows are committed, and nobody is told
                    break
                pair[sink].sendall(data)
        except OSError:
            pass
        if pair["mute"]:
            self.done.set()
        self.cut(pair)

    @staticmethod
    def cut(pair):
        for end in ("client", "server"):
            try:  # a reset, not an end
                pair[end].setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                pair[end].shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            pair[end].close()

    def reset_all(self):
        for pair in list(self.pairs):
            self.cut(pair)

    def close(self):
        self.socket.close()
        self.reset_all()


class Run:
    def __init__(self, seed, fault, server, broker):
        self.seed, self.server, self.broker = seed, server, broker
        self.dice = random.Random(seed)
        self.fault = fault or self.dice.choice(FAULTS)
        self.topic = f"chaos-{seed}-{uuid.uuid4().hex[:8]}"
        self.database = "c" + uuid.uuid4().hex[:12]
        self.folder = tempfile.mkdtemp(prefix="busbar-store-chaos-")
        self.processes, self.starts, self.environment = [], 0, {}
        self.proxy = Proxy(server.port)

    def write_config(self):
        dice = self.dice
        consume = (f"order: {dice.choice(('key', 'key', 'none', 'partition'))}, concurrency: {dice.choice((1, 2, 3))}, "
                   f"batch_records: {dice.choice((20, 100, 500))}, flush_interval: {dice.choice((20, 50, 150))}ms, "
                   f"commit_interval: {dice.choice((50, 200, 3000))}ms")
        self.config = os.path.join(self.folder, "busbar.yaml")
        with open(self.config, "w") as out:
            out.write(CONFIG.format(bootstrap=self.broker.bootstrap, topic=self.topic, consume=consume, port=self.proxy.port,
                                    database=self.database, folder=self.server.folder,
                                    table="events: { customer.user_event: { table: plain, mode: append, key: [] } }"))
        return consume

    def sql(self, text):
        return self.server.sql(text, self.database)

    def prepare(self):
        self.server.sql(f"CREATE DATABASE {self.database}")
        consume = self.write_config()
        with open(self.config) as file:
            text = file.read()
        made = os.path.join(self.folder, "tables.yaml")
        with open(made, "w") as out:
            out.write(text.replace("events: { customer.user_event: { table: plain, mode: append, key: [] } }", ""))
        result = kit.busbar("storage", "apply", EVENT, "--config", made)
        if result.returncode != 0:
            raise AssertionError(result.stderr.decode())
        self.sql(SCHEMA)
        return consume

    def make_events(self):
        lines = kit.busbar("generate", EVENT, "-n", str(EVENTS), "--seed", str(self.seed)).stdout.splitlines()
        self.valid, self.bad = [], []
        for number, line in enumerate(lines):
            event = json.loads(line)
            event["event_id"] = str(uuid.UUID(int=(self.seed << 64) + number, version=4))
            if self.dice.random() < 0.004:
                event["page_url"] = BAD_PAGE
            line = json.dumps(event).encode()
            broken = self.dice.random() < 0.01
            if broken:
                line = line[:-1]
            (self.bad if broken or event.get("page_url") == BAD_PAGE else self.valid).append((event["event_id"], line))
            lines[number] = json.dumps(event["user_id"]).encode() + b"\t" + line
        return lines

    def send(self, lines):
        result = subprocess.run(["kcat", "-P", "-q", "-b", self.broker.bootstrap, "-t", self.topic, "-K", "\t"],
                                input=b"\n".join(lines) + b"\n", env=kit.without_preload(), timeout=60)
        if result.returncode != 0:
            raise AssertionError("kcat could not send")

    def start(self):
        self.starts += 1
        with open(os.path.join(self.folder, "log"), "ab") as log:
            process = subprocess.Popen([kit.BUSBAR, "run", "--only", EVENT, "--config", self.config], stdin=subprocess.DEVNULL, stdout=log,
                                       stderr=log, start_new_session=True, env=kit.environment(**self.environment))
        self.processes.append(process)
        return process

    def kill(self, process):
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def arm(self):
        """What has to be known before the start."""
        if self.fault == "kill_point":
            notes = os.path.join(self.folder, "notes")
            os.mkdir(notes)
            self.detail = f"{self.dice.choice(POINTS)}:{self.dice.randint(1, 4)}:kill"
            self.environment = {"BB_FAULT": self.detail, "BB_FAULT_NOTES": notes}
        if self.fault == "commit_without_answer":
            self.arm_at = self.dice.randint(1, 6)

    def load(self, lines):
        for at in range(0, len(lines), 100):
            self.send(lines[at:at + 100])
            time.sleep(0.05)

    def make_fault(self, last):
        """While it works; the load goes on beside."""
        dice = self.dice
        time.sleep(dice.random() * 0.6)
        if self.fault == "kill_any_time":
            self.kill(self.processes[0])
        elif self.fault == "commit_without_answer":
            self.proxy.armed = "commit"
            self.detail = "seen" if self.proxy.done.wait(8) else "no commit came"
            if dice.random() < 0.5:
                self.kill(self.processes[0])
        elif self.fault == "reset":
            for _ in range(3):
                self.proxy.reset_all()
                time.sleep(dice.random() * 0.2)
        elif self.fault in ("server_restart", "server_killed"):
            self.server.stop("fast" if self.fault == "server_restart" else "immediate")
            time.sleep(dice.random() * 0.4)
            self.server.start()
        elif self.fault == "backends_ended":
            for _ in range(4):
                self.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'busbar%' AND "
                         "datname = current_database()")
                time.sleep(dice.random() * 0.15)
        elif self.fault == "deadlock":
            self.deadlock(last)
        elif self.fault == "disk_full":
            self.sql("INSERT INTO trouble VALUES ('full')")
            time.sleep(0.3 + dice.random() * 0.5)
            self.sql("DELETE FROM trouble")
        elif self.fault == "zombie":
            os.killpg(self.processes[0].pid, signal.SIGSTOP)
            self.start()
            time.sleep(3.5)
            os.killpg(self.processes[0].pid, signal.SIGCONT)

    def deadlock(self, last):
        """The fence first and the table then, against a lane that has rows in the table and comes to the fence."""
        session = self.server.session(self.database)
        try:
            session.stdin.write("BEGIN;\nUPDATE busbar_offsets SET changed = now() WHERE writer = 0;\n\\echo held\n")
            session.stdin.flush()
            session.stdout.readline()
            self.send(last)
            time.sleep(0.5)
            output, _ = session.communicate("LOCK TABLE plain IN SHARE MODE;\nCOMMIT;\n", timeout=30)
            self.detail = "the session gave way" if "deadlock" in output else ""
        finally:
            if session.poll() is None:
                session.kill()
                session.wait()

    def count(self):
        try:
            return int(self.server.value("SELECT count(*) FROM plain", self.database))
        except AssertionError:
            return -1  # the server is away

    def settle(self):
        """Workers that have died are started again, until everything is there."""
        deadline = time.monotonic() + 40
        while time.monotonic() < deadline:
            if not any(process.poll() is None for process in self.processes):
                self.start()
            if self.count() >= len(self.valid):
                break
            time.sleep(0.1)
        for process in self.processes:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGCONT)
                kit.stop(process)
        self.environment = {}
        last = kit.busbar("run", "--once", "--json", "--only", EVENT, "--config", self.config)
        return last.returncode

    def log(self):
        with open(os.path.join(self.folder, "log"), encoding="utf-8", errors="replace") as file:
            return file.read()

    def was_met(self):
        """Whether the fault came about, where that is not sure."""
        if self.fault == "kill_point":
            return bool(os.listdir(os.path.join(self.folder, "notes")))
        if self.fault == "commit_without_answer":
            return self.detail == "seen"
        if self.fault == "deadlock":
            return bool(self.detail) or "40P01" in self.log()
        if self.fault == "disk_full":
            return "53100" in self.log()
        return True

    def check(self):
        ids = collections.Counter(row[0] for row in self.sql("SELECT event_id FROM plain"))
        wanted = {event for event, _ in self.valid}
        letters = {letter["value"]: letter["headers"] for letter in kit.consume(self.broker.bootstrap, self.topic + ".dlq")}
        bad = {line for _, line in self.bad}
        self.detail += "; ".join({str(headers.get("busbar.reason")) for line, headers in letters.items() if line not in bad})
        return {"lost": len(wanted - set(ids)), "duplicates": sum(count - 1 for count in ids.values()),
                "foreign": len(set(ids) - wanted), "letters_lost": len(bad - set(letters)),
                "letters_foreign": len(set(letters) - bad)}

    def go(self):
        begin, self.detail = time.monotonic(), ""
        result = {"seed": self.seed, "fault": self.fault, "settings": self.prepare()}
        lines = self.make_events()
        self.arm()
        self.send(lines[:300])
        self.start()
        kit.wait_for(lambda: self.count() > 0, timeout=40)
        rest = lines[300:1200] if self.fault == "deadlock" else lines[300:]
        loader = threading.Thread(target=self.load, args=(rest,))
        loader.start()
        self.make_fault(lines[1200:])
        loader.join()
        result["last"] = self.settle()
        result["met"] = self.was_met()
        result.update(self.check(), starts=self.starts, detail=self.detail, seconds=round(time.monotonic() - begin, 1))
        result["good"] = not any(result[name] for name in ("lost", "duplicates", "foreign", "letters_lost", "letters_foreign", "last"))
        return result

    def close(self, keep):
        for process in self.processes:
            self.kill(process)
        self.proxy.close()
        if not keep:
            shutil.rmtree(self.folder, ignore_errors=True)


SETTINGS = "deadlock_timeout = '100ms'\nmax_connections = 60"


class Places:
    """A cluster and a broker for each run that goes on at one time, used again and again."""

    def __init__(self):
        self.free, self.all = queue.SimpleQueue(), []

    def take(self):
        try:
            return self.free.get_nowait()
        except queue.Empty:
            self.all.append((postgres.Postgres(SETTINGS), kit.Broker()))
            return self.all[-1]

    def close(self):
        for server, broker in self.all:
            broker.close()
            server.close()


def perform(places, seed, fault, keep=False):
    """One run; what went wrong with the run itself is in `trouble`."""
    place = places.take()
    run = Run(seed, fault, *place)
    result = {"seed": seed, "fault": run.fault, "good": False}
    try:
        result.update(run.go())
    except (AssertionError, OSError, subprocess.SubprocessError) as error:
        result["trouble"] = "".join(traceback.format_exception_only(error)).strip()[-500:]
    finally:
        run.close(keep or not result["good"])
        places.free.put(place)
    return result if result["good"] else {**result, "folder": run.folder}


def print_table(results):
    by_fault = collections.defaultdict(list)
    for result in results:
        by_fault[result["fault"]].append(result)
    print("| fault | runs | met | rows | lost | duplicates | dead letters lost | failed |\n|---|---|---|---|---|---|---|---|")
    for fault, runs in [*sorted(by_fault.items()), ("all", results)]:
        total = {name: sum(run.get(name, 0) for run in runs) for name in ("met", "lost", "duplicates", "letters_lost")}
        print(f"| {fault} | {len(runs)} | {total['met']} | {len(runs) * EVENTS} | {total['lost']} | {total['duplicates']} | "
              f"{total['letters_lost']} | {sum(not run['good'] for run in runs)} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--fault", choices=sorted(set(FAULTS)), help="this one instead of drawn ones")
    parser.add_argument("--log", help="append the lines to this file too")
    parser.add_argument("--keep", action="store_true", help="keep the folders of runs that passed")
    options = parser.parse_args()
    results = []
    places = Places()
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool, contextlib.closing(places):
        runs = [pool.submit(perform, places, options.seed + number, options.fault, options.keep) for number in range(options.runs)]
        for future in concurrent.futures.as_completed(runs):
            results.append(future.result())
            line = json.dumps(results[-1])
            print(line, file=sys.stderr, flush=True)
            if options.log:
                with open(options.log, "a") as log:
                    log.write(line + "\n")
    print_table(results)
    return 0 if all(result["good"] for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
