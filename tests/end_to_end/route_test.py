#!/usr/bin/env python3
"""Every route that the engine says it has, asked by another tenant: with every id there is, with every scope.

The routes come from /openapi.json, which is printed from the router's own table. One that is added is asked too; what
this file has to know of it, a body or a resource of its kind, it has to be told, or the test fails."""
import json
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support import case, openapi, wait
from support.client import Client
from support.engine import DELIVERIES, EVENTS, SUBSCRIPTIONS
from support.receiver import status
from support.tenants import KEYS, TenantCase

MARK = "hush-hush"
REPLAYS = "/api/v1/webhooks/replays"
EVENT_TYPES = "/api/v1/webhooks/event-types"
MOVING = {"getSubscriptionStats", "getStats", "getSla"}  # tell of moments and figures that go on
SCOPES = ("read", "ingest", "manage")


def bodies(theirs, url):
    """What to send where a body is asked for, by operation: plausible, and where it can name something, theirs."""
    since = {"since": "2020-01-01T00:00:00Z"}
    return {
        "createTenant": [{"name": "mine"}],
        "updateTenant": [{"description": "mine"}],
        "replaceTenant": [{"name": "mine"}],
        "createKey": [{"scopes": ["read"]}, {"scopes": ["admin"]}],
        "updateKey": [{"name": "mine"}],
        "rotateKey": [{"overlap": "0s"}],
        "createSubscription": [{"url": url, "events": ["mine"]}],
        "replaceSubscription": [{"url": url}],
        "updateSubscription": [{"description": "mine"}],
        "rotateSecret": [{"overlap": "0s"}],
        "testSubscription": [{}, {"type": "mine", "payload": 1}],
        "testFilter": [{"filter": {}, "payload": {}}],
        "createEventType": [{"name": "mine"}],
        "importEventTypes": [{"openapi": "3.1.0", "webhooks": {"mine": {"post": {}}}},
                             {"openapi": "3.1.0", "webhooks": {}}],
        "replaceEventType": [{"description": "mine"}],
        "updateEventType": [{"description": "mine"}],
        "publishEvents": [{"type": "theirs", "payload": 1}],
        "redeliverAll": [{"subscription": theirs["subscription"], "status": "all"}, {"subscription": theirs["uid"]},
                         {"event": theirs["event"], "status": "all"}, {"status": "all", **since}],
        "requeueDeadLetters": [{"subscription": theirs["subscription"]}, {"subscription": theirs["uid"]}, {}],
        "createReplay": [{"subscription": theirs[name], **since} for name in ("subscription", "uid")],
        "deleteDeadLetters": [None],
        "rekey": [{}],
        "createBackup": [{}],
    }


class Operation:
    def __init__(self, description, method, path, said):
        self.method, self.path, self.name = method.upper(), path, said["operationId"]
        found = re.fullmatch(r"Scopes: admin(.*)\.", said.get("description", ""))
        self.is_open = said.get("security") == []
        self.scopes = set(re.findall(r"\w+", found.group(1))) if found else set()
        assert self.is_open or found, f"{self.name}: who may ask it?"
        self.has_id = "{" in path
        self.is_question = self.method == "GET"
        self.needs_body = "requestBody" in said or not (self.is_question or self.has_id)
        self.parameters = [p["name"] for p in map(description.resolve, said.get("parameters", []))
                           if p["in"] == "query"]

    def at(self, id_):
        return re.sub(r"\{\w+\}", id_, self.path)


