#!/usr/bin/env python3
"""Receivers behind a proxy: Debian's tinyproxy, and proxies that misbehave."""
import pathlib
import socket
import ssl
import sys
import tempfile
import threading
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support import case
from support.certificates import Authority
from support.engine import Engine
from support.name_server import NameServer
from support.program import free_ports
from support.receiver import Receiver, respond
from support.tinyproxy import Tinyproxy

# Receivers live at 127.0.0.2: that the proxy's 127.0.0.1 is not among what is allowed does not matter.
RECEIVERS = ("--allow-network", "127.0.0.2/32")
PASSWORD = "p4ssw0rd"


class Proxied(unittest.TestCase):
    def setUp(self):
        self.folder = self.enterContext(tempfile.TemporaryDirectory(prefix="grapnel-test-"))

    def engine(self, *arguments, proxy, **more):
        return self.enterContext(Engine(*arguments, allow=RECEIVERS, env={"GRAPNEL_EGRESS_PROXY": proxy}, **more))

    def receiver(self, **more):
        return self.enterContext(Receiver(host="127.0.0.2", **more))

    def attempt(self, engine, url, **fields):
        made = engine.subscribe(url, **{"retry": {"schedule": []}, "timeout": "20s", **fields})
        event = engine.publish("proxy", {"n": 1})["id"]
        attempt = engine.await_attempts(event, 1, made["id"])[0]
        engine.admin.request("DELETE", f"/api/v1/webhooks/subscriptions/{made['id']}")
        return attempt

    def assert_outcome(self, attempt, outcome, reason=""):
        self.assertEqual(attempt["outcome"], outcome, attempt)
        self.assertIn(reason, attempt["error"] or "")


