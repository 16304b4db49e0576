// The operator's pages: clocks, dialogs, menus, search key, copying, counters, charts, toasts.
// Everything hangs on data attributes, so that fragments loaded by htmx work without being prepared.

import { measure, showCountdowns, startClocks } from "./clock.js";
import { startChoosing } from "./choosing.js";
import { addLocalTimes, allowSendingAgain, copyFrom, sendOnce } from "./pieces.js";

const TOAST_SECONDS = 8;

// --- clicks ---------------------------------------------------------------------------------
document.addEventListener("click", (event) => {
  const target = event.target;
  closeMenus(target);
  const opener = target.closest("[data-dialog-open]");
  const copier = target.closest("[data-copy], [data-copy-from]");
  if (opener) openDialog(event, opener.dataset.dialogOpen);
  else if (copier) copyFrom(copier);
  else if (target.closest("[data-dialog-close]")) target.closest("dialog")?.close();
  else if (target.closest("[data-toast-close]")) target.closest(".toast").remove();
  else if (target.matches("dialog")) target.close(); // a click on the veil
});

function openDialog(event, id) {
  const dialog = document.getElementById(id);
  if (!dialog?.showModal) return;
  event.preventDefault();
  if (!dialog.open) dialog.showModal();
}

function closeMenus(except) {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!except || !menu.contains(except)) menu.open = false;
  }
}

// --- keys -----------------------------------------------------------------------------------
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") {
    closeMenus();
    if (location.hash === "#rail") location.hash = "content";
  }
  const isTyping = event.target.closest?.("input, textarea, select, [contenteditable]");
  const search = document.querySelector("[data-search]");
  if (event.key === "/" && search && !isTyping && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    search.focus();
    search.select();
  }
});

// --- forms ----------------------------------------------------------------------------------
document.addEventListener("submit", sendOnce, true);
window.addEventListener("pageshow", allowSendingAgain);

startChoosing();

document.addEventListener("input", (event) => {
  const bubble = document.getElementById(event.target.dataset?.preview ?? "");
  if (bubble) preview(event.target.value, bubble);
});

const SIZES = {
  bytes: (text) => new TextEncoder().encode(text).length,
  characters: (text) => [...text].length,
  utf16: (text) => text.length,
};

/** Show typed text in a chat bubble and count it as its platform counts; marks and cuts are the server's, in a moment. */
function preview(text, frame) {
  showWhole(text, frame);
  const counter = frame.querySelector("[data-limit]");
  if (!counter) return;
  const limit = Number(counter.dataset.limit);
  const extra = Number(counter.dataset.extra ?? 0); // of the text before: a guess
  const size = Math.max(0, (SIZES[counter.dataset.unit] ?? SIZES.characters)(text) + extra);
  counter.querySelector("[data-size]").textContent = (extra ? "≈ " : "") + size.toLocaleString("en");
  counter.querySelector(".bar-done").setAttribute("width", Math.min(100, (size / limit) * 100).toFixed(2));
  counter.classList.toggle("is-too-long", size > limit && !("maySplit" in counter.dataset));
}

/** In one piece: how many messages it takes is not known while somebody types. */
function showWhole(text, frame) {
  const [first, ...others] = frame.querySelectorAll(".bubble:not(.bubble-extra)");
  if (!first) return; // a card or a file without a text: the server shows it in a moment
  first.textContent = text;
  for (const other of others) other.closest("[data-part]").remove();
  for (const label of frame.querySelectorAll(".bubble-part")) label.remove();
}

// --- a picture or a file that was chosen and has not been sent -------------------------------
const LARGEST_PICTURE = 10 * 2 ** 20; // bytes; what is larger is refused when it is sent
let newPicture = "";

document.addEventListener("change", (event) => {
  if (event.target.matches("input[type=file][data-file]")) showNewFile();
  if (!event.target.matches("input[type=file][data-picture]")) return;
  const [file] = event.target.files;
  newPicture = "";
  showNewPicture();
  if (!file?.type.startsWith("image/") || file.size > LARGEST_PICTURE) return;
  const reader = new FileReader();
  reader.onload = () => {
    newPicture = reader.result;
    showNewPicture();
  };
  reader.readAsDataURL(file);
});

function showNewPicture(root = document) {
  for (const image of root.querySelectorAll("img[data-new-picture]")) {
    image.hidden = !newPicture;
    if (newPicture) image.src = newPicture;
  }
}

/** Name and size, as the server shows them once it has the file. */
function showNewFile(root = document) {
  const [file] = document.querySelector("input[type=file][data-file]")?.files ?? [];
  if (!file) return;
  for (const place of root.querySelectorAll("[data-new-file]")) {
    const size = document.createElement("span");
    size.className = "quiet small";
    size.textContent = sizeWords(file.size);
    place.replaceChildren(file.name, " ", size);
  }
}

function sizeWords(bytes) {
  const pattern = { style: "unit", unit: "byte", unitDisplay: "long" };
  if (bytes < 2 ** 10) return new Intl.NumberFormat(document.documentElement.lang, pattern).format(bytes);
  const [size, unit] = bytes < 2 ** 20 ? [bytes / 2 ** 10, "KB"] : [bytes / 2 ** 20, "MB"];
  return `${size.toFixed(1)}\u00a0${unit}`;
}

