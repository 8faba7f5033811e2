"""The frame of chaos with a store: the load, the faults that are the same for each, the verdict, the lines and the table.

It knows no store. chaos_STORE.py has a class with what its store adds: how it is started, its tables, its faults, and how it is read.

Each run: a topic and groups of their own in the embedded broker, 1,500 events of which some break the contract and some what the store
asks. The faults come after the first rows, while events go on coming. The seed draws the fault, its time, and the settings. A worker
that dies is started again, as a supervisor would. In the end the rows must be the valid events, each once, and the dead letters the
others (they may come twice). BUSBAR_BUILD names the build: a debug one has fault points. A line of JSON per run, with the command
that repeats it where it failed, a table at the end; exit code 1: a run failed."""
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

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "integration"))
import kit  # noqa: E402

EVENT, EVENTS = "customer.user_event", 1500
BAD_PAGE = "https://bad.example/"  # what constraints of the stores refuse
POINTS = ("lane.stage", "lane.flush", "lane.flushed", "lane.finish", "consume.account", "commit.sent", "commit.answer", "assign.done")
CONFIG = """kafka: {{ bootstrap.servers: "{bootstrap}", session.timeout.ms: 3000, heartbeat.interval.ms: 300 }}
drain: 3s
domains:
  customer:
    plugin: ownlens_customer
    events:
      user_event:
        topic: {topic}
        handlers: [store]
        consume: {{ group: {group}, {consume}, retry: {{ initial: 20ms, max: 200ms }} }}
handlers:
  store:
    {handler}
"""


