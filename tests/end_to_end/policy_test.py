#!/usr/bin/env python3
"""What an endpoint is sent, and when: breaker, rate limit, Retry-After, pause, and being disabled."""
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support import case, wait
from support.engine import Engine, SUBSCRIPTIONS
from support.receiver import Receiver, hang, status

ROUNDING = 0.002


class Policy(case.EngineCase):
    def stats(self, made):
        answer = self.engine.admin.get(f"{SUBSCRIPTIONS}/{made['id']}/stats")
        self.assertEqual(answer.status, 200, answer)
        return answer.json()

    def await_breaker(self, made, state):
        return wait.until(lambda: (found := self.stats(made))["breaker"]["state"] == state and found, state)

    def change(self, made, verb):
        answer = self.engine.admin.post(f"{SUBSCRIPTIONS}/{made['id']}/{verb}")
        self.assertEqual(answer.status, 200, answer)
        return answer.json()

    def show(self, made):
        return self.engine.admin.get(f"{SUBSCRIPTIONS}/{made['id']}").json()

    def metric(self, name):
        text = self.engine.admin.get("/metrics").body.decode()
        return next(int(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith(name + " "))


class Breaker(Policy):
    SETTINGS = {"window": "10s", "min_attempts": 4, "failure_rate": 0.5, "cooldown": "1s", "max_cooldown": "2s"}

    def break_it(self, events=4):
        """A subscription whose receiver fails, the breaker open, and what was published."""
        made = self.subscribe(breaker=self.SETTINGS, retry={"schedule": ["1h"]})
        self.receiver.script(self.path, [status(500)])
        published = [self.publish(number) for number in range(events)]
        self.receiver.await_count(self.path, 4)
        return made, published

    def test_an_open_breaker_lets_only_probes_through(self):
        made, _ = self.break_it()
        found = self.await_breaker(made, "open")
        self.assertEqual(found["breaker"]["reason"], "4 of 4 attempts failed within 10s")
        self.assertGreater(found["breaker"]["until"], found["breaker"]["since"])
        for number in range(50):
            self.publish(number)
        requests = self.receiver.await_count(self.path, 7)
        for earlier, later in zip(requests[3:], requests[4:]):
            self.assertGreaterEqual(later.at - earlier.at, 1 - ROUNDING, "one probe for each cool-down")

    def test_what_waits_behind_it_is_parked_and_uses_up_no_attempt(self):
        made, _ = self.break_it()
        self.await_breaker(made, "open")
        events = [self.publish(number) for number in range(30)]
        wait.until(lambda: self.stats(made)["deliveries"]["parked"] >= 29, "parked")
        self.receiver.script(self.path, [status(200)])
        for event in events:
            self.assertEqual(self.engine.await_status(event, "delivered")["attempt_count"], 1)
        counts = [sum(each.event == event for each in self.receiver.of(self.path)) for event in events]
        self.assertEqual(counts, [1] * 30)

    def test_it_closes_when_the_receiver_is_well_and_says_so(self):
        opened, closed = self.metric("grapnel_breakers_opened_total"), self.metric("grapnel_breakers_closed_total")
        made, _ = self.break_it()
        self.await_breaker(made, "open")
        self.receiver.script(self.path, [status(200)])
        for number in range(10):
            self.publish(number)
        self.await_breaker(made, "closed")
        self.assertGreater(self.metric("grapnel_breakers_opened_total"), opened)
        self.assertGreater(self.metric("grapnel_breakers_closed_total"), closed)
        lines = [line for line in self.engine.log().splitlines() if made["id"] in line]
        self.assertEqual(sum("breaker opened" in line for line in lines), 1, lines)
        self.assertEqual(sum("breaker closed" in line for line in lines), 1, lines)

    def test_a_receiver_that_cannot_be_reached_opens_it_too(self):
        with Receiver() as gone:
            url = gone.url("/")
        made = self.engine.subscribe(url, events=[self.kind], retry={"schedule": ["100ms"] * 20})
        self.publish(1)
        found = self.await_breaker(made, "open")
        self.assertEqual(found["breaker"]["reason"], "5 attempts in a row had no answer")
        self.assertEqual(self.metric('grapnel_breakers{state="open"}'), 1)
        self.engine.admin.request("DELETE", f"{SUBSCRIPTIONS}/{made['id']}")
        self.assertEqual(self.metric('grapnel_breakers{state="open"}'), 0)

    def test_a_retry_that_falls_due_meanwhile_waits(self):
        made = self.subscribe(breaker=self.SETTINGS, retry={"schedule": ["200ms"] * 10, "jitter": 0})
        self.receiver.script(self.path, [status(500)] * 4 + [status(200)])
        events = [self.publish(number) for number in range(4)]
        requests = self.receiver.await_count(self.path, 8)
        self.assertGreaterEqual(requests[4].at - requests[3].at, 1 - ROUNDING, "after the cool-down")
        for event in events:
            self.assertEqual(self.engine.await_status(event, "delivered")["attempt_count"], 2)
        self.await_breaker(made, "closed")

    def test_resume_closes_it(self):
        made, _ = self.break_it()
        self.await_breaker(made, "open")
        self.change(made, "pause")
        self.receiver.script(self.path, [status(200)])
        self.change(made, "resume")
        self.assertEqual(self.stats(made)["breaker"]["state"], "closed")

    def test_a_backlog_outlives_a_crash_with_the_breaker_open(self):
        with Engine() as engine:
            made = engine.subscribe(self.receiver.url(self.path), events=["e"], breaker=self.SETTINGS,
                                    retry={"schedule": ["1h"]})
            self.receiver.script(self.path, [status(500)])
            for number in range(4):
                engine.publish("e", number)
            wait.until(lambda: engine.admin.get(f"{SUBSCRIPTIONS}/{made['id']}/stats").json()["breaker"]["state"]
                       == "open", "open")
            events = {engine.publish("e", number)["id"] for number in range(100)}
            engine.kill()
            self.receiver.script(self.path, [status(200)])
            engine.start()
            wait.until(lambda: events <= {each.event for each in self.receiver.of(self.path)}, "all")


class Pace(Policy):
    def test_a_rate_limit_is_kept(self):
        self.subscribe(rate_limit={"per_second": 20, "burst": 5})
        for number in range(40):
            self.publish(number)
        times = [each.at for each in self.receiver.await_count(self.path, 40)]
        for first in range(40):
            for last in range(first + 5, 40):
                # The receiver's own lateness may bring two together, never a whole window.
                self.assertLessEqual(last - first + 1, (times[last] - times[first]) * 20 + 5 + 2)
        self.assertGreaterEqual(times[-1] - times[0], (40 - 5) / 20 - 0.1)

    def test_retry_after_stops_all_that_is_sent_to_it(self):
        made = self.subscribe(retry={"schedule": ["100ms"] * 3, "jitter": 0}, concurrency={"max": 1})
        self.receiver.script(self.path, [status(503, Retry_After="2"), status(200)])
        self.publish(1)
        first, = self.receiver.await_count(self.path, 1)
        wait.until(lambda: self.stats(made)["slow_until"], "slowed")
        for number in range(5):
            self.publish(number)
        requests = self.receiver.await_count(self.path, 7)
        self.assertGreaterEqual(requests[1].at - first.at, 2 - ROUNDING)
        self.assertIsNone(self.stats(made)["slow_until"])

    def test_overload_makes_room_smaller(self):
        made = self.subscribe(retry={"schedule": ["1h"]})
        self.receiver.script(self.path, [status(503)])
        before = self.stats(made)["concurrency"]["limit"]
        self.publish(1)
        wait.until(lambda: self.stats(made)["concurrency"]["limit"] < before, "smaller")

    def test_no_more_than_configured_are_on_their_way(self):
        made = self.subscribe(concurrency={"max": 2}, timeout="60s")
        self.receiver.script(self.path, [hang()])
        for number in range(10):
            self.publish(number)
        self.receiver.await_count(self.path, 2)
        found = self.stats(made)
        self.assertEqual(found["concurrency"], {"limit": 2, "in_flight": 2})
        self.assertEqual(len(self.receiver.of(self.path)), 2)


class Pause(Policy):
    def test_nothing_is_sent_and_everything_kept(self):
        made = self.subscribe(concurrency={"max": 1, "adaptive": False})
        self.assertEqual(self.change(made, "pause")["status"], "paused")
        self.assertEqual(self.change(made, "pause")["status"], "paused", "once more is not wrong")
        events = [self.publish(number) for number in range(100)]
        wait.until(lambda: self.stats(made)["deliveries"]["parked"] == 100, "parked")
        self.assertEqual(self.receiver.of(self.path), [])
        self.assertEqual(self.change(made, "resume")["status"], "active")
        self.assertEqual(self.change(made, "resume")["status"], "active")
        sent = [each.event for each in self.receiver.await_count(self.path, 100)]
        self.assertEqual(sent, sorted(events), "in order")

    def test_by_patch(self):
        made = self.subscribe()
        answer = self.engine.admin.request("PATCH", f"{SUBSCRIPTIONS}/{made['id']}", {"status": "paused"})
        self.assertEqual(answer.json()["status"], "paused")
        event = self.publish(1)
        self.engine.admin.request("PATCH", f"{SUBSCRIPTIONS}/{made['id']}", {"status": "active"})
        self.receiver.await_event(event)

    def test_it_outlives_a_restart(self):
        with Engine() as engine:
            made = engine.subscribe(self.receiver.url(self.path), events=["e"])
            engine.admin.post(f"{SUBSCRIPTIONS}/{made['id']}/pause")
            event = engine.publish("e", 1)["id"]
            engine.restart()
            self.assertEqual(engine.admin.get(f"{SUBSCRIPTIONS}/{made['id']}").json()["status"], "paused")
            self.assertEqual(self.receiver.of(self.path), [])
            engine.admin.post(f"{SUBSCRIPTIONS}/{made['id']}/resume")
            self.receiver.await_event(event)

    def test_what_is_not_there(self):
        for verb in ("pause", "resume"):
            self.assert_problem(self.engine.admin.post(f"{SUBSCRIPTIONS}/sub_{'0' * 26}/{verb}"), 404)
        self.assert_problem(self.engine.admin.get(f"{SUBSCRIPTIONS}/sub_{'0' * 26}/stats"), 404)


class Disabled(Policy):
    arguments = ("--disable-after", "3s")

    def await_disabled(self, made):
        return wait.until(lambda: (found := self.show(made))["status"] == "disabled" and found, "disabled")

    def test_by_410_and_resumed(self):
        made = self.subscribe(retry={"schedule": ["100ms"] * 5})
        self.assertIsNone(made["disabled_reason"])
        self.receiver.script(self.path, [status(410), status(200)])
        first = self.publish(1)
        self.assertEqual(self.await_disabled(made)["disabled_reason"], "gone")
        second = self.publish(2)
        wait.until(lambda: self.stats(made)["deliveries"]["parked"] == 2, "kept")
        self.assertEqual(len(self.receiver.of(self.path)), 1)
        self.assertIsNone(self.change(made, "resume")["disabled_reason"])
        self.engine.await_status(first, "delivered")
        self.engine.await_status(second, "delivered")

    def test_by_nothing_but_failures(self):
        made = self.subscribe(retry={"schedule": ["500ms"] * 30, "jitter": 0}, breaker={"min_attempts": 1000})
        self.receiver.script(self.path, [status(500)])
        event = self.publish(1)
        first, = self.receiver.await_count(self.path, 1)
        self.assertEqual(self.await_disabled(made)["disabled_reason"], "failing")
        requests = self.receiver.of(self.path)
        self.assertGreaterEqual(requests[-1].at - first.at, 3 - ROUNDING)
        self.receiver.script(self.path, [status(500), status(200)])
        self.change(made, "resume")
        self.assertEqual(self.engine.await_status(event, "delivered")["attempt_count"], len(requests) + 2)
        self.assertEqual(self.show(made)["status"], "active", "it was given another 3s")

    def test_not_with_a_success_between(self):
        made = self.subscribe(retry={"schedule": ["1s"] * 30, "jitter": 0}, breaker={"min_attempts": 1000})
        self.receiver.script(self.path, [status(500), status(500), status(200)] + [status(500)] * 2 + [status(200)])
        event, other = self.publish(1), self.publish(2)
        self.engine.await_status(event, "delivered")
        self.engine.await_status(other, "delivered")
        self.assertEqual(self.show(made)["status"], "active")

    def test_many_at_once_are_all_reported(self):
        made = [self.subscribe(f"{self.path}/{number}", retry={"schedule": []}) for number in range(30)]
        for number in range(30):
            self.receiver.script(f"{self.path}/{number}", [status(410)])
        self.publish(1)
        for each in made:
            self.await_disabled(each)

    def test_the_reason_is_the_engines_to_set(self):
        made = self.subscribe()
        answer = self.engine.admin.request("PATCH", f"{SUBSCRIPTIONS}/{made['id']}", {"disabled_reason": "gone"})
        problem = self.assert_problem(answer, 422)
        self.assertEqual(problem["errors"][0]["pointer"], "/disabled_reason")


del Policy
if __name__ == "__main__":
    case.main()
