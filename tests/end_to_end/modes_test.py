#!/usr/bin/env python3
"""The forms in which events are delivered: compressed bodies, methods and headers."""
import base64
import gzip
import json
import pathlib
import random
import sys
import threading
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from signature_test import verify
from support import case, wait
from support.client import Client
from support.engine import Engine, EVENTS, SUBSCRIPTIONS
from support.receiver import Receiver, close, hang, status

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


class Judge:
    """Answers each request with what `decide` (of the payload and its attempt) says, and writes down both."""

    def __init__(self, decide):
        self.decide, self.lock, self.log, self.counts = decide, threading.Lock(), [], {}

    def __call__(self, stream, request):
        payload = json.loads(request.body)
        number = payload["n"]
        with self.lock:
            self.counts[number] = self.counts.get(number, 0) + 1
            code = self.decide(payload, self.counts[number])
            self.log.append((number, payload.get("user"), code))
        return status(code)(stream, request)

    def done(self):
        with self.lock:
            return {number for number, _, code in self.log if code == 200}


class Ordering(unittest.TestCase):
    RETRY = {"schedule": ["50ms"] * 20, "jitter": 0}

    def setUp(self):
        self.receiver = self.enterContext(Receiver())
        self.engine = self.enterContext(Engine(shards=2))

    def judge(self, decide, **fields):
        judge = Judge(decide)
        self.receiver.script("/", [judge])
        fields.setdefault("retry", self.RETRY)
        self.engine.subscribe(self.receiver.url("/"), breaker={"min_attempts": 1000}, **fields)
        return judge

    def assert_in_order(self, log, key=lambda number, user: 0):
        """Nothing is sent before all that came before it, of its key, was taken."""
        latest, seen, taken = {}, {}, {}
        for number, user, code in log:
            lane = key(number, user)
            if number > latest.get(lane, -1):
                self.assertTrue(taken.get(lane, True), f"{number} before {latest.get(lane)} was taken: {log}")
                latest[lane], taken[lane] = number, False
                seen.setdefault(lane, set()).add(number)
            self.assertIn(number, seen[lane], f"{number} after {latest[lane]}: {log}")  # what was sent may be again
            taken[lane] |= number == latest[lane] and code == 200

    def test_strict_is_one_at_a_time_in_the_order_of_acceptance(self):
        chance = random.Random(11)
        judge = self.judge(lambda _payload, _attempt: chance.choice([200, 200, 200, 500]), ordering="strict")
        for number in range(150):
            self.engine.publish("a.b", {"n": number})
        wait.until(lambda: len(judge.done()) == 150, "150 events")
        self.assert_in_order(judge.log)

    def test_a_failing_head_blocks_until_it_is_dead(self):
        judge = self.judge(lambda payload, _attempt: 500 if payload["n"] == 3 else 200, ordering="strict",
                           retry={"schedule": ["100ms", "200ms"], "jitter": 0})
        for number in range(8):
            self.engine.publish("a.b", {"n": number})
        wait.until(lambda: len(judge.done()) == 7, "7 events")
        self.assertEqual([number for number, _, _ in judge.log], [0, 1, 2, 3, 3, 3, 4, 5, 6, 7])

    def test_a_key_blocks_itself_alone(self):
        blocked = threading.Event()
        judge = self.judge(lambda payload, _attempt: 200 if blocked.is_set() or payload["user"] != "u1" else 500,
                           ordering={"key": "/user"})
        for number in range(120):
            self.engine.publish("a.b", {"n": number, "user": f"u{number % 4}"})
        wait.until(lambda: len(judge.done()) == 90, "the other keys")
        blocked.set()
        wait.until(lambda: len(judge.done()) == 120, "all")
        self.assert_in_order(judge.log, lambda _number, user: user)

    def test_events_without_the_key_have_an_order_among_themselves(self):
        chance = random.Random(12)
        judge = self.judge(lambda _payload, _attempt: chance.choice([200, 200, 500]), ordering={"key": "/user/id"})
        for number in range(60):
            user = [None, {"id": 7}, {"id": "7"}, 9, {"id": [1]}][number % 5]
            self.engine.publish("a.b", {"n": number, "user": user})
        wait.until(lambda: len(judge.done()) == 60, "60 events")
        self.assert_in_order(judge.log, lambda number, _user: {1: "number", 2: "string"}.get(number % 5, "none"))

    def test_order_survives_kill_and_another_number_of_shards(self):
        chance = random.Random(13)
        for ordering, key in [("strict", lambda _number, _user: 0), ({"key": "/user"}, lambda _number, user: user)]:
            judge = self.judge(lambda _payload, _attempt: chance.choice([200, 500, 500]), ordering=ordering,
                               retry={"schedule": ["20ms"] * 30, "jitter": 0}, events=[f"x.{len(self.receiver.of())}"])
            kind, published = f"x.{len(self.receiver.of())}", 0
            for shards in (3, 1, 4, 2):
                for _ in range(25):
                    self.engine.publish(kind, {"n": published, "user": published % 5})
                    published += 1
                wait.until(lambda: len(judge.done()) >= published // 2, "half of them")
                self.engine.kill()
                arguments = [*self.engine.arguments]
                arguments[arguments.index("--shards") + 1] = str(shards)
                self.engine.start(replace=arguments)
            wait.until(lambda: len(judge.done()) == published, "all")
            self.assert_in_order(judge.log, key)

    def test_an_answered_event_goes_before_whatever_is_published_then(self):
        """From many connections, so by way of all shards, each waiting for the 202 of the one before."""
        judge = self.judge(lambda _payload, _attempt: 200, ordering="strict")
        turn, number = threading.Lock(), iter(range(400))

        def publish():
            client = Client(self.engine.ingest_address, self.engine.key)
            while True:
                with turn:
                    mine = next(number, None)
                    if mine is None:
                        return
                    client.post(EVENTS, {"type": "a.b", "payload": {"n": mine}})

        threads = [threading.Thread(target=publish) for _ in range(8)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        wait.until(lambda: len(judge.done()) == 400, "400 events")
        self.assertEqual([number for number, _, _ in judge.log], list(range(400)))

    def test_a_pause_and_a_stop_keep_the_order(self):
        chance = random.Random(14)
        judge = self.judge(lambda _payload, _attempt: chance.choice([200, 200, 500]), ordering="strict")
        made = self.engine.admin.get(SUBSCRIPTIONS).json()["data"][0]
        for number in range(120):
            self.engine.publish("a.b", {"n": number})
            if number in (30, 70):
                self.engine.admin.post(f"{SUBSCRIPTIONS}/{made['id']}/pause")
            if number in (50, 90):
                self.engine.admin.post(f"{SUBSCRIPTIONS}/{made['id']}/resume")
            if number in (60, 80):
                self.engine.restart()
        wait.until(lambda: len(judge.done()) == 120, "120 events")
        self.assert_in_order(judge.log)


class Batches(case.EngineCase):
    def batch(self, **more):
        return {"mode": "batch", "max_wait": "200ms", **more}

    def members(self, requests):
        return [member for request in requests for member in json.loads(request.body)]

    def test_events_go_together_and_each_has_its_record(self):
        made = self.subscribe(delivery=self.batch())
        events = self.engine.ingest.post(EVENTS, [{"type": self.kind, "payload": {"n": number}, "timestamp":
                                                   "2020-01-02T03:04:05Z"} for number in range(20)]).json()["events"]
        wait.until(lambda: len(self.members(self.receiver.of(self.path))) == 20, "20 members")
        requests = self.receiver.of(self.path)
        self.assertLess(len(requests), 5)
        for request in requests:
            self.assertTrue(request.event.startswith("bat_"), request)
            self.assertEqual(request.find("Content-Type"), "application/json")
            self.assertIsNone(request.find("X-Webhook-Event"))
        self.assertEqual(sorted(self.members(requests), key=lambda member: member["id"]),
                         [{"id": event["id"], "type": self.kind, "timestamp": "2020-01-02T03:04:05.000Z",
                           "payload": {"n": number}} for number, event in enumerate(events)])
        self.assertEqual(verify([(made["secret"], each) for each in requests]), ["ok"] * len(requests))
        for event in events:
            delivery = self.engine.await_status(event["id"], "delivered")
            self.assertEqual([each["outcome"] for each in self.engine.attempts(delivery["id"])], ["delivered"])

    def test_limits(self):
        """By their number at once, though the wait is long; by their bytes; and what is over them goes alone."""
        self.subscribe(f"{self.path}/events", delivery=self.batch(max_events=5, max_wait="5m"))
        self.subscribe(f"{self.path}/bytes", delivery=self.batch(max_bytes=4096, max_wait="200ms"))
        payloads = ["x" * 1000] * 10 + ["y" * 20000]
        for payload in payloads[:5]:
            self.publish(payload)
        self.assertEqual(len(json.loads(self.receiver.await_count(f"{self.path}/events", 1)[0].body)), 5)
        for payload in payloads[5:]:
            self.publish(payload)
        path = f"{self.path}/bytes"
        wait.until(lambda: len(self.members(self.receiver.of(path))) == len(payloads), "all by bytes")
        for request in self.receiver.of(path):
            self.assertTrue(len(request.body) <= 4096 or len(json.loads(request.body)) == 1, len(request.body))
        self.assertEqual(sorted(member["payload"] for member in self.members(self.receiver.of(path))), sorted(payloads))

    def test_a_retry_has_the_same_members_and_id(self):
        self.receiver.script(self.path, [status(500), status(400), status(200)])
        self.subscribe(delivery=self.batch(), retry={"schedule": ["300ms", "300ms", "300ms"], "jitter": 1})
        events = self.engine.ingest.post(EVENTS, [{"type": self.kind, "payload": n} for n in range(12)]).json()["events"]
        requests = self.receiver.await_count(self.path, 3)
        self.assertEqual([each.event for each in requests], [requests[0].event] * 3)
        self.assertEqual([json.loads(each.body) for each in requests], [json.loads(requests[0].body)] * 3)
        self.assertEqual([each.find("X-Webhook-Attempt") for each in requests], ["1", "2", "3"])
        for event in events:
            delivery = self.engine.await_status(event["id"], "delivered")
            self.assertEqual([each["http_status"] for each in self.engine.attempts(delivery["id"])], [500, 400, 200])

    def test_payloads_that_are_not_json(self):
        self.subscribe(delivery=self.batch(max_events=3, max_wait="5s"), compression="gzip")
        for kind, body in [("application/octet-stream", b"\0\xff\x80" * 100), ("application/json", b"{no"),
                           ("application/cloud+json; x=\"1\"", b'{"a": 1}')]:
            self.engine.ingest.post(EVENTS, body, headers={"Content-Type": kind, "ce-specversion": "1.0", "ce-id": kind,
                                                           "ce-source": "/s", "ce-type": self.kind})
        request = self.receiver.await_count(self.path, 1)[0]
        first, second, third = json.loads(gzip.decompress(request.body))
        self.assertEqual(base64.b64decode(first["payload_base64"]), b"\0\xff\x80" * 100)
        self.assertEqual(first["content_type"], "application/octet-stream")
        self.assertEqual(base64.b64decode(second["payload_base64"]), b"{no")
        self.assertEqual(third["payload"], {"a": 1})

    def test_a_backlog_goes_in_batches_too(self):
        made = self.subscribe(delivery=self.batch(max_events=50))
        self.engine.admin.post(f"{SUBSCRIPTIONS}/{made['id']}/pause")
        for _ in range(6):
            self.engine.ingest.post(EVENTS, [{"type": self.kind, "payload": n} for n in range(100)])
        self.engine.restart()
        self.engine.admin.post(f"{SUBSCRIPTIONS}/{made['id']}/resume")
        wait.until(lambda: len(self.members(self.receiver.of(self.path))) == 600, "600 members")
        self.assertLess(len(self.receiver.of(self.path)), 60)


class LittleMemory(case.EngineCase):
    """As many shards as the memory is enough for."""
    arguments = ("--memory", "128M", "--shards", "4")

    def test_the_largest_event_goes_in_a_batch(self):
        self.subscribe(delivery={"mode": "batch", "max_wait": "100ms"}, compression="gzip")
        text = "a" * (1_048_576 - 200)
        noise = random.Random(1).randbytes(1_048_576)
        self.publish(text)
        self.engine.ingest.post(EVENTS, noise, headers={"Content-Type": "application/octet-stream",
                                                        "ce-specversion": "1.0", "ce-id": "1", "ce-source": "/s",
                                                        "ce-type": self.kind})
        wait.until(lambda: len(self.receiver.of(self.path)) >= 2, "both, each alone")
        members = [json.loads(gzip.decompress(each.body) if each.find("Content-Encoding") else each.body)
                   for each in self.receiver.of(self.path)]
        self.assertEqual([len(each) for each in members], [1, 1])
        members = [each[0] for each in members]
        self.assertEqual([each["payload"] for each in members if "payload" in each], [text])
        self.assertEqual([base64.b64decode(each["payload_base64"]) for each in members if "payload_base64" in each],
                         [noise])

    def test_a_batch_that_could_find_no_room_is_refused_at_once(self):
        events = [{"type": self.kind, "payload": "x" * 100_000}] * 20
        self.assert_problem(self.engine.ingest.post(EVENTS, events), 413)
        answer = self.engine.ingest.post(EVENTS, events[:12])
        self.assertEqual(answer.status, 202, answer)


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
        wrong = {"ordering": ["loose", "/ordering"], "delivery": [{"mode": "batch", "max_events": 0}, "/delivery/max_events"], "compression": ["br", "/compression"], "method": ["GET", "/method"],
                 "channels": [["a b"], "/channels/0"]}
        for field, (value, pointer) in wrong.items():
            answer = self.engine.admin.post(SUBSCRIPTIONS, {"url": "https://example.com", field: value})
            problem = self.assert_problem(answer, 422)
            self.assertEqual([each["pointer"] for each in problem["errors"]], [pointer])

    def test_batches_have_no_order(self):
        answer = self.engine.admin.post(SUBSCRIPTIONS, {"url": "https://example.com", "ordering": "strict",
                                                        "delivery": {"mode": "batch"}})
        self.assertEqual([each["pointer"] for each in self.assert_problem(answer, 422)["errors"]], ["/ordering"])


if __name__ == "__main__":
    case.main()
