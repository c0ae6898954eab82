/** A small client of a Placefeed exchange: push and update as a provider, read the list as a member. */

import type { Capacity, Feed, List, Listing, Rate, Report, Vacancy } from "./types.js";

export type * from "./types.js";

export interface Options {
  /** How often a request is tried in all. Default 5. */
  attempts?: number;
  /** The longest wait, in seconds, that the client takes on, its own or asked for by Retry-After. Default 60. */
  longest?: number;
  /** Replaces the global fetch, for tests. */
  fetch?: typeof fetch;
  /** Replaces waiting, for tests. */
  sleep?: (seconds: number) => Promise<void>;
}

/** The words of the list's filters: `{ la: ["E06000023"], age: 14, weeklyAtMostPence: 550000 }`. */
export type Filters = Record<string, string | number | boolean | ReadonlyArray<string | number> | undefined>;

/** An RFC 9457 problem document. */
export interface Problem {
  type?: string;
  title?: string;
  status?: number;
  detail?: string;
  errors?: Array<{ detail?: string; pointer?: string; parameter?: string; sheet?: string; cell?: string }>;
  requestId?: string;
}

/** A call that did not succeed; `message` is for people. `status` is undefined where no answer came. */
export class PlacefeedError extends Error {
  constructor(
    message: string,
    readonly status?: number,
    readonly problem: Problem = {},
    readonly retryAfter?: number,
  ) {
    super(message);
    this.name = "PlacefeedError";
  }
}

interface Call {
  method?: string;
  query?: Array<[string, string]>;
  headers?: Record<string, string>;
  body?: BodyInit;
  /** Sending it twice does no harm. */
  repeatable?: boolean;
  /** Statuses that are answers and not failures. */
  fine?: number[];
}

class Client {
  readonly #base: URL;
  readonly #key: string;
  readonly #attempts: number;
  readonly #longest: number;
  readonly #fetch: typeof fetch;
  readonly #sleep: (seconds: number) => Promise<void>;

