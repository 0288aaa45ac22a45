// A button that copies the text of an element.
"use strict";

(() => {
  for (const button of document.querySelectorAll("[data-copy]")) {
    const source = document.getElementById(button.dataset.copy);
    const word = button.textContent;
    button.hidden = false;
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(source.textContent);
      } catch {
        // without HTTPS there is no clipboard: select it, Ctrl+C does the rest
        getSelection().selectAllChildren(source);
        return;
      }
      button.textContent = button.dataset.copied;
      setTimeout(() => (button.textContent = word), 2000);
    });
  }
})();
