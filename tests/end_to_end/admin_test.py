#!/usr/bin/env python3
"""The admin port: subscriptions, secrets, events, deliveries, attempts, figures, and who may."""
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support import case, wait
from support.client import RawConnection
from support.engine import DELIVERIES, EVENTS, SUBSCRIPTIONS
from support.receiver import respond, status

TIME = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"
SUB_ID = r"^sub_[0-7][0-9a-hjkmnp-tv-z]{25}$"
NOBODY = "sub_01h455vb4pex5vsknk084sn02q"
DEFAULTS = {
    "uid": None, "events": ["*"], "channels": [], "filter": None, "description": "", "metadata": {},
    "status": "active", "signature": {"scheme": "standard"}, "timeout": "15s", "method": "POST", "headers": {},
    "ordering": "none", "compression": "none", "auth": None, "tls": {"verify": True},
    "egress": {"allow": [], "deny": []},
}

# A field and values that are refused, and where the error points.
BAD_FIELDS = [
    ("url", "ftp://a.example/", "/url"), ("url", "nothing", "/url"), ("url", "", "/url"), ("url", 1, "/url"),
    ("url", "http://", "/url"), ("url", "http://user:password@a.example/", "/url"),
    ("url", "http://a.example:99999/", "/url"), ("url", "http://a b.example/", "/url"),
    ("url", "http://a.example/\r\nX-Evil: 1", "/url"), ("url", "http://a.example/#fragment", None),
    ("events", "a", "/events"), ("events", [], "/events"), ("events", [1], "/events/0"),
    ("events", ["ok", "not ok"], "/events/1"), ("events", ["a.*.b"], "/events/0"), ("events", ["a*"], "/events/0"),
    ("timeout", "0s", "/timeout"), ("timeout", "61s", "/timeout"), ("timeout", 15, "/timeout"),
    ("timeout", "soon", "/timeout"), ("method", "GET", "/method"), ("method", "post\r\n", "/method"),
    ("headers", {"Host": "a"}, "/headers/Host"), ("headers", {"Content-Length": "1"}, "/headers/Content-Length"),
    ("headers", {"webhook-id": "1"}, "/headers/webhook-id"), ("headers", {"X-A": "a\r\nX-B: b"}, "/headers/X-A"),
    ("headers", {"bad name": "a"}, "/headers/bad name"), ("headers", [], "/headers"),
    ("retry", {"schedule": ["soon"]}, "/retry/schedule/0"), ("retry", {"schedule": "never"}, "/retry/schedule"),
    ("retry", {"jitter": 2}, "/retry/jitter"), ("retry", {"other": 1}, "/retry/other"),
    ("signature", {"scheme": "rot13"}, "/signature/scheme"), ("signature", {"other": 1}, "/signature/other"),
    ("signature", {"scheme": "standard", "header": "a b"}, "/signature/header"),
    ("concurrency", {"max": 0}, "/concurrency/max"), ("concurrency", {"max": -1}, "/concurrency/max"),
    ("metadata", [], "/metadata"), ("metadata", {"big": "x" * 10_000}, "/metadata"),
    ("description", "x" * 5000, "/description"), ("status", "asleep", "/status"), ("tls", {"verify": 1}, "/tls/verify"),
    ("egress", {"allow": ["10.0.0.1/8"]}, "/egress/allow/0"), ("egress", {"deny": "all"}, "/egress/deny"),
    ("no_such_field", 1, "/no_such_field"),
]


