// Asks the official AsyncAPI parser about a document: node asyncapi.mjs FILE. Prints what it finds as JSON.
import { readFile } from "node:fs/promises";
import asyncapi from "@asyncapi/parser";

const { document, diagnostics } = await new asyncapi.Parser().parse(await readFile(process.argv[2], "utf8"));
const severities = ["error", "warning", "information", "hint"];
const findings = diagnostics.map(({ severity, code, path, message }) => ({
  severity: severities[severity],
  code,
  path: path.join("/"),
  message,
}));
process.stdout.write(JSON.stringify({ version: document?.version() ?? null, findings }));
