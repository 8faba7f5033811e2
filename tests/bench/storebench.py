"""What the benchmarks of the stores share: busbar run against a topic, timed from the assignment of its partitions."""
import argparse
import glob
import json
import os
import resource
import subprocess
import sys
import threading
import time
import uuid

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "storage"))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "integration"))
import kit  # noqa: E402

EVENT = "customer.user_event"


def say(text):
    print(text, file=sys.stderr, flush=True)


def cpu_of(pid):
    """CPU seconds of one process so far, with those of its children that have ended."""
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def children(pid):
    """A process that ends meanwhile has none."""
    found = []
    for path in glob.glob(f"/proc/{pid}/task/*/children"):
        try:
            with open(path) as file:
                found += [int(child) for child in file.read().split()]
        except OSError:
            pass
    return found


def cpu_of_children():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def with_id(line):
    event = json.loads(line)
    event["event_id"] = str(uuid.uuid4())
    return json.dumps(event).encode() + b"\n"


def options(description, **defaults):
    """A parser with the options that all of them have; None is busbar's default."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=200000)
    parser.add_argument("--rounds", type=int, default=3)
    for name, meaning in (("lanes", "concurrency"), ("batch", "batch_records"), ("window", "in_flight_records")):
        parser.add_argument("--" + name, type=int, default=defaults.get(name),
                            help=f"consume.{meaning} (default {defaults.get(name, 'of busbar')})")
    parser.add_argument("--bootstrap", help="a Kafka that is there (default: one of its own)")
    parser.add_argument("--build", default=os.path.join(kit.ROOT, "build-bench"), help="a release build (default build-bench)")
    return parser


class Run:
    """One `busbar run --once` that has ended: `begin` is the moment its partitions were assigned (by time.time()), `cpu` the CPU seconds
    from then to the end of the process, `peak` the highest memory of the worker in MiB."""

    def __init__(self, command):
        before, self.begin, self.peak, log = cpu_of_children(), None, 0, []
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=kit.environment(), text=True)
        watcher = threading.Thread(target=self.watch, args=(process,))
        watcher.start()
        for line in process.stderr:
            log.append(line)
            if " assigned: " in line and self.begin is None:
                self.begin = time.time()
                before += cpu_of(process.pid) + sum(map(cpu_of, children(process.pid)))
        watcher.join()
        if process.wait() != 0 or self.begin is None:
            raise SystemExit("busbar run: " + "".join(log)[-2000:])
        self.cpu = cpu_of_children() - before

    def watch(self, process):
        while process.poll() is None:
            for child in children(process.pid):
                try:
                    with open(f"/proc/{child}/status") as file:
                        peak = next((int(line.split()[1]) for line in file if line.startswith("VmHWM")), 0)
                except OSError:
                    continue
                self.peak = max(self.peak, peak / 1024)
            time.sleep(0.05)


class StoreBench:
    """A topic of its own; `config(name)` of the benchmark writes a configuration with a group of that name."""

    def __init__(self, options, bootstrap, server, folder, topic):
        self.options, self.bootstrap, self.server, self.folder = options, bootstrap, server, folder
        self.busbar = os.path.join(options.build, "bin", "busbar")
        self.topic = f"{topic}-{uuid.uuid4().hex[:8]}"
        self.peak = 0

    def written(self, name, text):
        path = os.path.join(self.folder, name + ".yaml")
        with open(path, "w") as out:
            out.write(text)
        return path

    def call(self, *arguments, **more):
        result = subprocess.run([self.busbar, *arguments], capture_output=True, env=kit.environment(), **more)
        if result.returncode != 0:
            raise SystemExit(f"busbar {arguments[0]}: {result.stderr.decode()[-2000:]}")
        return result.stdout

    def publish(self, config, partitions, own_ids=True):
        """Events in the topic, with an id of their own each unless they may be as they were invented; gives the lines."""
        self.call("topics", "apply", "--partitions", str(partitions), "--config", config)
        text = self.call("generate", EVENT, "-n", str(self.options.events), "--config", config)
        if own_ids:
            text = b"".join(map(with_id, text.splitlines()))
        self.call("publish", EVENT, "-", "--config", config, input=text)
        return text

    def run(self, config):
        run = Run([self.busbar, "run", "--once", "--only", EVENT, "--config", config])
        self.peak = max(self.peak, run.peak)
        return run

    def memory(self):
        """The bound is that of the batch settings: in_flight_bytes and in_flight_records, which all lanes share."""
        lanes = self.options.lanes or 1
        return f"memory of the worker: at most {self.peak:.0f} MiB, {self.peak / lanes:.0f} for each lane"
