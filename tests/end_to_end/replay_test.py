#!/usr/bin/env python3
"""Deliveries that have ended, delivered once more: one by hand, many by a replay."""
import collections
import json
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support import case, wait
from support.client import Client
from support.engine import DELIVERIES, EVENTS, SUBSCRIPTIONS, Engine
from support.receiver import Receiver, status

PATIENT = {"min_attempts": 10000}
REPLAYS = "/api/v1/webhooks/replays"
LONG_AGO = "2020-01-01T00:00:00Z"


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

    def test_what_waits_for_a_retry_is_tried_at_once(self):
        for schedule in ("50s", "3h"):
            with self.subTest(schedule=schedule):
                self.path = f"{self.path}/{schedule}"
                self.kind = f"{self.kind}.{schedule}"
                self.subscribe(retry={"schedule": [schedule, "1h"]}, breaker=PATIENT)
                self.receiver.script(self.path, [status(500), status(200)])
                event = self.publish(1)
                delivery = self.engine.await_status(event, "retrying")
                self.assertEqual(redeliver(self.engine, delivery).status, 202)
                self.assertEqual(self.engine.await_status(event, "delivered")["attempt_count"], 2)
                self.assertEqual(self.numbers(), ["1", "2"])

    def test_the_same_request_is_not_done_twice(self):
        self.subscribe()
        event = self.publish(1)
        place = f"{DELIVERIES}/{self.engine.await_status(event, 'delivered')['id']}/redeliver"
        once = {"Idempotency-Key": f"once {event}"}
        first = self.engine.admin.post(place, {}, headers=once)
        self.assertEqual(first.status, 202, first)
        self.receiver.await_count(self.path, 2)
        self.engine.await_attempts(event, 2)
        again = self.engine.admin.post(place, {}, headers=once)
        self.assertEqual((again.status, again.body), (202, first.body))
        self.assertEqual(again.headers["idempotent-replayed"], "true")
        self.assert_problem(self.engine.admin.post(place, {"n": 1}, headers=once), 422)
        self.assertEqual(self.engine.admin.post(place, {}, headers={"Idempotency-Key": f"twice {event}"}).status, 202)
        self.receiver.await_count(self.path, 3)
        self.engine.await_attempts(event, 3)
        self.assertEqual(self.numbers(), ["1", "2", "3"])

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


class ReplayCase(case.EngineCase):
    def begin(self, path=REPLAYS, **fields):
        answer = self.engine.admin.post(path, fields)
        self.assertEqual(answer.status, 202, answer)
        return answer.json()

    def replay(self, **fields):
        return self.begin(**{"since": LONG_AGO, **fields})

    def await_end(self, replay, status="done"):
        return await_end(self.engine, replay, status)

    def publish_many(self, count, kind=None):
        """Their ids, in order."""
        batch = [{"type": kind or self.kind, "payload": number} for number in range(count)]
        answer = self.engine.ingest.post(EVENTS, batch)
        self.assertEqual(answer.status, 202, answer)
        return [each["id"] for each in answer.json()["events"]]

    def count(self, path=None):
        """How often each event has come."""
        return collections.Counter(each.event for each in self.receiver.of(path or self.path))

    def await_each(self, events, times, path=None):
        wait.until(lambda: all(self.count(path)[event] >= times for event in events), f"{times} of each")


def await_end(engine, replay, status="done"):
    last = []

    def ended():
        last[:] = [engine.admin.get(f"{REPLAYS}/{replay['id']}").json()]
        return last[0] if last[0]["status"] != "running" else None

    found = wait.until(ended, lambda: f"the end of {last}")
    assert found["status"] == status, found
    return found


