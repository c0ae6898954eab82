/** How every call reaches the exchange: where, with which key, how often. */

import { PlacefeedError, failure, retryAfter } from "./errors.js";

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

/** One call of an exchange; `path` is below its address. */
export interface Call {
  method?: string;
  query?: Array<[string, string]>;
  headers?: Record<string, string>;
  body?: BodyInit;
  /** Sending it twice does no harm. */
  repeatable?: boolean;
  /** Statuses that are answers and not failures. */
  fine?: number[];
  signal?: AbortSignal;
}

/** A connection to one exchange, with one key. */
export class Client {
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
    const { repeatable = true } = call;
    for (let attempt = 1; ; attempt += 1) {
      let answer: Response;
      try {
        answer = await this.send(path, call);
      } catch (error) {
        if (attempt >= this.#attempts || !repeatable) throw error;
        await this.#sleep(this.#backoff(attempt));
        continue;
      }
      if (answer.ok || call.fine?.includes(answer.status)) return answer;
      const undone = answer.status === 429 || answer.status === 503;
      const wait = retryAfter(answer);
      const inFlight = answer.status === 409 && wait !== undefined && call.headers?.["Idempotency-Key"] !== undefined;
      const again = undone || inFlight || (repeatable && (answer.status === 502 || answer.status === 504));
      if (!again || attempt >= this.#attempts || (wait !== undefined && wait > this.#longest)) throw await failure(answer);
      answer.body?.cancel().catch(() => undefined); // not waited for: it lets the connection go
      await this.#sleep(wait ?? this.#backoff(attempt));
    }
  }

  /** Send a call once, whatever is answered. Throws where no answer comes. */
  protected async send(path: string, call: Call = {}): Promise<Response> {
    const url = this.address(path);
    for (const [name, value] of call.query ?? []) url.searchParams.append(name, value);
    try {
      return await this.#fetch(url, {
        method: call.method ?? "GET",
        headers: { Accept: "application/json", ...call.headers, Authorization: `Bearer ${this.#key}` },
        redirect: "manual", // a key never follows a redirect
        ...(call.body === undefined ? {} : { body: call.body }),
        ...(call.signal === undefined ? {} : { signal: call.signal }),
      });
    } catch (error) {
      throw new PlacefeedError(`${url.hostname} could not be reached: ${String(error)}`);
    }
  }

  /** Where a path of the exchange is. */
  protected address(path: string): URL {
    return new URL(path, this.#base);
  }

  protected pause(seconds: number): Promise<void> {
    return this.#sleep(seconds);
  }

  #backoff(attempt: number): number {
    const most = Math.min(0.5 * 2 ** (attempt - 1), this.#longest);
    return most / 2 + (most / 2) * Math.random();
  }
}

/** Filters as a query. Of a `next` link only the query is used: a key never follows a link to another host. */
export function query(filters: Filters, cursor?: string): Array<[string, string]> {
  if (cursor?.includes("?")) return [...new URLSearchParams(cursor.slice(cursor.indexOf("?") + 1))];
  const pairs: Array<[string, string]> = [];
  for (const [name, value] of Object.entries(filters)) {
    if (value === undefined) continue;
    for (const each of Array.isArray(value) ? value : [value]) pairs.push([name, String(each)]);
  }
  if (cursor !== undefined) pairs.push(["cursor", cursor]);
  return pairs;
}

/** A part of a path; nothing in it can lead elsewhere. */
export function segment(value: string): string {
  if (["", ".", ".."].includes(value)) throw new TypeError("An identifier is empty or a dot.");
  return encodeURIComponent(value);
}
