#!/usr/bin/env python3
"""Kills the engine in the middle of imports of event types, many times. Each import changes all event types, and each
time all of them have to be as one import made them: the last that was answered, or the one that got no answer. For each
import that was done there is a record of each event type, in a chain that is whole."""
import argparse
import http.client
import pathlib
import random
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support import audit
from support.client import Client
from support.engine import Engine

TYPES = "/api/v1/webhooks/event-types"
COUNT = 40


def document(number):
    schema = {"type": "object", "properties": {"n": {"const": number}, "text": {"pattern": f"^{number}"}}}
    operation = {"description": str(number), "requestBody": {"content": {"application/json": {
        "schema": {"$ref": "#/components/schemas/S"}}}}}
    return {"openapi": "3.1.0", "webhooks": {f"t{each}": {"post": operation} for each in range(COUNT)},
            "components": {"schemas": {"S": schema}}}


class Importer(threading.Thread):
    """Imports, by number, until the engine is gone. `number` is then the last that was sent."""

    def __init__(self, engine, number):
        super().__init__(daemon=True)
        self.client = Client(engine.admin_address, engine.key, keep=True)
        self.number, self.answered, self.fault = number, number, None

    def run(self):
        try:
            while True:
                self.number += 1
                answer = self.client.post(f"{TYPES}/import", document(self.number))
                done = answer.json().get("created", []) + answer.json().get("updated", [])
                if answer.status != 200 or len(done) != COUNT:
                    raise AssertionError(f"{self.number}: {answer}")
                self.answered = self.number
        except (OSError, http.client.HTTPException):
            pass  # killed
        except AssertionError as fault:
            self.fault = fault


def check(client, allowed):
    """The number of the import that all event types are of."""
    items = client.get(f"{TYPES}?limit=250").json()["data"]
    found = {(int(item["description"]), item["versions"][0]["schema"]["$defs"]["S"]["properties"]["n"]["const"])
             for item in items}
    if not items and 0 in allowed:
        return 0
    number = min(found)[0]
    if len(items) != COUNT or found != {(number, number)} or number not in allowed:
        raise AssertionError(f"there are {len(items)} event types, of {found}; allowed is {allowed}")
    lines = audit.export(client)
    if audit.wrong(lines, audit.chain(client)[0]) is not None:
        raise AssertionError("the chain breaks")
    imports = sum('"action":"event_type.import"' in line for line in lines)
    if imports != number * COUNT:
        raise AssertionError(f"{imports} records of {number} imports")
    return number


def play_round(engine, dice, number):
    engine.start(replace=("--shards", str(dice.randint(1, 3)), "--log-level", "warn"))
    importer = Importer(engine, number)
    importer.start()
    time.sleep(dice.uniform(0.1, 0.8))  # not a wait for anything: the moment of the crash is the point
    engine.kill()
    importer.join()
    if importer.fault:
        raise importer.fault
    engine.start()
    became = check(Client(engine.admin_address, engine.key), (importer.answered, importer.number))
    engine.kill()
    print(f"{importer.answered - number} imports answered, the last is {'' if became == importer.number else 'not '}there",
          flush=True)
    return became


def main():
    parser = argparse.ArgumentParser(description="kill -9 while event types are imported")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    options = parser.parse_args()
    print(f"seed {options.seed}, {options.rounds} rounds", flush=True)
    dice = random.Random(options.seed)
    number = 0
    with Engine(start=False) as engine:
        for _ in range(options.rounds):
            number = play_round(engine, dice, number)
        if number == 0:
            raise AssertionError("nothing was imported: this tested nothing")


if __name__ == "__main__":
    main()
