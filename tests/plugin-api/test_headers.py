#!/usr/bin/env python3
"""The public headers under two compilers and four standards, each on its own, without a warning."""
import os
import shutil
import tempfile
import unittest

from checks import HEADERS, run

STRICT = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-Wshadow", "-Wconversion", "-Wformat=2", "-Wundef"]
STANDARDS = {"c11": "c", "c17": "c", "c++11": "c++", "c++17": "c++"}
COMPILERS = {"gcc": {"c": "gcc", "c++": "g++"}, "clang": {"c": "clang", "c++": "clang++"}}

# Every helper is used, so that its body is looked at, too; designated initialisers are no part of C++11.
PLUGIN = """
static int32_t one(void *self, busbar_call *call, busbar_event *event, uint32_t index)
{
    (void)self; (void)event;
    busbar_log(call, BUSBAR_LOG_INFO, "event %u", index);
    if (busbar_field_of(call, "id") < 0) return busbar_fail(call, BUSBAR_FATAL, "no member %s", "id");
    if (index == 1) return busbar_fail_at(call, BUSBAR_REJECT, "/id", "wrong: %d", 1);
    if (index == 2) return busbar_unavailable(call, "down");
    return busbar_fail_event(call, index, BUSBAR_REJECT, "no");
}
static int32_t handle(void *self, busbar_call *call, const busbar_batch *batch, int32_t *verdicts)
{
    return busbar_each(self, call, batch, verdicts, one);
}
static const busbar_event_ops ops = {sizeof(busbar_event_ops), 0, NULL, NULL, handle};
static const busbar_event_type type = {sizeof(busbar_event_type), 0, "e", NULL, "t", NULL, {"{}", 2}, &ops, NULL, NULL};
static const busbar_event_type *const types[] = {&type};
const busbar_plugin_descriptor busbar_plugin = {
    BUSBAR_DESCRIPTOR_HEAD, "p", "1", NULL, 1, 0, types, NULL, NULL};
"""
SOURCES = {
    "plugin.h": PLUGIN,
    "version.h": "int answer(void); int answer(void) { return BUSBAR_ABI_MAJOR == 1u && BUSBAR_MAGIC != 0; }",
    "json.h": "int answer(const busbar_json_v1 *json); "
              "int answer(const busbar_json_v1 *json) { return json->view == NULL; }",
    "source.h": "int answer(const busbar_source_v1 *source); "
                "int answer(const busbar_source_v1 *source) { return source->event_name == NULL; }",
    "storage.h": "int answer(const busbar_storage_v1 *s); "
                 "int answer(const busbar_storage_v1 *s) { return s->position == NULL; }",
    "client.h": "int answer(const busbar_outcome *o); int answer(const busbar_outcome *o) { return o->status; }",
}


def has_jansson():
    return run("pkg-config", "--exists", "jansson")[0] == 0


class Headers(unittest.TestCase):
    def compile(self, compiler, language, standard, text, *extra):
        with tempfile.TemporaryDirectory() as folder:
            return run(compiler, f"-std={standard}", "-x", language, *STRICT, *extra, "-I", HEADERS, "-c", "-", "-o",
                       os.path.join(folder, "out.o"), stdin=text)

    def test_every_header_stands_alone_everywhere(self):
        for family, programs in COMPILERS.items():
            for standard, language in STANDARDS.items():
                if not shutil.which(programs[language]):
                    with self.subTest(family, standard=standard):
                        self.skipTest(f"{programs[language]} is not installed")
                    continue
                for header, body in SOURCES.items():
                    if header == "json.h" and not has_jansson():
                        continue
                    with self.subTest(header, compiler=programs[language], standard=standard):
                        code, output = self.compile(programs[language], language, standard,
                                                    f"#include <busbar/{header}>\n{body}\n")
                        self.assertEqual(code, 0, output)

    def test_every_header_is_tried(self):
        self.assertEqual(sorted(SOURCES), sorted(os.listdir(os.path.join(HEADERS, "busbar"))))

    def test_a_wrong_format_is_seen(self):
        """The check can fail: helpers state their format, so a wrong argument is an error for the plugin's author."""
        body = PLUGIN.replace('"wrong: %d", 1', '"wrong: %d", "x"')
        code, output = self.compile("gcc", "c", "c11", f"#include <busbar/plugin.h>\n{body}\n")
        self.assertNotEqual(code, 0)
        self.assertIn("format", output)

    def test_headers_name_no_foreign_type(self):
        for header in ("plugin.h", "version.h", "client.h"):
            with open(os.path.join(HEADERS, "busbar", header)) as text:
                for line in text:
                    if line.startswith("#include"):
                        self.assertRegex(line, r"<(busbar/version\.h|std[a-z]+\.h|string\.h)>", header)


if __name__ == "__main__":
    unittest.main()
