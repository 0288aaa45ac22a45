// A field that hides the rows of a table that do not hold what is typed.
"use strict";

(() => {
  for (const field of document.querySelectorAll("[data-filter]")) {
    const rows = document.querySelectorAll("#" + field.dataset.filter + " tbody tr");
    const empty = document.querySelector("[data-filter-empty]");
    field.hidden = false;
    field.addEventListener("input", () => {
      const wanted = field.value.trim().toLowerCase();
      let found = 0;
      for (const row of rows) {
        const names = [...row.querySelectorAll(".c-place, .c-department")].map((cell) => cell.textContent);
        row.hidden = !names.join(" ").toLowerCase().includes(wanted);
        if (!row.hidden) found += 1;
      }
      empty.hidden = found > 0 || rows.length === 0;
    });
  }
})();
