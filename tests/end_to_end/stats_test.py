#!/usr/bin/env python3
"""What came of attempts, summed up: against the attempts themselves, over restarts and kill -9."""
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support import case, wait
from support.engine import Engine, DELIVERIES, SUBSCRIPTIONS
from support.receiver import Receiver, status

STATS = "/api/v1/webhooks/stats"


def stats(engine, made=None, query=""):
    path = f"{SUBSCRIPTIONS}/{made['id']}/stats" if made else STATS
    answer = engine.admin.get(path + query)
    assert answer.status == 200, answer
    return answer.json()


def await_totals(engine, made, attempts, query="?window=24h"):
    """The answer, when its totals have so many attempts."""
    last = []

    def reached():
        last[:] = [stats(engine, made, query)]
        return last[0] if last[0]["totals"]["attempts"]["total"] >= attempts else None

    return wait.until(reached, lambda: f"{attempts} attempts: {last}")


class Stats(case.EngineCase):
    def test_sums_are_those_of_the_attempts(self):
        made = self.subscribe(retry={"schedule": ["1ms", "1ms"], "jitter": 0},
                              breaker={"window": "10s", "min_attempts": 1000, "failure_rate": 1, "cooldown": "1s",
                                       "max_cooldown": "1s"})
        self.receiver.script(self.path, [status(500), status(503), status(200), status(404), status(404), status(404), status(200)])
        first = self.publish(1)
        self.engine.await_status(first, "delivered")
        second = self.publish(2)
        self.engine.await_status(second, "dead")
        third = self.publish(3)
        self.engine.await_status(third, "delivered")

        found = await_totals(self.engine, made, 7)
        totals = found["totals"]
        self.assertEqual(totals["attempts"]["total"], 7)
        self.assertEqual(totals["attempts"]["failed"], 5)
        self.assertEqual(totals["attempts"]["failures"], {"http_error": 5})
        self.assertAlmostEqual(totals["attempts"]["success_rate"], 2 / 7, places=5)
        self.assertEqual((totals["delivered"], totals["delivered_at_once"], totals["dead"]), (2, 1, 1))
        self.assertLessEqual(totals["latency_ms"]["p50"], totals["latency_ms"]["p99"])
        self.assertLessEqual(totals["latency_ms"]["p99"], totals["latency_ms"]["max"])
        self.assertIsNotNone(totals["attempts"]["duration_ms"])
        self.assertEqual(len(found["series"]), 24)
        self.assertEqual(sum(span["attempts"]["total"] for span in found["series"]), 7)
        for window, resolution, spans in (("5m", "10s", 30), ("1h", "1m", 60), ("1h", "10s", 360), ("24h", "1m", 1440),
                                          ("7d", "1h", 168), ("30d", "1h", 720)):
            found = stats(self.engine, made, f"?window={window}&resolution={resolution}")
            self.assertEqual(found["totals"], totals, (window, resolution))
            self.assertEqual(len(found["series"]), spans)

    def test_latency_is_from_acceptance_to_delivery(self):
        made = self.subscribe(retry={"schedule": ["300ms"], "jitter": 0})
        self.receiver.script(self.path, [status(500), status(200)])
        self.engine.await_status(self.publish(1), "delivered")
        totals = await_totals(self.engine, made, 2)["totals"]
        self.assertGreaterEqual(totals["latency_ms"]["max"], 300)
        self.assertLess(totals["attempts"]["duration_ms"]["p50"], totals["latency_ms"]["max"])

    def test_the_oldest_that_waits_has_its_age(self):
        made = self.subscribe(retry={"schedule": ["1h"]})
        self.assertIsNone(stats(self.engine, made)["queue"]["oldest_at"])
        self.receiver.script(self.path, [status(500)])
        event = self.publish(1)
        delivery = self.engine.await_status(event, "retrying")
        queue = wait.until(lambda: (found := stats(self.engine, made)["queue"])["retrying"] and found, "retrying")
        self.assertEqual(queue["oldest_at"], delivery["created_at"])
        self.assertEqual((queue["retrying"], queue["retrying_is_at_least"]), (1, False))
        wait.until(lambda: stats(self.engine, made)["queue"]["oldest_age_ms"] > queue["oldest_age_ms"], "older")

    def test_what_a_paused_one_keeps_is_its_queue(self):
        made = self.subscribe()
        self.engine.admin.post(f"{SUBSCRIPTIONS}/{made['id']}/pause")
        first = self.publish(0)
        for number in range(4):
            self.publish(number)
        queue = wait.until(lambda: (found := stats(self.engine, made)["queue"])["depth"] == 5 and found, "depth")
        self.assertEqual(queue["oldest_at"], self.engine.delivery(first)["created_at"])

    def test_what_is_asked_has_to_make_sense(self):
        made = self.subscribe()
        for query in ("?window=2h", "?resolution=1s", "?window=24h&resolution=10s", "?window=30d&resolution=1m",
                      "?window=", "?unheard=1", "?window=5m&resolution=1h"):
            self.assert_problem(self.engine.admin.get(f"{SUBSCRIPTIONS}/{made['id']}/stats{query}"), 422)
            self.assert_problem(self.engine.admin.get(STATS + query), 422)
        self.assert_problem(self.engine.admin.get(f"{STATS}?group_by=event"), 422)

    def test_is_not_told_to_another(self):
        made = self.subscribe()
        self.publish(1)
        await_totals(self.engine, made, 1)
        self.engine.admin.post("/api/v1/tenants", {"name": "other"})
        answer = self.engine.admin.get(f"{STATS}?window=24h", headers={"Grapnel-Tenant": "other"})
        self.assertEqual(answer.json()["totals"]["attempts"]["total"], 0)
        answer = self.engine.admin.get(f"{STATS}?window=24h&group_by=subscription", headers={"Grapnel-Tenant": "other"})
        self.assertEqual(answer.json()["data"], [])
        answer = self.engine.admin.get(f"{SUBSCRIPTIONS}/{made['id']}/stats", headers={"Grapnel-Tenant": "other"})
        self.assert_problem(answer, 404)


