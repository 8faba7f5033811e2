#!/usr/bin/env python3
"""Bad input of every kind from the command line: each has its message, names what is wrong and where, and ends with the
documented exit code. Wrong plugins are the fixtures of the build and damaged copies of a good one."""
import json
import os
import random
import shutil
import subprocess
import tempfile
import unittest

import kit

CONFIG = os.path.join(kit.ROOT, "config", "busbar.yaml")
EVENT = "customer.user_event"
FIXTURES = os.path.join(kit.BUILD, "lib", "test-plugins")
DEEPEST = 128


def event(**more):
    """A valid event with other members; a value that is bytes is put in as it is."""
    members = {**json.loads(kit.examples(EVENT)[0]), **more}
    texts = (json.dumps(name).encode() + b":" + (value if isinstance(value, bytes) else json.dumps(value).encode())
             for name, value in members.items())
    return b"{" + b",".join(texts) + b"}"


def nested(levels):
    """An object of so many levels."""
    return b'{"a":' * (levels - 1) + b"{}" + b"}" * (levels - 1)


def malformed():
    good = event()
    return {
        "cut short": (good[:-1], "unexpected end"),
        "only begun": (b"{", "unexpected end"),
        "text behind": (good + b" x", "behind the value"),
        "two on a line": (good + good, "behind the value"),
        "not JSON": (b"user_id: 7", "expected a value"),
        "single quotes": (b"{'a':1}", "expected a member name"),
        "trailing comma": (b'{"a":1,}', "expected a member name"),
        "byte order mark": (b"\xef\xbb\xbf" + good, "byte order mark"),
        "not UTF-8": (event(article_title=b'"\xff"'), "not UTF-8"),
        "overlong UTF-8": (event(article_title=b'"\xc0\x80"'), "not UTF-8"),
        "lone surrogate": (event(article_title=b'"\\ud800"'), "lone surrogate"),
        "control character": (event(article_title=b'"\x01"'), "control character"),
        "zero byte": (b"\x00", "expected a value"),
        "zero byte behind": (good + b"\x00", "behind the value"),
        "not a number": (event(metadata=b'{"a":NaN}'), "expected a value"),
        "infinity": (event(metadata=b'{"a":-Infinity}'), "expected a digit"),
        "leading zero": (event(metadata=b'{"a":01}'), "leading zero"),
        "the same member twice": (good[:-1] + b',"user_id":null}', "duplicate member"),
        "the same member twice, escaped": (event(metadata=b'{"a":1,"\\u0061":2}'), "duplicate member"),
        "deep list": (b"[" * 100000, "nested deeper"),
        "deep object": (event(metadata=nested(DEEPEST)), "nested deeper"),
        "very deep object": (event(metadata=nested(100000)), "nested deeper"),
    }


def refused():
    """Lines that break a rule: (line, pointer, keyword)."""
    found = {
        "list": (b"[]", "", "type"), "null": (b"null", "", "type"), "string": (b'"x"', "", "type"), "number": (b"1", "", "type"),
        "nothing in it": (b"{}", "", "required"),
        "unknown member": (event(user="x"), "/user", "additionalProperties"),
        "title too long": (event(article_title="x" * 501), "/article_title", "maxLength"),
        "not one of the values": (event(event_type="sleep"), "/event_type", "enum"),
    }
    wrong = {"user_id": [b"[]", b"{}", b'"x"', b"1.5", b"true", b"null", b"9" * 400],
             "metadata": [b"[]", b'"x"', b"1", b"true", b"null", b"1e999"],
             "event_timestamp": [b"[]", b"{}", b'"soon"', b"true", b"1e999", b"9" * 400, b'"2025-02-30T00:00:00Z"'],
             "article_title": [b"[]", b"{}", b"1", b"false", b"-0.0"],
             "event_type": [b"[]", b"{}", b"1", b"null"]}
    for name, values in wrong.items():
        for value in values:
            found[f"{name} is {value[:20].decode()}"] = (event(**{name: value}), "/" + name, None)
    return found


