// Keeps an open list current. The exchange's stream says which offers came, changed or went, for this very filter; their rows come
// ready from the server, by the same template. Order and focus stay as they are: changed cells are marked, gone rows struck through,
// new rows wait behind a button. One polite summary is said for a batch. Without this script the page is the same, and still.

const GATHER = 250; // ms: news of one moment is told together
const MOST = 50; // more offers than this at once are one message
const PAUSES = [2000, 5000, 15000, 30000]; // ms between attempts to connect where the browser has given up
const TYPES = [
  "vacancy.published", "vacancy.withdrawn", "vacancy.changed", "vacancy.confirmed", "rate.changed", "ofsted.changed",
  "setting.suspended", "setting.left-register",
];

const byId = (id) => document.getElementById(id);
const rowOf = (id) => document.getElementById(`row-${id}`);
const some = (number, one, many) => `${number} ${number === 1 ? one : many}`;

export class LiveList {
  static open = null; // the one of this page

  constructor(root) {
    this.root = root;
    this.mark = root.dataset.mark;
    this.waiting = new Map(); // id -> what became of it, until the batch is told
    this.fresh = new Map(); // id -> row that is not shown yet
    this.told = { changed: new Set(), gone: new Set() };
    this.raw = new WeakMap(); // cell -> what it says without our mark
    this.many = 0;
    this.attempts = 0;
    this.timer = null;
    byId("live-show").addEventListener("click", () => this.show());
    window.addEventListener("pagehide", () => this.source?.close());
    window.addEventListener("pageshow", (event) => event.persisted && this.connect());
    root.hidden = false;
    this.connect();
  }

  connect() {
    this.source = new EventSource(`${this.root.dataset.stream}&lastEventId=${encodeURIComponent(this.mark)}`);
    this.source.addEventListener("ready", (event) => {
      this.mark = event.lastEventId || this.mark;
      this.attempts = 0;
      this.state("live");
    });
    for (const type of TYPES) this.source.addEventListener(type, (event) => this.heard(event));
    this.source.addEventListener("end", (event) => {
      const { reason } = JSON.parse(event.data);
      if (reason === "access" || reason === "restarted") this.stop();
      else this.state("not live: connecting again");
    });
    this.source.addEventListener("error", () => this.lost());
  }

  // The browser connects again by itself, from the last id, unless it was refused: then we try for a while.
  lost() {
    this.state("not live: connecting again");
    if (this.source.readyState !== EventSource.CLOSED || this.stopped) return;
    const pause = PAUSES[this.attempts++];
    if (pause === undefined) this.stop();
    else setTimeout(() => !this.stopped && this.connect(), pause);
  }

  stop() {
    this.stopped = true;
    this.source.close();
    this.state("not live");
    byId("live-reload").hidden = false;
  }

  state(text) {
    if (this.stopped && text !== "not live") return;
    byId("live-state").textContent = text;
    this.root.dataset.state = text.split(":")[0];
  }

  heard(event) {
    const news = JSON.parse(event.data);
    this.mark = event.lastEventId || this.mark;
    const ids = news.listingId
      ? [news.listingId]
      : Array.from(document.querySelectorAll(".pf-row"), (row) => row)
          .filter((row) => row.dataset.urn === news.urn)
          .map((row) => row.dataset.id);
    const kind = { "vacancy.published": "new", "vacancy.withdrawn": "gone", "vacancy.confirmed": "quiet" }[news.type] ?? "changed";
    for (const id of ids) this.waiting.set(id, kind === "quiet" && this.waiting.has(id) ? this.waiting.get(id) : kind);
    this.timer ??= setTimeout(() => this.tell(), GATHER);
  }

  async tell() {
    const batch = this.waiting;
    this.waiting = new Map();
    this.timer = null;
    const shown = (id) => rowOf(id) !== null || this.fresh.has(id);
    // What changed on another page of the list is no news here.
    const matter = new Map([...batch].filter(([id, kind]) => kind === "new" || shown(id)));
    if (this.many || matter.size > MOST) {
      this.many += matter.size;
      if (this.many) this.say();
      return;
    }
    const wanted = [...matter].filter(([, kind]) => kind !== "gone").map(([id]) => id);
    let rows = new Map();
    if (wanted.length) {
      try {
        rows = await this.fetchRows(wanted);
      } catch {
        this.many += matter.size; // they could not be had: say that there is news, and where
        this.say();
        return;
      }
    }
    for (const [id, kind] of matter) {
      const row = rows.get(id);
      if (!row) this.gone(id);
      else if (rowOf(id)) this.change(rowOf(id), row, kind);
      else this.fresh.set(id, row);
    }
    this.say();
  }

