/** What can go wrong, and what an answer says about it. */

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

/** Seconds that Retry-After asks for: a number or a date (RFC 9110 section 10.2.3). */
export function retryAfter(answer: Response): number | undefined {
  const text = answer.headers.get("Retry-After")?.trim();
  if (!text) return undefined;
  if (/^[0-9]{1,9}$/.test(text)) return Number(text);
  const moment = Date.parse(text);
  return Number.isNaN(moment) ? undefined : Math.max((moment - Date.now()) / 1000, 0);
}

/** The error that an answer stands for. */
export async function failure(answer: Response): Promise<PlacefeedError> {
  const problem = (await answer.json().catch(() => ({}))) as Problem;
  const said = problem.detail ?? problem.title ?? `The exchange answered ${answer.status} without saying why.`;
  return new PlacefeedError(said, answer.status, problem, retryAfter(answer));
}
