"""One run: a seed decides the settings of busbar and the load; faults happen while it works; then it settles, and the ledger that
was kept of it is checked."""
import itertools
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zlib

HERE = os.path.dirname(os.path.abspath(__file__))
for folder in (HERE, os.path.join(os.path.dirname(HERE), "broker")):
    sys.path.insert(0, folder)
import checker  # noqa: E402
import tools  # noqa: E402
from tools import kit  # noqa: E402

TURN = 0.01
# Not the SEGV and ABRT of plugins that die because a fault says so.
SANITIZER = re.compile(r"(AddressSanitizer: (?!SEGV|ABRT|deadly)|LeakSanitizer: |runtime error: |ThreadSanitizer: ).*")
NUMBERS = itertools.count(1)
PARTITIONS = 4       # what the embedded broker makes
WATCHED = 8          # partitions may be added
OFFSETS_PARTITIONS = 4  # of __consumer_offsets, tests/kafka/kafka.sh
LOAD_SECONDS = 1.2
CONFIG = """kafka: {{ bootstrap.servers: "{bootstrap}", session.timeout.ms: {session}, heartbeat.interval.ms: {beat},
  reconnect.backoff.ms: 20, reconnect.backoff.max.ms: 250, socket.timeout.ms: {socket_timeout},
  max.poll.interval.ms: 6000 {properties} }}
plugins: {{ path: ["{plugins}"] }}
drain: {drain}
workers: {{ deadline: {{ record: {deadline}, call: {deadline} }} }}
domains:
  chaos:
    plugin: chaos
    events:
      event:
        topic: {topic}
        settings: {{ folder: "{folder}" }}
        consume: {{ group: {group}, order: {order}, concurrency: {concurrency}, batch_records: {batch}, in_flight_records: {in_flight},
          flush_interval: {flush}ms, commit_interval: {commit}ms, retry: {{ {retry}, initial: 10ms, max: 100ms }} {consume} }}
        handlers: [{handler}]
handlers:
  {handler}: {settings}
"""


def use_librdkafka(parser, path):
    """Another librdkafka for busbar, from the command line."""
    if path and not os.path.exists(path):
        parser.error(f"no librdkafka at {path}")
    if path:
        os.environ["BUSBAR_RDKAFKA_PRELOAD"] = os.path.abspath(path)


def provenance():
    """What is tried: the librdkafka that busbar runs with, and the commit of the sources beside this file."""
    told = kit.busbar("version", "--verbose")
    version = re.search(rb"librdkafka +([0-9.]+)", told.stdout)
    if told.returncode or not version:
        raise SystemExit(f"{kit.BUSBAR} version: {told.stderr.decode()}")
    commit = subprocess.run(["git", "-C", kit.ROOT, "describe", "--always", "--dirty", "--exclude=*"], capture_output=True, text=True)
    return {"librdkafka": version[1].decode(), "build": commit.stdout.strip() or "unknown"}


def make_value(run, key, seq, what, fault):
    """A good value, one to be dropped, or a poisoned one of several kinds."""
    body = f"body of {seq} of {key}"
    crc = checker.body_crc(run, key, seq, body)
    word = f'"do":"{what}",' if what else ""
    text = f'{{"run":"{run}","key":"{key}","seq":{seq},{word}"body":"{body}","crc":"{crc}"}}'
    if fault == 1:
        return text[:-7].encode()                                             # cut off
    if fault == 2:
        return text.replace(f'"seq":{seq}', f'"seq":"{seq}"').encode()        # a text where a number is wanted
    if fault == 3:
        return text.replace('"body"', '"bod\\u0079s"').encode() + b"\xff\xfe"   # another member, and bytes that are no UTF-8
    return text.encode()


class Wrong(Exception):
    """What busbar did, and no trouble of the driver's: such a run is not made again."""


