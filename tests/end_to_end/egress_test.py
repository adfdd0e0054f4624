#!/usr/bin/env python3
"""Addresses that deliveries may not go to. Which addresses those are is tested by tests/unit/engine."""
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support import case, wait
from support.engine import Engine
from support.name_server import NameServer
from support.receiver import Receiver

# Hosts that are all this machine, or that nobody outside may be led to.
FORBIDDEN = ["127.0.0.1", "127.9.9.9", "localhost", "[::1]", "[::ffff:127.0.0.1]", "[::127.0.0.1]",
             "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "0.0.0.0", "[::]", "169.254.169.254", "10.0.0.1",
             "172.16.0.1", "192.168.1.1", "100.64.0.1", "224.0.0.1", "255.255.255.255", "[fe80::1]", "[fd00::1]"]

# How else 127.0.0.1 is written: refused when the subscription is made, or blocked like the others.
SPELLINGS = ["2130706433", "0x7f000001", "0177.0.0.1", "127.1", "127.0.0.1.", "0x7f.1", "localhost."]


class Egress(unittest.TestCase):
    def outcome(self, engine, url):
        """That of the one attempt; "refused" if the subscription cannot even be made."""
        answer = engine.admin.post("/api/v1/webhooks/subscriptions", {"url": url})
        if answer.status == 422:
            self.assertEqual([error["pointer"] for error in answer.json()["errors"]], ["/url"])
            return "refused"
        engine.admin.request("DELETE", f"/api/v1/webhooks/subscriptions/{answer.json()['id']}")
        made = engine.subscribe(url, events=["egress"], retry={"schedule": []}, timeout="5s")
        event = engine.publish("egress", 1)["id"]
        attempt = engine.await_attempts(event, 1, made["id"])[0]
        engine.admin.request("DELETE", f"/api/v1/webhooks/subscriptions/{made['id']}")
        return attempt["outcome"]

    def test_loopback_and_private_addresses_are_blocked(self):
        with Receiver() as receiver, Engine(allow=()) as engine:
            for host in FORBIDDEN:
                with self.subTest(host):
                    expected = "blocked_address" if host == "localhost" else "refused"
                    self.assertEqual(self.outcome(engine, receiver.url(host=host)), expected)
            self.assertEqual(receiver.of(), [])
            self.assertEqual(receiver.accepted, 0, "a connection was made")

    def test_other_spellings_of_loopback_gain_nothing(self):
        with Receiver() as receiver, Engine(allow=()) as engine:
            for host in SPELLINGS:
                with self.subTest(host):
                    answer = engine.admin.post("/api/v1/webhooks/subscriptions",
                                               {"url": receiver.url(host=host), "retry": {"schedule": []}})
                    if answer.status == 201:
                        event = engine.publish("egress", 1)["id"]
                        attempt = engine.await_attempts(event, 1, answer.json()["id"])[0]
                        self.assertIn(attempt["outcome"], ("blocked_address", "dns_failed"))
                        engine.admin.request("DELETE", f"/api/v1/webhooks/subscriptions/{answer.json()['id']}")
                    else:
                        self.assertEqual(answer.status, 422, answer)
            self.assertEqual(receiver.accepted, 0)

    def test_only_the_allowed_network_is_allowed(self):
        with Receiver() as receiver, Engine(allow=("--allow-network", "127.0.0.1/32")) as engine:
            self.assertEqual(self.outcome(engine, receiver.url()), "delivered")
            self.assertEqual(self.outcome(engine, receiver.url(host="127.0.0.2")), "refused")
            self.assertEqual(self.outcome(engine, receiver.url(host="169.254.169.254")), "refused")

    def test_an_address_that_is_not_allowed_any_more_is_blocked(self):
        with Receiver() as receiver, Engine() as engine:
            made = engine.subscribe(receiver.url(), events=["egress"], retry={"schedule": []})
            engine.restart(replace=("--shards", "2"))
            attempt = engine.await_attempts(engine.publish("egress", 1)["id"], 1, made["id"])[0]
            self.assertEqual(attempt["outcome"], "blocked_address")
            self.assertEqual(receiver.of(), [])

    def test_a_name_is_judged_by_the_address_it_leads_to(self):
        names = {"inside.test": ["127.0.0.1"], "metadata.test": ["169.254.169.254"],
                 "both.test": ["10.1.1.1", "127.0.0.1"]}
        with NameServer(names) as dns, Receiver() as receiver:
            with Engine("--dns-server", dns.address, allow=()) as engine:
                for name in names:
                    with self.subTest(name):
                        self.assertEqual(self.outcome(engine, receiver.url(host=name)), "blocked_address")
                self.assertEqual(receiver.accepted, 0)

    def test_a_name_that_changes_its_mind_gains_nothing(self):
        with NameServer({"rebind.test": ["127.0.0.2"]}) as dns, Receiver(host="127.0.0.1") as receiver:
            allow = ("--allow-network", "127.0.0.2/32")
            with Engine("--dns-server", dns.address, allow=allow) as engine:
                self.assertIn(self.outcome(engine, receiver.url(host="rebind.test")), ("connect_refused",))
                dns.names["rebind.test"] = ["127.0.0.1"]
                # Until its answer's time is over the resolver goes by the first one, which leads nowhere.
                wait.until(lambda: self.outcome(engine, receiver.url(host="rebind.test")) == "blocked_address",
                           "the new address, refused")
                self.assertEqual(receiver.accepted, 0)


if __name__ == "__main__":
    case.main()
