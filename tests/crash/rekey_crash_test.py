#!/usr/bin/env python3
"""Kills the engine at random moments while documents are sealed by new data keys, many times.

Each round starts the engine on the same data, asks for new data keys again and again while secrets are rotated beside it,
and ends it with kill -9. Whatever was done by then, the next start has to open every secret and find it as it was
made or rotated; it seals what was left to do, so the start after that has nothing to seal.
"""
import argparse
import http.client
import pathlib
import random
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support.client import Client
from support.engine import SUBSCRIPTIONS, Engine

COUNT = 400  # documents: several steps
SEALED = "documents were sealed by the present data keys"


class Asker(threading.Thread):
    """Does one thing again and again until the engine is gone."""

    def __init__(self, engine):
        super().__init__(daemon=True)
        self.client = Client(engine.admin_address, engine.key, keep=True)
        self.done, self.fault = 0, None

    def run(self):
        try:
            while True:
                self.ask()
                self.done += 1
        except (OSError, http.client.HTTPException):
            pass  # killed
        except AssertionError as fault:
            self.fault = fault

    def post(self, path, body):
        answer = self.client.post(path, body)
        if answer.status != 200:
            raise AssertionError(f"{path}: {answer}")
        return answer.json()


class Rekeyer(Asker):
    def ask(self):
        said = self.post("/api/v1/rekey", {"data_keys": True})
        if said["documents_sealed"] != COUNT:
            raise AssertionError(f"not all were sealed: {said}")


class Rotator(Asker):
    """Gives subscriptions other secrets. `pending` is the one that nobody knows about."""

    def __init__(self, engine, dice, secrets):
        super().__init__(engine)
        self.dice, self.secrets, self.pending = dice, secrets, None

    def ask(self):
        which, secret = self.dice.choice(list(self.secrets)), f"{self.dice.getrandbits(128):032x}"
        self.pending = which, secret
        self.post(f"{SUBSCRIPTIONS}/{which}/rotate-secret", {"secret": secret, "overlap": "0s"})
        self.secrets[which], self.pending = secret, None


def check(engine, secrets, pending):
    """Every secret is what it was; of one it may be the other."""
    client = Client(engine.admin_address, engine.key, keep=True)
    for which, secret in secrets.items():
        found = client.get(f"{SUBSCRIPTIONS}/{which}/secret")
        if found.status != 200:
            raise AssertionError(f"{which}: {found}")
        if pending and which == pending[0] and found.json()["secret"] == pending[1]:
            secrets[which] = pending[1]
        elif found.json()["secret"] != secret:
            raise AssertionError(f"{which} has another secret")


def make(engine):
    client = Client(engine.admin_address, engine.key, keep=True)
    secrets = {}
    for number in range(COUNT):
        body = {"url": "https://a.example/", "signature": {"scheme": "github"}, "secret": f"secret-{number}"}
        answer = client.post(SUBSCRIPTIONS, body)
        if answer.status != 201:
            raise AssertionError(answer)
        secrets[answer.json()["id"]] = body["secret"]
    return secrets


def starts_with_work(engine):
    """Starts it. Whether there was something left to seal."""
    before = engine.log().count(SEALED)
    engine.start()
    return engine.log().count(SEALED) > before


def play_round(engine, dice, secrets):
    """Whether the crash came between two steps."""
    rekeyer, rotator = Rekeyer(engine), Rotator(engine, random.Random(dice.random()), secrets)
    rekeyer.start()
    rotator.start()
    time.sleep(dice.uniform(0.05, 0.4))  # not a wait for anything: the moment of the crash is the point
    engine.kill()
    for asker in (rekeyer, rotator):
        asker.join()
        if asker.fault:
            raise asker.fault
    was_between = starts_with_work(engine)
    check(engine, secrets, rotator.pending)
    engine.kill()
    if starts_with_work(engine):
        raise AssertionError("what was left was sealed, and is to be sealed again")
    check(engine, secrets, None)
    print(f"{rekeyer.done} times new keys, {rotator.done} secrets rotated, killed "
          f"{'between two steps' if was_between else 'elsewhere'}", flush=True)
    return was_between


def main():
    parser = argparse.ArgumentParser(description="kill -9 while documents are sealed by new data keys")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    options = parser.parse_args()
    print(f"seed {options.seed}, {options.rounds} rounds", flush=True)
    dice = random.Random(options.seed)
    with Engine() as engine:
        secrets = make(engine)
        between = rounds = 0
        while rounds < options.rounds or (not between and rounds < 4 * options.rounds):
            between += play_round(engine, dice, secrets)
            rounds += 1
        print(f"{between} of {rounds} kills came between two steps", flush=True)
        if not between:
            raise AssertionError("no kill came between two steps: this tested nothing")


if __name__ == "__main__":
    main()
