#!/usr/bin/env python3
"""HTTP/1.1 by raw sockets: keep-alive, pipelining, deadlines, and framing that two readers could
understand differently."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support import case, wait
from support.client import RawConnection
from support.engine import EVENTS

BODY = b'{"type":"wire","payload":1}'

# Each is ambiguous or forbidden (RFC 9112): 400, and the connection ends.
BROKEN_HEADS = {
    "two lengths": b"Content-Length: 27\r\nContent-Length: 28",
    "length and chunks": b"Content-Length: 27\r\nTransfer-Encoding: chunked",
    "signed length": b"Content-Length: +27",
    "length in hex": b"Content-Length: 0x1b",
    "two lengths in one": b"Content-Length: 27, 28",
    "huge length": b"Content-Length: 99999999999999999999999",
    "unknown coding": b"Transfer-Encoding: gzip",
    "chunked not last": b"Transfer-Encoding: chunked, gzip",
    "chunked twice": b"Transfer-Encoding: chunked, chunked",
    "space before the colon": b"Content-Length : 27",
    "folded field": b"X-A: b\r\n c\r\nContent-Length: 27",
    "no colon": b"Content-Length 27",
    "control byte": b"X-A: a\x01b\r\nContent-Length: 27",
    "bare CR": b"X-A: a\rb\r\nContent-Length: 27",
    "NUL": b"X-A: a\x00b\r\nContent-Length: 27",
    "two hosts": b"Host: y\r\nContent-Length: 27",
    "empty name": b": v\r\nContent-Length: 27",
}

BROKEN_LINES = [
    b"POST  /x HTTP/1.1", b"POST /x", b"POST /x HTTP/1.1 ", b"POST /x http/1.1", b"POST /x HTTP/2.0",
    b"POST /x HTTP/1.10", b"P\x01ST /x HTTP/1.1", b"POST /\x00 HTTP/1.1", b" POST /x HTTP/1.1", b"\x16\x03\x01",
]

BROKEN_CHUNKS = [
    b"1g\r\n", b"-1\r\n", b"\r\n", b"ffffffffffffffffffff\r\n", b"1b\n" + BODY, b"1b \r\n" + BODY + b"\r\n0\r\n\r\n",
    b"1b\r\n" + BODY + b"x\r\n", b"0x1b\r\n" + BODY + b"\r\n0\r\n\r\n",
]


class Connections(case.EngineCase):
    def head(self, framing=b"Content-Length: 27", line=None, host=b"Host: x\r\n"):
        line = line or f"POST {EVENTS} HTTP/1.1".encode()
        return (line + b"\r\n" + host + b"Authorization: Bearer " + self.engine.key.encode() +
                b"\r\nContent-Type: application/json\r\n" + framing + b"\r\n\r\n")

    def open(self):
        return RawConnection(self.engine.ingest_address)

    def test_keeps_a_connection_alive(self):
        with self.open() as raw:
            for _ in range(50):
                raw.send(self.head() + BODY)
                self.assertEqual(raw.receive().status, 202)

    def test_pipelined_requests_are_answered_in_order(self):
        with self.open() as raw:
            mixed = []
            for number in range(100):
                if number % 3 == 0:
                    mixed.append((b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", 200))
                elif number % 3 == 1:
                    mixed.append((self.head() + BODY, 202))
                else:
                    mixed.append((self.head(b"Content-Length: 1") + b"{", 400))
            raw.send(b"".join(request for request, _ in mixed))
            self.assertEqual([raw.receive().status for _ in mixed], [status for _, status in mixed])

    def test_connection_close_is_obeyed(self):
        with self.open() as raw:
            raw.send(self.head(b"Connection: close\r\nContent-Length: 27") + BODY)
            self.assertEqual(raw.receive().status, 202)
            self.assertIsNone(raw.receive())

    def test_http_1_0_closes(self):
        with self.open() as raw:
            raw.send(self.head(line=f"POST {EVENTS} HTTP/1.0".encode()) + BODY)
            self.assertEqual(raw.receive().status, 202)
            self.assertIsNone(raw.receive())

    def test_half_closed_client_gets_its_answer(self):
        with self.open() as raw:
            raw.send(self.head() + BODY)
            raw.end_sending()
            self.assertEqual(raw.receive().status, 202)

    def test_expect_100_continue(self):
        with self.open() as raw:
            raw.send(self.head(b"Expect: 100-continue\r\nContent-Length: 27"))
            self.assertEqual(raw.receive_any().status, 100)
            raw.send(BODY)
            self.assertEqual(raw.receive().status, 202)

    def test_head_has_no_body(self):
        with self.open() as raw:
            raw.send(b"HEAD /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            self.assertIn(raw.receive("HEAD").status, (200, 405))
            self.assertEqual(raw.receive("GET").status, 200)

    def test_ambiguous_framing_is_refused(self):
        for name, framing in BROKEN_HEADS.items():
            with self.subTest(name), self.open() as raw:
                raw.send(self.head(framing) + BODY)
                answer = raw.receive()
                self.assertIsNotNone(answer)
                self.assertIn(answer.status, (400, 411, 413, 501), answer)
                self.assertIsNone(raw.receive(), "the connection goes on")

    def test_missing_host_is_refused(self):
        with self.open() as raw:
            raw.send(self.head(host=b"") + BODY)
            self.assertEqual(raw.receive().status, 400)

    def test_broken_request_lines_are_refused(self):
        for line in BROKEN_LINES:
            with self.subTest(line), self.open() as raw:
                raw.send(self.head(line=line) + BODY)
                answer = raw.receive()
                self.assertTrue(answer is None or answer.status in (400, 505), answer)

    def test_broken_chunks_are_refused(self):
        for chunks in BROKEN_CHUNKS:
            with self.subTest(chunks), self.open() as raw:
                raw.send(self.head(b"Transfer-Encoding: chunked") + chunks)
                raw.end_sending()
                answer = raw.receive()
                self.assertTrue(answer is None or answer.status == 400, answer)

    def test_head_too_large(self):
        for filling in (b"X-A: " + b"x" * 20_000, b"\r\n".join(b"X-%d: 1" % n for n in range(120))):
            with self.subTest(len(filling)), self.open() as raw:
                raw.send(self.head(filling + b"\r\nContent-Length: 27") + BODY)
                answer = raw.receive()
                self.assertEqual(answer.status, 431, answer)

    def test_a_peer_that_leaves_at_any_point(self):
        whole = self.head() + BODY
        for cut in range(0, len(whole), 3):
            raw = self.open()
            raw.send(whole[:cut])
            raw.close()
        self.assertEqual(self.engine.ingest.get("/healthz").status, 200)

    def test_pipelining_while_never_reading(self):
        with self.open() as raw:
            raw.socket.setblocking(False)
            sent = 0
            try:
                while sent < 64 * 1024 * 1024:
                    sent += raw.socket.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" * 100)
            except BlockingIOError:
                pass  # back-pressure: the engine does not read on while its answers are not taken
            self.assertLess(sent, 64 * 1024 * 1024)
        self.assertEqual(self.engine.ingest.get("/healthz").status, 200)

    def test_many_connections_at_once(self):
        raws = [self.open() for _ in range(300)]
        for raw in raws:
            raw.send(self.head()[:40])
        for raw in raws:
            raw.send(self.head()[40:] + BODY)
        self.assertEqual({raw.receive().status for raw in raws}, {202})
        for raw in raws:
            raw.close()


class Deadlines(case.EngineCase):
    arguments = ("--head-timeout", "1s", "--idle-timeout", "1s")

    def test_a_head_that_does_not_arrive(self):
        with RawConnection(self.engine.ingest_address) as raw:
            raw.send(b"GET /healthz HT")
            answer = wait.until(lambda: [raw.receive()], "an end")[0]
            self.assertTrue(answer is None or answer.status == 408, answer)

    def test_a_head_that_trickles(self):
        with RawConnection(self.engine.ingest_address) as raw:
            def trickle():
                try:
                    raw.send(b"x")
                    return False
                except OSError:
                    return True
            raw.send(b"GET /healthz HTTP/1.1\r\nX-A: ")
            wait.until(trickle, "the end of a head of ever more bytes")

    def test_an_idle_connection_ends(self):
        with RawConnection(self.engine.ingest_address) as raw:
            raw.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            self.assertEqual(raw.receive("GET").status, 200)
            self.assertIsNone(raw.receive("GET"))


if __name__ == "__main__":
    case.main()
