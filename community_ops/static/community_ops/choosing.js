// Long lists of check boxes, for operators and on the phone: all of them with one tap, and a word that narrows the list.

let isStarted = false;

/** Once a page, whoever of its scripts asks. */
export function startChoosing() {
  if (isStarted) return;
  isStarted = true;
  // Before anybody else hears of the change: a preview asks with all boxes as they are then.
  document.addEventListener("change", (event) => {
    const every = event.target.closest("[data-select-all]");
    if (every) for (const one of boxesOf(every.dataset.selectAll)) one.checked = every.checked;
    else if (event.target.type === "checkbox") showWhetherAll(event.target.name);
  }, true);
  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target.matches?.("[data-narrow]")) event.preventDefault(); // sends no form
  });
  document.addEventListener("input", (event) => {
    if (event.target.matches("[data-narrow]")) narrow(event.target);
  });
  window.addEventListener("pageshow", showAll);
  for (const tools of document.querySelectorAll("[data-choose-many], [data-tick-all]")) tools.hidden = false;
  showAll();
}

/** The boxes of this name that are to be seen. */
function boxesOf(name) {
  const boxes = document.querySelectorAll(`input[type=checkbox][name="${CSS.escape(name)}"]`);
  return [...boxes].filter((one) => !one.closest("[hidden]"));
}

function showAll() {
  for (const every of document.querySelectorAll("[data-select-all]")) showWhetherAll(every.dataset.selectAll);
}

function showWhetherAll(name) {
  const every = document.querySelector(`[data-select-all="${CSS.escape(name)}"]`);
  const boxes = boxesOf(name);
  if (every) every.checked = boxes.length > 0 && boxes.every((one) => one.checked);
}

/** Only the boxes whose words hold what was typed; what is ticked stays to be seen. */
function narrow(search) {
  const wanted = search.value.trim().toLowerCase();
  const name = search.dataset.narrow;
  for (const one of document.querySelectorAll(`input[type=checkbox][name="${CSS.escape(name)}"]`)) {
    const label = one.closest("label");
    label.parentElement.hidden = !one.checked && !label.textContent.toLowerCase().includes(wanted);
  }
  showWhetherAll(name);
}
