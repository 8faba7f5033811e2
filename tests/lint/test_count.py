#!/usr/bin/env python3
"""The counter of ./run-tests counts right: a failure that it missed would make the last line a lie."""
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from count import count  # noqa: E402

GTEST = """[==========] Running 5 tests from 1 test suite.
[  PASSED  ] 3 tests.
[  SKIPPED ] 1 test, listed below:
[  SKIPPED ] A.B
[  FAILED  ] 1 test, listed below:
[  FAILED  ] A.C
"""
UNITTEST = "Ran 7 tests in 0.1s\n\nFAILED (failures=1, errors=2, skipped=1)\n"


class Count(unittest.TestCase):
    def check(self, text, *expected):
        self.assertEqual(count(text.splitlines(True)), list(expected))

    def test_gtest(self):
        self.check(GTEST, 3, 1, 1)

    def test_unittest(self):
        self.check(UNITTEST, 3, 3, 1)
        self.check("Ran 2 tests in 1s\n\nOK\n", 2, 0, 0)
        self.check("Ran 2 tests in 1s\n\nOK (skipped=2)\n", 0, 0, 2)

    def test_programs_of_ctest_that_run_side_by_side(self):
        lines = [f"1: {line}" for line in UNITTEST.splitlines(True)]
        lines[1:1] = [f"2: {line}" for line in GTEST.splitlines(True)]
        lines += [" 1/2 Test #1: a ......***Failed  1.0 sec\n", " 2/2 Test #2: b ...   Passed  1.0 sec\n"]
        self.check("".join(lines), 6, 4, 2)

    def test_tests_of_ctest_that_count_nothing(self):
        self.check("1: hello\n 1/4 Test #1: a ....   Passed  0.1 sec\n 2/4 Test #2: b ....***Failed  0.1 sec\n"
                   " 3/4 Test #3: c ....***Skipped  0.1 sec\n 4/4 Test #4: d ....***Timeout  9 sec\n", 1, 2, 1)

    def test_a_program_that_died_counts_as_failed(self):
        self.check("1: [  PASSED  ] 3 tests.\n 1/1 Test #1: a ....***Exception: SegFault  0.1 sec\n", 3, 1, 0)

    def test_nothing(self):
        self.check("", 0, 0, 0)


if __name__ == "__main__":
    unittest.main()
