// Keeps the hall page at the present: a stream of events, or a question every two seconds.
"use strict";

(() => {
  const page = document.getElementById("hall");
  const list = document.getElementById("latest");
  const template = document.getElementById("latest-row");
  const isChinese = page.dataset.language === "zh-CN";
  const words = Object.fromEntries(
    [...document.querySelectorAll(".distribution tr[data-level]")].map((row) => [
      row.dataset.level,
      row.querySelector("th").lastChild.textContent.trim(),
    ]),
  );
  const MOST_ROWS = 12;
  const MOST_FRESH = 2; // with many presses a second the older rows must stay legible
  const POLL_MS = 2000;
  const SPREAD_MS = 1000; // all open pages hear of a press at once, and must not ask at once
  let position = Number(page.dataset.position);
  let polling = 0;

  function find(event, path) {
    return path.split(".").reduce((value, name) => value[name], event);
  }

  // Half up in whole numbers, as the server rounds: a floating-point product may end a digit off.
  function percent(rate, decimals) {
    if (!rate.base) return "—";
    const scale = 10 ** decimals;
    const units = Math.floor((200 * scale * rate.numerator + rate.base) / (2 * rate.base));
    return Math.floor(units / scale) + "." + String(units % scale).padStart(decimals, "0");
  }

  const formats = {
    count: (value) => value.toLocaleString("en-US"),
    // a satisfaction rate has the digits and the rounding of the hall's rule, which the server knows
    percent3: (rate) => rate.percent ?? "—",
    percent3sign: (rate) => (rate.percent === null ? "—" : rate.percent + " %"),
    percent2: (rate) => percent(rate, 2) + (rate.base ? " %" : ""),
    over: (rate) => rate.numerator.toLocaleString("en-US") + " / " + rate.base.toLocaleString("en-US"),
    open: (bad, element) => Math.max(bad - Number(element.dataset.followed), 0).toLocaleString("en-US"),
    away: (devices) => (devices.total - devices.online).toLocaleString("en-US"),
    short: (text) => text.slice(0, 10),
  };

  function show(state) {
    const live = document.querySelector("[data-live-state]");
    live.dataset.liveState = state;
    for (const word of live.querySelectorAll("[data-live-word]")) word.hidden = word.dataset.liveWord !== state;
  }

  function put(element, text) {
    if (element.textContent !== text) element.textContent = text;
  }

  function figures(event) {
    for (const element of document.querySelectorAll("[data-live]")) {
      put(element, formats[element.dataset.format](find(event, element.dataset.live), element));
    }
    const counts = event.figures.net;
    const isSome = event.figures.excluded.ratings > 0;
    for (const element of document.querySelectorAll("[data-live-excluded]")) element.hidden = !isSome;
    document.querySelector("[data-live-corrected]").classList.toggle("some", isSome);
    document.querySelector("[data-live-unit]").hidden = !counts.rate.base;
    for (const level of Object.keys(counts.levels)) {
      const share = { numerator: counts.levels[level], base: counts.rated };
      for (const bar of document.querySelectorAll(`[data-live-share="${level}"]`)) {
        bar.setAttribute("width", (share.numerator ? percent(share, 3) : "0") + "%");
      }
      put(document.querySelector(`[data-live-level-percent="${level}"]`), percent(share, 2) + (share.base ? " %" : ""));
    }
  }

  function row(rating) {
    const item = template.content.cloneNode(true).firstElementChild;
    item.dataset.position = rating.position;
    const chip = item.querySelector(".chip");
    chip.textContent = rating.level;
    chip.classList.add("l" + rating.level);
    item.querySelector(".latest-level").textContent = words[rating.level];
    item.querySelector("time").textContent = rating.clock_time;
    item.querySelector(".latest-record").href = "/records/at/" + rating.position;
    const link = item.querySelector(".latest-place a");
    link.textContent = isChinese ? rating.window.name : rating.window.name_en;
    if (rating.window.code) link.href = "/windows/" + encodeURIComponent(rating.window.code);
    item.querySelector(".latest-place span").textContent = isChinese ? rating.department.name : rating.department.name_en;
    item.classList.add("fresh");
    return item;
  }

  function ratings(event) {
    const fresh = event.latest.filter((rating) => rating.position > position);
    for (const rating of fresh.reverse()) list.prepend(row(rating));
    [...list.children].forEach((item, at) => at >= MOST_FRESH && item.classList.remove("fresh"));
    while (list.children.length > MOST_ROWS) list.lastElementChild.remove();
    document.getElementById("latest-empty").hidden = list.children.length > 0;
    position = Math.max(position, event.position, ...fresh.map((rating) => rating.position));
  }

  async function overview() {
    await new Promise((resolve) => setTimeout(resolve, Math.random() * SPREAD_MS));
    if (document.querySelector("#overview :focus")) return;
    const answer = await fetch(page.dataset.overview, { headers: { Accept: "text/html" } });
    if (!answer.ok || answer.redirected) return;
    const parsed = new DOMParser().parseFromString(await answer.text(), "text/html");
    document.getElementById("alarms").replaceWith(parsed.getElementById("alarms"));
    document.getElementById("overview").replaceChildren(...parsed.body.childNodes);
  }

  function apply(event) {
    if (event.on !== page.dataset.on) {
      location.reload(); // a new day has begun
      return;
    }
    ratings(event);
    figures(event);
    if (event.hours) {
      document.dispatchEvent(new CustomEvent("yiping:hours", { detail: event.hours }));
      overview().catch(() => show("off"));
    }
  }

  async function poll() {
    try {
      const answer = await fetch(page.dataset.poll + "?after=" + position);
      if (answer.status === 401) {
        location.reload();
        return;
      }
      if (!answer.ok) throw new Error(String(answer.status));
      apply(await answer.json());
      show("poll");
    } catch {
      show("off");
    }
  }

  function listen() {
    const source = new EventSource(page.dataset.stream + "?after=" + position);
    source.onopen = () => {
      show("on");
      clearInterval(polling);
      polling = 0;
    };
    source.onmessage = (message) => {
      show("on");
      apply(JSON.parse(message.data));
    };
    source.onerror = () => {
      if (source.readyState !== EventSource.CLOSED) {
        show("off"); // the browser connects again by itself
        return;
      }
      // refused: too many streams, or signed out; ask instead, and try the stream again later
      source.close();
      if (!polling) polling = setInterval(poll, POLL_MS);
      poll();
      setTimeout(listen, 30000);
    };
    addEventListener("pagehide", () => source.close(), { once: true });
  }

  listen();
})();
