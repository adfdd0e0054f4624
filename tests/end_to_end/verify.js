// verify.js - checks deliveries with implementations that are not ours. Reads a JSON array of
// {"scheme","secret","headers","body" (base64)} on stdin and prints an array: "ok", or why not.
// `headers` has names in lower case; the signature is under its scheme's own name.
"use strict";
const crypto = require("node:crypto");
const { Webhook } = require("standardwebhooks");
const stripe = require("stripe");

function require_that(good) {
  if (!good) throw new Error("no signature fits");
}

// Standard Webhooks' v1a by Node's own Ed25519; `secret` is the public key, "whpk_...".
function ed25519({ secret, headers, body }) {
  const prefix = Buffer.from("302a300506032b6570032100", "hex"); // SubjectPublicKeyInfo of RFC 8410
  const raw = Buffer.from(secret.replace("whpk_", ""), "base64");
  const key = crypto.createPublicKey({ key: Buffer.concat([prefix, raw]), format: "der", type: "spki" });
  const head = `${headers["webhook-id"]}.${headers["webhook-timestamp"]}.`;
  const content = Buffer.concat([Buffer.from(head), body]);
  require_that(headers["webhook-signature"].split(" ").some((each) => {
    const [version, signature] = each.split(",");
    return version === "v1a" && crypto.verify(null, content, key, Buffer.from(signature, "base64"));
  }));
}

function fits(hex, secret, ...parts) {
  const hmac = crypto.createHmac("sha256", secret);
  for (const part of parts) hmac.update(part);
  return /^[0-9a-f]{64}$/.test(hex) && crypto.timingSafeEqual(Buffer.from(hex, "hex"), hmac.digest());
}

function timestamped({ secret, headers, body }) {
  const fields = headers["x-pt-signature"].split(",").map((each) => each.split("="));
  const timestamp = fields.find(([name]) => name === "t")[1];
  require_that(fields.some(([name, hex]) => name === "v1" && fits(hex, secret, timestamp, body)));
}

async function github({ secret, headers, body }) {
  const { verify } = await import("@octokit/webhooks-methods");
  require_that(await verify(secret, body.toString("utf8"), headers["x-hub-signature-256"]));
}

const schemes = {
  standard: ({ secret, headers, body }) => new Webhook(secret).verify(body.toString("utf8"), headers),
  // The same, with a secret that is taken as it is.
  "standard-raw": ({ secret, headers, body }) =>
    new Webhook(secret, { format: "raw" }).verify(body.toString("utf8"), headers),
  stripe: ({ secret, headers, body }) =>
    stripe.webhooks.constructEvent(body, headers["stripe-signature"], secret),
  hex: ({ secret, headers, body }) => require_that(fits(headers["x-webhook-signature"], secret, body)),
  github,
  ed25519,
  timestamped,
};

async function verdict({ scheme, secret, headers, body }) {
  try {
    await schemes[scheme]({ secret, headers, body: Buffer.from(body, "base64") });
    return "ok";
  } catch (error) {
    return String(error);
  }
}

let text = "";
process.stdin.on("data", (part) => (text += part));
process.stdin.on("end", async () => {
  const verdicts = await Promise.all(JSON.parse(text).map(verdict));
  console.log(JSON.stringify(verdicts));
});
