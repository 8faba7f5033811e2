"""What the integration tests share: where the binary is, brokers that end with the test, and readers that know nothing of busbar.

Environment
  BUSBAR_BUILD            build folder with bin/busbar (default build-debug of the project)
  BUSBAR_RDKAFKA_PRELOAD  another librdkafka, loaded in front of the one that busbar was linked with
  BUSBAR_KAFKA_RUNNING    PORT of a real Kafka of one node that runs already (with its BUSBAR_KAFKA_DIR): the tests of
                          groups use it and leave it running
  BUSBAR_KAFKA_JARS       where the jars of the real Kafka are kept
  BUSBAR_KAFKA=require    a real Kafka that cannot be had is an error, not a skipped test
"""
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.abspath(os.environ.get("BUSBAR_BUILD", os.path.join(ROOT, "build-debug")))
BUSBAR = os.path.join(BUILD, "bin", "busbar")
KAFKA_SH = os.path.join(ROOT, "tests", "kafka", "kafka.sh")
DOMAINS = ("customer", "editorial", "company", "security", "compliance", "audit", "data_quality", "ml_models")
EVENTS = ("audit.audit_log", "company.internal_content", "compliance.compliance_event", "customer.session",
          "customer.user_event", "data_quality.quality_metric", "editorial.article", "editorial.content_event",
          "ml_models.model_prediction", "security.security_event")