class Broker:
    """Where a tier keeps its events: how to reach it and how to read it."""

    def __init__(self, tier, bootstrap, tool_folder, kafka=None, process=None):
        self.tier, self.bootstrap, self.kafka, self.process = tier, bootstrap, kafka, process
        self.tools = tools.Tools(tool_folder, bootstrap)
        self.tool_folder = tool_folder

    def dump(self, topic, path):
        """The topic as it stands; nothing where there is no such topic."""
        with open(path, "wb") as out:
            result = subprocess.run([os.path.join(self.tool_folder, "wire"), "read", self.bootstrap, topic], stdout=out,
                                    stderr=subprocess.PIPE, timeout=120, env=kit.without_preload(), stdin=subprocess.DEVNULL)
        if result.returncode not in (0, 4):
            raise AssertionError(f"wire read {topic}: {result.stderr.decode()}")

    def make_topic(self, topic, partitions=PARTITIONS):
        self.tools.run("topics", "create", self.bootstrap, topic, str(partitions))

    def grow_topic(self, topic, partitions):
        self.tools.run("topics", "grow", self.bootstrap, topic, str(partitions))

    def cut(self, topic, partition, offset):
        """Deletes what is before that offset, as retention does."""
        self.tools.run("topics", "cut", self.bootstrap, topic, str(partition), str(offset))

    def leader(self, topic, partition):
        """Number of the node."""
        return int(self.tools.run("topics", "leader", self.bootstrap, topic, str(partition)))

    def coordinator(self, group):
        """Number of the node that has the group: the leader of the partition where its offsets are."""
        code = 0
        for letter in group:
            code = (31 * code + ord(letter)) & 0xffffffff
        return self.leader("__consumer_offsets", (code & 0x7fffffff) % OFFSETS_PARTITIONS)

    def revive(self):
        """Nodes that a run left dead or standing still would spoil the next one."""
        for node in range(1, self.kafka.nodes + 1 if self.kafka else 1):
            try:
                self.kafka.node("resume", node)
            except AssertionError:
                pass  # it is not there
            self.kafka.node("start", node)

    def delete_topic(self, topic):
        self.tools.run("topics", "delete", self.bootstrap, topic)

    def close(self):
        if self.kafka:
            self.kafka.close()
        if self.process:
            self.process.close()


