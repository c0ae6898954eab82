// Following, listening and checking webhooks with the compiled TypeScript client: `BUILT=folder node --test` (see test_typescript.py).

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { test } from "node:test";
import { pathToFileURL } from "node:url";

const { Member, PlacefeedError, verifyWebhook, WebhookError } = await import(pathToFileURL(`${process.env.BUILT}/index.js`).href);
const FEED = "https://exchange.example/base/v1/feeds/vacancies";

/** A member of a scripted exchange: answers in order, the last one again and again. */
function scripted(...answers) {
  const asked = [];
  const waits = [];
  const member = new Member("https://exchange.example/base", "pf_key", {
    sleep: async (seconds) => void waits.push(seconds),
    fetch: async (url, init) => {
      asked.push({ url: String(url), headers: init.headers });
      const answer = answers.length > 1 ? answers.shift() : answers[0];
      if (answer instanceof Error) throw answer;
      return answer();
    },
  });
  return { member, asked, waits };
}

const page = (items, next) => () => Response.json({ items, next });
const updated = (modified, id = `v${modified}`) => ({ state: "updated", kind: "vacancy", id, modified, data: { places: modified } });
const link = (after) => `${FEED}?afterChangeNumber=${after}&epoch=1`;
const status = (code, headers = {}) => () => new Response(JSON.stringify({ detail: "No." }), { status: code, headers });
async function take(generator, count) {
  const found = [];
  for await (const item of generator) {
    found.push(item);
    if (found.length === count) break;
  }
  return found;
}
const all = (generator) => take(generator, Infinity);
function store(cursor) {
  return { kept: cursor === undefined ? [] : [cursor], load() { return this.kept.at(-1); }, save(next) { this.kept.push(next); } };
}

test("a follower has everything, keeps its cursor and goes on there", async () => {
  const cursor = store();
  const pages = [page([updated(1), { state: "deleted", id: "b", modified: 2 }], link(2)), page([], link(2))];

  const changes = await all(scripted(...pages).member.follow("vacancies", { cursor, untilCurrent: true }));
  const { member, asked } = scripted(page([updated(3)], link(3)), page([], link(3)));
  const more = await all(member.follow("vacancies", { cursor, untilCurrent: true }));

  assert.deepEqual(changes.map((change) => [change.state, change.id]), [["updated", "v1"], ["deleted", "b"]]);
  assert.deepEqual(more.map((change) => change.id), ["v3"]);
  assert.deepEqual(cursor.kept, [link(2), link(3)]);
  assert.deepEqual(asked.map((request) => request.url), [link(2), link(3)]);
});

test("a cursor of 63 bits stays whole", async () => {
  const { member, asked } = scripted(page([], link("9223372036854775807")), page([], link("9223372036854775807")));

  await all(member.follow("vacancies", { untilCurrent: true }));

  assert.equal(asked[1].url, link("9223372036854775807"));
});

test("failures in the middle are waited for, and the end is looked at every 8 seconds", async () => {
  const broken = () => new Response('{"items": [');
  const { member, asked, waits } = scripted(
    page([updated(1)], link(1)), status(429, { "Retry-After": "30" }), status(500), new TypeError("cut"), broken, page([], link(1)), page([updated(2)], link(2)),
  );

  const changes = await take(member.follow("vacancies"), 2);

  assert.deepEqual(changes.map((change) => change.position), [1, 2]);
  assert.equal(asked.filter((request) => request.url === FEED).length, 1);
  assert.equal(waits[0], 30);
  assert.equal(waits.at(-1), 8);
});

test("a feed that goes round, back or away is an error", async () => {
  for (const pages of [
    [page([updated(1)], link(1)), page([updated(2)], link(1))],
    [page([updated(1)], link(1)), page([], link(2)), page([], link(1))],
    [page([updated(2)], link(2)), page([updated(1)], link(3))],
    [page([updated(1)], "https://evil.example/base/v1/feeds/vacancies?afterChangeNumber=1")],
  ]) {
    await assert.rejects(all(scripted(...pages).member.follow("vacancies", { untilCurrent: true })), /circle|goes back|leads away/);
  }
});

test("what is gone is an error or a new beginning, but not for ever", async () => {
  await assert.rejects(all(scripted(status(410)).member.follow("vacancies", { cursor: store(link(1)) })), (error) => error.status === 410);
  await assert.rejects(all(scripted(status(410)).member.follow("vacancies", { cursor: store(link(1)), startAgain: true })));
  const { member } = scripted(status(410), page([updated(9)], link(9)), page([], link(9)));

  const changes = await all(member.follow("vacancies", { cursor: store(link(1)), startAgain: true, untilCurrent: true }));

  assert.deepEqual(changes.map((change) => change.state), ["reset", "updated"]);
  await assert.rejects(all(scripted(page([], link(1))).member.follow("settings", { cursor: store(link(1)) })), /another feed/);
  await assert.rejects(all(scripted(status(403)).member.follow("vacancies")), (error) => error.status === 403);
  await assert.rejects(all(scripted(new TypeError("no host")).member.follow("vacancies")), PlacefeedError);
});

/** A stream in these pieces; null breaks it off, and SILENCE lasts. */
const SILENCE = Symbol("silence");
const streaming = (...pieces) => () => {
  const left = [...pieces];
  const body = new ReadableStream({
    pull(controller) {
      const piece = left.shift();
      if (piece === undefined) return controller.close();
      if (piece === null) return controller.error(new Error("cut"));
      return piece === SILENCE ? new Promise(() => undefined) : controller.enqueue(new TextEncoder().encode(piece));
    },
  }, { highWaterMark: 0 });
  return new Response(body, { headers: { "Content-Type": "text/event-stream; charset=utf-8" } });
};
const frame = (event, document, id) => `${id ? `id: ${id}\n` : ""}event: ${event}\ndata: ${JSON.stringify(document)}\n\n`;
const ready = frame("ready", { position: 1 }, "c1");
const news = (n) => frame("vacancy.changed", { type: "vacancy.changed", position: n, listingId: "ä" }, `c${n}`);

