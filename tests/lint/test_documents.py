#!/usr/bin/env python3
"""The documents tell the truth about files: excerpts stand in the file they name, links lead somewhere, paths exist."""
import os
import re
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DOCUMENTS = [os.path.join(ROOT, name) for name in os.listdir(ROOT) if name.endswith(".md")] + [
    os.path.join(ROOT, "docs", name) for name in os.listdir(os.path.join(ROOT, "docs")) if name.endswith(".md")]


def squeeze(text):
    """White space may differ: the formatter folds lines."""
    return re.sub(r"\s+", " ", text).strip()


class Documents(unittest.TestCase):
    def each(self):
        for path in sorted(DOCUMENTS):
            with open(path, encoding="utf-8") as file:
                yield os.path.relpath(path, ROOT), file.read()

    def test_excerpts_stand_in_their_files(self):
        count = 0
        for name, text in self.each():
            for path, excerpt in re.findall(r"<!-- file: (\S+) -->\n```\w*\n(.*?)```", text, re.S):
                count += 1
                with self.subTest(f"{name}: {path}"), open(os.path.join(ROOT, path), encoding="utf-8") as file:
                    self.assertIn(squeeze(excerpt), squeeze(file.read()))
        self.assertGreaterEqual(count, 5)

    def test_links_lead_to_files(self):
        for name, text in self.each():
            for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
                if not re.match(r"[a-z]+://|mailto:", target):
                    with self.subTest(f"{name}: {target}"):
                        self.assertTrue(os.path.exists(os.path.join(ROOT, os.path.dirname(name), target)))

    def test_named_paths_exist(self):
        for name, text in self.each():
            for path in re.findall(r"`((?:core|docs|tests|plugins|plugin-api|config)/[\w./-]+)`", text):
                with self.subTest(f"{name}: {path}"):
                    self.assertTrue(os.path.exists(os.path.join(ROOT, path)))

    def test_commands_named_in_documents_exist(self):
        commands_file = os.path.join(ROOT, "core", "app", "commands.c")
        with open(commands_file, encoding="utf-8") as file:
            commands = set(re.findall(r"bb_command_([a-z]+)", file.read()))
        for name, text in self.each():
            for command in re.findall(r"`busbar ([a-z]+)\b[^`]*`", text):
                with self.subTest(f"{name}: busbar {command}"):
                    self.assertIn(command, commands)


if __name__ == "__main__":
    unittest.main()
