#!/usr/bin/env python3
"""The ELF note: every plugin has it, it says the version of the header, and the header's hash is that of its declarations."""
import glob
import hashlib
import os
import re
import struct
import sys
import tempfile
import unittest

from checks import BUILD, HEADERS, run

HEAD = struct.Struct("<III8sIHHII")


def declarations(text):
    """plugin.h without comments, white space and bodies of inline functions: what two sides must agree on."""
    text = re.sub(r"/\*.*?\*/", " ", text, flags=re.S)
    out = []
    while True:
        start = text.find("static inline")
        if start < 0:
            break
        at, depth = text.index("{", start), 0
        while True:
            depth += {"{": 1, "}": -1}.get(text[at], 0)
            at += 1
            if depth == 0:
                break
        out.append(text[:start])
        text = text[at:]
    return re.sub(r"\s+", "", "".join(out) + text)


def header(name):
    with open(os.path.join(HEADERS, "busbar", name)) as file:
        return file.read()


def constant(name):
    return int(re.search(rf"#define {name} (0x[0-9a-f]+|\d+)u", header("version.h")).group(1), 0)


def notes(path):
    """The notes of busbar in a file, found without its headers."""
    with open(path, "rb") as file:
        data = file.read()
    found = []
    for match in re.finditer(re.escape(struct.pack("<III8s", 7, 16, 1, b"busbar")), data):
        found.append(HEAD.unpack_from(data, match.start())[4:])
    return found


EXPECTED = (constant("BUSBAR_MAGIC"), constant("BUSBAR_ABI_MAJOR"), constant("BUSBAR_ABI_MINOR"),
            constant("BUSBAR_HEADER_HASH_HIGH"), constant("BUSBAR_HEADER_HASH_LOW"))


class Note(unittest.TestCase):
    def test_the_hash_is_that_of_the_header(self):
        wanted = hashlib.sha256(declarations(header("plugin.h")).encode()).hexdigest()[:16]
        self.assertEqual(f"{EXPECTED[3]:08x}{EXPECTED[4]:08x}", wanted,
                         f"plugin.h has changed: BUSBAR_HEADER_HASH_HIGH is to be 0x{wanted[:8]}u, _LOW 0x{wanted[8:]}u in version.h, "
                         "and if what it declares has changed since the last release, the version too (docs/abi-history.md)")

    def test_the_hash_is_of_declarations_alone(self):
        text = header("plugin.h")
        same = declarations(text)
        self.assertEqual(declarations("/* a word */\n" + text.replace("\n", "\n\n")), same)
        self.assertEqual(declarations(text + "\nstatic inline int busbar_more(void)\n{\n    if (1) {\n    }\n    return 1;\n}\n"), same)
        self.assertNotEqual(declarations(text.replace("    const char *group;", "    const char *groups;")), same)

    @unittest.skipUnless(sys.byteorder == "little", "the test reads little-endian files")
    def test_every_plugin_has_it(self):
        plugins = glob.glob(os.path.join(BUILD, "lib", "busbar", "plugins", "*.so"))
        self.assertGreater(len(plugins), 8)
        for plugin in plugins:
            with self.subTest(plugin=os.path.basename(plugin)):
                self.assertEqual(set(notes(plugin)), {EXPECTED})

    @unittest.skipUnless(sys.byteorder == "little", "the test reads little-endian files")
    def test_a_compiler_and_the_header_are_all_it_takes(self):
        source = b'#include <busbar/plugin.h>\nconst busbar_plugin_descriptor busbar_plugin = {BUSBAR_DESCRIPTOR_HEAD};\n'
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "plugin.c")
            with open(path, "wb") as file:
                file.write(source)
            for compiler, flags in (("gcc", []), ("gcc", ["-O2", "-flto", "-Wl,--gc-sections", "-fdata-sections"]), ("gcc", ["-xc++"])):
                out = os.path.join(folder, "plugin.so")
                code, output = run(compiler, "-shared", "-fPIC", "-w", *flags, "-I", HEADERS, path, "-o", out)
                self.assertEqual(code, 0, output)
                self.assertEqual(notes(out), [EXPECTED], flags)
                code, output = run(compiler, "-shared", "-fPIC", "-w", *flags, "-DBUSBAR_NO_NOTE", "-I", HEADERS, path, "-o", out)
                self.assertEqual((code, notes(out)), (0, []), output)


if __name__ == "__main__":
    unittest.main()
