#!/usr/bin/env python3
"""W3C Trace Context: what a producer says of its trace comes to the receiver, at every attempt, and is shown."""
import json
import pathlib
import subprocess
import sys
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support import case, wait
from support.engine import DELIVERIES, EVENTS, SUBSCRIPTIONS
from support.receiver import status

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
OTHER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
STATE = "rojo=00f067aa0ba902b7, congo=t61rcWkgMzE"


class Traced(case.EngineCase):
    def post(self, body, content_type="application/json", client=None, **fields):
        """The answer's JSON, which is a 202."""
        headers = {"Content-Type": content_type, **{name.replace("_", "-"): value for name, value in fields.items()}}
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        answer = (client or self.engine.ingest).post(EVENTS, body, headers=headers)
        self.assertEqual(answer.status, 202, answer)
        return answer.json()

    def event(self, **more):
        return {"type": self.kind, "payload": {"n": 1}, **more}

    def cloudevent(self, number, **more):
        return {"specversion": "1.0", "id": f"{self.kind}-{number}", "source": "/s", "type": self.kind, "data": 1, **more}

    def assert_traced(self, event, parent, state=None):
        """At its receiver, in GET of the event, and in the attempt's record."""
        request = self.receiver.await_event(event)
        self.assertEqual((request.find("traceparent"), request.find("tracestate")), (parent, state))
        got = self.engine.admin.get(f"{EVENTS}/{event}").json()
        self.assertEqual((got["traceparent"], got["tracestate"]), (parent, state))
        sent = self.engine.await_attempts(event, 1)[0]["request_headers"]
        self.assertEqual((sent.get("traceparent"), sent.get("tracestate")), (parent, state))


class Ingest(Traced):
    def test_fields_of_a_request(self):
        self.subscribe()
        self.assert_traced(self.post(self.event(), traceparent=PARENT, tracestate=STATE)["id"], PARENT, STATE)
        self.assert_traced(self.post(self.event(), TraceParent=f" {PARENT} ")["id"], PARENT)
        self.assert_traced(self.post(self.event())["id"], None)

    def test_with_curl(self):
        self.subscribe()
        done = subprocess.run(
            ["curl", "-sS", "--max-time", "60", "-H", f"Authorization: Bearer {self.engine.key}", "-H",
             f"traceparent: {PARENT}", "-H", "tracestate: a=1", "-H", "tracestate: b=2", "--json",
             json.dumps(self.event()), f"http://{self.engine.ingest_address}{EVENTS}"],
            capture_output=True, text=True, check=True)
        self.assert_traced(json.loads(done.stdout)["id"], PARENT, "a=1,b=2")

    def test_by_the_admin_port(self):
        self.subscribe()
        made = self.post(self.event(), client=self.engine.admin, traceparent=PARENT, tracestate=STATE)
        self.assert_traced(made["id"], PARENT, STATE)

    def test_a_batch_has_that_of_its_request(self):
        self.subscribe()
        for body, kind in [([self.event(), self.event()], "application/json"),
                           (b"\n".join(json.dumps(self.event()).encode() for _ in range(2)), "application/x-ndjson")]:
            for each in self.post(body, kind, traceparent=PARENT)["events"]:
                self.assert_traced(each["id"], PARENT)

    def test_cloudevents_in_structured_mode(self):
        self.subscribe()
        kind = "application/cloudevents+json"
        made = self.post(self.cloudevent(1, traceparent=PARENT, tracestate=STATE), kind, traceparent=OTHER, tracestate="a=1")
        self.assert_traced(made["id"], PARENT, STATE)
        made = self.post(self.cloudevent(2, traceparent="none", tracestate=STATE), kind, traceparent=OTHER)
        self.assert_traced(made["id"], OTHER)

    def test_cloudevents_in_a_batch(self):
        self.subscribe()
        batch = [self.cloudevent(1, traceparent=PARENT, tracestate=STATE), self.cloudevent(2),
                 self.cloudevent(3, traceparent=OTHER)]
        made = self.post(batch, "application/cloudevents-batch+json", traceparent=OTHER, tracestate="a=1")["events"]
        self.assert_traced(made[0]["id"], PARENT, STATE)
        self.assert_traced(made[1]["id"], OTHER, "a=1")
        self.assert_traced(made[2]["id"], OTHER)

    def test_cloudevents_in_binary_mode(self):
        self.subscribe()
        fields = {"ce_specversion": "1.0", "ce_source": "/s", "ce_type": self.kind}
        made = self.post(b"x", "text/plain", ce_id="b1", ce_traceparent=PARENT, ce_tracestate=urllib.parse.quote(STATE),
                         traceparent=OTHER, **fields)
        self.assert_traced(made["id"], PARENT, STATE)
        self.assert_traced(self.post(b"x", "text/plain", ce_id="b2", traceparent=OTHER, **fields)["id"], OTHER)

    def test_what_is_no_trace_is_dropped_and_the_event_is_taken(self):
        self.subscribe()
        for wrong in ["", "1", PARENT.upper(), PARENT + "-x", PARENT[:-1], "ff" + PARENT[2:], f"{PARENT},{PARENT}",
                      "00-" + "0" * 32 + PARENT[35:], PARENT[:36] + "0" * 16 + "-01", "x" * 4000]:
            with self.subTest(wrong):
                self.assert_traced(self.post(self.event(), traceparent=wrong, tracestate=STATE)["id"], None)
        self.assert_traced(self.post(self.event(), tracestate=STATE)["id"], None)

    def test_a_parent_that_comes_twice_is_none(self):
        self.subscribe()
        self.assert_traced(self.post(self.event(), traceparent=PARENT, Traceparent=PARENT)["id"], None)

    def test_what_is_no_state_is_dropped_and_the_parent_stays(self):
        self.subscribe()
        for wrong in ["", "a", "A=1", "a=1=2", "a=1," + "b=" + "x" * 507, ",".join(f"k{n}=1" for n in range(33))]:
            with self.subTest(wrong):
                self.assert_traced(self.post(self.event(), traceparent=PARENT, tracestate=wrong)["id"], PARENT)
        longest = "a=" + "x" * 252 + ",b=" + "x" * 255
        self.assertEqual(len(longest), 512)
        self.assert_traced(self.post(self.event(), traceparent=PARENT, tracestate=longest)["id"], PARENT, longest)

    def test_a_higher_version_is_passed_on_as_the_one_that_is_known(self):
        self.subscribe()
        made = self.post(self.event(), traceparent="cc" + PARENT[2:-2] + "ff-what-the-future-will-be-like")
        self.assert_traced(made["id"], PARENT)


