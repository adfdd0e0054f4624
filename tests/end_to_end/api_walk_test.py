#!/usr/bin/env python3
"""tools/docs/api.md is run as it stands: each of its blocks works, and no route is missing."""
import pathlib
import re
import shlex
import subprocess
import sys
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support import openapi
from support.case import EngineCase, main
from support.engine import ROOT

PAGE = ROOT / "tools/docs/api.md"
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)

# The script's curl, which also notes what it was asked for.
CURL = """
set -euo pipefail
curl() { printf '%s\\n' "$(printf '%q ' "$@")" >>"$CALLS"; command curl "$@"; }
"""


def request(line):
    """(method, path) of a curl call."""
    words = shlex.split(line)
    method, url = "GET", None
    for word, following in zip(words, words[1:] + [""]):
        if word in ("--json", "-d") and method == "GET":
            method = "POST"
        if word == "-X":
            method = following
        if word.startswith("http"):
            url = word
    return method, urllib.parse.urlsplit(url).path


class Walk(EngineCase):
    arguments = ("--sandbox",)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        backups = cls.engine.folder / "backups"
        backups.mkdir()
        cls.engine.restart(replace=[*cls.engine.arguments, "--backup-directory", str(backups)])

    def test_every_block_works_and_every_route_is_there(self):
        calls = self.engine.folder / "calls"
        script = CURL + "\n".join(BLOCK.findall(PAGE.read_text()))
        environment = {"PATH": "/usr/bin:/bin", "CALLS": str(calls), "KEY": self.engine.key,
                       "ADMIN": f"http://{self.engine.admin_address}", "INGEST": f"http://{self.engine.ingest_address}"}
        done = subprocess.run(["bash", "-x", "-c", script], env=environment, capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, 0, f"{done.stdout}\n{done.stderr[-3000:]}")

        document = self.engine.admin.get("/openapi.json").json()
        description = openapi.Description(document)
        asked = {description.operation(*request(line))["operationId"] for line in calls.read_text().splitlines()}
        routes = {operation["operationId"] for item in document["paths"].values() for operation in item.values()}
        self.assertEqual(routes - asked, set(), "missing from the walk")


if __name__ == "__main__":
    main()
