#!/usr/bin/env python3
"""Access keys: what they may, from where and until when, and how one takes another's place."""
import datetime
import hashlib
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support import case, wait
from support.client import Client
from support.engine import Engine, EVENTS, SUBSCRIPTIONS
from support.tenants import KEYS, TenantCase

EVENT = {"type": "a", "payload": 1}


def moment(**from_now):
    at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(**from_now)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Keys(TenantCase):
    def test_a_key_is_shown_once(self):
        tenant = self.make_tenant("secretive")
        answer = self.engine.admin.post(KEYS, {"name": "ci", "scopes": ["ingest", "read"]},
                                        headers={"Grapnel-Tenant": "secretive"})
        self.assertEqual(answer.status, 201, answer)
        made = answer.json()
        self.assertRegex(made["key"], r"^gk_[0-9a-z]{52}$")
        self.assertEqual(made["tenant"], tenant["id"])
        self.assertEqual(answer.headers["cache-control"], "no-store")
        self.assertEqual(answer.headers["location"], f"{KEYS}/{made['id']}")

        shown = dict(made)
        del shown["key"]
        fields = {"Grapnel-Tenant": "secretive"}
        self.assertEqual(self.engine.admin.get(f"{KEYS}/{made['id']}", headers=fields).json(), shown)
        self.assertEqual(self.engine.admin.get(KEYS, headers=fields).json()["data"], [shown])
        for path in self.engine.data.rglob("*"):
            if path.is_file() and path.name != "admin.key":
                self.assertNotIn(made["key"].encode(), path.read_bytes(), path)
        self.assertNotIn(made["key"], self.engine.log())

    def test_a_key_does_what_its_scopes_say_and_nothing_when_deleted(self):
        tenant = self.make_tenant("scoped")
        key, reader, reader_in = self.make_key(tenant, "read")
        _, manager, _ = self.make_key(tenant, "manage")
        _, _, producer = self.make_key(tenant, "ingest")
        self.assertEqual(reader.get(SUBSCRIPTIONS).status, 200)
        self.assert_problem(reader.post(SUBSCRIPTIONS, {"url": "https://example.com/"}), 403)
        self.assert_problem(reader.get(KEYS), 403)
        self.assert_problem(reader_in.post(EVENTS, {"type": "a", "payload": 1}), 403)
        self.assertEqual(producer.post(EVENTS, {"type": "a", "payload": 1}).status, 202)
        self.assertEqual(manager.post(KEYS, {"scopes": ["read"]}).status, 201)
        self.assert_problem(manager.post(KEYS, {"scopes": ["admin"]}), 403)

        self.assertEqual(manager.request("DELETE", f"{KEYS}/{key['id']}").status, 204)
        self.assert_problem(reader.get(SUBSCRIPTIONS), 401)
        self.assert_problem(reader_in.post(EVENTS, {"type": "a", "payload": 1}), 401)
        self.assert_problem(manager.request("DELETE", f"{KEYS}/{key['id']}"), 404)

    def test_a_bad_body_names_the_field(self):
        post = lambda body: self.engine.admin.post(KEYS, body)
        self.assertEqual(self.pointers(post({})), ["/scopes"])
        self.assertEqual(self.pointers(post({"scopes": []})), ["/scopes"])
        self.assertEqual(self.pointers(post({"scopes": ["read", "root"], "name": 1, "key": "k"})),
                         ["/scopes/1", "/name", "/key"])

    def test_the_last_admin_key_stays(self):
        built_in = self.engine.admin.get(KEYS).json()["data"][-1]
        self.assertIsNone(built_in["created_at"])
        self.assert_problem(self.engine.admin.request("DELETE", f"{KEYS}/{built_in['id']}"), 409)


