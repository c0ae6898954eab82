// The update in thirty seconds, and prices by line: what scripts add to forms that work without them.

function number(input) {
  const value = Number.parseInt(input?.value ?? "", 10);
  return Number.isFinite(value) ? value : 0;
}

function places(count) {
  return `${count} place${count === 1 ? "" : "s"}`;
}

// -- steppers: − and + around a number ----------------------------------------------------------------------------------

function step(span) {
  const input = span.querySelector("input");
  const label = document.querySelector(`label[for="${input.id}"]`).textContent.trim();
  const made = (sign, change, word) => {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "pf-step__button";
    button.textContent = sign;
    button.setAttribute("aria-label", `${word}: ${label}`);
    button.addEventListener("click", () => {
      input.value = Math.max(0, number(input) + change);
      input.dispatchEvent(new Event("input", { bubbles: true }));
    });
    return button;
  };
  span.prepend(made("−", -1, "One fewer"));
  span.append(made("+", 1, "One more"));
}

// -- the update: what the numbers come to, and which buttons make sense ---------------------------------------------------

function follow(form) {
  const free = form.querySelector('[name="available"]');
  const registered = form.dataset.registered === undefined ? null : Number(form.dataset.registered);
  const offered = Number(form.dataset.offered);
  const offering = Number(form.dataset.places);
  const button = Object.fromEntries([...form.querySelectorAll("[data-then]")].map((each) => [each.dataset.then, each]));

  const look = () => {
    let closed = 0;
    for (const each of form.querySelectorAll("[data-closed]")) {
      closed += number(each);
      document.getElementById(each.dataset.closed).hidden = number(each) === 0;
    }
    const living = form.querySelector("[data-living]");
    if (living && registered !== null) {
      const rest = registered - number(free) - number(form.querySelector('[name="reserved"]')) - closed;
      const said = rest >= 0 ? `${places(rest)} of ${registered} taken.` : `The places come to ${registered - rest}, but ${registered} are registered.`;
      if (living.textContent !== said) living.textContent = said;
      living.classList.toggle("pf-living--wrong", rest < 0);
    }
    const accepting = form.querySelector('[name="accepting"]:checked');
    form.querySelector("[data-not-accepting]").hidden = accepting?.value !== "no";
    if (!button.save) return;
    const now = number(free);
    const gone = free.value !== "" && now === 0 && offered > 0;
    const more = now > 0 && (offered === 0 || (offered === 1 && now > offering));
    button.save.hidden = gone;
    button.withdraw.hidden = button.keep.hidden = !gone;
    if (button.offer) {
      button.offer.hidden = !more;
      button.offer.textContent = `Save, and offer ${places(now)}`;
    }
  };
  form.addEventListener("input", look);
  form.addEventListener("change", look);
  look();
}

// -- prices: the running total that must agree ----------------------------------------------------------------------------

function pence(text) {
  const found = /^£?\s*(\d{1,3}(?:,\d{3})+|\d{1,8})(?:\.(\d{1,2}))?$/.exec(text.trim());
  return found ? Number(found[1].replaceAll(",", "")) * 100 + Number((found[2] ?? "0").padEnd(2, "0")) : null;
}

function money(amount) {
  return new Intl.NumberFormat("en-GB", { style: "currency", currency: "GBP" }).format(amount / 100);
}

function price(form) {
  const lines = form.querySelector("[data-lines]");
  const total = form.querySelector("[data-total]");

  const look = () => {
    let sum = 0;
    let any = false;
    for (const line of lines.querySelectorAll("[data-line]")) {
      const amount = pence(line.querySelector('[name="line_amount"]').value);
      if (amount !== null && line.querySelector('[name="line_included"]').checked) {
        sum += amount;
        any = true;
      }
    }
    const wanted = pence(form.querySelector('[name="price"]').value);
    let said = "";
    if (any) {
      said = `The included lines come to ${money(sum)}.`;
      if (wanted !== null && wanted === sum) said += " That is the price.";
      else if (wanted !== null) said += ` The price is ${money(wanted)}: ${money(Math.abs(wanted - sum))} too ${sum > wanted ? "much" : "little"}.`;
    }
    if (total.textContent !== said) total.textContent = said;
  };

  form.querySelector("[data-more]").type = "button"; // or Enter in an amount would add a line, as the first button of the form
  form.querySelector("[data-more]").addEventListener("click", (event) => {
    event.preventDefault();
    const count = lines.querySelectorAll("[data-line]").length;
    const line = lines.lastElementChild.cloneNode(true);
    line.querySelector("legend").textContent = `Line ${count + 1}`;
    for (const each of line.querySelectorAll("[id]")) each.id = each.id.replace(/-\d+/, `-${count}`);
    for (const each of line.querySelectorAll("[for]")) each.htmlFor = each.htmlFor.replace(/-\d+/, `-${count}`);
    for (const each of line.querySelectorAll("input, select")) {
      if (each.name === "line_row" || each.name === "line_included") each.value = String(count);
      else each.value = "";
    }
    line.querySelector('[name="line_included"]').checked = true;
    lines.append(line);
    line.querySelector("select").focus();
  });
  form.addEventListener("input", look);
  form.addEventListener("change", look);
  look();
}

for (const each of document.querySelectorAll("[data-step]")) step(each);
for (const each of document.querySelectorAll("[data-update]")) {
  each.classList.add("pf-stepping");
  follow(each);
}
for (const each of document.querySelectorAll("[data-price]")) price(each);
