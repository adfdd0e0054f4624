#!/usr/bin/env python3
"""What the ingest port refuses, how it says so, and that nothing refused is ever an event."""
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support import case
from support.client import RawConnection
from support.engine import EVENTS

GOOD = b'{"type":"refusal","payload":1}'

# Not JSON, or not UTF-8.
MALFORMED = [
    b"", b" ", b"{", b"}", b"[", b"nul", b"{]", b'{"type":"refusal"', b'{"type":"refusal","payload":1',
    b'{"type":"refusal","payload":1}}', b'{"type":"refusal","payload":1} x', b"{'type':'refusal','payload':1}",
    b'{"type":"refusal","payload":01}', b'{"type":"refusal","payload":1.}', b'{"type":"refusal","payload":+1}',
    b'{"type":"refusal","payload":.5}', b'{"type":"refusal","payload":NaN}', b'{"type":"refusal","payload":1,}',
    b'{"type":"refusal","payload":[1,]}', b'{"type":"refusal","payload":"\x01"}',
    b'{"type":"refusal","payload":"\\x41"}', b'{"type":"refusal","payload":"\xff"}',
    b'{"type":"refusal","payload":"\xc0\xaf"}', b'{"type":"refusal","payload":"\xed\xa0\x80"}',
    b'{"type":"refusal","payload":{"a":tru}}', b'{"type":"refusal","payload":{"a" 1}}',
    b'{"type":"refusal" "payload":1}', b'{type:"refusal","payload":1}', b'\xef\xbb\xbf\xef\xbb\xbf' + GOOD,
    b'{"type":"refusal","payload":/* no */1}', b'{"type":"refusal","payload":"unterminated}',
    b'{"type":"refusal","payload":[[[[[1}}', GOOD + GOOD,
]

# JSON, but not an event.
WRONG = [
    b"1", b"null", b'"text"', b"{}", b'{"payload":1}', b'{"type":"refusal"}', b'{"type":1,"payload":1}',
    b'{"type":"","payload":1}', b'{"type":"has space","payload":1}', b'{"type":"caf\xc3\xa9","payload":1}',
    b'{"type":"%s","payload":1}' % (b"x" * 129), b'{"type":null,"payload":1}',
    b'{"type":"refusal","payload":1,"unknown":2}', b'{"type":"refusal","payload":1,"id":7}',
    b'{"type":"refusal","payload":1,"timestamp":"yesterday"}', b'{"type":"refusal","payload":1,"channels":"a"}',
    b'{"type":"refusal","payload":1,"correlation_id":{}}',
    b'{"type":"refusal","payload":1,"correlation_id":"a\\r\\nX-Evil: 1"}',
]


