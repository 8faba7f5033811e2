"""`busbar validate`: one verdict for every line."""
import json
import os
import shutil
import tempfile
import unittest

import kit

CONFIG = os.path.join(kit.ROOT, "config", "busbar.yaml")
SCHEMA = {"type": "object", "required": ["id"], "properties": {"id": {"type": "integer"}, "mail": {"format": "email"}}}


class Validate(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)
        self.schema = os.path.join(self.folder, "schema.json")
        with open(self.schema, "w") as out:
            json.dump(SCHEMA, out)

    def validate(self, text, *arguments, expect):
        result = kit.busbar("validate", *arguments, stdin=text)
        self.assertEqual(result.returncode, expect, result.stderr)
        return result

    def test_one_verdict_for_every_line(self):
        result = self.validate(b'{"id":1}\n\n{"id":"x"}\r\n  \n{"id":2', "--schema", self.schema, "--json", expect=1)
        verdicts = kit.json_lines(result.stdout)
        self.assertEqual([(v["line"], v["valid"]) for v in verdicts], [(1, True), (3, False), (5, False)])
        self.assertEqual(set(verdicts[0]), {"line", "valid", "errors"})
        self.assertEqual(verdicts[0]["errors"], [])
        self.assertEqual((verdicts[1]["errors"][0]["pointer"], verdicts[1]["errors"][0]["keyword"]), ("/id", "type"))
        self.assertEqual((verdicts[2]["errors"][0]["pointer"], verdicts[2]["errors"][0]["keyword"]), ("", "malformed"))
        self.assertIn(b"1 valid, 2 refused, 2 empty lines skipped", result.stderr)

    def test_words_by_default(self):
        result = self.validate(b'{"id":1}\n{}\n', "--schema", self.schema, expect=1)
        lines = result.stdout.decode().splitlines()
        self.assertEqual(lines[:2], ["line 1: valid", "line 2: refused"])
        self.assertIn("(required)", lines[2])
        quiet = self.validate(b'{"id":1}\n{}\n', "--schema", self.schema, "--quiet", expect=1)
        self.assertNotIn(b"line 1", quiet.stdout)

    def test_all_valid_exits_0(self):
        self.validate(b'{"id":1}\n', "--schema", self.schema, expect=0)
        self.validate(b"", "--schema", self.schema, expect=0)

    def test_files_and_dash(self):
        path = os.path.join(self.folder, "events.jsonl")
        with open(path, "wb") as out:
            out.write(b'{"id":1}')
        self.assertEqual(self.validate(b"", "--schema", self.schema, path, expect=0).stdout, b"line 1: valid\n")
        self.assertEqual(self.validate(b"{}", "--schema", self.schema, "-", expect=1).stdout[:15], b"line 1: refused")
        self.assertIn(b"No such file", self.validate(b"", "--schema", self.schema, path + "x", expect=2).stderr)
        self.assertIn(b"is a folder", self.validate(b"", "--schema", self.schema, self.folder, expect=2).stderr)

    def test_format_asserts_unless_it_annotates(self):
        line = b'{"id":1,"mail":"nobody"}\n'
        self.validate(line, "--schema", self.schema, expect=1)
        self.validate(line, "--schema", self.schema, "--format", "annotate", expect=0)
        self.validate(line, "--schema", self.schema, "--format", "other", expect=2)

    def test_references_resolve_to_folders_only(self):
        with open(self.schema, "w") as out:
            json.dump({"$ref": "https://example.com/schemas/id.json"}, out)
        os.makedirs(os.path.join(self.folder, "there"))
        with open(os.path.join(self.folder, "there", "id.json"), "w") as out:
            json.dump(SCHEMA, out)
        resolve = "https://example.com/schemas/=" + os.path.join(self.folder, "there")
        self.validate(b'{"id":1}', "--schema", self.schema, "--resolve", resolve, expect=0)
        self.validate(b'{}', "--schema", self.schema, "--resolve", resolve, expect=1)
        result = self.validate(b'{"id":1}', "--schema", self.schema, expect=2)
        self.assertIn(b"https://example.com/schemas/id.json", result.stderr)
        self.validate(b"", "--schema", self.schema, "--resolve", "nonsense", expect=2)

    def test_overlong_line_is_one_refused_line(self):
        text = b'{"id":1,"x":"' + b"a" * (17 << 20) + b'"}\n{"id":1}\n'
        verdicts = kit.json_lines(self.validate(text, "--schema", self.schema, "--json", expect=1).stdout)
        self.assertEqual([(v["line"], v["valid"]) for v in verdicts], [(1, False), (2, True)])
        self.assertIn("16 MiB", verdicts[0]["errors"][0]["message"])

    def test_every_error_of_a_line(self):
        with open(self.schema, "w") as out:
            json.dump({"properties": {str(i): {"type": "string"} for i in range(20)}}, out)
        line = json.dumps({str(i): i for i in range(20)}).encode()
        verdict = kit.json_lines(self.validate(line, "--schema", self.schema, "--json", expect=1).stdout)[0]
        self.assertEqual({e["pointer"] for e in verdict["errors"]}, {f"/{i}" for i in range(20)})
        first = self.validate(line, "--schema", self.schema, "--json", "--first-error", expect=1)
        self.assertEqual(len(kit.json_lines(first.stdout)[0]["errors"]), 1)

    def test_bad_schemas_and_usage(self):
        with open(self.schema, "w") as out:
            out.write('{"type": "objekt"}')
        self.assertIn(self.schema.encode(), self.validate(b"", "--schema", self.schema, expect=2).stderr)
        self.validate(b"", "--schema", os.path.join(self.folder, "none.json"), expect=2)
        self.validate(b"", expect=2)
        self.validate(b"", "customer.user_event", "a", "b", "--config", CONFIG, expect=2)
        self.validate(b"", "customer.user_event", "--format", "assert", "--config", CONFIG, expect=2)

    def test_unknown_event_names_the_nearest(self):
        result = self.validate(b"", "customer.user_evnt", "--config", CONFIG, expect=2)
        self.assertIn(b"customer.user_event", result.stderr)

    def test_events_of_plugins(self):
        for event in kit.EVENTS:
            with self.subTest(event):
                lines = kit.generated(event, 20)
                self.validate(b"\n".join(lines), event, "--config", CONFIG, expect=0)
                self.validate(b"{}\n[]\n", event, "--config", CONFIG, "--json", expect=1)


if __name__ == "__main__":
    unittest.main()