class Proxy:
    """In front of a server. Armed with bytes, it lets what has them through and never the answer; or it cuts everything off."""

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
                if source == "client" and self.armed and self.armed in data:
                    self.armed, pair["mute"] = None, True
                if source == "server" and pair["mute"]:  # the answer is here: the rows are stored, and nobody is told
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
    """One run. What a store has to add, or may, is in the first part."""
    script = None    # its file
    faults = ()      # their names, drawn as often as they are here; fault_NAME makes one, arm_NAME prepares it before the start
    held_back = ()   # faults that send the last 300 events themselves
    groups = 1       # consumer groups that store into the same table: so often is each event there
    orders = ("key", "key", "none", "partition")
    batches, flushes = (20, 100, 500), (20, 50, 150)
    kcat = ()        # further arguments

    @staticmethod
    def open():
        """A server for all runs of a job; its close() ends it."""
        raise NotImplementedError

    def prepare(self):
        """Makes what is to be there before the start."""

    def handler(self):
        """The handler's configuration, indented by four."""
        raise NotImplementedError

    def dress(self, event):
        """Changes an event; true: the store will refuse it."""
        return False

    def count(self):
        """Rows in the store, quickly; any exception: it cannot be asked now."""
        raise NotImplementedError

    def ids(self):
        """{reader: the event_id of each row}, with each reader that there is."""
        raise NotImplementedError

    def examine(self):
        """What else is wrong in the store, as texts."""
        return []

    def clean(self):
        """Removes what the run left in the store."""

    # The frame
    def __init__(self, seed, fault, server, broker):
        self.seed, self.server, self.broker = seed, server, broker
        self.dice = random.Random(seed)
        drawn = self.dice.choice(self.faults)
        self.fault = fault or drawn
        self.topic = f"chaos-{seed}-{uuid.uuid4().hex[:8]}"
        self.folder = tempfile.mkdtemp(prefix="busbar-store-chaos-")
        self.workers, self.environment, self.closing = [], {}, []
        self.detail, self.met = "", lambda: True  # whether the fault came about, asked at the end

    def settings(self):
        dice = self.dice
        return (f"order: {dice.choice(self.orders)}, concurrency: {dice.choice((1, 2, 3))}, "
                f"batch_records: {dice.choice(self.batches)}, flush_interval: {dice.choice(self.flushes)}ms, "
                f"commit_interval: {dice.choice((50, 200, 3000))}ms")

    def write_config(self, name, group=0, consume="", handler=None):
        path = os.path.join(self.folder, name)
        with open(path, "w") as out:
            out.write(CONFIG.format(bootstrap=self.broker.bootstrap, topic=self.topic, group=f"{self.topic}-{group}", consume=consume or
                                    "order: partition", handler=handler or self.handler()))
        return path

    def busbar(self, *arguments):
        result = kit.busbar(*arguments)
        if result.returncode != 0:
            raise AssertionError(f"busbar {arguments[0]}: {result.stderr.decode()}")
        return result.stdout

    def make_events(self):
        lines = self.busbar("generate", EVENT, "-n", str(EVENTS), "--seed", str(self.seed)).splitlines()
        self.valid, self.bad, self.refused = [], [], 0
        for number, line in enumerate(lines):
            event = json.loads(line)
            event["event_id"] = str(uuid.UUID(int=(self.seed << 64) + number, version=4))
            refused = self.dress(event)
            line = json.dumps(event).encode()
            broken = self.dice.random() < 0.01
            if broken:
                line = line[:-1]
            (self.bad if broken or refused else self.valid).append((event["event_id"], line))
            self.refused += refused and not broken
            lines[number] = json.dumps(event["user_id"]).encode() + b"\t" + line
        return lines

    def send(self, lines):
        result = subprocess.run(["kcat", "-P", "-q", "-b", self.broker.bootstrap, "-t", self.topic, "-K", "\t", *self.kcat],
                                input=b"\n".join(lines) + b"\n", env=kit.without_preload(), timeout=60)
        if result.returncode != 0:
            raise AssertionError("kcat could not send")

    def load(self, lines):
        for at in range(0, len(lines), 100):
            self.send(lines[at:at + 100])
            time.sleep(0.05)

    def start(self, config=None):
        config = config or self.configs[0]
        with open(os.path.join(self.folder, "log"), "ab") as log:
            process = subprocess.Popen([kit.BUSBAR, "run", "--only", EVENT, "--config", config], stdin=subprocess.DEVNULL, stdout=log,
                                       stderr=log, start_new_session=True, env=kit.environment(**self.environment))
        self.workers.append((config, process))
        return process

    @property
    def first(self):
        return self.workers[0][1]

    def kill(self, process):
        """Supervisor and worker are a process group."""
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def log(self):
        with open(os.path.join(self.folder, "log"), encoding="utf-8", errors="replace") as file:
            return file.read()

    def is_logged(self, *words):
        self.met = lambda: any(word in self.log() for word in words)

    # Faults that know no store
    def arm_kill_point(self):
        """SIGKILL to the worker at a point around the store."""
        notes = os.path.join(self.folder, "notes")
        os.mkdir(notes)
        point = self.dice.choice(POINTS)
        self.detail = f"{point}:{self.dice.randint(1, 1 if point.startswith(('commit', 'assign')) else 4)}:kill"
        self.environment = {"BB_FAULT": self.detail, "BB_FAULT_NOTES": notes}
        self.met = lambda: bool(os.listdir(notes))

    def fault_kill_point(self):
        pass

    def fault_kill_any_time(self):
        self.kill(self.first)

    def fault_zombie(self):
        """Stopped until another has its partitions; then it wakes."""
        os.killpg(self.first.pid, signal.SIGSTOP)
        self.start()
        time.sleep(3.5)
        os.killpg(self.first.pid, signal.SIGCONT)

    def rows(self):
        try:
            return self.count()
        except Exception:  # the server is away
            return -1

    def settle(self):
        """Workers that have died are started again, until everything is there; then each group is read to its end."""
        deadline = time.monotonic() + 40
        while time.monotonic() < deadline and self.rows() < len(self.valid) * self.groups:
            for config in self.configs:
                if not any(process.poll() is None for own, process in self.workers if own == config):
                    self.start(config)
            time.sleep(0.1)
        for _, process in self.workers:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGCONT)
                kit.stop(process)
        ended = [kit.busbar("run", "--once", "--json", "--only", EVENT, "--config", config) for config in self.configs]
        return max((result.returncode for result in ended), key=abs)

    def check(self):
        wanted = {event: self.groups for event, _ in self.valid}
        found = {"lost": 0, "duplicates": 0, "foreign": 0}
        for ids in self.ids().values():  # the worst that any reader sees
            count = collections.Counter(ids)
            seen = {"lost": sum(max(wanted[event] - count[event], 0) for event in wanted),
                    "duplicates": sum(max(number - wanted.get(event, number), 0) for event, number in count.items()),
                    "foreign": len(set(count) - set(wanted))}
            found = {name: max(found[name], seen[name]) for name in found}
        letters = {letter["value"]: letter["headers"] for letter in kit.consume(self.broker.bootstrap, self.topic + ".dlq")}
        bad = {line for _, line in self.bad}
        self.detail += "; ".join({str(headers.get("busbar.reason")) for line, headers in letters.items() if line not in bad})
        return {**found, "dead": len(bad), "refused": self.refused, "letters_lost": len(bad - set(letters)),
                "letters_foreign": len(set(letters) - bad), "invalid": self.examine()}

    def go(self):
        begin = time.monotonic()
        consume = self.settings()
        self.prepare()
        self.configs = [self.write_config(f"group-{group}.yaml", group, consume) for group in range(self.groups)]
        lines = self.make_events()
        getattr(self, "arm_" + self.fault, lambda: None)()
        self.send(lines[:300])
        for config in self.configs:
            self.start(config)
        kit.wait_for(lambda: self.rows() > 0, timeout=60)
        rest, self.held = (lines[300:1200], lines[1200:]) if self.fault in self.held_back else (lines[300:], [])
        loader = threading.Thread(target=self.load, args=(rest,))
        loader.start()
        try:
            time.sleep(self.dice.random() * 0.6)
            getattr(self, "fault_" + self.fault)()
        finally:
            loader.join()
        self.environment = {}
        result = {"settings": consume, "last": self.settle(), "met": self.met(), "rows": len(self.valid) * self.groups}
        result.update(self.check(), starts=len(self.workers), detail=self.detail, seconds=round(time.monotonic() - begin, 1))
        result["good"] = not any(result[name] for name in ("lost", "duplicates", "foreign", "letters_lost", "letters_foreign", "last",
                                                           "invalid"))
        return result

    def close(self, keep):
        for _, process in self.workers:
            self.kill(process)
        for part in self.closing:
            part.close()
        if not keep:
            self.clean()
            shutil.rmtree(self.folder, ignore_errors=True)


