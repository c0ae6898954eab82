// Better with a script: a file that is too large is said before it is sent, and a report that is being worked watches itself.
for (const form of document.querySelectorAll("[data-send]")) {
  const said = form.querySelector("[data-progress]");
  form.addEventListener("submit", (event) => {
    const file = form.querySelector("input[type=file]")?.files[0];
    if (file && file.size > Number(form.dataset.most)) {
      event.preventDefault();
      said.textContent = `This file is larger than ${Math.floor(form.dataset.most / 1048576)} MB. Send it in parts.`;
      return;
    }
    said.textContent = file || form.matches("[action$=check]") ? "Working…" : "";
  });
  window.addEventListener("pageshow", () => { said.textContent = ""; });
}

const soon = (tries) => Math.min(2000 + tries * 500, 10000);

async function ask(address) {
  try {
    const answer = await fetch(address, { headers: { Accept: "application/json" } });
    return answer.ok ? await answer.json() : null;
  } catch {
    return null; // the network is away for a moment: asked again later
  }
}

function watch(address, seen, tries = 0) {
  if (tries > 300) return;
  setTimeout(async () => {
    const state = document.hidden ? null : await ask(address);
    if (!state || !seen(state)) watch(address, seen, tries + 1);
  }, soon(tries));
}

const waiting = document.querySelector("[data-wait]");
if (waiting) {
  const said = waiting.querySelector("[data-said]");
  let told = 0;
  watch(waiting.dataset.wait, (state) => {
    if (!state.working) {
      location.replace(location.pathname);
      return true;
    }
    if (state.records >= told * 2 + 500) { // now and then, not at every record: this is read aloud
      told = state.records;
      said.textContent = `We are working through it: ${told.toLocaleString("en-GB")} records so far.`;
    }
    return false;
  });
}

const publishing = document.querySelector("[data-publishing]");
if (publishing) {
  watch(publishing.dataset.publishing, (state) => {
    if (state.published) publishing.textContent = "It is published. Local authorities see what is on the list.";
    return state.published;
  });
}
