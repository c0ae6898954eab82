/** Following a change feed (RPDE 1.0): page after page from a saved cursor, then a look at the last page now and then. */

import { PlacefeedError, failure } from "./errors.js";
import { type Listener, Patience, type PatienceOptions } from "./patience.js";

/** The record `id` is now `data`, or deleted: gone, or no longer shown to you. `reset`: the feed begins again, drop what you hold. */
export interface Change {
  state: "updated" | "deleted" | "reset";
  id: string;
  /** Exact up to 2^53; the cursor is text and always exact. */
  position: number;
  data?: unknown;
}

/** Keeps a cursor. `save` is called once all of a page was dealt with. */
export interface CursorStore {
  load(): string | undefined | Promise<string | undefined>;
  save(cursor: string): void | Promise<void>;
}

export interface FollowOptions extends PatienceOptions {
  /** Where to begin, and where to keep how far you have come. Default: at the beginning, nowhere. */
  cursor?: CursorStore;
  /** End when there is no more for now. */
  untilCurrent?: boolean;
  /** Where the exchange no longer has what came since: hand out a `reset` and begin at the beginning, instead of an error of status 410. */
  startAgain?: boolean;
  /** Seconds between two looks for more, 8 or more. */
  pollEvery?: number;
}

interface Page {
  next: string;
  items: Array<{ state: string; id: string; modified: number; data?: unknown }>;
}

export async function* follow(listener: Listener, feed: "vacancies" | "settings", options: FollowOptions): AsyncGenerator<Change, void, undefined> {
  const { pollEvery = 8, cursor, untilCurrent = false, startAgain = false } = options;
  if (!(pollEvery >= 8)) throw new RangeError("A feed is asked at most every 8 seconds.");
  const place = listener.address(`v1/feeds/${feed}`);
  const patience = new Patience(1, 300, untilCurrent ? { giveUpAfter: 120, ...options } : options);
  let at = await cursor?.load();
  if (at !== undefined && !same(new URL(at), place)) throw new PlacefeedError(`The saved cursor belongs to another feed than ${place.href}.`);
  let begunAgain = false;
  let position = 0;
  const seen = new Set<string>();
  for (;;) {
    let page: Page;
    const asked = at === undefined ? "" : new URL(at).search;
    try {
      const answer = await listener.send(`v1/feeds/${feed}${asked}`, {});
      if (answer.status !== 200) throw await failure(answer);
      page = read(await answer.json().catch(() => undefined));
    } catch (error) {
      if (error instanceof PlacefeedError && error.status === 410 && startAgain && at !== undefined && !begunAgain) {
        at = undefined;
        begunAgain = true;
        position = 0;
        seen.clear();
        yield { state: "reset", id: "", position: 0 };
      } else {
        await listener.pause(patience.wait(error));
      }
      continue;
    }
    patience.recovered();
    patience.progressed();
    const next = new URL(page.next, place);
    if (!same(next, place)) throw new PlacefeedError(`The feed's next leads away from ${place.href}; your key was not sent there.`);
    const last = next.search === asked && page.items.length === 0;
    if (!last && (next.search === asked || seen.has(next.search))) throw new PlacefeedError("The feed's pages lead round in a circle.");
    seen.add(next.search);
    for (const item of page.items) {
      if (item.modified < position) throw new PlacefeedError("The feed goes back: what follows cannot be trusted.");
      position = item.modified;
    }
    for (const { state, id, modified, data } of page.items) {
      yield state === "deleted" ? { state, id, position: modified } : { state: "updated", id, position: modified, data };
    }
    if (next.href !== at) await cursor?.save(next.href);
    at = next.href;
    if (!last) continue;
    if (untilCurrent) return;
    begunAgain = false;
    seen.clear();
    await listener.pause(pollEvery);
  }
}

/** A page, if it is one of RPDE. */
function read(document: unknown): Page {
  const page = document as Partial<Page> | undefined;
  const good =
    typeof page?.next === "string" &&
    Array.isArray(page.items) &&
    page.items.every(
      (item) =>
        typeof item?.id === "string" &&
        Number.isInteger(item.modified) &&
        (item.state === "deleted" || (item.state === "updated" && typeof item.data === "object" && item.data !== null)),
    );
  if (!good) throw new PlacefeedError("The answer is not a page of a change feed. Check that the address is that of a Placefeed exchange.", 200);
  return page as Page;
}

function same(one: URL, other: URL): boolean {
  return one.origin === other.origin && one.pathname === other.pathname;
}
