#!/usr/bin/env python3
"""crash_test.py [--rounds N] [--seed S] - kills the engine at random moments under load, then audits.

Each round starts the engine on the same data (with another number of shards), publishes over several
connections while receivers answer, fail and hang at random, and ends it with kill -9 after 0.2 to 1.5
seconds. What the engine answered with 202 goes to a ledger that is synced outside of it. After the
last round every event of the ledger must have been delivered to every subscription that it matched,
each request must carry the id and the body of an event that was published, and nothing else.
"""
import argparse
import http.client
import json
import os
import pathlib
import random
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support import wait
from support.client import Client
from support.engine import EVENTS, Engine
from support.receiver import Receiver, close, hang, reset, status

CONNECTIONS = 6
RETRY = {"schedule": ["100ms", "200ms", "500ms"] + ["1s"] * 29, "jitter": 0.1}

# name -> patterns. Every third event is of type "b.*".
SUBSCRIPTIONS = {"all": ["*"], "a": ["a.*"], "b": ["b.*"], "faulty": ["*"]}


def matches(name, kind):
    return any(pattern == "*" or kind.startswith(pattern[:-1]) for pattern in SUBSCRIPTIONS[name])


class Ledger:
    """What was acknowledged: key -> event id, each synced to a file before it counts."""

    def __init__(self, path):
        self.file = open(path, "a", encoding="ascii")
        self.lock = threading.Lock()
        self.acknowledged, self.sent = {}, {}

    def intend(self, key, kind):
        with self.lock:
            self.sent[key] = kind

    def acknowledge(self, pairs):
        with self.lock:
            self.file.writelines(f"{event} {key}\n" for key, event in pairs)
            self.file.flush()
            os.fsync(self.file.fileno())
            self.acknowledged.update(pairs)


class Producer(threading.Thread):
    """Publishes over one connection, one event or a batch at a time, until the engine is gone. Begins with
    `again`: what an earlier one had sent without getting an answer, so that nobody knows what became of it."""

    def __init__(self, engine, ledger, dice, name, again):
        super().__init__(daemon=True)
        self.client = Client(engine.ingest_address, engine.key, keep=True)
        self.ledger, self.dice, self.label = ledger, dice, name
        self.count, self.unexpected, self.unanswered = 0, [], again

    def make(self):
        key = f"{self.label}-{self.count}"
        self.count += 1
        kind = f"{'aab'[self.count % 3]}.{self.dice.randrange(3)}"
        self.ledger.intend(key, kind)
        payload = {"key": key, "fill": "x" * self.dice.choice((0, 10, 500, 5000))}
        return {"type": kind, "payload": payload, "id": key}

    def publish(self):
        batch = self.unanswered or [self.make() for _ in range(self.dice.choice((1, 1, 1, 5, 40)))]
        self.unanswered = batch
        answer = self.client.post(EVENTS, batch[0] if len(batch) == 1 else batch)
        if answer.status == 202:
            got = answer.json()
            ids = [each["id"] for each in got.get("events", [got])]
            self.ledger.acknowledge([(each["id"], event) for each, event in zip(batch, ids)])
            self.unanswered = []
        elif answer.status not in (429, 503):
            self.unexpected.append(answer)

    def run(self):
        try:
            while not self.unexpected:
                self.publish()
        except (OSError, http.client.HTTPException):
            pass  # killed: nothing is known about the last request


class Audit:
    """Looks at every request that the receiver got."""

    def __init__(self, ledger):
        self.ledger = ledger
        self.faults = []
        self.delivered, self.looked_at = set(), 0

    def check(self, requests):
        names = {}  # key -> the event id that it was delivered with
        for request in requests:
            payload = json.loads(request.body)
            key, kind, event = payload["key"], request.find("X-Webhook-Event"), request.event
            if self.ledger.sent.get(key) != kind:
                self.faults.append(f"{event}: never sent as {kind}: {key}")
            if names.setdefault(key, event) != event:
                self.faults.append(f"{key}: delivered as {names[key]} and as {event}")
            if self.ledger.acknowledged.get(key, event) != event:
                self.faults.append(f"{key}: acknowledged as {self.ledger.acknowledged[key]}, delivered as {event}")
            if not matches(request.path[1:], kind):
                self.faults.append(f"{key}: {kind} at {request.path}")

    def missing(self, requests):
        """{(subscription, key)} that are owed and not there yet."""
        for request in requests[self.looked_at:]:
            self.delivered.add((request.path[1:], json.loads(request.body)["key"]))
        self.looked_at = len(requests)
        owed = {(name, key) for key in self.ledger.acknowledged for name in SUBSCRIPTIONS
                if matches(name, self.ledger.sent[key])}
        return owed - self.delivered


