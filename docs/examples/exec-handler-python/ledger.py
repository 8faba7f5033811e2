#!/usr/bin/env python3
"""A handler for busbar in Python: orders as lines of a file.

    handlers:
      ledger: { plugin: exec, command: [python3, ledger.py, orders.jsonl], flush: true }

busbar starts it once for each lane and writes one event a line to its standard input; it answers each line with one
line, in order. What it has passed counts once it has answered {"flush": n} with {"flushed": n}. It ends when its input does.
"""
import json
import os
import sys


class Ledger:
    def __init__(self, path):
        self.path = path
        self.file = open(path, "a+b")
        self.waiting = []  # lines of events that were passed and are not in the file yet
        self.cut_half_line()

    def cut_half_line(self):
        """A process that was killed while it wrote may have left half a line: its event comes again."""
        self.file.seek(0)
        size = 0
        for line in self.file:
            size += len(line) if line.endswith(b"\n") else 0
        self.file.truncate(size)

    def take(self, message):
        order = message["value"]
        if order.get("test"):
            return {"verdict": "drop"}
        if order.get("amount", 0) < 0:
            return {"verdict": "reject", "pointer": "/amount", "reason": "an amount below zero"}
        if os.path.exists(self.path + ".closed"):
            return {"verdict": "retry", "scope": "infrastructure", "reason": "the ledger is closed"}
        self.waiting.append(json.dumps(order).encode() + b"\n")
        return {"verdict": "pass"}

    def flush(self, number):
        lines, self.waiting = self.waiting, []  # after a failure busbar hands the events again
        try:
            self.file.write(b"".join(lines))
            self.file.flush()
            os.fsync(self.file.fileno())
        except OSError as error:
            return {"verdict": "retry", "reason": str(error)}
        return {"flushed": number}


def main():
    ledger = Ledger(sys.argv[1])
    for line in sys.stdin.buffer:
        message = json.loads(line)
        if "flush" in message:
            answer = ledger.flush(message["flush"])
        else:
            answer = {**ledger.take(message), "offset": message["offset"]}
        print(json.dumps(answer), flush=True)  # an answer that stays in a buffer is one that never came


if __name__ == "__main__":
    main()
