#!/usr/bin/env python3
"""How receivers are told who sends: fixed fields, and tokens that implementations of others verify."""
import base64
import json
import pathlib
import subprocess
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support import case
from support.engine import SUBSCRIPTIONS
from support.receiver import status

HERE = pathlib.Path(__file__).resolve().parent
HS256_KEY = "a secret of at least thirty-two bytes"


def verify_tokens(tokens):
    """What jose says of each."""
    done = subprocess.run(["node", str(HERE / "jwt.js")], input=json.dumps(tokens), capture_output=True,
                          text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def openssl(*arguments, text=None):
    return subprocess.run(["openssl", *arguments], input=text, capture_output=True, text=True, check=True).stdout


def key_pair(*arguments):
    """A new private key and its public key, both PEM."""
    private = openssl("genpkey", *arguments)
    return private, openssl("pkey", "-pubout", text=private)


def make_keys():
    rsa = key_pair("-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048")
    ec = key_pair("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")
    return [("HS256", HS256_KEY, HS256_KEY), ("RS256", *rsa),
            ("RS256", openssl("rsa", "-traditional", text=rsa[0]), rsa[1]),
            ("ES256", *ec), ("ES256", openssl("ec", text=ec[0]), ec[1]),
            ("EdDSA", *key_pair("-algorithm", "ED25519"))]


class AuthCase(case.EngineCase):
    def send(self, count=1, path=None, **auth):
        """The requests of `count` events to a subscription with this "auth"."""
        self.subscribe(path, auth=auth)
        for n in range(count):
            self.publish({"n": n})
        return self.receiver.await_count(path or self.path, count)

    def patch(self, made, body):
        return self.engine.admin.request("PATCH", f"{SUBSCRIPTIONS}/{made['id']}", body)

    def put(self, made, body):
        return self.engine.admin.request("PUT", f"{SUBSCRIPTIONS}/{made['id']}", body)

    def get(self, made):
        return self.engine.admin.get(f"{SUBSCRIPTIONS}/{made['id']}").json()

    def assert_fault(self, answer, pointer):
        self.assertEqual(answer.status, 422, answer)
        self.assertIn(pointer, [error["pointer"] for error in answer.json()["errors"]])


class Fields(AuthCase):
    def test_basic(self):
        request, = self.send(type="basic", username="Aladdin", password="open sesame")
        self.assertEqual(request.find("Authorization"), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==")

    def test_bearer(self):
        request, = self.send(type="bearer", token="abc.def-ghi")
        self.assertEqual(request.find("Authorization"), "Bearer abc.def-ghi")

    def test_header(self):
        request, = self.send(type="header", name="X-Api-Key", value="letters and spaces")
        self.assertEqual(request.find("X-Api-Key"), "letters and spaces")
        self.assertIsNone(request.find("Authorization"))

    def test_longest(self):
        value = "v" * 4096
        request, = self.send(type="header", name="n" * 128, value=value)
        self.assertEqual(request.find("n" * 128), value)


class Secrets(AuthCase):
    def test_they_are_written_and_never_shown(self):
        made = self.subscribe(auth={"type": "basic", "username": "me", "password": "pw-not-shown"})
        self.assertEqual(made["auth"], {"type": "basic", "username": "me"})
        self.assertEqual(self.get(made)["auth"], {"type": "basic", "username": "me"})
        listed = self.engine.admin.get(SUBSCRIPTIONS)
        self.assertNotIn(b"pw-not-shown", listed.body)

    def test_a_patch_keeps_those_that_it_does_not_name(self):
        made = self.subscribe(auth={"type": "basic", "username": "me", "password": "first"})
        self.assertEqual(self.patch(made, {"description": "changed"}).status, 200)
        self.assertEqual(self.patch(made, {"auth": {"username": "you"}}).status, 200)
        self.publish()
        request, = self.receiver.await_count(self.path, 1)
        self.assertEqual(request.find("Authorization"), "Basic " + base64.b64encode(b"you:first").decode())
        self.assertEqual(self.patch(made, {"auth": {"password": "second"}}).status, 200)
        self.publish()
        request = self.receiver.await_count(self.path, 2)[1]
        self.assertEqual(request.find("Authorization"), "Basic " + base64.b64encode(b"you:second").decode())

    def test_a_patch_to_another_type_replaces_all(self):
        made = self.subscribe(auth={"type": "basic", "username": "me", "password": "first"})
        self.assert_fault(self.patch(made, {"auth": {"type": "bearer"}}), "/auth/token")
        answer = self.patch(made, {"auth": {"type": "bearer", "token": "tok"}})
        self.assertEqual(answer.json()["auth"], {"type": "bearer"})
        self.publish()
        request, = self.receiver.await_count(self.path, 1)
        self.assertEqual(request.find("Authorization"), "Bearer tok")
        self.assertIsNone(self.patch(made, {"auth": None}).json()["auth"])

    def test_a_put_has_to_give_them(self):
        made = self.subscribe(auth={"type": "bearer", "token": "first"})
        body = self.get(made)
        self.assert_fault(self.put(made, body), "/auth/token")
        body["auth"]["token"] = "second"
        self.assertEqual(self.put(made, body).status, 200)

    def test_they_are_there_after_a_restart(self):
        self.subscribe(auth={"type": "bearer", "token": "kept"})
        self.engine.restart()
        self.publish()
        request, = self.receiver.await_count(self.path, 1)
        self.assertEqual(request.find("Authorization"), "Bearer kept")


class Tokens(AuthCase):
    def test_every_algorithm_is_verified_by_jose(self):
        tokens, kinds = [], make_keys()
        for number, (algorithm, private, public) in enumerate(kinds):
            path = f"{self.path}/{number}"
            self.kind = f"{self._testMethodName}.{number}"
            request, = self.send(path=path, type="jwt", algorithm=algorithm, key=private, key_id="key-1",
                                 issuer="grapnel", subject="hook", audience="receiver", expires_in="2m",
                                 claims={"role": "sender", "list": [1, {"iss": "inside is free"}]})
            scheme, token = request.find("Authorization").split(" ")
            self.assertEqual(scheme, "Bearer")
            tokens.append({"token": token, "key": public, "algorithm": algorithm,
                           "options": {"issuer": "grapnel", "subject": "hook", "audience": "receiver",
                                       "requiredClaims": ["iat", "exp", "jti"], "maxTokenAge": 60}})
        for (algorithm, *_), verdict in zip(kinds, verify_tokens(tokens)):
            self.assertNotIn("error", verdict, algorithm)
            payload = verdict["payload"]
            self.assertEqual(verdict["header"], {"alg": algorithm, "typ": "JWT", "kid": "key-1"})
            self.assertEqual(payload["exp"] - payload["iat"], 120)
            self.assertLess(abs(payload["iat"] - time.time()), 60)
            self.assertEqual(payload["role"], "sender")
            self.assertEqual(payload["list"], [1, {"iss": "inside is free"}])

    def test_jose_refuses_a_token_that_was_changed(self):
        request, = self.send(type="jwt", algorithm="HS256", key=HS256_KEY, header="X-Token")
        token = request.find("X-Token")
        self.assertIsNone(request.find("Authorization"))
        good = {"token": token, "key": HS256_KEY, "algorithm": "HS256", "options": {}}
        bad = {**good, "token": token[:-8] + ("A" if token[-8] != "A" else "B") + token[-7:]}
        verdicts = verify_tokens([good, bad])
        self.assertNotIn("error", verdicts[0])
        self.assertIn("error", verdicts[1])

    def test_each_attempt_has_a_token_of_its_own(self):
        self.receiver.script(self.path, [status(500), status(200)])
        self.subscribe(auth={"type": "jwt", "algorithm": "HS256", "key": HS256_KEY},
                       retry={"schedule": ["10ms"], "jitter": 0})
        self.publish()
        requests = self.receiver.await_count(self.path, 2)
        verdicts = verify_tokens([{"token": each.find("Authorization").split(" ")[1], "key": HS256_KEY,
                                   "algorithm": "HS256", "options": {}} for each in requests])
        self.assertEqual(len({verdict["payload"]["jti"] for verdict in verdicts}), 2)


if __name__ == "__main__":
    case.main()
