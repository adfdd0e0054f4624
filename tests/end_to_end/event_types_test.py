#!/usr/bin/env python3
"""The catalogue of event types: kept, shown, and what events are held against."""
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support import case
from support.client import Client, RawConnection

TENANTS = "/api/v1/tenants"
KEYS = "/api/v1/keys"
TYPES = "/api/v1/webhooks/event-types"
EVENTS = "/api/v1/webhooks/events"

ORDER = {
    "type": "object",
    "required": ["id"],
    "additionalProperties": False,
    "properties": {"id": {"type": "integer", "minimum": 1},
                   "lines": {"type": "array", "maxItems": 3, "items": {"$ref": "#/$defs/line"}}},
    "$defs": {"line": {"type": "object", "properties": {"sku": {"type": "string", "minLength": 2}}}},
}


class TypesCase(case.EngineCase):
    """Each test has a tenant of its own."""

    def setUp(self):
        super().setUp()
        admin = self.engine.admin
        self.tenant = admin.post(TENANTS, {"name": f"t{self.id().split('.')[-1][-40:]}"}).json()
        key = admin.post(KEYS, {"scopes": ["manage", "ingest"]}, headers={"Grapnel-Tenant": self.tenant["id"]}).json()
        self.key = key["key"]
        self.open()
        self.addCleanup(lambda: self.engine.admin.request("DELETE", f"{TENANTS}/{self.tenant['id']}"))

    def open(self):
        self.manage = Client(self.engine.admin_address, self.key, described=True)
        self.producer = Client(self.engine.ingest_address, self.key)

    def make(self, name="order.created", status=201, **fields):
        answer = self.manage.post(TYPES, {"name": name, **fields})
        self.assertEqual(answer.status, status, answer)
        return answer.json()

    def enforce(self, mode):
        answer = self.engine.admin.request("PATCH", f"{TENANTS}/{self.tenant['id']}",
                                           {"event_types": {"enforcement": mode}})
        self.assertEqual(answer.json()["event_types"], {"enforcement": mode})

    def pointers(self, answer):
        return [error["pointer"] for error in self.assert_problem(answer, 422)["errors"]]

    def send(self, body, content_type="application/json", **headers):
        if not isinstance(body, (str, bytes)):
            body = json.dumps(body)
        if isinstance(body, str):
            body = body.encode()
        return self.producer.post(EVENTS, body, headers={"Content-Type": content_type, **headers})


