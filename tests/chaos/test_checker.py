#!/usr/bin/env python3
"""The checker passes a sound ledger and catches each planted violation."""
import os
import subprocess
import sys
import tempfile
import unittest
import zlib

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import checker  # noqa: E402

PARTITIONS, KEYS, EACH = 3, 7, 40
STEP = 1000  # microseconds between events


def to_hex(data):
    return "x" + data.hex()


class Sound:
    """A ledger without fault, as lists that a test can spoil before it is written: one handler in two processes (the second begins
    again a little before the end of the first when `repeats`), a watcher, one event in 20 a dead letter and one in 33 dropped."""

    def __init__(self, repeats=0):
        self.produced, self.topic, self.out, self.dead, self.drops, self.commits = [], [], [[], []], [], [], []
        self.deletions, self.tier = [], []
        ends, time = [0] * PARTITIONS, 1000000
        for i in range(KEYS * EACH):
            key, seq = f"k{i % KEYS}", i // KEYS
            partition = (i % KEYS) % PARTITIONS
            offset, ends[partition] = ends[partition], ends[partition] + 1
            poison, dropped = i % 20 == 7, i % 33 == 5
            value = self.value(key, seq, poison, dropped)
            time += STEP
            self.produced.append([f"r1-{key}-{seq}", f"{zlib.crc32(value):08x}", "acked", partition, offset])
            self.topic.append([partition, offset, 5, to_hex(key.encode()), to_hex(value)])
            if poison:
                self.dead.append([0, len(self.dead), 5, to_hex(key.encode()), to_hex(value), "busbar.time=" + to_hex(b"1970-01-01T00:00:00Z")])
            elif dropped:
                self.drops.append([time, partition, offset, f"r1-{key}-{seq}"])
            else:
                self.out[i >= KEYS * EACH // 2].append([time, partition, offset, key, value.decode()])
            self.commits.append([time + STEP // 2, partition, offset + 1])
        if repeats:
            again = [[line[0] + 1, *line[1:]] for line in self.out[0][-repeats:]]
            self.out[1] = sorted(again + self.out[1])

    @staticmethod
    def value(key, seq, poison, dropped):
        body = f"body of {seq}"
        text = (f'{{"run":"r1","key":"{key}","seq":{seq},' + ('"do":"drop",' if dropped else "")
                + f'"body":"{body}","crc":"{checker.body_crc("r1", key, seq, body)}"}}')
        return (text[:-9] if poison else text).encode()

    def write(self, folder):
        for name in ("out/archive", "drops"):
            os.makedirs(os.path.join(folder, name))
        files = {"produced.tsv": self.produced, "topic.wire": self.topic, "dead.wire": self.dead, "commits.tsv": self.commits,
                 "drops/1.tsv": self.drops, "deleted.tsv": self.deletions, "tier.1.wire": self.tier, "out/archive/1.tsv": self.out[0], "out/archive/2.tsv": self.out[1]}
        for name, rows in files.items():
            with open(os.path.join(folder, name), "w") as file:
                for row in rows:
                    file.write((" " if name.endswith(".wire") else "\t").join(map(str, row)) + "\n")
        with open(os.path.join(folder, "clock.txt"), "w") as file:
            file.write("0\n")


class Checker(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory(prefix="busbar-checker-")
        self.addCleanup(temporary.cleanup)
        self.folder = temporary.name

    def judge(self, ledger, **more):
        ledger.write(self.folder)
        return checker.check(self.folder, **more)

    def caught(self, ledger, kind, count, **more):
        """That kind is reported that often, it fails the run, and nothing beside it and what follows from it is reported."""
        result = self.judge(ledger, **more)
        self.assertEqual(result[kind], count, result)
        self.assertFalse(result["ok"])
        self.assertTrue(result["examples"][kind], result)
        return result

    def test_a_sound_ledger_passes(self):
        result = self.judge(Sound())
        self.assertTrue(result.pop("ok"), result)
        self.assertEqual({kind: result[kind] for kind in checker.KINDS}, dict.fromkeys(checker.KINDS, 0))
        self.assertEqual(result["records"], KEYS * EACH)

    def test_repeats_pass_where_they_may_be(self):
        result = self.judge(Sound(repeats=20), repeats=True)
        self.assertTrue(result["ok"], result)
        self.assertEqual((result["duplicates"], result["order"]), (20, 0))

    def test_repeats_are_caught_where_they_may_not_be(self):
        self.caught(Sound(repeats=20), "duplicates", 20)

    def test_repeats_are_caught_in_exactly_once(self):
        self.caught(Sound(repeats=20), "duplicates", 20, mode="exactly_once", repeats=True)

    def written_twice(self):
        """The last events of partition 0 stand there again, as a producer writes them that lost its answer with the broker; each of the
        two was handled."""
        ledger = Sound()
        end = max(row[1] for row in ledger.topic if row[0] == 0) + 1
        taken = {row[2]: row for row in ledger.out[1] if row[1] == 0}
        rows = [row for row in ledger.topic if row[0] == 0 and row[1] in taken][-4:]
        time = ledger.commits[-1][0]
        for number, (partition, offset, *rest) in enumerate(rows):
            time += STEP
            ledger.topic.append([partition, end + number, *rest])
            ledger.out[1].append([time, partition, end + number, *taken[offset][3:]])
            ledger.commits.append([time + STEP // 2, partition, end + number + 1])
        return ledger

    def test_what_was_written_twice_is_handled_twice(self):
        result = self.judge(self.written_twice())
        self.assertTrue(result["ok"], result)

    def test_what_was_written_twice_and_handled_once(self):
        ledger = self.written_twice()
        del ledger.out[1][-1]
        self.caught(ledger, "lost", 1)

    def test_what_was_written_twice_and_handled_three_times(self):
        ledger = self.written_twice()
        ledger.out[1].append([ledger.out[1][-1][0] + 1, *ledger.out[1][-1][1:]])
        self.caught(ledger, "duplicates", 1)

    def test_a_dropped_event(self):
        ledger = Sound()
        del ledger.out[0][30]
        result = self.caught(ledger, "lost", 1)
        self.assertEqual(result["gaps"], 1)
        self.assertGreaterEqual(result["commit_over_handled"], 1)

    def test_a_dropped_dead_letter(self):
        ledger = Sound()
        del ledger.dead[3]
        self.caught(ledger, "lost", 1)

    def test_a_drop_without_audit(self):
        ledger = Sound()
        del ledger.drops[2]
        self.caught(ledger, "lost", 1)

    def test_the_last_event_dropped(self):
        ledger = Sound()
        del ledger.out[1][-1]
        self.caught(ledger, "lost", 1)

    def test_a_loss_that_at_most_once_may_have(self):
        ledger = self.early()
        del ledger.out[0][30]
        self.assertTrue(self.judge(ledger, mode="at_most_once", losses=True)["ok"])

    def test_a_loss_without_a_crash_at_most_once(self):
        ledger = self.early()
        del ledger.out[0][30]
        self.caught(ledger, "lost", 1, mode="at_most_once")

    # -- at most once: the commit comes first

    def early(self):
        """A sound ledger of at_most_once: each commit is there before its record is handled."""
        ledger = Sound()
        for commit in ledger.commits:
            commit[0] -= STEP
            commit.append(commit[0] - STEP // 4)
        return ledger

    def test_commits_that_come_first_pass(self):
        self.assertTrue(self.judge(self.early(), mode="at_most_once")["ok"])

    def test_commits_that_come_first_are_caught_elsewhere(self):
        self.assertFalse(self.judge(self.early())["ok"])

    def test_a_record_handled_before_its_commit(self):
        ledger = self.early()
        ledger.commits[50][0] += 3 * STEP
        ledger.commits[50][3] += 3 * STEP
        self.caught(ledger, "handled_before_commit", 1, mode="at_most_once", losses=True)

    def test_a_record_handled_about_when_it_was_committed(self):
        ledger = self.early()
        ledger.commits[50][0] += 3 * STEP  # the question whose answer was the offset before came in time
        self.assertTrue(self.judge(ledger, mode="at_most_once")["ok"])

    def test_at_least_once_is_no_at_most_once(self):
        ledger = Sound()
        for commit in ledger.commits:
            commit.append(commit[0] - STEP // 4)
        result = self.judge(ledger, mode="at_most_once")
        self.assertFalse(result["ok"])
        self.assertGreater(result["handled_before_commit"], 200)

    def test_a_record_handled_and_never_committed(self):
        ledger = self.early()
        del ledger.commits[-1]
        self.caught(ledger, "handled_before_commit", 1, mode="at_most_once", losses=True)

    def test_a_loss_of_what_was_not_committed(self):
        ledger = self.early()
        del ledger.commits[-1], ledger.out[1][-1]
        self.caught(ledger, "lost_uncommitted", 1, mode="at_most_once", losses=True)

    def test_repeats_are_caught_in_at_most_once_whatever_died(self):
        ledger = self.early()
        ledger.out[0].insert(12, ledger.out[0][11])
        self.caught(ledger, "duplicates", 1, mode="at_most_once", repeats=True, losses=True)

    # -- records that were deleted before they were handled

    def deleted(self, chosen):
        """The second half of partition 1 was deleted unread; somebody chose to go on with its last five records."""
        ledger = Sound()
        ends = max(line[1] for line in ledger.topic if line[0] == 1) + 1
        committed, first = ends // 2, ends - 5
        gone = {name for name, _, _, partition, offset in ledger.produced if partition == 1 and committed <= offset < first}
        ledger.topic = [line for line in ledger.topic if line[0] != 1 or line[1] >= first]
        for lines in ledger.out:
            lines[:] = [line for line in lines if checker.identity(line[4].encode()) not in gone]
        ledger.dead = [line for line in ledger.dead if checker.identity(checker.from_hex(line[4])) not in gone]
        ledger.drops = [line for line in ledger.drops if line[3] not in gone]
        ledger.commits = [line for line in ledger.commits if line[1] != 1 or not committed < line[2] <= first]
        late = next(line for line in ledger.commits if line[1] == 1 and line[2] > first)
        ledger.deletions = [[chosen and late[0] - 10, 1, committed, first]]
        return ledger

    def test_deleted_records_that_somebody_passed_over(self):
        result = self.judge(self.deleted(True))
        self.assertTrue(result["ok"], result)

    def test_deleted_records_that_were_passed_over_in_silence(self):
        ledger = self.deleted(None)
        ledger.deletions[0][0] = "-"
        self.caught(ledger, "skipped", ledger.deletions[0][3] - ledger.deletions[0][2])

    def test_deleted_records_that_were_passed_over_before_somebody_chose(self):
        ledger = self.deleted(True)
        ledger.deletions[0][0] += 20
        self.caught(ledger, "skipped", ledger.deletions[0][3] - ledger.deletions[0][2])

    def test_deleted_records_that_were_committed_and_not_handled(self):
        ledger = self.deleted(True)
        at = next(i for i, line in enumerate(ledger.out[0]) if line[1] == 1 and line[2] == 3)
        del ledger.out[0][at]
        self.caught(ledger, "lost", 1)

    def test_a_loss_beside_what_was_deleted(self):
        ledger = self.deleted(True)
        ledger.topic = [line for line in ledger.topic if line[0] != 2 or line[1] != 4]
        self.caught(ledger, "broker_lost", 1)

    def test_a_duplicated_event(self):
        ledger = Sound()
        ledger.out[0].insert(12, ledger.out[0][11])
        self.caught(ledger, "duplicates", 1)

    def test_a_duplicated_dead_letter(self):
        ledger = Sound()
        ledger.dead.append(ledger.dead[0])
        self.caught(ledger, "duplicates", 1)

    def test_handled_and_dead(self):
        ledger = Sound()
        key, value = ledger.topic[0][3:5]
        ledger.dead.append([0, 99, 5, key, value])
        self.caught(ledger, "duplicates", 1)

    def test_two_swapped_events_of_a_key(self):
        ledger = Sound()
        lines = [i for i, line in enumerate(ledger.out[0]) if line[3] == "k2"]
        first, second = lines[4], lines[5]
        ledger.out[0][first][1:], ledger.out[0][second][1:] = ledger.out[0][second][1:], ledger.out[0][first][1:]
        self.caught(ledger, "order", 1)

    def swapped_and_dead(self, time):
        """The first of two swapped events of a key is a dead letter, too."""
        ledger = Sound()
        lines = [i for i, line in enumerate(ledger.out[0]) if line[3] == "k2"]
        first, second = lines[4], lines[5]
        line = ledger.out[0][first]
        ledger.dead.append([0, 99, 5, to_hex(line[3].encode()), to_hex(line[4].encode()), "busbar.time=" + to_hex(time)])
        line[1:], ledger.out[0][second][1:] = ledger.out[0][second][1:], line[1:]
        return ledger

    def test_an_event_that_was_a_dead_letter_before_it_was_handled_late_has_appeared(self):
        self.assertEqual(self.caught(self.swapped_and_dead(b"1970-01-01T00:00:00Z"), "duplicates", 1)["order"], 0)

    def test_an_event_that_is_a_dead_letter_after_it_was_handled_late_has_not(self):
        self.assertEqual(self.caught(self.swapped_and_dead(b"2100-01-01T00:00:00Z"), "order", 1)["duplicates"], 1)

    def test_two_swapped_events_of_different_keys_are_no_violation(self):
        ledger = Sound()
        lines = ledger.out[0]
        at = next(i for i in range(10, 60) if lines[i][1] != lines[i + 1][1])
        lines[at][1:], lines[at + 1][1:] = lines[at + 1][1:], lines[at][1:]
        ledger.commits = ledger.commits[-PARTITIONS * 2:]
        self.assertTrue(self.judge(ledger)["ok"])

    def test_a_commit_one_too_far(self):
        ledger = Sound()
        ledger.commits[50][2] += 1
        result = self.caught(ledger, "commit_over_handled", 1)
        self.assertEqual((result["lost"], result["gaps"]), (0, 0))

    def test_a_commit_ten_too_far(self):
        ledger = Sound()
        ledger.commits[50][2] += 10
        self.caught(ledger, "commit_over_handled", 10)

    def test_a_commit_before_a_dead_letter(self):
        ledger = Sound()
        late = "x" + b"1970-01-01T00:00:02Z".hex()
        ledger.dead[1][5] = "busbar.time=" + late
        self.assertFalse(self.judge(ledger)["ok"])

    def test_a_commit_that_goes_back(self):
        ledger = Sound()
        last = ledger.commits[-1]
        ledger.commits.append([last[0] + 50000, last[1], last[2] - 7])
        result = self.caught(ledger, "commit_back", 7)
        self.assertEqual(result["uncommitted"], 7)

    def test_a_commit_behind_the_end(self):
        ledger = Sound()
        ledger.commits[-1][2] += 1
        self.caught(ledger, "commit_over_end", 1)

    def test_a_changed_byte(self):
        ledger = Sound()
        line = ledger.out[0][9]
        line[4] = line[4].replace("body of", "bOdy of")
        self.caught(ledger, "changed", 1)

    def test_a_changed_byte_with_a_crc_that_fits(self):
        ledger = Sound()
        line = ledger.out[0][9]
        key, seq = line[3], int(line[4].split('"seq":')[1].split(",")[0])
        body = f"bOdy of {seq}"
        line[4] = f'{{"run":"r1","key":"{key}","seq":{seq},"body":"{body}","crc":"{checker.body_crc("r1", key, seq, body)}"}}'
        self.caught(ledger, "changed", 1)

    def test_a_changed_byte_of_a_dead_letter(self):
        ledger = Sound()
        ledger.dead[2][4] = ledger.dead[2][4][:-2] + "00"
        self.caught(ledger, "changed", 1)

    def test_a_changed_timestamp_of_a_dead_letter(self):
        ledger = Sound()
        ledger.dead[2][2] = 6
        self.caught(ledger, "changed", 1)

    def test_a_wrong_place(self):
        ledger = Sound()
        ledger.out[0][9][2] += 1
        self.caught(ledger, "changed", 1)

    def test_an_event_from_nowhere(self):
        ledger = Sound()
        ledger.out[0][9][4] = ledger.out[0][9][4].replace('"run":"r1"', '"run":"r2"')
        result = self.caught(ledger, "strays", 1)
        self.assertEqual(result["lost"], 1)

    def test_a_handler_that_missed_an_event(self):
        ledger = Sound()
        ledger.write(self.folder)
        os.mkdir(os.path.join(self.folder, "out", "second"))
        with open(os.path.join(self.folder, "out", "second", "1.tsv"), "w") as file:
            file.writelines("\t".join(map(str, line)) + "\n" for line in (ledger.out[0] + ledger.out[1])[1:])
        result = checker.check(self.folder)
        self.assertEqual((result["lost"], result["ok"]), (1, False))

    def test_a_torn_last_line_is_no_event(self):
        ledger = Sound()
        ledger.write(self.folder)
        path = os.path.join(self.folder, "out", "archive", "1.tsv")
        with open(path, "rb+") as file:
            file.truncate(os.path.getsize(path) - 5)
        self.assertEqual(checker.check(self.folder)["lost"], 1)

    def test_a_topic_that_lost_what_it_acknowledged(self):
        ledger = Sound()
        del ledger.topic[-1], ledger.out[1][-1], ledger.commits[-1]
        self.caught(ledger, "broker_lost", 1)
        self.assertTrue(checker.check(self.folder, broker_losses=True)["ok"])

    @staticmethod
    def deferred(row):
        """A ledger in which an event was handled at its end only, because it was in a retry topic; its mark."""
        ledger = Sound()
        mark = ledger.out[0].pop(row)
        name = next(line for line in ledger.topic if line[:2] == mark[1:3])
        moment = f"1970-01-01T00:00:{mark[0] / 1000000:09.6f}Z".encode()
        ledger.tier.append([0, 0, 9, *name[3:5], "busbar.time=" + to_hex(moment)])
        mark[0] = ledger.out[1][-1][0] + STEP
        ledger.out[1].append(mark)
        return ledger

    def test_an_event_from_a_retry_topic(self):
        result = self.judge(self.deferred(30))
        self.assertEqual([kind for kind in checker.KINDS if result[kind] and kind != "order"], [], result)

    def test_an_event_that_was_committed_and_is_in_no_retry_topic(self):
        ledger = self.deferred(30)
        ledger.tier.clear()
        self.assertGreaterEqual(self.judge(ledger)["commit_over_handled"], 1)

    def test_an_event_lost_in_a_retry_topic(self):
        ledger = self.deferred(30)
        del ledger.out[1][-1]
        self.caught(ledger, "lost", 1)

    def test_an_empty_ledger_does_not_pass(self):
        self.assertFalse(checker.check(self.folder)["ok"])

    def test_the_exit_code(self):
        Sound().write(self.folder)
        command = [sys.executable, checker.__file__, self.folder]
        self.assertEqual(subprocess.run(command, stdout=subprocess.DEVNULL).returncode, 0)
        os.remove(os.path.join(self.folder, "dead.wire"))
        self.assertEqual(subprocess.run(command, stdout=subprocess.DEVNULL).returncode, 1)


if __name__ == "__main__":
    unittest.main()