class Tunnels(Proxied):
    def test_http_and_https_go_by_the_address_that_was_checked(self):
        authority = Authority(self.folder)
        context = authority.server_context("receiver", "DNS:receiver.test")
        with NameServer({"receiver.test": ["127.0.0.2"]}) as dns, Tinyproxy(self.folder) as proxy:
            engine = self.engine("--dns-server", dns.address, "--ca-file", authority.path, proxy=proxy.url)
            for receiver in (self.receiver(), self.receiver(context=context)):
                attempt = self.attempt(engine, receiver.url(host="receiver.test"))
                self.assert_outcome(attempt, "delivered")
                self.assertEqual(attempt["remote_address"], f"127.0.0.2:{receiver.port}")
                self.assertEqual(receiver.of()[0].find("Host"), f"receiver.test:{receiver.port}")
                self.assertEqual(receiver.of()[0].body, b'{"n": 1}')
                self.assertEqual(proxy.asked()[-1], f"CONNECT 127.0.0.2:{receiver.port}")

    def test_a_tunnel_is_kept(self):
        receiver = self.receiver()
        with Tinyproxy(self.folder) as proxy:
            engine = self.engine(proxy=proxy.url)
            engine.subscribe(receiver.url(), concurrency={"max": 1})
            for number in range(20):
                receiver.await_event(engine.publish("kept", number)["id"])
            self.assertEqual(proxy.asked(), [f"CONNECT 127.0.0.2:{receiver.port}"])

    def test_addresses_that_are_not_allowed_are_not_asked_for(self):
        receiver = self.receiver()
        names = {"inside.test": ["127.0.0.3"], "metadata.test": ["169.254.169.254"], "private.test": ["10.0.0.1"]}
        with NameServer(names) as dns, Tinyproxy(self.folder) as proxy:
            engine = self.engine("--dns-server", dns.address, proxy=proxy.url)
            for host in ("inside.test", "metadata.test", "private.test", "localhost"):
                self.assert_outcome(self.attempt(engine, receiver.url(host=host)), "blocked_address")
            self.assert_outcome(self.attempt(engine, receiver.url(host="nowhere.test")), "dns_failed")
            self.assertEqual(proxy.asked(), [])

    def test_a_certificate_is_for_the_name_and_not_for_the_proxy(self):
        authority = Authority(self.folder)
        receiver = self.receiver(context=authority.server_context("other", "DNS:other.test"))
        with NameServer({"receiver.test": ["127.0.0.2"]}) as dns, Tinyproxy(self.folder) as proxy:
            engine = self.engine("--dns-server", dns.address, "--ca-file", authority.path, proxy=proxy.url)
            self.assert_outcome(self.attempt(engine, receiver.url(host="receiver.test")), "tls_failed",
                                "host name does not match")
            self.assertEqual(receiver.of(), [])

    def test_a_client_certificate_is_shown_to_the_receiver(self):
        authority = Authority(self.folder)
        context = authority.server_context("receiver", "IP:127.0.0.2")
        context.load_verify_locations(authority.path)
        context.verify_mode = ssl.CERT_REQUIRED
        receiver = self.receiver(context=context)
        certificate, key = (pathlib.Path(each).read_text()
                            for each in authority.issue("engine", "DNS:engine.test", usage="clientAuth"))
        with Tinyproxy(self.folder) as proxy:
            engine = self.engine("--ca-file", authority.path, proxy=proxy.url)
            auth = {"type": "mtls", "certificate": certificate, "key": key}
            self.assert_outcome(self.attempt(engine, receiver.url(), auth=auth), "delivered")
            self.assert_outcome(self.attempt(engine, receiver.url()), "tls_failed")

    def test_tokens_are_fetched_through_it(self):
        receiver, issuer = self.receiver(), self.receiver()
        issuer.script("/token", [respond(200, [("Content-Type", "application/json")],
                                         b'{"access_token":"abc","token_type":"Bearer","expires_in":3600}')])
        with Tinyproxy(self.folder) as proxy:
            engine = self.engine(proxy=proxy.url)
            auth = {"type": "oauth2", "token_url": issuer.url("/token"), "client_id": "me", "client_secret": "secret"}
            self.assert_outcome(self.attempt(engine, receiver.url(), auth=auth), "delivered")
            self.assertEqual(receiver.of()[0].find("Authorization"), "Bearer abc")
            self.assertEqual(proxy.asked(), [f"CONNECT 127.0.0.2:{issuer.port}", f"CONNECT 127.0.0.2:{receiver.port}"])

    def test_a_receiver_that_does_not_listen(self):
        with Tinyproxy(self.folder) as proxy:
            engine = self.engine(proxy=proxy.url)
            self.assert_outcome(self.attempt(engine, f"http://127.0.0.2:{free_ports(1)[0]}/"), "connect_failed",
                                "the proxy answered 5")


class Credentials(Proxied):
    def test_the_right_ones(self):
        receiver = self.receiver()
        with Tinyproxy(self.folder, f"BasicAuth me {PASSWORD}") as proxy:
            url = proxy.url.replace("//", "//me:p%34ssw0rd@")
            for use in ("tunnel", "forward"):
                engine = self.engine("--egress-proxy-http", use, proxy=url)
                self.assert_outcome(self.attempt(engine, receiver.url()), "delivered")
                self.assertIsNone(receiver.of()[-1].find("Proxy-Authorization"))
                engine.stop()
                self.assertNotIn(PASSWORD, engine.log())

    def test_wrong_ones_and_none(self):
        receiver = self.receiver()
        with Tinyproxy(self.folder, f"BasicAuth me {PASSWORD}") as proxy:
            for use, who in (("tunnel", ""), ("tunnel", "me:wrong@"), ("forward", "")):
                engine = self.engine("--egress-proxy-http", use, proxy=proxy.url.replace("//", f"//{who}"))
                self.assert_outcome(self.attempt(engine, receiver.url()), "connect_failed", "the proxy answered 40")
            self.assertEqual(receiver.of(), [])