class Changes(TenantCase):
    def setUp(self):
        super().setUp()
        self.tenant = self.make_tenant(self.kind[:60])
        _, self.manager, _ = self.make_key(self.tenant, "manage")

    def patch(self, key, body):
        return self.manager.request("PATCH", f"{KEYS}/{key['id']}", body)

    def test_what_is_for_people_is_shown_and_changed(self):
        key, _, ingest = self.make_key(self.tenant, "ingest", name="ci", metadata={"team": "a"},
                                       expires_at="2999-01-01T00:00:00+01:00")
        self.assertEqual(key["hint"], hashlib.sha256(key["key"].encode()).hexdigest()[:8])
        self.assertEqual((key["expires_at"], key["last_used_at"], key["successor"], key["allow_from"]),
                         ("2998-12-31T23:00:00.000Z", None, None, []))
        answer = self.patch(key, {"name": None, "metadata": {"seat": 7}, "expires_at": None})
        self.assertEqual(answer.status, 200, answer)
        changed = answer.json()
        self.assertEqual((changed["name"], changed["metadata"], changed["expires_at"]),
                         ("", {"team": "a", "seat": 7}, None))
        self.assertGreater(changed["updated_at"], key["updated_at"])
        self.assertEqual(self.manager.get(f"{KEYS}/{key['id']}").json(), changed)
        self.assertEqual(self.patch(key, changed).status, 200, "what was got may be sent back")
        self.assertEqual(ingest.post(EVENTS, EVENT).status, 202, "it is the same key as before")

    def test_a_bad_change_names_the_field(self):
        key, _, _ = self.make_key(self.tenant, "read")
        pointers = lambda body: self.pointers(self.patch(key, body))
        self.assertEqual(pointers({"scopes": ["manage"]}), ["/scopes"])
        self.assertEqual(pointers({"tenant": "ten_1", "key": "gk_1"}), ["/tenant", "/key"])
        self.assertEqual(pointers({"expires_at": moment(seconds=-1)}), ["/expires_at"])
        self.assertEqual(pointers({"allow_from": ["10.0.0.1/8", "::/0"]}), ["/allow_from/0"])
        self.assertEqual(pointers({"allow_from": [f"10.0.0.{i}" for i in range(33)]}), ["/allow_from"])
        self.assertEqual(self.patch(key, {"allow_from": [f"10.0.0.{i}" for i in range(32)]}).status, 200)

    def test_a_key_that_may_not_manage_changes_none(self):
        key, reader, _ = self.make_key(self.tenant, "read", "ingest")
        self.assert_problem(reader.request("PATCH", f"{KEYS}/{key['id']}", {"name": "x"}), 403)
        self.assert_problem(reader.post(f"{KEYS}/{key['id']}/rotate"), 403)

    def test_an_expired_key_is_refused_on_both_ports(self):
        _, admin, ingest = self.make_key(self.tenant, "read", "ingest", expires_at=moment(seconds=1.5))
        self.assertEqual(admin.get(SUBSCRIPTIONS).status, 200)
        self.assertEqual(ingest.post(EVENTS, EVENT).status, 202)
        answer = wait.until(lambda: (got := ingest.post(EVENTS, EVENT)).status != 202 and got, "the key to expire")
        self.assertIn("expired", self.assert_problem(answer, 401)["detail"])
        for _ in range(8):  # whichever shard
            self.assert_problem(ingest.post(EVENTS, EVENT), 401)
        self.assertIn("expired", self.assert_problem(admin.get(SUBSCRIPTIONS), 401)["detail"])
        self.assert_problem(admin.post(EVENTS, EVENT), 401)

    def test_a_key_is_of_use_from_its_networks_alone(self):
        key, admin, ingest = self.make_key(self.tenant, "read", "ingest", allow_from=["192.0.2.0/24", "2001:db8::/32"])
        for answer in (admin.get(SUBSCRIPTIONS), admin.post(EVENTS, EVENT), ingest.post(EVENTS, EVENT)):
            detail = self.assert_problem(answer, 403)["detail"]
            self.assertIn("127.0.0.1", detail)
            self.assertIn("allow_from", detail)
        self.assertEqual(self.patch(key, {"allow_from": ["127.0.0.0/8"]}).status, 200)
        for _ in range(8):
            self.assertEqual(ingest.post(EVENTS, EVENT).status, 202)
        self.assertEqual(admin.get(SUBSCRIPTIONS).status, 200)
        self.assertEqual(admin.post(EVENTS, EVENT).status, 202, "by way of the admin port too")

    def test_all_of_a_key_is_there_after_a_start(self):
        key, _, ingest = self.make_key(self.tenant, "ingest", name="n", metadata={"a": [1]},
                                       allow_from=["127.0.0.1", "fd00::/8"], expires_at=moment(days=1))
        self.engine.restart()
        shown = self.engine.admin.get(f"{KEYS}/{key['id']}", headers={"Grapnel-Tenant": self.tenant["id"]}).json()
        del key["key"]
        self.assertEqual(shown, key)
        ingest = type(ingest)(self.engine.ingest_address, ingest.key)
        self.assertEqual(ingest.post(EVENTS, EVENT).status, 202)


