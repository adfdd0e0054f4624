#!/usr/bin/env python3
"""What a client may rely on when it changes something: sent twice it is done once (Idempotency-Key), and what was
changed by another meanwhile is not overwritten (If-Match)."""
import concurrent.futures
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support.audit import AUDIT
from support.case import EngineCase, main
from support.client import Client
from support.engine import SUBSCRIPTIONS

TENANTS, KEYS, EVENT_TYPES = "/api/v1/tenants", "/api/v1/keys", "/api/v1/webhooks/event-types"
BODY = {"url": "https://a.example/"}


class Repeats(EngineCase):
    def post(self, path, body=None, key=None, client=None, **headers):
        fields = {"Idempotency-Key": key or self.kind, **{name.replace("_", "-"): value
                                                          for name, value in headers.items()}}
        return (client or self.engine.admin).post(path, body, headers=fields)

    def count(self, path):
        found, cursor = 0, ""
        while cursor is not None:
            page = self.engine.admin.get(f"{path}?limit=250{cursor}").json()
            found += len(page["data"])
            cursor = page["next_cursor"] and f"&cursor={page['next_cursor']}"
        return found

    def assert_repeated(self, answer, first):
        self.assertEqual(answer.headers.get("idempotent-replayed"), "true", answer)
        self.assertEqual((answer.status, answer.body), (first.status, first.body))
        for name in ("location", "etag", "cache-control", "content-type"):
            self.assertEqual(answer.headers.get(name), first.headers.get(name))

    def test_a_request_that_is_sent_twice_is_done_once(self):
        for path, body in ((SUBSCRIPTIONS, BODY), (TENANTS, {"name": "twice"}), (KEYS, {"scopes": ["read"]})):
            first = self.post(path, body, key=f"twice {path}")
            self.assertEqual(first.status, 201, first)
            self.assertNotIn("idempotent-replayed", first.headers)
            count = self.count(path)
            for quoted in (f"twice {path}", f'"twice {path}"'):
                self.assert_repeated(self.post(path, body, key=quoted), first)
            self.assertEqual(self.count(path), count)

    def test_also_after_a_restart_and_after_kill_9(self):
        first = self.post(SUBSCRIPTIONS, BODY)
        rotated = self.post(f"{first.headers['location']}/rotate-secret", key="rotate")
        self.assertEqual(rotated.status, 200, rotated)
        self.engine.restart()
        self.assert_repeated(self.post(SUBSCRIPTIONS, BODY), first)
        self.engine.kill()
        self.engine.start()
        self.assert_repeated(self.post(SUBSCRIPTIONS, BODY), first)
        self.assert_repeated(self.post(f"{first.headers['location']}/rotate-secret", key="rotate"), rotated)
        secret = self.engine.admin.get(f"{first.headers['location']}/secret").json()["secret"]
        self.assertEqual(secret, rotated.json()["secret"], "rotated once")

    def test_the_same_key_with_another_request_is_refused(self):
        first = self.post(SUBSCRIPTIONS, BODY)
        self.assertEqual(first.status, 201, first)
        for path, body in ((SUBSCRIPTIONS, {"url": "https://b.example/"}), (KEYS, BODY), (f"{SUBSCRIPTIONS}?x", BODY)):
            self.assert_problem(self.post(path, body), 422)
        tenant = self.engine.admin.post(TENANTS, {"name": "another"}).json()
        self.assert_problem(self.post(SUBSCRIPTIONS, BODY, Grapnel_Tenant=tenant["id"]), 422)

    def test_a_replay_is_begun_once(self):
        made = self.subscribe()
        body = {"subscription": made["id"], "since": "2020-01-01T00:00:00Z"}
        first = self.post("/api/v1/webhooks/replays", body)
        self.assertEqual(first.status, 202, first)
        self.assert_repeated(self.post("/api/v1/webhooks/replays", body), first)
        self.assertEqual(self.count("/api/v1/webhooks/replays"), 1)

    def test_another_access_key_has_keys_of_its_own(self):
        made = self.engine.admin.post(KEYS, {"scopes": ["manage"]}).json()
        other = Client(self.engine.admin_address, made["key"], described=True)
        first, second = self.post(SUBSCRIPTIONS, BODY), self.post(SUBSCRIPTIONS, BODY, client=other)
        self.assertEqual((first.status, second.status), (201, 201))
        self.assertNotEqual(first.json()["id"], second.json()["id"])

    def test_what_was_refused_may_be_sent_again(self):
        self.assert_problem(self.post(SUBSCRIPTIONS, {"url": "no"}), 422)
        self.assertEqual(self.post(SUBSCRIPTIONS, BODY).status, 201)

    def test_a_key_that_is_none_is_refused(self):
        for key in ('""', 257 * "x"):
            self.assert_problem(self.post(SUBSCRIPTIONS, BODY, key=key), 400)

    def test_many_at_once_make_one(self):
        count = self.count(SUBSCRIPTIONS)
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            answers = list(pool.map(lambda _: self.post(SUBSCRIPTIONS, BODY), range(64)))
        done = [answer for answer in answers if answer.status == 201]
        self.assertLessEqual({answer.status for answer in answers}, {201, 409})
        self.assertEqual(len({answer.body for answer in done}), 1)
        self.assertEqual(sum("idempotent-replayed" not in answer.headers for answer in done), 1)
        self.assertEqual(self.count(SUBSCRIPTIONS), count + 1)
        found = self.engine.admin.get(f"{AUDIT}?resource={done[0].json()['id']}").json()["data"]
        self.assertEqual(len(found), 1)

    def test_a_secret_that_is_kept_to_be_repeated_is_not_readable_on_disk(self):
        key = self.post(KEYS, {"scopes": ["read"]}, key="on disk 1").json()["key"]
        secret = self.post(SUBSCRIPTIONS, BODY, key="on disk 2").json()["secret"]
        self.engine.restart()
        bytes_kept = b"".join(path.read_bytes() for path in self.engine.data.rglob("*") if path.is_file())
        self.assertNotIn(key.encode(), bytes_kept)
        self.assertNotIn(secret.encode(), bytes_kept)

    def test_an_answer_whose_key_was_destroyed_is_known_of_and_not_done_again(self):
        first = self.post(SUBSCRIPTIONS, BODY)
        self.assertEqual(self.engine.admin.post("/api/v1/rekey", {"data_keys": True}).status, 200)
        count = self.count(SUBSCRIPTIONS)
        self.assertEqual(first.status, 201)
        self.assert_problem(self.post(SUBSCRIPTIONS, BODY), 409)
        self.assertEqual(self.count(SUBSCRIPTIONS), count)


