#!/usr/bin/env python3
"""Dead letters: listed, sent once more, given up."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support import case, wait
from support.client import Client
from support.engine import DELIVERIES, EVENTS, SUBSCRIPTIONS
from support.receiver import status

DEAD_LETTERS = "/api/v1/webhooks/dead-letters"
REPLAYS = "/api/v1/webhooks/replays"


class DeadLetters(case.EngineCase):
    def bury(self, count, path=None, **fields):
        """A subscription, and the ids of `count` events that are its dead letters; what comes then is taken."""
        made = self.subscribe(path, retry={"schedule": []}, breaker={"min_attempts": 10000}, **fields)
        self.receiver.script(path or self.path, [status(500)] * count + [status(200)])
        answer = self.engine.ingest.post(EVENTS, [{"type": (fields.get("events") or [self.kind])[0], "payload": number}
                                                  for number in range(count)])
        self.assertEqual(answer.status, 202, answer)
        wait.until(lambda: len(self.letters(subscription=made["id"])) == count, f"{count} dead letters")
        return made, [each["id"] for each in answer.json()["events"]]

    def letters(self, **query):
        text = "&".join(f"{name}={value}" for name, value in {"limit": 250, **query}.items())
        answer = self.engine.admin.get(f"{DEAD_LETTERS}?{text}")
        self.assertEqual(answer.status, 200, answer)
        return answer.json()["data"]

    def await_end(self, answer):
        self.assertEqual(answer.status, 202, answer)
        path = f"{REPLAYS}/{answer.json()['id']}"
        self.assertEqual(answer.headers["location"], path)

        def ended():
            found = self.engine.admin.get(path).json()
            return found if found["status"] != "running" else None

        found = wait.until(ended, "the end")
        self.assertEqual(found["status"], "done", found)
        return found

    def test_they_are_listed_newest_first_in_pages(self):
        made, events = self.bury(25)
        path = f"{DEAD_LETTERS}?subscription={made['id']}&limit=10"
        seen, cursor = [], None
        while True:
            page = self.engine.admin.get(path + (f"&cursor={cursor}" if cursor else "")).json()
            seen += page["data"]
            cursor = page["next_cursor"]
            if not cursor:
                break
        self.assertEqual([each["event_id"] for each in seen], events[::-1])
        self.assertEqual({each["status"] for each in seen}, {"dead"})
        since = seen[0]["created_at"]
        self.assertEqual(self.letters(subscription=made["id"], until=seen[-1]["created_at"]), [])
        self.assertIn(events[-1], [each["event_id"] for each in self.letters(subscription=made["id"], since=since)])
        self.assertIn(events[-1], [each["event_id"] for each in self.letters(type=self.kind)])

    def test_what_is_no_parameter_is_refused(self):
        for query in ("status=dead", "x=1", "subscription=evt_1", "since=now", "limit=0"):
            self.assert_problem(self.engine.admin.get(f"{DEAD_LETTERS}?{query}"), 422)
        for query in ("status=dead", "subscription=sub_00000000000000000000000000", "since=now"):
            self.assert_problem(self.engine.admin.request("DELETE", f"{DEAD_LETTERS}?{query}"), 422)

    def test_requeued_they_are_delivered(self):
        made, events = self.bury(100)
        other, _ = self.bury(3, f"{self.path}/other", events=[f"{self.kind}.other"])
        ended = self.await_end(self.engine.admin.post(f"{DEAD_LETTERS}/requeue", {"subscription": made["id"]}))
        self.assertEqual((ended["kind"], ended["total"], ended["handed"]), ("requeue", 100, 100))
        wait.until(lambda: len(self.receiver.of(self.path)) == 200, "all of them again")
        self.assertEqual({each.event for each in self.receiver.of(self.path)}, set(events))
        wait.until(lambda: not self.letters(subscription=made["id"]), "none is dead")
        self.assertEqual(len(self.letters(subscription=other["id"])), 3)
        self.await_end(self.engine.admin.post(f"{DEAD_LETTERS}/requeue", b"", headers={}))
        wait.until(lambda: not self.letters(subscription=other["id"]), "none of any is dead")

    def test_only_those_of_a_time(self):
        made, events = self.bury(10)
        deliveries = {each["event_id"]: each for each in self.letters(subscription=made["id"])}
        later = self.engine.publish(self.kind, 1)["id"]
        self.engine.await_status(later, "delivered")
        until = deliveries[events[0]]["created_at"]
        ended = self.await_end(self.engine.admin.post(
            f"{DEAD_LETTERS}/requeue", {"subscription": made["id"], "until": until}))
        self.assertEqual(ended["handed"], 0)
        ended = self.await_end(self.engine.admin.post(
            f"{DEAD_LETTERS}/requeue", {"subscription": made["id"], "since": until}))
        self.assertEqual(ended["handed"], 10)

    def test_given_up_they_are_cancelled_and_gone_from_the_list(self):
        made, _ = self.bury(80)
        ended = self.await_end(self.engine.admin.request("DELETE", f"{DEAD_LETTERS}?subscription={made['id']}"))
        self.assertEqual((ended["kind"], ended["handed"]), ("discard", 80))
        self.assertEqual(self.letters(subscription=made["id"]), [])
        self.assertEqual(len(self.engine.deliveries(subscription=made["id"], status="cancelled")), 80)
        self.assertEqual(len(self.receiver.of(self.path)), 80)

    def test_of_a_paused_subscription_they_are_given_up_but_not_requeued(self):
        made, _ = self.bury(2)
        self.assertEqual(self.engine.admin.post(f"{SUBSCRIPTIONS}/{made['id']}/pause", {}).status, 200)
        self.assert_problem(self.engine.admin.post(f"{DEAD_LETTERS}/requeue", {"subscription": made["id"]}), 409)
        self.await_end(self.engine.admin.request("DELETE", f"{DEAD_LETTERS}?subscription={made['id']}"))
        self.assertEqual(self.letters(subscription=made["id"]), [])

    def test_one_is_given_up_and_may_be_delivered_all_the_same(self):
        made, events = self.bury(2)
        letter = self.letters(subscription=made["id"])[0]
        path = f"{DEAD_LETTERS}/{letter['id']}"
        self.assertEqual(self.engine.admin.request("DELETE", path).status, 204)
        self.assertEqual([each["event_id"] for each in self.letters(subscription=made["id"])], events[:1])
        self.assert_problem(self.engine.admin.request("DELETE", path), 404)
        self.assertEqual(self.engine.delivery(events[1])["status"], "cancelled")
        self.assertEqual(self.engine.admin.post(f"{DELIVERIES}/{letter['id']}/redeliver", {}).status, 202)
        self.engine.await_status(events[1], "delivered")

    def test_another_tenant_has_none_of_them(self):
        made, _ = self.bury(2)
        letter = self.letters(subscription=made["id"])[0]
        tenant = self.engine.admin.post("/api/v1/tenants", {"name": "elsewhere"}).json()
        key = self.engine.admin.post("/api/v1/keys", {"scopes": ["manage"]},
                                     headers={"Grapnel-Tenant": tenant["id"]}).json()["key"]
        other = Client(self.engine.admin_address, key)
        self.assertEqual(other.get(DEAD_LETTERS).json()["data"], [])
        self.assert_problem(other.request("DELETE", f"{DEAD_LETTERS}/{letter['id']}"), 404)
        self.assert_problem(other.request("DELETE", f"{DEAD_LETTERS}?subscription={made['id']}"), 422)
        self.await_end(self.engine.admin.request("DELETE", f"{DEAD_LETTERS}?until=2020-01-01T00:00:00Z"))
        answer = other.request("DELETE", DEAD_LETTERS)
        self.assertEqual(answer.status, 202)
        self.assertEqual(len(self.letters(subscription=made["id"])), 2)


if __name__ == "__main__":
    case.main()
