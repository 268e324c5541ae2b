"use strict";
// Comfort only: every page works without it.

/** Renews the content of a live page while somebody looks at it and has nothing under their hands. */
function live(main) {
  const every = Number(main.dataset.live) * 1000;
  const busy = () => document.hidden || main.contains(document.activeElement) || String(getSelection()) !== "";
  const renew = () => {
    const asked = new XMLHttpRequest();
    asked.responseType = "document"; // parsed, but nothing in it runs
    asked.onload = () => {
      const fresh = asked.status === 200 && asked.response && asked.response.getElementById("main");
      if (fresh && fresh.dataset.live && !busy()) main.replaceChildren(...fresh.childNodes);
    };
    asked.open("GET", location.href);
    asked.send();
  };
  setInterval(() => { if (!busy()) renew(); }, every);
}

/** Puts a box above a column of boxes that marks them all. */
function choose(table) {
  const boxes = [...table.querySelectorAll("tbody input[type=checkbox]")];
  const all = document.createElement("input");
  all.type = "checkbox";
  all.setAttribute("aria-label", "Choose all");
  all.addEventListener("change", () => boxes.forEach((box) => { box.checked = all.checked; }));
  boxes.forEach((box) => box.addEventListener("change", () => {
    all.checked = boxes.every((one) => one.checked);
    all.indeterminate = !all.checked && boxes.some((one) => one.checked);
  }));
  table.querySelector("thead th").append(all);
}

document.querySelectorAll("main[data-live]").forEach(live);
document.querySelectorAll("table[data-choose]").forEach(choose);
