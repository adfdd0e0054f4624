#!/usr/bin/env python3
"""/metrics: what Prometheus' own tools say of it, that it counts, and that a scrape always ends."""
import ctypes
import importlib.machinery
import importlib.util
import json
import os
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import threading
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from support import case, wait
from support.engine import ROOT, Engine
from support.receiver import Receiver

DOC = ROOT / "tools/docs/metrics.md"
ALERTS = ROOT / "tools/etc/prometheus/alerts.yml"
BOARD = ROOT / "tools/etc/grafana/grapnel.json"


def load_table():
    loader = importlib.machinery.SourceFileLoader("metrics_table", str(ROOT / "tools/metrics_table"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("metrics_table", loader))
    loader.exec_module(module)
    return module


metrics_table = load_table()


def scrape(engine):
    answer = engine.admin.get("/metrics", key=False)
    assert answer.status == 200, answer
    return answer.body.decode()


def value(text, name):
    """The value of a sample by its name, with its labels as they are printed."""
    found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
    assert found, name
    return float(found[1])


class Format(unittest.TestCase):
    def test_promtool_finds_nothing_to_say(self):
        with Engine() as engine:
            checked = subprocess.run(["promtool", "check", "metrics"], input=scrape(engine), text=True,
                                     capture_output=True)
            self.assertEqual((checked.returncode, checked.stdout, checked.stderr), (0, "", ""))

    def test_what_is_printed_is_documented_and_nothing_else(self):
        with Engine() as engine:
            printed = metrics_table.table(scrape(engine))
        documented = [line for line in DOC.read_text().splitlines() if line.startswith("|")]
        self.assertEqual(documented, printed.splitlines(),
                         "put the output of tools/metrics_table into tools/docs/metrics.md")

    def test_no_label_has_a_value_of_a_user_s(self):
        with Engine() as engine, Receiver() as receiver:
            subscription = engine.subscribe(receiver.url("/of/mine"))
            event = engine.publish("type.of.mine", {"n": 1})
            engine.await_status(event["id"], "delivered")
            engine.admin.get("/api/v1/webhooks/subscriptions/nobody")
            engine.admin.get("/a/path/of/mine")
            text = scrape(engine)
        for own in (subscription["id"], event["id"], "mine", "nobody"):
            self.assertNotIn(own, text)


class Counting(unittest.TestCase):
    def test_counts_the_way_of_an_event(self):
        with Engine() as engine, Receiver() as receiver:
            engine.subscribe(receiver.url("/"))
            event = engine.publish("a.b", {"n": 1})
            engine.await_status(event["id"], "delivered")
            text = scrape(engine)
            self.assertEqual(value(text, "grapnel_events_accepted_total"), 1)
            self.assertEqual(value(text, 'grapnel_attempts_total{outcome="delivered"}'), 1)
            for histogram in ("accept", "delivery", "attempt"):
                self.assertEqual(value(text, f"grapnel_{histogram}_seconds_count"), 1, histogram)
                self.assertGreater(value(text, f"grapnel_{histogram}_seconds_sum"), 0, histogram)
            self.assertGreaterEqual(value(text, "grapnel_journal_commits_total"), 1)
            self.assertEqual(value(text, "grapnel_journal_group_events_sum"), 1)
            self.assertGreaterEqual(value(text, "grapnel_journal_syncs_total"), 1)
            self.assertGreater(value(text, "grapnel_journal_commit_seconds_sum"), 0)
            self.assertGreater(value(text, "grapnel_storage_log_bytes"), 0)
            self.assertGreater(value(text, "grapnel_storage_free_bytes"), 0)
            self.assertGreater(value(text, 'grapnel_storage_family_keys{family="events"}'), 0)
            self.assertEqual(value(text, 'grapnel_ingest_answers_total{class="2xx"}'), 1)
            self.assertEqual(value(text, "grapnel_threads_silent"), 0)
            self.assertEqual(value(text, 'grapnel_admin_answers_total{resource="subscriptions",class="2xx"}'), 1)
            self.assertGreater(value(text, "grapnel_control_turn_seconds_count"), 0)
            self.assertGreater(value(text, "grapnel_control_answer_seconds_count"), 0)

    def test_counts_refusals_by_status(self):
        with Engine("--event-bytes-max", "2K") as engine:
            engine.ingest.post("/api/v1/webhooks/events", {"type": "a"}, key="gk_wrong")
            engine.publish_raw(b"{")
            engine.publish_raw(b'{"type":"","payload":1}')
            engine.publish_raw(b'{"type":"a","payload":"' + b"x" * 4096 + b'"}')
            engine.publish_raw(b"hello", content_type="text/plain")
            text = scrape(engine)
            for status in (400, 401, 413, 415, 422):
                self.assertEqual(value(text, f'grapnel_events_refusals_total{{status="{status}"}}'), 1, status)
            self.assertEqual(value(text, "grapnel_events_refused_total"), 5)
            self.assertEqual(value(text, 'grapnel_events_refusals_total{status="other"}'), 0)

    def test_counts_names_that_are_not_there(self):
        with Engine() as engine:
            engine.subscribe("http://nowhere.invalid/")
            event = engine.publish("a.b")
            attempts = engine.await_attempts(event["id"], 1)
            self.assertEqual(attempts[0]["outcome"], "dns_failed")
            text = scrape(engine)
            self.assertGreaterEqual(value(text, "grapnel_dns_failures_total"), 1)
            self.assertGreaterEqual(value(text, "grapnel_dns_seconds_count"), 1)

    def test_answers_are_counted_by_resource_and_class(self):
        with Engine() as engine:
            engine.admin.get("/no/such/path")
            engine.admin.get("/api/v1/tenants", key="gk_wrong")
            engine.admin.get("/api/v1/tenants")
            text = scrape(engine)
            self.assertEqual(value(text, 'grapnel_admin_answers_total{resource="none",class="4xx"}'), 1)
            self.assertEqual(value(text, 'grapnel_admin_answers_total{resource="tenants",class="4xx"}'), 1)
            self.assertEqual(value(text, 'grapnel_admin_answers_total{resource="tenants",class="2xx"}'), 1)


class Frozen:
    """One thread of a process that stands still while the others go on, as a tracer can have it."""

    SEIZE, INTERRUPT, DETACH, WALL = 0x4206, 0x4207, 17, 0x40000000

    def __init__(self, process, name):
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.task = next(int(task) for task in os.listdir(f"/proc/{process.pid}/task")
                         if pathlib.Path(f"/proc/{process.pid}/task/{task}/comm").read_text().strip() == name)

    def trace(self, request):
        result = self.libc.ptrace(ctypes.c_long(request), ctypes.c_long(self.task), None, None)
        if result == -1:
            raise OSError(ctypes.get_errno(), "ptrace")

    def __enter__(self):
        self.trace(self.SEIZE)
        self.trace(self.INTERRUPT)
        os.waitpid(self.task, self.WALL)
        return self

    def __exit__(self, *_):
        self.trace(self.DETACH)


class Scrapes(unittest.TestCase):
    def test_many_at_a_time_are_all_answered(self):
        with Engine() as engine:
            texts = []
            crowd = [threading.Thread(target=lambda: texts.append(engine.admin.send("GET", "/metrics").status))
                     for _ in range(12)]
            for one in crowd:
                one.start()
            for one in crowd:
                one.join()
            self.assertEqual(texts, [200] * 12)

    def test_one_ends_though_a_thread_hangs(self):
        for thread in ("shard-1", "writer"):
            with self.subTest(thread), Engine() as engine:
                self.assertEqual(value(scrape(engine), "grapnel_threads_silent"), 0)
                with Frozen(engine.process, thread):
                    self.assertEqual(value(scrape(engine), "grapnel_threads_silent"), 1)
                    self.assertEqual(value(scrape(engine), "grapnel_threads_silent"), 1)
                wait.until(lambda: value(scrape(engine), "grapnel_threads_silent") == 0, "its answer")


class Watchdog(unittest.TestCase):
    def test_tells_the_manager_only_while_shards_answer(self):
        with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind(f"{folder}/notify")
            manager.settimeout(wait.PATIENCE)
            with Engine(env={"NOTIFY_SOCKET": f"{folder}/notify", "WATCHDOG_USEC": "3000000"}) as engine:
                self.assertEqual(manager.recv(64), b"READY=1")
                self.assertEqual(manager.recv(64), b"WATCHDOG=1")
                with Frozen(engine.process, "shard-0"):
                    wait.until(lambda: value(scrape(engine), "grapnel_watchdog_age_seconds") > 4, "silence")
                    self.assertLessEqual(len(self.told(manager)), 2, "from before it was frozen")
                    wait.until(lambda: value(scrape(engine), "grapnel_watchdog_age_seconds") > 6, "silence")
                    self.assertEqual(self.told(manager), [])
                self.assertEqual(manager.recv(64), b"WATCHDOG=1")

    def told(self, manager):
        words = []
        manager.setblocking(False)
        try:
            while True:
                words.append(manager.recv(64))
        except BlockingIOError:
            return words
        finally:
            manager.settimeout(wait.PATIENCE)

    def test_tells_nothing_to_a_manager_that_does_not_wait(self):
        with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind(f"{folder}/notify")
            manager.settimeout(wait.PATIENCE)
            with Engine(env={"NOTIFY_SOCKET": f"{folder}/notify"}) as engine:
                self.assertEqual(manager.recv(64), b"READY=1")
                seen = []
                wait.until(lambda: seen.append(value(scrape(engine), "grapnel_watchdog_age_seconds")) or
                           any(b < a for a, b in zip(seen, seen[1:])), "a round that has ended")
                self.assertEqual(self.told(manager), [])


class Files(unittest.TestCase):
    """What is shipped for Prometheus and Grafana speaks of metrics that there are."""

    def names(self):
        with Engine() as engine:
            text = scrape(engine)
        names = set()
        for family in metrics_table.families(text):
            ends = ("_bucket", "_sum", "_count") if family["type"] == "histogram" else ("",)
            names.update(family["name"] + end for end in ends)
        return names

    def test_the_alert_rules_are_right(self):
        for arguments in (["check", "rules", ALERTS], ["test", "rules", ALERTS.with_name("alerts_test.yml")]):
            ran = subprocess.run(["promtool", *map(str, arguments)], text=True, capture_output=True)
            self.assertEqual(ran.returncode, 0, ran.stdout + ran.stderr)
        self.check_names(re.findall(r"\b(?:grapnel|process)_[a-z0-9_]+", self.expressions(ALERTS)))

    def expressions(self, path):
        return "\n".join(line for line in path.read_text().splitlines() if "alert:" not in line and
                         not re.match(r"\s*(summary|description|#)", line))

    def check_names(self, used):
        self.assertGreater(len(used), 5)
        self.assertEqual(set(used) - self.names(), set())

    def test_the_board_shows_what_there_is(self):
        board = json.loads(BOARD.read_text())
        targets = [target for panel in board["panels"] for target in panel.get("targets", [])]
        self.assertGreater(len(targets), 20)
        used = [name for target in targets
                for name in re.findall(r"\b(?:grapnel|process)_[a-z0-9_]+", target["expr"])]
        self.check_names(used)
        ids = [panel["id"] for panel in board["panels"]]
        self.assertEqual(len(ids), len(set(ids)))


if __name__ == "__main__":
    case.main()