class Lines(unittest.TestCase):
    """Bad lines between good ones: `validate` and `publish` agree about each, and the good ones are not harmed."""

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        broker = kit.Broker()
        cls.addClassCleanup(broker.close)
        cls.config = kit.write_config(folder.name, broker.bootstrap)
        cls.bootstrap = broker.bootstrap

    def outcomes(self, lines):
        """What both commands say of lines that stand between good ones."""
        data = b"".join(event() + b"\n" + line + b"\n" for line in lines) + event()
        validated = kit.busbar("validate", EVENT, "-", "--json", "--config", self.config, stdin=data)
        published = kit.busbar("publish", EVENT, "-", "--json", "--config", self.config, stdin=data)
        self.assertEqual((validated.returncode, published.returncode), (1, 1), validated.stderr + published.stderr)
        verdicts, outcomes = kit.json_lines(validated.stdout), kit.json_lines(published.stdout)
        self.assertEqual([verdict["valid"] for verdict in verdicts], [True, False] * len(lines) + [True])
        self.assertEqual([o["status"] for o in outcomes], ["delivered", "rejected"] * len(lines) + ["delivered"])
        self.assertEqual([o["line"] for o in outcomes], list(range(1, 2 * len(lines) + 2)))
        return [verdict["errors"][0] for verdict in verdicts[1::2]], outcomes[1::2]

    def test_malformed(self):
        cases = malformed()
        for (name, (_, part)), *said in zip(cases.items(), *self.outcomes([line for line, _ in cases.values()]), strict=True):
            for error in said:
                with self.subTest(name, error=error):
                    self.assertEqual((error["keyword"], error["pointer"]), ("malformed", ""))
                    self.assertIn(part, error["message"])
                    self.assertRegex(error["message"], r"column \d+ \(byte \d+\)")

    def test_depth_up_to_the_limit_is_fine(self):
        result = kit.busbar("validate", EVENT, "-", "--config", self.config, stdin=event(metadata=nested(DEEPEST - 1)))
        self.assertEqual(result.returncode, 0, result.stdout)

    def test_wrong_values(self):
        cases = refused()
        lines = [line for line, _, _ in cases.values()]
        for (name, (_, pointer, keyword)), *said in zip(cases.items(), *self.outcomes(lines), strict=True):
            for error in said:
                with self.subTest(name, error=error):
                    self.assertEqual(error["pointer"], pointer)
                    self.assertIn(error["keyword"], (keyword,) if keyword else ("type", "x-busbar-lax", "enum"))
                    self.assertLess(len(error["message"]), 500)

    def test_binary_garbage(self):
        """Every line of random bytes has its outcome, and nothing of it reaches the topic."""
        noise = random.Random(3).randbytes(200000)
        lines = [line for line in noise.split(b"\n") if line.strip(b" \t\r")]
        before = len(kit.consume(self.bootstrap, "customer-user-events"))
        for command in ("validate", "publish"):
            result = kit.busbar(command, EVENT, "-", "--json", "--config", self.config, stdin=noise)
            self.assertEqual(result.returncode, 1, result.stderr)
            self.assertEqual(len(kit.json_lines(result.stdout)), len(lines))
        self.assertEqual(len(kit.consume(self.bootstrap, "customer-user-events")), before)

    def test_line_that_kafka_would_not_take(self):
        large = event(metadata={"a": "x" * 2000000})
        result = kit.busbar("publish", EVENT, "-", "--json", "--config", self.config, stdin=large + b"\n" + event())
        self.assertEqual(result.returncode, 1)
        first, second = kit.json_lines(result.stdout)
        self.assertEqual((first["status"], first["keyword"], second["status"]), ("rejected", "size", "delivered"))
        self.assertIn("message.max.bytes", first["message"])