// --- toasts ---------------------------------------------------------------------------------
function startToasts() {
  for (const toast of document.querySelectorAll(".toast[data-fades]:not([data-started])")) {
    toast.dataset.started = "true";
    const fade = () => (toast.matches(":hover, :focus-within") ? setTimeout(fade, 2000) : toast.remove());
    setTimeout(fade, TOAST_SECONDS * 1000);
  }
}

/** An error is about the action before: it leaves when the next one begins. What is read again by itself is none. */
function removeErrors() {
  for (const toast of document.querySelectorAll("#toasts .toast.tone-bad")) toast.remove();
}

function addToast(words) {
  const place = document.getElementById("toasts");
  const pattern = document.getElementById("toast-pattern");
  if (!place || !pattern || !words) return;
  const toast = pattern.content.firstElementChild.cloneNode(true);
  toast.querySelector(".toast-text").textContent = words;
  place.append(toast);
}

// --- fragments ------------------------------------------------------------------------------
document.addEventListener("htmx:beforeRequest", (event) => {
  if (event.detail.requestConfig.verb !== "get") removeErrors();
});
document.addEventListener("htmx:beforeSwap", (event) => {
  event.detail.xhr.receivedAtMs = Date.now();
});
document.addEventListener("htmx:afterSwap", (event) => {
  const fragment = event.detail.target;
  const stamped = fragment.closest?.("[data-server-now]:not(html)") ?? fragment.querySelector("[data-server-now]");
  if (stamped) measure(stamped.dataset.serverNow, event.detail.xhr?.receivedAtMs ?? Date.now());
});
document.addEventListener("htmx:load", (event) => prepare(event.detail.elt));
document.addEventListener("htmx:sendError", () => {
  allowSendingAgain();
  addToast(document.getElementById("toasts")?.dataset.unreachable);
});
document.addEventListener("htmx:responseError", (event) => {
  allowSendingAgain();
  const words = document.getElementById("toasts")?.dataset;
  addToast(event.detail.xhr.status === 403 ? words?.forbidden : words?.failed);
});

// --- charts ---------------------------------------------------------------------------------
let chartLibrary;
const charts = new Map();

function loadChartLibrary(address) {
  chartLibrary ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = address;
    script.onload = () => resolve(window.Chart);
    script.onerror = reject;
    document.head.append(script);
  });
  return chartLibrary;
}

async function drawChart(figure) {
  const data = JSON.parse(document.getElementById(figure.dataset.chart).textContent);
  const Chart = await loadChartLibrary(figure.dataset.chartJs);
  const canvas = figure.querySelector("canvas");
  charts.get(canvas)?.destroy();
  charts.set(canvas, new Chart(canvas, chartSettings(figure, data)));
}

function chartSettings(figure, data) {
  const style = getComputedStyle(figure.querySelector(".chart-foot"));
  const grid = { color: getComputedStyle(figure).borderTopColor, drawTicks: false };
  const ticks = { color: style.color, padding: 8, font: { family: style.fontFamily, size: 12 } };
  return {
    type: data.kind,
    data: { labels: data.labels, datasets: data.series.map((one, index) => dataset(figure, data.kind, one, index)) },
    options: {
      animation: false,
      maintainAspectRatio: false,
      interaction: { mode: "index", intersect: false },
      plugins: { legend: { display: false }, tooltip: { callbacks: { label: (item) => tooltip(item, data.unit) } } },
      scales: {
        x: { grid: { display: false }, border: { color: grid.color }, ticks: { ...ticks, maxRotation: 0, autoSkipPadding: 16 } },
        y: { beginAtZero: true, grid, border: { display: false }, ticks: { ...ticks, precision: 0, maxTicksLimit: 6 } },
      },
    },
  };
}

function dataset(figure, kind, one, index) {
  const color = getComputedStyle(figure.querySelectorAll(".chart-key")[index]).color;
  const isBar = kind === "bar";
  return {
    label: one.name,
    data: one.values,
    borderColor: color,
    backgroundColor: color,
    borderWidth: isBar ? 0 : 2,
    borderDash: one.isPrevious ? [5, 4] : [],
    borderRadius: isBar ? 3 : 0,
    maxBarThickness: 28,
    pointRadius: 0,
    pointHoverRadius: 4,
    tension: 0.25,
    order: one.isPrevious ? 1 : 0,
  };
}

const tooltip = (item, unit) => `${item.dataset.label}: ${item.parsed.y?.toLocaleString("en") ?? "—"} ${unit}`.trim();

function drawCharts(root = document) {
  const figures = [...root.querySelectorAll("[data-chart]")];
  if (root.matches?.("[data-chart]")) figures.push(root);
  for (const figure of figures) drawChart(figure).catch(() => showAsTable(figure));
}

function showAsTable(figure) {
  figure.querySelector(".chart-canvas").hidden = true;
  figure.querySelector("details").open = true;
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  for (const canvas of charts.keys()) if (!canvas.isConnected) charts.delete(canvas);
  drawCharts();
});

// --- start ----------------------------------------------------------------------------------
function prepare(root) {
  showCountdowns();
  addLocalTimes(root.parentElement ?? document);
  startToasts();
  showNewPicture();
  showNewFile();
  if (root !== document.body) drawCharts(root);
}

startClocks();
addLocalTimes();
startToasts();
drawCharts();
