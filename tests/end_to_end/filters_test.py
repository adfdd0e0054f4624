#!/usr/bin/env python3
"""Filters: a subscription gets the events that fulfil its condition, and no others."""
import json
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support import case
from support.engine import SUBSCRIPTIONS

MANUAL = pathlib.Path(__file__).resolve().parents[2] / "tools/docs/filters.md"
LARGE = {"payload": {"amount": {"$gte": 100}}}


class Filters(case.EngineCase):
    def test_a_filtered_subscription_gets_exactly_its_events(self):
        self.subscribe(f"{self.path}/all")
        self.subscribe(f"{self.path}/large", filter=LARGE)
        self.subscribe(f"{self.path}/eu", filter={"$or": [{"channels": "eu"}, {"payload": {"to": {"$regex": "^eu-"}}}]})
        wanted = {"all": [], "large": [], "eu": []}
        for payload, channels, to in [({"amount": 100}, [], ["large"]), ({"amount": 99.5}, [], []),
                                      ({"amount": "100"}, ["us", "eu"], ["eu"]),
                                      ([{"amount": 1}, {"amount": 200}], [], ["large"]),
                                      ({"amount": 500, "to": "eu-west"}, ["us"], ["large", "eu"]), ("text", [], [])]:
            got = self.engine.publish(self.kind, payload, channels=channels)
            self.assertEqual(got["deliveries"], len(to) + 1, payload)
            for name in ["all", *to]:
                wanted[name].append(got["id"])
        for name, events in wanted.items():
            got = self.receiver.await_count(f"{self.path}/{name}", len(events))
            self.assertEqual(sorted(each.event for each in got), sorted(events), name)

    def test_events_of_a_batch_are_told_apart(self):
        self.subscribe(filter={"payload": {"n": {"$in": [1, 3]}}})
        events = [{"type": self.kind, "payload": {"n": n}} for n in range(5)]
        self.assertEqual(self.engine.ingest.post("/api/v1/webhooks/events", events).status, 202)
        got = self.receiver.await_count(self.path, 2)
        self.assertEqual(sorted(json.loads(each.body)["n"] for each in got), [1, 3])

    def test_a_payload_that_is_no_JSON_has_no_members(self):
        self.subscribe(f"{self.path}/n", filter={"payload": {"n": 1}})
        self.subscribe(f"{self.path}/none", filter={"payload": {"$exist": False}})
        answer = self.engine.ingest.post("/api/v1/webhooks/events", body=b'{"n":1}', headers={
            "Content-Type": "text/plain", "ce-specversion": "1.0", "ce-id": self.kind, "ce-source": "/t",
            "ce-type": self.kind})
        self.assertEqual(answer.status, 202)
        self.assertEqual(answer.json()["deliveries"], 1)
        self.receiver.await_count(f"{self.path}/none", 1)

    def test_it_is_shown_as_given_changed_and_removed(self):
        made = self.subscribe(filter=LARGE)
        path = f"{SUBSCRIPTIONS}/{made['id']}"
        self.assertEqual(made["filter"], LARGE)
        self.assertIn(b'"filter":{"payload":{"amount":{"$gte":100}}}', self.engine.admin.get(path).body)
        self.assertEqual(self.engine.publish(self.kind, {"amount": 1})["deliveries"], 0)
        changed = self.engine.admin.request("PATCH", path, {"filter": {"payload": {"amount": {"$gte": 1}}}})
        self.assertEqual(changed.json()["filter"], {"payload": {"amount": {"$gte": 1}}})
        self.assertEqual(self.engine.publish(self.kind, {"amount": 1})["deliveries"], 1)
        self.assertIsNone(self.engine.admin.request("PATCH", path, {"filter": None}).json()["filter"])
        self.assertEqual(self.engine.publish(self.kind, {"amount": 0})["deliveries"], 1)

    def test_it_is_there_after_a_restart(self):
        made = self.subscribe(filter=LARGE)
        self.engine.restart()
        self.assertEqual(self.engine.admin.get(f"{SUBSCRIPTIONS}/{made['id']}").json()["filter"], LARGE)
        self.assertEqual(self.engine.publish(self.kind, {"amount": 99})["deliveries"], 0)
        self.assertEqual(self.engine.publish(self.kind, {"amount": 101})["deliveries"], 1)

    def test_faults_say_where(self):
        answer = self.engine.admin.post(SUBSCRIPTIONS, {
            "url": "https://example.com", "filter": {"payload": {"a": {"$like": 1}, "b": {"$regex": "("}}}})
        self.assertEqual(answer.status, 422)
        self.assertEqual({error["pointer"] for error in answer.json()["errors"]},
                         {"/filter/payload/a/$like", "/filter/payload/b/$regex"})

    def test_an_event_for_one_subscription_alone_passes_its_filter(self):
        made = self.subscribe(filter={"payload": {"never": True}})
        answer = self.engine.admin.post(f"{SUBSCRIPTIONS}/{made['id']}/test", {"payload": {"a": 1}})
        self.assertEqual(answer.status, 202, answer)
        self.receiver.await_count(self.path, 1)

    def verdict(self, condition, event):
        answer = self.engine.admin.post("/api/v1/webhooks/filters/test", {"filter": condition, "event": event})
        self.assertEqual(answer.status, 200, answer)
        return answer.json()

    def test_a_filter_is_tried(self):
        event = {"type": "a.b", "payload": {"amount": 99}}
        self.assertEqual(self.verdict(LARGE, event), {"matches": False, "failed": "/payload/amount/$gte"})
        self.assertEqual(self.verdict({"$not": LARGE}, event), {"matches": True})
        self.assertEqual(self.verdict({"payload": None}, {"type": "a", "payload": None}), {"matches": True})
        for body, pointer in [({"filter": {}}, "/event"), ({"event": event}, "/filter"),
                              ({"filter": {}, "event": {"type": "a"}}, "/event/payload"),
                              ({"filter": {}, "event": {"payload": 1}}, "/event/type"),
                              ({"filter": {}, "event": {**event, "channels": [1]}}, "/event/channels"),
                              ({"filter": {}, "event": 1}, "/event"), ({"filter": {"x": 1}, "event": event}, "/filter/x"),
                              ({"filter": {}, "event": event, "more": 1}, "/more")]:
            answer = self.engine.admin.post("/api/v1/webhooks/filters/test", body)
            self.assertEqual(answer.status, 422, body)
            self.assertIn(pointer, [error["pointer"] for error in answer.json()["errors"]], body)

    def test_metadata_is_what_the_producer_says_in_each_form(self):
        self.subscribe(f"{self.path}/own", filter={"metadata": {"version": "2", "id": self.kind + "-own"}})
        self.subscribe(f"{self.path}/cloud", filter={"metadata": {
            "source": {"$startsWith": "/shop/"}, "tenantregion": "eu"}})
        self.subscribe(f"{self.path}/number", filter={"metadata": {"level": {"$gte": 3}}})
        self.subscribe(f"{self.path}/none", filter={"metadata": {"id": {"$exist": False}}})
        fields = {"specversion": "1.0", "id": self.kind, "source": "/shop/berlin", "type": self.kind,
                  "tenantregion": "eu", "level": 3, "data_base64": "IiJ9"}
        sent = {"own": {"type": self.kind, "payload": 1, "version": "2", "id": self.kind + "-own"},
                "none": {"type": self.kind, "payload": 1, "version": "2"}}
        for name, event in sent.items():
            answer = self.engine.ingest.post("/api/v1/webhooks/events", event).json()
            self.assertEqual(answer["deliveries"], 1, name)
            self.receiver.await_event(answer["id"])
            self.assertEqual(len(self.receiver.of(f"{self.path}/{name}")), 1)
        structured = self.engine.publish_raw(json.dumps(fields).encode(), "application/cloudevents+json").json()
        self.assertEqual(structured["deliveries"], 2)
        binary = self.engine.publish_raw(b"x", "text/plain", ce_specversion="1.0", ce_id=self.kind + "-2",
                                         ce_source="/shop/berlin", ce_type=self.kind, Ce_TenantRegion="%65u",
                                         ce_level="3").json()
        self.assertEqual(binary["deliveries"], 1, "a field is a string, so no number")
        got = self.receiver.await_count(f"{self.path}/cloud", 2)
        self.assertEqual({each.event for each in got}, {structured["id"], binary["id"]})

    def test_an_event_that_is_tried_is_read_as_one_that_is_published(self):
        self.assertEqual(self.verdict({"metadata": {"id": "7", "version": {"$exist": False}}},
                                      {"type": "a", "payload": 1, "id": "7", "version": None}), {"matches": True})
        cloud = {"specversion": "1.0", "type": "a", "id": "1", "source": "/s", "data_base64": "e30=", "flag": True}
        self.assertEqual(self.verdict({"metadata": {"flag": True, "type": {"$exist": False}}, "payload": {}}, cloud),
                         {"matches": True})
        for event, pointer in [({**cloud, "id": None}, "/event/id"),
                               ({"type": "a", "payload": 1, "metadata": {}}, "/event/metadata")]:
            answer = self.engine.admin.post("/api/v1/webhooks/filters/test", {"filter": {}, "event": event})
            self.assertEqual(answer.status, 422)
            self.assertEqual([error["pointer"] for error in answer.json()["errors"]], [pointer])

    def test_an_event_that_is_too_much_for_a_filter_passes(self):
        """Many conditions on many elements; and that is counted."""
        heavy = {"payload": {"$or": [{"$eq": -number} for number in range(1, 83)]}}
        payload = list(range(700))
        self.assertEqual(self.verdict(heavy, {"type": "t", "payload": payload}), {"matches": True, "undecided": True})
        self.assertEqual(self.verdict(heavy, {"type": "t", "payload": payload[:400]})["matches"], False)
        self.subscribe(filter=heavy)
        before = self.undecided()
        self.publish(payload[:400])
        event = self.publish(payload)
        self.assertEqual(self.receiver.await_event(event).body, json.dumps(payload).encode())
        self.assertEqual(len(self.receiver.of(self.path)), 1)
        self.assertEqual(self.undecided(), before + 1)

    def undecided(self):
        text = self.engine.admin.get("/metrics").body.decode()
        return int(float(re.search(r"^grapnel_filters_undecided_total (\S+)$", text, re.M)[1]))

    def test_what_the_manual_shows(self):
        rows = [re.findall(r"`(.*?)`", line) for line in MANUAL.read_text().split("## Examples")[1].splitlines()
                if line.startswith("| `")]
        self.assertGreater(len(rows), 5)
        for row in rows:
            condition, passes, refused = (json.loads(cell.replace("\\|", "|")) for cell in row)
            self.assertEqual(self.verdict(condition, passes), {"matches": True}, row)
            self.assertFalse(self.verdict(condition, refused)["matches"], row)


if __name__ == "__main__":
    case.main()
