"""openapi.py - holds every answer of an admin port against what its /openapi.json says of it.

Client calls check() for each request to an admin port, so the whole test suite is the test of that description."""
import functools
import json
import re

import jsonschema

PROBLEM = "application/problem+json"


class Description:
    def __init__(self, document):
        self.document = document
        paths = sorted(document["paths"], key=lambda path: path.count("{"))  # those without a variable come first
        self.routes = [(re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path)) + "$"), document["paths"][path])
                       for path in paths]

    def operation(self, method, path):
        """What is said of a request; None: there is no such route."""
        for pattern, item in self.routes:
            if pattern.match(path):
                return item.get("get" if method == "HEAD" else method.lower())
        return None

    def resolve(self, node):
        while "$ref" in node:
            found = self.document
            for step in node["$ref"].removeprefix("#/").split("/"):
                found = found[step]
            node = found
        return node

    @functools.cache
    def validator(self, pointer):
        """For a schema's place in the document."""
        schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", "components": self.document["components"],
                  **json.loads(pointer)}
        return jsonschema.Draft202012Validator(schema)

    def check(self, method, path, answer):
        """AssertionError if the answer is not one of those that are described."""
        where = f"{method} {path} {answer}"
        operation = self.operation(method, path.split("?")[0])
        responses = operation["responses"] if operation else {}
        said = responses.get(str(answer.status)) or responses.get(f"{answer.status // 100}XX")
        if answer.status >= 400:
            said = said or {"$ref": "#/components/responses/Problem"}  # of no route, or no method
        assert said, f"not described: {where}"
        content = self.resolve(said).get("content", {})
        kind = answer.headers.get("content-type", "").split(";")[0]
        if method == "HEAD":
            return
        assert (kind in content) if content else not answer.body, f"content type not described: {where}"
        if kind.endswith(("/json", "+json")):
            schema = json.dumps(content[kind]["schema"])
            errors = [f"{'/'.join(map(str, error.absolute_path))}: {error.message[:300]}"
                      for error in self.validator(schema).iter_errors(answer.json())]
            assert not errors, f"not as described: {errors} in {where}"


@functools.cache
def parsed(text):
    return Description(json.loads(text))