class Deliveries(Traced):
    def fields(self, requests):
        return [(each.find("traceparent"), each.find("tracestate")) for each in requests]

    def test_every_attempt_has_it(self):
        """Retries, what has been parked on disk, what a new process sends, and what is sent once more."""
        self.receiver.script(self.path, [status(500), status(200)])
        made = self.subscribe(retry={"schedule": ["100ms"], "jitter": 0})
        event = self.post(self.event(), traceparent=PARENT, tracestate=STATE)["id"]
        self.receiver.await_count(self.path, 2)
        delivery = self.engine.await_status(event, "delivered")
        self.engine.admin.post(f"{DELIVERIES}/{delivery['id']}/redeliver")
        self.receiver.await_count(self.path, 3)
        self.engine.admin.post(f"{SUBSCRIPTIONS}/{made['id']}/pause")
        self.post(self.event(), traceparent=PARENT, tracestate=STATE)
        self.engine.restart()
        self.engine.admin.post(f"{SUBSCRIPTIONS}/{made['id']}/resume")
        requests = self.receiver.await_count(self.path, 4)
        self.assertEqual(self.fields(requests), [(PARENT, STATE)] * 4)

    def test_a_batch_has_that_which_all_of_its_members_have(self):
        self.subscribe(delivery={"mode": "batch", "max_events": 3, "max_wait": "5m"})
        self.post([self.event()] * 3, traceparent=PARENT, tracestate=STATE)
        self.assertEqual(self.fields(self.receiver.await_count(self.path, 1)), [(PARENT, STATE)])

    def test_a_batch_of_several_traces_has_none(self):
        self.subscribe(delivery={"mode": "batch", "max_events": 3, "max_wait": "5m"})
        number = 0
        for other in ({"traceparent": OTHER, "tracestate": STATE}, {"traceparent": PARENT}, {}):
            self.post([self.event()] * 2, traceparent=PARENT, tracestate=STATE)
            self.post(self.event(), **other)
            number += 1
            with self.subTest(other):
                request = self.receiver.await_count(self.path, number)[-1]
                self.assertEqual(len(json.loads(request.body)), 3)
                self.assertEqual(self.fields([request]), [(None, None)])

    def test_a_trial_is_part_of_no_trace(self):
        made = self.subscribe()
        answer = self.engine.admin.post(f"{SUBSCRIPTIONS}/{made['id']}/test", {"type": self.kind},
                                        headers={"traceparent": PARENT})
        self.assertEqual(answer.status, 202, answer)
        self.assertEqual(self.fields(self.receiver.await_count(self.path, 1)), [(None, None)])

    def test_a_subscription_may_not_set_it(self):
        for name in ("traceparent", "TraceState"):
            answer = self.engine.admin.post(SUBSCRIPTIONS, {"url": self.receiver.url("/"), "headers": {name: PARENT}})
            problem = self.assert_problem(answer, 422)
            self.assertEqual([each["pointer"] for each in problem["errors"]], [f"/headers/{name}"])

    def test_it_is_listed(self):
        event = self.post(self.event(), traceparent=PARENT)["id"]
        listed = wait.until(lambda: self.engine.admin.get(f"{EVENTS}?type={self.kind}").json()["data"], "the list")
        self.assertEqual([(each["id"], each["traceparent"], each["tracestate"]) for each in listed],
                         [(event, PARENT, None)])


if __name__ == "__main__":
    case.main()
