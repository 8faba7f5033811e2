#!/usr/bin/env python3
"""Counts tests in a log: prints "passed failed skipped". Reads what GoogleTest, Python's unittest and ctest -V say; a test of ctest
that counts nothing itself is one test."""
import re
import sys

RESULT = re.compile(r"\s*\d+/\d+ Test\s+#(\d+): \S+ \.*\s*(Passed|\*\*\*\w+)")
GTEST = re.compile(r"\[  (PASSED|FAILED|SKIPPED)\s*\] (\d+) tests?[.,]")
RAN = re.compile(r"Ran (\d+) tests? in ")
VERDICT = re.compile(r"(OK|FAILED|NO TESTS RAN)(?: \((.*)\))?$")


class Tests:
    """Counts of one program."""

    def __init__(self):
        self.passed = self.failed = self.skipped = 0
        self.ran = None

    def add(self, line):
        gtest, ran, verdict = GTEST.match(line), RAN.match(line), VERDICT.match(line)
        if gtest:
            name = gtest[1].lower()
            setattr(self, name, getattr(self, name) + int(gtest[2]))
        elif ran:
            self.ran = int(ran[1])
        elif verdict and self.ran is not None:
            parts = dict(re.findall(r"(\w+)=(\d+)", verdict[2] or ""))
            bad = int(parts.get("failures", 0)) + int(parts.get("errors", 0))
            skipped = int(parts.get("skipped", 0))
            self.failed += bad
            self.skipped += skipped
            self.passed += max(self.ran - bad - skipped, 0)
            self.ran = None

    def none(self):
        return not (self.passed or self.failed or self.skipped)


def count(lines):
    programs, results = {}, {}
    for line in lines:
        line = line.rstrip("\n")
        result = RESULT.match(line)
        if result:
            results[result[1]] = result[2]
            continue
        prefix = re.match(r"(\d+): ?", line)
        key = prefix[1] if prefix else ""
        programs.setdefault(key, Tests()).add(line[prefix.end():] if prefix else line)
    for key, verdict in results.items():
        tests = programs.setdefault(key, Tests())
        if verdict == "Passed":
            tests.passed += tests.none()
        elif verdict == "***Skipped":
            tests.skipped += tests.none()
        else:
            tests.failed += tests.failed == 0
    return [sum(getattr(tests, name) for tests in programs.values()) for name in ("passed", "failed", "skipped")]


if __name__ == "__main__":
    with open(sys.argv[1], errors="replace") as file:
        print(*count(file))
