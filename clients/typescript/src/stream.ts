/** Listening to the stream of the list: connected again after every break, where it broke off. */

import { PlacefeedError, failure } from "./errors.js";
import { type Listener, Patience, type PatienceOptions } from "./patience.js";
import { type Frame, Parser } from "./sse.js";
import type { Event, Listing } from "./types.js";

/** What happened (`news`), a piece of the whole (`snapshot`), that what comes from here on is news (`ready`), or that the stream begins again (`reset`: drop what you hold). */
export type StreamEvent =
  | { type: "news"; event: Event; lastEventId: string | undefined }
  | { type: "snapshot"; items: Listing[] }
  | { type: "ready"; position: number; lastEventId: string | undefined }
  | { type: "reset" };

export interface StreamOptions extends PatienceOptions {
  /** First all that match now, then news. */
  snapshot?: boolean;
  /** Tell also that something was confirmed. */
  attestations?: boolean;
  /** Go on after this one: the `lastEventId` of the last event that you dealt with. */
  lastEventId?: string;
  /** Where the exchange no longer has what came since: a `reset` and a snapshot, instead of an error of status 410. */
  startAgain?: boolean;
  /** Seconds without a byte after which the connection is taken for dead. Default 45: the exchange pings every 15. */
  silence?: number;
}

export async function* stream(
  listener: Listener,
  filters: Array<[string, string]>,
  options: StreamOptions,
): AsyncGenerator<StreamEvent, void, undefined> {
  const { silence = 45, startAgain = false } = options;
  const patience = new Patience(3, 60, options);
  let id = options.lastEventId;
  let whole = id === undefined && options.snapshot === true;
  let halfway = false;
  let begunAgain = false;
  for (;;) {
    if (halfway) yield { type: "reset" }; // a snapshot broke off: what came of it may be gone by now
    halfway = false;
    const query: Array<[string, string]> = [...filters];
    if (options.attestations) query.push(["attestations", "true"]);
    if (whole) query.push(["snapshot", "true"]);
    const abort = new AbortController();
    try {
      const headers = { Accept: "text/event-stream", ...(id === undefined ? {} : { "Last-Event-ID": id }) };
      const answer = await listener.send("v1/listings/stream", { query, headers, signal: abort.signal });
      if (!answer.ok) throw await failure(answer);
      const parser = new Parser(id);
      for await (const chunk of chunks(answer, silence)) {
        for (const frame of parser.feed(chunk)) {
          const event = read(frame, answer.status);
          patience.first = parser.retry ?? patience.first;
          if (event.type === "snapshot") halfway = true;
          else patience.recovered();
          if (event.type === "ready") halfway = whole = begunAgain = false;
          else if (event.type === "news") patience.progressed();
          yield event;
          if (!halfway) id = frame.id;
        }
      }
      throw new PlacefeedError("The stream ended without a reason.");
    } catch (error) {
      if (error instanceof PlacefeedError && error.status === 410 && startAgain && !begunAgain) {
        begunAgain = whole = true;
        halfway = false;
        id = undefined;
        yield { type: "reset" };
      } else {
        const said = error instanceof RangeError ? new PlacefeedError(error.message, 200) : error;
        await listener.pause(patience.wait(said));
      }
    } finally {
      abort.abort(); // also where whoever iterates has had enough
    }
  }
}

/** The bytes of an answer; silence is an error. */
async function* chunks(answer: Response, silence: number): AsyncGenerator<Uint8Array, void, undefined> {
  if (!answer.headers.get("Content-Type")?.startsWith("text/event-stream") || answer.body === null) {
    throw new PlacefeedError("The answer is no stream of events. Check that the address is that of a Placefeed exchange.", 200);
  }
  const reader = answer.body.getReader();
  for (;;) {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const silent = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new PlacefeedError("The exchange fell silent.")), silence * 1000);
    });
    try {
      const { done, value } = await Promise.race([reader.read(), silent]);
      if (done) return;
      yield value;
    } catch (error) {
      throw error instanceof PlacefeedError ? error : new PlacefeedError(`The stream broke off: ${String(error)}`);
    } finally {
      clearTimeout(timer);
    }
  }
}

function read(frame: Frame, status: number): StreamEvent {
  let document: { items?: Listing[]; position?: number; reason?: string; detail?: string } | undefined;
  try {
    document = JSON.parse(frame.data) as typeof document;
  } catch {
    document = undefined;
  }
  if (typeof document !== "object" || document === null) throw new PlacefeedError("The stream makes no sense: an event is no JSON object.", status);
  if (frame.event === "end") {
    const again = { access: 403, restarted: 410 }[document.reason ?? ""];
    throw new PlacefeedError(document.detail ?? "The exchange ended the stream.", again);
  }
  if (frame.event === "snapshot") return { type: "snapshot", items: document.items ?? [] };
  if (frame.event === "ready") return { type: "ready", position: document.position ?? 0, lastEventId: frame.id };
  return { type: "news", event: document as unknown as Event, lastEventId: frame.id };
}
