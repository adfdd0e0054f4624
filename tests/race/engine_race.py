#!/usr/bin/env python3
"""The whole engine under ThreadSanitizer, while all of its threads are at work at once: events come in
on several connections, singly and in batches, fail and are tried again, subscriptions are made,
changed, paused and deleted, and somebody looks at the figures and the lists. Then it is stopped and
started again on the same data. It fails if the sanitizer has anything to say."""
import os
import pathlib
import random
import signal
import sys
import tempfile
import threading
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support import wait
from support.client import Client
from support.engine import DELIVERIES, EVENTS, SUBSCRIPTIONS, Engine
from support.receiver import Receiver, close, status

SUPPRESSIONS = pathlib.Path(__file__).resolve().parent / "tsan.supp"
PUBLISHERS, REQUESTS, BATCH_OF = 4, 1000, 4
STANDING = 6  # subscriptions that stay


class EngineRace(unittest.TestCase):
    def setUp(self):
        self.random = random.Random(int(os.environ.get("GRAPNEL_SEED", "11")))
        self.receiver = self.enterContext(Receiver())
        self.reports = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        options = {"suppressions": SUPPRESSIONS, "print_suppressions": 0, "second_deadlock_stack": 1,
                   "history_size": 4, "log_path": self.reports / "report"}
        text = ":".join(f"{name}={value}" for name, value in options.items())
        self.engine = self.enterContext(Engine(shards=2, env={"TSAN_OPTIONS": text}))
        self.done = threading.Event()
        self.wrong = []

    def client(self, address):
        client = Client(address, self.engine.key, keep=True)
        self.addCleanup(client.close)
        return client

    def expect(self, answer, *statuses):
        if answer.status not in statuses:
            self.wrong.append(answer)

    # ---- those who work at the same time ----

    def publish(self, number):
        client = self.client(self.engine.ingest_address)
        for request in range(REQUESTS):
            event = {"type": f"race.{request % STANDING}", "payload": {"from": number, "n": request}}
            batch = request % 10 == 9
            headers = {"Idempotency-Key": f"{number}-{request // 2}"} if request % 3 == 0 and not batch else {}
            self.expect(client.post(EVENTS, [event] * BATCH_OF if batch else event, headers=headers), 202)

    def change(self):
        client = self.client(self.engine.admin_address)
        while not self.done.is_set():
            made = client.post(SUBSCRIPTIONS, {"url": self.receiver.url("/passing"), "events": ["race.*"]})
            self.expect(made, 201)
            one = f"{SUBSCRIPTIONS}/{made.json()['id']}"
            self.expect(client.request("PATCH", one, {"events": ["race.1", "race.2"], "description": "x"}), 200)
            self.expect(client.request("PATCH", one, {"status": "paused"}), 200)
            self.expect(client.request("PATCH", one, {"status": "active"}), 200)
            self.expect(client.request("DELETE", one), 204)

    def look(self):
        client = self.client(self.engine.admin_address)
        paths = ["/metrics", "/healthz", f"{SUBSCRIPTIONS}?limit=5", f"{DELIVERIES}?limit=20",
                 f"{DELIVERIES}?status=retrying&limit=5", EVENTS]
        while not self.done.is_set():
            self.expect(client.get(self.random.choice(paths)), 200)

    # ---- the test ----

    def test_all_at_once(self):
        self.standing = [self.engine.subscribe(self.receiver.url(f"/{number}"), events=[f"race.{number}"],
                                               retry={"schedule": ["1s"] * 20},
                                               breaker={"min_attempts": 10000})["id"] for number in range(STANDING)]
        self.receiver.script("/1", [status(500)] * 50 + [status(200)])
        self.receiver.script("/2", [close()] * 50 + [status(200)])

        publishers = [threading.Thread(target=self.publish, args=(number,)) for number in range(PUBLISHERS)]
        others = [threading.Thread(target=self.change), threading.Thread(target=self.look)]
        for thread in publishers + others:
            thread.start()
        for thread in publishers:
            thread.join()
        self.done.set()
        for thread in others:
            thread.join()
        self.assertEqual(self.wrong, [])
        wait.until(self.is_settled, "every delivery to come to its end")

        self.end()
        self.engine.start()
        last = self.engine.publish("race.0", "after the start")["id"]
        self.receiver.await_event(last)
        self.end()

    def end(self):
        """Stops the engine, and fails if the sanitizer had something to say."""
        self.engine.process.send_signal(signal.SIGTERM)
        code = self.engine.process.wait(timeout=wait.PATIENCE)
        reports = "".join(path.read_text(errors="replace") for path in sorted(self.reports.iterdir()))
        self.assertFalse(reports, reports[:20000])
        self.assertEqual(code, 0)

    def is_settled(self):
        """Of the subscriptions that stayed nothing waits or is being retried any more."""
        return not any(self.engine.deliveries(status=state, subscription=one)
                       for one in self.standing for state in ("pending", "retrying"))


if __name__ == "__main__":
    unittest.main(verbosity=2)
