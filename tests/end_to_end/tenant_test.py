#!/usr/bin/env python3
"""Two tenants through every route: neither sees, changes or slows what is the other's."""
import concurrent.futures
import pathlib
import re
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support import case, wait
from support.client import Client
from support.engine import DELIVERIES, EVENTS, SUBSCRIPTIONS, Engine
from support.name_server import NameServer
from support.receiver import Receiver, respond, status
from support.tenants import KEYS, TENANTS, TenantCase

class Tenants(TenantCase):
    def test_a_tenant_is_made_shown_changed_and_deleted(self):
        admin = self.engine.admin
        answer = admin.post(TENANTS, {"name": "walk", "description": "d", "metadata": {"plan": "gold"}})
        self.assertEqual(answer.status, 201, answer)
        made = answer.json()
        path = f"{TENANTS}/{made['id']}"
        self.assertEqual(answer.headers["location"], path)
        self.assertTrue(made["id"].startswith("ten_"))
        self.assertEqual(made["created_at"], made["updated_at"])
        self.assertEqual(admin.get(path).json(), made)
        self.assertEqual(admin.get(f"{TENANTS}/walk").json(), made, "by its name")

        answer = admin.request("PATCH", path, {"description": None, "metadata": {"seats": 3}})
        self.assertEqual(answer.status, 200, answer)
        changed = answer.json()
        self.assertEqual((changed["name"], changed["description"], changed["metadata"]),
                         ("walk", "", {"plan": "gold", "seats": 3}))
        self.assertGreater(changed["updated_at"], made["updated_at"])
        self.assertEqual(admin.request("PATCH", path, changed).status, 200, "what was got may be sent back")

        self.assertEqual(admin.request("DELETE", path).status, 204)
        self.assert_problem(admin.get(path), 404)
        self.assert_problem(admin.request("DELETE", path), 404)

    def test_a_bad_body_names_the_field(self):
        post = lambda body: self.engine.admin.post(TENANTS, body)
        self.assertEqual(self.pointers(post({})), ["/name"])
        for name in ("", "a b", "ten_x", "a" * 64, 7):
            self.assertEqual(self.pointers(post({"name": name})), ["/name"])
        self.assertEqual(self.pointers(post({"name": "x", "id": "ten_1", "metadata": [], "colour": 1})),
                         ["/id", "/metadata", "/colour"])
        made = self.make_tenant("strict")
        patch = lambda body: self.engine.admin.request("PATCH", f"{TENANTS}/{made['id']}", body)
        self.assertEqual(self.pointers(patch({"created_at": "2020-01-01T00:00:00Z"})), ["/created_at"])
        self.assertEqual(self.pointers(patch({"name": None})), ["/name"])

    def test_names_are_unique(self):
        first, second = self.make_tenant("one-of-a-kind"), self.make_tenant("another")
        self.assert_problem(self.engine.admin.post(TENANTS, {"name": "one-of-a-kind"}), 409)
        path = f"{TENANTS}/{second['id']}"
        self.assert_problem(self.engine.admin.request("PATCH", path, {"name": "one-of-a-kind"}), 409)
        self.assertEqual(self.engine.admin.request("PATCH", path, {"name": "renamed"}).status, 200)
        self.assert_problem(self.engine.admin.get(f"{TENANTS}/another"), 404)
        self.assertEqual(self.engine.admin.get(f"{TENANTS}/one-of-a-kind").json(), first)

    def test_a_uid_stands_wherever_an_id_does(self):
        made = self.make_tenant("by-uid", uid="customer-7")
        admin, event = self.engine.admin, {"type": "a", "payload": 1}
        self.assertEqual(admin.get(f"{TENANTS}/customer-7").json(), made)
        for name in (made["id"], "by-uid", "customer-7"):
            field = {"Grapnel-Tenant": name}
            self.assertEqual(admin.get(SUBSCRIPTIONS, headers=field).status, 200, name)
            for client in (admin, self.engine.ingest):
                self.assertEqual(client.post(EVENTS, event, headers=field).status, 202, name)
        self.assertEqual(len(admin.get(EVENTS, headers={"Grapnel-Tenant": "customer-7"}).json()["data"]), 6)

        answer = admin.request("PATCH", f"{TENANTS}/customer-7", {"uid": "customer-8"})
        self.assertEqual(answer.json()["uid"], "customer-8")
        for name, status_of in (("customer-7", 404), ("customer-8", 202)):
            answer = self.engine.ingest.post(EVENTS, event, headers={"Grapnel-Tenant": name})
            self.assertEqual(answer.status, status_of, name)
        self.engine.restart()
        self.assertEqual(self.engine.admin.get(f"{TENANTS}/customer-8").json()["id"], made["id"])

    def test_a_uid_is_no_id_and_nobody_elses(self):
        first, second = self.make_tenant("first", uid="one"), self.make_tenant("second")
        put = lambda body: self.engine.admin.request("PUT", f"{TENANTS}/second", {"name": "second", **body})
        for uid in (first["id"], second["id"], "", "a/b", "..", "x" * 65, 7):
            self.assertEqual(self.pointers(put({"uid": uid})), ["/uid"], uid)
        for body in ({"uid": "one"}, {"uid": "first"}, {"name": "one"}):
            self.assert_problem(put(body), 409)
        self.assertEqual(put({"uid": "second"}).status, 200, "its own name")

    def test_what_is_put_is_all_there_is(self):
        made = self.make_tenant("put", uid="u", description="d", metadata={"a": 1}, https_only=True)
        answer = self.engine.admin.request("PUT", f"{TENANTS}/u", {"name": "put", "metadata": {"b": 2}})
        self.assertEqual(answer.status, 200, answer)
        now = answer.json()
        self.assertEqual((now["id"], now["uid"], now["description"], now["metadata"], now["https_only"]),
                         (made["id"], None, "", {"b": 2}, False))
        self.assertGreater(now["updated_at"], made["updated_at"])
        self.assert_problem(self.engine.admin.request("PUT", f"{TENANTS}/u", {"name": "put"}), 404)

    def test_lists_are_filtered(self):
        one, _ = self.make_tenant("listed", uid="x-1"), self.make_tenant("other", uid="x-2")
        ids = lambda query: [each["id"] for each in self.engine.admin.get(f"{TENANTS}?{query}").json()["data"]]
        self.assertEqual(ids("uid=x-1"), [one["id"]])
        self.assertEqual(ids("name=listed"), [one["id"]])
        self.assertEqual(ids("name=listed&uid=x-2"), [])
        for query in ("colour=red", "uid=", f"name={'x' * 64}"):
            self.assert_problem(self.engine.admin.get(f"{TENANTS}?{query}"), 422)

    def test_lists_come_in_pages_newest_first(self):
        made = [self.make_tenant(f"page-{i}")["id"] for i in range(5)]
        seen, cursor = [], None
        while True:
            more = f"&cursor={cursor}" if cursor else ""
            page = self.engine.admin.get(f"{TENANTS}?limit=2{more}").json()
            seen += [tenant["id"] for tenant in page["data"]]
            cursor = page["next_cursor"]
            if not cursor:
                break
        self.assertEqual(seen[:5], sorted(made, reverse=True), "by id; those of one millisecond in any order")

    def test_the_tenant_of_an_admin_key_stays(self):
        default = self.engine.admin.get(f"{TENANTS}/default").json()
        self.assert_problem(self.engine.admin.request("DELETE", f"{TENANTS}/{default['id']}"), 409)

    def test_only_an_admin_key_makes_changes_and_deletes_tenants(self):
        tenant = self.make_tenant("humble")
        _, admin, _ = self.make_key(tenant, "manage", "read", "ingest")
        path = f"{TENANTS}/{tenant['id']}"
        self.assert_problem(admin.post(TENANTS, {"name": "mine"}), 403)
        self.assert_problem(admin.request("PATCH", path, {"name": "mine"}), 403)
        self.assert_problem(admin.request("DELETE", path), 403)
        self.assertEqual(admin.get(path).status, 200)


