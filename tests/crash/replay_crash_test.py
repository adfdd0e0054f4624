#!/usr/bin/env python3
"""replay_crash_test.py [--rounds N] [--seed S] - kills the engine at random moments while a replay runs.

Events are delivered and on record; then a replay of all of them is begun, and the engine is ended with kill -9
again and again, and started with another number of shards. In the end the replay has handed over each delivery
once: each has come once more, and again only if it had come in the last moments before a kill, when its outcome
may not have been written yet.
"""
import argparse
import collections
import pathlib
import random
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support import wait
from support.engine import EVENTS, Engine
from support.receiver import Receiver

REPLAYS = "/api/v1/webhooks/replays"
BATCH = 250
AMBIGUOUS = 1.0  # seconds around a kill: outcomes are written after some 10 ms, but machines and receivers are busy


def publish(engine, receiver, count):
    """Delivered, and on record."""
    events = []
    for _ in range(count // BATCH):
        answer = engine.ingest.post(EVENTS, [{"type": "a", "payload": number} for number in range(BATCH)])
        assert answer.status == 202, answer
        events += [each["id"] for each in answer.json()["events"]]
    wait.until(lambda: len({each.event for each in receiver.of()}) == count, "all events")
    wait.until(lambda: not engine.deliveries(status="pending"), "all on record")
    return events


def start(engine, dice):
    engine.start(replace=("--allow-network", "127.0.0.0/8", "--shards", str(dice.randint(1, 3)), "--log-level", "warn"))


def play(engine, replay, dice, rounds):
    """When it was killed."""
    kills = []
    for number in range(rounds):
        time.sleep(dice.uniform(0.05, 0.5))  # not a wait for anything: the moment of the crash is the point
        kills.append(time.monotonic())
        engine.kill()
        start(engine, dice)
        now = engine.admin.get(f"{REPLAYS}/{replay['id']}").json()
        print(f"kill {number}: {now['status']}, {now['handed']} handed over", flush=True)
    return kills


def await_end(engine, replay):
    last = {}

    def ended():
        last.update(engine.admin.get(f"{REPLAYS}/{replay['id']}").json())
        return last["status"] != "running"

    wait.until(ended, lambda: f"the end of {last}", patience=3 * wait.PATIENCE)
    return last


def audit(requests, events, kills, begun):
    again = collections.defaultdict(list)  # event -> when it came once more
    for request in requests:
        if request.at > begun:
            again[request.event].append(request.at)
    missing = [event for event in events if event not in again]
    assert not missing, f"{len(missing)} were not delivered once more, such as {missing[:5]}"
    twice = {event: times for event, times in again.items() if len(times) > 1}
    for event, times in twice.items():
        for at in sorted(times)[:-1]:
            assert any(abs(kill - at) < AMBIGUOUS for kill in kills), \
                f"{event} came at {times}, and no kill explains the one at {at}: {kills}"
    print(f"{len(events)} delivered once more, {len(twice)} of them again after a kill", flush=True)


def main():
    parser = argparse.ArgumentParser(description="kill -9 while a replay runs, then an audit")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--events", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    options = parser.parse_args()
    print(f"seed {options.seed}, {options.rounds} rounds", flush=True)
    dice = random.Random(options.seed)
    with Receiver() as receiver, Engine() as engine:
        made = engine.subscribe(receiver.url(), timeout="5s", retry={"schedule": ["200ms"] * 30},
                                concurrency={"max": 8, "adaptive": False})
        events = publish(engine, receiver, options.events)
        begun = time.monotonic()
        answer = engine.admin.post(REPLAYS, {"subscription": made["id"], "since": "2020-01-01T00:00:00Z"})
        assert answer.status == 202, answer
        replay = answer.json()
        kills = play(engine, replay, dice, options.rounds)
        ended = await_end(engine, replay)
        assert (ended["status"], ended["handed"], ended["skipped"]) == ("done", options.events, 0), ended
        wait.until(lambda: not engine.deliveries(subscription=made["id"], status="pending"), "all delivered")
        engine.stop()
        audit(receiver.of(), events, kills, begun)


if __name__ == "__main__":
    main()