class Catalogue(TypesCase):
    def test_a_type_is_made_shown_changed_and_deleted(self):
        answer = self.manage.post(TYPES, {"name": "order.created", "description": "d", "metadata": {"team": "shop"},
                                          "versions": [{"version": "1", "schema": ORDER, "examples": [{"id": 7}]}]})
        self.assertEqual(answer.status, 201, answer)
        made = answer.json()
        path = f"{TYPES}/order.created"
        self.assertEqual(answer.headers["location"], path)
        self.assertEqual(self.manage.get(path).json(), made)
        self.assertEqual((made["deprecated"], made["deprecated_at"], made["replaced_by"]), (False, None, None))
        self.assertEqual(made["versions"][0]["schema"], ORDER)

        changed = self.manage.request("PATCH", path, {"deprecated": True, "replaced_by": "order.made"}).json()
        self.assertIsNotNone(changed["deprecated_at"])
        self.assertEqual(changed["versions"], made["versions"])
        self.assertEqual(self.manage.request("PUT", path, changed).status, 200, "what was got may be sent back")
        self.assertEqual(self.manage.get(path).json()["deprecated_at"], changed["deprecated_at"])

        self.assertEqual(self.manage.request("PUT", path, {}).json()["versions"], [])
        self.assertEqual(self.manage.request("DELETE", path).status, 204)
        for method in ("GET", "DELETE"):
            self.assert_problem(self.manage.request(method, path), 404)

    def test_a_name_is_taken_once_and_may_have_a_slash(self):
        self.make("a/b:c.d")
        self.assertEqual(self.manage.get(f"{TYPES}/a%2Fb:c.d").json()["name"], "a/b:c.d")
        self.assert_problem(self.manage.post(TYPES, {"name": "a/b:c.d"}), 409)

    def test_lists_are_newest_first_in_pages(self):
        for name in "abc":
            self.make(name)
        first = self.manage.get(f"{TYPES}?limit=2").json()
        second = self.manage.get(f"{TYPES}?limit=2&cursor={first['next_cursor']}").json()
        self.assertEqual([item["name"] for item in first["data"] + second["data"]], ["c", "b", "a"])
        self.assertIsNone(second["next_cursor"])

    def test_a_change_of_what_has_changed_is_refused(self):
        self.make("a")
        tag = self.manage.get(f"{TYPES}/a").headers["etag"]
        self.assertEqual(self.manage.request("PATCH", f"{TYPES}/a", {"description": "b"},
                                             headers={"If-Match": tag}).status, 200)
        self.assert_problem(self.manage.request("DELETE", f"{TYPES}/a", headers={"If-Match": tag}), 412)

    def test_another_tenants_types_are_not_there(self):
        self.make("mine")
        self.assert_problem(self.engine.admin.get(f"{TYPES}/mine"), 404)
        self.assertNotIn("mine", [item["name"] for item in self.engine.admin.get(TYPES).json()["data"]])

    def test_wrong_bodies_are_told_where(self):
        for body, pointer in (
                ({}, "/name"),
                ({"name": "with space"}, "/name"),
                ({"name": "a", "unknown": 1}, "/unknown"),
                ({"name": "a", "versions": [{}]}, "/versions/0/version"),
                ({"name": "a", "versions": [{"version": "1"}, {"version": "1"}]}, "/versions/1/version"),
                ({"name": "a", "versions": [{"version": "1", "schema": {"type": "strng"}}]}, "/versions/0/schema/type"),
                ({"name": "a", "versions": [{"version": "1", "schema": ORDER, "examples": [{"id": 1}, {"id": 0}]}]},
                 "/versions/0/examples/1/id"),
                ({"name": "a", "versions": [{"version": str(i)} for i in range(17)]}, "/versions"),
                ({"name": "a", "versions": [{"version": "1", "schema": {"description": "x" * 65536}}]},
                 "/versions/0/schema")):
            with self.subTest(body=str(body)[:80]):
                self.assertEqual(self.pointers(self.manage.post(TYPES, body)), [pointer])

    def test_hostile_schemas_are_refused(self):
        deep = {}
        for _ in range(200):
            deep = {"not": deep}
        for schema, pointer in (({"$ref": "http://127.0.0.1:1/schema"}, "/$ref"),
                                ({"$ref": "file:///etc/passwd"}, "/$ref"),
                                ({"$ref": "#/$defs/none"}, "/$ref"),
                                ({"$id": "http://example.com/"}, "/$id"),
                                ({"properties": {"a": {"pattern": "^(?!x)a"}}}, "/properties/a/pattern"),
                                ({"pattern": "(x{1000}){1000}"}, "/pattern")):
            with self.subTest(schema=schema):
                answer = self.manage.post(TYPES, {"name": "h", "versions": [{"version": "1", "schema": schema}]})
                self.assertEqual(self.pointers(answer), ["/versions/0/schema" + pointer])
        answer = self.manage.post(TYPES, {"name": "h", "versions": [{"version": "1", "schema": deep}]})
        self.assertEqual(len(self.pointers(answer)), 1)

    def test_types_are_there_after_a_restart(self):
        made = self.make(versions=[{"version": "1", "schema": ORDER}])
        self.enforce("reject")
        self.engine.kill()
        self.engine.restart()
        self.open()
        self.assertEqual(self.manage.get(f"{TYPES}/order.created").json(), made)
        self.assertEqual(self.pointers(self.send({"type": "order.created", "payload": {}})), ["/payload/id"])

    def test_changes_are_in_the_audit_log(self):
        self.make()
        records = self.manage.get("/api/v1/audit?action=event_type.create").json()["data"]
        self.assertEqual([record["after"]["name"] for record in records], ["order.created"])


IMPORT = f"{TYPES}/import"


