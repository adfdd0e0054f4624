#!/usr/bin/env python3
"""One endpoint that hangs, fails or leaves has no effect on another's deliveries."""
import pathlib
import sys
import threading
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support import case, wait
from support.engine import Engine
from support.receiver import Receiver, close, hang, reset, status


class Isolation(unittest.TestCase):
    def deliver_beside(self, fault, count=500, **fields):
        """Publishes `count` events to a good and to a bad receiver, and awaits the good one's."""
        with Receiver() as receiver, Engine(shards=1) as engine:
            receiver.script("/bad", [fault])
            engine.subscribe(receiver.url("/bad"), events=["e"], **fields)
            engine.subscribe(receiver.url("/good"), events=["e"])
            body = [{"type": "e", "payload": number} for number in range(count)]
            events = {each["id"] for each in engine.ingest.post("/api/v1/webhooks/events", body).json()["events"]}
            wait.until(lambda: {each.event for each in receiver.of("/good")} == events, "all at the good receiver")
            self.assertEqual(len(receiver.of("/good")), count)
            self.assertEqual(engine.ingest.get("/readyz").status, 200)
            return len(receiver.of("/bad"))

    def test_beside_one_that_hangs(self):
        release = threading.Event()
        at_bad = self.deliver_beside(hang(release), timeout="60s", concurrency={"max": 8})
        release.set()
        self.assertLessEqual(at_bad, 8)

    def test_beside_one_that_fails(self):
        self.deliver_beside(status(500), retry={"schedule": ["100ms"] * 10})

    def test_beside_one_that_closes(self):
        self.deliver_beside(close(), retry={"schedule": ["100ms"] * 3})

    def test_beside_one_that_resets(self):
        self.deliver_beside(reset(), retry={"schedule": ["100ms"] * 3})

    def test_beside_one_that_refuses(self):
        with Receiver() as gone:
            port = gone.port
        with Receiver() as receiver, Engine(shards=1) as engine:
            engine.subscribe(f"http://127.0.0.1:{port}/", retry={"schedule": ["100ms"] * 3})
            engine.subscribe(receiver.url("/good"))
            events = {engine.publish("e", number)["id"] for number in range(100)}
            wait.until(lambda: {each.event for each in receiver.of("/good")} == events, "all at the good receiver")


if __name__ == "__main__":
    case.main()
