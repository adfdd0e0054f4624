"""case.py - the unittest.TestCase of most end-to-end tests: one engine and one receiver for a class,
and an event type and a path of its own for each test."""
import unittest

from support.engine import Engine, SUBSCRIPTIONS
from support.receiver import Receiver


class EngineCase(unittest.TestCase):
    arguments = ()
    env = None
    maxDiff = 4000

    @classmethod
    def setUpClass(cls):
        cls.receiver = cls.enterClassContext(Receiver())
        cls.engine = cls.enterClassContext(Engine(*cls.arguments, env=cls.env))

    def setUp(self):
        self.kind = self._testMethodName.removeprefix("test_")
        self.path = f"/{self.kind}"
        failures = len(self._outcome.result.failures + self._outcome.result.errors)
        self.addCleanup(self.show_log, failures)

    def show_log(self, failures_before):
        result = self._outcome.result
        if not self._outcome.success or len(result.failures + result.errors) > failures_before:
            print(f"--- the engine's log, at the end of {self.id()} ---\n{self.engine.log_tail()}", flush=True)

    def subscribe(self, path=None, **fields):
        """A subscription of this test's type (or of `events`) to this test's path, gone when the test ends."""
        fields.setdefault("events", [self.kind])
        made = self.engine.subscribe(self.receiver.url(path or self.path), **fields)
        self.addCleanup(lambda: self.engine.admin.request("DELETE", f"{SUBSCRIPTIONS}/{made['id']}"))
        return made

    def publish(self, payload=None, **fields):
        """The id of one event of this test's type."""
        return self.engine.publish(fields.pop("type", self.kind), payload, **fields)["id"]

    def assert_problem(self, answer, status):
        """RFC 9457: the shape of every error. Returns the body."""
        self.assertEqual(answer.status, status, answer)
        self.assertEqual(answer.headers.get("content-type"), "application/problem+json")
        problem = answer.json()
        self.assertEqual(problem["status"], status)
        for name in ("type", "title", "detail"):
            self.assertIsInstance(problem[name], str, problem)
        self.assertTrue(problem["title"])
        return problem


def main():
    unittest.main(verbosity=2)
