#!/usr/bin/env python3
"""Runs the cases of make_violations.py through `busbar validate EVENT --json`, one run for each event type: every
violation is refused and its field is named, every accepted form passes.

usage: run_violations.py BUSBAR PLUGIN_FOLDER CASES
"""
import collections
import json
import os
import subprocess
import sys
import tempfile

DOMAINS = ("customer", "editorial", "company", "security", "compliance", "audit", "data_quality", "ml_models")


def write_config(folder, plugins):
    path = os.path.join(folder, "busbar.yaml")
    with open(path, "w", encoding="utf-8") as out:
        out.write("plugins:\n  path: [%s]\ndomains:\n" % json.dumps(plugins))
        for domain in DOMAINS:
            out.write("  %s: { plugin: ownlens_%s }\n" % (domain, domain))
    return path


def validate(busbar, config, event, cases):
    lines = "".join(case["text"] + "\n" for case in cases)
    done = subprocess.run([busbar, "validate", event, "--config", config, "--json", "-"], input=lines.encode(),
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, timeout=120)
    if done.returncode != 1:
        raise SystemExit("%s: exit code %d, expected 1: %s" % (event, done.returncode, done.stderr.decode()))
    verdicts = [json.loads(line) for line in done.stdout.decode().splitlines() if line.startswith('{"line"')]
    if len(verdicts) != len(cases):
        raise SystemExit("%s: %d verdicts for %d lines" % (event, len(verdicts), len(cases)))
    return verdicts


def names(error, field):
    pointer = error["pointer"]
    own = "/" + field
    return pointer == own or pointer.startswith(own + "/") or (pointer == "" and field in error["message"])


def trouble(number, case, verdict):
    if verdict["line"] != number:
        return "is reported as line %d" % verdict["line"]
    if verdict["valid"] != case["valid"]:
        return "is %s" % ("accepted" if verdict["valid"] else "refused: %s" % verdict["errors"])
    if case["valid"]:
        return None
    if case["rule"].startswith("malformed"):
        return None if verdict["errors"][0]["keyword"] == "malformed" else "is not called malformed: %s" % verdict["errors"]
    if not verdict["errors"] or not all(names(error, case["field"]) for error in verdict["errors"]):
        return "does not name its field: %s" % verdict["errors"]
    return None


def main():
    busbar, plugins, path = sys.argv[1:]
    by_event = collections.OrderedDict()
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            case = json.loads(line)
            by_event.setdefault(case["event"], []).append(case)
    fields = {(case["event"], case["field"]) for cases in by_event.values() for case in cases if not case["valid"]}
    failed = total = 0
    with tempfile.TemporaryDirectory() as folder:
        config = write_config(folder, plugins)
        for event, cases in by_event.items():
            for number, (case, verdict) in enumerate(zip(cases, validate(busbar, config, event, cases)), 1):
                total += 1
                reason = trouble(number, case, verdict)
                if reason:
                    failed += 1
                    print("%s: %s, %s, %.80s %s" % (event, case["field"], case["rule"], case["given"], reason))
    count = sum(1 for _, field in fields if field not in ("", "colour"))
    print("%d cases, %d failed; violations of %d fields" % (total, failed, count))
    return 1 if failed or count != 269 else 0


if __name__ == "__main__":
    sys.exit(main())
