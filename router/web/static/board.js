"use strict";
// Comfort only: every page works without it.

/** Renews the content of a live page while somebody looks at it and has nothing under their hands. */
function live(main) {
  const every = Number(main.dataset.live) * 1000;
  const regions = () => [...main.querySelectorAll(".scroll")];
  const busy = () => {
    const at = document.activeElement;
    return document.hidden || (main.contains(at) && at !== main && !regions().includes(at)) || String(getSelection()) !== "";
  };
  const renew = () => {
    const asked = new XMLHttpRequest();
    asked.responseType = "document"; // parsed, but nothing in it runs
    asked.timeout = every * 2;
    asked.onload = () => {
      const fresh = asked.status === 200 && asked.response && asked.response.getElementById("main");
      main.classList.toggle("stale", !(fresh && fresh.dataset.live));
      if (fresh && fresh.dataset.live && !busy()) show(fresh);
    };
    asked.onerror = asked.ontimeout = () => main.classList.add("stale");
    asked.open("GET", location.href);
    asked.send();
  };
  /** Puts the new content in the place of the old, with tables pushed sideways, and focus, as they were. */
  const show = (fresh) => {
    const pushed = regions().map((region) => region.scrollLeft);
    const focused = regions().indexOf(document.activeElement);
    main.replaceChildren(...fresh.childNodes);
    regions().forEach((region, at) => { region.scrollLeft = pushed[at] || 0; });
    if (regions()[focused]) regions()[focused].focus({ preventScroll: true });
  };
  setInterval(() => { if (!busy()) renew(); }, every);
}

/** Puts a box beside the buttons of a form that marks all boxes of its table. */
function choose(form) {
  const boxes = [...form.querySelectorAll("tbody input[type=checkbox]")];
  const label = document.createElement("label");
  const all = document.createElement("input");
  const told = () => {
    all.checked = boxes.every((one) => one.checked);
    all.indeterminate = !all.checked && boxes.some((one) => one.checked);
  };
  all.type = "checkbox";
  all.addEventListener("change", () => boxes.forEach((box) => { box.checked = all.checked; }));
  boxes.forEach((box) => box.addEventListener("change", told));
  label.append(all, " ", form.dataset.choose);
  form.querySelector(".actions").append(label);
  told();
}

document.querySelectorAll("main[data-live]").forEach(live);
document.querySelectorAll("form[data-choose]").forEach(choose);
