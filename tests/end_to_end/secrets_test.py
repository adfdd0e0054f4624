"""Secrets at rest: nothing of them is readable in the data folder, the key that opens them may be changed
while the engine runs, and the engine does not start without it."""
import base64
import json
import pathlib
import sys
import threading
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import case, wait
from support.engine import DELIVERIES, Engine, SUBSCRIPTIONS
from support.name_server import NameServer
from support.receiver import Receiver, respond

KEY_A, KEY_B = "a1" * 32, "b2" * 32
REKEY = "/api/v1/rekey"
PLAIN = "plain-secret-that-nobody-may-read"


def contents(folder):
    """All bytes of all files of a folder."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


class SecretsTest(unittest.TestCase):
    def setUp(self):
        self.receiver = self.enterContext(Receiver())
        self.engine = self.enterContext(Engine(start=False))
        self.key_file = self.engine.folder / "keys"

    def give_keys(self, *keys):
        self.key_file.write_text("\n".join(("# current first", *keys)) + "\n")
        self.engine.env = {"GRAPNEL_SECRET_KEY_FILE": str(self.key_file)}

    def subscribe(self):
        return self.engine.subscribe(self.receiver.url("/hook"), secret=PLAIN, signature={"scheme": "github"})

    def assert_unreadable(self):
        for path, data in contents(self.engine.data).items():
            self.assertNotIn(PLAIN.encode(), data, path)

    def assert_secret(self, subscription):
        answer = self.engine.admin.get(f"{SUBSCRIPTIONS}/{subscription['id']}/secret")
        self.assertEqual(answer.json()["secret"], PLAIN)

    def fails_to_start(self):
        with self.assertRaises(AssertionError) as caught:
            self.engine.start()
        text = str(caught.exception)
        self.assertIn("ended with 1", text)
        return text

    def test_a_key_is_made_at_the_first_start_and_no_secret_can_be_read_on_the_disk(self):
        self.engine.start()
        subscription = self.subscribe()
        path = self.engine.data / "secret.key"
        self.assertEqual(path.stat().st_mode & 0o777, 0o600)
        self.assert_unreadable()
        self.engine.restart()
        self.assert_secret(subscription)
        self.assert_unreadable()

    def test_without_its_key_the_engine_does_not_start_and_names_it(self):
        self.give_keys(KEY_A)
        self.engine.start()
        self.subscribe()
        name = self.engine.admin.post(REKEY, {}).json()["secret_key"]
        self.engine.stop()

        self.give_keys(KEY_B)
        self.assertIn(name, self.fails_to_start())
        self.engine.env = None
        self.assertIn(name, self.fails_to_start())
        self.assertFalse((self.engine.data / "secret.key").exists(), "no new key may hide that one is missing")
        self.give_keys("not a key")
        self.assertIn(str(self.key_file), self.fails_to_start())
        self.key_file.unlink()
        self.assertIn(str(self.key_file), self.fails_to_start())
        self.give_keys(KEY_B, KEY_A)
        self.engine.start()

    def test_the_secret_key_is_changed_without_a_restart(self):
        self.give_keys(KEY_A)
        self.engine.start()
        subscription = self.subscribe()
        before = self.engine.admin.post(REKEY, {}).json()
        self.assertEqual(before["keys_rewrapped"], 0)

        self.give_keys(KEY_B, KEY_A)
        after = self.engine.admin.post(REKEY, {}).json()
        self.assertEqual(after["keys_rewrapped"], 2, "the tenant's data key and its log key")
        self.assertNotEqual(after["secret_key"], before["secret_key"])
        self.give_keys(KEY_B)
        self.engine.restart()
        self.assert_secret(subscription)

    def test_data_keys_are_made_anew_and_every_document_follows(self):
        self.engine.start()
        made = [self.subscribe() for _ in range(150)]
        for round_ in range(2):
            answer = self.engine.admin.post(REKEY, {"data_keys": True})
            self.assertEqual(answer.status, 200, answer)
            self.assertEqual(answer.json()["data_keys_made"], 1)
            self.assertEqual(answer.json()["documents_sealed"], len(made))
        event = self.engine.publish("a.b", {"n": 1})
        self.engine.await_status(event["id"], "delivered", made[0]["id"])
        self.engine.kill()
        self.engine.start()
        for subscription in (made[0], made[-1]):
            self.assert_secret(subscription)

    def test_a_crash_while_documents_are_sealed_loses_none(self):
        self.engine.start()
        made = [self.subscribe() for _ in range(200)]
        asking = threading.Thread(target=self.ask_in_vain)
        asking.start()
        self.engine.kill()
        asking.join()
        self.engine.start()
        for subscription in made:
            self.assert_secret(subscription)
        self.assertEqual(self.engine.admin.post(REKEY, {"data_keys": True}).json()["documents_sealed"], 200)

    def ask_in_vain(self):
        try:
            self.engine.admin.post(REKEY, {"data_keys": True})
        except OSError:
            pass

    def test_what_cannot_be_a_request_is_refused(self):
        self.give_keys(KEY_A)
        self.engine.start()
        answer = self.engine.admin.post(REKEY, {"data_keys": "yes", "more": 1})
        self.assertEqual(answer.status, 422)
        self.assertEqual([error["pointer"] for error in answer.json()["errors"]], ["/data_keys", "/more"])
        self.give_keys("garbage")
        answer = self.engine.admin.post(REKEY, {})
        self.assertEqual(answer.status, 409)
        self.assertIn(str(self.key_file), answer.json()["detail"])
        self.assertNotIn(b"garbage", answer.body, "not even what is wrong is shown")


def echo(stream, request):
    """Answers 500 with all that came, as some do."""
    body = "\n".join(f"{name}: {value}" for name, value in request.headers).encode() + b"\n" + request.body
    return respond(500, body=body)(stream, request)


def token(stream, request):
    body = {"access_token": "tOkEn-of-oauth-1234567890", "token_type": "bearer"}
    return respond(200, body=json.dumps(body).encode())(stream, request)


class NeverShown(unittest.TestCase):
    """Every kind of secret, every kind of trouble, and everything that can be read afterwards."""
    SECRETS = {"signing": "sIgNiNg-secret-1234567890", "password": "pAsSwOrD-1234567890",
               "bearer": "bEaReR-1234567890", "value": "hEaDeR-value-1234567890",
               "jwt": "jWt-key-of-thirty-two-bytes-or-more-1234567890", "client": "cLiEnT-secret-1234567890",
               "access": "tOkEn-of-oauth-1234567890"}

    def setUp(self):
        self.receiver = self.enterContext(Receiver())
        names = self.enterContext(NameServer({"blocked.test": ["10.9.8.7"]}))
        self.engine = self.enterContext(Engine("--log-level", "debug", "--dns-server", names.address))
        self.receiver.script("/echo", [echo])
        self.receiver.script("/token", [token])
        self.receiver.script("/no-token", [lambda stream, request: respond(400, body=request.body)(stream, request)])
        self.answers = []

    def auths(self):
        secrets = self.SECRETS
        oauth = {"type": "oauth2", "client_id": "me", "client_secret": secrets["client"]}
        return [{"type": "basic", "username": "me", "password": secrets["password"]},
                {"type": "bearer", "token": secrets["bearer"]},
                {"type": "header", "name": "X-Key", "value": secrets["value"]},
                {"type": "jwt", "algorithm": "HS256", "key": secrets["jwt"]},
                {**oauth, "token_url": self.receiver.url("/token")},
                {**oauth, "token_url": self.receiver.url("/no-token"), "client_authentication": "body"}]

    def ask(self, method, path, body=None):
        answer = self.engine.admin.request(method, path, body)
        self.answers.append((f"{method} {path}", answer.body))
        return answer

    def configure(self):
        """Subscriptions that go wrong in several ways, and bodies that are refused."""
        for auth in self.auths():
            for url in (self.receiver.url("/echo"), "http://127.0.0.1:1/refused", "http://blocked.test/blocked"):
                self.engine.subscribe(url, auth=auth, secret=self.SECRETS["signing"], signature={"scheme": "hex"},
                                      retry={"schedule": ["10ms", "1h"], "jitter": 0})
            self.ask("POST", SUBSCRIPTIONS, {"url": "nonsense", "auth": auth})
            self.ask("POST", SUBSCRIPTIONS, {"url": "http://a.example", "auth": {**auth, "algorithm": "none"}})
            self.ask("POST", SUBSCRIPTIONS, {"url": "http://a.example", "auth": {**auth, "type": "mtls"}})

    def read_all(self):
        """Everything that a key of the tenant can read, but what shows a signing secret on purpose."""
        listed = self.ask("GET", f"{SUBSCRIPTIONS}?limit=250").json()["data"]
        for subscription in listed:
            self.ask("GET", f"{SUBSCRIPTIONS}/{subscription['id']}")
            self.ask("PATCH", f"{SUBSCRIPTIONS}/{subscription['id']}", {"description": "d"})
            self.ask("PUT", f"{SUBSCRIPTIONS}/{subscription['id']}", {"url": "http://a.example", "auth": {"type": "jwt"}})
        for delivery in self.engine.deliveries():
            self.ask("GET", f"{DELIVERIES}/{delivery['id']}")
            self.ask("GET", f"{DELIVERIES}/{delivery['id']}/attempts")
        for path in (DELIVERIES, "/api/v1/webhooks/events", "/metrics", "/api/v1/nowhere"):
            self.ask("GET", path)

    def test_no_secret_is_in_any_answer_or_in_the_log(self):
        self.configure()
        event = self.engine.publish("a.b", {"n": 1})["id"]
        wait.until(lambda: sum(each["attempt_count"] >= 2 for each in self.engine.deliveries(event=event)) >= 15,
                   lambda: f"attempts: {self.engine.deliveries(event=event)}")
        wait.until(lambda: "oauth2: token endpoint answered 400" in self.engine.log(), "no token")
        echoed = [attempt for delivery in self.engine.deliveries(event=event)
                  for attempt in self.engine.attempts(delivery["id"]) if attempt.get("response_body")]
        self.assertIn("Authorization: Bearer ***", json.dumps(echoed), "the receiver's answer is on record")
        self.read_all()
        self.engine.restart()
        self.read_all()
        self.answers.append(("the log", self.engine.log().encode()))
        forms = {**self.SECRETS, "basic": base64.b64encode(f"me:{self.SECRETS['password']}".encode()).decode()}
        for where, text in self.answers:
            for kind, secret in forms.items():
                self.assertNotIn(secret.encode(), text, f"{kind} in {where}")
            self.assertNotIn(b"eyJhbGciOi", text, f"a token in {where}")


if __name__ == "__main__":
    case.main()
