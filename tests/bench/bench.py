#!/usr/bin/env python3
"""The benchmark: engine, consuming, publishing and latency, each beside its floor in the same run. CPU seconds, medians.

  python3 tests/bench/bench.py                      everything, 1,000,000 events, 5 rounds
  python3 tests/bench/bench.py --only engine        no Kafka needed
  python3 tests/bench/bench.py --only parallel      lanes against one after the other, on the embedded broker
  python3 tests/bench/bench.py --only latency       produced to handled at 5,000 events a second
  python3 tests/bench/bench.py --events 200000 --json out.json

Builds a release in build-bench/, starts a real Kafka (tests/kafka) on loopback in a temporary folder and ends it again.
Prints a table and writes a JSON file. Environment: BUSBAR_RDKAFKA_PRELOAD runs both sides on another librdkafka."""
import argparse
import contextlib
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "integration"))
import kit  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, "build-bench")
EVENT = "customer.user_event"
TOPIC = "customer-user-events"
CONFIG = """kafka: {{ bootstrap.servers: "{bootstrap}" }}
domains:
  customer:
    plugin: ownlens_customer
    events:
      user_event:
        consume: {{ concurrency: {concurrency}, order: key, enrich: true, in_flight_records: 2000 }}
        handlers: [{handler}]
handlers:
  empty: {{ plugin: {build}/lib/bench/bench_empty_handler.so }}
  out: {{ plugin: kafka, topic: "{{topic}}-out", value: original }}
"""
PARALLEL_CONFIG = """kafka: {{ bootstrap.servers: "{bootstrap}", session.timeout.ms: 6000 }}
plugins: {{ path: ["{build}/lib/busbar/plugins"] }}
domains:
  bench:
    plugin: generic
    events:
      tick:
        schema: "{folder}/tick.json"
        topic: bench-ticks
        publish: {{ key_template: "{{key}}", key: raw, metadata: none }}
        consume: {{ concurrency: {concurrency}, order: key, group: bench-{concurrency} }}
        handlers: [sleep]
handlers:
  sleep: {{ plugin: {build}/lib/bench/bench_sleep_handler.so }}
"""
LATENCY_CONFIG = """kafka: {{ bootstrap.servers: "{bootstrap}" }}
domains:
  bench:
    plugin: generic
    events:
      tick:
        schema: "{folder}/tick.json"
        topic: {topic}
        consume: {{ concurrency: {concurrency}, order: key, group: {topic} }}
        handlers: [latency]
handlers:
  latency: {{ plugin: {build}/lib/bench/bench_latency_handler.so }}
"""
LATENCY_RATE, LATENCY_EVENTS, LATENCY_WARM = 5000, 100000, 10000
PARTS = ("engine", "consume", "publish", "exactly-once", "latency", "parallel")
TICK = {"type": "object", "properties": {"key": {"type": "integer"}, "n": {"type": "integer"}}, "required": ["key", "n"]}


def say(text):
    print(text, file=sys.stderr, flush=True)


def measured(command, stdin=None, stdout=subprocess.DEVNULL, env=None):
    """Runs a command; returns CPU seconds (user and system), wall seconds and the largest RSS in MiB."""
    begin = time.monotonic()
    process = subprocess.Popen(command, stdin=stdin, stdout=stdout, stderr=subprocess.PIPE, env=env)
    errors = process.stderr.read().decode(errors="replace")
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stderr.close()
    if process.returncode != 0:
        raise SystemExit(f"{' '.join(command)}: exit {process.returncode}\n{errors[-3000:]}")
    return {"cpu": usage.ru_utime + usage.ru_stime, "wall": time.monotonic() - begin, "rss": usage.ru_maxrss / 1024}


def median(samples, key):
    return statistics.median(sample[key] for sample in samples)