class Routes(TenantCase):
    def setUp(self):
        super().setUp()
        description = openapi.Description(self.engine.admin.get("/openapi.json", key=False).json())
        self.operations = [Operation(description, method, path, said)
                           for path, item in description.document["paths"].items() for method, said in item.items()]
        self.mine, self.owner, _ = self.side("mine")
        self.theirs, self.other, self.other_in = self.side("theirs")
        self.ids = self.fill()
        self.bodies = bodies(self.ids, self.receiver.url("/mine"))
        self.named = {self.ids["event"]}  # a filter by it is shown with the job, which finds nothing

    def side(self, name):
        tenant = self.make_tenant(f"{MARK}-{name}" if name == "theirs" else name, uid=f"{name}-uid")
        _, admin, ingest = self.make_key(tenant, *SCOPES)
        return tenant, admin, ingest

    def fill(self):
        """One resource of every kind for them, and all ways to name it."""
        self.receiver.script(f"{self.path}/dead", [status(500)] * 10)
        made = [self.other.post(SUBSCRIPTIONS, {"url": self.receiver.url(self.path + path), "events": ["theirs"], "uid": uid,
                                                "description": MARK, "metadata": {"is": MARK},
                                                "retry": {"schedule": ["100ms"]}}).json()
                for path, uid in (("/theirs", "their-uid"), ("/dead", None))]
        if any(operation.path == EVENT_TYPES for operation in self.operations):
            answer = self.other.post(EVENT_TYPES, {"name": "their.type", "description": MARK})
            self.assertEqual(answer.status, 201, answer)
        event = self.other_in.post(EVENTS, {"type": "theirs", "payload": {"is": MARK}}).json()["id"]
        key = self.other.post(KEYS, {"scopes": ["read"], "name": MARK}).json()

        def settled():
            rows = self.other.get(DELIVERIES).json()["data"]
            return {row["status"]: row["id"] for row in rows} if {"delivered", "dead"} == {
                row["status"] for row in rows} else None

        deliveries = wait.until(settled, "a delivery to be made and one to be dead")
        replay = self.other.post(REPLAYS, {"subscription": made[0]["id"], "since": "2020-01-01T00:00:00Z",
                                           "dry_run": True})
        self.assertEqual(replay.status, 202, replay)
        self.await_jobs(self.other)
        return {"subscription": made[0]["id"], "second": made[1]["id"], "uid": "their-uid", "event": event,
                "key": key["id"], "type": "their.type", "replay": replay.json()["id"], **deliveries, "tenant": self.theirs["id"],
                "tenant_uid": "theirs-uid", "tenant_name": self.theirs["name"]}

    def await_jobs(self, client):
        wait.until(lambda: all(job["status"] != "running" for job in client.get(f"{REPLAYS}?limit=250").json()["data"]),
                   "jobs to be done")

    def look(self):
        """All that they can see of theirs; what moves by itself left out."""
        seen = {}
        for operation in self.operations:
            if not operation.is_question or operation.is_open or not operation.scopes & set(SCOPES):
                continue
            for id_ in self.ids.values() if operation.has_id else ("",):
                answer = self.other.get(operation.at(id_))
                if answer.status == 200:
                    if operation.name in MOVING:
                        seen[operation.name, id_] = None
                        continue
                    text = re.sub(r'"last_used_at":("[^"]*"|null)', '"last_used_at":0', answer.body.decode())
                    seen[operation.name, id_] = json.loads(text)
        return seen

    def sent(self, operation):
        if not operation.needs_body:
            return [None]
        self.assertIn(operation.name, self.bodies, "tell this test what to send")
        return self.bodies[operation.name]

    def assert_silent(self, answer, where):
        self.assertNotIn(MARK, answer.body.decode(errors="replace"), where)
        for name, id_ in self.ids.items():
            if not name.endswith("uid") and id_ not in self.named:
                self.assertNotIn(id_.encode(), answer.body, where)

    def assert_refused(self, answer, expected, where):
        self.assertEqual(answer.status, expected, f"{where}: {answer}")
        self.assert_problem(answer, expected)
        self.assert_silent(answer, where)

    # ---- what is asked ----

    def ask_with_ids(self, operation):
        for id_ in self.ids.values():
            for body in self.sent(operation):
                where = f"{operation.name} {id_}"
                expected = 404 if operation.scopes else 403
                answer = self.owner.request(operation.method, operation.at(id_), body)
                self.assert_refused(answer, expected, where)

    def ask_without(self, operation):
        for body in self.sent(operation):
            answer = self.owner.request(operation.method, operation.path, body)
            where = f"{operation.name} {body}"
            self.assert_silent(answer, where)
            if not operation.scopes and not operation.is_open:
                self.assert_refused(answer, 403, where)
            elif operation.is_question:
                self.assertEqual(answer.status, 200, f"{where}: {answer}")
        for parameter in operation.parameters:
            for id_ in self.ids.values():
                body = self.sent(operation)[-1]
                answer = self.owner.request(operation.method, f"{operation.path}?{parameter}={id_}", body)
                where = f"{operation.name} ?{parameter}={id_}"
                self.assertIn(answer.status, (200, 202, 403, 422), f"{where}: {answer}")
                self.assert_silent(answer, where)

    def ask_for_their_tenant(self, operation):
        """With the header that names them: nobody but an admin may."""
        for name in ("tenant", "tenant_uid", "tenant_name"):
            answer = self.owner.request(operation.method, operation.at(self.ids["subscription"]),
                                        self.sent(operation)[0], headers={"Grapnel-Tenant": self.ids[name]})
            where = f"{operation.name} for {name}"
            self.assert_refused(answer, 404 if operation.scopes else 403, where)

    # ---- tests ----

    def test_nothing_of_theirs_is_seen_or_changed(self):
        before = self.look()
        for operation in self.operations:
            with self.subTest(operation.name):
                if operation.has_id:
                    self.ask_with_ids(operation)
                else:
                    self.ask_without(operation)
                if not operation.is_open:
                    self.ask_for_their_tenant(operation)
        self.await_jobs(self.owner)
        received = len(self.receiver.of(f"{self.path}/theirs"))
        self.assertEqual(self.look(), before)
        self.assertEqual(received, 1, "an event of one's own goes to nobody else")
        self.assertEqual(self.other_in.post(EVENTS, {"type": "theirs", "payload": 2}).json()["deliveries"], 2)

    def test_every_resource_is_there_to_be_asked_for(self):
        """Else the 404s would say nothing: each question about one thing has an answer for those it belongs to."""
        seen = {name for name, _ in self.look()}
        expected = {operation.name for operation in self.operations
                    if operation.is_question and not operation.is_open and operation.scopes & set(SCOPES)}
        self.assertEqual(expected - seen, set(), "give them one of its kind in fill()")

    def test_a_scope_allows_what_it_says_and_no_more(self):
        before = self.look()
        for scope in SCOPES:
            _, client, _ = self.make_key(self.mine, scope)
            for operation in self.operations:
                if operation.is_open or scope in operation.scopes:
                    continue
                for body in self.sent(operation):
                    answer = client.request(operation.method, operation.at(self.ids["subscription"]), body)
                    self.assert_refused(answer, 403, f"{operation.name} with {scope}")
        self.assertEqual(self.look(), before)

    def test_without_a_key_or_with_one_that_is_none_there_is_nothing(self):
        for operation in self.operations:
            if operation.is_open:
                continue
            for key in (False, "gk_" + "0" * 52):
                answer = self.owner.request(operation.method, operation.at(self.ids["subscription"]),
                                            self.sent(operation)[0], key=key)
                self.assert_refused(answer, 401, operation.name)

    def test_the_ingest_port_takes_nothing_for_them(self):
        mine = Client(self.engine.ingest_address, self.owner.key)
        for name in ("tenant", "tenant_uid", "tenant_name"):
            answer = mine.post(EVENTS, {"type": "theirs", "payload": 1}, headers={"Grapnel-Tenant": self.ids[name]})
            self.assert_refused(answer, 404, name)
        self.assertEqual(mine.post(EVENTS, {"type": "theirs", "payload": 1}).json()["deliveries"], 0)


if __name__ == "__main__":
    case.main()
