// Countdown clocks on the server's time, shared by the operator's and the members' pages.
// The server writes its time into data-server-now; the difference to this device is measured when
// the page or a fragment arrives. Every tick is computed from the time of day, so a clock that
// slept with its tab is right again at once.

const STORED_OFFSET = "co-clock-offset-ms";
const MILESTONES_SECONDS = [86400, 3600, 1800, 600, 300, 60, 30, 10];
const JUMP_MS = 2000;
const JUST_OVER_MS = 10_000;
let offsetMs = 0;
let isMeasured = false;
const secondsBefore = new WeakMap();

export const serverNow = () => Date.now() + offsetMs;

/** Take a time stamp of the server into account; `receivedAtMs` is this device's time of its arrival. */
export function measure(stamp, receivedAtMs) {
  const measured = Date.parse(stamp) - receivedAtMs;
  if (Number.isNaN(measured)) return;
  // Delay on the way only makes the difference smaller: the largest is the best, unless a clock was set.
  if (isMeasured && measured < offsetMs && offsetMs - measured < JUMP_MS) return;
  offsetMs = measured;
  isMeasured = true;
  remember(measured);
}

function remember(value) {
  try {
    sessionStorage.setItem(STORED_OFFSET, String(value));
  } catch {
    // A browser without storage measures again on the next page.
  }
}

function remembered() {
  try {
    return Number(sessionStorage.getItem(STORED_OFFSET) ?? 0);
  } catch {
    return 0;
  }
}

function measurePage() {
  const stamp = document.documentElement.dataset.serverNow;
  const [arrival] = performance.getEntriesByType("navigation");
  const isFromCache = arrival?.type === "back_forward";
  if (isFromCache) offsetMs = remembered();
  else if (stamp) measure(stamp, arrival ? performance.timeOrigin + arrival.responseStart : Date.now());
}

const twoDigits = (number) => String(number).padStart(2, "0");

function face(seconds, pattern) {
  const days = Math.floor(seconds / 86400);
  const hours = Math.floor((seconds % 86400) / 3600);
  const short = `${twoDigits(Math.floor((seconds % 3600) / 60))}:${twoDigits(seconds % 60)}`;
  const clock = hours || days ? `${twoDigits(hours)}:${short}` : short;
  return days ? pattern.replace("%(days)s", days).replace("%(clock)s", clock) : clock;
}

function spoken(seconds) {
  const [amount, unit] =
    seconds >= 86400 ? [seconds / 86400, "day"]
    : seconds >= 3600 ? [seconds / 3600, "hour"]
    : seconds >= 60 ? [seconds / 60, "minute"]
    : [seconds, "second"];
  const language = document.documentElement.lang;
  return new Intl.NumberFormat(language, { style: "unit", unit, unitDisplay: "long" }).format(Math.round(amount));
}

/** For screen readers: a few milestones and the end, not every second. */
function announce(element, words) {
  const live = element.querySelector("[aria-live=polite]");
  if (live) live.textContent = words ?? "";
}

function isMilestone(before, seconds) {
  return MILESTONES_SECONDS.some((milestone) => before > milestone && seconds <= milestone);
}

function show(element) {
  const leftMs = Date.parse(element.dataset.until) - serverNow();
  const seconds = Math.max(0, Math.ceil(leftMs / 1000));
  const before = secondsBefore.get(element);
  secondsBefore.set(element, seconds);
  const isOver = seconds === 0;
  const words = isOver && element.dataset.ended ? element.dataset.ended : face(seconds, element.dataset.pattern ?? "");
  const target = element.querySelector("time") ?? element;
  if (target.textContent !== words) target.textContent = words;
  element.classList.toggle("is-over", isOver);
  if (!isOver && isMilestone(before, seconds)) announce(element, `${element.dataset.label ?? ""} ${spoken(seconds)}`.trim());
  // The end is told once, and not for a moment long past when the page arrived: nobody reloads in a circle.
  const isNews = before === undefined ? leftMs > -JUST_OVER_MS : before > 0;
  if (isOver && isNews) {
    announce(element, words);
    element.dispatchEvent(new CustomEvent("countdown-over", { bubbles: true }));
  }
}

export function showCountdowns(root = document) {
  for (const element of root.querySelectorAll("[data-countdown]")) show(element);
}

function tick() {
  showCountdowns();
  setTimeout(tick, 1000 - (serverNow() % 1000) + 10);
}

export function startClocks() {
  measurePage();
  tick();
  document.addEventListener("visibilitychange", () => document.hidden || showCountdowns());
  window.addEventListener("pageshow", () => showCountdowns());
}