class Forwarding(Proxied):
    def test_http_is_forwarded_by_name_and_https_is_tunnelled(self):
        authority = Authority(self.folder)
        context = authority.server_context("receiver", "DNS:localhost,IP:127.0.0.2")
        plain, secure = self.receiver(), self.receiver(context=context)
        with Tinyproxy(self.folder) as proxy:
            engine = self.engine("--egress-proxy-http", "forward", "--ca-file", authority.path, proxy=proxy.url)
            attempt = self.attempt(engine, plain.url("/hook?a=b"))
            self.assert_outcome(attempt, "delivered")
            self.assertEqual((plain.of()[0].path, plain.of()[0].body), ("/hook?a=b", b'{"n": 1}'))
            self.assertTrue(plain.of()[0].find("webhook-signature"))
            self.assert_outcome(self.attempt(engine, secure.url()), "delivered")
            self.assertEqual(proxy.asked(), [f"POST http://127.0.0.2:{plain.port}/hook?a=b",
                                             f"CONNECT 127.0.0.2:{secure.port}"])

    def test_every_address_of_a_name_has_to_be_allowed(self):
        receiver = self.receiver()
        names = {"good.test": ["127.0.0.2"], "mixed.test": ["127.0.0.2", "127.0.0.3"]}
        with NameServer(names) as dns, Tinyproxy(self.folder) as proxy:
            engine = self.engine("--egress-proxy-http", "forward", "--dns-server", dns.address, proxy=proxy.url)
            self.assert_outcome(self.attempt(engine, receiver.url(host="mixed.test")), "blocked_address")
            self.assertEqual(proxy.asked(), [])


class Trouble(Proxied):
    def misbehaving(self, answer):
        """A proxy that says `answer` to whatever comes, and nothing more: its URL."""
        def serve():
            while True:
                try:
                    stream, _ = listener.accept()
                except OSError:
                    return
                streams.append(stream)
                stream.recv(4096)
                if answer is None:
                    stream.close()
                else:
                    stream.sendall(answer)

        streams = []
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)
        threading.Thread(target=serve, daemon=True).start()
        return f"http://127.0.0.1:{listener.getsockname()[1]}"

    def test_a_proxy_that_misbehaves(self):
        receiver = self.receiver()
        for answer, reason in ((b"SSH-2.0-OpenSSH_9\r\n", "the proxy's answer"),
                               (b"HTTP/1.1 403 Forbidden\r\n\r\n", "the proxy answered 403"),
                               (b"HTTP/1.1 502 Bad Gateway\r\n\r\n", "the proxy answered 502"),
                               (b"HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", "more than its answer"),
                               (b"x" * 40000, "the proxy"),
                               (None, "the proxy ended the connection")):
            with self.subTest(reason):
                engine = self.engine(proxy=self.misbehaving(answer))
                self.assert_outcome(self.attempt(engine, receiver.url()), "connect_failed", reason)
        self.assertEqual(receiver.accepted, 0)

    def test_a_proxy_that_never_answers(self):
        engine = self.engine(proxy=self.misbehaving(b""))
        self.assert_outcome(self.attempt(engine, self.receiver().url(), timeout="1s"), "timeout",
                            "awaiting the proxy's answer")

    def test_a_proxy_that_comes_back(self):
        receiver, port = self.receiver(), free_ports(1)[0]
        engine = self.engine(proxy=f"http://127.0.0.1:{port}")
        made = engine.subscribe(receiver.url(), retry={"schedule": ["1s"] * 20})
        event = engine.publish("back", 1)["id"]
        self.assert_outcome(engine.await_attempts(event, 1, made["id"])[0], "connect_failed",
                            "the proxy cannot be reached: Connection refused")
        with Tinyproxy(self.folder, port=port):
            engine.await_status(event, "delivered", made["id"])

    def test_a_proxy_whose_name_is_not_known(self):
        engine = self.engine(proxy="http://no-such-proxy.invalid:3128")
        self.assert_outcome(self.attempt(engine, self.receiver().url()), "dns_failed", "the proxy's name")


if __name__ == "__main__":
    case.main()
