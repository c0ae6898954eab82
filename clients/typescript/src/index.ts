/** A small client of a Placefeed exchange: push and update as a provider; read, follow and listen as a member. */

import { Client, type Filters, query, segment } from "./client.js";
import { PlacefeedError, failure } from "./errors.js";
import { type Change, type FollowOptions, follow } from "./follow.js";
import type { Listener } from "./patience.js";
import { type StreamEvent, type StreamOptions, stream } from "./stream.js";
import type { Capacity, Feed, List, Listing, Rate, Report, Vacancy } from "./types.js";

export type { Filters, Options } from "./client.js";
export { PlacefeedError, type Problem } from "./errors.js";
export type { Change, CursorStore, FollowOptions } from "./follow.js";
export type { StreamEvent, StreamOptions } from "./stream.js";
export type * from "./types.js";
export { verifyWebhook, WebhookError } from "./webhooks.js";

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

  /** Every change of a feed, from where the cursor says, for ever or until there is no more. See `FollowOptions`. */
  follow(feed: "vacancies" | "settings", options: FollowOptions = {}): AsyncGenerator<Change, void, undefined> {
    return follow(this.#listener, feed, options);
  }

  /** What happens to the listings that match, as it happens, for ever. See `StreamOptions`. */
  stream(filters: Filters = {}, options: StreamOptions = {}): AsyncGenerator<StreamEvent, void, undefined> {
    return stream(this.#listener, query(filters), options);
  }

  get #listener(): Listener {
    return { send: (path, call) => this.send(path, call), pause: (seconds) => this.pause(seconds), address: (path) => this.address(path) };
  }
}