  async fetchRows(ids) {
    const answer = await fetch(`${this.root.dataset.rows}${ids.map(encodeURIComponent).join(",")}?${this.root.dataset.query}`);
    if (!answer.ok) throw new Error(String(answer.status));
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    return new Map(Array.from(page.querySelectorAll(".pf-row"), (row) => [row.dataset.id, document.adoptNode(row)]));
  }

  gone(id) {
    this.fresh.delete(id);
    const row = rowOf(id);
    if (!row || row.classList.contains("pf-gone")) return;
    row.classList.add("pf-gone");
    row.querySelector(".pf-row__head").append(tag("Gone", "govuk-tag--red"));
    this.told.gone.add(id);
    this.told.changed.delete(id);
  }

  change(row, newer, kind) {
    let different = row.classList.contains("pf-gone");
    row.classList.remove("pf-gone");
    row.querySelector(".pf-mark--gone")?.remove();
    this.told.gone.delete(row.dataset.id);
    const cells = [...newer.querySelectorAll("[data-cell]")]; // they move over
    const names = new Set(cells.map((cell) => cell.dataset.cell));
    for (const fresh of cells) {
      const old = row.querySelector(`[data-cell="${fresh.dataset.cell}"]`);
      if (old && words(this.raw.get(old) ?? old) === words(fresh)) continue;
      different = true;
      this.put(row, old, fresh, kind !== "quiet");
    }
    for (const old of row.querySelectorAll("[data-cell]")) {
      if (!names.has(old.dataset.cell)) old.remove();
    }
    if (different && kind !== "quiet") this.told.changed.add(row.dataset.id);
  }

  // A cell in which somebody is with the keyboard changes when they leave it.
  put(row, old, fresh, marked) {
    if (old?.contains(document.activeElement)) {
      old.addEventListener("focusout", () => setTimeout(() => old.isConnected && this.put(row, old, fresh, marked)), { once: true });
      return;
    }
    this.raw.set(fresh, fresh.cloneNode(true));
    if (marked && fresh.dataset.cell !== "tags") {
      fresh.classList.add("pf-changed");
      const mark = document.createElement("span");
      mark.className = "pf-mark";
      mark.textContent = "Changed";
      fresh.querySelector("dt").append(" ", mark);
    }
    if (old) old.replaceWith(fresh);
    else row.querySelector(".pf-row__cells").append(fresh);
  }

  say() {
    if (this.many) {
      byId("live-news").textContent = `${some(this.many, "place has", "places have")} changed. Reload to see them.`;
      byId("live-reload").hidden = false;
      byId("live-show").hidden = true;
      return;
    }
    const parts = [
      this.fresh.size && some(this.fresh.size, "new place", "new places"),
      this.told.changed.size && `${this.told.changed.size} changed`,
      this.told.gone.size && `${this.told.gone.size} gone`,
    ].filter(Boolean);
    const text = parts.length ? `${parts.join(", ")}.` : "";
    if (byId("live-news").textContent !== text) byId("live-news").textContent = text;
    const button = byId("live-show");
    button.hidden = this.fresh.size === 0;
    button.textContent = `Show ${some(this.fresh.size, "new place", "new places")}`;
  }

  // Only on their own press of the button does focus go anywhere: to what they asked for.
  show() {
    const list = byId("new-rows");
    for (const row of this.fresh.values()) {
      row.querySelector(".pf-row__head").append(tag("New", "govuk-tag--green"));
      list.prepend(row);
    }
    this.fresh.clear();
    byId("new").hidden = false;
    const heading = byId("new").querySelector("h3");
    heading.tabIndex = -1;
    heading.focus();
    this.say();
  }
}

function tag(text, colour) {
  const made = document.createElement("strong");
  made.className = `govuk-tag ${colour} pf-mark--${text.toLowerCase()}`;
  made.textContent = text;
  return made;
}

// What a cell says, but for how long ago: that changes by itself.
function words(cell) {
  const copy = cell.cloneNode(true);
  for (const ago of copy.querySelectorAll(".pf-ago")) ago.remove();
  return copy.textContent.replace(/\s+/g, " ").trim();
}

// A whole postcode never leaves the browser; and what was left empty is not sent.
function tidy(form) {
  form.addEventListener("submit", () => {
    const postcode = form.elements.postcode;
    postcode.value = postcode.value.trim().replace(/^([a-z]{1,2}[0-9][a-z0-9]?)\s*([0-9])[a-z]{2}$/i, "$1 $2").toUpperCase();
    for (const field of form.elements) if (field.name && field.value === "") field.disabled = true;
  });
  window.addEventListener("pageshow", () => {
    for (const field of form.elements) field.disabled = false;
  });
}

const filters = byId("filters");
if (filters) tidy(filters);
const live = byId("live");
if (live) LiveList.open = new LiveList(live);