class Refusal(case.EngineCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.engine.subscribe(cls.receiver.url("/refused"), events=["refusal"])

    def refused(self, body, content_type="application/json", statuses=(400, 422)):
        answer = self.engine.publish_raw(body, content_type)
        self.assertIn(answer.status, statuses, (body[:100], answer))
        return self.assert_problem(answer, answer.status)

    def tearDown(self):
        self.assertEqual(self.receiver.of("/refused"), [], "something refused was delivered")
        self.assertEqual(self.engine.deliveries(), [])

    def test_malformed_json(self):
        for body in MALFORMED:
            with self.subTest(body):
                self.refused(body)

    def test_json_that_is_no_event(self):
        for body in WRONG:
            with self.subTest(body):
                self.refused(body)

    def test_pointer_names_what_is_wrong(self):
        problem = self.refused(b'{"type":"has space","payload":1}', statuses=(422,))
        self.assertEqual(problem["errors"][0]["pointer"], "/type")
        self.assertTrue(problem["errors"][0]["detail"])

    def test_batch_names_the_index(self):
        for bad in (b'{"type":"has space","payload":1}', b'{"payload":1}'):
            for index in (0, 3, 9):
                with self.subTest(bad, index=index):
                    parts = [GOOD] * 10
                    parts[index] = bad
                    problem = self.refused(b"[" + b",".join(parts) + b"]", statuses=(422,))
                    self.assertRegex(problem["errors"][0]["pointer"], f"^/{index}(/|$)")
                    problem = self.refused(b"\n".join(parts), "application/x-ndjson", (422,))
                    self.assertRegex(problem["errors"][0]["pointer"], f"^/{index}(/|$)")

    def test_malformed_line_of_ndjson_names_its_index(self):
        for bad in MALFORMED[2:20]:
            with self.subTest(bad):
                problem = self.refused(b"\n".join([GOOD, GOOD, bad, GOOD]), "application/x-ndjson")
                self.assertIn("2", problem["detail"] + json.dumps(problem.get("errors", "")), problem)

    def test_malformed_element_of_an_array(self):
        for bad in MALFORMED[2:20]:
            if bad in (b"}", b"]"):
                continue
            with self.subTest(bad):
                self.refused(b"[" + GOOD + b"," + bad + b"," + GOOD + b"]")
        for body in (b"[", b"[" + GOOD, b"[" + GOOD + b",", b"[" + GOOD + b",]", b"[" + GOOD + GOOD + b"]",
                     b"[]]", b"[[" + GOOD + b"]]"):
            with self.subTest(body):
                self.refused(body)

    def test_empty_batch(self):
        for body, kind in ((b"[]", "application/json"), (b"\n\n", "application/x-ndjson")):
            with self.subTest(kind):
                answer = self.engine.publish_raw(body, kind)
                self.assertIn(answer.status, (202, 400, 422), answer)

    def test_batch_of_more_than_ten_thousand(self):
        body = b"[" + b",".join([b'{"type":"refusal","payload":1}'] * 10001) + b"]"
        self.refused(body, statuses=(413, 422))

    def test_event_too_large(self):
        body = b'{"type":"refusal","payload":"%s"}' % (b"x" * (1024 * 1024 + 1000))
        self.assert_problem(self.engine.publish_raw(body), 413)

    def test_event_too_large_inside_a_batch(self):
        big = b'{"type":"refusal","payload":"%s"}' % (b"x" * (1024 * 1024 + 1000))
        self.refused(b"[" + GOOD + b"," + big + b"]", statuses=(413, 422))

    def test_batch_too_large(self):
        with RawConnection(self.engine.ingest_address) as raw:
            raw.send(self.head(f"Content-Length: {17 * 1024 * 1024}"))
            answer = raw.receive()  # before the body: the length says enough
        self.assert_problem(answer, 413)

    def test_chunked_body_too_large(self):
        with RawConnection(self.engine.ingest_address) as raw:
            raw.send(self.head("Transfer-Encoding: chunked"))
            chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
            try:
                for _ in range(17 * 16 + 1):
                    raw.send(chunk)
            except OSError:
                pass  # closed while we were talking, which is its right
            answer = raw.receive()
        if answer:  # a reset may have overtaken it
            self.assert_problem(answer, 413)

    def test_deep_nesting_is_bounded(self):
        deep = b"[" * 100_000 + b"]" * 100_000
        self.refused(b'{"type":"refusal","payload":%s}' % deep)

    def test_truncated_body_is_never_an_event(self):
        body = b'{"type":"refusal","payload":{"a":1}}'
        for cut in range(0, len(body)):
            with RawConnection(self.engine.ingest_address) as raw:
                raw.send(self.head(f"Content-Length: {len(body)}") + body[:cut])
                raw.end_sending()
                answer = raw.receive()
            self.assertTrue(answer is None or answer.status == 400, answer)

    def test_truncated_chunks_are_never_an_event(self):
        body = b"1e\r\n" + GOOD + b"\r\n0\r\n\r\n"
        self.assertEqual(len(GOOD), 0x1e)
        for cut in range(0, len(body)):
            with RawConnection(self.engine.ingest_address) as raw:
                raw.send(self.head("Transfer-Encoding: chunked") + body[:cut])
                raw.end_sending()
                answer = raw.receive()
            self.assertTrue(answer is None or answer.status == 400, (cut, answer))

    def test_unknown_content_type(self):
        for kind in ("text/plain", "application/xml", "application/jsonx", "multipart/form-data; boundary=x"):
            with self.subTest(kind):
                self.assert_problem(self.engine.publish_raw(GOOD, kind), 415)

    def test_no_key_or_a_wrong_one(self):
        for key in (False, "gk_wrong", "", "x" * 5000):
            with self.subTest(str(key)[:20]):
                answer = self.engine.ingest.post(EVENTS, json.loads(GOOD), key=key)
                self.assert_problem(answer, 401)
                self.assertIn("bearer", answer.headers.get("www-authenticate", "").lower())

    def test_other_schemes_of_authorization(self):
        for value in ("Basic Z2s6", "Bearer", self.engine.key, f"Token {self.engine.key}"):
            with self.subTest(value[:10]):
                answer = self.engine.ingest.post(EVENTS, json.loads(GOOD), key=False,
                                                 headers={"Authorization": value})
                self.assert_problem(answer, 401)

    def test_unknown_path_and_method(self):
        self.assert_problem(self.engine.ingest.get("/nowhere"), 404)
        self.assert_problem(self.engine.ingest.post("/api/v1/webhooks/nowhere", {}), 404)
        for method in ("GET", "PUT", "DELETE", "PATCH"):
            with self.subTest(method):
                answer = self.engine.ingest.request(method, EVENTS)
                self.assert_problem(answer, 405)
                self.assertIn("POST", answer.headers["allow"])

    def test_idempotency_key_out_of_bounds(self):
        for value in ('""', "x" * 1000):
            with self.subTest(value[:5]):
                answer = self.engine.publish_raw(GOOD, Idempotency_Key=value)
                self.assertIn(answer.status, (400, 422), answer)

    def head(self, framing):
        return (f"POST {EVENTS} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {self.engine.key}\r\n"
                f"Content-Type: application/json\r\n{framing}\r\n\r\n").encode()


if __name__ == "__main__":
    case.main()
