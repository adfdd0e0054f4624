"""tenants.py - an EngineCase with tenants, and keys of theirs, that end with the test."""
from support import case
from support.client import Client

TENANTS = "/api/v1/tenants"
KEYS = "/api/v1/keys"


class TenantCase(case.EngineCase):
    """Tenants made by a test end with it."""

    def make_tenant(self, name, **fields):
        answer = self.engine.admin.post(TENANTS, {"name": name, **fields})
        self.assertEqual(answer.status, 201, answer)
        made = answer.json()
        self.addCleanup(lambda: self.engine.admin.request("DELETE", f"{TENANTS}/{made['id']}"))
        return made

    def make_key(self, tenant, *scopes, **fields):
        """A Client of each port with a key of the tenant."""
        answer = self.engine.admin.post(KEYS, {"scopes": scopes, **fields}, headers={"Grapnel-Tenant": tenant["id"]})
        self.assertEqual(answer.status, 201, answer)
        made = answer.json()
        return made, Client(self.engine.admin_address, made["key"]), Client(self.engine.ingest_address, made["key"])

    def pointers(self, answer):
        return [error["pointer"] for error in self.assert_problem(answer, 422)["errors"]]