class Tags(EngineCase):
    def make(self, path, body):
        answer = self.engine.admin.post(path, body)
        self.assertEqual(answer.status, 201, answer)
        self.addCleanup(lambda: self.engine.admin.request("DELETE", answer.headers["location"]))
        return answer

    def test_what_was_changed_meanwhile_is_not_overwritten(self):
        for path, body in ((SUBSCRIPTIONS, BODY), (TENANTS, {"name": "tagged"})):
            admin, made = self.engine.admin, self.make(path, body)
            place, tag = made.headers["location"], made.headers["etag"]
            self.assertEqual(admin.get(place).headers["etag"], tag)
            mine = admin.request("PATCH", place, {"description": "mine"}, headers={"If-Match": tag})
            self.assertEqual(mine.status, 200, mine)
            self.assertNotEqual(mine.headers["etag"], tag)
            for method in ("PATCH", "DELETE"):
                self.assert_problem(admin.request(method, place, {"description": "theirs"}, headers={"If-Match": tag}),
                                    412)
            weak = admin.request("PATCH", place, {}, headers={"If-Match": f'W/{mine.headers["etag"]}'})
            self.assert_problem(weak, 412)
            self.assertEqual(admin.get(place).json()["description"], "mine")
            self.assertEqual(admin.get(place).headers["etag"], mine.headers["etag"], "as the answer to the change said")
            again = admin.request("PATCH", place, {"description": "more"},
                                  headers={"If-Match": f'"x", {mine.headers["etag"]}'})
            self.assertEqual(again.status, 200, again)
            self.assertEqual(admin.request("PATCH", place, {"description": ""}, headers={"If-Match": "*"}).status, 200)
            self.assertEqual(admin.get(f"{path}/none", headers={"If-Match": "*"}).status, 404)

    def test_pause_resume_and_rotation_ask_too(self):
        made = self.make(SUBSCRIPTIONS, BODY)
        place, tag = made.headers["location"], made.headers["etag"]
        for verb in ("pause", "resume", "rotate-secret"):
            answer = self.engine.admin.post(f"{place}/{verb}", headers={"If-Match": tag})
            self.assertEqual(answer.status, 200, answer)
            self.assert_problem(self.engine.admin.post(f"{place}/{verb}", headers={"If-Match": tag}), 412)
            tag = answer.headers["etag"]
            self.assertEqual(self.engine.admin.get(place).headers["etag"], tag)
        self.assertEqual(self.engine.admin.request("PUT", place, BODY, headers={"If-Match": tag}).status, 200)

    def test_the_description_names_the_routes_that_ask(self):
        admin = self.engine.admin
        ids = {SUBSCRIPTIONS: self.make(SUBSCRIPTIONS, BODY).json()["id"],
               TENANTS: self.make(TENANTS, {"name": "described"}).json()["id"],
               KEYS: self.make(KEYS, {"scopes": ["read"]}).json()["id"],
               EVENT_TYPES: self.make(EVENT_TYPES, {"name": "described"}).json()["name"]}
        asking = 0
        for path, operations in admin.get("/openapi.json").json()["paths"].items():
            for method, said in operations.items():
                if "{id}" not in path or method == "get":
                    continue
                place = path.replace("{id}", ids.get(path.split("/{")[0], "none"))
                body = {} if "requestBody" in said else None
                answer = admin.request(method.upper(), place, body, headers={"If-Match": '"x"'})
                asks = any(each["$ref"].endswith("/if_match") for each in said["parameters"])
                self.assertEqual(answer.status == 412, asks, (method, path, answer))
                self.assertEqual("412" in said["responses"], asks)
                asking += asks
        self.assertEqual(asking, 16)

    def test_two_who_change_the_same_at_once_do_not_both_win(self):
        made = self.make(SUBSCRIPTIONS, BODY)
        place, tag = made.headers["location"], made.headers["etag"]

        def change(number):
            return self.engine.admin.request("PATCH", place, {"description": str(number)}, headers={"If-Match": tag})

        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(change, range(8)))
        self.assertEqual(sorted(answer.status for answer in answers), [200] + 7 * [412])

    def test_who_has_it_already_is_not_sent_it_again(self):
        made = self.make(SUBSCRIPTIONS, BODY)
        place, tag = made.headers["location"], made.headers["etag"]
        for value in (tag, f"W/{tag}", f'"x", {tag}', "*"):
            answer = self.engine.admin.get(place, headers={"If-None-Match": value})
            self.assertEqual((answer.status, answer.body, answer.headers["etag"]), (304, b"", tag))
        self.assertEqual(self.engine.admin.get(place, headers={"If-None-Match": '"x"'}).status, 200)
        self.assert_problem(self.engine.admin.request("PUT", place, BODY, headers={"If-None-Match": "*"}), 412)

    def test_if_match_holds_against_what_the_engine_changed(self):
        made = self.make(SUBSCRIPTIONS, BODY)
        self.engine.restart()
        self.assertEqual(self.engine.admin.get(made.headers["location"]).headers["etag"], made.headers["etag"])


if __name__ == "__main__":
    main()