class Subscriptions(case.EngineCase):
    def make(self, **fields):
        fields.setdefault("url", "https://a.example/hook")
        answer = self.engine.admin.post(SUBSCRIPTIONS, fields)
        self.assertEqual(answer.status, 201, answer)
        made = answer.json()
        self.addCleanup(lambda: self.engine.admin.request("DELETE", f"{SUBSCRIPTIONS}/{made['id']}"))
        return made

    def change(self, method, made, body, expect=200):
        answer = self.engine.admin.request(method, f"{SUBSCRIPTIONS}/{made['id']}", body)
        self.assertEqual(answer.status, expect, answer)
        return answer.json()

    def test_created_with_defaults(self):
        made = self.make()
        self.assertRegex(made["id"], SUB_ID)
        self.assertTrue(made["secret"].startswith("whsec_"))
        self.assertEqual(made["url"], "https://a.example/hook")
        for name, value in DEFAULTS.items():
            self.assertEqual(made[name], value, name)
        self.assertIn(made["retry"]["schedule"], ("day", ["5s", "30s", "2m", "10m", "1h", "4h", "8h", "10h"]))
        self.assertEqual(made["retry"]["jitter"], 0.1)
        self.assertEqual(made["concurrency"]["max"], 64)
        self.assertRegex(made["created_at"], TIME)
        self.assertRegex(made["updated_at"], TIME)

    def test_created_with_everything(self):
        fields = {"uid": "mine-1", "url": "http://b.example:8080/x?y=z", "events": ["a.*", "b"], "description": "d é",
                  "metadata": {"a": {"b": [1, 2.5, None, "é"]}}, "signature": {"scheme": "none"},
                  "retry": {"schedule": ["500ms", "5s", "2m", "1h"], "jitter": 0.25}, "timeout": "30s", "method": "PUT",
                  "headers": {"X-A": "b"}, "concurrency": {"max": 5, "adaptive": True}, "tls": {"verify": False}}
        made = self.make(**fields)
        for name, value in fields.items():
            self.assertEqual(made[name], value, name)
        got = self.engine.admin.get(f"{SUBSCRIPTIONS}/{made['id']}").json()
        made.pop("secret")
        self.assertEqual(got, made)

    def test_presets_of_the_schedule(self):
        expected = {"quick": ["1s", "5s", "30s", "2m", "10m", "30m"],
                    "standard": ["5s", "30s", "2m", "10m", "1h"],
                    "day": ["5s", "30s", "2m", "10m", "1h", "4h", "8h", "10h"]}
        for name, steps in expected.items():
            self.assertEqual(self.make(retry={"schedule": name})["retry"]["schedule"], steps)
        self.assertEqual(self.make()["retry"]["schedule"], expected["day"], "the default")

    def test_location_of_what_was_created(self):
        answer = self.engine.admin.post(SUBSCRIPTIONS, {"url": "https://a.example/"})
        self.assertEqual(answer.headers.get("location", f"{SUBSCRIPTIONS}/{answer.json()['id']}"),
                         f"{SUBSCRIPTIONS}/{answer.json()['id']}")

    def test_bad_fields_are_named(self):
        for name, value, pointer in BAD_FIELDS:
            with self.subTest(name=name, value=str(value)[:50]):
                answer = self.engine.admin.post(SUBSCRIPTIONS, {"url": "https://a.example/", name: value})
                if pointer is None:
                    self.assertIn(answer.status, (201, 422), answer)
                    continue
                problem = self.assert_problem(answer, 422)
                self.assertEqual(problem["errors"][0]["pointer"], pointer, problem)
                self.assertTrue(problem["errors"][0]["detail"])

    def test_all_faults_are_named_at_once(self):
        answer = self.engine.admin.post(SUBSCRIPTIONS, {"timeout": "0s", "method": "GET", "nothing": 1})
        problem = self.assert_problem(answer, 422)
        self.assertEqual({each["pointer"] for each in problem["errors"]}, {"/url", "/timeout", "/method", "/nothing"})

    def test_malformed_bodies(self):
        for body in (b"", b"{", b"[]", b"1", b'"x"', b'{"url":"https://a.example/"', b"\xff"):
            with self.subTest(body):
                answer = self.engine.admin.post(SUBSCRIPTIONS, body, headers={"Content-Type": "application/json"})
                self.assertIn(answer.status, (400, 422), answer)
                self.assert_problem(answer, answer.status)

    def test_other_content_types(self):
        answer = self.engine.admin.post(SUBSCRIPTIONS, b'{"url":"https://a.example/"}',
                                        headers={"Content-Type": "text/plain"})
        self.assert_problem(answer, 415)

    def test_patch_is_a_merge_patch(self):
        made = self.make(description="old", metadata={"a": 1, "b": {"c": 2, "d": 3}}, timeout="30s",
                         retry={"schedule": ["1s"], "jitter": 0.5})
        got = self.change("PATCH", made, {"description": "new", "metadata": {"b": {"c": None, "e": 4}},
                                          "retry": {"schedule": ["2s", "3s"]}})
        self.assertEqual(got["description"], "new")
        self.assertEqual(got["metadata"], {"a": 1, "b": {"d": 3, "e": 4}})
        self.assertEqual(got["retry"], {"schedule": ["2s", "3s"], "jitter": 0.5})
        self.assertEqual(got["timeout"], "30s")
        self.assertEqual(got["created_at"], made["created_at"])
        self.assertGreaterEqual(got["updated_at"], made["updated_at"])
        self.assertEqual(self.change("PATCH", made, {"timeout": None})["timeout"], "15s")
        self.assertEqual(self.engine.admin.get(f"{SUBSCRIPTIONS}/{made['id']}").json()["description"], "new")

    def test_a_refused_patch_changes_nothing(self):
        made = self.make(description="old")
        answer = self.engine.admin.request("PATCH", f"{SUBSCRIPTIONS}/{made['id']}",
                                           {"description": "new", "timeout": "0s"})
        self.assert_problem(answer, 422)
        self.assertEqual(self.engine.admin.get(f"{SUBSCRIPTIONS}/{made['id']}").json()["description"], "old")

    def test_put_replaces(self):
        made = self.make(description="old", timeout="30s")
        got = self.change("PUT", made, {"url": "https://b.example/"})
        self.assertEqual((got["id"], got["url"], got["description"], got["timeout"]),
                         (made["id"], "https://b.example/", "", "15s"))

    def test_what_get_gives_put_takes(self):
        made = self.make(description="d", events=["a.*"], headers={"X-A": "b"})
        got = self.engine.admin.get(f"{SUBSCRIPTIONS}/{made['id']}").json()
        again = self.change("PUT", made, got)
        got.pop("updated_at"), again.pop("updated_at")
        self.assertEqual(again, got)

    def test_what_the_server_sets_cannot_be_set(self):
        made = self.make()
        for name, value in (("id", NOBODY), ("created_at", "2020-01-01T00:00:00.000Z")):
            answer = self.engine.admin.request("PATCH", f"{SUBSCRIPTIONS}/{made['id']}", {name: value})
            self.assert_problem(answer, 422)

    def test_delete(self):
        made = self.make()
        path = f"{SUBSCRIPTIONS}/{made['id']}"
        self.assertEqual(self.engine.admin.request("DELETE", path).status, 204)
        self.assert_problem(self.engine.admin.get(path), 404)
        self.assert_problem(self.engine.admin.request("DELETE", path), 404)
        self.assert_problem(self.engine.admin.request("PATCH", path, {}), 404)

    def test_deliveries_of_a_deleted_subscription_are_cancelled(self):
        made = self.make(url="http://127.0.0.1:9/", events=["deleted.soon"], retry={"schedule": ["1h"]})
        event = self.engine.publish("deleted.soon", 1)["id"]
        self.engine.await_status(event, "retrying")
        self.assertEqual(self.engine.admin.request("DELETE", f"{SUBSCRIPTIONS}/{made['id']}").status, 204)
        found = self.engine.deliveries(event=event)
        self.assertEqual([each["status"] for each in found], ["cancelled"])
        self.assertIsNone(found[0]["next_attempt_at"])
        self.assertEqual(self.engine.deliveries(event=event, status="retrying"), [])
        self.assertEqual(len(self.engine.deliveries(event=event, status="cancelled")), 1)

    def test_ids_that_are_none(self):
        for each in (NOBODY, "sub_x", "x", "evt_01h455vb4pex5vsknk084sn02q", "..%2f..", "%00", "a" * 1000):
            with self.subTest(each[:20]):
                self.assert_problem(self.engine.admin.get(f"{SUBSCRIPTIONS}/{each}"), 404)

    def test_secret_is_shown_only_where_it_is_asked_for(self):
        made = self.make()
        path = f"{SUBSCRIPTIONS}/{made['id']}"
        self.assertEqual(self.engine.admin.get(f"{path}/secret").json()["secret"], made["secret"])
        for answer in (self.engine.admin.get(path), self.engine.admin.get(SUBSCRIPTIONS),
                       self.engine.admin.request("PATCH", path, {"description": "x"})):
            self.assertNotIn(made["secret"].encode(), answer.body)
        self.assertNotIn(made["secret"], self.engine.log())

    def test_list_is_paged_newest_first(self):
        made = [self.make(description=str(number))["id"] for number in range(7)]
        seen, cursor = [], ""
        while cursor is not None:
            page = self.engine.admin.get(f"{SUBSCRIPTIONS}?limit=3{cursor and '&cursor=' + cursor}").json()
            self.assertLessEqual(len(page["data"]), 3)
            seen += page["data"]
            cursor = page["next_cursor"]
        ids, times = [each["id"] for each in seen], [each["created_at"] for each in seen]
        self.assertEqual(len(ids), len(set(ids)))
        self.assertLessEqual(set(made), set(ids))
        self.assertEqual(times, sorted(times, reverse=True))

    def test_bad_paging(self):
        for query in ("limit=0", "limit=251", "limit=x", "limit=-1", "cursor=nonsense", "no_such_parameter=1"):
            with self.subTest(query):
                answer = self.engine.admin.get(f"{SUBSCRIPTIONS}?{query}")
                self.assertIn(answer.status, (400, 422), answer)
                self.assert_problem(answer, answer.status)

    def test_survives_a_restart(self):
        made = self.make(uid="kept", metadata={"k": 1})
        secret = made.pop("secret")
        self.engine.kill()
        self.engine.start()
        self.assertEqual(self.engine.admin.get(f"{SUBSCRIPTIONS}/{made['id']}").json(), made)
        self.assertEqual(self.engine.admin.get(f"{SUBSCRIPTIONS}/{made['id']}/secret").json()["secret"], secret)

    def test_a_changed_subscription_is_used_at_once(self):
        made = self.subscribe()
        for number in range(10):
            path = f"{self.path}/{number}"
            self.change("PATCH", made, {"url": self.receiver.url(path)})
            self.assertEqual(self.receiver.await_event(self.publish(number)).path, path)


