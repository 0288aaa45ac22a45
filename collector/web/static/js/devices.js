// Keeps the pages of devices as they were when a part of them is replaced: scrolled, opened, focused
// (the focus by htmx itself, because everything that can have it has an id).
"use strict";

(() => {
  const scrolled = new Map();
  const opened = new Set();

  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.xhr.status >= 400) {
      event.detail.shouldSwap = event.detail.target.id === "fate";
    }
    for (const box of document.querySelectorAll("[data-keep-scroll]")) scrolled.set(box.dataset.keepScroll, box.scrollLeft);
    opened.clear();
    for (const one of document.querySelectorAll("#devices-live details[open]")) opened.add(one.id);
  });

  document.addEventListener("htmx:afterSwap", () => {
    for (const box of document.querySelectorAll("[data-keep-scroll]")) box.scrollLeft = scrolled.get(box.dataset.keepScroll) || 0;
    for (const one of document.querySelectorAll("#devices-live details")) if (opened.has(one.id)) one.open = true;
  });
})();