class Replay(ReplayCase):
    def test_all_of_a_subscription_are_delivered_once_more(self):
        made = self.subscribe()
        events = self.publish_many(500)
        self.await_each(events, 1)
        wait.until(lambda: not self.engine.deliveries(subscription=made["id"], status="pending"), "all delivered")
        replay = self.replay(subscription=made["id"])
        self.assertEqual((replay["kind"], replay["status"], replay["handed"]), ("replay", "running", 0))
        ended = self.await_end(replay)
        self.assertEqual((ended["total"], ended["handed"], ended["skipped"]), (500, 500, 0))
        self.assertIsNotNone(ended["finished_at"])
        self.await_each(events, 2)
        self.assertEqual(set(self.count().values()), {2}, "each once more, and no more than that")

    def test_the_time_and_the_types_that_are_asked_for_alone(self):
        made = self.subscribe(events=[f"{self.kind}.*"])
        first = self.publish_many(10, f"{self.kind}.a.x")
        self.await_each(first, 1)
        border = self.engine.admin.get(f"{EVENTS}/{first[-1]}").json()["created_at"]
        wait.until(lambda: self.now() > border, "a later millisecond")
        second = self.publish_many(10, f"{self.kind}.a.y") + self.publish_many(10, f"{self.kind}.b")
        self.await_each(second, 1)
        wait.until(lambda: not self.engine.deliveries(subscription=made["id"], status="pending"), "all delivered")
        since = self.engine.admin.get(f"{EVENTS}/{second[0]}").json()["created_at"]
        ended = self.await_end(self.replay(subscription=made["id"], since=since, types=[f"{self.kind}.a.*"]))
        self.assertEqual(ended["handed"], 10)
        self.await_each(second[:10], 2)
        ended = self.await_end(self.replay(subscription=made["id"], until=since, types=[f"{self.kind}.a.x", "other"]))
        self.assertEqual(ended["handed"], 10)
        self.await_each(first, 2)
        self.assertEqual({self.count()[event] for event in second[10:]}, {1})

    def now(self):
        made = self.engine.publish(f"{self.kind}-clock")["id"]
        return self.engine.admin.get(f"{EVENTS}/{made}").json()["created_at"]

    def test_only_the_failed(self):
        made = self.subscribe(retry={"schedule": []}, breaker=PATIENT)
        self.receiver.script(self.path, [status(500)] * 20 + [status(200)])
        events = self.publish_many(40)
        self.await_each(events, 1)
        wait.until(lambda: len(self.engine.deliveries(subscription=made["id"], status="dead")) == 20, "20 are dead")
        ended = self.await_end(self.replay(subscription=made["id"], status="failed"))
        self.assertEqual((ended["total"], ended["handed"]), (20, 20))
        wait.until(lambda: not self.engine.deliveries(subscription=made["id"], status="dead"), "none is dead")
        wait.until(lambda: sum(self.count().values()) == 60, "20 more")

    def test_what_is_on_its_way_is_passed_over(self):
        made = self.subscribe(retry={"schedule": ["1h"]}, breaker=PATIENT)
        self.receiver.script(self.path, [status(500)] * 5 + [status(200)])
        events = self.publish_many(15)
        self.await_each(events, 1)
        wait.until(lambda: len(self.engine.deliveries(subscription=made["id"], status="delivered")) == 10, "10")
        ended = self.await_end(self.replay(subscription=made["id"]))
        self.assertEqual((ended["total"], ended["handed"], ended["skipped"]), (10, 10, 5))

    def test_a_dry_run_counts_and_sends_nothing(self):
        made = self.subscribe()
        events = self.publish_many(100)
        self.await_each(events, 1)
        wait.until(lambda: not self.engine.deliveries(subscription=made["id"], status="pending"), "all delivered")
        ended = self.await_end(self.replay(subscription=made["id"], dry_run=True))
        self.assertEqual((ended["total"], ended["handed"]), (100, 0))
        self.assertEqual(set(self.count().values()), {1})

    def test_an_ordered_subscription_gets_them_in_order(self):
        made = self.subscribe(ordering="strict")
        events = self.publish_many(150)
        self.await_each(events, 1)
        wait.until(lambda: not self.engine.deliveries(subscription=made["id"], status="pending"), "all delivered")
        self.await_end(self.replay(subscription=made["id"]))
        self.await_each(events, 2)
        self.assertEqual([each.event for each in self.receiver.of(self.path)], events * 2)

    def test_what_comes_meanwhile_is_not_held_up(self):
        made = self.subscribe(concurrency={"max": 2, "adaptive": False})
        events = self.publish_many(1000)
        self.await_each(events, 1)
        wait.until(lambda: not self.engine.deliveries(subscription=made["id"], status="pending"), "all delivered")
        replay = self.replay(subscription=made["id"])
        fresh = self.publish_many(50)
        self.await_each(fresh, 1)
        self.await_end(replay)
        self.await_each(events, 2)

    def test_it_is_listed_cancelled_and_forgotten(self):
        made = self.subscribe(rate_limit={"per_second": 20, "burst": 1})
        events = self.publish_many(200)
        self.await_each(events, 1)
        replay = self.replay(subscription=made["id"])
        self.assertIn(replay["id"], [each["id"] for each in self.engine.admin.get(REPLAYS).json()["data"]])
        self.assertEqual(self.engine.admin.request("DELETE", f"{REPLAYS}/{replay['id']}").status, 204)
        ended = self.await_end(replay, "cancelled")
        self.assertLess(ended["handed"], 200)
        self.assertEqual(self.engine.admin.request("DELETE", f"{REPLAYS}/{replay['id']}").status, 204)
        self.assert_problem(self.engine.admin.get(f"{REPLAYS}/{replay['id']}"), 404)
        self.assert_problem(self.engine.admin.request("DELETE", f"{REPLAYS}/{replay['id']}"), 404)

    def test_a_pause_holds_it_up_and_a_deletion_ends_it(self):
        made = self.engine.subscribe(self.receiver.url(self.path), events=[self.kind],
                                     rate_limit={"per_second": 50, "burst": 1})
        path = f"{SUBSCRIPTIONS}/{made['id']}"
        events = self.publish_many(150)
        self.await_each(events, 1)
        replay = self.replay(subscription=made["id"])
        self.assertEqual(self.engine.admin.post(f"{path}/pause", {}).status, 200)
        self.assert_problem(self.engine.admin.post(REPLAYS, {"subscription": made["id"], "since": LONG_AGO}), 409)
        self.assertEqual(self.engine.admin.get(f"{REPLAYS}/{replay['id']}").json()["status"], "running")
        self.assertEqual(self.engine.admin.request("DELETE", path).status, 204)
        ended = self.await_end(replay, "failed")
        self.assertIn("deleted", ended["error"])

    def test_bad_bodies_name_the_field(self):
        made = self.subscribe()
        good = {"subscription": made["id"], "since": LONG_AGO}
        for fields, pointer in (({"subscription": "sub_x"}, "/subscription"), ({"subscription": None}, "/subscription"),
                                ({"since": "yesterday"}, "/since"), ({"since": None}, "/since"),
                                ({"until": "2019-01-01T00:00:00Z"}, "/until"), ({"types": []}, "/types"),
                                ({"types": ["a b"]}, "/types/0"), ({"types": ["*.a"]}, "/types/0"),
                                ({"types": ["a"] * 17}, "/types"), ({"status": "pending"}, "/status"),
                                ({"dry_run": 1}, "/dry_run"), ({"nonsense": 1}, "/nonsense")):
            answer = self.engine.admin.post(REPLAYS, {**good, **fields})
            self.assertIn(pointer, [each["pointer"] for each in self.assert_problem(answer, 422)["errors"]], fields)

    def test_of_another_tenant_there_is_none(self):
        made = self.subscribe()
        replay = self.replay(subscription=made["id"])
        tenant = self.engine.admin.post("/api/v1/tenants", {"name": "stranger"}).json()
        key = self.engine.admin.post("/api/v1/keys", {"scopes": ["manage"]},
                                     headers={"Grapnel-Tenant": tenant["id"]}).json()["key"]
        other = Client(self.engine.admin_address, key)
        self.assert_problem(other.get(f"{REPLAYS}/{replay['id']}"), 404)
        self.assert_problem(other.request("DELETE", f"{REPLAYS}/{replay['id']}"), 404)
        self.assertEqual(other.get(REPLAYS).json()["data"], [])
        self.assert_problem(other.post(REPLAYS, {"subscription": made["id"], "since": LONG_AGO}), 422)

    def test_more_than_may_run_are_refused_for_now(self):
        made = self.subscribe(retry={"schedule": []}, breaker={"min_attempts": 4, "cooldown": "10m"})
        self.receiver.script(self.path, [status(500)])
        self.publish_many(4)
        wait.until(lambda: len(self.engine.deliveries(subscription=made["id"], status="dead")) == 4, "4 are dead")
        stats = f"{SUBSCRIPTIONS}/{made['id']}/stats"  # while the breaker is open no page is taken, and none ends
        wait.until(lambda: self.engine.admin.get(stats).json()["breaker"]["state"] == "open", "the breaker is open")
        running = []
        while len(running) < 20:
            answer = self.engine.admin.post(REPLAYS, {"subscription": made["id"], "since": LONG_AGO})
            if answer.status != 202:
                break
            running.append(answer.json()["id"])
        for each in running:
            self.engine.admin.request("DELETE", f"{REPLAYS}/{each}")
        self.assert_problem(answer, 429)
        self.assertIn("retry-after", answer.headers)


