#!/usr/bin/env python3
"""Retries: on schedule, never early, across a crash, and the dead letter at the end."""
import email.utils
import pathlib
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support import case, wait
from support.engine import Engine, SUBSCRIPTIONS
from support.receiver import Receiver, status

# The receiver notes a request a moment after it was sent, and a failure before the engine has it, so
# the gaps that it sees are never shorter than the waits; but clocks are read in whole milliseconds.
ROUNDING = 0.002

# For receivers that fail more often than a breaker would bear.
PATIENT = {"min_attempts": 10000}


class Retry(case.EngineCase):
    def gaps(self, requests):
        return [later.at - earlier.at for earlier, later in zip(requests, requests[1:])]

    def test_a_failure_is_tried_again_until_it_succeeds(self):
        self.subscribe(retry={"schedule": ["100ms"] * 5})
        self.receiver.script(self.path, [status(500), status(302), status(429), status(404), status(204)])
        event = self.publish({"n": 1})
        requests = self.receiver.await_count(self.path, 5)
        self.assertEqual([each.find("X-Webhook-Attempt") for each in requests], ["1", "2", "3", "4", "5"])
        self.assertEqual({each.event for each in requests}, {event})
        self.assertEqual({each.body for each in requests}, {b'{"n": 1}'})
        delivery = self.engine.await_status(event, "delivered")
        self.assertEqual(delivery["attempt_count"], 5)
        attempts = self.engine.await_attempts(event, 5)
        self.assertEqual([each["outcome"] for each in attempts], ["http_error"] * 4 + ["delivered"])
        self.assertEqual([each["http_status"] for each in attempts], [500, 302, 429, 404, 204])

    def test_waits_follow_the_schedule_and_are_never_early(self):
        schedule = [0.1, 0.4, 0.2, 0.8]
        self.subscribe(retry={"schedule": [f"{int(each * 1000)}ms" for each in schedule], "jitter": 0.5},
                       breaker=PATIENT)
        self.receiver.script(self.path, [status(500)])
        for number in range(10):
            self.publish(number)
        requests = self.receiver.await_count(self.path, 50)
        for event in {each.event for each in requests}:
            mine = [each for each in requests if each.event == event]
            self.assertEqual(len(mine), 5)
            for wanted, got in zip(schedule, self.gaps(mine)):
                self.assertGreaterEqual(got, wanted - ROUNDING)

    def test_after_the_last_wait_it_is_dead(self):
        self.subscribe(retry={"schedule": ["100ms", "100ms"]})
        self.receiver.script(self.path, [status(503)])
        event = self.publish(1)
        delivery = self.engine.await_status(event, "dead")
        self.assertEqual(delivery["attempt_count"], 3)
        self.assertIsNone(delivery["next_attempt_at"])
        self.assertEqual(delivery["last_attempt"]["http_status"], 503)
        self.assertEqual(len(self.receiver.of(self.path)), 3)

    def test_an_empty_schedule_is_one_attempt(self):
        self.subscribe(retry={"schedule": []})
        self.receiver.script(self.path, [status(500)])
        self.assertEqual(self.engine.await_status(self.publish(1), "dead")["attempt_count"], 1)

    def test_between_attempts_it_is_retrying_and_says_when(self):
        self.subscribe(retry={"schedule": ["1h"], "jitter": 0})
        self.receiver.script(self.path, [status(500)])
        event = self.publish(1)
        delivery = self.engine.await_status(event, "retrying")
        self.assertEqual(delivery["attempt_count"], 1)
        self.assertRegex(delivery["next_attempt_at"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        self.assertGreater(delivery["next_attempt_at"], delivery["created_at"])

    def test_retry_after_in_seconds_moves_the_next_attempt(self):
        for code in (429, 503):
            with self.subTest(code):
                path, kind = f"{self.path}/{code}", f"after.{code}"
                self.subscribe(path, events=[kind], retry={"schedule": ["100ms"], "jitter": 0})
                self.receiver.script(path, [status(code, Retry_After="2"), status(200)])
                self.publish(1, type=kind)
                first, second = self.receiver.await_count(path, 2)
                self.assertGreaterEqual(second.at - first.at, 2 - ROUNDING)

    def test_retry_after_as_a_date_moves_the_next_attempt(self):
        self.subscribe(retry={"schedule": ["100ms"], "jitter": 0})
        until = int(time.time()) + 3
        date = email.utils.formatdate(until, usegmt=True)
        self.receiver.script(self.path, [status(503, Retry_After=date), status(200)])
        self.publish(1)
        _, second = self.receiver.await_count(self.path, 2)
        self.assertGreaterEqual(second.wall, until - ROUNDING)

    def test_nonsense_in_retry_after_changes_nothing(self):
        nonsense = ["-1", "soon", "", "1e3", "Thu, 99 Foo 2099 00:00:00 GMT"]
        self.subscribe(retry={"schedule": ["100ms"] * len(nonsense), "jitter": 0})
        self.receiver.script(self.path, [status(500, Retry_After=each) for each in nonsense] + [status(200)])
        event = self.publish(1)
        self.engine.await_status(event, "delivered")
        self.assertEqual(len(self.receiver.of(self.path)), len(nonsense) + 1)

    def test_410_disables_the_subscription(self):
        made = self.subscribe(retry={"schedule": ["100ms"]})
        self.receiver.script(self.path, [status(410), status(200)])
        event = self.publish(1)

        def disabled():
            return self.engine.admin.get(f"{SUBSCRIPTIONS}/{made['id']}").json()["status"] == "disabled"

        wait.until(disabled, "disabled")
        self.publish(2)
        self.subscribe(f"{self.path}/other")
        self.receiver.await_event(self.publish(3))
        self.assertEqual({each.event for each in self.receiver.of(self.path)}, {event})

    def test_many_failures_at_once_all_get_through(self):
        made = self.subscribe(retry={"schedule": ["200ms"] * 20}, breaker=PATIENT)
        self.receiver.script(self.path, [status(500)] * 500 + [status(200)])
        events = {self.publish(number) for number in range(300)}
        wait.until(lambda: len({each.event for each in self.receiver.of(self.path)}) == 300, "300 events")
        for name in ("pending", "retrying"):
            wait.until(lambda: not self.engine.deliveries(status=name, subscription=made["id"]), f"none {name}")
        self.assertEqual(self.engine.deliveries(status="dead", subscription=made["id"]), [])
        self.assertEqual({each.event for each in self.receiver.of(self.path)}, events)


class RetryAfterCrash(unittest.TestCase):
    def test_a_retry_survives_kill_9_and_is_not_early(self):
        with Receiver() as receiver, Engine() as engine:
            engine.subscribe(receiver.url(), retry={"schedule": ["3s"], "jitter": 0})
            receiver.script("/hook", [status(500), status(200)])
            event = engine.publish("a", {"n": 1})["id"]
            engine.await_status(event, "retrying")
            engine.kill()
            engine.start()
            first, second = receiver.await_count("/hook", 2)
            self.assertEqual(first.event, second.event)
            self.assertEqual(second.body, b'{"n": 1}')
            self.assertEqual(second.find("X-Webhook-Attempt"), "2")
            self.assertGreaterEqual(second.wall - first.wall, 3 - ROUNDING)
            delivery = engine.await_status(event, "delivered")
            self.assertEqual(delivery["attempt_count"], 2)

    def test_kill_9_between_all_of_its_retries(self):
        with Receiver() as receiver, Engine() as engine:
            engine.subscribe(receiver.url(), retry={"schedule": ["1s"] * 3, "jitter": 0})
            receiver.script("/hook", [status(500)])
            event = engine.publish("a", 1)["id"]
            for number in range(1, 4):
                engine.await_attempts(event, number)
                engine.kill()
                engine.start()
            engine.await_status(event, "dead")
            attempts = engine.attempts(engine.delivery(event)["id"])
            self.assertEqual([each["number"] for each in attempts], [1, 2, 3, 4])

    def test_what_was_never_tried_is_delivered_after_kill_9(self):
        with Receiver() as receiver, Engine() as engine:
            # Nobody listens there until the engine has been killed.
            port = receiver.port
            receiver.close()
            engine.subscribe(f"http://127.0.0.1:{port}/hook", retry={"schedule": ["1s"] * 30})
            events = {engine.publish("a", number)["id"] for number in range(200)}
            engine.kill()
            with Receiver() as second:
                engine.start()
                move_subscription(engine, second)
                wait.until(lambda: {each.event for each in second.of()} >= events, "all of the events")

    def test_dead_letters_stay_dead(self):
        with Receiver() as receiver, Engine() as engine:
            engine.subscribe(receiver.url(), retry={"schedule": []})
            receiver.script("/hook", [status(500)])
            event = engine.publish("a", 1)["id"]
            engine.await_status(event, "dead")
            engine.kill()
            engine.start()
            other = engine.publish("a", 2)["id"]
            engine.await_status(other, "dead")
            self.assertEqual(engine.delivery(event)["status"], "dead")
            self.assertEqual(len(receiver.of("/hook")), 2)


def move_subscription(engine, receiver):
    """Lets the engine's one subscription point at `receiver`."""
    found = engine.admin.get(SUBSCRIPTIONS).json()["data"][0]
    answer = engine.admin.request("PATCH", f"{SUBSCRIPTIONS}/{found['id']}", {"url": receiver.url()})
    assert answer.status == 200, answer


if __name__ == "__main__":
    case.main()
