"""What every handler has to do, seen from outside: through a broker, `busbar run` and what is in the store afterwards.

A handler is described by a `Profile`; the checks know nothing else of it. A handler of one's own is tried by a profile of one's
own and a test class that inherits `Conformance`.
"""
import json
import signal
import time

import kit
from handlerkit import HandlerTest


class Profile:
    """How to use one handler. `test` is the test that uses it, with its folder."""

    def __init__(self, test):
        self.test = test

    def keys(self):
        """The handler's keys in the configuration."""
        raise NotImplementedError

    def stored(self):
        """The ids of the events in the store, in its order."""
        raise NotImplementedError

    def good(self, number):
        """An event that the handler passes."""
        return {"id": f"e{number}", "amount": number}

    def bad(self, number):
        """An event that it rejects, and the pointer it names; None where it rejects nothing."""
        return None

    def dropped(self, number):
        """An event that it drops; None where it drops nothing."""
        return None

    def close_store(self):
        """Makes the store unavailable."""
        raise NotImplementedError

    def open_store(self):
        """Makes it available again."""
        raise NotImplementedError


class Conformance:
    """The checks; a test class inherits them in front of HandlerTest and sets `profile_class`."""
    profile_class = None
    partitions = 3
    consume = {**HandlerTest.consume, "flush_interval": "100ms", "commit_interval": "20ms",
               "batch_records": 40, "in_flight_records": 100}

    def setUp(self):
        super().setUp()
        self.profile = self.profile_class(self)
        self.config(self.profile.keys())

    def ids(self, events):
        return [event["id"] for event in events]

    def check_complete(self, events):
        missing = set(self.ids(events)) - set(self.profile.stored())
        self.assertEqual(missing, set(), "events that were passed and are not in the store")

    def check_unknown(self, events):
        unknown = set(self.profile.stored()) - set(self.ids(events))
        self.assertEqual(unknown, set(), "what is in the store and was never passed")

    def check_order(self, events):
        """Without faults: each once, and those of a partition in their order."""
        stored = self.profile.stored()
        self.assertEqual(sorted(stored), sorted(self.ids(events)))
        place = {id: at for at, id in enumerate(stored)}
        topic = kit.consume(self.broker.bootstrap, "orders")
        for partition in range(self.partitions):
            ids = [json.loads(r["value"])["id"] for r in topic if r["partition"] == partition]
            places = [place[id] for id in ids if id in place]
            self.assertEqual(places, sorted(places), f"partition {partition} is in another order in the store")

    def test_passes_rejects_and_drops(self):
        good, bad, dropped, events = [], {}, [], []
        for number in range(300):
            kind = number % 10
            refused = self.profile.bad(number) if kind == 3 else None
            silent = self.profile.dropped(number) if kind == 7 else None
            if refused:
                bad[refused[0]["id"]] = refused[1]
            elif silent:
                dropped.append(silent)
            else:
                good.append(self.profile.good(number))
            events.append(refused[0] if refused else silent or good[-1])
        self.send(events)
        counts = self.run_once()
        self.assertEqual((counts["handled"], counts["dropped"], counts["dead_lettered"]), (len(good), len(dropped), len(bad)))
        self.check_order(good)
        letters = {json.loads(r["value"])["id"]: r for r in self.letters()}
        self.assertEqual(set(letters), set(bad))
        for id, letter in letters.items():
            headers = letter["headers"]
            self.assertEqual((headers["busbar.stage"], headers.get("busbar.pointer")), ("sink", bad[id]))
            self.assertNotIn(headers["busbar.reason"], ("", "no reason given"))
        self.assertEqual(self.run_once()["consumed"], 0)  # all of it was committed

    def test_a_store_that_is_away_holds_events_up_and_blames_none(self):
        events = [self.profile.good(number) for number in range(100)]
        self.profile.close_store()
        self.send(events)
        process = self.start("--set", "drain=500ms")
        kit.wait_for(lambda: "trying again" in self.text("log"), timeout=60)
        time.sleep(1)  # several attempts
        self.assertEqual(self.profile.stored(), [])
        self.profile.open_store()
        kit.wait_for(lambda: set(self.ids(events)) <= set(self.profile.stored()), timeout=60)
        self.assertEqual(kit.stop(process), 0)
        self.check_unknown(events)
        self.assertEqual(self.letters(), [])

    def kill(self, process):
        process.send_signal(signal.SIGKILL)
        process.wait()

    def test_killed_in_the_middle_nothing_is_lost(self):
        events = []
        for turn in range(2):
            more = [self.profile.good(number) for number in range(turn * 2000, turn * 2000 + 2000)]
            events += more
            before = len(self.profile.stored())
            process = self.start()
            self.send(more)
            kit.wait_for(lambda: len(self.profile.stored()) > before, timeout=60, every=0.001)
            self.kill(process)
        middle = len(set(self.profile.stored()))
        self.run_once()
        self.check_complete(events)
        self.check_unknown(events)
        self.assertEqual(self.letters(), [])
        self.assertLess(middle, len(events), "it was not killed in the middle")

    def test_killed_at_rest_nothing_is_lost(self):
        """What a handler has told to be durable, and has only in memory, is gone then."""
        events = [self.profile.good(number) for number in range(100)]
        self.send(events)
        process = self.start()
        kit.wait_for(lambda: "assigned" in self.text("log"), timeout=60)
        time.sleep(1)  # handled, flushed and committed
        self.kill(process)
        self.run_once()
        self.check_complete(events)
        self.check_unknown(events)