class Run:
    """What faults act on."""

    def __init__(self, broker, seed, mode="at_least_once", records=2000, keep=False):
        self.broker, self.seed, self.mode, self.records, self.keep_folder = broker, seed, mode, records, keep
        self.chance = random.Random(f"{seed}-{broker.tier}-{mode}")
        self.name = f"chaos-{os.getpid()}-{seed}-{next(NUMBERS)}"
        self.topic, self.group = self.name, self.name
        self.folder = tempfile.mkdtemp(prefix=f"busbar-{self.name}-")
        for name in ("control", "out/sink", "drops", "notes"):
            os.makedirs(os.path.join(self.folder, name))
        self.bootstrap = broker.bootstrap
        self.environment = {}
        self.properties = self.consume = ""
        self.members, self.wanted = [], 1
        self.proxy = None
        self.others = []     # processes of faults, ended with the run
        self.exits = []
        self.problems = []
        self.repeats = self.losses = self.broker_losses = False
        self.order = self.chance.choice(["key", "key", "key", "partition", "none"])
        if self.order == "partition":
            self.control("by_partition", "")
        self.settings = {
            "order": self.order, "concurrency": self.chance.choice([0, 1, 2, 4]), "batch": self.chance.choice([1, 20, 100, 500]),
            "in_flight": self.chance.choice([50, 300, 2000]), "flush": self.chance.choice([5, 50, 200]),
            "commit": self.chance.choice([20, 100, 400]), "retry": "attempts: 3", "drain": "5s", "session": 3000, "beat": 300,
            "socket_timeout": 3000}
        self.wall_clock_is_right = True
        self.deadline = "30s"  # of calls into a plugin
        if mode != "at_least_once":
            self.consume = f", delivery: {mode}"
        if mode == "exactly_once":
            self.consume += f", transaction: {{ interval: {self.chance.choice([50, 200, 600])}ms }}"
        self.tiers = 0       # retry topics
        self.keeps_order = self.order != "none"
        if mode == "at_least_once" and self.chance.random() < 0.2:
            self.tiers = 2
            self.settings["retry"] = "mode: topics, delays: [100ms, 400ms]"
            self.keeps_order = self.order != "none" and self.chance.random() < 0.5
            if self.keeps_order:
                self.settings["retry"] += ", keep_order: true"
        self.load_done = False
        self.at_once = 0.33  # this part of the load is there before busbar starts
        self.produced = []   # (id, crc)
        self.killers = []    # (seq of all, what): records that kill their plugin
        self.settle_seconds = 40

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def note(self, text):
        """What happened, for the run's line."""
        with open(self.path("notes", text.replace(" ", "_")), "w"):
            pass

    def prepare_topics(self):
        """The embedded broker makes topics by itself, a real one does not."""
        if self.broker.kafka:
            for topic in [self.topic, self.topic + ".out"][:2 if self.mode == "exactly_once" else 1]:
                self.broker.make_topic(topic)

    # -- processes

    def write_config(self):
        with open(self.path("busbar.yaml"), "w") as out:
            out.write(CONFIG.format(bootstrap=self.bootstrap, plugins=os.path.join(kit.BUILD, "lib", "test-plugins"), topic=self.topic,
                                    group=self.group, folder=self.folder, properties=self.properties, consume=self.consume,
                                    deadline=self.deadline, handler="out" if self.mode == "exactly_once" else "sink", settings=self.handler(),
                                    **self.settings))

    def handler(self):
        """Exactly once is a matter between topics."""
        if self.mode == "exactly_once":
            return '{ plugin: kafka, topic: "{topic}.out" }'
        return f'{{ plugin: chaos, handler: sink, folder: "{self.folder}" }}'

    def start_member(self):
        with open(self.path("log"), "ab") as log:
            member = subprocess.Popen([kit.BUSBAR, "run", "--config", self.path("busbar.yaml")], stdin=subprocess.DEVNULL,
                                      stdout=subprocess.DEVNULL, stderr=log, start_new_session=True,
                                      env=kit.environment(BB_FAULT_NOTES=self.path("notes"), **self.environment))
        self.members.append(member)
        return member

    def worker_of(self, member):
        """The process that consumes: a child of the supervisor, or the member itself where there is none."""
        try:
            with open(f"/proc/{member.pid}/task/{member.pid}/children") as file:
                children = file.read().split()
        except FileNotFoundError:
            return None
        return int(children[0]) if children else member.pid

    def signal_worker(self, number, member=None):
        pid = self.worker_of(member or self.members[-1])
        if pid is None:
            return None
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return None
        return pid

    def end_member(self, member, number=signal.SIGTERM, timeout=25):
        """Stops it for good and notes how it ended."""
        if member in self.members:
            self.members.remove(member)
        if member.poll() is None:
            member.send_signal(number)
        try:
            code = member.wait(timeout)
        except subprocess.TimeoutExpired:
            self.problems.append(f"did not end {timeout} s after signal {number}")
            self.kill_all_of(member)
            code = member.wait()
        self.exits.append(code)
        return code

    def check_exit(self, code):
        """A drain ends with 0, unless what was to be drained died in it."""
        if code != 0 and not (self.repeats and code in (4, -signal.SIGKILL)):
            self.problems.append(f"exit code {code} after SIGTERM")

    def kill_all_of(self, member):
        """Supervisor and workers: they share a session that was made for them."""
        try:
            os.killpg(member.pid, signal.SIGCONT)
            os.killpg(member.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def start_proxy(self):
        """Puts the proxy between busbar and the brokers; producer and watcher stay in front of it."""
        if self.proxy:
            return
        brokers = self.broker.bootstrap.split(",")
        self.proxy = subprocess.Popen([os.path.join(kit.BUILD, "bin", "chaos_proxy"), *brokers], stdin=subprocess.PIPE,
                                      stdout=open(self.path("proxy"), "wb"), text=True)
        self.others.append(self.proxy)
        ports = []
        while len(ports) < len(brokers):
            time.sleep(TURN)
            with open(self.path("proxy")) as file:
                ports = file.read().split()
        self.bootstrap = ",".join(f"127.0.0.1:{port}" for port in ports)

    def rule(self, text):
        self.proxy.stdin.write(text + "\n")
        self.proxy.stdin.flush()

    def proxy_acts(self):
        """What the proxy did, by action and kind."""
        with open(self.path("proxy")) as file:
            return sorted({"proxy " + " ".join(line.split()[1:4]) for line in file if " " in line})

    def preload(self, **more):
        """Puts the library in front of libc that fails writes and moves the clock."""
        others = os.environ.get("BUSBAR_RDKAFKA_PRELOAD")
        library = os.path.join(kit.BUILD, "lib", "test-plugins", "chaos_preload.so")
        self.environment.update(LD_PRELOAD=f"{library}:{others}" if others else library, CHAOS_FOLDER=self.folder, **more)
        self.environment["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"

    def turn(self):
        """What a service manager does: a member that ended is started again."""
        for member in list(self.members):
            if member.poll() is not None:
                self.members.remove(member)
                self.exits.append(member.returncode)
        while len(self.members) < self.wanted:
            if len(self.exits) > 60:
                raise Wrong(f"busbar ended again and again: {self.exits[-5:]}")
            self.start_member()

    def log(self):
        with open(self.path("log"), errors="replace") as file:
            return file.read()

    def wait_for_assignment(self, seconds=6):
        """The time of faults and load begins when there are partitions; some faults let it not come to that."""
        self.wait_for(lambda: " assigned: " in self.log(), seconds)

    def sleep(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.turn()
            self.feed()
            time.sleep(TURN)

    def wait_for(self, what, seconds=10):
        end = time.monotonic() + seconds
        while not what() and time.monotonic() < end:
            self.sleep(2 * TURN)

    # -- what plugins are told

    def control(self, stage, text):
        with open(self.path("control", "new"), "w") as out:
            out.write(text)
        os.rename(self.path("control", "new"), self.path("control", stage))

    def uncontrol(self, stage):
        try:
            os.remove(self.path("control", stage))
        except FileNotFoundError:
            pass

    # -- load

    @staticmethod
    def make_value(run, key, seq):
        return make_value(run, key, seq, "", 0)

    def make_load(self):
        keys = self.chance.choice([1, 7, 40])
        numbers = [0] * keys
        killers = dict(self.killers)
        lines = []
        for i in range(self.records):
            k = self.chance.randrange(keys)
            key, seq, numbers[k] = f"k{k}", numbers[k], numbers[k] + 1
            dice = self.chance.random()
            fault = self.chance.randrange(1, 4) if dice < 0.01 and i not in killers else 0
            what = killers.get(i) or ("drop" if 0.01 <= dice < 0.02 else "")
            value = make_value(self.name, key, seq, what, fault)
            self.produced.append((f"{self.name}-{key}-{seq}", f"{zlib.crc32(value):08x}"))
            lines.append(f"-1 {1700000000000 + i} {tools.to_hex(key.encode())} {tools.to_hex(value)}\n".encode())
        return lines

    def start_load(self):
        self.lines = self.make_load()
        self.fed = 0
        self.load_began = None
        self.producer = subprocess.Popen([os.path.join(self.broker.tool_folder, "wire"), "produce", self.broker.bootstrap, self.topic],
                                         stdin=subprocess.PIPE, stdout=open(self.path("producer"), "wb"), env=kit.without_preload())
        self.feed()

    def feed(self):
        """A part at once, the rest evenly over the time of the load."""
        if self.load_done:
            return
        passed = time.monotonic() - self.load_began if self.load_began else 0
        part = min(1.0, self.at_once + passed / LOAD_SECONDS)
        until = int(part * len(self.lines))
        if until > self.fed:
            self.producer.stdin.write(b"".join(self.lines[self.fed:until]))
            self.producer.stdin.flush()
            self.fed = until
        if self.fed == len(self.lines):
            self.producer.stdin.close()
            self.load_done = True

    def finish_load(self):
        while not self.load_done:
            self.sleep(TURN)
        end = time.monotonic() + 60
        while self.producer.poll() is None and time.monotonic() < end:
            self.turn()
            time.sleep(TURN)
        if self.producer.poll() is None:
            self.producer.kill()
            self.problems.append("the producer did not end")
        self.producer.wait()
        outcomes = {}
        with open(self.path("producer")) as file:
            for line in file:
                number, status, partition, offset = line.split()
                outcomes[int(number)] = (status, partition, offset)
        with open(self.path("produced.tsv"), "a") as out:
            for i, (name, crc) in enumerate(self.produced):
                status, partition, offset = outcomes.get(i, ("unknown", "-1", "-1"))
                out.write(f"{name}\t{crc}\t{status}\t{partition}\t{offset}\n")

    # -- the watcher

    def start_watcher(self):
        self.watcher = subprocess.Popen([os.path.join(self.broker.tool_folder, "committed"), self.broker.bootstrap, self.group, self.topic,
                                         str(WATCHED), "50"], stdin=subprocess.PIPE, stdout=open(self.path("commits.tsv"), "ab"),
                                        stderr=subprocess.DEVNULL, env=kit.without_preload())

    def committed(self):
        """Last committed offset of each partition, as the watcher saw it."""
        latest = {}
        for line in checker.lines_of(self.path("commits.tsv")):
            partition, offset = line.split(b"\t")[1:3]
            latest[int(partition)] = int(offset)
        return latest

    def ends(self, dump="topic.wire"):
        """End of each partition, from a topic as it stands."""
        ends = {}
        for record in checker.wire_records(self.path(dump)):
            ends[record["partition"]] = max(ends.get(record["partition"], 0), record["offset"] + 1)
        return ends

    def settle(self):
        """Waits until everything is committed; what is missing then is the checker's to say."""
        self.broker.dump(self.topic, self.path("topic.wire"))
        ends = self.ends()
        deadline = time.monotonic() + self.settle_seconds
        while any(self.committed().get(partition, 0) < end for partition, end in ends.items()):
            if time.monotonic() > deadline:
                missing = {p: (self.committed().get(p, 0), end) for p, end in ends.items() if self.committed().get(p, 0) < end}
                self.problems.append(f"not everything was committed after {self.settle_seconds} s: {missing}")
                break
            self.sleep(0.03)

    def tier(self, number):
        """Retry topic and its group."""
        return f"{self.topic}.{self.group}.retry.{number}", f"{self.group}.retry.{number}"

    def waits_in(self, number):
        """True while a record of the retry topic has not been dealt with."""
        topic, group = self.tier(number)
        self.broker.dump(topic, self.path(f"tier.{number}.wire"))
        ends = self.ends(f"tier.{number}.wire")
        committed = self.broker.tools.committed(group, topic, max(ends, default=0) + 1)
        return any(committed.get(partition, 0) < end for partition, end in ends.items())

    def settle_tiers(self):
        """Waits until every retry topic is empty, in their order."""
        deadline = time.monotonic() + self.settle_seconds
        for number in range(1, self.tiers + 1):
            while self.waits_in(number):
                if time.monotonic() > deadline:
                    self.problems.append(f"retry topic {number} was not read to its end within {self.settle_seconds} s")
                    return
                self.sleep(0.1)

    # -- the whole

    def work(self, chosen):
        """chosen: [(name, generator function)]. Returns the line of the report."""
        began = time.monotonic()
        try:
            acts = [function(self) for _, function in chosen]
            for act in acts:
                next(act)
            self.write_config()
            with open(self.path("clock.txt" if self.wall_clock_is_right else "clock.moved"), "w") as out:
                out.write(f"{int((time.time() - time.monotonic()) * 1000000)}\n")
            self.start_watcher()
            self.start_load()
            self.start_member()
            self.wait_for_assignment()
            self.load_began = time.monotonic()
            for act in acts:
                for _ in act:
                    self.sleep(0.05)
            self.finish_load()
            self.settle()
            self.settle_tiers()
            self.stop()
            return self.judge(chosen, time.monotonic() - began)
        finally:
            self.clean()

    def stop(self):
        self.wanted = 0
        for member in list(self.members):
            self.check_exit(self.end_member(member))
        time.sleep(0.12)  # the watcher's last look
        self.watcher.stdin.close()
        self.watcher.wait(10)
        self.broker.dump(self.topic + ".dlq", self.path("dead.wire"))
        if self.mode == "exactly_once":
            os.rmdir(self.path("out", "sink"))
            self.broker.dump(self.topic + ".out", self.path("out", "topic.wire"))

    @staticmethod
    def without_order(result):
        """Where no order is promised its violations are none."""
        examples = {kind: texts for kind, texts in result["examples"].items() if kind != "order"}
        return {**result, "order": 0, "examples": examples, "ok": not examples}

    def judge(self, chosen, seconds):
        mode = self.mode
        cut = "were not finished in time" in self.log()  # a drain past its bound, because what it needs is away
        self.repeats |= cut or re.search(r"partitions of \S+ lost: ", self.log()) is not None  # by a session that ran out, say
        self.losses |= cut or "records may be lost" in self.log()  # partitions went while the answer to a commit was missing
        result = checker.check(self.folder, mode, self.repeats, self.losses, self.broker_losses)
        if not self.keeps_order:
            result = self.without_order(result)
        examples = result.pop("examples")
        found = SANITIZER.search(self.log())
        if found:
            self.problems.append(f"a sanitizer spoke: {found[0]}")
        line = {"seed": self.seed, "tier": self.broker.tier, "mode": mode, "faults": [name for name, _ in chosen],
                "fired": sorted(os.listdir(self.path("notes"))) + (self.proxy_acts() if self.proxy else []), **result, "exits": self.exits, "seconds": round(seconds, 1),
                "settings": self.settings}
        line["ok"] = bool(line["ok"] and not self.problems)
        if not line["ok"]:
            line["problems"] = self.problems
            line["examples"] = examples
        self.passed = line["ok"]
        return line

    def clean(self):
        self.wanted = 0
        for member in self.members:
            self.kill_all_of(member)
            member.wait()
        for process in [getattr(self, "producer", None), getattr(self, "watcher", None), *self.others]:
            if process and process.poll() is None:
                process.kill()
                process.wait()
        if self.keep_folder or not getattr(self, "passed", False):
            return
        shutil.rmtree(self.folder, ignore_errors=True)


def summary(line):
    """The line of the report without what is only for looking into it."""
    return json.dumps({name: value for name, value in line.items() if name not in ("settings", "exits")})
