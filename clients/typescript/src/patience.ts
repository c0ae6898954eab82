/** How a follower bears failures: it waits as it is asked to, or longer and longer, and never loses its place. */

import type { Call } from "./client.js";
import { PlacefeedError } from "./errors.js";

/** What following and listening need of a client. */
export interface Listener {
  send(path: string, call: Call): Promise<Response>;
  pause(seconds: number): Promise<void>;
  address(path: string): URL;
}

export interface PatienceOptions {
  /** Seconds of waiting in a row after which a failure is thrown. Default: never; two minutes before it ever worked. */
  giveUpAfter?: number;
  /** Told of each failure that is borne, and the seconds until the next attempt. */
  troubled?: (error: PlacefeedError, seconds: number) => void;
}

/** Which statuses are no refusal: waiting may mend them. */
export const TRANSIENT = (status: number | undefined): boolean => status === undefined || status === 429 || status >= 500 || status < 300;

export class Patience {
  worked = false;
  #failures = 0;
  #nonsense = 0;
  #waited = 0;

  constructor(
    public first: number,
    readonly longest: number,
    readonly options: PatienceOptions,
  ) {}

  /** Seconds before the next attempt; throws the error where it is not to be borne any longer. */
  wait(error: unknown): number {
    if (!(error instanceof PlacefeedError) || !TRANSIENT(error.status)) throw error;
    this.#failures += 1;
    const most = Math.min(this.first * 2 ** Math.min(this.#failures - 1, 20), this.longest);
    const seconds = error.retryAfter === undefined ? most / 2 + (most / 2) * Math.random() : Math.max(error.retryAfter, 1);
    this.#waited += seconds;
    if (error.status !== undefined && error.status < 300) {
      this.#nonsense += 1; // an answer that makes no sense: waiting seldom mends it
      if (!this.worked || this.#nonsense >= 5) throw error;
    }
    if (this.#waited > (this.options.giveUpAfter ?? (this.worked ? Infinity : 120))) throw error;
    this.options.troubled?.(error, seconds);
    return seconds;
  }

  /** It works, or works again. */
  recovered(): void {
    this.worked = true;
    this.#failures = this.#waited = 0;
  }

  /** It got further than where it last made no sense. */
  progressed(): void {
    this.#nonsense = 0;
  }
}
