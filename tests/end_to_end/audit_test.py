#!/usr/bin/env python3
"""The audit log: each change of configuration has one record, that nobody can change without a trace."""
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support import audit, wait
from support.audit import AUDIT
from support.case import EngineCase, main
from support.client import Client
from support.engine import SUBSCRIPTIONS
from support.receiver import status

TENANTS, KEYS = "/api/v1/tenants", "/api/v1/keys"
SECRET = "whsec_" + 43 * "Q" + "="


class AuditCase(EngineCase):
    def records(self, client=None, **query):
        """Newest first, over all pages."""
        found, cursor = [], None
        while True:
            fields = {"limit": 250, **query, **({"cursor": cursor} if cursor else {})}
            answer = (client or self.engine.admin).get(
                f"{AUDIT}?{'&'.join(f'{name}={value}' for name, value in fields.items())}")
            self.assertEqual(answer.status, 200, answer)
            page = answer.json()
            found += page["data"]
            cursor = page["next_cursor"]
            if not cursor:
                return found

    def newest(self, count, **query):
        return list(reversed(self.records(**query)[:count]))

    def make(self, path, body, **headers):
        answer = self.engine.admin.post(path, body, headers=headers)
        self.assertEqual(answer.status, 201, answer)
        return answer.json()

    def make_tenant(self, name):
        made = self.make(TENANTS, {"name": name})
        self.addCleanup(lambda: self.engine.admin.request("DELETE", f"{TENANTS}/{made['id']}"))
        return made

    def client_of(self, tenant, *scopes, name=""):
        key = self.make(KEYS, {"scopes": scopes, "name": name}, **{"Grapnel-Tenant": tenant["id"]})
        return key, Client(self.engine.admin_address, key["key"], described=True)


class Records(AuditCase):
    def test_tells_who_what_where_and_how_it_was_before(self):
        admin = self.engine.admin
        own = admin.get(f"{TENANTS}/default").json()
        key, client = self.client_of(own, "manage", name="the ops")
        path = f"{SUBSCRIPTIONS}"
        made = client.post(path, {"url": "https://a.example/", "secret": SECRET}).json()
        path = f"{SUBSCRIPTIONS}/{made['id']}"
        shown = client.get(path).json()
        changed = client.request("PATCH", path, {"description": "new"}).json()
        self.assertEqual(client.request("DELETE", path).status, 204)

        records = self.newest(3, resource=made["id"])
        self.assertEqual([each["action"] for each in records],
                         ["subscription.create", "subscription.update", "subscription.delete"])
        for record in records:
            self.assertEqual((record["actor"], record["actor_name"]), (key["id"], "the ops"))
            self.assertEqual((record["remote_address"], record["tenant"]), ("127.0.0.1", own["id"]))
        self.assertEqual([(each["before"], each["after"]) for each in records],
                         [(None, shown), (shown, changed), (changed, None)])

    def test_every_kind_of_change_has_one_record_and_a_refused_one_has_none(self):
        admin = self.engine.admin
        tenant = self.make_tenant("audited")
        admin.request("PATCH", f"{TENANTS}/{tenant['id']}", {"description": "d"})
        key, client = self.client_of(tenant, "manage")
        made = client.post(SUBSCRIPTIONS, {"url": "https://a.example/"}).json()
        path = f"{SUBSCRIPTIONS}/{made['id']}"
        self.assertEqual(client.request("PUT", path, {"url": "https://b.example/"}).status, 200)
        self.assertEqual(client.post(f"{path}/pause").status, 200)
        self.assertEqual(client.post(f"{path}/pause").status, 200, "once more changes nothing")
        self.assertEqual(client.post(f"{path}/resume").status, 200)
        self.assertEqual(client.post(f"{path}/rotate-secret").status, 200)
        self.assertEqual(client.request("PATCH", path, {"url": 7}).status, 422)
        self.assertEqual(client.post(TENANTS, {"name": "x"}).status, 403)
        self.assertEqual(admin.request("DELETE", f"{KEYS}/{key['id']}",
                                       headers={"Grapnel-Tenant": tenant["id"]}).status, 204)
        self.assertEqual(admin.request("DELETE", f"{TENANTS}/{tenant['id']}").status, 204)
        records = [each for each in reversed(self.records()) if each["tenant"] == tenant["id"]]
        self.assertEqual([each["action"] for each in records],
                         ["tenant.create", "tenant.update", "key.create", "subscription.create", "subscription.update",
                          "subscription.pause", "subscription.resume", "subscription.rotate_secret", "key.delete",
                          "tenant.delete"])

    def test_what_the_engine_does_by_itself_is_recorded_as_its_own(self):
        self.receiver.script(self.path, [status(410)])
        made = self.subscribe()
        self.engine.publish(self.kind)
        found = wait.until(lambda: self.records(resource=made["id"], action="subscription.disable"),
                           "the record of the end")
        self.assertEqual((found[0]["actor"], found[0]["actor_name"], found[0]["remote_address"]),
                         ("engine", "engine", None))
        self.assertEqual((found[0]["before"]["status"], found[0]["after"]["status"]), ("active", "disabled"))

    def test_new_keys_are_on_record(self):
        self.assertEqual(self.engine.admin.post("/api/v1/rekey", {"data_keys": True}).status, 200)
        record = self.records(action="vault.*")[0]
        self.assertEqual((record["action"], record["tenant"], record["after"]),
                         ("vault.rekey", None, {"data_keys": True}))

    def test_no_secret_and_no_key_is_in_it(self):
        admin = self.engine.admin
        key = self.make(KEYS, {"scopes": ["read"]})
        made = self.subscribe(secret=SECRET, auth={"type": "bearer", "token": "token-of-the-receiver"})
        rotated = admin.post(f"{SUBSCRIPTIONS}/{made['id']}/rotate-secret").json()
        admin.request("DELETE", f"{KEYS}/{key['id']}")
        text = "\n".join(audit.export(admin))
        self.assertIn(made["id"], text)
        for secret in (key["key"], SECRET, rotated["secret"], "token-of-the-receiver", self.engine.key):
            self.assertNotIn(secret, text)