class OfATenant(case.EngineCase):
    def test_is_the_sum_of_its_subscriptions_worst_first(self):
        made = [self.subscribe(f"/worst_{n}", events=[f"worst.{n}"], retry={"schedule": []}) for n in range(3)]
        for n in range(3):
            self.receiver.script(f"/worst_{n}", [status(500)] * n + [status(200)])
            for number in range(4):
                self.publish(number, type=f"worst.{n}")
        found = await_totals(self.engine, None, 12)
        self.assertEqual(found["totals"]["attempts"]["total"], 12)
        self.assertEqual((found["totals"]["delivered"], found["totals"]["dead"]), (9, 3))

        seen, cursor = [], ""
        while cursor is not None:
            page = stats(self.engine, None, f"?window=24h&group_by=subscription&limit=2{cursor}")
            self.assertTrue(page["complete"])
            seen += page["data"]
            cursor = page["next_cursor"] and f"&cursor={page['next_cursor']}"
        self.assertEqual([one["subscription_id"] for one in seen], [one["id"] for one in reversed(made)])
        self.assertEqual([one["failed"] for one in seen], [2, 1, 0])
        self.assertEqual([one["success_rate"] for one in seen], [0.5, 0.75, 1])


class OverCrashes(unittest.TestCase):
    """Each round: some are delivered, some fail, and the process is killed while it goes on."""
    ROUNDS, EVENTS = 4, 60

    def all_attempts(self, engine):
        found, cursor = [], ""
        while cursor is not None:
            page = engine.admin.get(f"{DELIVERIES}?limit=250{cursor}").json()
            for delivery in page["data"]:
                found += engine.attempts(delivery["id"])
            cursor = page["next_cursor"] and f"&cursor={page['next_cursor']}"
        return found

    def test_sums_stay_those_of_the_attempts_on_record(self):
        with Receiver() as receiver, Engine() as engine:
            made = engine.subscribe(receiver.url("/crash"), events=["crash"], retry={"schedule": ["200ms"] * 8},
                                    breaker={"window": "1s", "min_attempts": 10000, "failure_rate": 1,
                                             "cooldown": "1s", "max_cooldown": "1s"})
            receiver.script("/crash", [status(500), status(200), status(200)] * 60 + [status(200)])
            for turn in range(self.ROUNDS):
                for number in range(self.EVENTS):
                    engine.publish("crash", number)
                if turn == self.ROUNDS - 1:
                    engine.restart()
                else:
                    engine.kill()
                    engine.start()
            receiver.await_count("/crash", self.ROUNDS * self.EVENTS)
            wait.until(lambda: not engine.deliveries(status="pending") and not engine.deliveries(status="retrying"),
                       "all delivered")
            attempts = self.all_attempts(engine)
            found = await_totals(engine, made, len(attempts))
            self.assertEqual(found["totals"]["attempts"]["total"], len(attempts))
            self.assertEqual(found["totals"]["attempts"]["failed"],
                             sum(attempt["outcome"] == "http_error" for attempt in attempts))
            self.assertEqual(found["totals"]["delivered"],
                             sum(attempt["outcome"] == "delivered" for attempt in attempts))
            for query in ("?window=24h", "?window=1h&resolution=10s", "?window=30d"):
                self.assertEqual(stats(engine, None, query)["totals"], found["totals"])


if __name__ == "__main__":
    case.main()
