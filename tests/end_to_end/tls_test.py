#!/usr/bin/env python3
"""TLS on both ports and towards receivers, with certificates of the test's own authority."""
import pathlib
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support import case, wait
from support.certificates import Authority
from support.client import RawConnection
from support.engine import EVENTS, Engine
from support.receiver import Receiver, respond, status

LOCAL = "DNS:localhost,IP:127.0.0.1"


def setUpModule():
    global folder, authority, stranger
    holder = tempfile.TemporaryDirectory(prefix="grapnel-test-")
    unittest.addModuleCleanup(holder.cleanup)
    folder = holder.name
    authority, stranger = Authority(folder, "ca"), Authority(folder, "stranger")


class TlsEngine(Engine):
    """An engine whose ports speak TLS, with clients that trust the authority."""

    def __init__(self, name="ports", **more):
        self.certificate, self.key_path = authority.issue(name, LOCAL)
        super().__init__("--tls-cert", self.certificate, "--tls-key", self.key_path, start=False, **more)
        self.context = authority.client_context()
        try:
            self.start()
        except BaseException:
            self.remove()
            raise


class Ports(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.engine = cls.enterClassContext(TlsEngine())

    def curl(self, *arguments):
        return subprocess.run(["curl", "-sS", "--max-time", "60", *arguments], capture_output=True, text=True,
                              check=False)

    def test_curl_publishes_with_the_authority(self):
        done = self.curl("--cacert", authority.path, "-w", "\n%{http_code}", "-H",
                         f"Authorization: Bearer {self.engine.key}", "-H", "Content-Type: application/json", "-d",
                         '{"type":"tls.curl","payload":1}', f"https://{self.engine.ingest_address}{EVENTS}")
        self.assertTrue(done.stdout.endswith("202"), done)

    def test_curl_manages_with_the_authority(self):
        done = self.curl("--cacert", authority.path, "-w", "\n%{http_code}", "-H",
                         f"Authorization: Bearer {self.engine.key}",
                         f"https://{self.engine.admin_address}/api/v1/webhooks/subscriptions")
        self.assertTrue(done.stdout.endswith("200"), done)

    def test_curl_without_the_authority_refuses(self):
        for address in (self.engine.ingest_address, self.engine.admin_address):
            self.assertEqual(self.curl(f"https://{address}/healthz").returncode, 60)

    def test_tls_1_2_and_1_3_and_nothing_older(self):
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = authority.client_context()
            context.minimum_version = context.maximum_version = version
            with RawConnection(self.engine.ingest_address, context) as raw:
                self.assertEqual(raw.socket.version(), version.name.replace("_", "."))
                raw.send(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
                self.assertEqual(raw.receive("GET").status, 200)
        done = subprocess.run(["openssl", "s_client", "-connect", self.engine.ingest_address, "-tls1_1", "-cipher",
                               "ALL:@SECLEVEL=0"], input="", capture_output=True, text=True, timeout=60, check=False)
        self.assertNotEqual(done.returncode, 0)

    def test_plain_http_gets_nothing(self):
        for address in (self.engine.ingest_address, self.engine.admin_address):
            with RawConnection(address) as raw:
                raw.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
                try:
                    self.assertNotIn(b" 200 ", raw.socket.recv(4096))
                except ConnectionResetError:
                    pass

    def test_keep_alive_and_pipelining(self):
        with RawConnection(self.engine.ingest_address, authority.client_context()) as raw:
            raw.send(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n" * 50)
            self.assertEqual([raw.receive("GET").status for _ in range(50)], [200] * 50)

    def test_large_bodies_in_both_directions(self):
        payload = "x" * 1_000_000
        answer = self.engine.ingest.post(EVENTS, {"type": "tls.large", "payload": payload})
        self.assertEqual(answer.status, 202, answer)
        got = self.engine.admin.get(f"/api/v1/webhooks/events/{answer.json()['id']}")
        self.assertEqual(got.json()["payload"], payload)

    def test_one_byte_at_a_time(self):
        with RawConnection(self.engine.ingest_address, authority.client_context()) as raw:
            for byte in b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n":
                raw.send(bytes([byte]))
            self.assertEqual(raw.receive("GET").status, 200)

    def test_handshakes_that_are_left(self):
        for data in (b"", b"\x16", b"\x16\x03\x01\x02\x00\x01", b"\x16\x03\x01" + b"\xff" * 1000, b"\x80" * 100):
            for _ in range(5):
                raw = RawConnection(self.engine.ingest_address)
                raw.send(data)
                raw.close()
        self.assertEqual(self.engine.ingest.get("/healthz").status, 200)

    def test_sighup_loads_a_new_certificate(self):
        def serial():
            with RawConnection(self.engine.ingest_address, authority.client_context()) as raw:
                return raw.socket.getpeercert()["serialNumber"]

        before = serial()
        authority.issue("ports", LOCAL)  # the same paths
        self.engine.process.send_signal(signal.SIGHUP)
        wait.until(lambda: serial() != before, "the new certificate")
        self.assertEqual(self.engine.admin.get("/healthz").status, 200)


class Receivers(unittest.TestCase):
    def setUp(self):
        self.engine = self.enterContext(Engine("--ca-file", authority.path))

    def attempt(self, url, payload=1, **fields):
        made = self.engine.subscribe(url, **{"retry": {"schedule": []}, "timeout": "10s", **fields})
        event = self.engine.publish("tls", payload)["id"]
        return self.engine.await_attempts(event, 1, made["id"])[0]

    def test_a_trusted_receiver(self):
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            for host in ("127.0.0.1", "localhost"):
                with self.subTest(f"{version.name} {host}"):
                    context = authority.server_context("good", LOCAL, version)
                    with Receiver(context) as receiver:
                        attempt = self.attempt(receiver.url(host=host), events=["tls"])
                        self.assertEqual(attempt["outcome"], "delivered", attempt)
                        self.assertGreater(attempt["timings"]["connect_us"], 0)
                        self.assertGreater(attempt["timings"]["tls_us"], 0)

    def test_large_bodies_in_both_directions(self):
        with Receiver(authority.server_context("good", LOCAL)) as receiver:
            receiver.script("/hook", [respond(200, body=b"y" * 500_000)])
            attempt = self.attempt(receiver.url(), payload="x" * 1_000_000)
            self.assertEqual(attempt["outcome"], "delivered", attempt)
            self.assertEqual(len(receiver.of()[0].body), 1_000_002)

    def test_connections_are_kept(self):
        with Receiver(authority.server_context("good", LOCAL)) as receiver:
            self.engine.subscribe(receiver.url(), concurrency={"max": 1})
            for number in range(20):
                receiver.await_event(self.engine.publish("tls", number)["id"])
            self.assertEqual(len({each.connection for each in receiver.of()}), 1)

    def test_an_unknown_authority(self):
        with Receiver(stranger.server_context("strange", LOCAL)) as receiver:
            attempt = self.attempt(receiver.url())
            self.assertEqual(attempt["outcome"], "tls_failed")
            self.assertTrue(attempt["error"])
            self.assertEqual(receiver.of(), [], "the request was sent all the same")

    def test_a_certificate_for_another_host(self):
        for names in ("DNS:other.example", "DNS:*.localhost", "IP:127.0.0.2"):
            with self.subTest(names), Receiver(authority.server_context("other", names)) as receiver:
                for host in ("127.0.0.1", "localhost"):
                    attempt = self.attempt(receiver.url(host=host))
                    self.assertEqual(attempt["outcome"], "tls_failed")
                self.assertEqual(receiver.of(), [])

    def test_a_certificate_that_has_run_out(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*authority.issue("old", LOCAL, days=-1))
        with Receiver(context) as receiver:
            self.assertEqual(self.attempt(receiver.url())["outcome"], "tls_failed")
            self.assertEqual(receiver.of(), [])

    def test_verification_that_was_turned_off(self):
        with Receiver(stranger.server_context("strange", "DNS:other.example")) as receiver:
            self.assertEqual(self.attempt(receiver.url(), tls={"verify": False})["outcome"], "delivered")

    def test_a_receiver_that_speaks_plain_http(self):
        def answer(listener):
            stream, _ = listener.accept()
            with stream:
                stream.recv(4096)
                stream.sendall(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")

        with socket.create_server(("127.0.0.1", 0)) as listener:
            threading.Thread(target=answer, args=(listener,), daemon=True).start()
            attempt = self.attempt(f"https://127.0.0.1:{listener.getsockname()[1]}/")
            self.assertEqual(attempt["outcome"], "tls_failed")

    def test_a_receiver_that_speaks_old_tls_only(self):
        context = authority.server_context("good", LOCAL, ssl.TLSVersion.TLSv1_1)
        context.set_ciphers("ALL:@SECLEVEL=0")
        with Receiver(context) as receiver:
            self.assertEqual(self.attempt(receiver.url())["outcome"], "tls_failed")

    def test_a_handshake_that_hangs_is_a_timeout(self):
        with socket.socket() as silent:
            silent.bind(("127.0.0.1", 0))
            silent.listen()
            attempt = self.attempt(f"https://127.0.0.1:{silent.getsockname()[1]}/", timeout="1s")
            self.assertEqual(attempt["outcome"], "timeout")

    def test_retries_over_tls(self):
        with Receiver(authority.server_context("good", LOCAL)) as receiver:
            receiver.script("/hook", [status(500), status(200)])
            self.engine.subscribe(receiver.url(), retry={"schedule": ["100ms"]})
            event = self.engine.publish("tls", 1)["id"]
            self.engine.await_status(event, "delivered")
            self.assertEqual(len(receiver.of()), 2)

    def test_without_the_ca_file_nobody_of_ours_is_trusted(self):
        with Engine() as plain, Receiver(authority.server_context("good", LOCAL)) as receiver:
            made = plain.subscribe(receiver.url(), retry={"schedule": []})
            event = plain.publish("tls", 1)["id"]
            self.assertEqual(plain.await_attempts(event, 1, made["id"])[0]["outcome"], "tls_failed")


if __name__ == "__main__":
    case.main()
