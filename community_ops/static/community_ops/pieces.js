// Small behaviours that both the operator's and the members' pages use.

/** Copy `data-copy` or the text of the element `data-copy-from` names; the button says so for two seconds. */
export async function copyFrom(button) {
  const source = button.dataset.copyFrom && document.querySelector(button.dataset.copyFrom);
  const text = source ? (source.value ?? source.innerText) : button.dataset.copy;
  const isCopied = await write(text ?? "");
  say(button, isCopied ? button.dataset.copied : button.dataset.notCopied);
}

async function write(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return writeByCommand(text); // http without TLS, and browsers inside chat apps
  }
}

function writeByCommand(text) {
  const field = document.createElement("textarea");
  field.value = text;
  field.readOnly = true;
  field.className = "visually-hidden";
  document.body.append(field);
  field.select();
  const isCopied = document.execCommand("copy");
  field.remove();
  return isCopied;
}

function say(button, words) {
  const label = button.querySelector("[data-copy-label]") ?? button;
  if (!words || label.dataset.before) return;
  label.dataset.before = label.textContent;
  label.textContent = words;
  label.setAttribute("aria-live", "polite");
  setTimeout(() => {
    label.textContent = label.dataset.before;
    delete label.dataset.before;
  }, 2000);
}

/** A form marked data-once cannot be sent twice by an impatient thumb. */
export function sendOnce(event) {
  const form = event.target;
  if (!form.matches("[data-once]") || form.method === "dialog") return;
  if (form.dataset.sent) {
    event.preventDefault();
    event.stopImmediatePropagation();
  }
  form.dataset.sent = "true";
  for (const button of form.querySelectorAll("button[type=submit]")) button.setAttribute("aria-disabled", "true");
}

/** Coming back to a page from the browser's memory makes its forms usable again. */
export function allowSendingAgain() {
  for (const form of document.querySelectorAll("form[data-sent]")) {
    delete form.dataset.sent;
    for (const button of form.querySelectorAll("button[aria-disabled]")) button.removeAttribute("aria-disabled");
  }
}

/** Write times marked data-local additionally in the reader's own zone, as a tooltip. */
export function addLocalTimes(root = document) {
  const format = new Intl.DateTimeFormat(document.documentElement.lang, {
    month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", timeZoneName: "short",
  });
  for (const element of root.querySelectorAll("time[data-local]:not([title])")) {
    const at = new Date(element.dateTime);
    if (!Number.isNaN(at.getTime())) element.title = format.format(at);
  }
}
