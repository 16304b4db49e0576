// The members' phone pages: clocks on the server's time, copying, sending once, live stock.
// The pages work without it; it only saves reloading.

import { measure, showCountdowns, startClocks } from "./clock.js";
import { addLocalTimes, allowSendingAgain, copyFrom, sendOnce } from "./pieces.js";

const LEAST_SECONDS = 2;
const stateAtFirst = new Map(); // by element: what the rest of the page was made from

document.addEventListener("click", (event) => {
  const copier = event.target.closest("[data-copy], [data-copy-from]");
  if (copier) copyFrom(copier);
});
document.addEventListener("submit", sendOnce, true);
window.addEventListener("pageshow", allowSendingAgain);

const stateOf = (element) => element.querySelector("[data-page-state]")?.dataset.pageState;

/** Elements with data-refresh-url are fetched anew while the page is seen; 204 means nothing changed. */
async function refresh(element, failures = 0) {
  const seconds = Math.max(LEAST_SECONDS, Number(element.dataset.refreshSeconds) || 5) * 2 ** Math.min(failures, 4);
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  if (!element.isConnected) return;
  refresh(element, document.hidden || (await fetchInto(element)) ? 0 : failures + 1);
}

async function fetchInto(element) {
  try {
    const answer = await fetch(element.dataset.refreshUrl, { headers: { "X-Fragment": "1" }, cache: "no-store" });
    const receivedAtMs = Date.now();
    if (answer.status === 200 && !answer.redirected) {
      element.innerHTML = await answer.text();
      const stamped = element.querySelector("[data-server-now]");
      if (stamped) measure(stamped.dataset.serverNow, receivedAtMs);
      showCountdowns(element);
      if (stateOf(element) !== stateAtFirst.get(element)) loadAnew(element.dataset.refreshUrl);
    }
    return answer.ok;
  } catch {
    return false;
  }
}

// A clock that ran out means that the sale has opened or closed: show the page as it is now.
// The end of her own time to pay is hers alone: what was kept is gone from the page at once, and nobody else loads it.
document.addEventListener("countdown-over", (event) => {
  if (!event.target.matches("[data-reload-when-over]")) return;
  const kept = event.target.closest(".is-kept");
  kept?.classList.add("is-gone");
  loadAnew(event.target.closest("[data-refresh-url]")?.dataset.refreshUrl, kept ? 0 : 1500);
});

let isLoading = false;

/** Show the page at `address` (else this one) as it is now: not in the middle of typing, and not after a form went off. */
function loadAnew(address, spreadMs = 1500) {
  if (isLoading) return;
  isLoading = true;
  const spread = Math.random() * spreadMs; // so that a whole group does not arrive in the same instant
  setTimeout(() => loadWhenIdle(address), 300 + spread);
}

function loadWhenIdle(address) {
  const field = document.activeElement?.closest("input, select, textarea");
  if (field) field.addEventListener("blur", () => setTimeout(() => loadWhenIdle(address), 300), { once: true });
  else if (document.querySelector("form[data-sent]")) isLoading = false; // its answer is on the way
  else if (!address || address === location.pathname) location.reload();
  else location.replace(address);
}

startClocks();
addLocalTimes();
for (const element of document.querySelectorAll("[data-refresh-url]")) {
  stateAtFirst.set(element, stateOf(element));
  refresh(element);
}