class Apart(TenantCase):
    def setUp(self):
        super().setUp()
        self.tenants = [self.make_tenant(f"{self.kind[:40]}-{i}") for i in range(2)]
        self.sides = [self.make_key(tenant, "manage", "read", "ingest") for tenant in self.tenants]

    def publish_as(self, side):
        answer = self.sides[side][2].post(EVENTS, {"type": self.kind, "payload": {"side": side}})
        self.assertEqual(answer.status, 202, answer)
        return answer.json()

    def subscribe_as(self, side):
        answer = self.sides[side][1].post(SUBSCRIPTIONS, {"url": self.receiver.url(f"{self.path}/{side}")})
        self.assertEqual(answer.status, 201, answer)
        return answer.json()["id"]

    def test_every_route_answers_404_for_what_is_the_others(self):
        mine = self.sides[0][1]
        subscription = self.subscribe_as(1)
        event = self.publish_as(1)["id"]
        self.receiver.await_count(f"{self.path}/1", 1)
        theirs = self.sides[1][1]
        delivery = theirs.get(f"{DELIVERIES}?event={event}").json()["data"][0]["id"]
        other = self.tenants[1]["id"]
        key = self.sides[1][0]["id"]
        routes = [
            ("GET", f"{TENANTS}/{other}", None),
            ("GET", f"{TENANTS}/{self.tenants[1]['name']}", None),
            ("GET", f"{KEYS}/{key}", None),
            ("DELETE", f"{KEYS}/{key}", None),
            ("GET", f"{SUBSCRIPTIONS}/{subscription}", None),
            ("PUT", f"{SUBSCRIPTIONS}/{subscription}", {"url": "https://example.com/"}),
            ("PATCH", f"{SUBSCRIPTIONS}/{subscription}", {"description": "mine"}),
            ("GET", f"{SUBSCRIPTIONS}/{subscription}/secret", None),
            ("DELETE", f"{SUBSCRIPTIONS}/{subscription}", None),
            ("GET", f"{EVENTS}/{event}", None),
            ("GET", f"{DELIVERIES}/{delivery}", None),
            ("GET", f"{DELIVERIES}/{delivery}/attempts", None),
        ]
        for method, path, body in routes:
            with self.subTest(method=method, path=path):
                self.assert_problem(mine.request(method, path, body), 404)
                self.assertNotIn(mine.request(method, path, body).status, (200, 201, 204))
        for path in (SUBSCRIPTIONS, EVENTS, DELIVERIES):
            self.assertEqual(mine.get(path).json()["data"], [], path)
        for path in (TENANTS, KEYS):
            self.assertEqual(len(mine.get(path).json()["data"]), 1, path)
        field = {"Grapnel-Tenant": other}
        for path in (TENANTS, KEYS, SUBSCRIPTIONS, EVENTS, DELIVERIES):
            self.assert_problem(mine.get(path, headers=field), 404)
        self.assert_problem(self.sides[0][2].post(EVENTS, {"type": "a", "payload": 1}, headers=field), 404)
        self.assertEqual(theirs.get(f"{SUBSCRIPTIONS}/{subscription}").json()["description"], "", "untouched")

    def test_an_event_goes_to_its_own_tenants_subscriptions(self):
        for side in (0, 1):
            self.subscribe_as(side)
        self.assertEqual(self.publish_as(0)["deliveries"], 1)
        self.receiver.await_count(f"{self.path}/0", 1)
        self.assertEqual(self.publish_as(1)["deliveries"], 1)
        self.receiver.await_count(f"{self.path}/1", 1)
        self.assertEqual(len(self.receiver.of(f"{self.path}/0")), 1)

    def cancelled(self):
        found = re.search(r"^grapnel_deliveries_cancelled_total (\d+)$",
                          self.engine.admin.get("/metrics").body.decode(), re.MULTILINE)
        return int(found.group(1))

    def test_deliveries_of_a_deleted_tenant_end(self):
        self.receiver.script(f"{self.path}/0", [status(503)] * 10)
        before = self.cancelled()
        self.subscribe_as(0)
        for _ in range(3):
            self.publish_as(0)
        self.receiver.await_count(f"{self.path}/0", 3)
        self.assertEqual(self.engine.admin.request("DELETE", f"{TENANTS}/{self.tenants[0]['id']}").status, 204)
        wait.until(lambda: self.cancelled() == before + 3, "three deliveries to be cancelled")

    def gauge(self, name):
        found = re.search(rf"^{name} (\d+)$", self.engine.admin.get("/metrics").body.decode(), re.MULTILINE)
        return int(found.group(1))

    def test_nothing_of_a_deleted_tenant_waits_anywhere(self):
        """Parked on the disk, waiting for a retry, in memory: neither now nor after a start."""
        self.receiver.script(f"{self.path}/0", [status(503)] * 100)
        paused = self.subscribe_as(0)
        self.assertEqual(self.sides[0][1].post(f"{SUBSCRIPTIONS}/{paused}/pause").status, 200)
        answer = self.sides[0][1].post(SUBSCRIPTIONS, {"url": self.receiver.url(f"{self.path}/0"),
                                                       "retry": {"schedule": ["2s"] * 10}})
        self.assertEqual(answer.status, 201, answer)
        for _ in range(5):
            self.assertEqual(self.publish_as(0)["deliveries"], 2)
        self.receiver.await_count(f"{self.path}/0", 5)
        self.assertEqual(self.engine.admin.request("DELETE", f"{TENANTS}/{self.tenants[0]['id']}").status, 204)
        wait.until(lambda: self.gauge("grapnel_deliveries_in_memory") == 0, "memory to be free of them")
        seen = len(self.receiver.of(f"{self.path}/0"))

        self.engine.restart()
        later = self.engine.subscribe(self.receiver.url(f"{self.path}/other"), events=[self.kind])
        self.addCleanup(lambda: self.engine.admin.request("DELETE", f"{SUBSCRIPTIONS}/{later['id']}"))
        self.engine.publish(self.kind)
        self.receiver.await_count(f"{self.path}/other", 1)
        self.assertEqual(self.gauge("grapnel_deliveries_loaded_total"), 0)
        self.assertEqual(len(self.receiver.of(f"{self.path}/0")), seen)
        for name in (self.tenants[0]["id"], self.tenants[0]["name"]):
            self.assert_problem(self.engine.admin.get(f"{TENANTS}/{name}"), 404)

    def test_a_deleted_tenant_ends_with_all_it_has(self):
        subscription = self.subscribe_as(0)
        other = self.subscribe_as(1)
        key, admin, ingest = self.sides[0]
        self.publish_as(0)
        self.receiver.await_count(f"{self.path}/0", 1)
        self.assertEqual(self.engine.admin.request("DELETE", f"{TENANTS}/{self.tenants[0]['id']}").status, 204)

        self.assert_problem(ingest.post(EVENTS, {"type": "a", "payload": 1}), 401)
        self.assert_problem(admin.get(SUBSCRIPTIONS), 401)
        field = {"Grapnel-Tenant": self.tenants[0]["id"]}
        self.assert_problem(self.engine.admin.get(SUBSCRIPTIONS, headers=field), 404)
        self.assert_problem(self.engine.ingest.post(EVENTS, {"type": "a", "payload": 1}, headers=field), 404)
        self.assertEqual(self.sides[1][1].get(f"{SUBSCRIPTIONS}/{other}").status, 200)
        self.publish_as(1)
        self.receiver.await_count(f"{self.path}/1", 1)

    def files_hold(self, text):
        return [str(path.name) for path in self.engine.data.rglob("*")
                if path.is_file() and text.encode() in path.read_bytes()]

    def log_keys(self):
        """The wrapped log keys in the files of tables, each with whose it is."""
        found = set()
        for path in self.engine.data.rglob("*.sst"):
            found |= set(re.findall(rb'"id":"lk_[0-9a-z]{26}","tenant":"(ten_[0-9a-z]{26})"', path.read_bytes()))
        return {tenant.decode() for tenant in found}

    def test_what_a_deleted_tenant_sent_and_received_cannot_be_read_any_more(self):
        marks = {"payload": "secret-of-the-payload", "correlation": "secret-of-the-correlation",
                 "answer": "secret-of-the-answer"}
        admin, ingest = self.sides[0][1:]
        self.receiver.script(f"{self.path}/0", [respond(200, body=marks["answer"].encode())])
        subscription = self.subscribe_as(0)
        answer = ingest.post(EVENTS, {
            "type": "order.paid", "correlation_id": marks["correlation"], "payload": {"card": marks["payload"]}})
        self.assertEqual(answer.status, 202, answer)
        event = answer.json()["id"]
        self.receiver.await_count(f"{self.path}/0", 1)
        shown = admin.get(f"{EVENTS}/{event}").json()
        self.assertEqual(shown["payload"], {"card": marks["payload"]}, "who has a key may read it")
        self.assertEqual(shown["correlation_id"], marks["correlation"])
        answers = lambda: [(each["last_attempt"] or {}).get("response_body") for each in
                           admin.get(f"{DELIVERIES}?subscription={subscription}").json()["data"]]
        wait.until(lambda: answers() == [marks["answer"]], "the attempt is on record")
        for mark in marks.values():
            self.assertEqual(self.files_hold(mark), [], f"{mark}: on disk it is sealed")

        gone, kept = self.tenants[0]["id"], self.tenants[1]["id"]
        self.assertEqual(self.engine.admin.request("DELETE", f"{TENANTS}/{gone}").status, 204)
        self.assertNotIn(gone, self.log_keys())
        self.assertIn(kept, self.log_keys(), "keys of the others are there")