class LastUse(TenantCase):
    def setUp(self):
        super().setUp()
        self.tenant = self.make_tenant(self.kind[:60])
        _, self.manager, _ = self.make_key(self.tenant, "manage")

    def used(self, key):
        return self.engine.admin.get(f"{KEYS}/{key['id']}", headers={"Grapnel-Tenant": self.tenant["id"]}).json()["last_used_at"]

    def test_what_a_shard_lets_in_is_seen(self):
        key, _, ingest = self.make_key(self.tenant, "ingest")
        before = moment()
        self.assertEqual(ingest.post(EVENTS, EVENT).status, 202)
        at = wait.until(lambda: self.used(key), "the use to be seen")
        self.assertLessEqual(before, at)
        self.assertLessEqual(at, moment())

    def test_what_the_admin_port_lets_in_is_seen(self):
        key, admin, _ = self.make_key(self.tenant, "read")
        self.assertEqual(self.used(key), None)
        admin.get(SUBSCRIPTIONS)
        first = self.used(key)
        self.assertIsNotNone(first)
        self.engine.admin.request("PATCH", f"{KEYS}/{key['id']}", {"name": "n"}, headers={"Grapnel-Tenant": self.tenant["id"]})
        self.assertEqual(self.used(key), first, "a change is no use")

    def test_a_refusal_is_no_use(self):
        key, admin, ingest = self.make_key(self.tenant, "read", "ingest", allow_from=["192.0.2.1"])
        self.assert_problem(admin.get(SUBSCRIPTIONS), 403)
        self.assert_problem(ingest.post(EVENTS, EVENT), 403)
        other, _, known = self.make_key(self.tenant, "ingest")
        for _ in range(8):
            self.assertEqual(known.post(EVENTS, EVENT).status, 202)
        wait.until(lambda: self.used(other), "the use of another key to be seen")
        self.assertIsNone(self.used(key))

    def test_an_orderly_start_knows_of_the_last_use(self):
        key, _, ingest = self.make_key(self.tenant, "ingest")
        for _ in range(4):  # the first is told at once; those after it wait
            ingest.post(EVENTS, EVENT)
        last = moment()
        self.assertEqual(ingest.post(EVENTS, EVENT).status, 202)
        self.engine.restart()
        self.assertGreaterEqual(self.used(key), last)

    def test_a_deleted_key_leaves_nothing(self):
        key, _, ingest = self.make_key(self.tenant, "ingest")
        ingest.post(EVENTS, EVENT)
        self.engine.restart()
        self.assertIsNotNone(self.used(key))
        self.assertEqual(self.engine.admin.request("DELETE", f"{KEYS}/{key['id']}", headers={"Grapnel-Tenant": self.tenant["id"]}).status, 204)
        self.engine.restart()