class Bench:
    def __init__(self, options, folder):
        self.options = options
        self.folder = folder
        self.busbar = os.path.join(BUILD, "bin", "busbar")
        self.corpus = os.path.join(folder, "events.jsonl")
        self.env = dict(os.environ)
        if os.environ.get("BUSBAR_RDKAFKA_PRELOAD"):
            self.env["LD_PRELOAD"] = os.environ["BUSBAR_RDKAFKA_PRELOAD"]
        self.result = {"machine": machine(), "events": options.events, "rounds": options.rounds}

    def tool(self, name):
        return os.path.join(BUILD, "bin", name)

    def config(self, bootstrap, handler="empty"):
        path = os.path.join(self.folder, "busbar.yaml")
        with open(path, "w") as out:
            out.write(CONFIG.format(bootstrap=bootstrap, build=BUILD, concurrency=self.options.concurrency, handler=handler))
        return path

    def make_corpus(self):
        say(f"generating {self.options.events} events ...")
        with open(self.corpus, "wb") as out:
            subprocess.run([self.busbar, "--config", self.config("127.0.0.1:1"), "generate", EVENT, "-n",
                            str(self.options.events), "--seed", "1"], stdout=out, check=True)
        self.result["bytes_per_event"] = os.path.getsize(self.corpus) / self.options.events

    def engine(self):
        say("engine ...")
        corpus = os.path.join(self.folder, "engine.jsonl")
        with open(self.corpus, "rb") as lines, open(corpus, "wb") as out:
            for _, line in zip(range(20000), lines):
                out.write(line)
        text = subprocess.run([self.tool("bench_engine"), self.config("127.0.0.1:1"), EVENT, corpus,
                               str(max(self.options.rounds, 5))], check=True, capture_output=True).stdout
        self.result["engine"] = json.loads(text)
        pydantic = subprocess.run([sys.executable, os.path.join(ROOT, "tests", "bench", "pydantic_peer.py"), corpus],
                                  capture_output=True, text=True)
        if pydantic.returncode == 0:
            self.result["engine"]["pydantic"] = json.loads(pydantic.stdout)
        else:
            say("pydantic: left out: " + pydantic.stderr.strip().splitlines()[-1])

    def load(self, kafka):
        kafka.topic(TOPIC, 6)
        kafka.topic(TOPIC + ".dlq", 1)
        say("loading the topic ...")
        measured([self.busbar, "--config", self.config(kafka.bootstrap), "publish", EVENT, self.corpus], env=self.env)

    def consume(self, kafka):
        config = self.config(kafka.bootstrap)
        floor, ours, four = [], [], []
        event = "domains.customer.events.user_event.consume."
        for i in range(self.options.rounds):
            say(f"consuming, round {i + 1} of {self.options.rounds} ...")
            floor.append(measured([self.tool("bench_raw_consumer"), kafka.bootstrap, TOPIC, f"raw-{i}",
                                   str(self.options.events)], env=self.env))
            for samples, group, more in ((ours, f"bench-{i}", ()), (four, f"bench-four-{i}", ("--set", event + "concurrency=4"))):
                samples.append(measured([self.busbar, "--config", config, "--set", event + "group=" + group, *more, "run", "--once",
                                         "--only", EVENT], env=self.env))
        self.result["consume"] = {"floor": floor, "busbar": ours, "four lanes": four}

    def publish(self, kafka):
        kafka.topic("raw", 6)
        config = self.config(kafka.bootstrap)
        floor, ours = [], []
        for i in range(self.options.rounds):
            say(f"publishing, round {i + 1} of {self.options.rounds} ...")
            floor.append(measured([self.tool("bench_raw_producer"), kafka.bootstrap, "raw", self.corpus], env=self.env))
            ours.append(measured([self.busbar, "--config", config, "publish", EVENT, self.corpus], env=self.env))
        self.result["publish"] = {"floor": floor, "busbar": ours}

    def exactly_once(self, kafka):
        """Kafka to Kafka by the kafka handler, in both guarantees; transactions of a second."""
        kafka.topic(TOPIC + "-out", 6)
        config = self.config(kafka.bootstrap, "out")
        self.result["exactly-once"] = {"at_least_once": [], "exactly_once": []}
        for i in range(self.options.rounds):
            say(f"exactly once, round {i + 1} of {self.options.rounds} ...")
            for delivery, samples in self.result["exactly-once"].items():
                consume = "domains.customer.events.user_event.consume."
                samples.append(measured([self.busbar, "--config", config, "--set", f"{consume}group=bench-{delivery}-{i}",
                                         "--set", f"{consume}delivery={delivery}", "run", "--once", "--only", EVENT],
                                        env=self.env))

    def rows_of_four_lanes(self):
        four, floor = (median(self.result["consume"][side], "cpu") for side in ("four lanes", "floor"))
        million = 1e6 / self.options.events
        yield ("consume, concurrency 4: CPU s per million", f"{four * million:.2f}", f"raw librdkafka {floor * million:.2f}",
               f"{four / floor:.2f} times", "at most 3.2", four / floor <= 3.2)

    def rows_of_exactly_once(self):
        plain, exact = (self.result["exactly-once"][delivery] for delivery in ("at_least_once", "exactly_once"))
        share = median(plain, "wall") / median(exact, "wall")
        yield ("exactly once: events per s (wall)", f"{self.options.events / median(exact, 'wall'):,.0f}",
               f"at least once {self.options.events / median(plain, 'wall'):,.0f}", f"{share:.0%}", "at least 60%", share >= 0.6)
        ratio = median(exact, "cpu") / median(plain, "cpu")
        yield ("exactly once: CPU s per million", f"{median(exact, 'cpu') * 1e6 / self.options.events:.2f}",
               f"at least once {median(plain, 'cpu') * 1e6 / self.options.events:.2f}", f"{ratio:.2f} times", "", None)

    def parallel(self):
        """One partition, 1,000 keys, a handler that sleeps 5 ms for every event: lanes against one after the other."""
        keys, many, few = 1000, 100000, 1000
        self.write_tick()
        kit.BUILD, kit.BUSBAR = BUILD, self.busbar
        rates = {}
        for concurrency, events in ((1, few), (100, many)):
            say(f"sleeping handler, concurrency {concurrency} ...")
            with contextlib.closing(kit.Broker("--topic", "bench-ticks:1", "--topic", "bench-ticks.dlq:1")) as broker:
                config = os.path.join(self.folder, f"parallel-{concurrency}.yaml")
                report = os.path.join(self.folder, f"report-{concurrency}")
                with open(config, "w") as out:
                    out.write(PARALLEL_CONFIG.format(bootstrap=broker.bootstrap, build=BUILD, folder=self.folder,
                                                     concurrency=concurrency))
                lines = "".join(f'{{"key":{i * 7919 % keys},"n":{i}}}\n' for i in range(events))
                subprocess.run([self.busbar, "--config", config, "publish", "bench.tick", "-"], input=lines.encode(),
                               check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                env = {**self.env, "BUSBAR_BENCH_REPORT": report, "BUSBAR_BENCH_SLEEP_US": "5000"}
                idle = measured([self.busbar, "--config", config, "--set",
                                 "domains.bench.events.tick.consume.group=bench-idle", "--set",
                                 "domains.bench.events.tick.consume.offset_reset=latest", "run", "--once"], env=env)
                sample = measured([self.busbar, "--config", config, "run", "--once"], env=env)
                with open(report) as found:
                    counts = [tuple(map(int, line.split())) for line in found]
            handled = sum(count[0] for count in counts)
            if handled != events:
                raise SystemExit(f"{handled} events were handled, not {events}")
            rates[concurrency] = {"events_per_s": events / max(sample["wall"] - idle["wall"], 0.001), "rss": sample["rss"],
                                  "inversions": sum(count[1] for count in counts), "wall": sample["wall"],
                                  "start": idle["wall"]}
        self.result["parallel"] = rates

    def latency(self, kafka):
        """Produced to handled at a steady rate; each side has a topic of its own in each round, and is there before the first event."""
        self.result["latency"] = {"floor": [], "busbar": []}
        self.write_tick()
        kafka.topic("latency-first", 6)
        self.one_latency(kafka, "floor", "latency-first", os.path.join(self.folder, "latency-first"))  # the broker has not run for long
        for i in range(min(self.options.rounds, 3)):
            for side in ("floor", "busbar"):
                say(f"latency, {side}, round {i + 1} ...")
                topic, report = f"latency-{side}-{i}", os.path.join(self.folder, f"latency-{side}-{i}")
                kafka.topic(topic, 6)
                if side == "busbar":
                    kafka.topic(topic + ".dlq", 1)
                self.result["latency"][side].append(self.one_latency(kafka, side, topic, report))

    def one_latency(self, kafka, side, topic, report):
        env = {**self.env, "BUSBAR_BENCH_REPORT": report}
        if side == "floor":
            command = [self.tool("bench_raw_consumer"), kafka.bootstrap, topic, topic, str(LATENCY_EVENTS), report]
        else:
            config = report + ".yaml"
            with open(config, "w") as out:
                out.write(LATENCY_CONFIG.format(bootstrap=kafka.bootstrap, build=BUILD, folder=self.folder, topic=topic,
                                                concurrency=self.options.concurrency))
            command = [self.busbar, "--config", config, "run"]
        consumer = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=env)
        time.sleep(6)  # it joins its group
        measured([self.tool("bench_paced_producer"), kafka.bootstrap, topic, str(LATENCY_RATE), str(LATENCY_EVENTS)], env=self.env)
        if side == "busbar":
            time.sleep(1)
            consumer.terminate()
        if consumer.wait(60):
            raise SystemExit(f"{' '.join(command)}: exit {consumer.returncode}")
        with open(report) as file:
            found = [int(line) for line in file]
        if len(found) != LATENCY_EVENTS:
            raise SystemExit(f"{side}: {len(found)} of {LATENCY_EVENTS} events")
        found = sorted(found[LATENCY_WARM:])
        return {"p50": found[len(found) // 2] / 1000, "p99": found[len(found) * 99 // 100] / 1000, "max": found[-1] / 1000}

    def rows_of_latency(self):
        floor, ours = self.result["latency"]["floor"], self.result["latency"]["busbar"]
        for name in ("p50", "p99"):
            us, raw = median(ours, name), median(floor, name)
            yield (f"latency at {LATENCY_RATE:,} events per s: {name}", f"{us:.2f} ms", f"raw librdkafka {raw:.2f} ms",
                   f"{us - raw:+.2f} ms", "", None)

    def write_tick(self):
        with open(os.path.join(self.folder, "tick.json"), "w") as out:
            json.dump(TICK, out)

    def rows(self):
        million = 1e6 / self.options.events
        engine = self.result.get("engine")
        if engine:
            for step, limit in (("validate", 12), ("enrich", 15)):
                theirs, us = engine[f"jansson_{step}"]["us"], engine[f"busbar_{step}"]["us"]
                name = "parse + validate" + (" + enrich" if step == "enrich" else "")
                yield (f"engine: {name}", f"{us:.2f} us", f"jansson {theirs:.2f} us", f"{theirs / us:.1f} times cheaper",
                       f"at least {limit}", theirs / us >= limit)
                yield (f"engine: allocations, {step}", f"{engine[f'busbar_{step}']['allocations']:.3f}",
                       f"jansson {engine[f'jansson_{step}']['allocations']:.0f}", "", "0",
                       engine[f"busbar_{step}"]["allocations"] < 0.001)
            if "pydantic" in engine:
                theirs, us = engine["pydantic"]["us"], engine["busbar_validate"]["us"]
                yield ("engine: parse + validate", f"{us:.2f} us", f"pydantic {theirs:.2f} us",
                       f"{theirs / us:.1f} times cheaper", "at least 6", theirs / us >= 6)
        for step, limit in (("consume", 3.0), ("publish", 1.6)):
            if step not in self.result:
                continue
            ours, floor = self.result[step]["busbar"], self.result[step]["floor"]
            ratio = median(ours, "cpu") / median(floor, "cpu")
            yield (f"{step}: CPU s per million", f"{median(ours, 'cpu') * million:.2f}",
                   f"raw librdkafka {median(floor, 'cpu') * million:.2f}", f"{ratio:.2f} times", f"at most {limit}",
                   ratio <= limit)
            yield (f"{step}: events per s (wall)", f"{self.options.events / median(ours, 'wall'):,.0f}",
                   f"raw librdkafka {self.options.events / median(floor, 'wall'):,.0f}", "", "", None)
            if step == "consume":
                rss = max(sample["rss"] for sample in ours)
                yield ("consume: largest RSS", f"{rss:.0f} MiB", f"raw {max(s['rss'] for s in floor):.0f} MiB", "",
                       "under 150 MiB", rss < 150)
                yield from self.rows_of_four_lanes()
        if "exactly-once" in self.result:
            yield from self.rows_of_exactly_once()
        if "latency" in self.result:
            yield from self.rows_of_latency()
        if "parallel" in self.result:
            serial, lanes = self.result["parallel"][1], self.result["parallel"][100]
            ratio = lanes["events_per_s"] / serial["events_per_s"]
            yield ("parallel: events per s, 5 ms each, 100 lanes", f"{lanes['events_per_s']:,.0f}",
                   f"one lane {serial['events_per_s']:,.0f}", f"{ratio:.0f} times", "at least 50", ratio >= 50)
            yield ("parallel: events behind a later one of their key", str(lanes["inversions"]), "", "", "0",
                   lanes["inversions"] == 0)


def machine():
    model = "unknown processor"
    with open("/proc/cpuinfo") as info:
        for line in info:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    return f"{model}, {os.cpu_count()} cores, Linux {platform.release()}"


def build():
    say("building ...")
    if not os.path.exists(os.path.join(BUILD, "build.ninja")):
        subprocess.run(["cmake", "-S", ROOT, "-B", BUILD, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=RelWithDebInfo"], check=True,
                       stdout=subprocess.DEVNULL)
    subprocess.run(["cmake", "--build", BUILD, "--target", "busbar", "bench_engine", "bench_raw_consumer",
                    "bench_raw_producer", "bench_paced_producer", "bench_empty_handler", "bench_sleep_handler",
                    "bench_latency_handler", "plugins/all"], check=True, stdout=subprocess.DEVNULL)


def print_table(rows):
    rows = list(rows)
    print("| what | busbar | beside it | ratio | wanted | |\n|---|---|---|---|---|---|")
    for what, ours, theirs, ratio, limit, good in rows:
        print(f"| {what} | {ours} | {theirs} | {ratio} | {limit} | {'' if good is None else 'yes' if good else 'NO'} |")
    return all(row[5] is not False for row in rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1000000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=PARTS, action="append")
    parser.add_argument("--concurrency", type=int, default=1, help="lanes of the consuming side (default 1)")
    parser.add_argument("--json", default="bench.json", help="file for the figures (default bench.json)")
    options = parser.parse_args()
    parts = options.only or PARTS
    build()
    with tempfile.TemporaryDirectory(prefix="busbar-bench-") as folder:
        bench = Bench(options, folder)
        if set(parts) - {"parallel", "latency"}:
            bench.make_corpus()
        if "engine" in parts:
            bench.engine()
        if "parallel" in parts:
            bench.parallel()
        if {"consume", "publish", "exactly-once", "latency"} & set(parts):
            say("starting Kafka ...")
            with contextlib.closing(kit.Kafka()) as kafka:
                kafka.start()
                if "latency" in parts:
                    bench.latency(kafka)
                if {"consume", "publish", "exactly-once"} & set(parts):
                    bench.load(kafka)
                if "consume" in parts:
                    bench.consume(kafka)
                if "exactly-once" in parts:
                    bench.exactly_once(kafka)
                if "publish" in parts:
                    bench.publish(kafka)
        version = subprocess.run([bench.busbar, "version", "--verbose"], capture_output=True, text=True, env=bench.env).stdout
        found = re.search(r"librdkafka.*", version)
        bench.result["librdkafka"] = found.group(0) if found else "unknown"
        print(f"{bench.result['machine']}; {bench.result['librdkafka']}; {options.events:,} events of "
              f"{bench.result.get('bytes_per_event', 0):.0f} bytes, medians of {options.rounds}\n")
        good = print_table(bench.rows())
        with open(options.json, "w") as out:
            json.dump(bench.result, out, indent=1)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
