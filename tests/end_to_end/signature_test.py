#!/usr/bin/env python3
"""Signatures: checked by implementations that are not ours, and by the definition; and rotations of secrets."""
import base64
import datetime
import hashlib
import hmac
import json
import pathlib
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support import case, wait
from support.engine import DELIVERIES, EVENTS, SUBSCRIPTIONS
from support.receiver import status

FOLDER = pathlib.Path(__file__).resolve().parent
SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()


def expected(secret, request):
    """The signature by the text of the standard."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    content = f"{request.find('webhook-id')}.{request.find('webhook-timestamp')}.".encode() + request.body
    return "v1," + base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()


def verdicts(claims):
    """What implementations that are not ours say of [(scheme, secret, request)]: "ok", or why not."""
    asked = [{"scheme": scheme, "secret": secret, "headers": {name.lower(): value for name, value in request.headers},
              "body": base64.b64encode(request.body).decode()} for scheme, secret, request in claims]
    done = subprocess.run(["node", "verify.js"], cwd=FOLDER, input=json.dumps(asked), capture_output=True,
                          text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def verify(pairs, scheme="standard"):
    return verdicts([(scheme, secret, request) for secret, request in pairs])


def hexdigest(secret, content):
    return hmac.new(secret.encode(), content, hashlib.sha256).hexdigest()


class Keys(case.EngineCase):
    def secret(self, made):
        answer = self.engine.admin.get(f"{SUBSCRIPTIONS}/{made['id']}/secret")
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual(answer.headers.get("cache-control"), "no-store")
        return answer.json()

    def verifying_key(self, made):
        """What a receiver verifies with."""
        shown = self.secret(made)
        return shown.get("public_key", shown["secret"])


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

    def test_by_the_definition_with_timestamps(self):
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

    def test_what_is_put_in_is_not_expanded_again(self):
        made = self.subscribe(signature={"scheme": "template", "content": "{body}{id}", "header": "X-Sig: {hex}"})
        request = self.receiver.await_event(self.publish("{id}{timestamp}{hex}"))
        self.assertEqual(request.body, b'"{id}{timestamp}{hex}"')
        self.assertEqual(request.find("X-Sig"), hexdigest(made["secret"], request.body + request.event.encode()))

    def test_faults_are_named(self):
        cases = ((("/signature/scheme",), {"scheme": "md5"}),
                 (("/signature/scheme",), {"scheme": 1}),
                 (("/signature/nope",), {"scheme": "hex", "nope": 1}),
                 (("/signature/content",), {"scheme": "hex", "content": "{body}"}),
                 (("/signature/header",), {"scheme": "none", "header": "X-Sig"}),
                 (("/signature/header",), {"scheme": "hex", "header": "Content-Length"}),
                 (("/signature/header",), {"scheme": "hex", "header": "no name"}),
                 (("/signature/content", "/signature/header"), {"scheme": "template"}),
                 (("/signature/content",), {"scheme": "template", "content": "{body}{nope}", "header": "X-Sig: {hex}"}),
                 (("/signature/content",), {"scheme": "template", "content": "{id}", "header": "X-Sig: {hex}"}),
                 (("/signature/header",), {"scheme": "template", "content": "{body}", "header": "X-Sig: {body}"}),
                 (("/signature/header",), {"scheme": "template", "content": "{body}", "header": "X-Sig: v1"}))
        for pointers, signature in cases:
            with self.subTest(signature):
                answer = self.engine.admin.post(SUBSCRIPTIONS, {"url": "https://a.example/", "signature": signature})
                errors = self.assert_problem(answer, 422)["errors"]
                self.assertEqual(tuple(each["pointer"] for each in errors), pointers)


SCHEMES = ("standard", "ed25519", "timestamped", "stripe", "github", "hex")
# The same wires, spelt out: (a verifier of another scheme, content, header).
TEMPLATES = (("standard-raw", "{id}.{timestamp}.{body}", "webhook-signature: v1,{base64}"),
             ("timestamped", "{timestamp}{body}", "X-PT-Signature: t={timestamp},v1={hex}"),
             ("stripe", "{timestamp}.{body}", "Stripe-Signature: t={timestamp},v1={hex}"),
             ("github", "{body}", "X-Hub-Signature-256: sha256={hex}"),
             ("hex", "{body}", "X-Webhook-Signature: {hex}"))
ONE_SIGNATURE = ("github", "hex", "template")


class Schemes(Keys):
    """Every scheme, by implementations that are not ours."""

    def test_every_scheme_and_the_templates_that_are_the_same(self):
        claims, wrong = [], []
        settings = [(scheme, {"scheme": scheme}) for scheme in SCHEMES]
        settings += [(verifier, {"scheme": "template", "content": content, "header": header})
                     for verifier, content, header in TEMPLATES]
        for number, (verifier, signature) in enumerate(settings):
            kind = f"{self.kind}.{number}"
            made = self.subscribe(f"{self.path}/{number}", events=[kind], signature=signature)
            other = self.subscribe(f"{self.path}/other", events=["other"], signature=signature)
            request = self.receiver.await_event(self.publish({"n": [1, "\u00e9"]}, type=kind))
            claims.append((verifier, self.verifying_key(made), request))
            wrong.append((verifier, self.verifying_key(other), request))
        self.assertEqual(verdicts(claims), ["ok"] * len(claims))
        self.assertNotIn("ok", verdicts(wrong), "with the secret of another subscription")
        for _, _, request in claims:
            request.body = request.body.replace(b"1", b"2")
        self.assertNotIn("ok", verdicts(claims), "with another body")

    def test_secrets_of_the_user_are_taken_as_their_bytes(self):
        claims = []
        for scheme in ("timestamped", "stripe", "github", "hex"):
            for number, secret in enumerate(("It's a Secret to Everybody", "whsec_not/base64!", "\u00e9" * 64)):
                kind = f"{self.kind}.{scheme}.{number}"
                made = self.subscribe(f"{self.path}/{kind}", events=[kind], signature={"scheme": scheme}, secret=secret)
                claims.append((scheme, made["secret"], self.receiver.await_event(self.publish({"n": 1}, type=kind))))
        self.assertEqual(verdicts(claims), ["ok"] * len(claims))


class Rotation(Keys):
    def rotate(self, made, status=200, **fields):
        answer = self.engine.admin.post(f"{SUBSCRIPTIONS}/{made['id']}/rotate-secret", fields)
        self.assertEqual(answer.status, status, answer)
        return answer.json()

    def subscribe_to(self, scheme, **fields):
        signature = {"scheme": scheme}
        if scheme == "template":
            signature.update(content="{body}", header="X-Webhook-Signature: {hex}")
        return self.subscribe(f"{self.path}/{scheme}", events=[f"{self.kind}.{scheme}"], signature=signature, **fields)

    def send(self, scheme):
        return self.receiver.await_event(self.publish({"n": 1}, type=f"{self.kind}.{scheme}"))

    def claims(self, scheme, keys, request):
        verifier = "hex" if scheme == "template" else scheme
        return [(verifier, key, request) for key in keys]

    def test_both_secrets_sign_while_it_overlaps_and_the_new_one_alone_afterwards(self):
        live, ended, both = [], [], []
        for scheme in (*SCHEMES, "template"):
            made = self.subscribe_to(scheme)
            old = self.verifying_key(made)
            self.assertIsNone(self.secret(made)["previous_secret_expires_at"])
            rotated = self.rotate(made, overlap="24h")
            self.assertNotEqual(rotated["secret"], made["secret"])
            self.assertEqual(self.secret(made), rotated)
            new = self.verifying_key(made)
            during = self.send(scheme)
            keys = [old] if scheme in ONE_SIGNATURE else [old, new]
            live += self.claims(scheme, keys, during)
            ended += self.claims(scheme, [new] if scheme in ONE_SIGNATURE else [], during)
            both += [(scheme, during, new)] if scheme not in ONE_SIGNATURE else []

            last = self.rotate(made, overlap="0s")
            self.assertIsNone(last["previous_secret_expires_at"])
            after = self.send(scheme)
            live += self.claims(scheme, [self.verifying_key(made)], after)
            ended += self.claims(scheme, [old, new], after)
        self.assertEqual(verdicts(live), ["ok"] * len(live))
        self.assertNotIn("ok", verdicts(ended))
        self.assert_newest_first(both)

    def assert_newest_first(self, both):
        """What a verifier says of the first signature alone."""
        claims = []
        for scheme, request, new in both:
            name = {"timestamped": "X-PT-Signature", "stripe": "Stripe-Signature"}.get(scheme, "webhook-signature")
            separator = "," if scheme in ("timestamped", "stripe") else " "
            parts = request.find(name).split(separator)
            count = 3 if separator == "," else 2
            self.assertEqual(len(parts), count, request.headers)
            request.headers = [(each, separator.join(parts[:-1]) if each == name else value)
                               for each, value in request.headers]
            claims += self.claims(scheme, [new], request)
        self.assertEqual(verdicts(claims), ["ok"] * len(claims))

    def test_an_overlap_ends_by_itself_and_at_its_time(self):
        requests = {"standard": [], "hex": []}
        made, old, new, ends = {}, {}, {}, {}
        for scheme in requests:
            made[scheme] = self.subscribe_to(scheme)
            old[scheme] = made[scheme]["secret"]
            answer = self.rotate(made[scheme], overlap="3s")
            new[scheme] = answer["secret"]
            ends[scheme] = datetime.datetime.fromisoformat(answer["previous_secret_expires_at"]).timestamp()
        wait.until(lambda: all(self.has_ended(scheme, requests, new, old) for scheme in requests), "the end")
        claims = [(scheme, old[scheme], request) for scheme in requests for request in requests[scheme]]
        for (scheme, _, request), verdict in zip(claims, verdicts(claims)):
            seconds = int(request.find("webhook-timestamp"))
            if seconds + 1 <= ends[scheme]:
                self.assertEqual(verdict, "ok", "the old secret, while it is live")
            elif seconds >= ends[scheme]:
                self.assertNotEqual(verdict, "ok", "the old secret, when it is over")
        for scheme in requests:
            wait.until(lambda scheme=scheme: self.secret(made[scheme])["previous_secret_expires_at"] is None, "no old one")

    def has_ended(self, scheme, requests, new, old):
        """Sends one more; is it signed by the new secret alone?"""
        request = self.send(scheme)
        requests[scheme].append(request)
        if scheme == "hex":
            return request.find("X-Webhook-Signature") == hexdigest(new[scheme], request.body)
        self.assertEqual(request.find("webhook-signature").split(" ")[0], expected(new[scheme], request))
        return expected(old[scheme], request) not in request.find("webhook-signature")

    def test_a_secret_may_be_given(self):
        made = self.subscribe_to("github", secret="old secret")
        self.assertEqual(self.rotate(made, secret="new secret", overlap="0s")["secret"], "new secret")
        self.assertEqual(verify([("new secret", self.send("github"))], "github"), ["ok"])
        self.assertEqual(self.rotate(made, secret="old secret")["secret"], "old secret")
        self.assertEqual(verify([("new secret", self.send("github"))], "github"), ["ok"])

    def test_the_body_may_be_absent_and_the_overlap_is_a_day(self):
        made = self.subscribe_to("standard")
        answer = self.engine.admin.request("POST", f"{SUBSCRIPTIONS}/{made['id']}/rotate-secret")
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual(answer.headers.get("cache-control"), "no-store")
        ends = datetime.datetime.fromisoformat(answer.json()["previous_secret_expires_at"]).timestamp()
        self.assertAlmostEqual(ends - time.time(), 24 * 3600, delta=600)

    def test_every_rotation_has_its_own_end_and_there_is_a_limit(self):
        made = self.subscribe_to("standard")
        secrets = [made["secret"]] + [self.rotate(made)["secret"] for _ in range(3)]
        request = self.send("standard")
        self.assertEqual(request.find("webhook-signature").split(" "),
                         [expected(secret, request) for secret in reversed(secrets)])
        problem = self.rotate(made, status=409)
        self.assertIn("overlap", problem["detail"])
        self.rotate(made, overlap="0s")
        self.rotate(made)

    def test_a_rotation_survives_a_crash_and_other_changes(self):
        made = self.subscribe_to("standard")
        new = self.rotate(made)
        self.engine.kill()
        self.engine.start()
        self.assertEqual(self.secret(made), new)
        answer = self.engine.admin.request("PATCH", f"{SUBSCRIPTIONS}/{made['id']}", {"description": "d"})
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual(self.secret(made), new)
        request = self.send("standard")
        self.assertEqual(verify([(made["secret"], request), (new["secret"], request)]), ["ok"] * 2)

    def test_no_event_is_signed_by_the_old_secret_alone_once_it_is_answered(self):
        made = self.subscribe_to("standard")
        for _ in range(20):
            new = self.rotate(made, overlap="0s")["secret"]
            request = self.send("standard")
            self.assertEqual(request.find("webhook-signature"), expected(new, request))

    def test_retries_are_signed_by_what_is_live_then(self):
        made = self.subscribe_to("standard", retry={"schedule": ["1s"], "jitter": 0})
        self.receiver.script(f"{self.path}/standard", [status(500), status(200)])
        self.publish({"n": 1}, type=f"{self.kind}.standard")
        self.receiver.await_count(f"{self.path}/standard", 1)
        new = self.rotate(made, overlap="0s")["secret"]
        first, second = self.receiver.await_count(f"{self.path}/standard", 2)
        self.assertEqual(first.find("webhook-signature"), expected(made["secret"], first))
        self.assertEqual(second.find("webhook-signature"), expected(new, second))

    def test_what_cannot_be_a_rotation_is_refused_and_changes_nothing(self):
        made = self.subscribe_to("standard")
        cases = (("/overlap", {"overlap": 1}), ("/overlap", {"overlap": "31d"}), ("/overlap", {"overlap": "soon"}),
                 ("/secret", {"secret": 1}), ("/secret", {"secret": "short"}), ("/secret", {"secret": made["secret"]}),
                 ("/secret", {"secret": ""}), ("/nope", {"nope": 1}))
        for pointer, body in cases:
            with self.subTest(body):
                errors = self.rotate(made, status=422, **body)["errors"]
                self.assertEqual([each["pointer"] for each in errors], [pointer])
                self.assertNotIn(made["secret"], json.dumps(errors))
        path = f"{SUBSCRIPTIONS}/{made['id']}/rotate-secret"
        self.assert_problem(self.engine.admin.post(path, b"[]", headers={"Content-Type": "application/json"}), 422)
        self.assert_problem(self.engine.admin.post(f"{SUBSCRIPTIONS}/sub_01h455vb4pex5vsknk084sn02q/rotate-secret", {}), 404)
        self.assertEqual(self.secret(made)["secret"], made["secret"])
        self.assertIsNone(self.secret(made)["previous_secret_expires_at"])

    def test_what_was_rotated_is_shown_nowhere_else(self):
        made = self.subscribe_to("hex", secret="sEcReT-number-one-1234567890")
        self.rotate(made, secret="sEcReT-number-two-1234567890")
        event = self.send("hex").event
        delivery = self.engine.await_status(event, "delivered")
        shown = [self.engine.admin.get(path).body.decode() for path in (
            SUBSCRIPTIONS, f"{SUBSCRIPTIONS}/{made['id']}", f"{DELIVERIES}/{delivery['id']}/attempts",
            f"{DELIVERIES}/{delivery['id']}")]
        for text in (*shown, self.engine.log()):
            self.assertNotIn("sEcReT", text)
        for path in self.engine.data.rglob("*"):
            if path.is_file():
                self.assertNotIn(b"sEcReT", path.read_bytes(), path)


if __name__ == "__main__":
    case.main()