class Figures(case.EngineCase):
    def test_event_with_its_payload(self):
        event = self.publish({"n": [1, 2]}, correlation_id="c", version="2", channels=["x"])
        got = self.engine.admin.get(f"{EVENTS}/{event}").json()
        self.assertEqual(got["id"], event)
        self.assertEqual(got["type"], self.kind)
        self.assertEqual(got["payload"], {"n": [1, 2]})
        self.assertEqual(got["correlation_id"], "c")
        self.assertEqual(got["version"], "2")
        self.assertEqual(got["channels"], ["x"])
        self.assertEqual(got["timestamp"], got["created_at"], "a producer that says nothing means now")
        self.assert_problem(self.engine.admin.get(f"{EVENTS}/evt_01h455vb4pex5vsknk084sn02q"), 404)
        self.assert_problem(self.engine.admin.get(f"{EVENTS}/nonsense"), 404)

    def test_the_time_that_a_producer_gives_is_kept(self):
        event = self.publish(1, timestamp="2020-02-29T12:00:00.5+02:00")
        cloud = self.engine.ingest.post(EVENTS, {"specversion": "1.0", "id": self.kind, "source": "/s", "type": self.kind,
                                                 "time": "1999-12-31T23:59:59Z"},
                                        headers={"Content-Type": "application/cloudevents+json"}).json()["id"]
        for each, time in [(event, "2020-02-29T10:00:00.500Z"), (cloud, "1999-12-31T23:59:59.000Z")]:
            self.assertEqual(self.engine.admin.get(f"{EVENTS}/{each}").json()["timestamp"], time)

    def test_events_are_listed_newest_first(self):
        events = [self.publish(number) for number in range(5)]
        listed = [each["id"] for each in self.engine.admin.get(f"{EVENTS}?limit=250").json()["data"]]
        # By id: within one millisecond two shards have no order.
        self.assertEqual([each for each in listed if each in events], sorted(events, reverse=True))

    def test_publishing_on_the_admin_port(self):
        self.subscribe()
        answer = self.engine.admin.post(EVENTS, {"type": self.kind, "payload": {"by": "admin"}})
        self.assertEqual(answer.status, 202, answer)
        self.assertEqual(self.receiver.await_event(answer.json()["id"]).body, b'{"by": "admin"}')

    def test_a_delivery(self):
        made = self.subscribe()
        event = self.publish(1)
        got = self.engine.await_status(event, "delivered")
        self.assertRegex(got["id"], r"^dlv_")
        self.assertEqual((got["event_id"], got["subscription_id"], got["event_type"], got["attempt_count"]),
                         (event, made["id"], self.kind, 1))
        self.assertRegex(got["created_at"], TIME)
        self.assertIsNone(got["next_attempt_at"])
        self.assertEqual(got["last_attempt"]["outcome"], "delivered")
        self.assertEqual(self.engine.admin.get(f"{DELIVERIES}/{got['id']}").json(), got)
        for bad in ("dlv_01h455vb4pex5vsknk084sn02q", "dlv_x", "nonsense"):
            self.assert_problem(self.engine.admin.get(f"{DELIVERIES}/{bad}"), 404)
            self.assert_problem(self.engine.admin.get(f"{DELIVERIES}/{bad}/attempts"), 404)

    def test_deliveries_by_status(self):
        for name, code, schedule in (("delivered", 200, []), ("dead", 500, []), ("retrying", 500, ["1h"])):
            self.receiver.script(f"/{name}", [status(code)])
            self.subscribe(f"/{name}", events=[f"by.{name}"], retry={"schedule": schedule})
        events = {name: self.publish(name, type=f"by.{name}") for name in ("delivered", "dead", "retrying")}
        for name, event in events.items():
            self.engine.await_status(event, name)
        for name, event in events.items():
            listed = [each["event_id"] for each in self.engine.deliveries(status=name)]
            for other, its in events.items():
                (self.assertIn if other == name else self.assertNotIn)(its, listed, f"{its} in {name}")
        failed = [each["event_id"] for each in self.engine.deliveries(status="failed")]
        self.assertIn(events["dead"], failed)
        self.assertIn(events["retrying"], failed)
        self.assertNotIn(events["delivered"], failed)

    def test_deliveries_by_event_subscription_and_type(self):
        first, second = self.subscribe(f"{self.path}/1"), self.subscribe(f"{self.path}/2")
        events = [self.publish(number) for number in range(3)]
        for event in events:
            for made in (first, second):
                self.engine.await_status(event, "delivered", made["id"])
        self.assertEqual({each["subscription_id"] for each in self.engine.deliveries(event=events[0])},
                         {first["id"], second["id"]})
        self.assertEqual([each["event_id"] for each in self.engine.deliveries(subscription=first["id"])], sorted(events, reverse=True))
        self.assertEqual(len(self.engine.deliveries(type=self.kind)), 6)
        self.assertEqual(self.engine.deliveries(type="no.such.type"), [])

    def test_deliveries_by_time(self):
        self.subscribe()
        event = self.publish(1)
        got = self.engine.await_status(event, "delivered")
        self.assertEqual(self.engine.deliveries(event=event, since=got["created_at"])[0]["id"], got["id"])
        self.assertEqual(self.engine.deliveries(event=event, since="2099-01-01T00:00:00Z"), [])
        self.assertEqual(self.engine.deliveries(event=event, until="2020-01-01T00:00:00Z"), [])

    def test_deliveries_are_paged(self):
        made = self.subscribe()
        events = [self.publish(number) for number in range(23)]
        for event in events:
            self.engine.await_status(event, "delivered")
        seen, cursor = [], ""
        while cursor is not None:
            page = self.engine.admin.get(f"{DELIVERIES}?subscription={made['id']}&limit=5"
                                         f"{cursor and '&cursor=' + cursor}").json()
            seen += [each["event_id"] for each in page["data"]]
            cursor = page["next_cursor"]
        self.assertEqual(sorted(seen), sorted(events))

    def test_bad_filters(self):
        for query in ("status=nonsense", "subscription=x", "event=x", "since=yesterday", "limit=1000", "color=red"):
            with self.subTest(query):
                answer = self.engine.admin.get(f"{DELIVERIES}?{query}")
                self.assertIn(answer.status, (400, 422), answer)
                self.assert_problem(answer, answer.status)

    def test_attempts_are_all_kept(self):
        self.receiver.script(self.path, [respond(500, body=b"first"), status(404), status(200)])
        self.subscribe(retry={"schedule": ["100ms"] * 3})
        event = self.publish(1)
        delivery = self.engine.await_status(event, "delivered")
        attempts = self.engine.attempts(delivery["id"])
        self.assertEqual([each["number"] for each in attempts], [1, 2, 3])
        self.assertEqual([each["http_status"] for each in attempts], [500, 404, 200])
        self.assertEqual(attempts[0]["response_body"], "first")
        self.assertEqual([each["at"] for each in attempts], sorted(each["at"] for each in attempts))

    def test_metrics(self):
        self.subscribe()
        before = self.metrics()
        for number in range(10):
            self.receiver.await_event(self.publish(number))

        def counted():
            after = self.metrics()
            grown = {name for name in after if after[name] - before.get(name, 0) == 10}
            return any("accepted" in name for name in grown) and any("delivered" in name for name in grown)

        wait.until(counted, "ten more, accepted and delivered")

    def metrics(self):
        """name{labels} -> value, after a check of every line of the exposition."""
        answer = self.engine.admin.get("/metrics", key=False)
        self.assertEqual(answer.status, 200)
        self.assertTrue(answer.headers["content-type"].startswith("text/plain"))
        types, values = {}, {}
        for line in answer.body.decode().splitlines():
            if line.startswith("# TYPE "):
                _, _, name, kind = line.split(" ")
                self.assertNotIn(name, types, "two TYPE lines")
                self.assertIn(kind, ("counter", "gauge", "histogram", "summary"))
                types[name] = kind
            elif line and not line.startswith("#"):
                found = re.match(r'^([a-z_:][a-z0-9_:]*)(\{(?:[a-z_]+="(?:[^"\\\n]|\\.)*",?)*\})? (\S+)$', line)
                self.assertTrue(found, line)
                name, labels, value = found.groups()
                self.assertTrue(name in types or re.sub(r"_(bucket|sum|count)$", "", name) in types, line)
                self.assertNotIn(name + (labels or ""), values, "a series twice")
                values[name + (labels or "")] = float(value)
        self.assertTrue(all(name.startswith(("grapnel_", "process_")) for name in types), types)
        return values

    def test_health(self):
        for client in (self.engine.ingest, self.engine.admin):
            for path in ("/healthz", "/readyz"):
                self.assertEqual(client.get(path, key=False).status, 200, path)