def document(webhooks, **components):
    return {"openapi": "3.1.0", "info": {"title": "shop", "version": "7"}, "webhooks": webhooks,
            "components": components}


def webhook(schema, **more):
    media = {"schema": schema, **({"examples": more.pop("examples")} if "examples" in more else {})}
    return {"post": {"requestBody": {"content": {"application/json": media}}, **more}}


SHOP = document({
    "order.created": webhook({"$ref": "#/components/schemas/Order"}, description="a customer has ordered",
                             examples={"small": {"value": {"id": 7}}, "large": {"$ref": "#/components/examples/Large"}}),
    "order.gone": {"$ref": "#/components/pathItems/Gone"},
    "shop.closed": {"summary": "for good", "put": {"responses": {}}},
}, schemas={
    "Order": {"type": "object", "required": ["id"], "properties": {
        "id": {"type": "integer", "minimum": 1}, "parts": {"type": "array", "items": {"$ref": "#/components/schemas/Order"}},
        "by": {"$ref": "#/components/schemas/Person"}}},
    "Person": {"type": "string", "pattern": "^[a-z]+$"},
    "Nobody": {"$ref": "http://example.com/"},
}, pathItems={"Gone": {"post": {"summary": "an order is gone", "deprecated": True, "requestBody": {
    "$ref": "#/components/requestBodies/Gone"}}}}, requestBodies={"Gone": {"content": {
        "text/plain": {"schema": {"type": "string"}},
        "application/json; charset=utf-8": {"schema": {"type": "integer"}, "example": 5}}}},
    examples={"Large": {"value": {"id": 8, "parts": [{"id": 9, "by": "me"}]}}})


