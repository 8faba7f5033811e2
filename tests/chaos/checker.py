#!/usr/bin/env python3
"""Says from a ledger whether an event was lost, repeated, reordered or changed, and whether an offset was committed too early. Knows
nothing of busbar: it reads what a producer was told, what the topic holds, what each handler wrote, and what was committed when.

  checker.py FOLDER [--mode at_least_once|at_most_once|exactly_once] [--repeats] [--losses] [--broker-losses]

FOLDER holds text files; fields are parted by tabs in .tsv and by blanks in .wire (as tests/broker/wire.c writes them):
  produced.tsv      ID CRC STATUS PARTITION OFFSET   STATUS: acked, failed, unknown; CRC of the whole value
  topic.wire        the topic as it stands:          PARTITION OFFSET TIMESTAMP KEY VALUE [NAME=BYTES ...]
  out/HANDLER/*.tsv what a handler wrote:            TIME PARTITION OFFSET KEY VALUE   (a file per process; its last line may be torn)
  out/HANDLER.wire  ... or the topic it wrote to
  dead.wire         the dead letters
  drops/*.tsv       dropped on purpose:              TIME PARTITION OFFSET ID
  commits.tsv       what a watcher saw committed:    TIME PARTITION OFFSET [SINCE]
                    SINCE: when the last question was sent that was answered with the offset before; 0: there was none
  deleted.tsv       records that were deleted:       TIME PARTITION COMMITTED FIRST
                    what of the partition is before FIRST is gone, COMMITTED is what the group had committed then; TIME is when
                    somebody chose to go on behind the gap, "-": busbar was never seen to stop before it
  clock.txt         wall clock minus TIME, in microseconds, for the times of dead letters; without it they count as the first moment
TIME is CLOCK_MONOTONIC in microseconds: of a mark taken before what it marks became visible, of a commit when its answer was there.
So a commit that passes a mark of a later time is a violation whatever the delays were.

An event's value has its run, key, number in its key and CRC, in this order; its ID is RUN-KEY-NUMBER.
--repeats: something happened after which events may come twice; --losses: ... after which at_most_once may lose what it had
committed (there, a commit comes before its records are handled);
--broker-losses: the broker was killed and may have lost what it had acknowledged."""
import argparse
import bisect
import collections
import datetime
import glob
import json
import os
import re
import sys
import zlib

IDENTITY = re.compile(rb'"run": ?"([^"]*)", ?"key": ?"([^"]*)", ?"seq": ?"?(\d+)')
WHOLE = re.compile(rb'"run": ?"([^"]*)", ?"key": ?"([^"]*)", ?"seq": ?(\d+),(?: ?"do": ?"[^"]*",)? ?"body": ?"([^"]*)", ?"crc": ?"([0-9a-f]{8})"')
NEVER = float("inf")
KEPT = 5  # examples of each kind of finding

Mark = collections.namedtuple("Mark", "time partition offset key value place")


def identity(value):
    """RUN-KEY-NUMBER of a value, also of one that is no longer whole; None where it cannot be told."""
    found = IDENTITY.search(value or b"")
    return "-".join(part.decode() for part in found.groups()) if found else None


def body_crc(run, key, seq, body):
    return f"{zlib.crc32('|'.join((run, key, str(seq), body)).encode()):08x}"


def crc_is_right(value):
    found = WHOLE.search(value)
    return bool(found) and body_crc(*(part.decode() for part in found.groups()[:4])) == found[5].decode()


def from_hex(text):
    return None if text == "-" else bytes.fromhex(text[1:])


