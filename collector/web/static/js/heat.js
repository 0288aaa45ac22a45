// Shades a map of hours by number of ratings or by rate; both numbers are in its cells anyway.
"use strict";

(() => {
  for (const choice of document.querySelectorAll("[data-heat-choice]")) {
    const card = choice.closest(".heat-card");
    const table = card.querySelector("[data-heat]");
    if (!table) continue;
    choice.hidden = false;
    choice.addEventListener("click", (event) => {
      const by = event.target.dataset.heatBy;
      if (!by) return;
      table.dataset.heat = by;
      for (const button of choice.querySelectorAll("button")) button.setAttribute("aria-pressed", String(button.dataset.heatBy === by));
      for (const legend of card.querySelectorAll("[data-heat-legend]")) legend.hidden = legend.dataset.heatLegend !== by;
    });
  }
})();
