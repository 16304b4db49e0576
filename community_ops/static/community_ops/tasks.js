// A card on the phone of whoever works by hand: fill and copy in one tap, tick all, and words that grow old.
// The page works without it; it only saves taps.

import { startChoosing } from "./choosing.js";
import { measure, serverNow } from "./clock.js";

const SAID_MS = 2500;
const LOOK_EVERY_MS = 5000;

document.addEventListener("submit", (event) => {
  if (!event.target.matches("[data-copy-form]")) return;
  event.preventDefault();
  copyAnew(event.target);
});

/** Ask for the words with the values of this moment, show them, and put them on the clipboard where there is one. */
async function copyAnew(form) {
  if (form.dataset.busy) return;
  form.dataset.busy = "true";
  const answered = ask(form);
  const written = writeLater(answered.then((answer) => onlyText(answer.html))); // begun within the tap: Safari asks for it
  try {
    const answer = await answered;
    if (answer.isOver) return location.reload();
    show(form, answer);
    say(form, (await written) || copyShown());
  } catch {
    form.submit(); // the plain way: the page comes back with the words on it
  } finally {
    delete form.dataset.busy;
  }
}

async function ask(form) {
  const answer = await fetch(form.action, { method: "POST", body: new FormData(form), headers: { "X-Fragment": "1" } });
  const receivedAtMs = Date.now();
  if (answer.status === 205) return { isOver: true, html: "" };
  if (!answer.ok || answer.redirected) throw new Error(answer.statusText);
  return { html: await answer.text(), receivedAtMs };
}

/** The text, where there is exactly one; several are copied one by one, and nothing on the clipboard is lost. */
function onlyText(html) {
  const fields = new DOMParser().parseFromString(html, "text/html").querySelectorAll("textarea");
  if (fields.length !== 1) throw new Error("not one text");
  return fields[0].value;
}

function show(form, answer) {
  const place = document.querySelector("[data-texts]");
  place.innerHTML = answer.html;
  measure(place.querySelector("[data-server-now]").dataset.serverNow, answer.receivedAtMs);
  form.querySelector("button").classList.remove("button-primary");
  document.querySelector(".task-done .sticky-action .button")?.classList.add("button-primary");
}

async function writeLater(promise) {
  const blob = promise.then((text) => new Blob([text], { type: "text/plain" }));
  blob.catch(() => {}); // told below, or by whoever asked
  try {
    await navigator.clipboard.write([new ClipboardItem({ "text/plain": blob })]);
    return true;
  } catch {
    return false; // no TLS, an old browser, or one inside a chat app
  }
}

function copyShown() {
  const fields = document.querySelectorAll("[data-texts] textarea");
  if (fields.length !== 1) return fields.length > 1 ? null : false;
  fields[0].focus({ preventScroll: true });
  fields[0].select();
  return document.execCommand("copy");
}

/** `isCopied` null: nothing to say, each text has its own button. */
function say(form, isCopied) {
  const label = form.querySelector("[data-copy-label]");
  if (isCopied === null || !label) return;
  label.textContent = isCopied ? form.dataset.copied : form.dataset.notCopied;
  label.setAttribute("aria-live", "polite");
  setTimeout(() => (label.textContent = form.dataset.again), SAID_MS);
}

/** Three minutes later the numbers may have changed: the words turn grey and say so. */
function lookAtAge() {
  for (const copied of document.querySelectorAll("[data-stale-at]:not(.is-stale)")) {
    if (serverNow() < Date.parse(copied.dataset.staleAt)) continue;
    copied.classList.add("is-stale");
    document.querySelector("[data-stale-note]").hidden = false;
    document.querySelector("[data-copy-form] button")?.classList.add("button-primary");
  }
}

// --- ticking ----------------------------------------------------------------------------------------
function countTicks() {
  const all = [...document.querySelectorAll("input[type=checkbox][name=items]")];
  const ticked = all.filter((box) => box.checked).length;
  const count = document.querySelector("[data-tick-count]");
  if (count) count.textContent = ticked ? `${ticked}/${all.length}` : "";
}

/** What was refused is not so any more once she changes it. */
function forgetRefusal(changed) {
  const form = changed.closest("form");
  const field = changed.closest(".field");
  form?.querySelector("[data-until-change]")?.remove();
  field?.querySelector(":scope > .field-errors")?.remove();
  const told = field && form?.querySelector(`[data-form-errors] a[href="#${CSS.escape(field.id)}"]`);
  const all = told?.closest("[data-form-errors]");
  (all?.querySelectorAll("a").length > 1 ? told.closest("li") || told : all)?.remove();
}

startChoosing();
document.addEventListener("change", (event) => forgetRefusal(event.target));
document.addEventListener("change", (event) => event.target.matches("input[type=checkbox]") && countTicks());
countTicks();
lookAtAge();
setInterval(lookAtAge, LOOK_EVERY_MS);
window.addEventListener("pageshow", countTicks);
document.addEventListener("visibilitychange", () => document.hidden || lookAtAge());