class Names(unittest.TestCase):
    def test_unknown_events_in_every_command(self):
        for command in (("publish",), ("validate",), ("generate",), ("run", "--only")):
            for wrong, nearest in (("customer.user_evnt", EVENT), ("custmer.session", "customer.session"),
                                   ("user_event", EVENT)):
                with self.subTest(command, wrong=wrong):
                    result = kit.busbar(*command, wrong, "--config", CONFIG)
                    self.assertEqual((result.returncode, result.stdout), (2, b""))
                    self.assertIn(f"'{wrong}' (did you mean '{nearest}'?)", result.stderr.decode())

    def test_no_event_at_all(self):
        result = kit.busbar("run", "--only", "", "--config", CONFIG)
        self.assertEqual(result.returncode, 2)
        self.assertIn(b"--only names no event type", result.stderr)

    def test_event_of_a_domain_that_is_off(self):
        result = kit.busbar("publish", EVENT, "--config", CONFIG, "--set", "domains.customer=false")
        self.assertEqual(result.returncode, 2)
        self.assertIn(b"no enabled event type", result.stderr)


class Files(unittest.TestCase):
    """Files that are missing, folders, not allowed, not what they should be."""

    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)
        self.garbage = self.write("garbage", random.Random(4).randbytes(5000))

    def write(self, name, data):
        path = os.path.join(self.folder, name)
        with open(path, "wb") as out:
            out.write(data)
        return path

    def expect(self, code, text, *arguments):
        with self.subTest(arguments):
            result = kit.busbar(*arguments, cwd=self.folder, timeout=30)
            said = (result.stderr + result.stdout).decode(errors="replace")
            self.assertEqual(result.returncode, code, said)
            self.assertIn(text, said)

    def takers(self, path):
        yield "publish", EVENT, path, "--config", CONFIG
        yield "validate", EVENT, path, "--config", CONFIG
        yield "validate", "--schema", path
        yield "check", "--config", path
        yield "run", "--config", path

    def test_missing(self):
        for path in (os.path.join(self.folder, "none"), os.path.join(self.garbage, "below-a-file")):
            for arguments in self.takers(path):
                self.expect(2, path, *arguments)

    def test_folder(self):
        for arguments in self.takers(self.folder):
            self.expect(2, self.folder, *arguments)

    def test_loop_of_links(self):
        path = os.path.join(self.folder, "loop")
        os.symlink(path, path)
        for arguments in self.takers(path):
            self.expect(2, path, *arguments)

    @unittest.skipIf(os.geteuid() == 0, "root may read every file")
    def test_not_allowed(self):
        path = self.write("secret", b"{}")
        os.chmod(path, 0)
        for arguments in self.takers(path):
            self.expect(2, path, *arguments)

    def test_not_what_they_should_be(self):
        self.expect(2, "garbage:1:1", "check", "--config", self.garbage)
        self.expect(2, "garbage:1:1", "run", "--config", self.garbage)
        self.expect(2, "garbage:1:1", "validate", "--schema", self.garbage)
        self.expect(1, "malformed", "validate", EVENT, self.garbage, "--config", CONFIG)
        self.expect(2, "a map of sections", "check", "--config", self.write("list.yaml", b"[1, 2]"))
        self.expect(2, "cut.yaml:1:", "check", "--config", self.write("cut.yaml", b'kafka: { bootstrap.servers: "x'))
        self.expect(2, "zero.yaml:1:", "check", "--config", self.write("zero.yaml", b"kafka: {}\x00"))

    def test_files_without_an_end(self):
        self.expect(2, "/dev/zero", "check", "--config", "/dev/zero")
        self.expect(2, "/dev/zero", "validate", "--schema", "/dev/zero")

    def test_schema_of_a_domain(self):
        def config(schema):
            return self.write("busbar.yaml", f"domains: {{ a: {{ events: {{ b: {{ schema: {schema} }} }} }} }}\n".encode())

        place = "busbar.yaml:1:"
        for schema, code, text in (("none.json", 2, "no such file"), (self.folder, 2, "not a file: " + self.folder),
                                   (self.garbage, 4, "garbage:1:1"), (self.write("type.json", b'{"type":"objekt"}'), 4, "type.json"),
                                   (self.write("pattern.json", b'{"pattern":"("}'), 4, "pattern.json")):
            self.expect(code, text, "check", "--config", config(schema))
            self.expect(code, place, "check", "--config", config(schema))

    def test_refused_lines_that_cannot_be_kept(self):
        self.expect(2, "none/r", "publish", EVENT, "-", "--rejected", os.path.join(self.folder, "none", "r"), "--config", CONFIG,
                    "--set", "kafka.bootstrap.servers=embedded")

    def test_secret_file_that_is_missing(self):
        path = self.write("busbar.yaml", b'kafka: { sasl.password: "${file:none}" }\n')
        for command in (("check",), ("run", "--once"), ("publish", EVENT)):
            self.expect(2, "busbar.yaml:1:25: ${file:none}: no such file", *command, "--config", path)