class Rotation(TenantCase):
    def setUp(self):
        super().setUp()
        self.tenant = self.make_tenant(self.kind[:60])
        _, self.manager, _ = self.make_key(self.tenant, "manage")

    def rotate(self, key, body=None):
        return self.manager.post(f"{KEYS}/{key['id']}/rotate", body)

    def client(self, made):
        return type(self.manager)(self.engine.ingest_address, made["key"])

    def test_both_keys_are_of_use_while_they_overlap(self):
        old, _, ingest = self.make_key(self.tenant, "ingest", "read", name="shop", metadata={"a": 1},
                                       allow_from=["127.0.0.0/8"])
        answer = self.rotate(old, {"overlap": "2h"})
        self.assertEqual(answer.status, 201, answer)
        new = answer.json()
        self.assertEqual(answer.headers["location"], f"{KEYS}/{new['id']}")
        self.assertEqual(answer.headers["cache-control"], "no-store")
        self.assertNotEqual(new["key"], old["key"])
        for name in ("tenant", "name", "scopes", "metadata", "allow_from", "expires_at"):
            self.assertEqual(new[name], old[name], name)
        for client in (ingest, self.client(new)) * 4:
            self.assertEqual(client.post(EVENTS, EVENT).status, 202)

        shown = self.manager.get(f"{KEYS}/{old['id']}").json()
        self.assertEqual(shown["successor"], new["id"])
        self.assertGreater(shown["expires_at"], moment(minutes=119))
        self.assertLess(shown["expires_at"], moment(minutes=121))
        self.assertNotIn("key", self.manager.get(f"{KEYS}/{new['id']}").json())

    def test_without_an_overlap_the_old_key_ends_at_once(self):
        old, admin, ingest = self.make_key(self.tenant, "ingest", "read")
        new = self.rotate(old, {"overlap": "0s"}).json()
        for _ in range(8):
            self.assert_problem(ingest.post(EVENTS, EVENT), 401)
            self.assertEqual(self.client(new).post(EVENTS, EVENT).status, 202)
        self.assert_problem(admin.get(SUBSCRIPTIONS), 401)

    def test_an_earlier_end_stays(self):
        end = moment(hours=1)
        old, _, _ = self.make_key(self.tenant, "ingest", expires_at=end)
        new = self.rotate(old).json()
        self.assertEqual((new["expires_at"], self.manager.get(f"{KEYS}/{old['id']}").json()["expires_at"]), (end, end))

    def test_a_successor_may_be_given_an_end_of_its_own(self):
        end, later = moment(hours=1), moment(hours=100)
        old, _, _ = self.make_key(self.tenant, "ingest", expires_at=end)
        self.assertEqual(self.pointers(self.rotate(old, {"expires_at": moment(hours=-1)})), ["/expires_at"])
        self.assertEqual(self.pointers(self.rotate(old, {"expires_at": 5})), ["/expires_at"])
        self.assertEqual(self.rotate(old, {"expires_at": later}).json()["expires_at"], later)
        self.assertEqual(self.manager.get(f"{KEYS}/{old['id']}").json()["expires_at"], end)
        endless, _, _ = self.make_key(self.tenant, "ingest")
        new = self.rotate(endless, {"expires_at": None}).json()
        self.assertIsNone(new["expires_at"])
        self.assertEqual(self.rotate(new, {"expires_at": later, "overlap": "1h"}).json()["expires_at"], later)

    def test_a_key_is_rotated_once(self):
        old, _, _ = self.make_key(self.tenant, "ingest")
        new = self.rotate(old).json()
        self.assert_problem(self.rotate(old), 409)
        self.assertEqual(self.rotate(new).status, 201)

    def test_what_cannot_be_rotated_says_so(self):
        key, _, _ = self.make_key(self.tenant, "ingest")
        self.assertEqual(self.pointers(self.rotate(key, {"overlap": "31d", "colour": 1})), ["/overlap", "/colour"])
        built_in = self.engine.admin.get(KEYS).json()["data"][-1]
        self.assert_problem(self.engine.admin.post(f"{KEYS}/{built_in['id']}/rotate"), 409)
        self.assert_problem(self.rotate({"id": "key_" + "0" * 26}), 404)

    def test_a_rotation_is_there_after_a_crash(self):
        old, _, _ = self.make_key(self.tenant, "ingest")
        new = self.rotate(old, {"overlap": "0s"}).json()
        self.engine.kill()
        self.engine.start()
        self.assertEqual(self.client(new).post(EVENTS, EVENT).status, 202)
        self.assert_problem(self.client(old).post(EVENTS, EVENT), 401)


class Admins(TenantCase):
    def test_an_admin_key_that_ends_is_none_to_rely_on(self):
        admin = self.engine.admin
        built_in = admin.get(KEYS).json()["data"][-1]
        made = admin.post(KEYS, {"scopes": ["admin"], "expires_at": moment(hours=1)}).json()
        path = f"{KEYS}/{built_in['id']}"
        self.assert_problem(admin.request("DELETE", path), 409)
        self.assert_problem(admin.request("PATCH", path, {"expires_at": moment(hours=1)}), 409)
        self.assertEqual(admin.request("PATCH", path, {"name": "root"}).status, 200)
        self.assertEqual(admin.request("DELETE", f"{KEYS}/{made['id']}").status, 204)

    def test_the_last_admin_key_has_a_successor_without_an_end(self):
        with Engine() as engine:
            only = engine.admin.post(KEYS, {"scopes": ["admin"]}).json()
            admin = Client(engine.admin_address, only["key"])
            built_in = admin.get(KEYS).json()["data"][-1]
            self.assertEqual(admin.request("DELETE", f"{KEYS}/{built_in['id']}").status, 204)
            path = f"{KEYS}/{only['id']}/rotate"
            self.assert_problem(admin.post(path, {"expires_at": moment(hours=1)}), 409)
            self.assertEqual(admin.post(path).status, 201)


if __name__ == "__main__":
    case.main()