class Limits(TenantCase):
    """Each request is on a connection of its own, so any of the shards may get it."""

    def limited(self, **ingest):
        tenant = self.make_tenant(self.kind[:60], ingest=ingest)
        return tenant, self.make_key(tenant, "ingest", "manage")

    def batch(self, client, count, **more):
        return client.post(EVENTS, [{"type": "a", "payload": i} for i in range(count)], **more)

    def metric(self, name):
        found = re.search(rf"^{name} (\d+)$", self.engine.admin.get("/metrics").body.decode(), re.MULTILINE)
        return int(found.group(1))

    def assert_limited(self, answer, burst, window):
        problem = self.assert_problem(answer, 429)
        self.assertEqual(problem["type"], "https://iana.org/assignments/http-problem-types#quota-exceeded")
        self.assertEqual(problem["violated-policies"], ["ingest"])
        self.assertEqual(answer.headers["ratelimit-policy"], f'"ingest";q={burst};w={window}')
        wait_s = int(answer.headers["retry-after"])
        self.assertGreaterEqual(wait_s, 1)
        left = int(re.fullmatch(rf'"ingest";r=(\d+);t={wait_s}', answer.headers["ratelimit"]).group(1))
        return wait_s, left

    def test_beyond_the_burst_is_429_with_fields_that_say_when(self):
        _, (_, _, ingest) = self.limited(per_second=0.01, burst=5)
        before = self.metric("grapnel_events_limited_total")
        statuses = [ingest.post(EVENTS, {"type": "a", "payload": i}).status for i in range(8)]
        self.assertEqual(statuses, [202] * 5 + [429] * 3)
        wait_s, left = self.assert_limited(ingest.post(EVENTS, {"type": "a", "payload": 1}), 5, 500)
        self.assertLessEqual(wait_s, 100)
        self.assertEqual(left, 0)
        self.assertEqual(self.metric("grapnel_events_limited_total"), before + 4)

    def test_many_clients_at_once_get_no_more_than_the_burst(self):
        _, (_, _, ingest) = self.limited(per_second=0.01, burst=20)

        def send(i):
            return Client(self.engine.ingest_address, ingest.key).post(EVENTS, {"type": "a", "payload": i}).status

        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            statuses = list(pool.map(send, range(80)))
        self.assertEqual(sorted(set(statuses)), [202, 429])
        self.assertLessEqual(statuses.count(202), 20)
        self.assertGreaterEqual(statuses.count(202), 15)

    def test_what_was_spent_comes_back_with_time(self):
        _, (_, _, ingest) = self.limited(per_second=5, burst=1)
        sent = []

        def accepted():
            sent.append(ingest.post(EVENTS, {"type": "a", "payload": 1}).status)
            return sent.count(202) == 4

        wait.until(accepted, "four events to be accepted, one after the other")

    def test_a_batch_is_let_in_whole_or_not_at_all(self):
        tenant, (_, admin, ingest) = self.limited(per_second=0.01, burst=10)
        self.assert_problem(self.batch(ingest, 11), 413)
        self.assertEqual(self.batch(ingest, 6).status, 202)
        self.assert_limited(self.batch(ingest, 6), 10, 1000)
        self.assertEqual(self.batch(ingest, 4).status, 202)
        self.assert_limited(ingest.post(EVENTS, {"type": "a", "payload": 1}), 10, 1000)
        events = self.engine.admin.get(EVENTS, headers={"Grapnel-Tenant": tenant["id"]}).json()["data"]
        self.assertEqual(len(events), 10)

    def test_lines_and_cloudevents_count_too(self):
        _, (_, _, ingest) = self.limited(per_second=0.01, burst=4)
        lines = b'{"type":"a","payload":1}\r\n\r\n \n{"type":"a","payload":2}\n{"type":"a","payload":3}'
        fields = {"Content-Type": "application/x-ndjson"}
        self.assertEqual(ingest.post(EVENTS, lines, headers=fields).status, 202)
        fields = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "/s", "ce-type": "a", "Content-Type": "text/plain"}
        self.assertEqual(ingest.post(EVENTS, b"x", headers=fields).status, 202)
        self.assertEqual(ingest.post(EVENTS, b"x", headers={**fields, "ce-id": "2"}).status, 429)

    def test_what_is_refused_for_another_reason_is_not_counted(self):
        _, (_, _, ingest) = self.limited(per_second=0.01, burst=2)
        ingest.keep = True  # one shard: it has at once what it gives back
        self.addCleanup(ingest.close)
        for _ in range(5):
            self.assert_problem(ingest.post(EVENTS, {"payload": 1}), 422)
            self.assert_problem(ingest.post(EVENTS, [{"type": "a", "payload": 1}, {"type": ""}]), 422)
            self.assertEqual(ingest.post(EVENTS, b"[{]", headers={"Content-Type": "application/json"}).status, 400)
        self.assertEqual(self.batch(ingest, 2).status, 202)

    def test_the_admin_port_counts_with_the_ingest_port(self):
        _, (_, admin, ingest) = self.limited(per_second=0.01, burst=6)
        statuses = [client.post(EVENTS, {"type": "a", "payload": 1}).status for client in (admin, ingest) * 4]
        self.assertEqual(statuses, [202] * 6 + [429] * 2)
        self.assert_limited(admin.post(EVENTS, {"type": "a", "payload": 1}), 6, 600)

    def test_a_limit_is_changed_and_lifted_while_events_come_in(self):
        tenant, (_, _, ingest) = self.limited(per_second=0.01, burst=1)
        patch = lambda body: self.engine.admin.request("PATCH", f"{TENANTS}/{tenant['id']}", body)
        send = lambda: ingest.post(EVENTS, {"type": "a", "payload": 1}).status
        self.assertEqual([send(), send()], [202, 429])
        self.assertEqual(patch({"ingest": {"burst": 4}}).json()["ingest"], {"per_second": 0.01, "burst": 4})
        self.assertEqual([send() for _ in range(5)], [202] * 3 + [429] * 2)
        self.assertIsNone(patch({"ingest": None}).json()["ingest"])
        self.assertEqual([send() for _ in range(10)], [202] * 10)

    def test_another_tenant_is_not_held_up(self):
        _, (_, _, ingest) = self.limited(per_second=0.01, burst=1)
        for _ in range(3):
            ingest.post(EVENTS, {"type": "a", "payload": 1})
        self.assertEqual(self.engine.ingest.post(EVENTS, {"type": "a", "payload": 1}).status, 202)


