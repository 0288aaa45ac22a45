// The list of big screens refreshes itself, but not while somebody is about to change something in it.
"use strict";

document.addEventListener("htmx:beforeSwap", (event) => {
  const isBusy = document.querySelector("#screens details[open], #screens :focus") !== null;
  if (isBusy) event.detail.shouldSwap = false;
});