class Access(case.EngineCase):
    PATHS = [("GET", SUBSCRIPTIONS), ("POST", SUBSCRIPTIONS), ("GET", f"{SUBSCRIPTIONS}/{NOBODY}"),
             ("DELETE", f"{SUBSCRIPTIONS}/{NOBODY}"), ("GET", f"{SUBSCRIPTIONS}/{NOBODY}/secret"),
             ("GET", EVENTS), ("POST", EVENTS), ("GET", DELIVERIES), ("GET", f"{DELIVERIES}/x")]

    def test_no_key_or_a_wrong_one_is_a_401(self):
        for method, path in self.PATHS:
            for key in (False, "gk_" + "x" * 40):
                with self.subTest(f"{method} {path} {key}"):
                    answer = self.engine.admin.request(method, path, {} if method == "POST" else None, key=key)
                    self.assert_problem(answer, 401)
                    self.assertIn("www-authenticate", answer.headers)

    def test_unknown_paths_are_a_404(self):
        for path in ("/nowhere", "/api", "/api/v1", "/api/v1/webhooks", "/api/v2/webhooks/events", "//", "/api/v1/x"):
            with self.subTest(path):
                self.assert_problem(self.engine.admin.get(path), 404)

    def test_other_methods_are_a_405_that_names_the_allowed(self):
        for method, path, allowed in (("DELETE", SUBSCRIPTIONS, "GET, POST"), ("PUT", EVENTS, "GET, POST"),
                                      ("POST", f"{SUBSCRIPTIONS}/{NOBODY}", "GET, PUT, PATCH, DELETE"),
                                      ("POST", DELIVERIES, "GET"), ("POST", "/metrics", "GET")):
            with self.subTest(f"{method} {path}"):
                answer = self.engine.admin.request(method, path, {} if method in ("POST", "PUT") else None)
                self.assert_problem(answer, 405)
                got = {each.strip() for each in answer.headers["allow"].split(",")}
                self.assertLessEqual(set(allowed.split(", ")), got)

    def test_body_too_large_is_a_413(self):
        with RawConnection(self.engine.admin_address) as raw:
            raw.send((f"POST {SUBSCRIPTIONS} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {self.engine.key}\r\n"
                      "Content-Type: application/json\r\nContent-Length: 20000000\r\n\r\n").encode())
            self.assert_problem(raw.receive(), 413)



