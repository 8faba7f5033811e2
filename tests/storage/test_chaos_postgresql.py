#!/usr/bin/env python3
"""One run of chaos_postgresql.py for each kind of fault around the store that a short test has room for."""
import concurrent.futures
import contextlib
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import chaos_postgresql as chaos  # noqa: E402


class Chaos(unittest.TestCase):
    def test_every_row_once(self):
        places = chaos.Places()
        places.free.put(places.take())  # skips where PostgreSQL is not installed
        faults = ("kill_any_time", "commit_without_answer", "server_killed", "deadlock", "disk_full", "zombie")
        with contextlib.closing(places), concurrent.futures.ThreadPoolExecutor(2) as pool:
            runs = [pool.submit(chaos.perform, places, 100 + number, fault) for number, fault in enumerate(faults)]
            for run in runs:
                result = run.result()
                self.assertTrue(result["good"], result)


if __name__ == "__main__":
    unittest.main()