  constructor(baseUrl: string, key: string, options: Options = {}) {
    this.#base = new URL(baseUrl.replace(/\/*$/, "/"));
    const own = ["localhost", "127.0.0.1", "[::1]"].includes(this.#base.hostname);
    if (this.#base.protocol !== "https:" && !own) throw new TypeError("Over http the key would travel readable: give the exchange's https address.");
    this.#key = key;
    this.#attempts = options.attempts ?? 5;
    this.#longest = options.longest ?? 60;
    this.#fetch = options.fetch ?? ((input, init) => fetch(input, init));
    this.#sleep = options.sleep ?? ((seconds) => new Promise((done) => setTimeout(done, seconds * 1000)));
  }

  /** Send a call as often as it takes and may be. */
  protected async ask(path: string, call: Call = {}): Promise<Response> {
    const url = new URL(path, this.#base);
    for (const [name, value] of call.query ?? []) url.searchParams.append(name, value);
    const { repeatable = true } = call;
    for (let attempt = 1; ; attempt += 1) {
      let answer: Response;
      try {
        answer = await this.#fetch(url, {
          method: call.method ?? "GET",
          headers: { Accept: "application/json", ...call.headers, Authorization: `Bearer ${this.#key}` },
          redirect: "manual", // a key never follows a redirect
          ...(call.body === undefined ? {} : { body: call.body }),
        });
      } catch (error) {
        if (attempt >= this.#attempts || !repeatable) throw new PlacefeedError(`${url.hostname} could not be reached: ${String(error)}`);
        await this.#sleep(this.#backoff(attempt));
        continue;
      }
      if (answer.ok || call.fine?.includes(answer.status)) return answer;
      const undone = answer.status === 429 || answer.status === 503;
      const wait = retryAfter(answer);
      const inFlight = answer.status === 409 && wait !== undefined && call.headers?.["Idempotency-Key"] !== undefined;
      const again = undone || inFlight || (repeatable && (answer.status === 502 || answer.status === 504));
      if (!again || attempt >= this.#attempts || (wait !== undefined && wait > this.#longest)) throw await failure(answer, wait);
      answer.body?.cancel().catch(() => undefined); // not waited for: it lets the connection go
      await this.#sleep(wait ?? this.#backoff(attempt));
    }
  }

  protected pause(seconds: number): Promise<void> {
    return this.#sleep(seconds);
  }

  #backoff(attempt: number): number {
    const most = Math.min(0.5 * 2 ** (attempt - 1), this.#longest);
    return most / 2 + (most / 2) * Math.random();
  }
}

/** What a provider, or a vendor for it, does. */
export class Provider extends Client {
  /** Send a feed and wait, at most `timeout` seconds, until the exchange is done with it. Errors in it are in the report. */
  async push(feed: Feed | Uint8Array<ArrayBuffer>, options: { contentType?: string; timeout?: number } = {}): Promise<Report> {
    const answer = await this.ask("v1/submissions", {
      method: "POST",
      headers: { "Content-Type": options.contentType ?? "application/json", "Idempotency-Key": crypto.randomUUID(), Prefer: "wait=2" },
      body: feed instanceof Uint8Array ? feed : JSON.stringify(feed),
      fine: [422],
    });
    if (answer.status === 422) {
      const said = (await answer.clone().json().catch(() => ({}))) as Partial<Report>;
      if (said.verdict === undefined) throw await failure(answer);
      return said as Report;
    }
    const text = await answer.text();
    const document = { ...(answer.status === 202 ? { verdict: "working" } : {}), ...(text ? JSON.parse(text) : {}) } as Report & { id?: string };
    if (document.verdict !== "working") return document;
    const id = document.submission ?? document.id ?? answer.headers.get("Location")?.replace(/\/report$/, "").split("/").pop();
    if (!id) throw new PlacefeedError("The exchange took the submission, but did not say under which number.", answer.status);
    return this.waitForReport(id, options.timeout ?? 600);
  }

  /** What became of a submission; `verdict` is `working` while the exchange is at work on it. */
  async report(submission: string): Promise<Report> {
    return (await (await this.ask(`v1/submissions/${segment(submission)}/report`)).json()) as Report;
  }

  /** Ask until the exchange is done with a submission, at most `timeout` seconds. */
  async waitForReport(submission: string, timeout = 600): Promise<Report> {
    let waited = 0;
    for (let pause = 0.75; ; pause = Math.min(pause * 1.5, 10)) {
      const report = await this.report(submission);
      if (report.verdict !== "working") return report;
      if (waited > timeout) throw new PlacefeedError(`Submission ${submission} is safe with the exchange, which is still at work on it.`);
      await this.pause(pause);
      waited += pause;
    }
  }

  /** Say the counts of places of a setting. With `ifMatch`, only if nobody changed it since; returns its new version. */
  putCapacity(urn: string, document: Capacity, ifMatch?: string): Promise<string | null> {
    return this.#put(`v1/settings/${segment(urn)}/capacity`, document, ifMatch);
  }

  /** Offer a vacancy, or change it, under your own id of it. */
  putVacancy(urn: string, vacancy: string, document: Vacancy, ifMatch?: string): Promise<string | null> {
    return this.#put(`v1/settings/${segment(urn)}/vacancies/${segment(vacancy)}`, document, ifMatch);
  }

  /** Give a rate, or change it, under your own id of it. */
  putRate(urn: string, rate: string, document: Rate, ifMatch?: string): Promise<string | null> {
    return this.#put(`v1/settings/${segment(urn)}/rates/${segment(rate)}`, document, ifMatch);
  }

  /** Withdraw a vacancy: filled, or no longer offered. */
  async withdrawVacancy(urn: string, vacancy: string): Promise<void> {
    await this.ask(`v1/settings/${segment(urn)}/vacancies/${segment(vacancy)}`, { method: "DELETE" });
  }

  /** Say "no change" for a setting. */
  async attest(urn: string): Promise<void> {
    await this.ask(`v1/settings/${segment(urn)}/attestations`, { method: "POST", headers: { "Idempotency-Key": crypto.randomUUID() } });
  }

  async #put(path: string, document: unknown, ifMatch?: string): Promise<string | null> {
    const headers = { "Content-Type": "application/json", ...(ifMatch === undefined ? {} : { "If-Match": ifMatch }) };
    // A conditional update whose answer was lost would be refused as stale when sent again, so it is sent once.
    const answer = await this.ask(path, { method: "PUT", headers, body: JSON.stringify(document), repeatable: ifMatch === undefined });
    return answer.headers.get("ETag");
  }
}

/** What a member does. */
export class Member extends Client {
  /** One page of the vacancy list. `cursor` is the `next` of another page. */
  async listings(filters: Filters = {}, cursor?: string): Promise<List> {
    return (await (await this.ask("v1/listings", { query: query(filters, cursor) })).json()) as List;
  }

  /** Every listing that matches, page after page. */
  async *iterate(filters: Filters = {}): AsyncGenerator<Listing, void, undefined> {
    const seen = new Set<string>();
    for (let cursor: string | undefined; ; ) {
      const page = await this.listings(filters, cursor);
      yield* page.items;
      cursor = page.next;
      if (!cursor) return;
      if (seen.has(cursor)) throw new PlacefeedError("The exchange's pages lead round in a circle: the list is not complete.");
      seen.add(cursor);
    }
  }

  /** One listing, with its cost lines and Ofsted history. */
  async listing(id: string): Promise<Listing> {
    return (await (await this.ask(`v1/listings/${segment(id)}`)).json()) as Listing;
  }
}

/** Filters as a query. Of a `next` link only the query is used: a key never follows a link to another host. */
function query(filters: Filters, cursor?: string): Array<[string, string]> {
  if (cursor?.includes("?")) return [...new URLSearchParams(cursor.slice(cursor.indexOf("?") + 1))];
  const pairs: Array<[string, string]> = [];
  for (const [name, value] of Object.entries(filters)) {
    if (value === undefined) continue;
    for (const each of Array.isArray(value) ? value : [value]) pairs.push([name, String(each)]);
  }
  if (cursor !== undefined) pairs.push(["cursor", cursor]);
  return pairs;
}

function segment(value: string): string {
  if (["", ".", ".."].includes(value)) throw new TypeError("An identifier is empty or a dot.");
  return encodeURIComponent(value);
}

/** Seconds that Retry-After asks for: a number or a date (RFC 9110 section 10.2.3). */
function retryAfter(answer: Response): number | undefined {
  const text = answer.headers.get("Retry-After")?.trim();
  if (!text) return undefined;
  if (/^[0-9]{1,9}$/.test(text)) return Number(text);
  const moment = Date.parse(text);
  return Number.isNaN(moment) ? undefined : Math.max((moment - Date.now()) / 1000, 0);
}

async function failure(answer: Response, wait?: number): Promise<PlacefeedError> {
  const problem = (await answer.json().catch(() => ({}))) as Problem;
  const said = problem.detail ?? problem.title ?? `The exchange answered ${answer.status} without saying why.`;
  return new PlacefeedError(said, answer.status, problem, wait);
}
