// jwt.js - verifies JSON Web Tokens with jose. Reads a JSON array of {"token","key","algorithm","options"} on
// stdin (`key`: a PEM public key, or for HS256 the secret) and prints an array of {"payload","header"} or
// {"error"}.
"use strict";
const crypto = require("node:crypto");
const { jwtVerify } = require("jose");

async function verdict({ token, key, algorithm, options }) {
  try {
    const made = algorithm === "HS256" ? Buffer.from(key) : crypto.createPublicKey(key);
    const { payload, protectedHeader } = await jwtVerify(token, made, { ...options, algorithms: [algorithm] });
    return { payload, header: protectedHeader };
  } catch (error) {
    return { error: String(error) };
  }
}

let text = "";
process.stdin.on("data", (part) => (text += part));
process.stdin.on("end", async () => console.log(JSON.stringify(await Promise.all(JSON.parse(text).map(verdict)))));
