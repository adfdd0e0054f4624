#!/usr/bin/env python3
"""What a receiver may do, and what the attempt then says: outcome, status, response, address."""
import pathlib
import socket
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support import case
from support.receiver import close, hang, raw, reset, respond, status

TIME = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"

# Not HTTP/1.x, or framed so that its end cannot be known.
INVALID = {
    "not http": b"hello\r\n\r\n",
    "http 2": b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n",
    "no status": b"HTTP/1.1 \r\n\r\n",
    "status of two digits": b"HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n",
    "status of four digits": b"HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "length and chunks": b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "bad length": b"HTTP/1.1 200 OK\r\nContent-Length: abc\r\n\r\n",
    "bad chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "cut body": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
    "cut chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc",
    "cut head": b"HTTP/1.1 200 OK\r\nContent-Le",
    "head without end": b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 100_000,
    "line without end": b"HTTP/1.1 200 " + b"x" * 1_000_000,
    "folded": b"HTTP/1.1 200 OK\r\nX-A: b\r\n c\r\nContent-Length: 0\r\n\r\n",
    "too many interim responses": b"HTTP/1.1 100 Continue\r\n\r\n" * 10_000,
}

# Unusual, and a 2xx all the same.
VALID = {
    "no reason": b"HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n",
    "http 1.0": b"HTTP/1.0 200 OK\r\n\r\nuntil the end",
    "until the end": b"HTTP/1.1 200 OK\r\n\r\nuntil the end",
    "chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nT: x\r\n\r\n",
    "204": b"HTTP/1.1 204 No Content\r\n\r\n",
    "299": b"HTTP/1.1 299 Odd\r\nContent-Length: 0\r\n\r\n",
    "interim responses first": b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: a\r\n\r\n"
                               b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    "more than was asked for": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 500 No\r\n\r\n",
}


