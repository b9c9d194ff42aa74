// SPDX-License-Identifier: 0BSD
// Lets a reader step through the recorded runs on a page.
"use strict";

const still = matchMedia("(prefers-reduced-motion: reduce)");

function make(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes))
    element.setAttribute(name, value);
  element.append(...children);
  return element;
}

function part(name, attributes, ...children) {
  return make("div", { class: `stepper-${name}`, ...attributes }, ...children);
}

// Scroll a box, not the page, until one of its parts can be seen.
function reveal(box, part) {
  const [outer, inner] = [box, part].map((e) => e.getBoundingClientRect());
  if (inner.top < outer.top || inner.bottom > outer.bottom)
    box.scrollBy({
      top: inner.top - outer.top - (outer.height - inner.height) / 2,
      behavior: still.matches ? "auto" : "smooth",
    });
}

// The state after a number of steps: all their changes, one over the other.
function state(steps, count) {
  const held = { t: {}, q: {}, s: {}, d: {} };
  for (const step of steps.slice(0, count))
    for (const part in held)
      for (const [key, value] of Object.entries(step[part]))
        if (value === null) delete held[part][key];
        else held[part][key] = value;
  return held;
}

// A program's listing once more, each line an element.
function listing(program) {
  const pre = document.querySelector(`.listing-${program} pre`);
  if (!pre) return [];
  const box = make("pre", { tabindex: 0 });
  for (const html of pre.innerHTML.replace(/\n$/, "").split("\n")) {
    const line = make("span", { class: "stepper-line" });
    line.innerHTML = html + "\n";
    box.append(line);
  }
  return [[program, box]];
}

function table(data, held, process) {
  const [, doing] = held.d[process];
  const title = make("caption", {}, make("b", {}, data.names[process]));
  if (doing) title.append(` ${doing}`);
  const result = make("table", {}, title);
  for (const [key, end] of Object.entries(held.t)) {
    const [owner, fd] = key.split(" ");
    if (owner == process)
      result.append(make("tr", {},
        make("th", { scope: "row" }, fd), make("td", {}, end)));
  }
  return result;
}

function start(run) {
  const data = JSON.parse(run.querySelector("script").textContent);
  const svg = run.querySelector("svg");
  const words = run.querySelectorAll("details li");
  const last = data.steps.length;
  const listings = [...new Set(data.programs)].filter(Boolean)
    .flatMap(listing);

  const slider = make("input", {
    type: "range", min: 0, max: last, value: 0, "aria-label": "Step",
  });
  const previous = make("button", { type: "button" }, "Previous");
  const next = make("button", { type: "button" }, "Next");
  const controls = part("controls", {
    role: "group", "aria-label": "Step through this run",
  }, previous, slider, next);
  const text = make("p", { class: "stepper-text", "aria-live": "polite" });
  const tables = part("tables");
  const queues = part("queues");
  const sources = part("sources", {}, ...listings.map(([program, box]) =>
    make("figure", { class: "highlight", "aria-label": `${program}.py` }, box)));
  const drawn = svg.parentNode;
  const held = part("state", {
    role: "group", tabindex: 0,
    "aria-label": "Descriptors, and bytes that wait",
  }, tables, queues);
  const view = part("view");
  drawn.replaceWith(controls, text, view, sources);
  view.append(drawn, held);

  function mark(held) {
    for (const line of sources.querySelectorAll("[data-at]"))
      line.removeAttribute("data-at");
    for (const process in held.d) {
      const line = lineOf(held, process);
      if (!line) continue;
      const at = line.dataset.at;
      line.dataset.at = (at ? `${at}, ` : "") + data.names[process];
    }
  }

  // The line at which a process is, where its program stands on the page.
  function lineOf(held, process) {
    const [number] = held.d[process];
    const found = listings.find(([name]) => name == data.programs[process]);
    return found?.[1].children[number - 1];
  }

  function show(count) {
    const now = state(data.steps, count);
    run.classList.toggle("stepper-on", count > 0);
    slider.value = count;
    previous.disabled = count == 0;
    next.disabled = count == last;
    text.textContent = count
      ? `${count} of ${last}. ${words[count - 1].textContent.trim()}`
      : `${last} steps. Move the slider, or press Next.`;
    const line = count && lineOf(now, data.steps[count - 1].p);
    if (line) {
      const copy = line.cloneNode(true);
      copy.querySelector(".linenos")?.remove();
      text.append(" ", make("code", {}, copy.textContent.trim()));
    }
    slider.setAttribute("aria-valuetext", text.textContent);
    tables.replaceChildren(...Object.keys(now.d)
      .filter((process) => now.d[process][1] != "is not there yet")
      .map((process) => table(data, now, process)));
    queues.replaceChildren(...Object.entries(now.q)
      .map(([place, bytes]) => make("p", {}, `Waiting ${place}: ${bytes}`)),
      ...Object.entries(now.s).sort().map(([end, name]) =>
        make("p", {}, `Without a descriptor: ${end} (${name})`)));
    mark(now);
    for (const row of svg.querySelectorAll(".stepper-now"))
      row.classList.remove("stepper-now");
    if (!count) return;
    const row = svg.querySelector(`[data-step="${count - 1}"]`);
    row.classList.add("stepper-now");
    reveal(drawn, row);
    if (line) reveal(line.parentNode, line);
  }

  previous.onclick = () => show(Number(slider.value) - 1);
  next.onclick = () => show(Number(slider.value) + 1);
  slider.oninput = () => show(Number(slider.value));
  svg.onclick = (event) => {
    const { step } = event.target.dataset;
    if (step) show(Number(step) + 1);
  };
  controls.onkeydown = (event) => {
    const way = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const count = event.key == "Escape" ? 0 : Number(slider.value) + way;
    if (event.target == slider && way || !(count >= 0 && count <= last)) return;
    event.preventDefault();
    show(count);
  };
  show(0);
}

// One at a time, when there is nothing else to do: a page has many.
const soon = self.requestIdleCallback ?? setTimeout;
for (const run of document.querySelectorAll(".recording-run"))
  soon(() => start(run));
