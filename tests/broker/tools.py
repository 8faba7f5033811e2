"""Programs beside the tests that read and write Kafka without busbar, built on first use."""
import collections
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "integration"))
import kit  # noqa: E402

Record = collections.namedtuple("Record", "partition offset timestamp key value headers")


class Tools:
    """wire, committed and topics, built into `folder`."""

    def __init__(self, folder, bootstrap):
        self.folder, self.bootstrap = folder, bootstrap
        flags = subprocess.run(["pkg-config", "--cflags", "--libs", "rdkafka"], check=True, capture_output=True,
                               text=True).stdout.split()
        for name in ("wire", "committed", "topics"):
            subprocess.run(["cc", "-o", os.path.join(folder, name), os.path.join(HERE, name + ".c"), *flags], check=True)

    def run(self, name, *arguments, stdin=b""):
        result = subprocess.run([os.path.join(self.folder, name), *arguments], input=stdin, capture_output=True, timeout=180,
                                env=kit.without_preload())
        if result.returncode != 0:
            raise AssertionError(f"{name} {' '.join(arguments)}: {result.stderr.decode()}")
        return result.stdout

    def committed(self, group, topic, partitions):
        """Committed offsets by partition; -1: none."""
        text = self.run("committed", self.bootstrap, group, topic, str(partitions)).decode()
        return {int(partition): int(offset) for partition, offset in (line.split() for line in text.splitlines())}

    def read(self, topic):
        """Every record, bytes as they are, in the order of partition and offset."""
        records = []
        for line in self.run("wire", "read", self.bootstrap, topic).decode().splitlines():
            partition, offset, timestamp, key, value, *headers = line.split(" ")
            pairs = [(name, from_hex(data)) for name, data in (header.split("=", 1) for header in headers)]
            records.append(Record(int(partition), int(offset), int(timestamp), from_hex(key), from_hex(value), pairs))
        return sorted(records)

    def write(self, topic, records):
        """records: (partition, timestamp, key, value, [(header, value), ...]); partition -1: by key."""
        lines = []
        for partition, timestamp, key, value, headers in records:
            pairs = "".join(f" {name}={to_hex(data)}" for name, data in headers)
            lines.append(f"{partition} {timestamp} {to_hex(key)} {to_hex(value)}{pairs}\n")
        self.run("wire", "write", self.bootstrap, topic, stdin="".join(lines).encode())


def from_hex(text):
    return None if text == "-" else bytes.fromhex(text[1:])


def to_hex(data):
    return "-" if data is None else "x" + data.hex()
