#!/usr/bin/env python3
"""The forms in which events are delivered: compressed bodies, methods and headers."""
import base64
import gzip
import json
import pathlib
import random
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from signature_test import verify
from support import case, wait
from support.engine import SUBSCRIPTIONS
from support.receiver import close, hang, status

# RFC 9110: these frame a request or belong to one hop. The others are this engine's own.
FORBIDDEN = ["Host", "Content-Length", "Transfer-Encoding", "Connection", "TE", "Keep-Alive", "Trailer", "Upgrade",
             "Expect", "Proxy-Authorization", "Proxy-Connection", "Content-Encoding", "webhook-id",
             "webhook-signature", "WEBHOOK-anything", "X-Webhook-Event", "X-Webhook-Signature", "X-Correlation-Id",
             "X-Hub-Signature", "X-Hub-Signature-256", "Stripe-Signature", "X-PT-Signature"]


class Compression(case.EngineCase):
    arguments = ("--memory", "128M")

    def test_a_body_is_compressed_and_signed_as_it_was_before(self):
        """A receiver inflates the body and gives the reference implementation what came out."""
        made = self.subscribe(compression="gzip")
        payloads = [{"text": "a" * 200}, ["x%d" % n for n in range(2000)], "é😀" * 50_000, {"n": list(range(60_000))}]
        requests = [self.receiver.await_event(self.publish(each)) for each in payloads]
        for payload, request in zip(payloads, requests):
            self.assertEqual(request.find("Content-Encoding"), "gzip")
            request.body = gzip.decompress(request.body)
            self.assertEqual(json.loads(request.body), payload)
        self.assertEqual(verify([(made["secret"], each) for each in requests]), ["ok"] * len(requests))

    def test_a_short_body_is_sent_as_it_is(self):
        self.subscribe(compression="gzip")
        request = self.receiver.await_event(self.publish({"n": 1}))
        self.assertIsNone(request.find("Content-Encoding"))
        self.assertEqual(request.body, b'{"n": 1}')

    def test_every_attempt_has_the_whole_body(self):
        """Also the one after a connection that was closed while it was idle."""
        self.subscribe(compression="gzip", retry={"schedule": ["100ms", "100ms"], "jitter": 0})
        self.receiver.script(self.path, [status(500), close()])
        payload = {"text": "again " * 1000}
        event = self.publish(payload)
        for request in self.receiver.await_count(self.path, 3):
            self.assertEqual(request.event, event)
            self.assertEqual(json.loads(gzip.decompress(request.body)), payload)

    def test_many_large_bodies_at_once_wait_for_memory(self):
        """One event for so many receivers that hang that their bodies do not fit into memory together."""
        release = threading.Event()
        paths = [f"{self.path}/{n}" for n in range(80)]
        for path in paths:
            self.receiver.script(path, [hang(release)])
            self.subscribe(path, compression="gzip", timeout="60s")
        payload = {"text": base64.b64encode(random.Random(5).randbytes(550_000)).decode()}
        event = self.publish(payload)
        wait.until(lambda: sum(each.event == event for each in self.receiver.of()) >= 20, "20 requests")
        release.set()
        for path in paths:
            request = self.receiver.await_count(path, 1)[0]
            self.assertEqual(json.loads(gzip.decompress(request.body)), payload)


class Requests(case.EngineCase):
    def test_methods(self):
        for method in ("POST", "PUT", "PATCH"):
            self.subscribe(f"{self.path}/{method}", method=method)
        self.publish()
        for method in ("POST", "PUT", "PATCH"):
            self.assertEqual(self.receiver.await_count(f"{self.path}/{method}", 1)[0].method, method)

    def test_headers_are_sent(self):
        self.subscribe(headers={"X-Own": "one, two", "Content-Type": "application/vnd.acme+json", "User-Agent": "acme"})
        request = self.receiver.await_event(self.publish())
        self.assertEqual(request.find("X-Own"), "one, two")
        for name, value in [("Content-Type", "application/vnd.acme+json"), ("User-Agent", "acme")]:
            self.assertEqual([each for key, each in request.headers if key.lower() == name.lower()], [value])

    def test_headers_that_may_not_be_set(self):
        for name in FORBIDDEN:
            answer = self.engine.admin.post(SUBSCRIPTIONS, {"url": "https://example.com", "headers": {name: "x"}})
            problem = self.assert_problem(answer, 422)
            self.assertEqual([each["pointer"] for each in problem["errors"]], [f"/headers/{name}"])

    def test_what_is_wrong_is_named(self):
        wrong = {"compression": ["br", "/compression"], "method": ["GET", "/method"],
                 "channels": [["a b"], "/channels/0"]}
        for field, (value, pointer) in wrong.items():
            answer = self.engine.admin.post(SUBSCRIPTIONS, {"url": "https://example.com", field: value})
            problem = self.assert_problem(answer, 422)
            self.assertEqual([each["pointer"] for each in problem["errors"]], [pointer])


if __name__ == "__main__":
    case.main()