WRONG = {
    "bad_magic": "begins with 0x12345678, a descriptor with 0x42555342",
    "bad_head": "is 8 bytes long, a descriptor begins with 16",
    "bad_short": "says it is 64 bytes long",
    "bad_longer_than_symbol": "says it is 80 bytes long, the symbol busbar_plugin has only 72",
    "bad_newer_minor": "built for plugin contract 1.2, this host has 1.1, which is older; update busbar",
    "bad_older_major": "built for plugin contract 0.1, this host has 1.1",
    "bad_newer_major": "built for plugin contract 2.1, this host has 1.1",
    "bad_name": "named 'Not-A-Name'", "bad_no_name": "named nothing (NULL)", "bad_no_version": "states no version",
    "bad_nothing": "offers 0 event types and 0 handlers", "bad_null_list": "their list is NULL",
    "bad_null_item": "event type 1 of the list is NULL", "bad_many": "4000000000 event types are announced, at most 1024",
    "bad_event_size": "event type 0 says it is 16 bytes long", "bad_event_name": "named '9lives'",
    "bad_event_topic": "has the topic no topic", "bad_ops_size": "ops of event type event says it is 8 bytes long",
    "bad_duplicate_events": "two event types are named 'event'", "bad_contract_null": "a contract of 10 bytes at NULL",
    "bad_handler_size": "handler 0 says it is 8 bytes long", "bad_handler_no_ops": "has no ops (NULL)",
    "bad_handler_ops_size": "ops of handler handler says it is 8 bytes long", "bad_handler_no_open": "has no 'open' (NULL)",
    "bad_handler_no_handle": "has no 'handle' (NULL)", "bad_duplicate_handlers": "two handlers are named 'handler'",
    "bad_schema_null": "a config schema of 10 bytes at NULL", "bad_function": "is no data object",
    "bad_no_symbol": "exports no symbol busbar_plugin", "bad_undefined": "undefined symbol: bad_open_fixture",
}


@unittest.skipUnless(os.path.exists(os.path.join(FIXTURES, "fixture_good.so")),
                     f"no fixtures in {FIXTURES}; build the target test_plugins")
