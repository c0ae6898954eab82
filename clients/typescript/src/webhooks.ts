/** Checking that a webhook is genuine, by Standard Webhooks 1.0, over the very bytes that came. */

/** A message that is not to be believed: answer 400 and do nothing. */
export class WebhookError extends Error {
  override readonly name = "WebhookError";
}

/**
 * The message, if it was signed with (one of) your secrets no more than `tolerance` seconds ago or ahead. `body` is what came,
 * byte for byte: never parse it and write it again. It may have come before: remember each `webhook-id` for a week.
 */
export async function verifyWebhook(
  body: Uint8Array<ArrayBuffer>,
  headers: Headers | Record<string, string>,
  secrets: string | readonly string[],
  options: { tolerance?: number; now?: Date } = {},
): Promise<Record<string, unknown>> {
  const { tolerance = 300, now = new Date() } = options;
  const keys = (typeof secrets === "string" ? [secrets] : secrets).map(key);
  if (!keys.length) throw new TypeError("No secret was given.");
  const told = new Map((headers instanceof Headers ? [...headers] : Object.entries(headers)).map(([name, value]) => [name.toLowerCase(), value.trim()]));
  const [id, timestamp, signatures] = ["id", "timestamp", "signature"].map((name) => told.get(`webhook-${name}`));
  if (!id || !timestamp || !signatures) throw new WebhookError("The message lacks webhook-id, webhook-timestamp or webhook-signature.");
  if (!/^[0-9]{1,12}$/.test(timestamp)) throw new WebhookError("webhook-timestamp is no number of seconds.");
  const head = new TextEncoder().encode(`${id}.${timestamp}.`);
  const signed = new Uint8Array(head.length + body.length);
  signed.set(head);
  signed.set(body, head.length);
  const given = signatures.split(" ").slice(0, 20).flatMap((text) => (text.startsWith("v1,") ? [decoded(text.slice(3))] : []));
  let genuine = false;
  for (const raw of keys) {
    const hmac = await crypto.subtle.importKey("raw", raw, { name: "HMAC", hash: "SHA-256" }, false, ["verify"]);
    for (const signature of given) genuine = (await crypto.subtle.verify("HMAC", hmac, signature, signed)) || genuine;
  }
  if (!genuine) throw new WebhookError("No secret of yours made this signature, or the bytes were changed before they were checked.");
  const apart = Math.abs(now.getTime() / 1000 - Number(timestamp));
  if (apart > tolerance) throw new WebhookError(`The message was signed ${Math.round(apart)} seconds away from now: a clock is wrong, or somebody repeats it.`);
  let message: unknown;
  try {
    message = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch {
    message = undefined;
  }
  if (typeof message !== "object" || message === null || Array.isArray(message)) throw new WebhookError("The message is signed, but is no JSON object.");
  return message as Record<string, unknown>;
}

function key(secret: string): Uint8Array<ArrayBuffer> {
  const bytes = decoded(secret.trim().replace(/^whsec_/, ""));
  if (bytes.length < 24 || bytes.length > 64) throw new TypeError("The secret is none of a subscription. Copy it again.");
  return bytes;
}

/** Base64, or nothing where it is none. */
function decoded(text: string): Uint8Array<ArrayBuffer> {
  try {
    return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  } catch {
    return new Uint8Array();
  }
}