class FaultyDice:
    """An endless script of answers, many of them bad."""

    def __init__(self, seed):
        self.dice = random.Random(seed)
        self.well = False

    def __bool__(self):
        return True

    def __len__(self):
        return 2

    def pop(self, _index):
        if self.well:
            return status(200)
        return self.dice.choice([status(200)] * 6 + [status(500), status(503), close(), reset(), hang()])


def play_round(engine, ledger, dice, number, again):
    """Starts, publishes, kills. Returns what was left without an answer, a list for each connection."""
    shards = dice.randint(1, 3)
    engine.start(replace=("--allow-network", "127.0.0.0/8", "--shards", str(shards), "--log-level", "warn"))
    producers = [Producer(engine, ledger, random.Random(dice.random()), f"r{number}p{each}", again[each])
                 for each in range(CONNECTIONS)]
    for producer in producers:
        producer.start()
    lifetime = dice.uniform(0.2, 1.5)
    time.sleep(lifetime)  # not a wait for anything: the moment of the crash is the point
    if engine.process.poll() is not None:
        raise AssertionError(f"the engine ended by itself with {engine.process.returncode}:\n{engine.log()[-4000:]}")
    engine.kill()
    for producer in producers:
        producer.join()
        if producer.unexpected:
            raise AssertionError(f"unexpected: {producer.unexpected}")
    print(f"round {number}: {shards} shards, killed after {lifetime:.2f}s, {len(ledger.acknowledged)} acknowledged",
          flush=True)
    return [producer.unanswered for producer in producers]


def subscribe_all(engine, receiver):
    engine.start(replace=("--allow-network", "127.0.0.0/8", "--shards", "2", "--log-level", "warn"))
    for name, patterns in SUBSCRIPTIONS.items():
        engine.subscribe(receiver.url(f"/{name}"), events=patterns, retry=RETRY, timeout="2s",
                         concurrency={"max": 16})
    engine.kill()


def await_all(engine, receiver, ledger, audit):
    """Starts for the last time and waits until nothing is owed; as long as something moves."""
    engine.start(replace=("--allow-network", "127.0.0.0/8", "--shards", "2", "--log-level", "warn"))
    last, moved = None, time.monotonic()
    while (missing := audit.missing(receiver.of())):
        if missing != last:
            last, moved = missing, time.monotonic()
        if time.monotonic() - moved > wait.PATIENCE:
            some = [(name, key, ledger.acknowledged[key]) for name, key in sorted(missing)[:10]]
            raise AssertionError(f"{len(missing)} deliveries are lost, such as {some}\n{engine.log()[-4000:]}")
        time.sleep(0.1)


def report(receiver, ledger, audit):
    requests = receiver.of()
    audit.check(requests)
    pairs = [(each.path, each.event) for each in requests if each.path != "/faulty"]
    print(f"{len(ledger.sent)} sent, {len(ledger.acknowledged)} acknowledged, {len(requests)} requests received, "
          f"{len(pairs) - len(set(pairs))} of them again at receivers that never failed", flush=True)
    for fault in audit.faults[:20]:
        print(f"FAULT {fault}", flush=True)
    if audit.faults:
        raise AssertionError(f"{len(audit.faults)} faults")
    if not ledger.acknowledged:
        raise AssertionError("nothing was acknowledged: this tested nothing")


def main():
    parser = argparse.ArgumentParser(description="kill -9 under load, then an audit")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    options = parser.parse_args()
    print(f"seed {options.seed}, {options.rounds} rounds", flush=True)
    dice = random.Random(options.seed)
    with tempfile.TemporaryDirectory(prefix="grapnel-test-") as folder, Receiver() as receiver, \
            Engine(start=False) as engine:
        faulty = FaultyDice(dice.random())
        receiver.scripts["/faulty"] = faulty
        ledger = Ledger(f"{folder}/ledger")
        audit = Audit(ledger)
        subscribe_all(engine, receiver)
        again = [[] for _ in range(CONNECTIONS)]
        for number in range(options.rounds):
            again = play_round(engine, ledger, dice, number, again)
        faulty.well = True
        await_all(engine, receiver, ledger, audit)
        engine.stop()
        report(receiver, ledger, audit)


if __name__ == "__main__":
    main()
