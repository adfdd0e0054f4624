// verify.js - checks deliveries with the reference implementation. Reads a JSON array of
// {"secret","headers","body" (base64)} on stdin and prints an array: "ok", or why not.
"use strict";
const { Webhook } = require("standardwebhooks");

let text = "";
process.stdin.on("data", (part) => (text += part));
process.stdin.on("end", () => {
  const verdicts = JSON.parse(text).map(({ secret, headers, body }) => {
    try {
      new Webhook(secret).verify(Buffer.from(body, "base64").toString("utf8"), headers);
      return "ok";
    } catch (error) {
      return String(error);
    }
  });
  console.log(JSON.stringify(verdicts));
});
