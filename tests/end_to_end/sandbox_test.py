#!/usr/bin/env python3
"""The sandbox: receivers inside the engine, which keep and verify what they get."""
import base64
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support import case, wait
from support.client import Client
from support.engine import Engine, SUBSCRIPTIONS


class Sandbox(case.EngineCase):
    arguments = ("--sandbox",)

    def subscribe_to(self, target, **fields):
        fields.setdefault("events", [self.kind])
        self.engine.subscribe(f"http://{self.engine.ingest_address}/webhook/receive/{target}", **fields)

    def history(self, part=""):
        answer = self.engine.ingest.get(f"/webhook/history{part}")
        self.assertEqual(answer.status, 200, answer)
        return answer.json()["data"]

    def events(self, part):
        return [each["headers"].get("webhook-id") for each in self.history(part)]

    def await_event(self, event, part):
        """What the bin has kept of `event`."""
        def find():
            return next((each for each in self.history(part) if each["headers"].get("webhook-id") == event), None)

        return wait.until(find, f"{event} in the history")

    def test_delivers_to_itself_and_verifies(self):
        self.subscribe_to("mine")
        event = self.publish({"n": 1})
        got = self.await_event(event, "/mine")
        self.assertIs(got["signature_valid"], True)
        self.assertEqual((got["bin"], got["method"], got["body"]), ("mine", "POST", '{"n": 1}'))
        self.assertRegex(got["received_at"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        self.engine.await_status(event, "delivered")

    def test_verifies_every_scheme_also_while_a_rotation_overlaps(self):
        signatures = [{"scheme": scheme} for scheme in ("standard", "ed25519", "timestamped", "stripe", "github", "hex")]
        signatures += [{"scheme": "hex", "header": "X-Mine"},
                       {"scheme": "template", "content": "{timestamp}|{body}", "header": "X-Sig: {timestamp};{base64}"}]
        for number, signature in enumerate(signatures):
            with self.subTest(signature):
                kind, part = f"{self.kind}.{number}", f"schemes-{number}"
                url = f"http://{self.engine.ingest_address}/webhook/receive/{part}"
                made = self.engine.subscribe(url, events=[kind], signature=signature)
                for overlap in (None, "24h", "0s"):
                    if overlap:
                        path = f"{SUBSCRIPTIONS}/{made['id']}/rotate-secret"
                        self.assertEqual(self.engine.admin.post(path, {"overlap": overlap}).status, 200)
                    got = self.await_event(self.publish({"n": 1}, type=kind), f"/{part}")
                    self.assertIs(got["signature_valid"], True, got)
                headers = {**got["headers"], "webhook-id": "evt_forged"}
                del headers["Content-Length"], headers["Host"]
                answer = self.engine.ingest.post(f"/webhook/receive/{part}", b'{"n":2}', headers=headers, key=False)
                self.assertEqual(answer.status, 200, answer)
                self.assertIs(self.await_event("evt_forged", f"/{part}")["signature_valid"], False)

    def test_bins_are_apart(self):
        for name in ("one", "two"):
            self.subscribe_to(name, events=[f"bins.{name}"])
        events = {name: self.publish(1, type=f"bins.{name}") for name in ("one", "two")}
        for name, event in events.items():
            self.await_event(event, f"/{name}")
            self.assertEqual(self.events(f"/{name}"), [event])

    def test_a_signature_that_is_wrong_is_not_valid(self):
        headers = {"webhook-id": "evt_forged", "webhook-timestamp": "1700000000",
                   "webhook-signature": "v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "Content-Type": "text/plain"}
        answer = self.engine.ingest.post("/webhook/receive/forged", b"not signed", headers=headers, key=False)
        self.assertIn(answer.status, (200, 202, 204), answer)
        got = self.await_event("evt_forged", "/forged")
        self.assertIsNot(got["signature_valid"], True)

    def test_takes_any_body(self):
        bodies = (b"", b"\x00\xff", b"{", "é😀".encode(), b"x" * 60_000)
        for body in bodies:
            answer = self.engine.ingest.post("/webhook/receive/any", body, key=False)
            self.assertEqual(answer.status, 200, answer)
        kept = self.history("/any")[::-1]
        got = [base64.b64decode(each["body"]) if each["body_encoding"] == "base64" else each["body"].encode()
               for each in kept]
        self.assertEqual(got, list(bodies))

    def test_answers_as_it_is_told(self):
        self.subscribe_to("told?status=503", retry={"schedule": []})
        event = self.publish(1)
        self.engine.await_status(event, "dead")
        self.assertEqual(self.events("/told"), [event])

    def test_the_history_is_bounded_over_all_bins(self):
        self.engine.ingest.post("/webhook/receive/early", b"1", key=False)
        client = Client(self.engine.ingest_address, keep=True)
        for number in range(1000):
            self.assertEqual(client.post("/webhook/receive/full", b"%d" % number).status, 200)
        client.close()
        self.assertEqual(self.history("/early"), [])
        newest = [int(each["body"]) for each in self.history("/full?limit=250")]
        self.assertEqual(newest, list(range(999, 749, -1)))

    def test_bad_paths_and_queries(self):
        for path, code in (("/webhook/receive/a%20b", 404), ("/webhook/receive/a/b", 404), ("/webhook/nothing", 404),
                           ("/webhook/receive/" + "x" * 100, 404), ("/webhook/receive/x?status=99", 422)):
            with self.subTest(path):
                self.assert_problem(self.engine.ingest.post(path, b"1"), code)
        self.assert_problem(self.engine.ingest.get("/webhook/history/x?limit=0"), 422)
        self.assert_problem(self.engine.ingest.request("DELETE", "/webhook/history/x"), 405)


class NoSandbox(unittest.TestCase):
    def test_is_off_unless_asked_for(self):
        with Engine() as engine:
            self.assertEqual(engine.ingest.post("/webhook/receive/x", b"1").status, 404)
            self.assertEqual(engine.ingest.get("/webhook/history").status, 404)


if __name__ == "__main__":
    case.main()
