// check_schemas.mjs - holds payloads against the schemas in an OpenAPI document with an implementation that is not
// ours. Reads {"document", "checks": [[POINTER, [PAYLOAD, ...]], ...]} on stdin and prints for each whether it fits.
import Ajv2020 from "ajv/dist/2020.js";
import { readFileSync } from "node:fs";

const { document, checks } = JSON.parse(readFileSync(0, "utf8"));
const ajv = new Ajv2020({ strict: false, validateFormats: false });
ajv.addSchema(document, "document");
const verdicts = checks.map(([pointer, payloads]) => {
  const fits = ajv.compile({ $ref: `document#${pointer}` });
  return payloads.map((payload) => fits(payload));
});
console.log(JSON.stringify(verdicts));
