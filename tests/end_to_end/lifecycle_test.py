#!/usr/bin/env python3
"""Start, stop, signals, and one data folder under different circumstances."""
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support import case, wait
from support.engine import EVENTS, Engine, environment, program
from support.receiver import Receiver, hang, status


class Lifecycle(unittest.TestCase):
    def test_sigterm_and_sigint_end_it_with_0(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(number), Engine() as engine:
                engine.publish("a", 1)
                engine.process.send_signal(number)
                self.assertEqual(engine.process.wait(timeout=wait.PATIENCE), 0)

    def test_sigterm_finishes_what_is_in_flight(self):
        release = threading.Event()
        with Receiver() as receiver, Engine(shards=1) as engine:
            receiver.script("/hook", [hang(release)])
            made = engine.subscribe(receiver.url(), timeout="60s")
            event = engine.publish("a", 1)["id"]
            receiver.await_count("/hook", 1)
            engine.process.send_signal(signal.SIGTERM)
            release.set()
            self.assertEqual(engine.process.wait(timeout=wait.PATIENCE), 0)
            engine.start()
            self.assertEqual(engine.delivery(event, made["id"])["status"], "delivered")
            self.assertEqual(len(receiver.of("/hook")), 1, "it was sent twice")

    def test_what_does_not_finish_is_delivered_after_the_next_start(self):
        with Receiver() as receiver, Engine("--shutdown-timeout", "1s") as engine:
            receiver.script("/hook", [hang(), status(200)])
            engine.subscribe(receiver.url(), timeout="60s", concurrency={"max": 1}, retry={"schedule": ["1s"] * 3})
            events = {engine.publish("a", number)["id"] for number in range(20)}
            receiver.await_count("/hook", 1)
            engine.stop()
            engine.start()
            wait.until(lambda: {each.event for each in receiver.of("/hook")[1:]} == events, "all of the events")

    def test_a_second_signal_ends_it_at_once(self):
        with Receiver() as receiver, Engine("--shutdown-timeout", "50s") as engine:
            receiver.script("/hook", [hang()])
            engine.subscribe(receiver.url(), timeout="60s")
            engine.publish("a", 1)
            receiver.await_count("/hook", 1)
            engine.process.send_signal(signal.SIGTERM)
            wait.until(lambda: not self.accepts(engine), "a port that is closed")
            self.assertIsNone(engine.process.poll())
            engine.process.send_signal(signal.SIGTERM)
            engine.process.wait(timeout=40)

    def accepts(self, engine):
        try:
            return engine.ingest.get("/healthz").status == 200
        except OSError:
            return False

    def test_a_second_engine_on_the_same_data_exits_1(self):
        with Engine() as engine:
            done = subprocess.run(engine.command(), env=environment(), capture_output=True, text=True, timeout=60,
                                  cwd=engine.folder, check=False)
            self.assertEqual(done.returncode, 1, done)
            self.assertIn(str(engine.data), done.stderr)
            self.assertEqual(engine.publish("a", 1)["duplicate"], False)

    def test_a_port_that_is_taken_exits_1(self):
        with socket.socket() as taken, Engine(start=False) as engine:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            address = "127.0.0.1:%d" % taken.getsockname()[1]
            for flag in ("--ingest", "--admin"):
                done = subprocess.run(engine.command(flag, address), env=environment(), capture_output=True,
                                      text=True, timeout=60, cwd=engine.folder, check=False)
                self.assertEqual(done.returncode, 1, done)
                self.assertIn(address, done.stderr)

    def test_a_data_folder_that_cannot_be_made_exits_1(self):
        with tempfile.TemporaryDirectory() as folder:
            (pathlib.Path(folder) / "file").write_text("")
            done = subprocess.run([program(), "--data", f"{folder}/file/data", "--ingest", "127.0.0.1:0", "--admin",
                                   "127.0.0.1:0"], env=environment(), capture_output=True, text=True, timeout=60,
                                  cwd=folder, check=False)
            self.assertEqual(done.returncode, 1, done)
            self.assertIn(f"{folder}/file/data", done.stderr)

    def test_another_number_of_shards_loses_nothing(self):
        with Receiver() as receiver, Engine(shards=1) as engine:
            receiver.script("/hook", [status(500)])
            receiver.script("/good", [status(200)])
            made = engine.subscribe(receiver.url(), retry={"schedule": ["1s"] * 32, "jitter": 0})
            engine.subscribe(receiver.url("/good"))
            allow = ("--allow-network", "127.0.0.0/8")
            events = set()
            for shards in (2, 1, 3, 1):
                body = [{"type": "a", "payload": number} for number in range(50)]
                events |= {each["id"] for each in engine.ingest.post(EVENTS, body).json()["events"]}
                engine.restart(replace=(*allow, "--shards", str(shards)))
                self.assertEqual(engine.admin.get(f"/api/v1/webhooks/subscriptions/{made['id']}").status, 200)
            receiver.script("/hook", [status(200)])
            wait.until(lambda: all(self.ended(engine, made["id"], event) for event in events), "all delivered")
            got = receiver.of("/good")
            self.assertEqual({each.event for each in got}, events)

    def ended(self, engine, subscription, event):
        delivery = engine.delivery(event, subscription)
        return delivery and delivery["status"] == "delivered"

    def test_history_is_there_after_a_restart(self):
        with Receiver() as receiver, Engine() as engine:
            engine.subscribe(receiver.url())
            event = engine.publish("a", {"n": 1}, correlation_id="c")["id"]
            engine.await_status(event, "delivered")
            before = engine.admin.get(f"/api/v1/webhooks/events/{event}").json()
            attempts = engine.attempts(engine.delivery(event)["id"])
            engine.restart()
            self.assertEqual(engine.admin.get(f"/api/v1/webhooks/events/{event}").json(), before)
            self.assertEqual(engine.attempts(engine.delivery(event)["id"]), attempts)
            self.assertEqual(len(receiver.of()), 1, "it was sent again")

    def test_start_after_kill_9_in_the_middle_of_starting(self):
        with Engine() as engine:
            event = engine.publish("a", {"n": 1})["id"]
            engine.stop()
            for _ in range(5):
                with open(engine.log_path, "ab") as log:
                    process = subprocess.Popen(engine.command(), env=environment(), stderr=log, cwd=engine.folder)
                wait.until(lambda: (engine.data / "LOCK").exists() or process.poll() is not None, "a start")
                process.kill()
                process.wait()
            engine.start()
            self.assertEqual(engine.admin.get(f"/api/v1/webhooks/events/{event}").status, 200)

    def test_sighup_reloads_the_log_level(self):
        with Engine(start=False) as engine:
            path = engine.folder / "conf"
            path.write_text("log_level = info\n")
            engine.start("--config", str(path))
            path.write_text("log_level = debug\n")
            before = len(engine.log())
            engine.process.send_signal(signal.SIGHUP)
            wait.until(lambda: len(engine.log()) > before, "a word about it")
            path.write_text("log_level = nonsense\n")
            engine.process.send_signal(signal.SIGHUP)
            wait.until(lambda: "nonsense" in engine.log(), "a word about a bad value")
            self.assertEqual(engine.ingest.get("/healthz").status, 200)

    def test_tells_systemd_that_it_is_ready(self):
        with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            path = f"{folder}/notify"
            notify.bind(path)
            notify.settimeout(wait.PATIENCE)
            with Engine(env={"NOTIFY_SOCKET": path}):
                self.assertIn(b"READY=1", notify.recv(4096))

    def test_json_log(self):
        with Engine("--log-format", "json", start=False) as engine:
            with open(engine.log_path, "ab") as log:
                engine.process = subprocess.Popen(engine.command(), env=environment(), stdin=subprocess.DEVNULL,
                                                  stdout=log, stderr=log, cwd=engine.folder)
            wait.until(lambda: "ready" in engine.log(), "ready")
            for line in engine.log().splitlines():
                self.assertIsInstance(json.loads(line), dict)


class Process(unittest.TestCase):
    """OpenSSL's symbols clash with BoringSSL's, so that it must never be loaded."""

    FORBIDDEN = ("libssl.so.3", "libcrypto.so.3", "libssl.so.1.1", "libcrypto.so.1.1")

    def test_openssl_is_not_linked(self):
        done = subprocess.run(["ldd", program()], capture_output=True, text=True, check=True)
        for name in self.FORBIDDEN:
            self.assertNotIn(name, done.stdout)

    def test_openssl_is_not_loaded(self):
        with Receiver() as receiver, Engine() as engine:
            engine.subscribe(receiver.url(host="localhost"))  # a name: what the resolver would load is loaded
            receiver.await_event(engine.publish("a", 1)["id"])
            maps = pathlib.Path(f"/proc/{engine.process.pid}/maps").read_text()
        for name in self.FORBIDDEN:
            self.assertNotIn(name, maps)


class Threads(unittest.TestCase):
    def test_those_whose_work_can_wait_give_way(self):
        with Engine() as engine:
            found = {}
            for task in pathlib.Path(f"/proc/{engine.process.pid}/task").iterdir():
                number = int(task.name)
                name = "control" if number == engine.process.pid else (task / "comm").read_text().strip()
                found[name] = (os.sched_getscheduler(number), os.getpriority(os.PRIO_PROCESS, number))
        usual = (os.sched_getscheduler(0), os.getpriority(os.PRIO_PROCESS, 0))
        for name in ("shard-0", "writer", "reader", "old-logs"):
            self.assertEqual(found[name], usual, name)
        for name in ("control", "rocksdb:low", "rocksdb:high"):
            self.assertEqual(found[name], (os.SCHED_OTHER, 19), name)


if __name__ == "__main__":
    case.main()
