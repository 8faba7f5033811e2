#!/usr/bin/env python3
"""The `exec` handler: verdicts, troubles of the child and their cure, its end, what it inherits."""
import base64
import json
import os
import signal
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import kit  # noqa: E402
from handlerkit import EVENT, TOPIC, HandlerTest, main  # noqa: E402

PROLOGUE = """
import json, os, sys, time
def note(name, what):
    with open(name, "a") as out:
        out.write(json.dumps(what) + "\\n")
def say(answer):
    print(answer if isinstance(answer, str) else json.dumps(answer), flush=True)
"""
VERDICTS = PROLOGUE + """
for line in sys.stdin:
    message = json.loads(line)
    note("seen", message)
    order = message["value"]
    if order["id"] == "drop":
        say({"verdict": "drop", "reason": "not for us"})
    elif order["id"] == "reject":
        say({"verdict": "reject", "reason": "no such customer", "pointer": "/id"})
    elif order["id"] == "bare":
        say("reject")
    elif order["id"] == "again" and message["attempt"] < 3:
        say({"verdict": "retry", "reason": "not yet"})
    elif order["id"] == "never":
        say({"verdict": "retry", "reason": "never ready"})
    else:
        say("pass")
"""
# What goes wrong the first time each of these comes; the file remembers, for the child does not.
TROUBLES = PROLOGUE + """
def first(order):
    name = "met-" + order["id"]
    if os.path.exists(name):
        return False
    open(name, "w").close()
    return True
say_nothing = False
for line in sys.stdin:
    order = json.loads(line)
    note("seen", order["id"])
    if order["id"] == "dies" and first(order):
        print("it hurts", file=sys.stderr)
        sys.exit(7)
    if order["id"] == "killed" and first(order):
        os.kill(os.getpid(), 9)
    if order["id"] == "silent" and first(order):
        time.sleep(60)
    if order["id"] == "nonsense" and first(order):
        say("hello, I am no verdict")
    elif order["id"] == "word" and first(order):
        say({"verdict": "maybe"})
    elif order["id"] == "twice" and first(order):
        sys.stdout.write("pass\\npass\\n")
        sys.stdout.flush()
    elif order["id"] == "other" and first(order):
        say({"verdict": "pass", "offset": 1000})
    else:
        say("pass")
"""
WORLD = PROLOGUE + """
note("world", {"fds": sorted(int(fd) for fd in os.listdir("/proc/self/fd")), "cwd": os.getcwd(), "arguments": sys.argv[1:],
               "blocked": [l.split()[1] for l in open("/proc/self/status") if l.startswith("SigBlk")][0],
               "ignored": [l.split()[1] for l in open("/proc/self/status") if l.startswith("SigIgn")][0],
               "group": os.getpgrp() == os.getpid(), "environment": dict(os.environ)})
for number in range(1000):
    print("line", number, file=sys.stderr)
for line in sys.stdin:
    note("pid", os.getpid())
    say("pass")
note("bye", os.getpid())
"""
STUBBORN = PROLOGUE + """
import signal
signal.signal(signal.SIGTERM, lambda *_: note("term", os.getpid()))
for line in sys.stdin:
    note("pid", os.getpid())
    say("pass")
while True:
    time.sleep(60)
"""
FLUSHES = PROLOGUE + """
waiting, asked = [], 0
for line in sys.stdin:
    message = json.loads(line)
    if "flush" not in message:
        waiting.append(message["value"]["id"])
        say("pass")
        continue
    asked += 1
    if not os.path.exists("failed"):
        note("failed", waiting)
        waiting = []
        say({"verdict": "retry", "reason": "the disk is full"})
        continue
    if not os.path.exists("died"):
        note("died", waiting)
        sys.exit(3)
    for id in waiting:
        note("stored", id)
    waiting = []
    say({"flushed": message["flush"]})
"""


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


