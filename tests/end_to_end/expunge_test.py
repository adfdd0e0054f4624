#!/usr/bin/env python3
"""What must not be kept is taken out: the payload of an event, what a receiver answered."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support import case, wait
from support.audit import AUDIT
from support.client import Client
from support.engine import DELIVERIES, EVENTS, SUBSCRIPTIONS
from support.receiver import respond, status

SECRET = "4111-1111-1111-1111"


class Expunge(case.EngineCase):
    def delete(self, path):
        return self.engine.admin.request("DELETE", path)

    def test_a_payload_is_gone_at_once_and_its_neighbours_stay(self):
        self.subscribe()
        answer = self.engine.ingest.post(EVENTS, [{"type": self.kind, "payload": {"card": f"{SECRET}-{number}"}}
                                                  for number in range(3)])
        events = [each["id"] for each in answer.json()["events"]]
        deliveries = [self.engine.await_status(event, "delivered") for event in events]
        path = f"{EVENTS}/{events[1]}"
        before = self.engine.admin.get(path).json()
        self.assertEqual(before["payload"], {"card": f"{SECRET}-1"})
        self.assertEqual(self.delete(f"{path}/payload").status, 204)
        after = self.engine.admin.get(path)
        self.assertNotIn(SECRET.encode(), after.body)
        self.assertEqual(after.json(), {**before, "payload": None})
        for number in (0, 2):
            shown = self.engine.admin.get(f"{EVENTS}/{events[number]}").json()
            self.assertEqual(shown["payload"], {"card": f"{SECRET}-{number}"})
        self.assertEqual(self.delete(f"{path}/payload").status, 204, "once more is not wrong")
        self.engine.restart()
        self.assertNotIn(SECRET.encode(), self.engine.admin.get(path).body)
        self.assertEqual(len(self.engine.attempts(deliveries[1]["id"])), 1)

    def test_what_was_not_delivered_never_is(self):
        made = self.engine.subscribe(self.receiver.url(self.path), events=[self.kind], status="paused")
        event, other = self.publish({"card": SECRET}), self.publish({"n": 1})
        self.assertEqual(self.delete(f"{EVENTS}/{event}/payload").status, 204)
        self.engine.restart()
        self.assertEqual(self.engine.admin.post(f"{SUBSCRIPTIONS}/{made['id']}/resume", {}).status, 200)
        self.engine.await_status(other, "delivered")
        self.engine.await_status(event, "dead")
        query = f"subscription={made['id']}"
        letters = self.engine.admin.get(f"/api/v1/webhooks/dead-letters?{query}").json()["data"]
        self.assertEqual([letter["event_id"] for letter in letters], [event])
        wish = {"subscription": made["id"], "since": "2020-01-01T00:00:00Z", "status": "failed"}
        place = f"/api/v1/webhooks/replays/{self.engine.admin.post('/api/v1/webhooks/replays', wish).json()['id']}"
        replay = wait.until(lambda: (found := self.engine.admin.get(place).json())["status"] != "running" and found,
                            "the replay is over")
        self.assertEqual((replay["handed"], replay["skipped"]), (0, 1), "a replay passes over it")
        self.assertEqual({each.event for each in self.receiver.of(self.path)}, {other})
        self.delete(f"{SUBSCRIPTIONS}/{made['id']}")

    def test_what_was_read_back_for_another_is_not_delivered_either(self):
        """The blocks that are at hand for reading backlogs are forgotten, too."""
        made = [self.engine.subscribe(self.receiver.url(f"{self.path}{number}"), events=[self.kind], status="paused")
                for number in range(2)]
        event, other = self.publish({"card": SECRET}), self.publish({"n": 1})
        resume = lambda number: self.engine.admin.post(f"{SUBSCRIPTIONS}/{made[number]['id']}/resume", {})
        self.assertEqual(resume(0).status, 200)
        for each in (event, other):
            self.engine.await_status(each, "delivered", made[0]["id"])
        self.assertEqual(self.delete(f"{EVENTS}/{event}/payload").status, 204)
        self.assertEqual(resume(1).status, 200)
        self.engine.await_status(other, "delivered", made[1]["id"])
        self.engine.await_status(event, "dead", made[1]["id"])
        self.assertEqual({each.event for each in self.receiver.of(f"{self.path}1")}, {other})
        for each in made:
            self.delete(f"{SUBSCRIPTIONS}/{each['id']}")

    def test_what_a_receiver_answered_is_gone_of_every_attempt(self):
        self.subscribe(retry={"schedule": ["50ms"] * 2, "jitter": 0}, breaker={"min_attempts": 1000})
        self.receiver.script(self.path, [respond(500, [("X-Card", SECRET)], SECRET.encode())] * 2
                             + [respond(200, [("X-Card", SECRET)], SECRET.encode())])
        event = self.publish(1)
        delivery = self.engine.await_status(event, "delivered")
        self.assertEqual([each["response_body"] for each in self.engine.attempts(delivery["id"])], [SECRET] * 3)
        self.assertEqual(self.delete(f"{DELIVERIES}/{delivery['id']}/responses").status, 204)
        answer = self.engine.admin.get(f"{DELIVERIES}/{delivery['id']}/attempts")
        self.assertNotIn(SECRET.encode(), answer.body)
        self.assertEqual([(each["number"], each["http_status"]) for each in answer.json()["data"]],
                         [(1, 500), (2, 500), (3, 200)])
        self.assertNotIn(SECRET.encode(), self.engine.admin.get(f"{DELIVERIES}/{delivery['id']}").body)

    def test_of_a_delivery_at_the_first_attempt(self):
        self.subscribe()
        self.receiver.script(self.path, [respond(200, [], SECRET.encode()), status(200)])
        delivery = self.engine.await_status(self.publish(1), "delivered")
        self.assertEqual(self.delete(f"{DELIVERIES}/{delivery['id']}/responses").status, 204)
        self.assertNotIn(SECRET.encode(), self.engine.admin.get(f"{DELIVERIES}/{delivery['id']}/attempts").body)

    def test_who_did_it_is_on_record(self):
        self.subscribe()
        event = self.publish(1)
        delivery = self.engine.await_status(event, "delivered")["id"]
        self.assertEqual(self.delete(f"{EVENTS}/{event}/payload").status, 204)
        self.assertEqual(self.delete(f"{DELIVERIES}/{delivery}/responses").status, 204)
        for which, action in ((event, "event.expunge"), (delivery, "delivery.expunge")):
            found = self.engine.admin.get(f"{AUDIT}?resource={which}").json()["data"]
            self.assertEqual([each["action"] for each in found], [action])

    def test_of_nothing_and_of_others_it_is_404(self):
        self.subscribe()
        event = self.publish({"card": SECRET})
        delivery = self.engine.await_status(event, "delivered")
        tenant = self.engine.admin.post("/api/v1/tenants", {"name": "nobody"}).json()
        key = self.engine.admin.post("/api/v1/keys", {"scopes": ["manage"]},
                                     headers={"Grapnel-Tenant": tenant["id"]}).json()["key"]
        other = Client(self.engine.admin_address, key)
        self.assert_problem(other.request("DELETE", f"{EVENTS}/{event}/payload"), 404)
        self.assert_problem(other.request("DELETE", f"{DELIVERIES}/{delivery['id']}/responses"), 404)
        for path in (f"{EVENTS}/evt_1/payload", f"{EVENTS}/evt_00000000000000000000000000/payload",
                     f"{DELIVERIES}/dlv_1/responses"):
            self.assert_problem(self.delete(path), 404)
        self.assertEqual(self.engine.admin.get(f"{EVENTS}/{event}").json()["payload"], {"card": SECRET})


if __name__ == "__main__":
    case.main()