class Places:
    """A server and a broker for each run that goes on at one time, used again and again."""

    def __init__(self, kind):
        self.kind, self.free, self.all = kind, queue.SimpleQueue(), []

    def take(self):
        try:
            return self.free.get_nowait()
        except queue.Empty:
            self.all.append((self.kind.open(), kit.Broker()))
            return self.all[-1]

    def close(self):
        for server, broker in self.all:
            broker.close()
            server.close()


def perform(places, seed, fault=None, keep=False):
    """One run; what went wrong with the run itself is in `trouble`."""
    place = places.take()
    run = places.kind(seed, fault, *place)
    result = {"store": run.script, "seed": seed, "fault": run.fault, "good": False}
    try:
        result.update(run.go())
    except (AssertionError, OSError, subprocess.SubprocessError) as error:
        result["trouble"] = "".join(traceback.format_exception_only(error)).strip()[-500:]
    finally:
        run.close(keep or not result["good"])
        places.free.put(place)
    if not result["good"]:
        forced = f" --fault {fault}" if fault else ""
        result.update(folder=run.folder, repeat=f"tests/storage/{run.script} --runs 1 --seed {seed}{forced}")
    return result


def print_table(results):
    by_fault = collections.defaultdict(list)
    for result in results:
        by_fault[result["fault"]].append(result)
    print("| fault | n | met | rows | lost | duplicates | dead letters | of the store | dead letters lost | store invalid | failed |")
    print("|---" * 11 + "|")
    for fault, runs in [*sorted(by_fault.items()), ("all", results)]:
        names = ("met", "rows", "lost", "duplicates", "dead", "refused", "letters_lost")
        sums = [len(runs)] + [sum(run.get(name, 0) for run in runs) for name in names]
        sums += [sum(bool(run.get("invalid")) for run in runs), sum(not run["good"] for run in runs)]
        print(f"| {fault} | " + " | ".join(f"{number:,}" for number in sums) + " |")


def main(kind):
    parser = argparse.ArgumentParser(description=(sys.modules["__main__"].__doc__ or "") + "\n\n" + __doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--fault", choices=sorted(set(kind.faults)), help="this one instead of drawn ones")
    parser.add_argument("--log", help="append the lines to this file too")
    parser.add_argument("--keep", action="store_true", help="keep the folders of runs that passed")
    options = parser.parse_args()
    results, places = [], Places(kind)
    with contextlib.closing(places), concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
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
