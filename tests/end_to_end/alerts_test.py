#!/usr/bin/env python3
"""The engine's own events: when they come, what they say, and to whom they do not go."""
import json
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support import case, wait
from support.engine import Engine, EVENTS, SUBSCRIPTIONS
from support.receiver import Receiver, status

KINDS = ("endpoint.disabled", "endpoint.failing", "endpoint.recovered", "delivery.dead", "sla.breached", "storage.low")
BREAKER = {"window": "10s", "min_attempts": 2, "failure_rate": 0.5, "cooldown": "1s", "max_cooldown": "1s"}


class Alerts(case.EngineCase):
    def listen(self, *events, path=None, **fields):
        """A subscription to alerts; gone when the test ends."""
        return self.subscribe(path or f"{self.path}_alerts", events=list(events), **fields)

    def alerts(self, subscription=None, path=None):
        """(type, payload) of each alert that came; about one subscription, if it is given."""
        came = {request.find("webhook-id"): (request.find("x-webhook-event"), json.loads(request.body))
                for request in list(self.receiver.requests) if request.path == (path or f"{self.path}_alerts")}
        return [(kind, said) for kind, said in came.values()
                if kind in KINDS and (subscription is None or said.get("subscription_id") == subscription["id"])]

    def await_alerts(self, count, subscription=None):
        wait.until(lambda: len(self.alerts(subscription)) >= count, lambda: f"{count} alerts: {self.alerts()}")
        return self.alerts(subscription)

    def test_a_disabled_endpoint_is_told_once_also_over_restarts(self):
        self.listen("endpoint.disabled")
        made = self.subscribe()
        self.receiver.script(self.path, [status(410)])
        self.publish(1)
        (kind, said), = self.await_alerts(1, made)
        self.assertEqual((kind, said["reason"]), ("endpoint.disabled", "gone"))
        self.assertNotIn("url", said)
        for _ in range(2):
            self.engine.kill()
            self.engine.start()
            after = self.subscribe()  # alerts go in order: what is raised at the start comes before this one's
            self.publish(2)
            self.await_alerts(1, after)
        self.assertEqual(len(self.alerts(made)), 1)

    def test_a_failing_endpoint_is_told_once_and_once_more_when_it_is_well(self):
        self.listen("endpoint.*")
        made = self.subscribe(breaker=BREAKER, retry={"schedule": ["1s"] * 20, "jitter": 0})
        self.receiver.script(self.path, [status(500)] * 5 + [status(200)])
        for number in range(3):
            self.publish(number)
        found = self.await_alerts(2, made)
        self.assertEqual([kind for kind, _ in found], ["endpoint.failing", "endpoint.recovered"])
        self.assertIn("attempts failed within 10s", found[0][1]["reason"])
        self.assertEqual(found[0][1]["failing_since"], found[1][1]["failing_since"])

    def test_an_outage_over_a_crash_is_one_and_its_end_is_told(self):
        """After the start it is told again, as the same event, and then it is well, which is told once."""
        self.listen("endpoint.*")
        made = self.subscribe(breaker=BREAKER, retry={"schedule": ["1s"] * 32, "jitter": 0})
        self.receiver.script(self.path, [status(500)])
        for number in range(3):
            self.publish(number)
        (kind, _), = self.await_alerts(1, made)
        self.assertEqual(kind, "endpoint.failing")
        self.engine.kill()
        self.receiver.script(self.path, [status(200)])
        self.engine.start()
        found = self.await_alerts(2, made)
        self.assertEqual(found[1], ("endpoint.recovered", {key: found[0][1][key]
                                                           for key in ("subscription_id", "failing_since")}))
        self.engine.kill()
        self.engine.start()
        after = self.subscribe(f"{self.path}_after", events=["after"])
        self.receiver.script(f"{self.path}_after", [status(410)])
        self.publish(1, type="after")
        self.await_alerts(1, after)
        self.assertEqual(len(self.alerts(made)), 2, "what is told again is the same event")

    def test_dead_deliveries_are_counted_and_not_told_one_by_one(self):
        self.listen("delivery.dead")
        made = self.subscribe(retry={"schedule": []}, breaker={**BREAKER, "min_attempts": 1000})
        self.receiver.script(self.path, [status(500)])
        event = self.publish(1)
        (kind, said), = self.await_alerts(1, made)
        self.assertEqual((kind, said["count"]), ("delivery.dead", 1))
        self.assertEqual(said["last"], {"event_id": event, "event_type": self.kind, "attempt_count": 1,
                                        "outcome": "http_error", "http_status": 500})
        for number in range(20):
            self.engine.await_status(self.publish(number), "dead")
        other = self.subscribe(f"{self.path}_other", events=["other"], retry={"schedule": []})
        self.receiver.script(f"{self.path}_other", [status(500)])
        self.publish(1, type="other")
        self.await_alerts(1, other)
        self.assertEqual(len(self.alerts(made)), 1, "the others are for the next minute")

    def test_lost_alerts_are_no_losses(self):
        """One that gets alerts about dead deliveries, and loses them, is not told of these."""
        listener = self.listen("delivery.dead", self.kind, retry={"schedule": []},
                               breaker={**BREAKER, "min_attempts": 1000})
        self.receiver.script(f"{self.path}_alerts", [status(500)])
        self.publish(1)
        found = wait.until(lambda: [said for kind, said in self.alerts() if kind == "delivery.dead"], "told of")
        wait.until(lambda: len(self.engine.deliveries(subscription=listener["id"], status="dead")) == 2, "both dead")
        other = self.subscribe(f"{self.path}_other", events=["other"], retry={"schedule": []})
        self.receiver.script(f"{self.path}_other", [status(500)])
        self.publish(1, type="other")
        self.await_alerts(1, other)
        self.assertEqual([said["count"] for kind, said in self.alerts(listener) if kind == "delivery.dead"], [1])
        self.assertEqual(found[0]["last"]["event_type"], self.kind)

    def test_who_takes_everything_does_not_take_these(self):
        everything = self.subscribe(f"{self.path}_all", events=["*"])
        self.listen("endpoint.*", "*")
        made = self.subscribe()
        self.receiver.script(self.path, [status(410)])
        self.publish(1)
        self.await_alerts(1, made)
        self.assertEqual(self.alerts(made, f"{self.path}_all"), [])
        self.assertTrue(self.engine.deliveries(subscription=everything["id"]))
        self.assertEqual({found["event_type"] for found in self.engine.deliveries(subscription=everything["id"])},
                         {self.kind})

    def test_what_nobody_wants_is_not_stored(self):
        made = self.subscribe()
        self.receiver.script(self.path, [status(410)])
        self.publish(1)
        wait.until(lambda: self.engine.admin.get(f"{SUBSCRIPTIONS}/{made['id']}").json()["status"] == "disabled",
                   "disabled")
        self.listen("endpoint.disabled")
        after = self.subscribe(f"{self.path}_after", events=["after"])
        self.receiver.script(f"{self.path}_after", [status(410)])
        self.publish(1, type="after")
        self.await_alerts(1, after)
        self.assertEqual(self.alerts(made), [])

    def test_their_types_are_the_engines_own(self):
        for kind in KINDS:
            answer = self.engine.ingest.post(EVENTS, {"type": kind, "payload": 1})
            problem = self.assert_problem(answer, 422)
            self.assertEqual(problem["errors"][0]["pointer"], "/type")
            answer = self.engine.ingest.post(EVENTS, [{"type": "fine", "payload": 1}, {"type": kind, "payload": 1}])
            self.assertEqual(self.assert_problem(answer, 422)["errors"][0]["pointer"], "/1/type")
            answer = self.engine.publish_raw(b"x", "text/plain", ce_specversion="1.0", ce_id="1", ce_source="s",
                                             ce_type=kind)
            self.assert_problem(answer, 422)
        self.publish(1, type="endpoint.created")
        self.publish(1, type="delivery.dead.letter")


class Storage(unittest.TestCase):
    def test_a_full_disk_is_told_at_each_start_that_finds_it(self):
        with Receiver() as receiver, Engine() as engine:
            usual = list(engine.arguments)
            engine.subscribe(receiver.url("/alerts"), events=["storage.low"])
            engine.restart(replace=[*usual, "--storage-free-min", "1000000G"])
            first = receiver.await_count("/alerts", 1)[0]
            self.assertEqual(first.find("x-webhook-event"), "storage.low")
            self.assertEqual(json.loads(first.body)["free_min_bytes"], 1_000_000 << 30)
            self.assertEqual(engine.ingest.post(EVENTS, {"type": "a", "payload": 1}).status, 503)
            engine.kill()
            engine.start()
            told = lambda: {request.event for request in receiver.of("/alerts")}
            wait.until(lambda: len(told()) == 2, "told by each start")
            engine.restart(replace=usual)
            self.assertEqual(engine.ingest.post(EVENTS, {"type": "a", "payload": 1}).status, 202)
            self.assertEqual(len(told()), 2)


if __name__ == "__main__":
    case.main()
