#!/usr/bin/env python3
"""Deliveries that have ended, delivered once more: one by hand, many by a replay."""
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support import case, wait
from support.client import Client
from support.engine import DELIVERIES, SUBSCRIPTIONS, Engine
from support.receiver import Receiver, status

PATIENT = {"min_attempts": 10000}


def redeliver(engine, delivery):
    return engine.admin.post(f"{DELIVERIES}/{delivery['id']}/redeliver", {})


class Redeliver(case.EngineCase):
    def numbers(self):
        return [each.find("X-Webhook-Attempt") for each in self.receiver.of(self.path)]

    def test_what_was_delivered_is_delivered_once_more(self):
        self.subscribe()
        event = self.publish({"n": 1})
        before = self.engine.await_status(event, "delivered")
        answer = redeliver(self.engine, before)
        self.assertEqual(answer.status, 202, answer)
        self.assertEqual(answer.json()["id"], before["id"])
        requests = self.receiver.await_count(self.path, 2)
        self.assertEqual(self.numbers(), ["1", "2"])
        self.assertEqual({(each.event, each.body) for each in requests}, {(event, b'{"n": 1}')})
        attempts = self.engine.await_attempts(event, 2)
        self.assertEqual([each["outcome"] for each in attempts], ["delivered"] * 2, "the first is still on record")
        self.assertEqual(self.engine.await_status(event, "delivered")["attempt_count"], 2)

    def test_what_is_dead_begins_its_schedule_anew_and_counts_on(self):
        self.subscribe(retry={"schedule": ["50ms", "50ms"], "jitter": 0}, breaker=PATIENT)
        self.receiver.script(self.path, [status(500)] * 5 + [status(200)])
        event = self.publish(1)
        delivery = self.engine.await_status(event, "dead")
        self.assertEqual(delivery["attempt_count"], 3)
        self.assertEqual(redeliver(self.engine, delivery).status, 202)
        delivery = self.engine.await_status(event, "delivered")
        self.assertEqual(delivery["attempt_count"], 6)
        self.assertEqual(self.numbers(), ["1", "2", "3", "4", "5", "6"])
        attempts = self.engine.attempts(delivery["id"])
        self.assertEqual([each["number"] for each in attempts], [1, 2, 3, 4, 5, 6])

    def test_it_may_die_again_and_again(self):
        self.subscribe(retry={"schedule": ["20ms"], "jitter": 0}, breaker=PATIENT)
        self.receiver.script(self.path, [status(500)])
        event = self.publish(1)
        for count in (2, 4, 6):
            delivery = wait.until(lambda: self.dead_after(event, count), f"dead after {count}")
            if count < 6:
                self.assertEqual(redeliver(self.engine, delivery).status, 202)

    def dead_after(self, event, count):
        delivery = self.engine.delivery(event)
        return delivery if delivery["status"] == "dead" and delivery["attempt_count"] == count else None

    def test_twenty_times_in_a_row_is_twenty_requests(self):
        self.subscribe()
        event = self.publish(1)
        delivery = self.engine.await_status(event, "delivered")
        for count in range(2, 22):
            self.assertEqual(redeliver(self.engine, delivery).status, 202)
            self.receiver.await_count(self.path, count)
            wait.until(lambda: self.engine.delivery(event)["status"] == "delivered", "delivered")
        self.assertEqual(self.numbers(), [str(each) for each in range(1, 22)])

    def test_what_has_not_ended_is_a_conflict(self):
        self.subscribe(retry={"schedule": ["1h"]})
        self.receiver.script(self.path, [status(500)])
        delivery = self.engine.await_status(self.publish(1), "retrying")
        self.assert_problem(redeliver(self.engine, delivery), 409)

    def test_of_a_subscription_that_is_paused_or_gone_it_is_refused(self):
        made = self.engine.subscribe(self.receiver.url(self.path), events=[self.kind])
        delivery = self.engine.await_status(self.publish(1), "delivered")
        self.assertEqual(self.engine.admin.post(f"{SUBSCRIPTIONS}/{made['id']}/pause", {}).status, 200)
        self.assert_problem(redeliver(self.engine, delivery), 409)
        self.assertEqual(self.engine.admin.request("DELETE", f"{SUBSCRIPTIONS}/{made['id']}").status, 204)
        self.assert_problem(redeliver(self.engine, delivery), 404)

    def test_nonsense_and_what_is_another_tenants_are_404(self):
        self.subscribe()
        delivery = self.engine.await_status(self.publish(1), "delivered")
        tenant = self.engine.admin.post("/api/v1/tenants", {"name": "other"}).json()
        key = self.engine.admin.post("/api/v1/keys", {"scopes": ["manage"]},
                                     headers={"Grapnel-Tenant": tenant["id"]}).json()["key"]
        other = Client(self.engine.admin_address, key)
        for each in (delivery["id"], "dlv_00000000000000000000000000", "dlv_", "evt_1", "x"):
            self.assert_problem(other.post(f"{DELIVERIES}/{each}/redeliver", {}), 404)
        self.assertEqual(self.numbers(), ["1"])

    def test_of_an_ordered_subscription_it_waits_its_turn_and_blocks_nothing_for_ever(self):
        self.subscribe(ordering="strict", retry={"schedule": ["50ms"], "jitter": 0}, breaker=PATIENT)
        self.receiver.script(self.path, [status(200)] * 2 + [status(500)] * 2 + [status(200)])
        events = [self.publish(number) for number in range(2)]
        deliveries = [self.engine.await_status(event, "delivered") for event in events]
        self.assertEqual(redeliver(self.engine, deliveries[0]).status, 202)
        self.engine.await_status(events[0], "dead")
        self.receiver.await_event(self.publish(2))


class RedeliverAndCrash(unittest.TestCase):
    def test_what_was_answered_with_202_survives_kill_9(self):
        with Receiver() as receiver, Engine() as engine:
            engine.subscribe(receiver.url(), retry={"schedule": []}, breaker=PATIENT)
            receiver.script("/hook", [status(500)] * 10 + [status(200)])
            events = [engine.publish("a", number)["id"] for number in range(10)]
            dead = [engine.await_status(event, "dead") for event in events]
            for delivery in dead:
                self.assertEqual(redeliver(engine, delivery).status, 202)
            engine.kill()
            engine.start()
            for event in events:
                engine.await_status(event, "delivered")


if __name__ == "__main__":
    case.main()