class Exec(HandlerTest):
    def use(self, script, consume=None, **handler):
        """Configures the handler with a script of this file."""
        self.script("child.py", script)
        return self.config({"plugin": "exec", "command": ["python3", "child.py"], "cwd": self.folder, **handler},
                           **(consume or {}))

    def test_verdicts_and_the_envelope(self):
        self.use(VERDICTS)
        names = ["a", "drop", "reject", "again", "never", "bare", "b"]
        self.send([{"id": name} for name in names])
        subprocess.run(["kcat", "-P", "-q", "-b", self.broker.bootstrap, "-t", TOPIC, "-K", "|"], check=True, timeout=60,
                       input=b'\xff\xfe|{ "id":"binary" }\n', env=kit.without_preload())
        subprocess.run(["kcat", "-P", "-q", "-b", self.broker.bootstrap, "-t", TOPIC], check=True, timeout=60,
                       input=b'{"id":"keyless"}\n', env=kit.without_preload())
        counts = self.run_once()
        self.assertEqual((counts["handled"], counts["dropped"], counts["dead_lettered"]), (5, 1, 3))
        letters = {json.loads(r["value"])["id"]: r["headers"] for r in self.letters()}
        self.assertEqual(sorted(letters), ["bare", "never", "reject"])
        self.assertEqual((letters["reject"]["busbar.reason"], letters["reject"]["busbar.pointer"]), ("no such customer", "/id"))
        self.assertEqual((letters["never"]["busbar.reason"], letters["never"]["busbar.attempts"]), ("never ready", "4"))
        seen = self.lines("seen")
        first = seen[0]
        self.assertEqual({**first, "timestamp": 0}, {"event": EVENT, "topic": TOPIC, "partition": 0, "offset": 0, "key": "k0",
                                                     "timestamp": 0, "attempt": 1, "value": {"id": "a"}})
        self.assertGreater(first["timestamp"], 1_600_000_000_000)
        self.assertEqual([m["attempt"] for m in seen if m["value"]["id"] == "again"], [1, 2, 3])
        binary = next(m for m in seen if m["value"]["id"] == "binary")
        self.assertEqual(base64.b64decode(binary["key_base64"]), b"\xff\xfe")
        self.assertNotIn("key", binary)
        self.assertIsNone(next(m for m in seen if m["value"]["id"] == "keyless")["key"])

    def test_a_child_in_trouble_is_started_again_and_nothing_is_lost(self):
        self.use(TROUBLES, input="value", timeout_ms=1000)
        names = ["twice", "a", "b", "dies", "killed", "silent", "nonsense", "word", "other"]
        self.send([{"id": name} for name in names])
        counts = self.run_once("--set", "defaults.consume.batch_records=1")
        self.assertEqual(counts["handled"], len(names))
        self.assertEqual(self.letters(), [])
        self.assertEqual(set(self.lines("seen")), set(names))
        for words in ("the child has ended with exit code 7; the last line of its standard error: it hurts",
                      "the child was ended by signal 9", "the child has not answered for 1000 ms (`timeout_ms`)",
                      'the child answered "hello, I am no verdict...": it is neither a verdict\'s word nor a JSON object',
                      "its `verdict` is none of", "its `offset` is that of another event", "the child answered more than it was asked", "the child was started again"):
            self.assertIn(words, self.log)

    def test_what_the_child_inherits_and_its_clean_end(self):
        self.use(WORLD, command=["python3", "child.py", "two words", "$HOME;*"], environment={"GREETING": "hello"},
                 inherit_environment=False, stderr_lines_per_second=5)
        self.send(self.orders(1))
        self.run_once()
        world = self.lines("world")[0]
        # the listing of the folder is a descriptor too
        self.assertEqual(len(world["fds"]), 4, world)
        self.assertEqual(world["fds"][:3], [0, 1, 2])
        self.assertEqual(os.path.realpath(world["cwd"]), os.path.realpath(self.folder))
        self.assertEqual(world["arguments"], ["two words", "$HOME;*"])
        self.assertEqual(world["environment"].get("GREETING"), "hello")
        self.assertNotIn("HOME", world["environment"])
        self.assertEqual(int(world["blocked"], 16), 0)
        self.assertTrue(world["group"])
        self.assertEqual(self.lines("bye"), self.lines("pid"))  # it came to its end
        self.assertIn("child: line 0", self.log)
        self.assertLess(self.log.count("child: line"), 50)
        self.assertIn("more than 5 lines a second on the child's standard error", self.log)

    def test_a_child_that_will_not_end_is_killed(self):
        self.use(STUBBORN, stop_ms=300)
        self.send(self.orders(1))
        self.run_once()
        pid = self.lines("pid")[0]
        self.assertEqual(self.lines("term"), [pid])
        self.assertFalse(alive(pid))

    def test_a_child_dies_with_its_host(self):
        self.use(STUBBORN)
        self.send(self.orders(1))
        process = self.start()
        kit.wait_for(lambda: self.lines("pid"), timeout=60)
        pid = self.lines("pid")[0]
        self.assertTrue(alive(pid))
        process.send_signal(signal.SIGKILL)
        process.wait()
        kit.wait_for(lambda: not alive(pid), timeout=10)

    def test_a_flush_that_failed_or_died_is_handed_again(self):
        self.use(FLUSHES, flush=True)
        self.send(self.orders(20))
        counts = self.run_once()
        self.assertEqual(counts["handled"], 20)
        self.assertEqual(set(self.lines("stored")), {f"e{i}" for i in range(20)})
        self.assertEqual(len(self.lines("died")), 1)
        self.assertIn("the child could not flush: the disk is full", self.log)
        self.assertIn("the child has ended with exit code 3", self.log)

    def test_a_configuration_that_cannot_work(self):
        for handler, word in (({"command": ["no-such-program"]}, 'no folder of PATH has a program "no-such-program"'),
                              ({"command": ["./child.py"], "cwd": "/nowhere"}, "changing into `cwd`"),
                              ({"command": ["/nowhere/x"]}, "starting the program"),
                              ({"flush": True, "input": "value"}, "goes with `input: envelope` only")):
            with self.subTest(handler):
                self.use(VERDICTS, **handler)
                self.run_once(expect=4)
                self.assertIn(word, self.log)


if __name__ == "__main__":
    main()
