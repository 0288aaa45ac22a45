// Closes an open menu by Escape, by a click elsewhere, or when the focus leaves it.
"use strict";

(() => {
  const menus = document.querySelectorAll("details[data-menu]");

  function closeOthers(target) {
    for (const menu of menus) if (menu.open && !menu.contains(target)) menu.open = false;
  }

  document.addEventListener("click", (event) => closeOthers(event.target));
  document.addEventListener("focusin", (event) => closeOthers(event.target));
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const menu of menus) {
      if (!menu.open) continue;
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  });
})();