class Lists(AuditCase):
    def test_is_filtered_and_paged_newest_first(self):
        tenant = self.make_tenant("filtered")
        key, client = self.client_of(tenant, "manage")
        made = [client.post(SUBSCRIPTIONS, {"url": "https://a.example/"}).json() for _ in range(5)]
        client.post(f"{SUBSCRIPTIONS}/{made[0]['id']}/pause")
        every = self.records()
        self.assertEqual([each["seq"] for each in every], sorted((each["seq"] for each in every), reverse=True))
        self.assertEqual(self.records(limit=2), every, "pages lose nothing")

        def seqs(**query):
            return [each["seq"] for each in self.records(**query)]

        def among(test):
            return [each["seq"] for each in every if test(each)]

        self.assertEqual(seqs(actor=key["id"]), among(lambda each: each["actor"] == key["id"]))
        self.assertEqual(seqs(action="subscription.create"), among(lambda each: each["action"] == "subscription.create"))
        self.assertEqual(seqs(action="subscription.*"), among(lambda each: each["action"].startswith("subscription.")))
        self.assertEqual(len(seqs(resource=made[0]["id"])), 2)
        self.assertEqual(seqs(resource=made[0]["id"], action="subscription.pause", limit=1),
                         among(lambda each: each["action"] == "subscription.pause" and each["resource"] == made[0]["id"]))
        middle = every[3]["at"]
        self.assertEqual(seqs(since=middle), among(lambda each: each["at"] >= middle))
        self.assertEqual(seqs(until=middle), among(lambda each: each["at"] < middle))
        self.assertEqual(seqs(actor="nobody"), [])

    def test_a_tenant_sees_its_own_and_an_admin_all_or_whose_it_names(self):
        first, second = self.make_tenant("seen-a"), self.make_tenant("seen-b")
        _, client = self.client_of(first, "read")
        self.client_of(second, "read")
        own = self.records(client)
        self.assertTrue(own)
        self.assertEqual({each["tenant"] for each in own}, {first["id"]})
        answer = self.engine.admin.get(AUDIT, headers={"Grapnel-Tenant": second["id"]})
        self.assertEqual({each["tenant"] for each in answer.json()["data"]}, {second["id"]})
        self.assertLessEqual({first["id"], second["id"]}, {each["tenant"] for each in self.records()})
        for path in ("/export", "/chain"):
            self.assert_problem(client.get(AUDIT + path), 403)

    def test_says_what_is_wrong_with_a_question(self):
        for query in ("limit=0", "cursor=x", "since=x", "nothing=1", "action=" + 200 * "x"):
            self.assert_problem(self.engine.admin.get(f"{AUDIT}?{query}"), 422)
        for query in ("lines=0", "lines=10001", "after=x", "after=-1", "limit=1"):
            self.assert_problem(self.engine.admin.get(f"{AUDIT}/export?{query}"), 422)


class Chain(AuditCase):
    def test_is_verified_from_its_export_and_over_restarts(self):
        for _ in range(3):
            self.subscribe()
        lines = audit.export(self.engine.admin, lines=2)
        anchor, head = audit.chain(self.engine.admin)
        self.assertIsNone(audit.wrong(lines, anchor))
        self.assertEqual(head, (json.loads(lines[-1])["seq"], json.loads(lines[-1])["hash"]))
        self.engine.restart()
        self.assertEqual(audit.export(self.engine.admin), lines)
        self.subscribe()
        lines = audit.export(self.engine.admin)
        self.assertIsNone(audit.wrong(lines, anchor))
        listed = self.engine.admin.get(f"{AUDIT}?limit=250").json()["data"]
        self.assertEqual(listed, [json.loads(line) for line in reversed(lines)][:250])

    def test_shows_what_was_changed_taken_out_or_moved(self):
        for _ in range(3):
            self.subscribe()
        lines = audit.export(self.engine.admin)
        last = len(lines) - 1
        self.assertEqual(audit.wrong([*lines[:last], lines[last].replace("127.0.0.1", "127.0.0.2")]), last)
        self.assertEqual(audit.wrong(lines[:1] + lines[2:]), 1)
        self.assertEqual(audit.wrong([lines[1], lines[0], *lines[2:]]), 0)

    def test_the_oldest_go_when_there_are_too_many_and_the_rest_is_still_whole(self):
        self.engine.restart("--audit-records-max", "1000")
        made = self.subscribe()
        keep = Client(self.engine.admin_address, self.engine.key, keep=True)
        self.addCleanup(keep.close)
        path = f"{SUBSCRIPTIONS}/{made['id']}"
        for number in range(1050):
            self.assertEqual(keep.request("PATCH", path, {"description": str(number)}).status, 200)
        head = audit.chain(self.engine.admin)[1]
        anchor = wait.until(lambda: next((each for each in [audit.chain(self.engine.admin)[0]]
                                          if each[0] == head[0] - 1000), None), "the oldest to go")
        lines = audit.export(self.engine.admin)
        self.assertEqual(len(lines), 1000)
        self.assertIsNone(audit.wrong(lines, anchor))
        self.engine.restart()
        self.assertEqual(audit.chain(self.engine.admin), (anchor, head))


if __name__ == "__main__":
    main()