def lines_of(path):
    """Whole lines without their end; a torn last line is left out, because who wrote it was killed in it."""
    if not os.path.exists(path):
        return
    with open(path, "rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                yield line[:-1]


def wire_records(path):
    """Dicts of a dump of a topic."""
    for line in lines_of(path):
        partition, offset, timestamp, key, value, *headers = line.decode().split(" ")
        yield {"partition": int(partition), "offset": int(offset), "timestamp": int(timestamp), "key": from_hex(key),
               "value": from_hex(value), "headers": {name: from_hex(data) for name, data in
                                                     (header.split("=", 1) for header in headers)}}


class Ledger:
    """What is known of one run."""

    def __init__(self, folder):
        self.folder = folder
        self.produced = {}   # id -> (crc, status, partition, offset)
        self.topic = {}      # (partition, offset) -> id
        self.raw = {}        # id -> (key, value, timestamp)
        self.outputs = {}    # handler -> [Mark]
        self.dead = []       # [(time, id, record)]
        self.dropped = {}    # id -> time of the first
        self.deferred = {}   # id -> time of the first: it went to a retry topic, which is no end of it, but may be committed
        self.commits = []    # [(time, partition, offset)]
        self.has_clock = False
        self.read_produced()
        self.read_topic()
        self.read_outputs()
        self.read_dead()
        self.read_drops()
        self.since = []      # of each commit
        for line in lines_of(self.path("commits.tsv")):
            time, partition, offset, *since = (int(field) for field in line.split(b"\t"))
            self.commits.append((time, partition, offset))
            self.since.append(since[0] if since else 0)
        self.deleted = {}    # partition -> (time or None, committed, first)
        for line in lines_of(self.path("deleted.tsv")):
            time, partition, committed, first = line.decode().split("\t")
            self.deleted[int(partition)] = (None if time == "-" else int(time), int(committed), int(first))

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def read_produced(self):
        for line in lines_of(self.path("produced.tsv")):
            name, crc, status, partition, offset = line.decode().split("\t")
            self.produced[name] = (int(crc, 16), status, int(partition), int(offset))

    def read_topic(self):
        for record in wire_records(self.path("topic.wire")):
            name = identity(record["value"])
            self.topic[record["partition"], record["offset"]] = name
            self.raw[name] = (record["key"], record["value"], record["timestamp"])

    def read_outputs(self):
        for folder in sorted(glob.glob(self.path("out", "*"))):
            handler = os.path.splitext(os.path.basename(folder))[0]
            marks = self.outputs.setdefault(handler, [])
            if folder.endswith(".wire"):
                for i, record in enumerate(wire_records(folder)):
                    marks.append(Mark(0, -1, -1, record["key"], record["value"], (record["partition"], record["offset"], i)))
                continue
            for number, path in enumerate(sorted(glob.glob(os.path.join(folder, "*.tsv")))):
                for i, line in enumerate(lines_of(path)):
                    time, partition, offset, key, value = line.split(b"\t", 4)
                    marks.append(Mark(int(time), int(partition), int(offset), key, value, (number, i, 0)))
            marks.sort(key=lambda mark: (mark.time, mark.place))

    def read_dead(self):
        clock = next(lines_of(self.path("clock.txt")), None)
        self.has_clock = clock is not None

        def time_of(record):
            at = record["headers"].get("busbar.time")
            if clock is None or not at:
                return 0
            moment = datetime.datetime.fromisoformat(at.decode().replace("Z", "+00:00"))
            return int(moment.timestamp() * 1000000) - int(clock)

        for record in wire_records(self.path("dead.wire")):
            self.dead.append((time_of(record), identity(record["value"]), record))
        for path in glob.glob(self.path("tier.*.wire")):
            for record in wire_records(path):
                name, time = identity(record["value"]), time_of(record)
                self.deferred[name] = min(time, self.deferred.get(name, time))

    def read_drops(self):
        for path in glob.glob(self.path("drops", "*.tsv")):
            for line in lines_of(path):
                time, _, _, name = line.decode().split("\t")
                self.dropped[name] = min(int(time), self.dropped.get(name, int(time)))


class Report:
    """Counts and a few examples of each kind of finding."""

    def __init__(self):
        self.counts = collections.Counter()
        self.examples = collections.defaultdict(list)

    def add(self, kind, text, count=1):
        self.counts[kind] += count
        if len(self.examples[kind]) < KEPT:
            self.examples[kind].append(text)

    def largest(self, kind, size, text):
        if size > self.counts[kind]:
            self.counts[kind] = size
            self.examples[kind] = [text]


def must_arrive(ledger):
    """Ids that the topic holds; what the producer was told is acknowledged belongs to them."""
    return [name for name in ledger.topic.values() if name]


def check_producer(ledger, report):
    """Acknowledged, but not in the topic: the broker's loss, told apart from a loss behind it. What was deleted had its end before,
    when it was committed."""
    held = set(ledger.topic.values())
    ended = {identity(mark.value) for marks in ledger.outputs.values() for mark in marks}
    ended |= {name for _, name, _ in ledger.dead} | set(ledger.dropped)
    for name, (_, status, partition, offset) in ledger.produced.items():
        if status != "acked" or name in held:
            continue
        _, committed, first = ledger.deleted.get(partition, (None, 0, 0))
        if not 0 <= offset < first:
            report.add("broker_lost", f"{name} was acknowledged and is not in the topic")
        elif offset < committed and name not in ended:
            report.add("lost", f"{name} was committed, then deleted, and has no end")


def check_deleted(ledger, report):
    """Records that were deleted before they were handled are passed over only when somebody said so, after busbar had stopped."""
    for partition, (chosen, committed, first) in ledger.deleted.items():
        passed = max((at for time, where, at in ledger.commits if where == partition and (chosen is None or time < chosen)), default=0)
        if passed > committed:
            report.add("skipped", f"partition {partition}: {committed} to {first - 1} were deleted and {passed} was committed unasked",
                       min(passed, first) - committed)
        elif chosen is None:
            report.add("skipped", f"partition {partition}: {committed} to {first - 1} were deleted and busbar did not stop", first - committed)


def check_early(ledger, report):
    """At most once: nothing is handled whose commit came later. It came later for sure when it was asked for behind the mark and the
    answer was an offset that did not cover the record."""
    handled = {}  # (partition, offset) -> the first mark's time
    for marks in ledger.outputs.values():
        for mark in marks:
            # a topic that was made again had other records there before
            if mark.offset >= 0 and ledger.topic.get((mark.partition, mark.offset)) == identity(mark.value):
                handled[mark.partition, mark.offset] = min(mark.time, handled.get((mark.partition, mark.offset), mark.time))
    covered = collections.defaultdict(int)
    for (_, partition, offset), since in zip(ledger.commits, ledger.since):
        for at in range(covered[partition], offset):
            if handled.get((partition, at), NEVER) < since:
                report.add("handled_before_commit", f"partition {partition} offset {at} ({ledger.topic.get((partition, at))}) was handled "
                                                    f"at {handled[partition, at]}, and not committed at {since}")
        covered[partition] = max(offset, covered[partition])
    for (partition, at), time in handled.items():
        if at >= covered[partition]:
            report.add("handled_before_commit", f"partition {partition} offset {at} was handled and never committed")


def check_bytes(ledger, report):
    """What was handled or became a dead letter is what was produced."""
    for handler, marks in ledger.outputs.items():
        for mark in marks:
            name = identity(mark.value)
            if name not in ledger.produced:
                report.add("strays", f"{handler}: {name or mark.value[:60]!r} was never produced")
            elif not crc_is_right(mark.value) or ledger.produced[name][0] != zlib.crc32(mark.value):
                report.add("changed", f"{handler}: {name} has other bytes than what was produced")
            elif mark.offset >= 0 and name in ledger.raw and ledger.topic.get((mark.partition, mark.offset)) != name:
                report.add("changed", f"{handler}: {name} says it was partition {mark.partition} offset {mark.offset}")
    for _, name, record in ledger.dead:
        if name not in ledger.produced:
            report.add("strays", f"dead letter {name or (record['value'] or b'')[:60]!r} was never produced")
        elif name not in ledger.raw and ledger.deleted:
            if zlib.crc32(record["value"]) != ledger.produced[name][0]:
                report.add("changed", f"dead letter {name} has other bytes than what was produced")
        elif (record["key"], record["value"], record["timestamp"]) != ledger.raw.get(name):
            report.add("changed", f"dead letter {name} has another key, value or timestamp than its record")


def check_arrival(ledger, report):
    """Each id has as many ends as the topic holds it, which is once, unless its producer wrote it twice (across a restart of the broker):
    with every handler, or as a dead letter, or dropped."""
    handled = {handler: collections.Counter(identity(mark.value) for mark in marks) for handler, marks in ledger.outputs.items()}
    dead = collections.Counter(name for _, name, _ in ledger.dead)
    for name, times in collections.Counter(must_arrive(ledger)).items():
        by_all = [counts[name] for counts in handled.values()]
        ended = dead[name] or name in ledger.dropped
        if not ended and (not by_all or min(by_all) < times):
            missing = [handler for handler, counts in handled.items() if counts[name] < times]
            report.add("lost", f"{name} has no end ({', '.join(missing)})", times - min(by_all, default=0))
        more = sum(max(count - times, 0) for count in by_all) + max(dead[name] - times, 0)
        more += 1 if ended and by_all and min(by_all) else 0
        if more:
            report.add("duplicates", f"{name}: handled {by_all}, {dead[name]} dead letters, "
                                     f"{'dropped' if name in ledger.dropped else 'not dropped'}", more)


def check_order(ledger, report):
    """Per handler and key, first appearances come in the order of the topic. A record that had become a dead letter and is read again
    after a crash has appeared already: that a handler takes it this time turns nothing round."""
    place = {name: at for at, name in sorted(ledger.topic.items(), reverse=True)}  # where it is first
    dead = {}
    for time, name, _ in ledger.dead:
        dead[name] = min(time, dead.get(name, NEVER))
    for handler, marks in ledger.outputs.items():
        last, seen = {}, set()
        for mark in marks:
            name = identity(mark.value)
            if name in seen or name not in place:
                continue
            seen.add(name)
            if dead.get(name, NEVER) < mark.time:
                continue
            partition, offset = place[name]
            if offset < last.get((partition, mark.key), -1):
                report.add("order", f"{handler}: {name} (partition {partition} offset {offset}) appears behind offset "
                                    f"{last[partition, mark.key]} of the same key")
            last[partition, mark.key] = max(offset, last.get((partition, mark.key), -1))


def finish_times(ledger):
    """(partition, offset) -> the moment from which on its record had an end; absent: never."""
    firsts = {handler: {} for handler in ledger.outputs}
    for handler, marks in ledger.outputs.items():
        for mark in marks:
            firsts[handler].setdefault(identity(mark.value), mark.time)
    other = dict(ledger.dropped)
    for time, name in [(time, name) for name, time in ledger.deferred.items()] + [(time, name) for time, name, _ in ledger.dead]:
        other[name] = min(time, other.get(name, time))
    times = {}
    for at, name in ledger.topic.items():
        handled = max((first.get(name, NEVER) for first in firsts.values()), default=NEVER)
        times[at] = min(handled, other.get(name, NEVER))
    return times


def check_commits(ledger, report):
    """No commit passes a record that had no end when the commit was seen; at the end nothing below it is without one."""
    times = finish_times(ledger)
    partitions = collections.defaultdict(list)
    for (partition, offset), time in sorted(times.items()):
        partitions[partition].append((offset, time))
    latest, ends = {}, {partition: records[-1][0] + 1 for partition, records in partitions.items()}
    reach = {partition: prefix_maxima(records) for partition, records in partitions.items()}
    for time, partition, committed in ledger.commits:
        back = latest.get(partition, 0) - committed
        if back > 0:
            report.largest("commit_back", back, f"partition {partition}: committed {latest[partition]}, then {committed}")
        latest[partition] = committed
        offsets, maxima = reach.get(partition, ([], []))
        below = bisect.bisect_left(offsets, committed)
        if below and maxima[below - 1] > time:
            first = next(offset for offset, at in partitions[partition] if at > time)
            report.largest("commit_over_handled", committed - first,
                           f"partition {partition}: committed {committed} while {first} ({ledger.topic[partition, first]}) had no end")
        if committed > ends.get(partition, 0):
            report.largest("commit_over_end", committed - ends.get(partition, 0),
                           f"partition {partition}: committed {committed}, the topic ends at {ends.get(partition, 0)}")
    for partition, records in partitions.items():
        for offset, at in records:
            if at == NEVER and offset < latest.get(partition, -1):
                report.add("gaps", f"partition {partition} offset {offset} is committed and has no end")
        behind = ends[partition] - max(latest.get(partition, 0), 0)
        if behind > 0:
            report.counts["uncommitted"] += behind


def prefix_maxima(records):
    offsets, maxima, highest = [], [], 0
    for offset, time in records:
        highest = max(highest, time)
        offsets.append(offset)
        maxima.append(highest)
    return offsets, maxima


def check_losses(ledger, report):
    """At most once: what is lost was committed, or it was not read at all."""
    times = finish_times(ledger)
    latest = collections.defaultdict(int)
    for _, partition, offset in ledger.commits:
        latest[partition] = max(offset, latest[partition])
    for (partition, offset), time in times.items():
        if time == NEVER and offset >= latest[partition] and ledger.topic[partition, offset]:
            report.add("lost_uncommitted", f"partition {partition} offset {offset} has no end and was never committed")


KINDS = ("lost", "duplicates", "order", "commit_over_handled", "commit_over_end", "commit_back", "gaps", "changed", "strays", "broker_lost",
         "uncommitted", "skipped", "handled_before_commit", "lost_uncommitted")


def check(folder, mode="at_least_once", repeats=False, losses=False, broker_losses=False):
    """The report of a ledger: a dict with a count of each kind, examples, and whether it is all right."""
    ledger = Ledger(folder)
    report = Report()
    check_producer(ledger, report)
    check_bytes(ledger, report)
    check_arrival(ledger, report)
    check_order(ledger, report)
    check_commits(ledger, report)
    check_deleted(ledger, report)
    wrong = {"order", "changed", "strays", "commit_over_end", "skipped"} | (set() if broker_losses else {"broker_lost"})
    if mode == "at_most_once":
        check_early(ledger, report)
        check_losses(ledger, report)
        wrong |= {"duplicates", "commit_back", "handled_before_commit", "lost_uncommitted"} | (set() if losses else {"lost", "gaps"})
    else:
        wrong |= {"lost", "gaps", "commit_over_handled"} | (
            set() if repeats and mode == "at_least_once" else {"duplicates", "commit_back"})
    found = {kind: report.counts[kind] for kind in KINDS}
    ok = bool(ledger.topic) and not any(found[kind] for kind in wrong)
    return {**found, "records": len(ledger.topic), "commits": len(ledger.commits), "ok": ok,
            "examples": {kind: texts for kind, texts in report.examples.items() if kind in wrong}}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--mode", choices=("at_least_once", "at_most_once", "exactly_once"), default="at_least_once")
    parser.add_argument("--repeats", action="store_true")
    parser.add_argument("--losses", action="store_true")
    parser.add_argument("--broker-losses", action="store_true")
    arguments = parser.parse_args()
    result = check(arguments.folder, arguments.mode, arguments.repeats, arguments.losses, arguments.broker_losses)
    print(json.dumps(result, indent=1))
    return 0 if result["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
