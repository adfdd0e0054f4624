#!/usr/bin/env python3
"""Which subscriptions get an event, and what a delivery looks like on the wire."""
import pathlib
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support import case, wait
from support.engine import SUBSCRIPTIONS
from support.receiver import close, hang, status

TYPES = ["memory", "memory.a", "memory.a.b", "memory.a.b.c.d", "memory.store", "memory.stored", "memory.stored.x",
         "memoryx", "memoryx.a", "a.memory.b", "a.b", "a.b.c", "a.b.c.d", "a.bc", "a.c.b", "x", "a/b", "a/b:c",
         "a/b:c.d", "odd:type/of-its_own"]

# pattern -> those that it matches
GLOBS = {
    "memory.*": TYPES[1:7],
    "memory.stored": ["memory.stored"],
    "a.b.*": ["a.b.c", "a.b.c.d"],
    "a.*": ["a.memory.b", "a.b", "a.b.c", "a.b.c.d", "a.bc", "a.c.b"],
    "a/b:c": ["a/b:c"],
    "*": TYPES,
}


class FanOut(case.EngineCase):
    def test_globs(self):
        for number, pattern in enumerate(GLOBS):
            self.subscribe(f"/glob{number}", events=[pattern])
        for kind in TYPES:
            wanted = sum(kind in matched for matched in GLOBS.values())
            self.assertEqual(self.engine.publish(kind, kind)["deliveries"], wanted, kind)
        for number, (pattern, wanted) in enumerate(GLOBS.items()):
            got = self.receiver.await_count(f"/glob{number}", len(wanted))
            self.assertEqual(sorted(each.find("X-Webhook-Event") for each in got), sorted(wanted), pattern)

    def test_several_patterns_deliver_once(self):
        self.subscribe(events=["several.*", "several.patterns", "several.patterns.*", "*"])
        got = self.engine.publish("several.patterns", 1)
        self.assertEqual(got["deliveries"], 1)
        last = self.engine.publish("several.patterns.end", 1)["id"]
        self.receiver.await_event(last)
        self.assertEqual({each.event for each in self.receiver.of(self.path)}, {got["id"], last})

    def test_channels(self):
        """With channels: the events that carry one of them. Without: all."""
        self.subscribe(f"{self.path}/all")
        self.subscribe(f"{self.path}/red", channels=["red"])
        self.subscribe(f"{self.path}/both", channels=["blue", "red"])
        wanted = {"all": [], "red": [], "both": []}
        for channels, to in [(None, ["all"]), ([], ["all"]), (["red"], ["all", "red", "both"]),
                             (["x", "blue"], ["all", "both"]), (["green"], ["all"]), (['a"red'], ["all"])]:
            got = self.engine.publish(self.kind, channels, **({} if channels is None else {"channels": channels}))
            self.assertEqual(got["deliveries"], len(to), channels)
            for name in to:
                wanted[name].append(got["id"])
        for name, events in wanted.items():
            got = self.receiver.await_count(f"{self.path}/{name}", len(events))
            self.assertEqual(sorted(each.event for each in got), sorted(events), name)

    def test_no_subscription_is_an_event_all_the_same(self):
        got = self.engine.publish("nobody.wants.this", {"n": 1})
        self.assertEqual(got["deliveries"], 0)
        self.assertEqual(self.engine.admin.get(f"/api/v1/webhooks/events/{got['id']}").status, 200)

    def test_a_hundred_subscriptions_each_get_each_event(self):
        for number in range(100):
            self.subscribe(f"{self.path}/{number}")
        events = [self.publish(number) for number in range(10)]
        for number in range(100):
            got = self.receiver.await_count(f"{self.path}/{number}", 10)
            self.assertEqual(sorted(each.event for each in got), sorted(events))

    def test_what_202_promised_while_subscriptions_appear_is_delivered(self):
        promised, over = [], threading.Event()

        def publish():
            while not over.is_set():
                promised.append(self.engine.publish("appearing", 1)["deliveries"])

        producers = [threading.Thread(target=publish) for _ in range(4)]
        for producer in producers:
            producer.start()
        for number in range(12):
            self.subscribe(f"{self.path}/{number}", events=["appearing"])
        over.set()
        for producer in producers:
            producer.join()
        wait.until(lambda: sum(len(self.receiver.of(f"{self.path}/{number}")) for number in range(12)) >= sum(promised),
                   lambda: f"{sum(promised)} deliveries")

    def test_a_new_subscription_gets_what_follows_and_not_what_was(self):
        before = self.publish("before")
        self.subscribe()
        after = self.publish("after")
        self.receiver.await_event(after)
        self.assertEqual([each.event for each in self.receiver.of(self.path)], [after])
        self.assertIsNone(self.engine.delivery(before))

    def test_a_deleted_subscription_gets_no_more(self):
        made = self.subscribe()
        other = self.subscribe(f"{self.path}/other")
        self.assertEqual(self.engine.admin.request("DELETE", f"{SUBSCRIPTIONS}/{made['id']}").status, 204)
        got = self.engine.publish(self.kind, 1)
        self.assertEqual(got["deliveries"], 1)
        self.receiver.await_count(f"{self.path}/other", 1)
        self.assertEqual(self.receiver.of(self.path), [])
        self.assertTrue(other)

    def test_a_subscription_deleted_while_attempts_are_on_their_way(self):
        for turn in range(40):
            path = f"{self.path}/{turn}"
            self.receiver.script(path, [status(200), hang(), status(500), close()])
            made = self.subscribe(path, retry={"schedule": ["100ms"]})
            for number in range(4):
                self.publish(number)
            self.receiver.await_count(path, turn % 4 + 1)
            self.assertEqual(self.engine.admin.request("DELETE", f"{SUBSCRIPTIONS}/{made['id']}").status, 204)
        self.subscribe()
        self.receiver.await_event(self.publish("the engine is well"))

    def test_headers_of_a_delivery(self):
        self.subscribe()
        earliest = int(time.time())
        event = self.publish({"n": 1}, correlation_id="c-1", version="v2")
        request = self.receiver.await_event(event)
        self.assertEqual(request.method, "POST")
        self.assertEqual(request.path, self.path)
        self.assertEqual(request.find("webhook-id"), event)
        self.assertTrue(earliest <= int(request.find("webhook-timestamp")) <= time.time() + 1)
        self.assertRegex(request.find("webhook-signature"), r"^v1,[A-Za-z0-9+/]{43}=$")
        self.assertEqual(request.find("X-Webhook-Event"), self.kind)
        self.assertEqual(request.find("X-Webhook-Version"), "v2")
        self.assertEqual(request.find("X-Correlation-Id"), "c-1")
        self.assertEqual(request.find("X-Webhook-Attempt"), "1")
        self.assertEqual(request.find("Content-Type"), "application/json")
        self.assertEqual(request.find("Content-Length"), str(len(request.body)))
        self.assertRegex(request.find("User-Agent"), r"^grapnel/\d+\.\d+\.\d+")
        self.assertEqual(request.find("Host"), f"127.0.0.1:{self.receiver.port}")

    def test_headers_that_were_not_given_are_not_sent(self):
        self.subscribe()
        request = self.receiver.await_event(self.publish(1))
        self.assertIsNone(request.find("X-Webhook-Version"))
        self.assertIsNone(request.find("X-Correlation-Id"))

    def test_method_and_headers_of_the_subscription(self):
        self.subscribe(method="PUT", headers={"X-Mine": "a b", "Content-Type": "application/vnd.mine+json"})
        request = self.receiver.await_event(self.publish(1))
        self.assertEqual(request.method, "PUT")
        self.assertEqual(request.find("X-Mine"), "a b")
        self.assertEqual(request.find("Content-Type"), "application/vnd.mine+json")

    def test_path_and_query_of_the_url_are_sent_as_they_are(self):
        path = "/a%20b/%E2%82%AC?x=1&y=%2F&z"
        self.subscribe(path)
        self.assertEqual(self.receiver.await_event(self.publish(1)).path, path)

    def test_connections_are_kept(self):
        self.subscribe(concurrency={"max": 1})
        for number in range(20):
            self.receiver.await_event(self.publish(number))
        got = self.receiver.of(self.path)
        self.assertEqual(len({each.connection for each in got}), 1)

    def test_concurrency_max_holds(self):
        release = threading.Event()
        self.receiver.script(self.path, [hang(release)])
        self.subscribe(concurrency={"max": 3}, timeout="60s")
        for number in range(20):
            self.publish(number)
        self.receiver.await_count(self.path, 3)
        self.subscribe(f"{self.path}/other", events=["other"])
        self.receiver.await_event(self.publish(type="other"))  # by then a fourth would have been sent
        self.assertEqual(len(self.receiver.of(self.path)), 3)
        release.set()
        self.receiver.await_count(self.path, 20)


if __name__ == "__main__":
    case.main()
