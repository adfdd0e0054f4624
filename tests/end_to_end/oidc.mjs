// oidc.mjs - an authorization server (oidc-provider) on a free port of 127.0.0.1, for client credentials.
// Prints {"token_url","introspection_url"} when it serves, and ends when stdin does.
import { createServer } from "node:http";
import Provider from "oidc-provider";

const client = (client_id, client_secret, token_endpoint_auth_method) => ({
  client_id, client_secret, token_endpoint_auth_method,
  grant_types: ["client_credentials"], redirect_uris: [], response_types: [], scope: "hooks:send hooks:read",
});

const server = createServer();
server.listen(0, "127.0.0.1", () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [client("by-header", "p@ss:word/+ %", "client_secret_basic"),
              client("by-body", "p@ss:word/+ %", "client_secret_post")],
    scopes: ["hooks:send", "hooks:read"],
    features: { clientCredentials: { enabled: true }, introspection: { enabled: true },
                devInteractions: { enabled: false } },
    ttl: { ClientCredentials: 600 },
  });
  server.on("request", provider.callback());
  console.log(JSON.stringify({ token_url: `${issuer}/token`, introspection_url: `${issuer}/token/introspection` }));
});
process.stdin.resume().on("end", () => process.exit(0));