class Attempt(case.EngineCase):
    def attempt(self, path=None, kind=None, url=None, **fields):
        """The one attempt of one event to a subscription that never retries."""
        fields = {"retry": {"schedule": []}, "events": [kind or self.kind], **fields}
        if url:
            made = self.engine.subscribe(url, **fields)
        else:
            made = self.subscribe(path, **fields)
        event = self.publish({"n": 1}, type=kind or self.kind)
        return self.engine.await_attempts(event, 1, made["id"])[0]

    def test_delivered(self):
        self.receiver.script(self.path, [respond(200, body=b"thank you")])
        got = self.attempt()
        self.assertEqual(got["outcome"], "delivered")
        self.assertEqual(got["http_status"], 200)
        self.assertEqual(got["number"], 1)
        self.assertRegex(got["at"], TIME)
        self.assertGreaterEqual(got["duration_ms"], 0)
        self.assertIsNone(got["error"])
        self.assertEqual(got["remote_address"], f"127.0.0.1:{self.receiver.port}")

    def test_http_errors(self):
        for code in (300, 301, 302, 304, 307, 308, 400, 401, 403, 404, 418, 422, 429, 499, 500, 502, 503, 599):
            with self.subTest(code):
                self.receiver.script(f"/{code}", [respond(code, body=b"" if code == 304 else b"because")])
                got = self.attempt(f"/{code}", f"code.{code}")
                self.assertEqual((got["outcome"], got["http_status"]), ("http_error", code))

    def test_redirects_are_not_followed(self):
        target = self.receiver.url("/target")
        self.receiver.script(self.path, [status(307, Location=target)])
        self.assertEqual(self.attempt()["outcome"], "http_error")
        self.assertEqual(self.receiver.of("/target"), [])

    def test_response_body_is_kept_within_bounds(self):
        self.receiver.script(self.path, [respond(500, body=b"why " * 100_000)])
        body = self.attempt()["response_body"]
        self.assertTrue(body.startswith("why why "))
        self.assertLess(len(body), 64 * 1024)

    def test_response_body_that_is_not_text(self):
        self.receiver.script(self.path, [respond(500, body=bytes(range(256)))])
        self.assertEqual(self.attempt()["outcome"], "http_error")  # and the answer was JSON

    def test_unusual_responses_that_are_valid(self):
        for number, (name, data) in enumerate(VALID.items()):
            with self.subTest(name):
                self.receiver.script(f"/valid/{number}", [raw(data)])
                got = self.attempt(f"/valid/{number}", f"valid.{number}")
                self.assertEqual(got["outcome"], "delivered", got)

    def test_invalid_responses(self):
        for number, (name, data) in enumerate(INVALID.items()):
            with self.subTest(name):
                self.receiver.script(f"/invalid/{number}", [raw(data)])
                got = self.attempt(f"/invalid/{number}", f"invalid.{number}")
                self.assertEqual(got["outcome"], "response_invalid", got)
                self.assertTrue(got["error"])

    def test_what_follows_a_response_is_not_taken_for_the_next_one(self):
        good = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
        self.receiver.script(self.path, [raw(good + good, go_on=True), status(500)])
        self.subscribe(retry={"schedule": []}, concurrency={"max": 1})
        first = self.publish(1)
        self.engine.await_status(first, "delivered")
        self.engine.await_status(self.publish(2), "dead")

    def test_timeout_without_a_response(self):
        self.receiver.script(self.path, [hang()])
        got = self.attempt(timeout="1s")
        self.assertEqual(got["outcome"], "timeout")
        self.assertIsNone(got["http_status"])
        self.assertGreaterEqual(got["duration_ms"], 1000)

    def test_timeout_within_a_response(self):
        def stall(stream, request):
            stream.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
            return hang()(stream, request)

        self.receiver.script(self.path, [stall])
        self.assertEqual(self.attempt(timeout="1s")["outcome"], "timeout")

    def test_timeout_while_a_response_trickles(self):
        def trickle(stream, _request):
            stream.sendall(b"HTTP/1.1 200 OK\r\nX-A: ")
            stream.settimeout(0.1)
            while True:
                stream.sendall(b"x")  # until the engine has had enough
                try:
                    if stream.recv(1) == b"":
                        return False
                except TimeoutError:
                    continue

        self.receiver.script(self.path, [trickle])
        self.assertEqual(self.attempt(timeout="1s")["outcome"], "timeout")

    def test_timeout_before_the_connection_stands(self):
        with socket.socket() as full:
            full.bind(("127.0.0.1", 0))
            full.listen(0)
            port = full.getsockname()[1]
            waiting = []
            try:
                for _ in range(8):  # more than the backlog takes: the next SYN is not answered
                    one = socket.socket()
                    one.setblocking(False)
                    one.connect_ex(("127.0.0.1", port))
                    waiting.append(one)
                got = self.attempt(url=f"http://127.0.0.1:{port}/", timeout="1s")
                self.assertEqual(got["outcome"], "timeout")
            finally:
                for one in waiting:
                    one.close()

    def test_connection_refused(self):
        with socket.socket() as bound:
            bound.bind(("127.0.0.1", 0))  # not listening
            got = self.attempt(url=f"http://127.0.0.1:{bound.getsockname()[1]}/")
        self.assertEqual(got["outcome"], "connect_refused")
        self.assertIsNone(got["http_status"])

    def test_closed_or_reset_without_a_response(self):
        for name, fault in (("close", close()), ("reset", reset())):
            with self.subTest(name):
                self.receiver.script(f"/{name}", [fault])
                got = self.attempt(f"/{name}", f"ends.{name}")
                self.assertIn(got["outcome"], ("response_invalid", "connect_failed"))
                self.assertIsNone(got["http_status"])

    def test_a_kept_connection_that_the_receiver_closed_is_no_failure(self):
        def answer_and_leave(stream, request):
            status(200)(stream, request)
            return False  # although the response said nothing of it

        self.receiver.script(self.path, [answer_and_leave])
        self.subscribe(retry={"schedule": []}, concurrency={"max": 1})
        for number in range(20):
            self.engine.await_status(self.publish(number), "delivered")


if __name__ == "__main__":
    case.main()
