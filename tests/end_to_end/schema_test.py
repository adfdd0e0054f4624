#!/usr/bin/env python3
"""Schemas as the engine checks them, against an implementation that is not ours: an OpenAPI document is drawn and
imported, and events are refused if, and only if, ajv finds that their payload is not as the document says."""
import json
import os
import pathlib
import random
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support import case

HERE = pathlib.Path(__file__).resolve().parent
EVENTS = "/api/v1/webhooks/events"
IMPORT = "/api/v1/webhooks/event-types/import"
SEED = int(os.environ.get("SEED", 11))
TYPES, PAYLOADS, COMPONENTS = 150, 10, 12

NAMES = ["a", "b", "x-a", "x-b", "é", "a/b~c"]
PATTERNS = ["a", "^[ab]+$", "é", "^.{2}$", "^x-", r"\d", "^$", "b$"]
SCALARS = [None, True, False, 0, 1, 1.0, -1, 2.5, 10, 1e3, "", "a", "ab", "é", "x-1", "😀a"]
TYPE_NAMES = ["null", "boolean", "number", "integer", "string", "array", "object"]


class Draw:
    def __init__(self, seed):
        self.dice = random.Random(seed)

    def payload(self, depth=3):
        kind = self.dice.randrange(5 if depth else 2)
        if kind < 2:
            return self.dice.choice(SCALARS)
        if kind == 2:
            return [self.payload(depth - 1) for _ in range(self.dice.randrange(4))]
        return {name: self.payload(depth - 1) for name in self.dice.sample(NAMES, self.dice.randrange(4))}

    def some(self, of, least=0):
        return self.dice.sample(of, self.dice.randint(least, 3))

    def plain(self):
        """A keyword without schemas."""
        dice = self.dice
        return dice.choice([
            lambda: {"type": dice.choice(TYPE_NAMES)},
            lambda: {"type": self.some(TYPE_NAMES, 1)},
            lambda: {"enum": [self.payload(1) for _ in range(1 + dice.randrange(3))]},
            lambda: {"const": self.payload(1)},
            lambda: {"required": self.some(NAMES)},
            lambda: {"dependentRequired": {dice.choice(NAMES): self.some(NAMES)}},
            lambda: {dice.choice(["minItems", "minLength", "minProperties"]): dice.randrange(3)},
            lambda: {dice.choice(["maxItems", "maxLength", "maxProperties"]): dice.randrange(3)},
            lambda: {dice.choice(["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"]): dice.choice([0, 1, 2.5])},
            lambda: {"multipleOf": dice.choice([2, 0.5])},
            lambda: {"pattern": dice.choice(PATTERNS)},
            lambda: {"uniqueItems": True},
            lambda: {"format": "email", "description": "binds nobody"},
        ])()

    def deep(self, depth, descends):
        """A keyword with schemas. References are where they stand for a part of the payload, so that every check ends."""
        dice, part, same = self.dice, lambda: self.schema(depth - 1, True), lambda: self.schema(depth - 1, descends)
        return dice.choice([
            lambda: {dice.choice(["allOf", "anyOf", "oneOf"]): [same() for _ in range(1 + dice.randrange(3))]},
            lambda: {"not": same()},
            lambda: {"if": same(), "then": same(), "else": same()},
            lambda: {"properties": {name: part() for name in self.some(NAMES, 1)}},
            lambda: {"patternProperties": {pattern: part() for pattern in self.some(PATTERNS, 1)}},
            lambda: {"additionalProperties": part()},
            lambda: {"dependentSchemas": {dice.choice(NAMES): same()}},
            lambda: {"items": part()},
            lambda: {"prefixItems": [part() for _ in range(1 + dice.randrange(2))]},
            lambda: {"contains": part(), "minContains": dice.randrange(2), "maxContains": 1 + dice.randrange(2)},
        ])()

    def schema(self, depth=3, descends=False):
        if self.dice.randrange(10) == 0:
            return self.dice.random() < 0.7
        made = {"$ref": f"#/components/schemas/{self.component()}"} if descends and self.dice.randrange(3) == 0 else {}
        for _ in range(self.dice.randrange(4)):
            made |= self.deep(depth, descends) if depth and self.dice.random() < 0.5 else self.plain()
        if "prefixItems" in made:  # beside it, ajv lets an empty array pass that has to contain something
            made.pop("contains", None)
        return made

    def component(self):
        return f"C{self.dice.randrange(COMPONENTS)}"

    def document(self):
        def webhook(number):
            schema = {"$ref": f"#/components/schemas/{self.component()}"} if number % 3 == 0 else self.schema()
            return {"post": {"requestBody": {"content": {"application/json": {"schema": schema}}}}}
        return {"openapi": "3.1.0", "info": {"title": "drawn", "version": "1"},
                "webhooks": {f"t{number}": webhook(number) for number in range(TYPES)},
                "components": {"schemas": {f"C{number}": self.schema() for number in range(COMPONENTS)}}}


def ask_ajv(document, checks):
    done = subprocess.run(["node", "check_schemas.mjs"], cwd=HERE, input=json.dumps({"document": document, "checks": checks}),
                          capture_output=True, text=True, timeout=120)
    if done.returncode != 0:
        raise AssertionError(done.stderr)
    return json.loads(done.stdout)


class Schemas(case.EngineCase):
    arguments = ("--durability", "relaxed")

    def test_events_are_taken_if_ajv_says_that_they_fit(self):
        draw = Draw(SEED)
        document = draw.document()
        answer = self.engine.admin.post(IMPORT, document)
        self.assertEqual(answer.status, 200, f"seed {SEED}: {answer}")
        tenant = self.engine.admin.get("/api/v1/tenants").json()["data"][0]["id"]
        self.engine.admin.request("PATCH", f"/api/v1/tenants/{tenant}", {"event_types": {"enforcement": "reject"}})

        checks = [(f"/webhooks/t{number}/post/requestBody/content/application~1json/schema",
                   [draw.payload() for _ in range(PAYLOADS)]) for number in range(TYPES)]
        verdicts = ask_ajv(document, checks)
        fitting = 0
        for number, ((_, payloads), fits) in enumerate(zip(checks, verdicts)):
            for payload, expected in zip(payloads, fits):
                answer = self.engine.ingest.post(EVENTS, {"type": f"t{number}", "payload": payload})
                self.assertEqual(answer.status, 202 if expected else 422,
                                 f"seed {SEED}: t{number} {json.dumps(payload)}: {answer}\n"
                                 f"{self.engine.admin.get(f'/api/v1/webhooks/event-types/t{number}').body.decode()}")
                fitting += expected
        self.assertTrue(TYPES * PAYLOADS / 5 < fitting < TYPES * PAYLOADS * 4 / 5, fitting)


if __name__ == "__main__":
    case.main()
