#!/usr/bin/env python3
"""What a receiver may do, and what the attempt then says: outcome, status, response, address."""
import gzip
import pathlib
import socket
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support import case
from support.engine import DELIVERIES, Engine
from support.receiver import Receiver, close, hang, raw, reset, respond, status

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

    def test_timings(self):
        def think(stream, request):
            time.sleep(0.05)  # the receiver's work, which the record has to show
            return status(500)(stream, request)

        self.receiver.script(self.path, [think])
        self.subscribe(retry={"schedule": ["10ms"], "jitter": 0})
        first, second = self.engine.await_attempts(self.publish(1), 2)
        self.assertEqual(first["timings"]["dns_us"], 0, "an address is no name")
        self.assertGreater(first["timings"]["connect_us"], 0)
        self.assertEqual(first["timings"]["tls_us"], 0)
        self.assertFalse(first["connection_reused"])
        self.assertTrue(second["connection_reused"])
        self.assertEqual({**second["timings"], "first_byte_us": 0},
                         {"dns_us": 0, "connect_us": 0, "tls_us": 0, "first_byte_us": 0})
        for each in (first, second):
            self.assertGreaterEqual(each["timings"]["first_byte_us"], 50_000)
            self.assertGreaterEqual(each["duration_ms"], 50)

    def test_headers_of_request_and_response(self):
        fields = [("X-Request-Id", "r-1"), ("Set-Cookie", "session=sEcReT"), ("Set-Cookie", "b=sEcReT"), ("Via", "a"),
                  ("via", "b")]
        self.receiver.script(self.path, [respond(500, fields, b"no")])
        made = self.subscribe(retry={"schedule": []}, headers={"X-Api-Key": "sEcReT"})
        event = self.publish(1)
        got = self.engine.await_attempts(event, 1, made["id"])[0]
        sent = self.receiver.await_event(event)
        self.assertEqual(set(got["request_headers"]), {name for name, _ in sent.headers})
        for name in ("webhook-id", "webhook-timestamp", "X-Webhook-Event", "X-Webhook-Attempt", "Content-Type",
                     "Content-Length", "User-Agent"):
            self.assertEqual(got["request_headers"][name], sent.find(name))
        for name in ("X-Api-Key", "webhook-signature"):
            self.assertEqual(got["request_headers"][name], "***")
        self.assertEqual(got["response_headers"], {"Content-Length": "2", "X-Request-Id": "r-1",
                                                   "Set-Cookie": ["***", "***"], "Via": ["a", "b"]})
        self.assertIs(got["truncated"], False)
        self.assertEqual(self.engine.delivery(event)["last_attempt"], got)

    def test_headers_are_kept_within_bounds(self):
        fields = [(f"X-Request-Id-{number}", "y" * 100) for number in range(30)]
        self.receiver.script(self.path, [respond(200, [("Via", "x" * 500), *fields])])
        got = self.attempt()
        self.assertEqual(got["outcome"], "delivered")
        self.assertIs(got["truncated"], True)
        self.assertEqual(got["response_headers"]["Via"], "x" * 500)
        self.assertLess(len(str(got["response_headers"])), 2048)

    def test_no_request_no_headers_of_it(self):
        with socket.socket() as bound:
            bound.bind(("127.0.0.1", 0))  # not listening
            got = self.attempt(url=f"http://127.0.0.1:{bound.getsockname()[1]}/")
        self.assertNotIn("request_headers", got)
        self.assertNotIn("response_headers", got)
        self.assertEqual(got["timings"], {"dns_us": 0, "connect_us": 0, "tls_us": 0, "first_byte_us": 0})

    def test_records_survive_a_restart(self):
        self.receiver.script(self.path, [respond(500, [("Date", "then")], b"why")])
        made = self.subscribe(retry={"schedule": []})
        event = self.publish(1)
        before = self.engine.await_attempts(event, 1, made["id"])
        self.engine.kill()
        self.engine.start()
        self.assertEqual(self.engine.await_attempts(event, 1, made["id"]), before)


