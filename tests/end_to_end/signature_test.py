#!/usr/bin/env python3
"""Signatures: checked by the reference implementation of Standard Webhooks, and by the definition."""
import base64
import hashlib
import hmac
import json
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support import case
from support.engine import EVENTS, SUBSCRIPTIONS
from support.receiver import status

FOLDER = pathlib.Path(__file__).resolve().parent
SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()


def expected(secret, request):
    """The signature by the text of the standard."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    content = f"{request.find('webhook-id')}.{request.find('webhook-timestamp')}.".encode() + request.body
    return "v1," + base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()


def verify(pairs, scheme="standard"):
    """The verdicts of an implementation that is not ours on [(secret, request)]."""
    asked = [{"scheme": scheme, "secret": secret, "headers": {name.lower(): value for name, value in request.headers},
              "body": base64.b64encode(request.body).decode()} for secret, request in pairs]
    done = subprocess.run(["node", "verify.js"], cwd=FOLDER, input=json.dumps(asked), capture_output=True,
                          text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def hexdigest(secret, content):
    return hmac.new(secret.encode(), content, hashlib.sha256).hexdigest()


class Signature(case.EngineCase):
    def test_the_reference_implementation_accepts(self):
        made = self.subscribe()
        payloads = [{"n": 1}, [], "é😀", 0, None, {"big": "x" * 100_000}, {"a": [1, {"b": 2}]}]
        pairs = [(made["secret"], self.receiver.await_event(self.publish(each))) for each in payloads]
        self.assertEqual(verify(pairs), ["ok"] * len(payloads))

    def test_the_reference_implementation_refuses_what_was_changed(self):
        made = self.subscribe()
        request = self.receiver.await_event(self.publish({"amount": 1}))
        request.body = request.body.replace(b"1", b"2")
        self.assertNotEqual(verify([(made["secret"], request)]), ["ok"])

    def test_by_the_definition(self):
        made = self.subscribe(secret=SECRET)
        self.assertEqual(made["secret"], SECRET)
        body = b'{"type":"%s","payload":  { "odd" :1.0e5 }  }' % self.kind.encode()
        event = self.engine.publish_raw(body).json()["id"]
        request = self.receiver.await_event(event)
        self.assertEqual(request.find("webhook-signature"), expected(SECRET, request))

    def test_secrets_of_24_to_64_bytes(self):
        for size in (24, 25, 32, 63, 64):
            with self.subTest(size=size):
                secret = "whsec_" + base64.b64encode(bytes([size]) * size).decode()
                self.subscribe(f"{self.path}/{size}", secret=secret, events=[f"size.{size}"])
                request = self.receiver.await_event(self.publish(1, type=f"size.{size}"))
                self.assertEqual(request.find("webhook-signature"), expected(secret, request))
        for size in (0, 1, 23, 65):
            with self.subTest(size=size):
                secret = "whsec_" + base64.b64encode(bytes([size]) * size).decode()
                answer = self.engine.admin.post(SUBSCRIPTIONS, {"url": "https://a.example/", "secret": secret})
                self.assert_problem(answer, 422)
        for secret in ("whsec_!!!!", "nothing", "whsec_" + "A" * 33):
            with self.subTest(secret):
                answer = self.engine.admin.post(SUBSCRIPTIONS, {"url": "https://a.example/", "secret": secret})
                self.assert_problem(answer, 422)

    def test_made_secrets_differ_and_are_long_enough(self):
        secrets = [self.subscribe(f"{self.path}/{number}")["secret"] for number in range(10)]
        self.assertEqual(len(set(secrets)), 10)
        for secret in secrets:
            self.assertTrue(secret.startswith("whsec_"))
            self.assertTrue(24 <= len(base64.b64decode(secret.removeprefix("whsec_"))) <= 64)

    def test_each_attempt_is_signed_anew(self):
        made = self.subscribe(retry={"schedule": ["1100ms"], "jitter": 0})
        self.receiver.script(self.path, [status(500), status(200)])
        self.publish({"n": 1})
        first, second = self.receiver.await_count(self.path, 2)
        self.assertEqual(first.event, second.event)
        self.assertEqual(first.body, second.body)
        self.assertGreater(int(second.find("webhook-timestamp")), int(first.find("webhook-timestamp")))
        self.assertNotEqual(first.find("webhook-signature"), second.find("webhook-signature"))
        self.assertEqual(verify([(made["secret"], first), (made["secret"], second)]), ["ok", "ok"])

    def test_header_may_be_renamed(self):
        made = self.subscribe(signature={"scheme": "standard", "header": "X-Signature"})
        request = self.receiver.await_event(self.publish(1))
        self.assertIsNone(request.find("webhook-signature"))
        self.assertEqual(request.find("X-Signature"), expected(made["secret"], request))

    def test_scheme_none(self):
        self.subscribe(signature={"scheme": "none"})
        request = self.receiver.await_event(self.publish(1))
        self.assertIsNone(request.find("webhook-signature"))
        self.assertTrue(request.find("webhook-id"))

    def test_binary_body_is_signed_as_it_is(self):
        made = self.subscribe()
        headers = {"ce-specversion": "1.0", "ce-type": self.kind, "ce-source": "/s", "ce-id": "1",
                   "Content-Type": "application/octet-stream"}
        answer = self.engine.ingest.post(EVENTS, bytes(range(256)), headers=headers)
        request = self.receiver.await_event(answer.json()["id"])
        self.assertEqual(request.find("webhook-signature"), expected(made["secret"], request))

    def deliver(self, **fields):
        """A subscription and one request to it."""
        made = self.subscribe(**fields)
        return made, self.receiver.await_event(self.publish({"n": [1, "\u00e9"]}))

    def test_stripe(self):
        made, request = self.deliver(signature={"scheme": "stripe"})
        self.assertEqual(verify([(made["secret"], request), ("whsec_wrong", request)], "stripe")[0], "ok")
        self.assertNotEqual(verify([("whsec_wrong", request)], "stripe"), ["ok"])

    def test_github(self):
        made, request = self.deliver(signature={"scheme": "github"}, secret="It's a Secret to Everybody")
        self.assertEqual(verify([(made["secret"], request)], "github"), ["ok"])
        self.assertNotEqual(verify([("It's another", request)], "github"), ["ok"])

    def test_ed25519(self):
        made, request = self.deliver(signature={"scheme": "ed25519"})
        self.assertTrue(made["secret"].startswith("whsk_"))
        key = base64.b64decode(made["secret"].removeprefix("whsk_"))
        self.assertEqual(len(key), 64)
        public = "whpk_" + base64.b64encode(key[32:]).decode()
        self.assertEqual(verify([(public, request)], "ed25519"), ["ok"])
        request.body += b" "
        self.assertNotEqual(verify([(public, request)], "ed25519"), ["ok"])

    def test_timestamped_and_hex(self):
        made, request = self.deliver(signature={"scheme": "timestamped"})
        seconds = request.find("webhook-timestamp")
        self.assertEqual(request.find("X-PT-Signature"),
                         f"t={seconds},v1={hexdigest(made['secret'], seconds.encode() + request.body)}")
        answer = self.engine.admin.request("PATCH", f"{SUBSCRIPTIONS}/{made['id']}",
                                           {"signature": {"scheme": "hex"}})
        self.assertEqual(answer.status, 200, answer)
        request = self.receiver.await_event(self.publish(2))
        self.assertEqual(request.find("X-Webhook-Signature"), hexdigest(made["secret"], request.body))
        self.assertEqual(request.find("X-Webhook-Timestamp"), request.find("webhook-timestamp"))

    def test_template(self):
        made, request = self.deliver(signature={"scheme": "template", "content": "{id}|{timestamp}|{body}",
                                                "header": "X-Sig: t={timestamp},v1={hex}"})
        seconds = request.find("webhook-timestamp")
        content = f"{request.event}|{seconds}|".encode() + request.body
        self.assertEqual(request.find("X-Sig"), f"t={seconds},v1={hexdigest(made['secret'], content)}")
        answer = self.engine.admin.post(SUBSCRIPTIONS, {"url": "https://a.example/", "signature": {
            "scheme": "template", "content": "{body}{nope}", "header": "X-Sig: {hex}"}})
        self.assertEqual(self.assert_problem(answer, 422)["errors"][0]["pointer"], "/signature/content")


if __name__ == "__main__":
    case.main()
