// Asks the official RPDE validator about a feed: node rpde.mjs URL [PAGES]. Prints what it finds as JSON.
// A private feed's key comes in AUTHORIZATION; the validator itself knows open feeds only, so the header is put in here.
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const helper = require("@openactive/rpde-validator/src/helpers/url-helper.js");
const { RpdeValidator } = require("@openactive/rpde-validator");

const authorization = process.env.AUTHORIZATION;
if (authorization) {
  const fetch = helper.fetch;
  helper.fetch = (url, options, timeout) =>
    fetch.call(helper, url, { ...options, headers: { ...options.headers, Authorization: authorization } }, timeout);
}

const log = await RpdeValidator(process.argv[2], { pageLimit: Number(process.argv[3] ?? 100), timeoutMs: 30000 });
const findings = log.pages.flatMap((page) =>
  page.errors.map((error) => ({ url: page.url, severity: error.severity, type: error.type, message: error.message })),
);
process.stdout.write(JSON.stringify({ pages: log.pages.map((page) => page.url), findings }));
