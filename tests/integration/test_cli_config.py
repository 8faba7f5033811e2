"""The configuration as the command line shows it: problems at their places, what a sound one comes to, and no secret."""
import json
import os
import shutil
import tempfile
import unittest

import kit

DATA = os.path.join(kit.ROOT, "tests", "data", "config")


class Check(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)

    def write(self, text, name="busbar.yaml"):
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as out:
            out.write(text)
        return path

    def test_planted_mistakes_are_printed_at_their_places(self):
        with open(os.path.join(DATA, "mistakes", "expected.txt")) as lines:
            expected = lines.read().splitlines()
        folder = os.path.join(DATA, "mistakes") + os.sep
        result = kit.busbar("check", "--config", folder + "busbar.yaml")
        self.assertEqual(result.returncode, 2)
        self.assertEqual(result.stderr.decode().replace(folder, "").splitlines(), [*expected, f"{len(expected)} problems"])
        self.assertGreaterEqual(len(expected), 25)

    def test_problems_as_json(self):
        result = kit.busbar("check", "--json", "--config", self.write("log: { levle: info }\n"))
        self.assertEqual(result.returncode, 2)
        found = json.loads(result.stdout)
        self.assertFalse(found["valid"])
        self.assertEqual([(p["line"], p["column"], p["message"]) for p in found["problems"]],
                         [(1, 8, "unknown key `levle`; did you mean `level`?")])

    def test_example_configuration_has_ten_event_types(self):
        result = kit.busbar("check", "--json", "--config", os.path.join(kit.ROOT, "config", "busbar.yaml"))
        self.assertEqual(result.returncode, 0, result.stderr)
        events = json.loads(result.stdout)["events"]
        self.assertEqual(tuple(sorted(e["event"] for e in events)), kit.EVENTS)
        self.assertEqual({e["guarantee"] for e in events}, {"at least once"})
        by_name = {e["event"]: e for e in events}
        self.assertEqual(by_name["data_quality.quality_metric"]["key"], "{table_name}_{metric_date}")

    def test_the_guarantee_of_each_handler_and_why(self):
        config = self.write("domains:\n  orders: { events: { paid: { schema: paid.json, topic: paid, handlers: [archive, out] } } }\n"
                            "handlers: { archive: { plugin: jsonl, path: x.jsonl }, out: { plugin: stdout } }\n")
        with open(os.path.join(self.folder, "paid.json"), "w") as file:
            file.write('{"type": "object"}')
        result = kit.busbar("check", "--json", "--config", config)
        self.assertEqual(result.returncode, 0, result.stdout)
        event = json.loads(result.stdout)["events"][0]
        self.assertEqual((event["guarantee"], event["weakest"]), ("at least once", "archive"))
        self.assertEqual([(one["handler"], one["plugin"], one["guarantee"]) for one in event["guarantees"]],
                         [("archive", "handler_jsonl", "at least once"), ("out", "handler_stdout", "at least once")])
        self.assertIn("keeps no offsets", event["guarantees"][0]["why"])
        self.assertIn(b"orders.paid: at least once; the weakest part is `archive`", kit.busbar("check", "--config", config).stdout)

    def test_found_in_the_config_folder_of_the_working_directory(self):
        self.write("domains: { audit: { plugin: ownlens_audit } }\n", "config/busbar.yaml")
        result = kit.busbar("check", cwd=self.folder)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn(b"audit.audit_log", result.stdout)
        self.write("domains: { company: { plugin: ownlens_company } }\n")
        self.assertNotIn(b"audit.audit_log", kit.busbar("check", cwd=self.folder).stdout)

    def test_missing_plugin_is_a_plugin_fault_at_its_place(self):
        result = kit.busbar("check", "--config", self.write("domains:\n  nosuch: true\n"))
        self.assertEqual(result.returncode, 4)
        self.assertRegex(result.stderr.decode(), r"busbar\.yaml:2:\d+: .*nosuch")

    def test_drop_in_with_a_schema_makes_a_domain(self):
        main = self.write("kafka: {}\n")
        shutil.copytree(os.path.join(kit.ROOT, "config", "schemas"), os.path.join(self.folder, "schemas"))
        os.makedirs(os.path.join(self.folder, "conf.d"))
        shutil.copy(os.path.join(kit.ROOT, "config", "conf.d", "shop.yaml.example"),
                    os.path.join(self.folder, "conf.d", "shop.yaml"))
        result = kit.busbar("validate", "shop.order", "--json", "--config", main,
                            stdin=b'{"customer_id":"c","amount":5}\n{"customer_id":"","amount":5}\n')
        self.assertEqual(result.returncode, 1, result.stderr)
        verdicts = kit.json_lines(result.stdout)
        self.assertEqual([v["valid"] for v in verdicts], [True, False])
        self.assertEqual(verdicts[1]["errors"][0]["pointer"], "/customer_id")

    def test_one_word_switches_off(self):
        text = "domains:\n  customer: { plugin: ownlens_customer, events: { session: false } }\n  audit: false\n"
        result = kit.busbar("check", "--json", "--config", self.write(text))
        self.assertEqual([e["event"] for e in json.loads(result.stdout)["events"]], ["customer.user_event"])

    def test_event_types_in_each_others_way(self):
        text = ("domains:\n  customer:\n    plugin: ownlens_customer\n    events:\n"
                "      session: { topic: t, consume: { group: g } }\n      user_event: { topic: t, consume: { group: g } }\n")
        result = kit.busbar("check", "--config", self.write(text))
        self.assertNotEqual(result.returncode, 0)
        self.assertRegex(result.stderr.decode(), r"busbar\.yaml:6:\d+: customer\.session and customer\.user_event .*topic")
        text = "domains: { audit: { plugin: ownlens_audit, consume: { dead_letter: { topic: audit-logs } } } }\n"
        result = kit.busbar("check", "--config", self.write(text))
        self.assertNotEqual(result.returncode, 0)
        self.assertRegex(result.stderr, rb"dead letter topic of audit\.audit_log")

    def test_secrets_are_nowhere(self):
        self.write("s3cret-of-file\n", "pw")
        main = self.write('kafka:\n  sasl.password: s3cret-1\n  client.id: "${file:pw}"\n'
                          "handlers:\n  a: { plugin: jsonl, path: out.jsonl, dsn: 'pg://me:s3cret-2@host/db', api_token: s3cret-3 }\n"
                          "domains: { audit: { plugin: ownlens_audit } }\n")
        result = kit.busbar("check", "--json", "--log-level", "debug", "--config", main)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertNotIn(b"s3cret", result.stdout + result.stderr)
        self.assertIn(b"********", result.stdout)

    def test_overrides_in_front_of_the_command_and_behind(self):
        main = self.write("domains: { audit: { plugin: ownlens_audit } }\n")
        result = kit.busbar("--set", "kafka.bootstrap.servers=one:1", "--config", main, "check", "--json",
                            "--set", "domains.audit.events.audit_log.topic=other")
        found = json.loads(result.stdout)
        self.assertEqual(found["bootstrap"], "one:1")
        self.assertEqual(found["events"][0]["topic"], "other")

    def test_no_configuration_names_where_it_looked(self):
        result = kit.busbar("check", cwd=self.folder)
        if os.path.exists("/etc/busbar/busbar.yaml"):
            self.skipTest("this machine has /etc/busbar/busbar.yaml")
        self.assertEqual(result.returncode, 0)
        for place in (b"$BUSBAR_CONFIG", b"busbar.yaml", b"config/busbar.yaml", b"/etc/busbar/busbar.yaml"):
            self.assertIn(place, result.stderr)

    def test_connect_says_what_is_there(self):
        with kit.Broker("--topic", "audit-logs") as broker:
            main = kit.write_config(self.folder, broker.bootstrap, "domains: { audit: { plugin: ownlens_audit } }\n")
            result = kit.busbar("check", "--connect", "--config", main)
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertRegex(result.stdout, rb"topic audit-logs: \d+ partitions")
            found = json.loads(kit.busbar("check", "--connect", "--json", "--config", main).stdout)
            self.assertEqual([topic["name"] for topic in found["kafka"]["topics"]], ["audit-logs"])
            self.assertGreater(found["kafka"]["topics"][0]["partitions"], 0)
            result = kit.busbar("check", "--connect", "--config", main, "--set", "domains.audit.events.audit_log.topic=absent")
            self.assertEqual(result.returncode, 3)
            self.assertIn(b"topic absent: does not exist", result.stdout)

    def test_connect_without_a_broker_exits_3(self):
        main = kit.write_config(self.folder, f"127.0.0.1:{kit.free_ports(1)}",
                                "domains: { audit: { plugin: ownlens_audit } }\n")
        result = kit.busbar("check", "--connect", "--timeout", "1", "--config", main)
        self.assertEqual(result.returncode, 3)
        self.assertIn(b"127.0.0.1", result.stderr)
        result = kit.busbar("check", "--connect", "--json", "--timeout", "1", "--config", main)
        self.assertEqual(result.returncode, 3)
        self.assertFalse(json.loads(result.stdout)["kafka"]["reachable"])


if __name__ == "__main__":
    unittest.main()