class Redaction(unittest.TestCase):
    """What is struck out is on no disk, in no answer and in no log."""
    SECRETS = ("joe@mail.example", "4111-1111-1111-1111", "sk_live_aBcDeF", "private-name", "tOkEn-of-ours")

    def setUp(self):
        self.receiver = self.enterContext(Receiver())
        rules = ("--redact-pointer", "/user/name", "--redact-pointer", "/list/*/pin", "--redact-pattern", "sk_live_*",
                 "--redact-pattern", "####-####-####-####", "--redact-pattern", "*@*", "--record-header",
                 "x-note,x-echo,authorization")
        self.engine = self.enterContext(Engine(*rules, "--log-level", "debug"))

    def attempt(self, answer, **fields):
        self.receiver.script("/hook", [answer])
        made = self.engine.subscribe(self.receiver.url("/hook"), retry={"schedule": []}, **fields)
        event = self.engine.publish("a.b", {"n": 1})["id"]
        got = self.engine.await_attempts(event, 1, made["id"])[0]
        self.engine.admin.request("DELETE", f"/api/v1/webhooks/subscriptions/{made['id']}")
        return got

    def body(self, data, **headers):
        return self.attempt(respond(500, [(name.replace("_", "-"), value) for name, value in headers.items()],
                                    data)).get("response_body")

    def test_pointers_and_patterns(self):
        data = (b'{"user":{"name":"private-name","id":7},"list":[{"pin":1234},{"pin":5678}],'
                b'"note":"joe@mail.example paid by 4111-1111-1111-1111","key":"sk_live_aBcDeF"}')
        self.assertEqual(self.body(data), '{"user":{"name":"***","id":7},"list":[{"pin":"***"},{"pin":"***"}],'
                                          '"note":"*** paid by ***","key":"***"}')
        self.assertEqual(self.body(b"<p>sk_live_aBcDeF</p>"), "<p>***</p>")

    def test_what_is_cut_off_within_a_secret(self):
        for size in range(1000, 1024):
            got = self.body(b"x " * (size // 2) + b"sk_live_aBcDeF" + b" x" * 100)
            self.assertNotIn("sk_live", got)
        got = self.body(b'{"a":"' + b"x" * 980 + b'","user":{"name":"private-name' + b" private-name" * 100 + b'"}}')
        self.assertNotIn("private", got)

    def test_rules_of_a_subscription_are_added(self):
        redact = {"pointers": ["/secret"], "patterns": ["private-*"]}
        data = b'{"secret":{"a":"tOkEn-of-ours"},"b":"private-name","c":"sk_live_aBcDeF"}'
        got = self.attempt(respond(500, [("X-Note", "a private-name")], data), redact=redact)
        self.assertEqual(got["response_body"], '{"secret":"***","b":"***","c":"***"}')
        self.assertEqual(got["response_headers"]["X-Note"], "a ***")

    def test_rules_of_a_subscription_change_at_once(self):
        self.receiver.script("/hook", [respond(500, [], b"one two")])
        made = self.engine.subscribe(self.receiver.url("/hook"), retry={"schedule": []}, redact={"patterns": ["one"]})
        path = f"/api/v1/webhooks/subscriptions/{made['id']}"
        for patterns, expected in ((["one"], "*** two"), (["two"], "one ***"), ([], "one two")):
            answer = self.engine.admin.request("PATCH", path, {"redact": {"patterns": patterns}})
            self.assertEqual(answer.status, 200, answer)
            self.assertEqual(answer.json()["redact"], {"pointers": [], "patterns": patterns})
            attempt = self.engine.await_attempts(self.engine.publish("a.b", 1)["id"], 1, made["id"])[0]
            self.assertEqual(attempt["response_body"], expected)

    def test_a_body_in_another_coding_is_not_kept(self):
        data = gzip.compress(b"sk_live_aBcDeF")
        self.assertIsNone(self.body(data, Content_Encoding="gzip"))

    def test_headers(self):
        def echo(stream, request):
            fields = [("X-Echo", request.find("Authorization")), ("X-Note", "of joe@mail.example"), ("X-Other", "private-name")]
            return respond(500, fields, b"")(stream, request)

        got = self.attempt(echo, auth={"type": "bearer", "token": "tOkEn-of-ours"})
        self.assertEqual(got["response_headers"], {"Content-Length": "***", "X-Note": "of ***", "X-Other": "***",
                                                   "X-Echo": "Bearer *************"})
        self.assertEqual(got["request_headers"]["Authorization"], "Bearer *************")

    def tearDown(self):
        shown = [self.engine.admin.get(f"{DELIVERIES}{path}").body.decode() for path in ("", "?status=failed")]
        self.engine.stop()
        for secret in self.SECRETS:
            for text in (*shown, self.engine.log()):
                self.assertNotIn(secret, text)
            for path in self.engine.data.rglob("*"):
                if path.is_file():
                    self.assertNotIn(secret.encode(), path.read_bytes(), path)


if __name__ == "__main__":
    case.main()