class Policy(TenantCase):
    """Receivers of this class: 127.0.0.1 for everybody, 127.0.0.2 and 127.0.0.3 by the tenant's list alone."""

    @classmethod
    def setUpClass(cls):
        names = {"one.test": ["127.0.0.1"], "two.test": ["127.0.0.2"], "three.test": ["127.0.0.3"],
                 "both.test": ["127.0.0.3", "127.0.0.1"]}
        cls.dns = cls.enterClassContext(NameServer(names))
        cls.receivers = {name: cls.enterClassContext(Receiver(host=names[f"{name}.test"][0]))
                         for name in ("one", "two", "three")}
        cls.receiver = cls.receivers["one"]
        allow = ("--allow-network", "127.0.0.1/32", "--tenant-network", "127.0.0.2/31")
        cls.engine = cls.enterClassContext(Engine("--dns-server", cls.dns.address, allow=allow))

    def make(self, **fields):
        self.tenant = self.make_tenant(self.kind[:60], **fields)
        _, self.admin, self.ingest = self.make_key(self.tenant, "manage", "ingest", "read")

    def patch(self, **fields):
        answer = self.engine.admin.request("PATCH", f"{TENANTS}/{self.tenant['id']}", fields)
        self.assertEqual(answer.status, 200, answer)

    def url(self, host, scheme="http"):
        receiver = self.receivers.get(host.removesuffix(".test"), self.receiver)
        return f"{scheme}://{host}:{receiver.port}{self.path}"

    def subscribe_to(self, url, **fields):
        return self.admin.post(SUBSCRIPTIONS, {"url": url, "retry": {"schedule": []}, **fields})

    def attempt(self, subscription):
        """The attempt of one event of this tenant to this subscription."""
        event = self.ingest.post(EVENTS, {"type": "a", "payload": 1}).json()["id"]

        def attempts():
            query = f"?event={event}&subscription={subscription}"
            for delivery in self.admin.get(f"{DELIVERIES}{query}").json()["data"]:
                return self.admin.get(f"{DELIVERIES}/{delivery['id']}/attempts").json()["data"]

        return wait.until(attempts, "an attempt")[0]

    def outcome(self, host, **fields):
        answer = self.subscribe_to(self.url(host), **fields)
        self.assertEqual(answer.status, 201, answer)
        outcome = self.attempt(answer.json()["id"])["outcome"]
        self.admin.request("DELETE", f"{SUBSCRIPTIONS}/{answer.json()['id']}")
        return outcome

    def test_a_tenant_opens_what_is_lent_to_it_and_no_more(self):
        self.make()
        self.assertEqual(self.outcome("one.test"), "delivered")
        self.assertEqual(self.outcome("two.test"), "blocked_address")
        self.patch(egress={"allow": ["127.0.0.0/8", "10.0.0.0/8"]})
        self.assertEqual(self.outcome("one.test"), "delivered")
        self.assertEqual(self.outcome("two.test"), "delivered")
        self.assertEqual(self.outcome("three.test"), "delivered")
        self.assertEqual(self.pointers(self.subscribe_to("http://127.0.0.4/")), ["/url"])
        self.assertEqual(self.pointers(self.subscribe_to("http://10.0.0.1/")), ["/url"])

    def test_deny_wins_and_a_list_allows_nothing_else(self):
        self.make(egress={"allow": ["127.0.0.2/31"], "deny": ["127.0.0.3/32"]})
        self.assertEqual(self.outcome("one.test"), "blocked_address")
        self.assertEqual(self.outcome("two.test"), "delivered")
        self.assertEqual(self.outcome("three.test"), "blocked_address")

    def test_a_subscription_only_narrows(self):
        self.make(egress={"allow": ["127.0.0.1/32", "127.0.0.2/32"]})
        self.assertEqual(self.outcome("two.test", egress={"allow": ["127.0.0.0/8"]}), "delivered")
        self.assertEqual(self.outcome("three.test", egress={"allow": ["127.0.0.0/8"]}), "blocked_address")
        self.assertEqual(self.outcome("two.test", egress={"allow": ["127.0.0.1/32"]}), "blocked_address")
        self.assertEqual(self.outcome("two.test", egress={"deny": ["127.0.0.2/32"]}), "blocked_address")

    def test_every_answer_of_a_name_is_judged(self):
        self.make(egress={"deny": ["127.0.0.3/32"]})
        made = self.subscribe_to(self.url("both.test")).json()["id"]
        attempt = self.attempt(made)
        self.assertEqual((attempt["outcome"], attempt["remote_address"]),
                         ("delivered", f"127.0.0.1:{self.receiver.port}"))
        self.patch(egress={"deny": ["127.0.0.1/32", "127.0.0.3/32"]})
        self.assertEqual(self.attempt(made)["outcome"], "blocked_address")

    def test_a_change_ends_the_connections_that_it_forbids(self):
        self.make(egress={"allow": ["127.0.0.1/32"]})
        made = self.subscribe_to(self.url("one.test")).json()["id"]
        self.assertEqual([self.attempt(made)["outcome"] for _ in range(3)], ["delivered"] * 3)
        self.patch(egress={"deny": ["127.0.0.1/32"]})
        attempt = self.attempt(made)
        self.assertEqual(attempt["outcome"], "blocked_address")
        self.assertIn("not allowed", attempt["error"])
        self.patch(egress=None)
        self.assertEqual(self.attempt(made)["outcome"], "delivered")

    def test_literal_addresses_are_refused_when_they_are_given(self):
        self.make(egress={"deny": ["127.0.0.1/32"]})
        self.assertEqual(self.pointers(self.subscribe_to(self.url("127.0.0.1"))), ["/url"])
        auth = {"type": "oauth2", "token_url": "http://127.0.0.1/token", "client_id": "a", "client_secret": "b"}
        self.assertEqual(self.pointers(self.subscribe_to("https://example.com/", auth=auth)), ["/auth/token_url"])
        made = self.subscribe_to("https://example.com/").json()
        answer = self.admin.request("PATCH", f"{SUBSCRIPTIONS}/{made['id']}", {"url": "http://[::1]/"})
        self.assertEqual(self.pointers(answer), ["/url"])
        self.assertEqual(self.pointers(self.subscribe_to("https://1.1.1.1/", egress={"deny": ["1.0.0.0/8"]})), ["/url"])

    def test_tokens_come_from_where_deliveries_may_go(self):
        self.make()
        auth = {"type": "oauth2", "token_url": self.url("two.test"), "client_id": "a", "client_secret": "b"}
        self.assertEqual(self.subscribe_to(self.url("one.test"), auth=auth).status, 201)
        before = self.blocked()
        self.ingest.post(EVENTS, {"type": "a", "payload": 1})
        wait.until(lambda: self.blocked() > before, "the token endpoint to be blocked")
        self.assertEqual(self.receiver.of(self.path), [])

    def blocked(self):
        found = re.search(r"^grapnel_blocked_addresses_total (\d+)$",
                          self.engine.admin.get("/metrics").body.decode(), re.MULTILINE)
        return int(found.group(1))

    def test_https_only(self):
        self.make()
        made = self.subscribe_to(self.url("one.test")).json()["id"]
        self.assertEqual(self.attempt(made)["outcome"], "delivered")
        self.patch(https_only=True)
        seen = len(self.receiver.of(self.path))
        attempt = self.attempt(made)
        self.assertEqual(attempt["outcome"], "blocked_address")
        self.assertIn("https", attempt["error"])
        self.assertEqual(len(self.receiver.of(self.path)), seen)
        self.assertEqual(self.pointers(self.subscribe_to("http://example.com/")), ["/url"])
        change = self.admin.request("PATCH", f"{SUBSCRIPTIONS}/{made}", {"description": "still http"})
        self.assertEqual(self.pointers(change), ["/url"])
        self.assertEqual(self.subscribe_to("https://example.com/").status, 201)
        self.patch(https_only=False)
        self.assertEqual(self.attempt(made)["outcome"], "delivered")

    def test_https_only_for_all(self):
        with Engine("--https-only") as engine:
            self.assertEqual(self.pointers(engine.admin.post(SUBSCRIPTIONS, {"url": "http://example.com/"})), ["/url"])
            self.assertEqual(engine.admin.post(SUBSCRIPTIONS, {"url": "https://example.com/"}).status, 201)


