#!/usr/bin/env python3
"""The same key of the same tenant is one event: in one request, in many at once, after a crash."""
import json
import pathlib
import sys
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support import case, wait
from support.client import Client
from support.engine import EVENTS, Engine
from support.receiver import Receiver


class Idempotency(case.EngineCase):
    def accept(self, payload=1, key=None, **fields):
        headers = {"Idempotency-Key": key} if key is not None else {}
        answer = self.engine.ingest.post(EVENTS, {"type": self.kind, "payload": payload, **fields}, headers=headers)
        self.assertEqual(answer.status, 202, answer)
        return answer.json()

    def assert_once(self, event):
        """Exactly one request carried `event`. What is published after it marks the end of waiting."""
        last = self.accept("the end")["id"]
        self.receiver.await_event(last)
        self.assertEqual([each.event for each in self.receiver.of(self.path)], [event, last])

    def assert_duplicate(self, first, second):
        self.assertIs(first["duplicate"], False)
        self.assertIs(second["duplicate"], True)
        self.assertEqual(first["id"], second["id"])

    def test_id_in_the_body(self):
        self.subscribe()
        first = self.accept("first", id="order-1")
        self.receiver.await_event(first["id"])
        self.assert_duplicate(first, self.accept("second", id="order-1"))
        self.assert_once(first["id"])

    def test_header_quoted_or_bare_is_one_key(self):
        self.subscribe()
        first = self.accept(key='"key-1"')
        self.receiver.await_event(first["id"])
        self.assert_duplicate(first, self.accept(key="key-1"))
        self.assert_duplicate(first, self.accept(key='"key-1"'))
        self.assert_once(first["id"])

    def test_different_keys_are_different_events(self):
        ids = {self.accept(id=f"different-{n}")["id"] for n in range(100)}
        self.assertEqual(len(ids), 100)

    def test_without_a_key_all_are_events(self):
        self.assertNotEqual(self.accept()["id"], self.accept()["id"])

    def test_keys_are_case_sensitive_and_whole(self):
        keys = ["abc", "ABC", "abcd", "ab", "abc ", "abc.", "a\u00e9"]
        ids = {self.accept(id=key)["id"] for key in keys if key.strip() == key}
        self.assertEqual(len(ids), len([key for key in keys if key.strip() == key]))

    def test_within_one_batch(self):
        body = [{"type": self.kind, "payload": n, "id": f"batch-{n % 3}"} for n in range(9)]
        answer = self.engine.ingest.post(EVENTS, body).json()
        self.assertEqual((answer["accepted"], answer["duplicates"]), (3, 6), answer)
        self.assertEqual([each["duplicate"] for each in answer["events"]], [False] * 3 + [True] * 6)
        self.assertEqual([each["id"] for each in answer["events"][3:6]], [each["id"] for each in answer["events"][:3]])

    def test_across_batches(self):
        body = [{"type": self.kind, "payload": n, "id": f"across-{n}"} for n in range(50)]
        first = self.engine.ingest.post(EVENTS, body).json()
        second = self.engine.ingest.post(EVENTS, body).json()
        self.assertEqual((second["accepted"], second["duplicates"]), (0, 50))
        self.assertEqual([each["id"] for each in first["events"]], [each["id"] for each in second["events"]])

    def test_cloudevents_source_and_id(self):
        def send(source, number, kind="application/cloudevents+json"):
            body = {"specversion": "1.0", "type": self.kind, "source": source, "id": number, "data": 1}
            answer = self.engine.ingest.post(EVENTS, json.dumps(body).encode(), headers={"Content-Type": kind})
            self.assertEqual(answer.status, 202, answer)
            return answer.json()

        first = send("/a", "1")
        self.assert_duplicate(first, send("/a", "1"))
        self.assertIs(send("/b", "1")["duplicate"], False)
        self.assertIs(send("/a", "2")["duplicate"], False)

        headers = {"ce-specversion": "1.0", "ce-type": self.kind, "ce-source": "/a", "ce-id": "1",
                   "Content-Type": "text/plain"}
        binary = self.engine.ingest.post(EVENTS, b"x", headers=headers).json()
        self.assert_duplicate(first, binary)

    def test_source_and_id_cannot_be_shifted_into_each_other(self):
        def send(source, number):
            body = {"specversion": "1.0", "type": self.kind, "source": source, "id": number}
            answer = self.engine.ingest.post(EVENTS, json.dumps(body).encode(),
                                             headers={"Content-Type": "application/cloudevents+json"})
            return answer.json()["duplicate"]

        self.assertEqual([send("/s", "ab"), send("/sa", "b"), send("/s/a", "b"), send("/s", "a/b")], [False] * 4)

    def test_concurrent_duplicates_over_many_connections(self):
        self.subscribe()
        answers, gate = [], threading.Barrier(32)

        def send():
            client = Client(self.engine.ingest_address, self.engine.key, keep=True)
            client.get("/healthz")
            for turn in range(20):
                gate.wait()
                answers.append((turn, client.post(EVENTS, {"type": self.kind, "payload": turn, "id": f"race-{turn}"})))
            client.close()

        threads = [threading.Thread(target=send) for _ in range(32)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual({answer.status for _, answer in answers}, {202})
        firsts = set()
        for turn in range(20):
            mine = [answer.json() for number, answer in answers if number == turn]
            self.assertEqual(len(mine), 32)
            self.assertEqual(len({each["id"] for each in mine}), 1, "one key, two events")
            self.assertEqual([each["duplicate"] for each in mine].count(False), 1)
            firsts.add(mine[0]["id"])
        last = self.accept("the end")["id"]
        self.receiver.await_count(self.path, 21)
        self.assertEqual(sorted(each.event for each in self.receiver.of(self.path)), sorted(firsts | {last}))


class IdempotencyOverTime(unittest.TestCase):
    def test_survives_kill_9(self):
        with Receiver() as receiver, Engine() as engine:
            engine.subscribe(receiver.url())
            body = [{"type": "a", "payload": n, "id": f"kept-{n}"} for n in range(100)]
            first = engine.ingest.post(EVENTS, body).json()
            engine.kill()
            engine.start()
            second = engine.ingest.post(EVENTS, body).json()
            self.assertEqual((second["accepted"], second["duplicates"]), (0, 100))
            self.assertEqual([each["id"] for each in first["events"]], [each["id"] for each in second["events"]])
            for each in first["events"]:
                receiver.await_event(each["id"])

    def test_survives_another_number_of_shards(self):
        with Engine(allow=(), shards=3) as engine:
            first = [engine.publish("a", n, id=f"moved-{n}")["id"] for n in range(30)]
            engine.restart(replace=("--shards", "1"))
            second = [engine.publish("a", n, id=f"moved-{n}") for n in range(30)]
            self.assertEqual(first, [each["id"] for each in second])
            self.assertEqual({each["duplicate"] for each in second}, {True})

    def test_ends_with_the_window(self):
        with Engine("--idempotency-window", "1s") as engine:
            began = time.monotonic()
            first = engine.publish("a", 1, id="short")
            again = engine.publish("a", 1, id="short")
            if time.monotonic() - began < 0.9:
                self.assertTrue(again["duplicate"])

            def forgotten():
                got = engine.publish("a", 1, id="short")
                return got if not got["duplicate"] else None

            self.assertNotEqual(wait.until(forgotten, "the end of the window")["id"], first["id"])


if __name__ == "__main__":
    case.main()
