// The list of big screens refreshes itself, but not while somebody is about to change something in it.
"use strict";

document.addEventListener("htmx:beforeSwap", (event) => {
  const answer = event.detail.xhr;
  if (answer.status === 401 || new URL(answer.responseURL || location.href).pathname === "/login") {
    event.detail.shouldSwap = false;
    location.reload();
    return;
  }
  const isBusy = document.querySelector("#screens details[open], #screens :focus") !== null;
  if (answer.status >= 400 || isBusy) event.detail.shouldSwap = false;
});
