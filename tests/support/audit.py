"""audit.py - the audit log as tests read it, and its chain verified from the export alone: what
tools/docs/audit.md says, and nothing else."""
import hashlib
import json

AUDIT = "/api/v1/audit"
TAIL = len(',"hash":"' + 64 * "0" + '"}')


def export(client, lines=1000):
    """All records as lines, oldest first."""
    found, after = [], 0
    while True:
        answer = client.get(f"{AUDIT}/export?after={after}&lines={lines}")
        assert answer.status == 200, answer
        assert answer.headers["content-type"] == "application/x-ndjson", answer.headers
        if not answer.body:
            return found
        assert answer.body.endswith(b"\n")
        found += answer.body.decode().splitlines()
        after = json.loads(found[-1])["seq"]


def wrong(lines, anchor=None):
    """The index of the first line that breaks the chain; None: it is whole. `anchor`: (seq, hash) before them."""
    seq, previous = anchor or (0, 64 * "0")
    for index, line in enumerate(lines):
        body, tail = line[:-TAIL], line[-TAIL:]
        digest = hashlib.sha256(body.encode()).hexdigest()
        if tail != f',"hash":"{digest}"}}':
            return index
        record = json.loads(line)
        if record["seq"] != seq + 1 or record["previous"] != previous:
            return index
        seq, previous = record["seq"], digest
    return None


def chain(client):
    """((seq, hash) of the anchor, and of the head)."""
    answer = client.get(f"{AUDIT}/chain").json()
    return tuple((answer[name]["seq"], answer[name]["hash"]) for name in ("anchor", "head"))
