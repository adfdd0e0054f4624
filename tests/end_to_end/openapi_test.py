#!/usr/bin/env python3
"""The description of the API: that it is valid OpenAPI, and that the tests' check by it can fail.

That every answer is as described is checked where the tests ask the admin port for anything (support/client.py)."""
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support import openapi
from support.case import EngineCase, main
from support.client import Answer
from support.engine import ROOT, SUBSCRIPTIONS

HERE = pathlib.Path(__file__).resolve().parent


class Description(EngineCase):
    def setUp(self):
        super().setUp()
        self.answer = self.engine.admin.get("/openapi.json", key=False)
        self.document = self.answer.json()

    def test_a_validator_that_is_not_ours_finds_no_fault(self):
        path = self.engine.folder / "openapi.json"
        path.write_bytes(self.answer.body)
        done = subprocess.run(["node", "validate_openapi.mjs", str(path)], cwd=HERE, capture_output=True, text=True,
                              timeout=120)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_has_every_route_of_the_table(self):
        table = (ROOT / "engine/api/routes.c").read_text()
        rows = re.findall(r'^    \{"([A-Z]+)", ', table, re.MULTILINE)
        operations = [operation for item in self.document["paths"].values() for operation in item.values()]
        self.assertEqual(len(operations), len(rows))
        names = [operation["operationId"] for operation in operations]
        self.assertEqual(len(set(names)), len(names))

    def test_every_reference_leads_somewhere(self):
        description = openapi.Description(self.document)

        def walk(node):
            if isinstance(node, dict):
                if "$ref" in node:
                    description.resolve(node)
                node = list(node.values())
            if isinstance(node, list):
                for each in node:
                    walk(each)

        walk(self.document)

    def test_the_check_by_it_can_fail(self):
        description = openapi.Description(self.document)
        made = self.subscribe()
        good = self.engine.admin.get(f"{SUBSCRIPTIONS}/{made['id']}")
        description.check("GET", f"{SUBSCRIPTIONS}/{made['id']}", good)
        for old, new in ((b'"uid":null,', b""), (b'"uid":null', b'"uid":7'), (b'{"id"', b'{"more":1,"id"')):
            bad = Answer(200, good.headers.items(), good.body.replace(old, new))
            with self.assertRaises(AssertionError):
                description.check("GET", f"{SUBSCRIPTIONS}/{made['id']}", bad)
        with self.assertRaises(AssertionError):
            description.check("GET", SUBSCRIPTIONS, Answer(204, [], b""))


if __name__ == "__main__":
    main()