class Uids(case.EngineCase):
    def test_a_uid_stands_wherever_an_id_does(self):
        admin = self.engine.admin
        made = self.subscribe(uid="billing.main")
        event = self.publish()
        self.receiver.await_count(self.path, 1)
        at = f"{SUBSCRIPTIONS}/billing.main"
        self.assertEqual(admin.get(at).json()["id"], made["id"])
        self.assertEqual(admin.get(f"{at}/secret").json()["secret"], made["secret"])
        self.assertEqual(admin.get(f"{at}/stats").status, 200)
        self.assertEqual(admin.post(f"{at}/pause").json()["status"], "paused")
        self.assertEqual(admin.request("PATCH", at, {"description": "d"}).json()["id"], made["id"])
        found = self.engine.deliveries(subscription="billing.main")
        self.assertEqual([each["event_id"] for each in found], [event])
        self.assert_problem(admin.get(f"{DELIVERIES}?subscription=nobody"), 422)
        self.assertEqual(admin.request("DELETE", at).status, 204)
        self.assert_problem(admin.get(at), 404)
        self.assertEqual([each["event_id"] for each in self.engine.deliveries(subscription=made["id"])], [event],
                         "by the id, of one that is gone")

    def test_a_uid_is_no_id(self):
        made = self.subscribe()
        for uid in (made["id"], ".", "..", "a b"):
            answer = self.engine.admin.post(SUBSCRIPTIONS, {"url": "http://127.0.0.1/", "uid": uid})
            self.assertEqual([each["pointer"] for each in self.assert_problem(answer, 422)["errors"]], ["/uid"])

    def test_lists_are_filtered(self):
        one, two = self.subscribe(uid="f-1"), self.subscribe(uid="f-2")
        self.engine.admin.post(f"{SUBSCRIPTIONS}/f-2/pause")
        ids = lambda query: [each["id"] for each in self.engine.admin.get(f"{SUBSCRIPTIONS}?{query}").json()["data"]]
        self.assertEqual(ids("uid=f-1"), [one["id"]])
        self.assertEqual(ids("status=paused"), [two["id"]])
        self.assertEqual(ids("status=paused&uid=f-1"), [])
        for query in ("status=asleep", "uid=", "name=x"):
            self.assert_problem(self.engine.admin.get(f"{SUBSCRIPTIONS}?{query}"), 422)


if __name__ == "__main__":
    case.main()
