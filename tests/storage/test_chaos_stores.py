#!/usr/bin/env python3
"""A run of chaos_STORE.py for some of its faults; the scripts themselves are run by hand."""
import concurrent.futures
import contextlib
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import chaos  # noqa: E402
import chaos_clickhouse  # noqa: E402
import chaos_postgresql  # noqa: E402
import chaos_s3  # noqa: E402


class Stores(unittest.TestCase):
    def each_row_once(self, kind, *faults):
        places = chaos.Places(kind)
        with contextlib.closing(places), concurrent.futures.ThreadPoolExecutor(2) as pool:
            places.free.put(places.take())  # skips where the store is not installed
            runs = [pool.submit(chaos.perform, places, 100 + number, fault) for number, fault in enumerate(faults)]
            for run in runs:
                result = run.result()
                self.assertTrue(result["good"], result)

    def test_postgresql(self):
        self.each_row_once(chaos_postgresql.PostgreSQL, "commit_without_answer", "disk_full")

    def test_clickhouse(self):
        self.each_row_once(chaos_clickhouse.ClickHouse, "kill_after_insert", "too_many_parts")

    @unittest.skipUnless(chaos_s3.lake.has_parquet(), "this build has no Parquet: there was no Apache Arrow C++")
    def test_s3(self):
        self.each_row_once(chaos_s3.S3, "kill_commit", "race")


if __name__ == "__main__":
    unittest.main()
