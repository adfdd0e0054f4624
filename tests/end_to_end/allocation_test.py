#!/usr/bin/env python3
"""What a delivery costs: a warm shard that takes events in and delivers them calls no allocator and
takes no lock. support/count_calls.c counts, from inside the engine; a sanitizer has an allocator
and locks of its own, so the engine is one without. Over TLS there is no such promise: BoringSSL
takes a buffer for each record.

By hand: GRAPNEL_BIN=build/release/bin/grapnel COUNT_CALLS_LIBRARY=.../libcount_calls.so python3 ..."""
import mmap
import os
import pathlib
import struct
import sys
import tempfile
import threading
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support import case
from support.client import Client
from support.engine import EVENTS, Engine
from support.receiver import Receiver, status

CALLS = ("malloc", "calloc", "realloc", "aligned", "free", "lock")
THREAD = struct.Struct(f"16s{len(CALLS)}Q")
HEAD = struct.Struct("II")
CLIENTS, KINDS = 8, 8


class Board:
    """The counts of a running engine: the layout is count_calls.c's."""

    def __init__(self, path):
        with open(path, "r+b") as file:
            self.memory = mmap.mmap(file.fileno(), 0)

    def trace(self):
        """From now on the engine's log shows where a call comes from."""
        self.memory[:4] = struct.pack("I", 1)

    def read(self):
        """{thread: {call: count}}"""
        _, threads = HEAD.unpack_from(self.memory)
        found = {}
        for number in range(threads):
            name, *counts = THREAD.unpack_from(self.memory, HEAD.size + number * THREAD.size)
            found[name.rstrip(b"\0").decode()] = dict(zip(CALLS, counts))
        return found


class Allocation(unittest.TestCase):
    def start(self, shards, **fields):
        """An engine that counts, and KINDS subscriptions with `fields`, each of a type of its own."""
        counts = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory())) / "counts"
        self.shards = [f"shard-{number}" for number in range(shards)]
        self.receiver = self.enterContext(Receiver())
        self.engine = self.enterContext(Engine(shards=shards, env={
            "LD_PRELOAD": os.environ["COUNT_CALLS_LIBRARY"], "COUNT_CALLS_FILE": str(counts)}))
        self.board = Board(counts)
        self.published = self.received = 0
        for number in range(KINDS):
            self.engine.subscribe(self.receiver.url(f"/{number}"),
                                  events=[f"kind.{number}"], **fields)
        self.clients = [Client(self.engine.ingest_address, self.engine.key, keep=True) for _ in range(CLIENTS)]
        self.addCleanup(lambda: [client.close() for client in self.clients])

    def deliver(self, count, headers=lambda number: {}):
        """Publishes `count` events of 1 KiB, one a request, on connections that stay open, and waits
        until all have come."""
        wrong = []

        def publish(client, numbers):
            for number in numbers:
                body = b'{"type":"kind.%d","payload":"%s"}' % (number % KINDS, b"x" * 1022)
                fields = {"Content-Type": "application/json", **headers(number)}
                answer = client.post(EVENTS, body, headers=fields)
                if answer.status != 202:
                    wrong.append(answer)

        first, end = self.published, self.published + count
        threads = [threading.Thread(target=publish, args=(client, range(first + i, end, CLIENTS)))
                   for i, client in enumerate(self.clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])
        self.published = end
        self.received += count
        self.receiver.await_count(None, self.received)

    def assert_quiet(self, deliver):
        """That deliver() costs the shards no call."""
        before = self.board.read()
        self.board.trace()
        deliver()
        after = self.board.read()
        self.assertGreater(after["writer"]["malloc"], before["writer"]["malloc"], "the counter does not count")
        self.assertGreater(after["writer"]["lock"], before["writer"]["lock"], "the counter does not count")
        for shard in self.shards:
            self.assertGreater(before[shard]["malloc"], 0, "a shard allocates when it starts")
            calls = {call: after[shard][call] - before[shard][call] for call in CALLS}
            self.assertEqual(calls, dict.fromkeys(CALLS, 0), f"{shard}: the log shows from where")

    def test_one_shard_that_does_all(self):
        self.start(shards=1)
        self.deliver(400)
        self.assert_quiet(lambda: self.deliver(2000))

    def test_two_shards_that_give_events_to_each_other(self):
        self.start(shards=2)
        self.deliver(400)
        self.assert_quiet(lambda: self.deliver(2000))

    def test_events_with_keys(self):
        self.start(shards=2)
        keys = lambda number: {"Idempotency-Key": f"key-{number}"}
        self.deliver(400, headers=keys)
        self.assert_quiet(lambda: self.deliver(2000, headers=keys))

    def test_events_of_a_trace(self):
        self.start(shards=2)
        trace = lambda number: {"traceparent": f"00-{number + 1:032x}-{number + 1:016x}-01", "tracestate": "a=1,b=2"}
        self.deliver(400, headers=trace)
        self.assert_quiet(lambda: self.deliver(2000, headers=trace))

    def test_failures_and_their_retries(self):
        self.start(shards=2, retry={"schedule": ["1s"] * 30},
                   breaker={"min_attempts": 10000})  # what fails here is to be tried again
        self.fail_next(50)
        self.deliver(400)
        self.fail_next(20)
        self.assert_quiet(lambda: self.deliver(2000))

    def fail_next(self, count):
        """The next `count` requests to each subscription will fail, and be tried again."""
        for number in range(KINDS):
            self.receiver.script(f"/{number}", [status(500)] * count + [status(200)])
        self.received += count * KINDS


if __name__ == "__main__":
    case.main()
