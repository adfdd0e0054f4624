#!/usr/bin/env python3
"""Kills the engine in the middle of a stream of changes of configuration, many times, and audits what it promised.

Each round starts the engine on the same data, makes, changes and deletes subscriptions over several connections, and
ends it with kill -9. A change that was answered must be there; one that was not is there or is not. Each change
that is there has exactly one record in the audit log, whose chain is whole: going through the records of a subscription
leads, step by step, to what it is now. A POST that got no answer is sent again with its Idempotency-Key, and
must have been done once.
"""
import argparse
import http.client
import json
import pathlib
import random
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support import audit
from support.client import Client
from support.engine import SUBSCRIPTIONS, Engine

WORKERS = 4


class Worker(threading.Thread):
    """Changes subscriptions of its own, one change at a time, until the engine is gone. `pending` is then the
    change that nobody knows about."""

    def __init__(self, engine, dice, known):
        super().__init__(daemon=True)
        self.client = Client(engine.admin_address, engine.key, keep=True)
        self.dice, self.known = dice, known  # id -> descriptions that it has had, by what was answered; None: deleted
        self.pending, self.fault, self.changes = None, None, 0

    def draw(self):
        alive = [each for each, states in self.known.items() if states[-1] is not None]
        if len(alive) < 3:
            return "POST", None, f"{self.dice.getrandbits(64):x}"
        which = self.dice.choice(alive)
        if self.dice.random() < 0.2:
            return "DELETE", which, None
        return "PATCH", which, f"{self.dice.getrandbits(64):x}"

    def send(self, change):
        method, which, text = change
        if method == "POST":
            return self.client.post(SUBSCRIPTIONS, {"url": "https://a.example/", "description": text},
                                    headers={"Idempotency-Key": text})
        body = {"description": text} if text else None
        return self.client.request(method, f"{SUBSCRIPTIONS}/{which}", body)

    def note(self, change, answer):
        method, which, text = change
        if answer.status != {"POST": 201, "PATCH": 200, "DELETE": 204}[method]:
            raise AssertionError(f"{change}: {answer}")
        if method == "POST":
            self.known[answer.json()["id"]] = [text]
        else:
            self.known[which].append(text)
        self.changes += 1

    def run(self):
        try:
            while True:
                self.pending = self.draw()
                self.note(self.pending, self.send(self.pending))
                self.pending = None
        except (OSError, http.client.HTTPException):
            pass  # killed
        except AssertionError as fault:
            self.fault = fault


def settle(client, worker):
    """Finds out what became of the change that was on its way."""
    if not worker.pending:
        return "nothing"
    method, which, text = worker.pending
    if method == "POST":  # again: exactly one may come of it
        worker.client.close()
        worker.client = client
        answer = worker.send(worker.pending)
        worker.note(worker.pending, answer)
        return "new" if "idempotent-replayed" in answer.headers else "old"
    answer = client.get(f"{SUBSCRIPTIONS}/{which}")
    now = answer.json()["description"] if answer.status == 200 else None
    old = worker.known[which][-1]
    if now not in (old, text) or (now is None and method != "DELETE"):
        raise AssertionError(f"{worker.pending}: neither the old state {old} nor the new one: {answer}")
    if now == old:
        return "old"
    worker.known[which].append(text)
    return "new"


def state_of(shown):
    return shown["description"] if shown else None


def check(client, known):
    """Holds the audit log against what is known of every subscription, and against what there is."""
    lines = audit.export(client)
    anchor, head = audit.chain(client)
    wrong = audit.wrong(lines, anchor)
    if wrong is not None:
        raise AssertionError(f"the chain breaks at {lines[wrong]}")
    records = [json.loads(line) for line in lines]
    if (records[-1]["seq"], records[-1]["hash"]) != head:
        raise AssertionError(f"the head is {head}, the last record {lines[-1]}")
    shown = {}
    for record in records:
        which = record["resource"]
        if record["before"] != (shown[which][-1] if which in shown else None):
            raise AssertionError(f"{which} was not so before: {record}")
        shown.setdefault(which, []).append(record["after"])
    for which, states in known.items():
        recorded = [state_of(each) for each in shown.get(which, [])]
        if recorded != states:
            raise AssertionError(f"{which} has been {states}, and on record {recorded}")
    there = {}
    cursor = ""
    while cursor is not None:
        page = client.get(f"{SUBSCRIPTIONS}?limit=250{cursor}").json()
        there.update({each["id"]: each for each in page["data"]})
        cursor = page["next_cursor"] and f"&cursor={page['next_cursor']}"
    last = {which: states[-1] for which, states in shown.items() if states[-1]}
    if there != last:
        raise AssertionError(f"there is {there}, on record {last}")


def play_round(engine, dice, known, number):
    engine.start(replace=("--shards", str(dice.randint(1, 3)), "--log-level", "warn"))
    workers = [Worker(engine, random.Random(dice.random()), known[each]) for each in range(WORKERS)]
    for worker in workers:
        worker.start()
    time.sleep(dice.uniform(0.1, 0.8))  # not a wait for anything: the moment of the crash is the point
    if engine.process.poll() is not None:
        raise AssertionError(f"the engine ended by itself with {engine.process.returncode}:\n{engine.log()[-4000:]}")
    engine.kill()
    for worker in workers:
        worker.join()
        if worker.fault:
            raise worker.fault
    engine.start()
    client = Client(engine.admin_address, engine.key)
    became = [settle(client, worker) for worker in workers]
    check(client, {which: states for each in known for which, states in each.items()})
    engine.kill()
    print(f"round {number}: {sum(worker.changes for worker in workers)} changes answered, those on their way are "
          f"{became}", flush=True)
    return sum(worker.changes for worker in workers)


def main():
    parser = argparse.ArgumentParser(description="kill -9 while configuration is changed, then an audit")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    options = parser.parse_args()
    print(f"seed {options.seed}, {options.rounds} rounds", flush=True)
    dice = random.Random(options.seed)
    known = [{} for _ in range(WORKERS)]
    with Engine(start=False) as engine:
        changes = sum(play_round(engine, dice, known, number) for number in range(options.rounds))
        if not changes:
            raise AssertionError("nothing was changed: this tested nothing")


if __name__ == "__main__":
    main()
