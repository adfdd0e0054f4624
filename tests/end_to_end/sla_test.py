#!/usr/bin/env python3
"""What a tenant is promised, and whether it gets it."""
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support import case, wait
from support.receiver import status

TENANTS = "/api/v1/tenants"
SLA = "/api/v1/webhooks/sla"


class Promise(case.EngineCase):
    def tenant(self):
        return next(one for one in self.engine.admin.get(TENANTS).json()["data"] if one["name"] == "default")

    def patch(self, sla):
        return self.engine.admin.request("PATCH", f"{TENANTS}/{self.tenant()['id']}", {"sla": sla})


class Sla(Promise):
    def promise(self, sla):
        answer = self.patch(sla)
        self.assertEqual(answer.status, 200, answer)
        return answer.json()["sla"]

    def test_an_objective_is_kept_and_shown(self):
        self.assertEqual(self.promise({"objective": 0.995, "latency": "5s"}), {"objective": 0.995, "latency": "5s"})
        self.engine.restart()
        tenant = self.tenant()
        self.assertEqual(tenant["sla"], {"objective": 0.995, "latency": "5s"})
        self.assertEqual(self.engine.admin.get(SLA).json()["sla"], tenant["sla"])
        self.assertIsNone(self.promise(None))
        found = self.engine.admin.get(SLA).json()
        self.assertIsNone(found["sla"])
        self.assertTrue(all(window["met"] is None and window["error_budget"] is None for window in found["windows"]))

    def test_what_is_no_objective_is_refused(self):
        for sla, pointer in (({"objective": 1}, "/sla/objective"), ({"objective": 0.1}, "/sla/objective"),
                             ({"latency": "5s"}, "/sla/objective"), ({"objective": 0.9, "latency": 5}, "/sla/latency"),
                             ({"objective": 0.9, "latency": "0s"}, "/sla/latency"),
                             ({"objective": 0.9, "more": 1}, "/sla/more"), (7, "/sla")):
            problem = self.assert_problem(self.patch(sla), 422)
            self.assertEqual([fault["pointer"] for fault in problem["errors"]], [pointer], sla)


class Breach(Promise):
    def test_a_breach_is_accounted_for_and_told_once(self):
        answer = self.patch({"objective": 0.9})
        self.assertEqual(answer.status, 200, answer)
        self.subscribe("/alerts", events=["sla.breached"])
        self.subscribe(retry={"schedule": []}, breaker={"window": "10s", "min_attempts": 1000, "failure_rate": 1,
                                                        "cooldown": "1s", "max_cooldown": "1s"})
        self.receiver.script(self.path, [status(500)] * 3 + [status(200)])
        for number in range(12):
            self.publish(number)
        request, = self.receiver.await_count("/alerts", 1)
        said = json.loads(request.body)
        self.assertEqual((said["deliveries"], said["good"], said["compliance"]), (12, 9, 0.75))
        self.assertEqual(said["sla"], {"objective": 0.9, "latency": None})

        windows = wait.until(lambda: (found := self.engine.admin.get(SLA).json()["windows"])[0]["deliveries"] == 13
                             and found, "the alert's own delivery counts too")
        for window in windows:
            self.assertEqual((window["good"], window["met"]), (10, False))
            self.assertAlmostEqual(window["compliance"], 10 / 13, places=5)
            budget = window["error_budget"]
            self.assertAlmostEqual(budget["total"], 1.3, places=5)
            self.assertEqual(budget["used"], 3)
            self.assertAlmostEqual(budget["left"], -1.7, places=5)
            self.assertAlmostEqual(budget["burn_rate"], 3 / 1.3, places=4)
        self.engine.restart()
        self.publish(1)
        wait.until(lambda: self.engine.admin.get(SLA).json()["windows"][0]["deliveries"] == 14, "summed up")
        self.assertEqual(len([one for one in self.receiver.requests if one.path == "/alerts"]), 1)

    def test_what_comes_late_is_not_good(self):
        answer = self.engine.admin.post(TENANTS, {"name": "late", "sla": {"objective": 0.5, "latency": "100ms"}})
        self.assertEqual(answer.status, 201, answer)
        headers = {"Grapnel-Tenant": answer.json()["id"]}
        answer = self.engine.admin.post("/api/v1/webhooks/subscriptions", {"url": self.receiver.url(self.path),
                                        "retry": {"schedule": ["1s"]}}, headers=headers)
        self.assertEqual(answer.status, 201, answer)
        self.receiver.script(self.path, [status(500), status(200)])
        answer = self.engine.ingest.post("/api/v1/webhooks/events", {"type": "x", "payload": 1}, headers=headers)
        self.assertEqual(answer.status, 202, answer)
        window = wait.until(lambda: (found := self.engine.admin.get(SLA, headers=headers).json()["windows"][0])
                            ["deliveries"] == 1 and found, "summed up")
        self.assertEqual((window["good"], window["met"]), (0, False))


if __name__ == "__main__":
    case.main()