class Plugins(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)
        os.chmod(self.folder, 0o755)
        with open(os.path.join(FIXTURES, "fixture_good.so"), "rb") as file:
            self.good = file.read()

    def file(self, name, data, mode=0o755):
        path = os.path.join(self.folder, name)
        with open(path, "wb") as out:
            out.write(data)
        os.chmod(path, mode)
        return path

    def changed(self, name, **bytes_at):
        """A good plugin with single bytes of its ELF header changed: at_18=183."""
        data = bytearray(self.good)
        for at, value in bytes_at.items():
            data[int(at[3:])] = value
        return self.file(name, data)

    def config(self, path):
        name = os.path.join(self.folder, "busbar.yaml")
        with open(name, "w") as out:
            out.write(f"domains:\n  bad: {{ plugin: {path} }}\n")
        return name

    def refuse(self, path, text, code=4):
        """`inspect` and `check` name the file and say the same; `check` adds the place in the configuration, and exits 4 or 2."""
        inspect = kit.busbar("inspect", path)
        self.assertEqual((inspect.returncode, inspect.stdout), (code, b""), inspect.stderr)
        said = inspect.stderr.decode()
        self.assertTrue(said.startswith(f"busbar: {path}: "), said)
        self.assertIn(text, said)
        self.assertRegex(said, r"; '?[a-z]")  # what to do about it
        check = kit.busbar("check", "--config", self.config(path))
        self.assertEqual(check.returncode, 4, check.stderr)
        told = (check.stdout + check.stderr).decode()
        self.assertIn("busbar.yaml:2:18: " + said.removeprefix("busbar: ").strip(), told)
        return said

    def test_every_fixture(self):
        self.assertEqual({name[:-3] for name in os.listdir(FIXTURES) if name.startswith("bad_")}, set(WRONG))
        for name, text in WRONG.items():
            with self.subTest(name):
                self.refuse(os.path.join(FIXTURES, name + ".so"), text)

    def test_damaged_files(self):
        half = len(self.good) // 2
        cases = {
            self.file("empty.so", b""): "is empty (0 bytes)",
            self.file("half.so", self.good[:half]): f"truncated: {half} bytes",
            self.file("head.so", self.good[:40]): "truncated: 40 bytes",
            self.file("text.so", b"not a plugin\n" * 9): "not an ELF file: begins with 'not a plugin'",
            self.file("noise.so", random.Random(5).randbytes(9999)): "not an ELF file",
            self.changed("machine.so", at_18=183, at_19=0): "made for aarch64 (ELF machine 183), this host runs on",
            self.changed("word.so", at_4=1): "ELF class 1 (32-bit)",
            self.changed("order.so", at_5=2): "byte order 2",
            self.changed("type.so", at_16=1): "ELF type 1, a shared object has type 3",
            self.file("world.so", self.good, 0o777): "mode 0777, so everybody may change its code; mode 0755 is needed",
        }
        for path, text in cases.items():
            with self.subTest(os.path.basename(path)):
                self.refuse(path, text)

    def test_no_files(self):
        os.mkfifo(os.path.join(self.folder, "pipe.so"))
        os.mkdir(os.path.join(self.folder, "folder.so"))
        os.symlink("loop.so", os.path.join(self.folder, "loop.so"))
        for name, text in (("pipe.so", "is a pipe"), ("folder.so", "is a directory"), ("loop.so", "Too many levels"),
                           ("none.so", "No such file")):
            with self.subTest(name):
                self.refuse(os.path.join(self.folder, name), text, 2 if name in ("loop.so", "none.so") else 4)

    def test_folder_that_everybody_may_write(self):
        folder = os.path.join(self.folder, "open")
        os.mkdir(folder)
        os.chmod(folder, 0o777)
        self.refuse(shutil.copy(os.path.join(FIXTURES, "fixture_good.so"), folder), "open has mode 0777, so everybody may replace the plugin")

    def test_any_byte_of_the_elf_header(self):
        """A plugin with a byte of its ELF header changed is refused or accepted; the process does not fall over it."""
        for at in range(64):
            path = self.changed("flipped.so", **{f"at_{at}": self.good[at] ^ 0x81})
            result = kit.busbar("inspect", path)
            self.assertIn(result.returncode, (0, 4), (at, result.stderr))

    def test_commands_that_need_it(self):
        config = self.config(os.path.join(FIXTURES, "bad_newer_major.so"))
        for command in (("run", "--once"), ("publish", "bad.event"), ("validate", "bad.event"), ("topics", "plan")):
            with self.subTest(command):
                result = kit.busbar(*command, "--config", config)
                self.assertEqual(result.returncode, 4, result.stderr)
                self.assertIn(b"built for plugin contract 2.1, this host has 1.1", result.stderr)

    def test_handler_that_is_no_handler(self):
        domain = os.path.join(FIXTURES, "fixture_good.so")
        name = os.path.join(self.folder, "busbar.yaml")
        with open(name, "w") as out:
            out.write(f"domains: {{ fixture_good: {{ plugin: {domain}, handlers: [x] }} }}\n"
                      f"handlers: {{ x: {{ plugin: {domain} }} }}\n")
        result = kit.busbar("check", "--config", name)
        self.assertEqual(result.returncode, 4, result.stdout + result.stderr)
        self.assertIn(b"busbar.yaml:2:", result.stdout + result.stderr)


if __name__ == "__main__":
    unittest.main()
