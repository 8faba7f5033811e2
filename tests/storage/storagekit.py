"""What the tests of handlers with a store share: a broker and a folder for each test, busbar with them, and the contracts in Python."""
import datetime
import decimal
import json
import os
import signal
import subprocess
import sys
import tempfile
import unittest
import uuid

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "integration"))
import kit  # noqa: E402

EVENT, TOPIC = "customer.user_event", "customer-user-events"
SHORT = ("--set", "kafka.session.timeout.ms=3000", "--set", "kafka.heartbeat.interval.ms=300")
ALL_DOMAINS = "\n".join(f"  {domain}: {{ plugin: ownlens_{domain} }}" for domain in kit.DOMAINS)


class Case(unittest.TestCase):
    """A test with a broker of its own; `configure` of the store's own class writes self.config."""
    partitions = 4

    def setUp(self):
        temporary = tempfile.TemporaryDirectory(prefix="busbar-storage-")
        self.addCleanup(temporary.cleanup)
        self.folder = temporary.name
        self.broker = kit.Broker("--topic", f"{TOPIC}:{self.partitions}")
        self.addCleanup(self.broker.close)

    def storage(self, *arguments, expect=0):
        result = kit.busbar("storage", *arguments, "--config", self.config)
        self.assertEqual(result.returncode, expect, (result.stdout + result.stderr).decode())
        return result.stdout.decode()

    def make_topics(self, partitions, *arguments):
        result = kit.busbar("topics", "apply", "--partitions", str(partitions), "--config", self.config, *arguments)
        self.assertEqual(result.returncode, 0, result.stderr)

    def topics(self):
        """Event type: its topic."""
        listed = json.loads(kit.busbar("check", "--json", "--config", self.config).stdout)["events"]
        return {entry["event"]: entry["topic"] for entry in listed}

    def send(self, topic, lines, where=0):
        """As a producer that knows nothing of contracts, to a partition or by the key that a function makes of each line."""
        key = where if callable(where) else None
        data = b"\n".join((key(line) + b"\t" if key else b"") + line for line in lines) + b"\n"
        result = subprocess.run(["kcat", "-P", "-q", "-b", self.broker.bootstrap, "-t", topic,
                                 *(("-K", "\t") if key else ("-p", str(where)))],
                                input=data, env=kit.without_preload(), timeout=60)
        self.assertEqual(result.returncode, 0)

    def run_once(self, *arguments, expect=0, only=EVENT):
        """Reads all there is; returns the counts, of all event types together."""
        only = ("--only", only) if only else ()
        result = kit.busbar("run", "--once", "--json", *only, "--config", self.config, *SHORT, *arguments)
        self.log = result.stderr.decode()
        self.assertEqual(result.returncode, expect, self.log[-3000:])
        return json.loads(result.stdout)["all"] if result.stdout else None

    def start(self, *arguments):
        # a file takes the log, so that nobody has to read it
        log = open(os.path.join(self.folder, f"log-{uuid.uuid4().hex}"), "w+b")
        process = kit.spawn("run", "--only", EVENT, "--config", self.config, *SHORT, *arguments, stdin=subprocess.DEVNULL,
                            stdout=log, stderr=log, start_new_session=True)
        process.log = log
        self.addCleanup(log.close)
        self.addCleanup(lambda: process.poll() is None and self.kill(process))
        return process

    @staticmethod
    def kill(process):
        """The process and the workers it has, if any: they are a process group of their own."""
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    @staticmethod
    def log_of(process):
        process.log.flush()
        with open(process.log.name, "rb") as file:
            return file.read().decode()

    def letters(self, topic=TOPIC):
        return kit.consume(self.broker.bootstrap, topic + ".dlq")

    def has_letters(self):
        listing = subprocess.run(["kcat", "-L", "-b", self.broker.bootstrap], capture_output=True, env=kit.without_preload(),
                                 timeout=30).stdout.decode()
        return TOPIC + ".dlq" in listing and self.letters() != []


def user_key(line):
    return json.dumps(json.loads(line)["user_id"]).encode()


def unique(lines):
    """Events with an id of their own each."""
    made = []
    for number, line in enumerate(lines):
        event = json.loads(line)
        event["event_id"] = str(uuid.UUID(int=(1 << 96) + number, version=4))
        made.append(json.dumps(event).encode())
    return made


def bad_events(event, count):
    """Events that break their contract, as lines."""
    return kit.busbar("generate", event, "-n", str(count), "--seed", "7", "--bad", "100", "--config",
                      os.path.join(kit.ROOT, "config", "busbar.yaml")).stdout.splitlines()


def contract_of(event):
    domain, name = event.split(".")
    with open(os.path.join(kit.ROOT, "plugins", "ownlens_" + domain, "contracts", name + ".json")) as file:
        return json.load(file, parse_float=decimal.Decimal)


def plain(schema, value):
    """What the contract's annotations make of a value, read from their description in docs/contracts.md."""
    if isinstance(value, list):
        return [plain(schema.get("items", {}), item) for item in value]
    if isinstance(value, str):
        value = value.strip() if schema.get("x-busbar-trim") else value
        value = getattr(value, schema["x-busbar-case"])() if "x-busbar-case" in schema else value
        if value == "" and schema.get("x-busbar-empty") == "null":
            return None
        if schema.get("x-busbar-lax") in ("integer", "number"):
            return decimal.Decimal(value)
        if schema.get("x-busbar-lax") == "boolean":
            return value.lower() in ("true", "1", "yes", "on", "t", "y")
    return bool(value) if schema.get("x-busbar-lax") == "boolean" and value is not None else value


def left_of_demo(folder):
    """What a demo left that had this temporary folder of a test's own: folders of its store, or processes that name the folder."""
    found = [name for name in os.listdir(folder) if name.startswith("busbar-demo-")]
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                found += [pid] if folder.encode() in file.read() and int(pid) != os.getpid() else []
        except OSError:
            pass
    return found


def instant(text):
    moment = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    return moment if moment.tzinfo else moment.replace(tzinfo=datetime.timezone.utc)
