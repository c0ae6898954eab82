/** Server-sent events as the HTML standard parses them, from bytes that may be cut anywhere. */

export interface Frame {
  event: string;
  data: string;
  /** The last event id so far, which may have come with an earlier event. */
  id: string | undefined;
}

export class Parser {
  /** The server's wait before connecting again, in seconds, once it said one. */
  retry: number | undefined;
  readonly #decoder = new TextDecoder(); // takes the byte-order mark off
  #rest = "";
  #event = "";
  #data: string[] = [];

  constructor(public id?: string) {}

  /** The events that are whole by now. */
  *feed(chunk: Uint8Array): Generator<Frame, void, undefined> {
    const text = this.#rest + this.#decoder.decode(chunk, { stream: true });
    let start = 0;
    for (let end = lineEnd(text, start); end; end = lineEnd(text, start)) {
      const frame = this.#line(text.slice(start, end[0]));
      start = end[1];
      if (frame) yield frame;
    }
    this.#rest = text.slice(start);
    if (this.#rest.length > 16 * 1024 * 1024) throw new RangeError("An event without an end.");
  }

  #line(line: string): Frame | undefined {
    if (line === "") {
      const frame = this.#data.length ? { event: this.#event || "message", data: this.#data.join("\n"), id: this.id } : undefined;
      this.#event = "";
      this.#data = [];
      return frame;
    }
    const colon = line.indexOf(":");
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (name === "data") this.#data.push(value);
    else if (name === "event") this.#event = value;
    else if (name === "id" && !value.includes("\0")) this.id = value || undefined;
    else if (name === "retry" && /^[0-9]{1,9}$/.test(value)) this.retry = Number(value) / 1000;
    return undefined;
  }
}

/** Where the line ends and the next begins; a CR at the very end waits for what may be its LF. */
function lineEnd(text: string, start: number): [number, number] | undefined {
  for (let at = start; at < text.length; at += 1) {
    if (text[at] === "\n") return [at, at + 1];
    if (text[at] === "\r") {
      if (at + 1 === text.length) return undefined;
      return [at, at + (text[at + 1] === "\n" ? 2 : 1)];
    }
  }
  return undefined;
}
