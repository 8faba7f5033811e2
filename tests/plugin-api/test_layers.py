#!/usr/bin/env python3
"""The layers of core/: what each may include, and who alone may use which library."""
import os
import re
import tempfile
import unittest

from checks import ROOT

# A layer may include itself and what is named here.
LAYERS = {
    "base": [],
    "event": ["base"],
    "contract": ["base", "event"],
    "config": ["base", "event", "contract"],
    "pipeline": ["base", "event", "contract", "config"],
    "plugin": ["base", "event", "contract", "config", "pipeline"],
    "kafka": ["base", "event", "contract", "config", "pipeline"],
    "admin": ["base", "event", "contract", "config", "pipeline"],
    "app": ["base", "event", "contract", "config", "pipeline", "plugin", "kafka", "admin"],
    "client": ["base", "event", "contract", "config", "pipeline", "plugin", "kafka"],
}
# Headers of libraries that belong to some files alone.
OWNERS = {
    r"dlfcn\.h": r"plugin/(loader|library)\.c",
    r"librdkafka/.*": r"kafka/.*",
    r"yaml\.h": r"config/.*|app/cmd_version\.c",
    r"pcre2\.h": r"contract/.*|app/cmd_version\.c",
    r"idn2\.h": r"contract/.*",
    r"microhttpd\.h": r"admin/.*",
}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)


def violations(core):
    found = []
    for folder, _, files in os.walk(core):
        for name in files:
            path = os.path.relpath(os.path.join(folder, name), core)
            layer = path.split(os.sep)[0]
            if not name.endswith((".c", ".h")) or layer not in LAYERS:
                continue
            with open(os.path.join(core, path), encoding="utf-8") as file:
                includes = INCLUDE.findall(file.read())
            for quote, header in includes:
                found += judge(path, layer, quote, header)
    return found


def judge(path, layer, quote, header):
    if quote == '"' and "/" in header:
        other = header.split("/")[0]
        if other in LAYERS and other != layer and other not in LAYERS[layer]:
            return [f"{path}: includes {header}, but {layer} may only use {', '.join(LAYERS[layer]) or 'nothing'}"]
    for pattern, owner in OWNERS.items():
        if re.fullmatch(pattern, header) and not re.fullmatch(owner, path):
            return [f"{path}: includes {header}, which is for {owner} alone"]
    return []


class Layers(unittest.TestCase):
    def test_arrows_point_down(self):
        self.assertEqual(violations(os.path.join(ROOT, "core")), [])

    def test_every_folder_is_a_layer(self):
        core = os.path.join(ROOT, "core")
        folders = [name for name in os.listdir(core) if os.path.isdir(os.path.join(core, name))]
        self.assertEqual(sorted(folders), sorted(LAYERS))

    def test_locks_are_seen_by_the_thread_sanitizer(self):
        """GLib is not built with it: what GLib's locks order looks like a race (pipeline/monitor.h)."""
        blind = re.compile(r"\b(GMutex|GRecMutex|GRWLock|GCond|GOnce|g_once)")
        for folder, _, files in os.walk(os.path.join(ROOT, "core")):
            for name in files:
                if name.endswith((".c", ".h")):
                    with open(os.path.join(folder, name), encoding="utf-8") as file:
                        code = re.sub(r"/\*.*?\*/", "", file.read(), flags=re.S)
                    self.assertIsNone(blind.search(code), name)

    def test_plugins_see_the_public_headers_only(self):
        plugins = os.path.join(ROOT, "plugins")
        for folder, _, files in os.walk(plugins):
            for name in files:
                if not name.endswith((".c", ".h", ".cc", ".cpp")):
                    continue
                with open(os.path.join(folder, name), encoding="utf-8") as file:
                    for _, header in INCLUDE.findall(file.read()):
                        self.assertNotIn(header.split("/")[0], [*LAYERS, "glib", "librdkafka"],
                                         f"{name} includes {header}")

    def test_violations_are_seen(self):
        """The check can fail."""
        with tempfile.TemporaryDirectory() as core:
            for path, text in {"base/a.c": '#include "event/tape.h"\n', "event/b.h": '#include "base/arena.h"\n',
                               "plugin/c.c": "#include <dlfcn.h>\n", "plugin/loader.c": "#  include <dlfcn.h>\n",
                               "app/d.c": "#include <librdkafka/rdkafka.h>\n", "kafka/e.c": '#include "plugin/loader.h"\n',
                               "app/f.c": "#include <microhttpd.h>\n", "admin/g.c": '#include "kafka/runner.h"\n'}.items():
                os.makedirs(os.path.join(core, os.path.dirname(path)), exist_ok=True)
                with open(os.path.join(core, path), "w") as file:
                    file.write(text)
            self.assertEqual([text.split(":")[0] for text in sorted(violations(core))],
                             ["admin/g.c", "app/d.c", "app/f.c", "base/a.c", "kafka/e.c", "plugin/c.c"])


if __name__ == "__main__":
    unittest.main()