class Restart(unittest.TestCase):
    def test_tenants_and_keys_survive_and_the_deleted_stay_away(self):
        with Engine() as engine:
            admin = engine.admin
            kept, gone = (admin.post(TENANTS, {"name": name, "metadata": {"n": 1}}).json() for name in ("kept", "gone"))
            keys = [admin.post(KEYS, {"scopes": ["read", "manage"]}, headers={"Grapnel-Tenant": name}).json()["key"]
                    for name in ("kept", "gone")]
            for key in keys:
                for _ in range(40):
                    self.assertEqual(admin.post(SUBSCRIPTIONS, {"url": "http://127.0.0.1:9/"}, key=key).status, 201)
            self.assertEqual(admin.request("DELETE", f"{TENANTS}/gone").status, 204)
            engine.kill()
            engine.start()
            self.assertEqual(engine.admin.get(f"{TENANTS}/kept").json(), kept)
            self.assertEqual(engine.admin.get(f"{TENANTS}/gone").status, 404)
            self.assertEqual(len(engine.admin.get(SUBSCRIPTIONS, key=keys[0]).json()["data"]), 40)
            self.assertEqual(engine.admin.get(SUBSCRIPTIONS, key=keys[1]).status, 401)

    def test_the_built_in_key_may_go_and_comes_anew(self):
        with Engine() as engine:
            second = engine.admin.post(KEYS, {"scopes": ["admin"]}).json()["key"]
            built_in = engine.admin.get(KEYS).json()["data"][-1]["id"]
            self.assertEqual(engine.admin.request("DELETE", f"{KEYS}/{built_in}").status, 204)
            old = engine.key
            self.assertEqual(engine.admin.get(TENANTS).status, 401)
            engine.restart()
            self.assertNotEqual(engine.key, old)
            for key, expected in ((engine.key, 200), (second, 200), (old, 401)):
                self.assertEqual(engine.admin.get(TENANTS, key=key).status, expected)


if __name__ == "__main__":
    case.main()