class Import(TypesCase):
    arguments = ("--memory", "8G")  # for the largest import that may be

    def take(self, body, query="", status=200):
        answer = self.manage.post(IMPORT + query, body)
        self.assertEqual(answer.status, status, answer)
        return answer.json()

    def names(self):
        return sorted(item["name"] for item in self.manage.get(TYPES).json()["data"])

    def test_webhooks_become_event_types(self):
        self.assertEqual(self.take(SHOP), {"created": ["order.created", "order.gone", "shop.closed"], "updated": [],
                                           "unchanged": [], "dry_run": False})
        order = self.manage.get(f"{TYPES}/order.created").json()
        self.assertEqual((order["description"], order["deprecated"]), ("a customer has ordered", False))
        self.assertEqual([(v["version"], v["examples"]) for v in order["versions"]],
                         [("1", [{"id": 7}, {"id": 8, "parts": [{"id": 9, "by": "me"}]}])])
        schema = order["versions"][0]["schema"]
        self.assertEqual(schema["$ref"], "#/$defs/Order")
        self.assertEqual(list(schema["$defs"]), ["Order", "Person"], "what nothing refers to does not come along")
        self.assertEqual(schema["$defs"]["Order"]["properties"]["parts"]["items"], {"$ref": "#/$defs/Order"})
        gone = self.manage.get(f"{TYPES}/order.gone").json()
        self.assertEqual((gone["description"], gone["deprecated"]), ("an order is gone", True))
        self.assertEqual((gone["versions"][0]["schema"], gone["versions"][0]["examples"]), ({"type": "integer"}, [5]))
        closed = self.manage.get(f"{TYPES}/shop.closed").json()
        self.assertEqual((closed["description"], closed["versions"][0]["schema"]), ("for good", None))

    def test_events_are_held_against_what_was_imported(self):
        self.take(SHOP)
        self.enforce("reject")
        good = {"id": 1, "parts": [{"id": 2, "by": "me"}]}
        self.assertEqual(self.send({"type": "order.created", "payload": good}).status, 202)
        bad = {"id": 1, "parts": [{"id": 0, "by": "me"}, {"id": 3, "by": "ME"}]}
        self.assertEqual(self.pointers(self.send({"type": "order.created", "payload": bad})),
                         ["/payload/parts/0/id", "/payload/parts/1/by"])

    def test_once_more_changes_what_differs(self):
        self.take(SHOP)
        before = {name: self.manage.get(f"{TYPES}/{name}") for name in self.names()}
        again = self.take(SHOP)
        self.assertEqual(again["unchanged"], ["order.created", "order.gone", "shop.closed"])
        self.manage.request("PATCH", f"{TYPES}/order.gone", {"metadata": {"team": "shop"}, "replaced_by": "order.left"})
        other = json.loads(json.dumps(SHOP))
        del other["components"]["pathItems"]["Gone"]["post"]["deprecated"]
        del other["webhooks"]["order.created"]
        other["webhooks"]["order.lost"] = webhook(True)
        self.assertEqual(self.take(other), {"created": ["order.lost"], "updated": ["order.gone"],
                                            "unchanged": ["shop.closed"], "dry_run": False})
        gone = self.manage.get(f"{TYPES}/order.gone").json()
        self.assertEqual((gone["deprecated"], gone["deprecated_at"]), (False, None))
        self.assertEqual((gone["metadata"], gone["replaced_by"]), ({"team": "shop"}, "order.left"), "are kept")
        for name in ("order.created", "shop.closed"):
            self.assertEqual(self.manage.get(f"{TYPES}/{name}").headers["etag"], before[name].headers["etag"])

    def test_a_document_is_of_one_version(self):
        first, second = document({"a": webhook({"const": 1})}), document({"a": webhook({"const": 2})})
        self.take(first, "?version=2025-01-01")
        self.take(second, "?version=v2")
        self.enforce("reject")
        for version, payload, status in (("2025-01-01", 1, 202), ("v2", 2, 202), ("v2", 1, 422)):
            self.assertEqual(self.send({"type": "a", "version": version, "payload": payload}).status, status)
        self.assertEqual(self.take(document({"a": webhook({"const": 3})}))["updated"], ["a"], "the last one")
        versions = self.manage.get(f"{TYPES}/a").json()["versions"]
        self.assertEqual([(v["version"], v["schema"]["const"]) for v in versions], [("2025-01-01", 1), ("v2", 3)])

    def test_a_type_may_be_called_import(self):
        self.make("import")
        client, path = Client(self.engine.admin_address, self.key), f"{TYPES}/import"  # OpenAPI has no words for it
        self.assertEqual(client.get(path).json()["name"], "import")
        self.assertEqual(client.request("PATCH", path, {"description": "d"}).json()["description"], "d")
        self.assertEqual(self.take(document({"import": webhook(True)}))["updated"], ["import"])
        self.assertEqual(client.request("DELETE", path).status, 204)

    def test_a_dry_run_says_what_it_would_do(self):
        self.assertEqual(self.take(SHOP, "?dry_run=true")["created"], ["order.created", "order.gone", "shop.closed"])
        self.assertEqual(self.names(), [])
        self.assertEqual(self.take(SHOP, "?dry_run=false")["dry_run"], False)

    def test_all_or_nothing_and_each_in_the_audit_log(self):
        broken = json.loads(json.dumps(SHOP))
        broken["components"]["schemas"]["Person"]["nullable"] = True
        self.assertEqual(self.pointers(self.manage.post(IMPORT, broken)), ["/components/schemas/Person/nullable"])
        self.assertEqual(self.names(), [])
        self.take(SHOP)
        records = self.manage.get("/api/v1/audit?action=event_type.import").json()["data"]
        self.assertEqual(sorted(record["after"]["name"] for record in records), self.names())

    def test_what_is_wrong_is_told_where_it_is_in_the_document(self):
        ref, body = "#/components/schemas/", "/webhooks/a/post/requestBody"
        media = f"{body}/content/application~1json"
        for wrong, pointer in (
                ({"openapi": "3.0.3", "webhooks": {}}, "/openapi"),
                ({"webhooks": {}}, "/openapi"),
                ({"openapi": "3.1.0"}, "/webhooks"),
                ({"openapi": "3.1.0", "webhooks": []}, "/webhooks"),
                (document({"a b": webhook({})}), "/webhooks/a b"),
                (document({"a": {"get": {}}}), "/webhooks/a"),
                (document({"a": {"$ref": "#/components/pathItems/b"}}), "/webhooks/a/$ref"),
                (document({"a": {"$ref": "other.json"}}), "/webhooks/a/$ref"),
                (document({"a": {"$ref": "#/webhooks/b"}, "b": {"$ref": "#/webhooks/a"}}), "/webhooks/a/$ref"),
                (document({"a": {"post": {"requestBody": {"content": {"text/xml": {}}}}}}), f"{body}/content"),
                (document({"a": {"post": {"description": 7}}}), "/webhooks/a/post/description"),
                (document({"a": {"post": {"description": "x" * 1025}}}), "/webhooks/a/post/description"),
                (document({"a": {"post": {"deprecated": "yes"}}}), "/webhooks/a/post/deprecated"),
                (document({"a": webhook(5)}), f"{media}/schema"),
                (document({"a": webhook({"properties": {"b": {"type": "strng"}}})}),
                 f"{media}/schema/properties/b/type"),
                (document({"a": webhook({"$ref": ref + "B"})}), f"{media}/schema/$ref"),
                (document({"a": webhook({"$ref": "#/$defs/B", "$defs": {"B": {}}})}), f"{media}/schema/$ref"),
                (document({"a": webhook({"$ref": ref + "B"})}, schemas={"B": {"not": {"unevaluatedItems": True}}}),
                 "/components/schemas/B/not/unevaluatedItems"),
                (document({"a": webhook({"type": "null"}, examples={"x": {"value": None}, "y": {"value": 1}})}),
                 f"{media}/examples/y/value")):
            with self.subTest(pointer=pointer, wrong=str(wrong)[:120]):
                pointers = self.pointers(self.manage.post(IMPORT, wrong))
                self.assertEqual(pointers[0], pointer)

    def test_only_json_is_read(self):
        answer = self.manage.post(IMPORT, b"openapi: 3.1.0\n", headers={"Content-Type": "application/yaml"})
        self.assertIn("convert the YAML", self.assert_problem(answer, 415)["detail"])
        self.assert_problem(self.manage.post(IMPORT, b"{}", headers={"Content-Type": "text/plain"}), 415)
        self.assert_problem(self.manage.post(IMPORT, b"{", headers={"Content-Type": "application/json"}), 400)
        for query in ("?dry_run=maybe", "?version=a%20b", "?version=" + "v" * 64, "?wet_run=true"):
            self.assert_problem(self.manage.post(IMPORT + query, SHOP), 422)

    def test_limits(self):
        many = document({f"t{i}": webhook(True) for i in range(1001)})
        self.assert_problem(self.manage.post(IMPORT, many), 409)
        self.assertEqual(self.names(), [])
        big = {f"p{i}": {"const": "x" * 1000} for i in range(62)}
        shared = document({f"t{i}": webhook({"$ref": "#/components/schemas/Big"}) for i in range(200)},
                          schemas={"Big": {"properties": big}})
        self.assertEqual(self.pointers(self.manage.post(IMPORT, shared))[0][:10], "/webhooks/")
        shared["components"]["schemas"]["Big"]["properties"] |= {f"q{i}": {"const": "x" * 1000} for i in range(5)}
        self.assertEqual(len(self.pointers(self.manage.post(IMPORT, shared))), 16)
        chain = document({"a": webhook({"$ref": "#/components/schemas/S0"})},
                         schemas={f"S{i}": {"not": {"$ref": f"#/components/schemas/S{i + 1}"}} for i in range(300)})
        self.assertEqual(self.pointers(self.manage.post(IMPORT, chain)), ["/components/schemas/S255/not/$ref"])
        deep = {}
        for _ in range(200):
            deep = {"items": deep}
        self.assertEqual(len(self.pointers(self.manage.post(IMPORT, document({"a": webhook(deep)})))), 1)
        with RawConnection(self.engine.admin_address) as raw:
            raw.send((f"POST {IMPORT} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {self.key}\r\n"
                      "Content-Type: application/json\r\nContent-Length: 4194305\r\n\r\n").encode())
            self.assert_problem(raw.receive(), 413)
        thousand = document({f"t{i}": webhook(True) for i in range(1000)})
        self.assertEqual(len(self.take(thousand)["created"]), 1000)
        self.assertEqual(len(self.take(thousand)["unchanged"]), 1000)

    def test_a_type_that_is_named_twice(self):
        text = json.dumps(document({"a": webhook(True)})).replace('"a":', '"a": {"post": {}}, "a":', 1)
        answer = self.manage.post(IMPORT, text.encode(), headers={"Content-Type": "application/json"})
        self.assertEqual(self.pointers(answer), ["/webhooks/a"])

    def test_what_takes_too_long_to_look_through_is_answered(self):
        junk = {f"S{i}": True for i in range(60_000)}
        refs = {"allOf": [{"$ref": f"#/components/schemas/S{59_999 - i}"} for i in range(250)]}
        slow = document({f"t{i}": webhook(refs) for i in range(200)}, schemas=junk)
        self.assertTrue(self.pointers(self.manage.post(IMPORT, slow)))

    def test_it_is_there_after_a_kill(self):
        self.take(SHOP)
        before = self.manage.get(TYPES).json()
        self.engine.kill()
        self.engine.restart()
        self.open()
        self.assertEqual(self.manage.get(TYPES).json(), before)

    def test_the_same_request_again_is_answered_again(self):
        for _ in range(2):
            answer = self.manage.post(IMPORT, SHOP, headers={"Idempotency-Key": "k"})
            self.assertEqual(len(answer.json()["created"]), 3)
        self.assertEqual(answer.headers["idempotent-replayed"], "true")


