#!/usr/bin/env python3
"""Whom the engine trusts and whom it is: authorities, pins, versions and client certificates, with nginx."""
import pathlib
import ssl
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support import case, nginx, program
from support.certificates import Authority, pin
from support.engine import Engine, SUBSCRIPTIONS
from support.receiver import Receiver

HTTP = """
    log_format seen escape=none '$http_webhook_id $connection $ssl_protocol $ssl_client_verify $ssl_client_s_dn';
    ssl_certificate {certificate}; ssl_certificate_key {key};
    ssl_protocols TLSv1.2 TLSv1.3;
    server {{
        listen 127.0.0.1:{usual} ssl; listen 127.0.0.2:{usual} ssl;
        location / {{ access_log {folder}/seen.log seen; return 200; }}
    }}
    server {{
        listen 127.0.0.1:{older} ssl;
        ssl_protocols TLSv1.2;
        location / {{ access_log {folder}/seen.log seen; return 200; }}
    }}
    server {{
        listen 127.0.0.1:{mutual} ssl;
        ssl_client_certificate {clients};
        ssl_verify_client on;
        location / {{ access_log {folder}/seen.log seen; return 200; }}
    }}
"""


class Trust(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = cls.enterClassContext(tempfile.TemporaryDirectory(prefix="grapnel-test-"))
        cls.private, cls.public = Authority(cls.folder, "private"), Authority(cls.folder, "public")
        cls.clients = Authority(cls.folder, "clients")
        cls.certificate, key = cls.private.issue("receiver", "DNS:localhost,IP:127.0.0.1")
        ports = program.free_ports(3)
        cls.usual, cls.older, cls.mutual = (f"https://localhost:{port}/hook" for port in ports)
        http = HTTP.format(folder=cls.folder, certificate=cls.certificate, key=key, clients=cls.clients.path,
                           usual=ports[0], older=ports[1], mutual=ports[2])
        cls.nginx = cls.enterClassContext(nginx.Nginx(cls.folder, http, ports[0]))
        cls.engine = cls.enterClassContext(Engine("--ca-file", cls.public.path))

    def setUp(self):
        self.count = 0
        self.ca = pathlib.Path(self.private.path).read_text()

    def client(self, name="engine", authority=None, **more):
        """auth of type mtls, with a certificate made for it."""
        made = (authority or self.clients).issue(name, "DNS:engine.test", usage="clientAuth", **more)
        certificate, key = (pathlib.Path(path).read_text() for path in made)
        return {"type": "mtls", "certificate": certificate, "key": key}

    def subscribe(self, url, **fields):
        self.count += 1
        made = self.engine.subscribe(url, events=[f"{self.id()}.{self.count}"], retry={"schedule": []}, **fields)
        self.addCleanup(lambda: self.engine.admin.request("DELETE", f"{SUBSCRIPTIONS}/{made['id']}"))
        return made

    def attempt(self, subscription):
        """One attempt, and what nginx saw of it: connection, protocol, verdict and name, or None."""
        event = self.engine.publish(subscription["events"][0], 1)["id"]
        attempt = self.engine.await_attempts(event, 1, subscription["id"])[0]
        seen = [words[1:] for words in self.nginx.lines("seen.log") if words[0] == event]
        return attempt, seen[0] if seen else None

    def assert_delivered(self, subscription):
        attempt, seen = self.attempt(subscription)
        self.assertEqual(attempt["outcome"], "delivered", attempt)
        return seen

    def assert_refused(self, subscription, reason):
        attempt, seen = self.attempt(subscription)
        self.assertEqual(attempt["outcome"], "tls_failed", attempt)
        self.assertIn(reason, attempt["error"])
        self.assertIsNone(seen, "the request was sent all the same")

    # ---- authorities ----

    def test_an_authority_of_its_own(self):
        self.assert_refused(self.subscribe(self.usual), "certificate refused")
        self.assert_delivered(self.subscribe(self.usual, tls={"ca": self.ca}))

    def test_an_authority_of_its_own_is_the_only_one(self):
        with Engine("--ca-file", self.private.path) as engine:
            for ca, outcome in ((None, "delivered"), (pathlib.Path(self.public.path).read_text(), "tls_failed")):
                made = engine.subscribe(self.usual, events=["only"], retry={"schedule": []},
                                        tls={"ca": ca} if ca else {})
                event = engine.publish("only", 1)["id"]
                self.assertEqual(engine.await_attempts(event, 1, made["id"])[0]["outcome"], outcome)

    def test_an_authority_of_its_own_does_not_vouch_for_other_hosts(self):
        self.assert_refused(self.subscribe(self.usual.replace("localhost", "127.0.0.2"), tls={"ca": self.ca}),
                            "IP address does not match")

    def test_connections_that_trust_something_else_are_not_shared(self):
        both = [self.subscribe(self.usual, tls={"ca": self.ca}),
                self.subscribe(self.usual, tls={"ca": self.ca, "pins": [pin(self.certificate, self.folder)]})]
        used = [{self.assert_delivered(each)[0] for _ in range(3)} for each in both]
        self.assertFalse(used[0] & used[1], used)

    # ---- pins ----

    def test_a_pinned_key(self):
        pins = [pin(self.certificate, self.folder)]
        self.assert_delivered(self.subscribe(self.usual, tls={"ca": self.ca, "pins": pins}))
        other = pin(self.public.path, self.folder)
        self.assert_refused(self.subscribe(self.usual, tls={"ca": self.ca, "pins": [other]}), "pinned")
        self.assert_delivered(self.subscribe(self.usual, tls={"ca": self.ca, "pins": [other, *pins]}))

    def test_the_pinned_key_of_an_authority(self):
        pins = [pin(self.private.path, self.folder)]
        self.assert_delivered(self.subscribe(self.usual, tls={"ca": self.ca, "pins": pins}))
        self.assert_refused(self.subscribe(self.usual, tls={"verify": False, "pins": pins}), "pinned")

    def test_a_pinned_key_in_place_of_an_authority(self):
        self.assert_delivered(self.subscribe(self.usual, tls={"verify": False,
                                                              "pins": [pin(self.certificate, self.folder)]}))

    # ---- versions ----

    def test_a_least_version(self):
        self.assertEqual(self.assert_delivered(self.subscribe(self.older, tls={"ca": self.ca}))[1], "TLSv1.2")
        self.assert_refused(self.subscribe(self.older, tls={"ca": self.ca, "min_version": "1.3"}), "protocol version")
        self.assertEqual(
            self.assert_delivered(self.subscribe(self.usual, tls={"ca": self.ca, "min_version": "1.3"}))[1], "TLSv1.3")

    # ---- client certificates ----

    def test_a_client_certificate(self):
        subscription = self.subscribe(self.mutual, tls={"ca": self.ca}, auth=self.client())
        self.assertEqual(self.assert_delivered(subscription)[2:], ["SUCCESS", "CN=engine"])

    def test_a_client_certificate_by_an_intermediate_authority(self):
        middle = Authority(self.folder, "middle", self.clients)
        auth = self.client("behind", middle)
        self.assertEqual(self.attempt(self.subscribe(self.mutual, tls={"ca": self.ca}, auth=auth))[0]["http_status"],
                         400, "the chain is not whole")
        auth["certificate"] += pathlib.Path(middle.path).read_text()
        subscription = self.subscribe(self.mutual, tls={"ca": self.ca}, auth=auth)
        self.assertEqual(self.assert_delivered(subscription)[2:], ["SUCCESS", "CN=behind"])

    def test_no_client_certificate_or_one_that_nobody_knows(self):
        for auth in (None, self.client("stranger", self.public)):
            attempt, _ = self.attempt(self.subscribe(self.mutual, tls={"ca": self.ca}, auth=auth))
            self.assertEqual((attempt["outcome"], attempt["http_status"]), ("http_error", 400), attempt)

    def test_a_receiver_that_ends_the_connection_without_one(self):
        for version, reason in ((ssl.TLSVersion.TLSv1_2, "handshake failure"),
                                (ssl.TLSVersion.TLSv1_3, "certificate required")):
            context = self.private.server_context("insisting", "DNS:localhost,IP:127.0.0.1", version)
            context.load_verify_locations(self.clients.path)
            context.verify_mode = ssl.CERT_REQUIRED
            with self.subTest(version.name), Receiver(context) as receiver:
                attempt, _ = self.attempt(self.subscribe(receiver.url(), tls={"ca": self.ca}))
                self.assertEqual(attempt["outcome"], "tls_failed", attempt)
                self.assertIn(reason, attempt["error"])
                self.assert_delivered(self.subscribe(receiver.url(), tls={"ca": self.ca}, auth=self.client()))

    def test_a_client_certificate_that_is_changed(self):
        subscription = self.subscribe(self.mutual, tls={"ca": self.ca}, auth=self.client("first"))
        self.assertEqual(self.assert_delivered(subscription)[3], "CN=first")
        for change, name in ((self.client("second"), "CN=second"), ({"type": "mtls"}, "CN=second")):
            answer = self.engine.admin.request("PATCH", f"{SUBSCRIPTIONS}/{subscription['id']}", {"auth": change})
            self.assertEqual(answer.status, 200, answer)
            self.assertEqual(self.assert_delivered(subscription)[3], name)

    def test_a_client_certificate_after_a_restart_and_its_key_is_nowhere_to_be_seen(self):
        auth = self.client("restarted")
        secret = auth["key"].splitlines()[1]
        with Engine() as engine:
            made = engine.subscribe(self.mutual, events=["trust"], tls={"ca": self.ca}, auth=auth)
            engine.restart()
            event = engine.publish("trust", 1)["id"]
            engine.await_status(event, "delivered", made["id"])
            shown = engine.admin.get(f"{SUBSCRIPTIONS}/{made['id']}").json()
            self.assertEqual(shown["auth"], {"type": "mtls", "certificate": auth["certificate"]})
            self.assertEqual(shown["tls"], {"verify": True, "ca": self.ca})
            engine.stop()
            self.assertNotIn(secret, engine.log())
            for path in engine.data.rglob("*"):
                if path.is_file():
                    self.assertNotIn(secret.encode(), path.read_bytes(), path)

    # ---- what is refused ----

    def test_what_is_wrong_is_named(self):
        auth, other = self.client("one"), self.client("other")
        old = self.client("expired", days=-1)
        rows = [
            ({"tls": {"ca": "nothing"}}, "/tls/ca"),
            ({"tls": {"ca": auth["key"]}}, "/tls/ca"),
            ({"tls": {"ca": old["certificate"]}}, "/tls/ca"),
            ({"tls": {"ca": self.ca, "verify": False}}, "/tls/ca"),
            ({"tls": {"pins": ["sha256/short"]}}, "/tls/pins/0"),
            ({"tls": {"min_version": "1.0"}}, "/tls/min_version"),
            ({"auth": {"type": "mtls", "certificate": auth["certificate"]}}, "/auth/key"),
            ({"auth": {**auth, "certificate": "nothing"}}, "/auth/certificate"),
            ({"auth": {**auth, "key": "nothing"}}, "/auth/key"),
            ({"auth": {**auth, "key": other["key"]}}, "/auth/key"),
            ({"auth": old}, "/auth/certificate"),
            ({"auth": auth, "url": "http://localhost/"}, "/auth/type"),
            ({"tls": {"min_version": "1.3"}, "url": "http://localhost/"}, "/tls"),
        ]
        for fields, pointer in rows:
            with self.subTest(pointer=pointer, fields=list(fields)):
                answer = self.engine.admin.post(SUBSCRIPTIONS, {"url": self.usual, **fields})
                self.assertEqual(answer.status, 422, answer)
                self.assertEqual([each["pointer"] for each in answer.json()["errors"]], [pointer])
                self.assertNotIn("PRIVATE", str(answer.json()["errors"]))


if __name__ == "__main__":
    case.main()
