#!/usr/bin/env python3
"""Access tokens for receivers: of an authorization server that is not ours, and of one that misbehaves."""
import base64
import json
import pathlib
import subprocess
import sys
import threading
import unittest
import urllib.parse
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support import case, wait
from support.engine import SUBSCRIPTIONS
from support.receiver import respond, status

HERE = pathlib.Path(__file__).resolve().parent
PASSWORD = "p@ss:word/+ %"


def token(name, seconds=3600):
    """A token endpoint's good answer."""
    body = {"access_token": name, "token_type": "Bearer", "expires_in": seconds}
    return respond(200, [("Content-Type", "application/json")], json.dumps(body).encode())


class OauthCase(case.EngineCase):
    def auth(self, **more):
        return {"type": "oauth2", "token_url": self.receiver.url(f"/token{self.path}"), "client_id": "me",
                "client_secret": "not-to-be-shown", **more}

    def asked(self):
        """The requests for tokens so far."""
        return [each for each in self.receiver.requests if each.path == f"/token{self.path}"]

    def give(self, *answers):
        self.receiver.script(f"/token{self.path}", list(answers))

    def tokens(self, requests):
        return [each.find("Authorization") for each in requests]


class OtherServer(OauthCase):
    """oidc-provider."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server = subprocess.Popen(["node", "oidc.mjs"], cwd=HERE, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      stderr=subprocess.DEVNULL, text=True)
        cls.addClassCleanup(cls.end_server)
        cls.urls = json.loads(cls.server.stdout.readline())

    @classmethod
    def end_server(cls):
        cls.server.stdin.close()
        cls.server.wait()
        cls.server.stdout.close()

    def introspect(self, header):
        """What the server says of a token (RFC 7662)."""
        scheme, text = header.split(" ")
        self.assertEqual(scheme, "Bearer")
        credentials = f"by-header:{urllib.parse.quote(PASSWORD, safe='')}"
        request = urllib.request.Request(self.urls["introspection_url"],
                                         urllib.parse.urlencode({"token": text}).encode(),
                                         {"Authorization": "Basic " + base64.b64encode(credentials.encode()).decode()})
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def check(self, client, place):
        self.subscribe(auth={"type": "oauth2", "token_url": self.urls["token_url"], "client_id": client,
                             "client_secret": PASSWORD, "scopes": ["hooks:send", "hooks:read"],
                             "client_authentication": place})
        self.publish()
        request, = self.receiver.await_count(self.path, 1)
        said = self.introspect(request.find("Authorization"))
        self.assertTrue(said["active"], said)
        self.assertEqual(said["client_id"], client)
        self.assertEqual(said["scope"], "hooks:send hooks:read")

    def test_gives_a_token_for_credentials_in_the_header(self):
        self.check("by-header", "basic")

    def test_gives_a_token_for_credentials_in_the_body(self):
        self.check("by-body", "body")

    def test_refuses_a_wrong_secret_and_nothing_is_sent_until_it_is_right(self):
        made = self.subscribe(auth={"type": "oauth2", "token_url": self.urls["token_url"], "client_id": "by-header",
                                    "client_secret": "wrong-secret"})
        event = self.publish()
        wait.until(lambda: "token endpoint answered 401 invalid_client" in self.engine.log(), "the log to say why")
        self.assertEqual(self.engine.delivery(event)["attempt_count"], 0)
        self.engine.admin.request("PATCH", f"{SUBSCRIPTIONS}/{made['id']}", {"auth": {"client_secret": PASSWORD}})
        self.assertEqual(self.engine.await_status(event, "delivered")["attempt_count"], 1)
        self.assertNotIn("wrong-secret", self.engine.log())


class Tokens(OauthCase):
    def test_one_is_fetched_for_all_who_wait(self):
        self.give(token("abc"))
        self.subscribe(auth=self.auth())
        for n in range(50):
            self.publish(n)
        requests = self.receiver.await_count(self.path, 50)
        self.assertEqual(set(self.tokens(requests)), {"Bearer abc"})
        self.assertEqual(len(self.asked()), 1)

    def test_one_is_fetched_again_after_a_restart(self):
        self.give(token("first"), token("second"))
        self.subscribe(auth=self.auth())
        self.publish()
        self.receiver.await_count(self.path, 1)
        self.engine.restart()
        self.publish()
        requests = self.receiver.await_count(self.path, 2)
        self.assertEqual(self.tokens(requests), ["Bearer first", "Bearer second"])

    def test_one_that_is_short_lived_is_renewed(self):
        self.give(token("first", 5), token("second", 3600))
        self.subscribe(auth=self.auth())

        def send_until_renewed():
            self.publish()
            requests = self.receiver.await_count(self.path, 1)
            return self.tokens(requests)[-1] == "Bearer second"

        wait.until(send_until_renewed, "the second token")

    def test_one_that_is_refused_is_replaced_and_the_delivery_follows_at_once(self):
        self.give(token("old"), token("new"))
        self.receiver.script(self.path, [status(401), status(200)])
        self.subscribe(auth=self.auth(), retry={"schedule": ["1h"], "jitter": 0})
        event = self.publish()
        delivery = self.engine.await_status(event, "delivered")
        self.assertEqual(self.tokens(self.receiver.await_count(self.path, 2)), ["Bearer old", "Bearer new"])
        attempts = self.engine.attempts(delivery["id"])
        self.assertEqual([attempt["http_status"] for attempt in attempts], [401, 200])

    def test_one_that_is_refused_again_is_kept_and_the_schedule_holds(self):
        self.give(token("first"), token("second"), token("third"))
        self.receiver.script(self.path, [status(401)])
        self.subscribe(auth=self.auth(), retry={"schedule": ["1s", "1h", "1h"], "jitter": 0})
        event = self.publish()
        attempts = self.engine.await_attempts(event, 2)
        delivery = self.engine.delivery(event)
        self.assertEqual(delivery["status"], "retrying")
        self.assertEqual([attempt["http_status"] for attempt in attempts], [401, 401])
        self.assertEqual(len(self.asked()), 2)
        self.publish()
        requests = self.receiver.await_count(self.path, 3)
        self.assertEqual(self.tokens(requests)[1:], ["Bearer second", "Bearer second"])

    def test_none_is_fetched_for_an_endpoint_that_has_nothing_to_send(self):
        self.give(token("abc"))
        made = self.subscribe(auth=self.auth())
        self.engine.admin.request("PATCH", f"{SUBSCRIPTIONS}/{made['id']}", {"description": "changed"})
        other = self.subscribe(self.path + "/other", auth=None)
        self.publish(type="something.else")
        self.assertEqual(self.asked(), [], other)

    def test_a_token_url_is_under_the_same_guard_as_receivers(self):
        made = self.engine.subscribe(self.receiver.url(self.path, host="localhost"), events=[self.kind],
                                     auth=self.auth(token_url=self.receiver.url("/token", host="localhost")),
                                     egress={"deny": ["127.0.0.0/8", "::1/128"]})
        self.addCleanup(lambda: self.engine.admin.request("DELETE", f"{SUBSCRIPTIONS}/{made['id']}"))
        event = self.publish()
        wait.until(lambda: "oauth2: token endpoint: connections to this address are not allowed" in self.engine.log(),
                   "the log to say why")
        self.assertEqual(self.engine.delivery(event)["attempt_count"], 0)

    def test_the_engine_stops_while_it_asks_for_one(self):
        release = self.hang_token()
        self.subscribe(auth=self.auth())
        event = self.publish()
        self.receiver.await_count(f"/token{self.path}", 1)
        self.engine.stop()
        release()
        self.engine.start()
        self.engine.await_status(event, "delivered")

    def hang_token(self):
        event = threading.Event()

        def answer(stream, request):
            event.wait(wait.PATIENCE)
            return token("late")(stream, request)

        self.give(answer, token("abc"))
        return event.set

    def test_a_subscription_may_be_deleted_while_it_asks_for_one(self):
        release = self.hang_token()
        made = self.engine.subscribe(self.receiver.url(self.path), events=[self.kind], auth=self.auth())
        self.publish()
        self.receiver.await_count(f"/token{self.path}", 1)
        answer = self.engine.admin.request("DELETE", f"{SUBSCRIPTIONS}/{made['id']}")
        self.assertEqual(answer.status, 204)
        release()
        self.give(token("abc"))
        self.subscribe(auth=self.auth())
        event = self.publish()
        self.engine.await_status(event, "delivered")


if __name__ == "__main__":
    case.main()