def environment(**more):
    """The environment for busbar: nothing from the user's configuration, and the chosen librdkafka."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("BUSBAR_", "KAFKA_"))}
    preload = os.environ.get("BUSBAR_RDKAFKA_PRELOAD")
    if preload:
        env["LD_PRELOAD"] = preload
    env.update(more)
    return env


def without_preload():
    """The environment for kcat and other tools: the librdkafka of the distribution."""
    return {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}


def busbar(*arguments, stdin=None, timeout=120, **more):
    """Runs busbar to its end; stdin and both outputs are bytes."""
    return subprocess.run([BUSBAR, *arguments], input=stdin if stdin is not None else b"", capture_output=True,
                          timeout=timeout, env=environment(), **more)


def spawn(*arguments, **more):
    """Starts busbar with pipes; the caller ends it."""
    more = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **more}
    return subprocess.Popen([BUSBAR, *arguments], env=environment(), **more)


def stop(process, number=signal.SIGTERM, timeout=60):
    """Ends a process that was started here, by its id; returns its exit code."""
    if process.poll() is None:
        process.send_signal(number)
    try:
        return process.wait(timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise


def wait_for(what, timeout=30, every=0.02):
    """Waits until what() is true and returns it; fails the test when that takes too long."""
    end = time.monotonic() + timeout
    while True:
        result = what()
        if result:
            return result
        if time.monotonic() > end:
            raise AssertionError(f"did not happen within {timeout} s: {getattr(what, '__doc__', None) or what}")
        time.sleep(every)


def json_lines(data):
    return [json.loads(line) for line in data.splitlines()]


def write_config(folder, bootstrap, text=None, name="busbar.yaml"):
    """A configuration with the eight OwnLens domains, or with `text` behind the kafka section."""
    if text is None:
        text = "domains:\n" + "".join(f"  {domain}: {{ plugin: ownlens_{domain} }}\n" for domain in DOMAINS)
    path = os.path.join(folder, name)
    with open(path, "w") as out:
        out.write(f'kafka: {{ bootstrap.servers: "{bootstrap}" }}\n{text}')
    return path


def free_ports(count, apart=1):
    """The first of `count` free ports of loopback, each `apart` from the next (and the one above each). Below those that the system
    hands out: a client that tries a broker that is down could else be given that very port, connect to itself and keep it."""
    for _ in range(200):
        first = random.SystemRandom().randrange(10000, 32000 - apart * count)
        if all(port_is_free(first + apart * i) and port_is_free(first + apart * i + 1) for i in range(count)):
            return first
    raise RuntimeError("no free ports")


def port_is_free(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def examples(event):
    """The published example events of an event type as lines, or a skipped test where the folder is not there."""
    for folder in (os.environ.get("BUSBAR_CONTRACTS"), os.path.join(ROOT, "tests", "data", "ownlens", "examples"),
                   os.path.join(os.path.dirname(ROOT), "shared", "contracts", "examples")):
        path = folder and os.path.join(folder, event + ".jsonl")
        if path and os.path.exists(path):
            with open(path, "rb") as file:
                return file.read().splitlines()
    raise unittest.SkipTest(f"no example events of {event} here")


def generated(event, count, seed=1):
    """Valid events made by `busbar generate`, as lines."""
    result = busbar("generate", event, "-n", str(count), "--seed", str(seed), "--config",
                    os.path.join(ROOT, "config", "busbar.yaml"))
    if result.returncode != 0:
        raise AssertionError(result.stderr.decode())
    return result.stdout.splitlines()


class Broker:
    """`busbar broker`, a process of its own. As a context: ends with the block."""

    def __init__(self, *arguments):
        self.process = spawn("broker", *arguments)
        line = self.process.stdout.readline().decode()
        if not line.startswith("bootstrap.servers="):
            self.process.kill()
            raise AssertionError(f"busbar broker: {line!r} {self.process.stderr.read().decode()}")
        self.bootstrap = line.strip().split("=", 1)[1]

    def close(self):
        code = stop(self.process)
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            stream.close()
        return code

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Kafka:
    """A real Kafka on free ports with its state in a temp folder. Skips the test where it cannot be had."""

    def __init__(self, nodes=1, properties=""):
        self.nodes = nodes
        self.folder = tempfile.mkdtemp(prefix="busbar-kafka-")
        first = free_ports(nodes, 100)
        self.bootstrap = ",".join(f"127.0.0.1:{first + 100 * i}" for i in range(nodes))
        self.env = {**without_preload(), "BUSBAR_KAFKA_DIR": self.folder, "BUSBAR_KAFKA_PORT": str(first),
                    "BUSBAR_KAFKA_PROPS": properties}

    def kit(self, *arguments, timeout=180):
        return subprocess.run([KAFKA_SH, *arguments], env=self.env, capture_output=True, text=True, timeout=timeout,
                              stdin=subprocess.DEVNULL)

    def checked(self, *arguments, **more):
        result = self.kit(*arguments, **more)
        if result.returncode != 0:
            raise AssertionError(f"kafka.sh {' '.join(arguments)}: {result.stdout}{result.stderr}")
        return result.stdout

    @classmethod
    def shared(cls, properties=""):
        """The one that runs already, when there is one, else one of its own, started."""
        port = os.environ.get("BUSBAR_KAFKA_RUNNING")
        if not port:
            return cls(properties=properties).start()
        kafka = cls()
        shutil.rmtree(kafka.folder)
        kafka.folder = None
        kafka.bootstrap = f"127.0.0.1:{port}"
        kafka.env.update(BUSBAR_KAFKA_DIR=os.environ["BUSBAR_KAFKA_DIR"], BUSBAR_KAFKA_PORT=port)
        return kafka

    def start(self):
        missing = [tool for tool in ("java", "mvn") if not shutil.which(tool)]
        fetched = None if missing else self.kit("fetch", timeout=900)
        if missing or fetched.returncode != 0:
            self.close()
            reason = f"no {' and no '.join(missing)}" if missing else f"its jars cannot be fetched: {fetched.stderr[-300:]}"
            if os.environ.get("BUSBAR_KAFKA") == "require":
                raise AssertionError(f"no real Kafka: {reason}")
            raise unittest.SkipTest(f"no real Kafka: {reason}")
        self.checked("start", str(self.nodes))
        return self

    def topic(self, name, partitions=6, *arguments):
        """Made, and led. With one node and nothing special by a program of librdkafka: a JVM for each topic costs seconds."""
        if arguments or self.nodes > 1:
            self.checked("topic", "--create", "--topic", name, "--partitions", str(partitions), *arguments)
            return
        self.client("create", name, str(partitions))
        for partition in range(partitions):
            wait_for(lambda at=partition: self.client("leader", name, str(at), check=False).returncode == 0)

    def client(self, verb, *arguments, check=True):
        """A verb of tests/broker/topics.c, built on first use."""
        program = os.path.join(self.env["BUSBAR_KAFKA_DIR"], "topics")
        if not os.path.exists(program):
            flags = subprocess.run(["pkg-config", "--cflags", "--libs", "rdkafka"], check=True, capture_output=True,
                                   text=True).stdout.split()
            fresh = f"{program}.{os.getpid()}"
            subprocess.run(["cc", "-o", fresh, os.path.join(ROOT, "tests", "broker", "topics.c"), *flags], check=True)
            os.replace(fresh, program)
        result = subprocess.run([program, verb, self.bootstrap, *arguments], env=without_preload(), capture_output=True, text=True,
                                timeout=180, stdin=subprocess.DEVNULL)
        if check and result.returncode != 0:
            raise AssertionError(f"topics {verb} {' '.join(arguments)}: {result.stdout}{result.stderr}")
        return result

    def topics(self):
        result = subprocess.run(["kcat", "-L", "-J", "-b", self.bootstrap], env=without_preload(), capture_output=True, timeout=60,
                                stdin=subprocess.DEVNULL)
        if result.returncode != 0:
            raise AssertionError(f"kcat -L: {result.stderr.decode()}")
        return {topic["topic"] for topic in json.loads(result.stdout)["topics"]}

    def node(self, verb, number=1):
        """verb: start, stop, kill, pause, resume."""
        self.checked("node-" + verb, str(number))

    def close(self):
        if not self.folder:
            return
        self.kit("wipe")
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.close()


def consume(bootstrap, topic, timeout=60):
    """Every record of a topic, read with kcat: dicts of topic, partition, offset, key, headers, value (bytes)."""
    # Lengths in front of the fields: keys and values may hold any byte.
    form = "%p %o %K %S %T\\n%h\\n%k%s\\n"
    result = subprocess.run(["kcat", "-C", "-q", "-b", bootstrap, "-t", topic, "-e", "-f", form], capture_output=True,
                            timeout=timeout, env=without_preload(), stdin=subprocess.DEVNULL)
    if result.returncode != 0:
        raise AssertionError(f"kcat: {result.stderr.decode()}")
    data, at, records = result.stdout, 0, []

    def until_newline():
        nonlocal at
        begin, at = at, data.index(b"\n", at) + 1
        return data[begin:at - 1]

    def take(size):
        nonlocal at
        begin, at = at, at + max(size, 0)
        return None if size < 0 else data[begin:at]

    while at < len(data):
        partition, offset, key_size, size, timestamp = map(int, until_newline().split())
        headers = until_newline().decode()
        records.append({"topic": topic, "partition": partition, "offset": offset, "timestamp": timestamp,
                        "headers": dict(part.split("=", 1) for part in headers.split(",") if "=" in part),
                        "key": take(key_size), "value": take(size)})
        at += 1
    return sorted(records, key=lambda record: (record["partition"], record["offset"]))


def murmur2(data):
    """The hash of Kafka's Java client and of kafka-python, written from its description."""
    mask = 0xFFFFFFFF
    value = (0x9747B28C ^ len(data)) & mask
    whole = len(data) // 4 * 4
    for at in range(0, whole, 4):
        word = int.from_bytes(data[at:at + 4], "little") * 0x5BD1E995 & mask
        word = (word ^ word >> 24) * 0x5BD1E995 & mask
        value = value * 0x5BD1E995 & mask ^ word
    if whole < len(data):
        value = (value ^ int.from_bytes(data[whole:], "little")) * 0x5BD1E995 & mask
    value = (value ^ value >> 13) * 0x5BD1E995 & mask
    return value ^ value >> 15


def partition_of(key, partitions):
    """Where the Java client and kafka-python put a key."""
    return (murmur2(key) & 0x7FFFFFFF) % partitions