class Room(TypesCase):
    """Event types may take 4 MiB here, and a tenant's two."""
    arguments = ("--memory", "128M")
    LARGE = {"versions": [{"version": "1", "schema": {"title": "x" * 36000}}]}  # half a MiB, and a bit

    def fill(self):
        """Makes large ones until one is refused, which is returned."""
        for number in range(8):
            answer = self.manage.post(TYPES, {"name": f"large.{number}", **self.LARGE})
            if answer.status != 201:
                return number, answer
        self.fail("there is no end to it")

    def test_each_tenant_has_its_part_and_all_of_them_the_whole(self):
        made, answer = self.fill()
        self.assertEqual(made, 3)
        self.assertIn("the tenant's event types", self.assert_problem(answer, 409)["detail"])
        self.make("small")
        self.assert_problem(self.manage.request("PATCH", f"{TYPES}/small", self.LARGE), 409)
        self.assert_problem(self.manage.post(IMPORT, document({"import": webhook({"title": "x" * 60000})})), 409)
        mine = self.manage
        for name in ("second", "third"):
            key = self.engine.admin.post(KEYS, {"scopes": ["manage"]}, headers={"Grapnel-Tenant": self.engine.admin.post(
                TENANTS, {"name": name}).json()["id"]}).json()["key"]
            self.manage = Client(self.engine.admin_address, key, described=True)
            made, answer = self.fill()
        self.assertEqual(made, 1)
        self.assertIn("--memory", self.assert_problem(answer, 507)["detail"])
        self.assertEqual(mine.request("PATCH", f"{TYPES}/large.0", {"description": "d", "versions": []}).status, 200)
        self.make("now.there.is.room", **self.LARGE)
        self.engine.restart()
        self.manage = Client(self.engine.admin_address, key, described=True)
        self.assert_problem(self.manage.post(TYPES, {"name": "another", **self.LARGE}), 507)