class RedeliverByFilter(ReplayCase):
    path_of_filter = f"{DELIVERIES}/redeliver"

    def test_the_dead_of_all_subscriptions_that_are_active(self):
        paths = [f"{self.path}/{number}" for number in range(3)]
        made = [self.subscribe(path, retry={"schedule": []}, breaker=PATIENT) for path in paths]
        for path in paths:
            self.receiver.script(path, [status(500)] * 10 + [status(200)])
        events = self.publish_many(10)
        for each in made:
            wait.until(lambda: len(self.engine.deliveries(subscription=each["id"], status="dead")) == 10, "dead")
        counted = self.await_end(self.begin(self.path_of_filter, type=self.kind, dry_run=True))
        self.assertEqual((counted["total"], counted["handed"]), (30, 0))
        self.assertEqual(self.engine.admin.post(f"{SUBSCRIPTIONS}/{made[1]['id']}/pause", {}).status, 200)
        ended = self.await_end(self.begin(self.path_of_filter, type=self.kind))
        self.assertEqual(ended["handed"], 20)
        for path in (paths[0], paths[2]):
            self.await_each(events, 2, path)
        self.assertEqual(len(self.receiver.of(paths[1])), 10)

    def test_of_one_event(self):
        paths = [f"{self.path}/{number}" for number in range(2)]
        for path in paths:
            self.subscribe(path)
        events = self.publish_many(5)
        for path in paths:
            self.await_each(events, 1, path)
        wait.until(lambda: not self.engine.deliveries(event=events[2], status="pending"), "delivered")
        ended = self.await_end(self.begin(self.path_of_filter, event=events[2], status="delivered"))
        self.assertEqual(ended["handed"], 2)
        for path in paths:
            self.await_each([events[2]], 2, path)
            self.assertEqual(sum(self.count(path).values()), 6)

    def test_everything_of_everybody_is_more_than_anyone_means(self):
        answer = self.engine.admin.post(self.path_of_filter, {"status": "all"})
        self.assertEqual([each["pointer"] for each in self.assert_problem(answer, 422)["errors"]], ["/subscription"])