test("a stream is read however it is cut, and connected again where it broke off", async () => {
  const bytes = `\ufeffretry: 20\r\n\r\n: ping\r\n\r\n${ready}${news(2)}`;
  const { member, asked, waits } = scripted(
    streaming(...bytes, news(3).slice(0, 9), null), streaming(news(3), frame("end", { reason: "shutdown", detail: "Come again." })), streaming(news(4)),
  );
  const told = [];

  const events = await take(member.stream({ age: 14 }, { troubled: (error) => told.push(error.message) }), 4);

  assert.deepEqual(events.map((event) => event.event?.position ?? event.type), ["ready", 2, 3, 4]);
  assert.equal(events[1].event.listingId, "ä");
  assert.deepEqual(asked.map((request) => request.headers["Last-Event-ID"]), [undefined, "c2", "c3"]);
  assert.ok(asked.every((request) => request.url.endsWith("/v1/listings/stream?age=14")));
  assert.ok(waits.every((seconds) => seconds <= 0.02));
  assert.equal(told[1], "Come again.");
});

test("a snapshot that broke off begins anew with a reset", async () => {
  const piece = frame("snapshot", { items: [{ id: "a" }] });
  const { member, asked } = scripted(streaming(piece, null), streaming(piece, ready), streaming(ready));

  const events = await take(member.stream({}, { snapshot: true }), 5);

  assert.deepEqual(events.map((event) => event.type), ["snapshot", "reset", "snapshot", "ready", "ready"]);
  assert.deepEqual(asked.map((request) => request.url.split("?")[1]), ["snapshot=true", "snapshot=true", undefined]);
});

test("silence is the end of a connection", async () => {
  const { member, waits } = scripted(streaming(ready, SILENCE), streaming(news(2)));
  const began = Date.now();

  assert.equal((await take(member.stream({}, { silence: 0.05 }), 2)).length, 2);
  assert.equal(waits.length, 1);
  assert.ok(Date.now() - began < 20_000);
});

test("what is over is an error or a new beginning as told", async () => {
  const over = (reason) => streaming(ready, frame("end", { reason, detail: "Over." }));
  await assert.rejects(all(scripted(over("access")).member.stream()), (error) => error.status === 403);
  await assert.rejects(all(scripted(over("restarted")).member.stream()), (error) => error.status === 410);
  await assert.rejects(all(scripted(status(410)).member.stream({}, { lastEventId: "c0", startAgain: true })), (error) => error.status === 410);
  await assert.rejects(all(scripted(() => new Response("<p>Welcome</p>")).member.stream()), /no stream/);
  const { member, asked } = scripted(over("restarted"), streaming(ready));

  assert.deepEqual((await take(member.stream({}, { startAgain: true }), 3)).map((event) => event.type), ["ready", "reset", "ready"]);
  assert.ok(asked[1].url.endsWith("?snapshot=true"));
});

const raw = Buffer.from(Array.from({ length: 32 }, (_, at) => at));
const secret = `whsec_${raw.toString("base64")}`;
const now = new Date("2026-11-21T18:00:00Z");
const body = new TextEncoder().encode('{"type":"subscription.test",  "data": {"ä": 1}}');
function signed(bytes = body, at = now) {
  const timestamp = String(at.getTime() / 1000);
  const signature = createHmac("sha256", raw).update(`msg_1.${timestamp}.`).update(bytes).digest("base64");
  return { "Webhook-Id": "msg_1", "webhook-timestamp": timestamp, "webhook-signature": `v1,ä v2,x v1,${signature}` };
}

test("a webhook is genuine or refused, and nothing makes the check stumble", async () => {
  const other = `whsec_${Buffer.alloc(32).toString("base64")}`;
  assert.equal((await verifyWebhook(body, signed(), [other, secret], { now })).type, "subscription.test");
  assert.equal((await verifyWebhook(body, new Headers(Object.entries(signed()).filter(([name]) => name !== "webhook-signature").concat([["webhook-signature", signed()["webhook-signature"].slice(5)]])), secret, { now })).type, "subscription.test");
  if (process.env.WEBHOOK) {
    const [headers, text, key] = JSON.parse(process.env.WEBHOOK);
    assert.ok(await verifyWebhook(new TextEncoder().encode(text), headers, key));
  }
  for (const [bytes, headers, key] of [
    [new TextEncoder().encode(JSON.stringify(JSON.parse(new TextDecoder().decode(body)))), signed(), secret],
    [body, signed(), other],
    [body, signed(body, new Date(now.getTime() - 301_000)), secret],
    [body, signed(body, new Date(now.getTime() + 301_000)), secret],
    [body, {}, secret],
    [body, { ...signed(), "webhook-timestamp": "soon" }, secret],
    [body, { ...signed(), "webhook-signature": "v1 v1, 🏠 v1,=== v1,🏠" }, secret],
    [new TextEncoder().encode("[]"), signed(new TextEncoder().encode("[]")), secret],
  ]) {
    await assert.rejects(verifyWebhook(bytes, headers, key, { now }), WebhookError);
  }
  for (const key of ["", "whsec_", "whsec_AAAA", "nonsense!", []]) await assert.rejects(verifyWebhook(body, signed(), key, { now }), TypeError);
});