class Enforcement(TypesCase):
    def setUp(self):
        super().setUp()
        self.make(versions=[{"version": "1", "schema": ORDER}, {"version": "2", "schema": {"type": "string"}}])
        self.make("free")

    def test_off_takes_all(self):
        self.assertEqual(self.send({"type": "nobody.knows", "payload": 1}).status, 202)

    def test_reject_tells_what_is_wrong_and_where(self):
        self.enforce("reject")
        for event, pointers in (({"type": "order.created", "version": "1", "payload": {"id": 1}}, None),
                                ({"type": "order.created", "payload": "the last version"}, None),
                                ({"type": "free", "payload": 1}, None),
                                ({"type": "nobody.knows", "payload": 1}, ["/type"]),
                                ({"type": "order.created", "version": "3", "payload": 1}, ["/version"]),
                                ({"type": "order.created", "payload": 1}, ["/payload"]),
                                ({"type": "order.created", "version": "1",
                                  "payload": {"id": 0, "x/y": 1, "lines": [{"sku": "ab"}, {"sku": "a"}]}},
                                 ["/payload/id", "/payload/lines/1/sku", "/payload/x~1y"])):
            with self.subTest(event=event):
                answer = self.send(event)
                if pointers is None:
                    self.assertEqual(answer.status, 202, answer)
                else:
                    self.assertEqual(sorted(self.pointers(answer)), pointers)

    def test_a_batch_is_all_or_nothing(self):
        self.enforce("reject")
        good, bad = {"type": "free", "payload": 1}, {"type": "order.created", "version": "1", "payload": {"id": "x"}}
        self.assertEqual(self.pointers(self.send([good, bad])), ["/1/payload/id"])
        self.assertEqual(self.pointers(self.send(f"{json.dumps(good)}\n{json.dumps(bad)}\n", "application/x-ndjson")),
                         ["/1/payload/id"])
        self.assertEqual(self.manage.get(EVENTS).json()["data"], [])

    def test_cloudevents(self):
        self.enforce("reject")
        event = {"specversion": "1.0", "id": "1", "source": "/s", "type": "order.created", "data": 5}
        self.assertEqual(self.pointers(self.send(event, "application/cloudevents+json")), ["/data"])
        self.assertEqual(self.pointers(self.send([event], "application/cloudevents-batch+json")), ["/0/data"])
        binary = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "/s", "ce-type": "order.created"}
        self.assertEqual(self.pointers(self.send("5", **binary)), [""])
        self.assertEqual(self.pointers(self.send("<x/>", "text/xml", **binary)), [""])
        self.assertEqual(self.send('"s"', **binary).status, 202)

    def test_warn_takes_and_counts(self):
        def counted():
            text = self.engine.admin.get("/metrics").body.decode()
            return int(next(line.split()[1] for line in text.splitlines()
                            if line.startswith("grapnel_events_invalid_total ")))
        self.enforce("warn")
        before = counted()
        self.assertEqual(self.send([{"type": "nobody.knows", "payload": 1}, {"type": "free", "payload": 1}]).status, 202)
        self.assertEqual(counted() - before, 1)

    def test_by_the_admin_port_too(self):
        self.enforce("reject")
        answer = self.manage.post(EVENTS, {"type": "order.created", "payload": 1})
        self.assertEqual(self.pointers(answer), ["/payload"])

    def test_a_deprecated_type_is_taken(self):
        self.enforce("reject")
        self.manage.request("PATCH", f"{TYPES}/free", {"deprecated": True})
        self.assertEqual(self.send({"type": "free", "payload": 1}).status, 202)

    def test_expressions_that_explode_elsewhere_take_linear_time(self):
        self.enforce("reject")
        self.manage.request("PUT", f"{TYPES}/free", {"versions": [{"version": "1", "schema": {"pattern": "^(a+)+$"}}]})
        self.assertEqual(self.pointers(self.send({"type": "free", "payload": "a" * 10_000 + "!"})), ["/payload"])
        self.assertEqual(self.send({"type": "free", "payload": "a" * 10_000}).status, 202)

    def test_schemas_that_never_end_are_answered(self):
        self.enforce("reject")
        loop = {"$ref": "#"}
        doubling = {"$ref": "#/$defs/0", "$defs": {str(i): {"not": {"oneOf": [{"$ref": f"#/$defs/{i + 1}"}] * 2}}
                                                   for i in range(20)} | {"20": False}}
        unique = {"uniqueItems": True}
        slow = {"pattern": "^(a?){400}$"}
        for schema, payload in ((loop, 1), (doubling, 1), (unique, list(range(5000))), (slow, "a" * 500_000)):
            with self.subTest(schema=str(schema)[:60]):
                answer = self.manage.request("PUT", f"{TYPES}/free", {"versions": [{"version": "1", "schema": schema}]})
                self.assertEqual(answer.status, 200, answer)
                self.assertEqual(self.pointers(self.send({"type": "free", "payload": payload})), ["/payload"])


if __name__ == "__main__":
    case.main()
