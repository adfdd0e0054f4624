#!/usr/bin/env python3
"""demo.py [--smoke] - what tools/run shows: the engine at work, end to end, on this machine.

Starts build/release/bin/grapnel on ./data with its sandbox, subscribes the sandbox's receiver,
publishes sample events, and waits until each one is delivered with a signature that verifies.
Then it stays until Ctrl-C, or with --smoke exits: 0 all was delivered, 1 something was not.
"""
import ctypes
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAM = ROOT / "build/release/bin/grapnel"
DATA = pathlib.Path("data")
LOG = DATA / "grapnel.log"
PORTS = {"ingest": 8480, "admin": 8481}
READY_WITHIN = 30
DELIVERED_WITHIN = 30
BIN = "demo"

SAMPLES = [
    {"type": "demo.greeting", "payload": {"hello": "world", "language": "en"}},
    {"type": "demo.order.created", "payload": {"order": 1001, "total": "19.90", "items": ["rope"]}},
    {"type": "demo.order.paid", "payload": {"order": 1001, "method": "card"}},
    {"type": "demo.memory.stored", "payload": {"key": "k1", "note": "these bytes arrive unchanged"}},
]


class Failure(Exception):
    """Something that the person at the terminal is to read."""


def say(text=""):
    print(text, flush=True)


def pick_port(name):
    """The usual port, or 0 (any free one) when it is taken, saying so."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", PORTS[name]))
            return PORTS[name]
        except OSError:
            say(f"Port {PORTS[name]} is taken: the {name} port will be another one.")
            return 0


def die_with_parent():
    """In the child: SIGTERM when this script is gone, however it went."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGTERM)


def start_engine():
    """The process and its two addresses, when it takes traffic."""
    DATA.mkdir(exist_ok=True)
    command = [str(PROGRAM), "--data", str(DATA), "--sandbox", "--allow-network", "127.0.0.0/8"]
    for name in PORTS:
        command += [f"--{name}", f"127.0.0.1:{pick_port(name)}"]
    seen = LOG.stat().st_size if LOG.exists() else 0
    with open(LOG, "ab") as log:
        engine = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                  start_new_session=True, preexec_fn=die_with_parent)
    give_up = time.monotonic() + READY_WITHIN
    while time.monotonic() < give_up:
        said = LOG.read_bytes()[seen:].decode(errors="replace")
        ready = [line for line in said.splitlines() if "ready ingest=" in line]
        if ready:
            words = dict(word.split("=", 1) for word in ready[0].split() if "=" in word)
            return engine, words["ingest"], words["admin"]
        if engine.poll() is not None:
            break
        time.sleep(0.02)
    stop_engine(engine)
    raise Failure(f"the engine did not start:\n{said}")


def stop_engine(engine):
    if engine.poll() is None:
        engine.terminate()
        try:
            engine.wait(timeout=15)
        except subprocess.TimeoutExpired:
            engine.kill()
            engine.wait()


class Api:
    """JSON over HTTP with the admin key."""

    def __init__(self, ingest, admin, key):
        self.ingest, self.admin, self.key = f"http://{ingest}", f"http://{admin}", key

    def call(self, method, url, body=None):
        request = urllib.request.Request(url, method=method)
        request.add_header("Authorization", f"Bearer {self.key}")
        data = None
        if body is not None:
            request.add_header("Content-Type", "application/json")
            data = json.dumps(body).encode()
        try:
            with urllib.request.urlopen(request, data, timeout=10) as answer:
                return json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            raise Failure(f"{method} {url}: {error.code} {error.read().decode(errors='replace')}") from None
        except OSError as error:
            raise Failure(f"{method} {url}: {error}") from None


def subscribe(api):
    """The subscription of the sandbox's receiver: the one of an earlier run, or a new one."""
    url = f"{api.ingest}/webhook/receive/{BIN}"
    subscriptions = f"{api.admin}/api/v1/webhooks/subscriptions"
    listed = api.call("GET", f"{subscriptions}?limit=250")["data"]
    mine = [each for each in listed if each["uid"] == "tools-run"]
    if mine:
        return api.call("PATCH", f"{subscriptions}/{mine[0]['id']}", {"url": url, "status": "active"})
    return api.call("POST", subscriptions, {
        "uid": "tools-run", "url": url, "events": ["demo.*"],
        "description": "made by ./tools/run: the engine's own sandbox"})


