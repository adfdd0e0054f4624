"""engine.py - the engine as a process of a test: free ports, a fresh folder, no trace left."""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile

from support import wait
from support.client import Client

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
READY = re.compile(r"ready ingest=(\S+) admin=(\S+)")
EVENTS = "/api/v1/webhooks/events"
SUBSCRIPTIONS = "/api/v1/webhooks/subscriptions"
DELIVERIES = "/api/v1/webhooks/deliveries"
LOOPBACK = ("--allow-network", "127.0.0.0/8", "--allow-network", "::1/128")


def program():
    """The engine under test: GRAPNEL_BIN, or what ./tools/run builds."""
    return os.environ.get("GRAPNEL_BIN") or str(ROOT / "build/release/bin/grapnel")


def environment(more=None):
    """This process's environment without GRAPNEL_*, and with `more`."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GRAPNEL_")}
    clean.setdefault("ASAN_OPTIONS", "abort_on_error=0:detect_leaks=1")
    return {**clean, **(more or {})}


class Engine:
    """One data folder, on which the engine may be started many times.

        with Engine() as engine:           # started, with receivers on loopback allowed
            engine.subscribe(url)
            engine.publish("a.b", {"n": 1})
    """

    def __init__(self, *arguments, allow=LOOPBACK, shards=2, env=None, scheme="http", start=True):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="grapnel-test-"))
        self.data = self.folder / "data"
        self.log_path = self.folder / "log"
        self.arguments = [*allow, "--shards", str(shards), *arguments]
        self.env, self.scheme = env, scheme
        self.context = None  # an ssl context for both clients
        self.process = None
        self.starts = 0
        if start:
            try:
                self.start()
            except BaseException:
                self.remove()
                raise

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        try:
            if self.running():
                self.stop()
        finally:
            if kind:
                print(f"--- the engine's log ---\n{self.log_tail()}", flush=True)
            self.remove()

    # ---- the process ----

    def command(self, *more):
        return [program(), "--data", str(self.data), "--ingest", "127.0.0.1:0", "--admin", "127.0.0.1:0",
                *self.arguments, *more]

    def start(self, *more, replace=None):
        """Starts and waits until it is ready. `replace` puts other arguments in place of the standing ones."""
        if replace is not None:
            self.arguments = list(replace)
        seen = self.log_path.stat().st_size if self.log_path.exists() else 0
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(self.command(*more), stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, cwd=self.folder, env=environment(self.env))
        self.starts += 1

        def ready():
            found = READY.search(self.log()[seen:])
            if not found and self.process.poll() is not None:
                raise AssertionError(f"the engine ended with {self.process.returncode}:\n{self.log()[seen:]}")
            return found

        self.ingest_address, self.admin_address = wait.until(ready, lambda: f"ready: {self.log()}").groups()
        self.open_clients()

    def open_clients(self):
        self.key = self.read_key()
        self.ingest = Client(self.ingest_address, self.key, self.context)
        self.admin = Client(self.admin_address, self.key, self.context, described=True)

    def read_key(self):
        return (self.env or {}).get("GRAPNEL_ADMIN_KEY") or (self.data / "admin.key").read_text().strip()

    def running(self):
        return self.process is not None and self.process.poll() is None

    def kill(self):
        """kill -9."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self, expect=0):
        """SIGTERM, and the exit status that a good end has (which includes what the sanitizers find)."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=wait.PATIENCE)
        if code != expect:
            raise AssertionError(f"exit {code} after SIGTERM, not {expect}:\n{self.log_tail()}")
        return code

    def restart(self, *more, replace=None):
        if self.running():
            self.stop()
        self.start(*more, replace=replace)

    def log_tail(self):
        """What a person wants to see of it: from a sanitizer's report on, or the end."""
        log = self.log()
        found = re.search(r"^(=+\n)?==\d+==ERROR|: runtime error: ", log, re.MULTILINE)
        return log[found.start():][:8000] if found else log[-4000:]

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def remove(self):
        if self.running():
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    # ---- what tests say most often ----

    def subscribe(self, url, **fields):
        """Creates a subscription: the answer's JSON, secret included."""
        answer = self.admin.post(SUBSCRIPTIONS, {"url": url, **fields})
        assert answer.status == 201, answer
        return answer.json()

    def publish(self, kind, payload=None, **fields):
        """Publishes one event: the answer's JSON."""
        answer = self.ingest.post(EVENTS, {"type": kind, "payload": payload, **fields})
        assert answer.status == 202, answer
        return answer.json()

    def publish_raw(self, body, content_type="application/json", **headers):
        """POSTs bytes as they are: the Answer."""
        fields = {"Content-Type": content_type} if content_type else {}
        fields.update({name.replace("_", "-"): value for name, value in headers.items()})
        return self.ingest.post(EVENTS, body, headers=fields)

    def deliveries(self, **query):
        text = "&".join(f"{name}={value}" for name, value in {"limit": 250, **query}.items())
        answer = self.admin.get(f"{DELIVERIES}?{text}")
        assert answer.status == 200, answer
        return answer.json()["data"]

    def delivery(self, event, subscription=None):
        """The one delivery of an event (to a subscription), or None."""
        query = {"event": event, **({"subscription": subscription} if subscription else {})}
        found = self.deliveries(**query)
        assert len(found) <= 1, found
        return found[0] if found else None

    def attempts(self, delivery):
        """Oldest first."""
        answer = self.admin.get(f"{DELIVERIES}/{delivery}/attempts")
        assert answer.status == 200, answer
        return sorted(answer.json()["data"], key=lambda attempt: attempt["number"])

    def await_status(self, event, status, subscription=None):
        """The delivery of `event`, when it has come to `status`."""
        last = []

        def reached():
            last[:] = [self.delivery(event, subscription)]
            return last[0] if last[0] and last[0]["status"] == status else None

        return wait.until(reached, lambda: f"{status}: {json.dumps(last)}")

    def await_attempts(self, event, count, subscription=None):
        """The first `count` attempts or more of `event`'s delivery."""
        def reached():
            delivery = self.delivery(event, subscription)
            attempts = self.attempts(delivery["id"]) if delivery else []
            return attempts if len(attempts) >= count else None

        return wait.until(reached, f"{count} attempts of {event}")