class Test(case.EngineCase):
    def test_an_event_for_one_subscription_alone(self):
        one = self.subscribe(f"{self.path}/one", events=["never.this"], channels=["x"])
        self.subscribe(f"{self.path}/all", events=["*"])
        answer = self.engine.admin.post(f"{SUBSCRIPTIONS}/{one['id']}/test",
                                        {"type": "memory.created", "payload": {"n": [1, "\u00e4"]}})
        self.assertEqual(answer.status, 202, answer)
        self.assertEqual(answer.json()["deliveries"], 1)
        request = self.receiver.await_event(answer.json()["id"])
        self.assertEqual(request.path, f"{self.path}/one")
        self.assertEqual((request.find("X-Webhook-Event"), json.loads(request.body)),
                         ("memory.created", {"n": [1, "\u00e4"]}))
        self.engine.await_status(answer.json()["id"], "delivered")
        self.assertEqual(self.receiver.of(f"{self.path}/all"), [])

    def test_without_a_body_it_has_a_type_and_a_payload(self):
        made = self.subscribe()
        answer = self.engine.admin.request("POST", f"{SUBSCRIPTIONS}/{made['id']}/test")
        self.assertEqual(answer.status, 202, answer)
        request = self.receiver.await_event(answer.json()["id"])
        self.assertEqual(request.find("X-Webhook-Event"), "grapnel.test")
        self.assertIn("message", json.loads(request.body))

    def test_what_cannot_be_is_refused(self):
        made = self.subscribe()
        path = f"{SUBSCRIPTIONS}/{made['id']}/test"
        self.assert_problem(self.engine.admin.post(path, {"type": 1}), 422)
        self.assert_problem(self.engine.admin.post(path, {"type": "a b"}), 422)
        self.assert_problem(self.engine.admin.post(path, {"nonsense": 1}), 422)
        self.assert_problem(self.engine.admin.post(f"{SUBSCRIPTIONS}/sub_1/test", {}), 404)
        self.assertEqual(self.engine.admin.post(f"{SUBSCRIPTIONS}/{made['id']}/pause", {}).status, 200)
        self.assert_problem(self.engine.admin.post(path, {}), 409)
        self.assertEqual(self.receiver.of(self.path), [])


class ReplayAndCrash(unittest.TestCase):
    def test_it_goes_on_after_kill_9_and_hands_over_each_once(self):
        with Receiver() as receiver, Engine() as engine:
            made = engine.subscribe(receiver.url(), concurrency={"max": 4, "adaptive": False})
            events = []
            for _ in range(10):
                answer = engine.ingest.post(EVENTS, [{"type": "a", "payload": 1}] * 200)
                events += [each["id"] for each in answer.json()["events"]]
            wait.until(lambda: len({each.event for each in receiver.of()}) == 2000, "all")
            wait.until(lambda: not engine.deliveries(subscription=made["id"], status="pending"), "all delivered")
            first = len(receiver.of())
            replay = engine.admin.post(REPLAYS, {"subscription": made["id"], "since": LONG_AGO}).json()
            kills = 0
            for part in (300, 900, 1500):
                wait.until(lambda: len(receiver.of()) >= first + part, f"{part} once more")
                engine.kill()
                kills += 1
                engine.start()
            ended = await_end(engine, replay)
            self.assertEqual((ended["handed"], ended["skipped"]), (2000, 0))
            times = collections.Counter
            wait.until(lambda: min(times(each.event for each in receiver.of()).values()) >= 2, "each once more")
            wait.until(lambda: not engine.deliveries(subscription=made["id"], status="pending"), "all delivered")
            again = len(receiver.of()) - first - 2000
            self.assertLessEqual(again, kills * 200, "only what was on its way, or not yet on record, comes twice")


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
