#!/usr/bin/env python3
"""Names of receivers, asked of a name server of the test's own."""
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support import case, wait
from support.engine import Engine
from support.name_server import NameServer, TYPE_A
from support.receiver import Receiver


class Dns(unittest.TestCase):
    def setUp(self):
        self.dns = self.enterContext(NameServer({"here.test": ["127.0.0.1"], "silent.test": "drop",
                                                 "empty.test": [], "two.test": ["127.0.0.3", "127.0.0.1"]}))
        self.receiver = self.enterContext(Receiver())
        self.engine = self.enterContext(Engine("--dns-server", self.dns.address))

    def attempt(self, host, **fields):
        made = self.engine.subscribe(self.receiver.url(host=host), **{"retry": {"schedule": []}, **fields})
        event = self.engine.publish("dns", 1)["id"]
        return event, self.engine.await_attempts(event, 1, made["id"])[0]

    def test_a_name_is_resolved_and_kept_as_host(self):
        event, attempt = self.attempt("here.test")
        self.assertEqual(attempt["outcome"], "delivered")
        self.assertEqual(attempt["remote_address"], f"127.0.0.1:{self.receiver.port}")
        self.assertGreater(attempt["timings"]["dns_us"], 0)
        self.assertEqual(self.receiver.await_event(event).find("Host"), f"here.test:{self.receiver.port}")

    def test_upper_case_is_the_same_name(self):
        self.assertEqual(self.attempt("HERE.test")[1]["outcome"], "delivered")

    def test_a_name_that_does_not_exist(self):
        attempt = self.attempt("nowhere.test")[1]
        self.assertEqual(attempt["outcome"], "dns_failed")
        self.assertTrue(attempt["error"])

    def test_a_name_without_addresses(self):
        self.assertEqual(self.attempt("empty.test")[1]["outcome"], "dns_failed")

    def test_a_name_server_that_is_silent(self):
        self.assertIn(self.attempt("silent.test", timeout="2s")[1]["outcome"], ("timeout", "dns_failed"))

    def test_a_second_address_is_tried_when_the_first_refuses(self):
        outcome = self.attempt("two.test")[1]["outcome"]
        self.assertIn(outcome, ("delivered", "connect_refused"))

    def test_an_address_that_changes_is_noticed(self):
        self.engine.subscribe(self.receiver.url(host="moving.test"), retry={"schedule": ["1s"] * 30})
        event = self.engine.publish("dns", 1)["id"]
        self.engine.await_attempts(event, 1)
        self.dns.names["moving.test"] = ["127.0.0.1"]
        wait.until(lambda: self.engine.delivery(event)["status"] == "delivered", "delivered")

    def test_many_deliveries_ask_few_times(self):
        self.dns.ttl = 60
        self.engine.subscribe(self.receiver.url(host="here.test"))
        events = {self.engine.publish("dns", number)["id"] for number in range(200)}
        wait.until(lambda: {each.event for each in self.receiver.of()} >= events, "200 deliveries")
        asked = [name for name, kind in self.dns.asked if name == "here.test" and kind == TYPE_A]
        self.assertLessEqual(len(asked), 20)


if __name__ == "__main__":
    case.main()
