// Waits until somebody has typed this screen's code, or the code is no longer good.
"use strict";

(() => {
  const page = document.body;
  const off = document.querySelector(".pairing-off");
  const ASK_MS = 3000;
  const MOST_MS = 15000;
  const PATIENCE_MS = 8000;
  const endsAt = performance.now() + Number(page.dataset.leftS) * 1000;
  let failures = 0;

  async function ask() {
    try {
      const answer = await fetch(page.dataset.now, { cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) });
      if (answer.ok) {
        const told = await answer.json();
        // only now, while the server answers: a page that fails to load would stay what it is
        if (told.is_paired || performance.now() >= endsAt) {
          location.reload();
          return;
        }
      } else if (answer.status !== 503) throw new Error(String(answer.status));
      else if (page.dataset.isWaiting === "yes") {
        location.reload(); // paired, and there is no ledger yet: the screen says so itself
        return;
      }
      failures = 0;
    } catch {
      failures += 1;
    }
    off.hidden = failures < 2;
    setTimeout(ask, Math.min(ASK_MS * 2 ** failures, MOST_MS) * (0.8 + 0.2 * Math.random()));
  }

  setTimeout(ask, ASK_MS);
})();