def publish(api):
    """The id of each sample event, in order."""
    events = f"{api.ingest}/api/v1/webhooks/events"
    return [api.call("POST", events, sample)["id"] for sample in SAMPLES]


def await_delivery(api, event):
    """The delivery of one event, when the engine has noted its end."""
    give_up = time.monotonic() + DELIVERED_WITHIN
    while True:
        found = api.call("GET", f"{api.admin}/api/v1/webhooks/deliveries?event={event}")["data"]
        if found and found[0]["status"] == "delivered":
            return found[0]
        if time.monotonic() > give_up:
            raise Failure(f"received, but not noted as delivered within {DELIVERED_WITHIN}s: {found}")
        time.sleep(0.02)


def await_receipts(api, ids):
    """Until the sandbox has got all of the events, each with a signature that is right."""
    give_up = time.monotonic() + DELIVERED_WITHIN
    while True:
        history = api.call("GET", f"{api.ingest}/webhook/history/{BIN}?limit=250")
        got = {each["headers"].get("webhook-id") for each in history["data"] if each["signature_valid"]}
        if all(event in got for event in ids):
            return
        if time.monotonic() > give_up:
            lost = [event for event in ids if event not in got]
            raise Failure(f"not delivered and verified within {DELIVERED_WITHIN}s: {' '.join(lost)}\n"
                          f"the sandbox has: {json.dumps(history, indent=2)[:4000]}")
        time.sleep(0.05)


def show(subscription, deliveries):
    say()
    say(f"  subscription  {subscription['id']}  {' '.join(subscription['events'])}  ->  {subscription['url']}")
    say()
    say(f"  {'EVENT':32} {'TYPE':22} {'STATUS':10} {'ATTEMPTS':8} SIGNATURE")
    for each in deliveries:
        say(f"  {each['event_id']:32} {each['event_type']:22} {each['status']:10} {each['attempt_count']:<8} verified")
    say()


def show_addresses(api):
    say(f"  ingest   {api.ingest}/api/v1/webhooks/events")
    say(f"  admin    {api.admin}/api/v1/webhooks/subscriptions")
    say(f"  metrics  {api.admin}/metrics")
    say(f"  sandbox  {api.ingest}/webhook/history/{BIN}")
    say(f"  key      {api.key}   (also in {DATA}/admin.key)")
    say(f"  log      {LOG}")
    say()
    say("  Publish one yourself:")
    say(f"    curl -H 'Authorization: Bearer {api.key}' -H 'Content-Type: application/json' \\")
    say("""      -d '{"type":"demo.mine","payload":{"n":1}}' """ + f"{api.ingest}/api/v1/webhooks/events")
    say()


def run(smoke):
    engine, ingest, admin = start_engine()
    try:
        key = os.environ.get("GRAPNEL_ADMIN_KEY") or (DATA / "admin.key").read_text().strip()
        api = Api(ingest, admin, key)
        subscription = subscribe(api)
        ids = publish(api)
        await_receipts(api, ids)
        deliveries = [await_delivery(api, event) for event in ids]
        say(f"{len(ids)} events published, {len(ids)} delivered, {len(ids)} signatures verified.")
        show(subscription, deliveries)
        show_addresses(api)
        if smoke:
            return 0
        say("Running. Ctrl-C stops it.")
        engine.wait()
        raise Failure(f"the engine ended with {engine.returncode}: see {LOG}")
    finally:
        stop_engine(engine)


def interrupt(_signal, _frame):
    raise KeyboardInterrupt


def main(arguments):
    if arguments not in ([], ["--smoke"]):
        say("usage: tools/run [--smoke]")
        return 2
    os.chdir(ROOT)
    signal.signal(signal.SIGTERM, interrupt)
    signal.signal(signal.SIGINT, interrupt)  # also where the shell has it ignored, as for a job in the background
    try:
        return run("--smoke" in arguments)
    except KeyboardInterrupt:
        say("\nStopped.")
        return 0
    except BrokenPipeError:
        return 1  # nobody reads what is said any more
    except Failure as failure:
        print(f"tools/run: {failure}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
