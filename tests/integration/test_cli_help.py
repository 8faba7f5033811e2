"""Help, man page and completion: one source, and each of them usable."""
import json
import os
import pty
import re
import shutil
import subprocess
import tempfile
import unittest

import kit


def commands():
    return re.findall(r"^  ([a-z]+) +\S", kit.busbar("--help").stdout.decode().split("Options of every")[0], re.M)


class Help(unittest.TestCase):
    def test_every_command_has_help_with_options_and_examples(self):
        self.assertGreaterEqual(len(commands()), 11)
        for command in commands():
            with self.subTest(command):
                result = kit.busbar(command, "--help")
                self.assertEqual(result.returncode, 0)
                self.assertEqual(result.stdout, kit.busbar("help", command).stdout)
                for part in (b"Usage: busbar " + command.encode(), b"--config=FILE", b"Examples:"):
                    self.assertIn(part, result.stdout)

    def test_unknown_names_get_the_nearest(self):
        for arguments, nearest in ((["chekc"], b"`check`"), (["check", "--jsno"], b"--json"), (["--hlep"], b"--help")):
            with self.subTest(arguments):
                result = kit.busbar(*arguments)
                self.assertEqual(result.returncode, 2)
                self.assertIn(b"did you mean " + nearest, result.stderr)
                self.assertEqual(result.stdout, b"")

    def test_no_command_shows_help_and_fails(self):
        self.assertEqual(kit.busbar().returncode, 2)

    def test_no_colour_in_a_pipe(self):
        self.assertNotIn(b"\033", kit.busbar("--help").stdout + kit.busbar("nonsense").stderr)

    def on_terminal(self, *arguments, **more):
        """What busbar writes when its outputs are a terminal."""
        main, side = pty.openpty()
        process = subprocess.Popen([kit.BUSBAR, *arguments], stdin=subprocess.DEVNULL, stdout=side, stderr=side,
                                   env=kit.environment(TERM="xterm", **more))
        os.close(side)
        text = b""
        while True:
            try:
                part = os.read(main, 65536)
            except OSError:  # the other side is closed
                part = b""
            if not part:
                break
            text += part
        os.close(main)
        process.wait()
        return text

    def test_colour_on_a_terminal_unless_it_is_unwanted(self):
        self.assertIn(b"\033[1m", self.on_terminal("--help"))
        self.assertIn(b"\033[1;31m", self.on_terminal("nonsense"))
        self.assertNotIn(b"\033", self.on_terminal("--help", "--no-color"))
        self.assertNotIn(b"\033", self.on_terminal("--help", NO_COLOR="1"))

    def test_bad_log_level(self):
        result = kit.busbar("check", "--log-level", "loud")
        self.assertEqual(result.returncode, 2)
        self.assertIn(b"error, warning, info, debug", result.stderr)

    def test_version(self):
        short = kit.busbar("--version").stdout
        self.assertEqual(short, kit.busbar("version").stdout)
        result = kit.busbar("version", "--verbose").stdout.decode()
        for name in ("plugin ABI", "librdkafka", "GLib", "jansson", "PCRE2", "JIT", "compiler", "plugins"):
            self.assertIn(name, result)

    def test_version_tells_what_is_known_of_librdkafka(self):
        text = kit.busbar("version", "--verbose").stdout.decode()
        document = json.loads(kit.busbar("version", "--verbose", "--json").stdout)
        self.assertEqual(json.loads(kit.busbar("version", "--json").stdout), {"busbar": document["busbar"]})
        self.assertGreaterEqual(len(document["gates"]), 20)
        for gate in document["gates"]:
            with self.subTest(gate["name"]):
                self.assertRegex(text, rf'(?m)^  {"yes" if gate["active"] else "no "} {gate["name"]} ')
                for part in ("reason", "action", "source", "affected"):
                    self.assertIn(gate[part], text)
        held = [gate for gate in document["gates"] if gate["affected"] == "all"]
        self.assertTrue(held and all(gate["active"] for gate in held))


class Docs(unittest.TestCase):
    def test_man_page_has_every_command_and_no_complaint(self):
        page = kit.busbar("_docs", "man").stdout
        for command in commands():
            self.assertRegex(page.decode(), rf'\.SS "{command}[ "]')
        if not shutil.which("mandoc"):
            self.skipTest("mandoc is not installed")
        result = subprocess.run(["mandoc", "-Tlint"], input=page, capture_output=True)
        self.assertEqual((result.returncode, result.stdout), (0, b""))

    def complete(self, *words, folder=None):
        """What bash offers for the last of `words`."""
        script = kit.busbar("_docs", "bash").stdout.decode() + (
            '\ncompopt() { :; }\nCOMP_WORDS=("$@")\nCOMP_CWORD=$(($# - 1))\n_busbar\nprintf "%s\\n" "${COMPREPLY[@]}"\n')
        result = subprocess.run(["bash", "-c", script, "bash", kit.BUSBAR, *words], capture_output=True, text=True, cwd=folder,
                                env=kit.environment())
        self.assertEqual(result.stderr, "")
        return set(result.stdout.split())

    def test_completion_offers_commands_options_and_events(self):
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder)
        self.assertEqual(self.complete("val"), {"validate"})
        self.assertLessEqual(set(commands()), self.complete(""))
        self.assertIn("--schema=", self.complete("validate", "--"))
        self.assertNotIn("--schema=", self.complete("check", "--"))
        config = os.path.join(kit.ROOT, "config", "busbar.yaml")
        self.assertEqual(self.complete("validate", "--config=" + config, "customer.", folder=folder),
                         {"customer.session", "customer.user_event"})
        self.assertEqual(self.complete("publish", "--config", config, "audit", folder=folder), {"audit.audit_log"})


if __name__ == "__main__":
    unittest.main()
