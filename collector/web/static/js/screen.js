// The big screen: asks for the figures every few seconds, shows them, and says when they are old.
// Nothing is ever added to the page: it runs for weeks.
"use strict";

(() => {
  const page = document.body;
  const words = JSON.parse(page.dataset.words);
  const ASK_MS = 4000;
  const MOST_MS = 10000; // also after failures: a revoked screen shows no figure after ten seconds
  const PATIENCE_MS = 8000;
  const OLD_MS = 12000; // figures older than this are marked
  const PANEL_MS = 10000;
  const SHIFT_MS = 60000;
  const SHIFTS = 9;
  const RELOAD_HOUR = 4; // at night, so that nothing can pile up in the browser
  const LEAST_UP_MS = 6 * 3600000;
  const loadedAt = performance.now();
  let told = null;
  let askedAt = 0; // when the last answer came
  let failures = 0;
  let panel = -1;
  let department = 0;

  const one = (selector) => document.querySelector(selector);
  const all = (selector) => document.querySelectorAll(selector);
  const count = (number) => number.toLocaleString("en-US");
  const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_all, name) => values[name]);

  function put(element, text) {
    if (element && element.textContent !== text) element.textContent = text;
  }

  function attribute(element, name, value) {
    if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
  }

  // ---- the time of the hall, by the server's clock and not by that of this computer

  let formats = null;
  function inZone(ms) {
    if (!formats || formats.zone !== told.timezone) {
      const zone = { timeZone: told.timezone };
      formats = {
        zone: told.timezone,
        time: new Intl.DateTimeFormat("en-GB", { ...zone, hour: "2-digit", minute: "2-digit", second: "2-digit" }),
        date: new Intl.DateTimeFormat("zh-CN", { ...zone, month: "long", day: "numeric", weekday: "long" }),
        day: new Intl.DateTimeFormat("en-CA", { ...zone, year: "numeric", month: "2-digit", day: "2-digit" }),
      };
    }
    return { time: formats.time.format(ms), date: formats.date.format(ms), day: formats.day.format(ms) };
  }

  const present = () => told.now_ms + performance.now() - askedAt;

  function moment(ms) {
    const at = inZone(ms);
    return at.day === inZone(present()).day ? at.time : at.day.slice(5) + " " + at.time.slice(0, 5);
  }

  // ---- what is shown

  function state() {
    let [name, text] = ["loading", failures ? words.without : words.loading];
    if (told) {
      const values = { time: moment(told.now_ms) };
      [name, text] = ["live", words.updated];
      if (performance.now() - askedAt > OLD_MS) [name, text] = ["kept", words.kept];
      else if (!told.heard_ms) [name, text] = ["unheard", words.never_heard];
      else if (!told.is_heard) {
        [name, text] = ["unheard", words.unheard];
        values.time = moment(told.heard_ms);
      }
      text = text.map((part) => fill(part, values));
    }
    attribute(page, "data-state", name);
    put(one("[data-told]"), "isBilingual" in page.dataset ? text.join(" · ") : text[0]);
  }

  function tick() {
    if (told) {
      const at = inZone(present());
      put(one("[data-clock]"), at.time);
      put(one("[data-date]"), at.date);
    }
    state();
  }

  function rate(name, figures) {
    put(one(`[data-${name}-percent]`), figures ? figures.percent : "");
    put(one(`[data-${name}-numerator]`), figures ? count(figures.numerator) : "");
    put(one(`[data-${name}-base]`), figures ? count(figures.base) : "");
  }

  function hall() {
    for (const element of all("[data-hall]")) put(element, told.hall[element.dataset.hall]);
    rate("rate", told.rate);
    for (const element of all("[data-rate]")) element.hidden = !told.rate;
    for (const element of all("[data-few]")) element.hidden = Boolean(told.rate);
    for (const element of all("[data-few-text]")) {
      put(element, fill(words.few[element.dataset.fewText === "zh" ? 0 : 1], told));
    }
    put(one('[data-rule="zh"]'), told.rule.zh);
    put(one('[data-rule="name"]'), told.rule.name);
    const excluded = one("[data-excluded]");
    excluded.hidden = !told.excluded;
    put(excluded, told.excluded ? fill(words.excluded[0], { number: count(told.excluded) }) : "");
    rate("part", told.participation);
  }

  function levels() {
    if (!told.levels) return;
    for (const row of all("[data-level]")) {
      const number = told.levels[row.dataset.level];
      put(row.querySelector("[data-count]"), count(number));
      // one among thousands is still a mark
      const share = number ? Math.max((100 * number) / told.rated, 0.8) : 0;
      for (const bar of row.querySelectorAll("[data-bar]")) attribute(bar, "width", share.toFixed(2) + "%");
    }
  }

  function hours() {
    const [WIDE, HIGH, TOP] = [780, 480, 110];
    const most = Math.max(...told.hours.map((hour) => hour.rated || 0));
    const step = WIDE / told.hours.length;
    const peak = one("[data-hours-peak]");
    put(peak, most ? count(most) : "");
    for (const bar of all("[data-hour]")) {
      const at = told.hours.findIndex((hour) => hour.hour === Number(bar.dataset.hour));
      const word = one(`[data-hour-word="${bar.dataset.hour}"]`);
      const rated = at < 0 ? 0 : told.hours[at].rated;
      // too few to be told: a low mark without a figure
      const height = rated === null ? 10 : most ? (rated / most) * (HIGH - TOP) : 0;
      attribute(bar, "x", (at < 0 ? 0 : (at + 0.14) * step).toFixed(1));
      attribute(bar, "y", (HIGH - height).toFixed(1));
      attribute(bar, "width", at < 0 ? 0 : (0.72 * step).toFixed(1));
      attribute(bar, "height", height.toFixed(1));
      const isTold = at >= 0 && (at - 1) % 3 === 0;
      put(word, isTold ? String(told.hours[at].hour) : "");
      attribute(word, "x", at < 0 ? 0 : ((at + 0.5) * step).toFixed(1));
      if (most && rated === most) {
        const middle = Math.min(Math.max((at + 0.5) * step, 130), WIDE - 130);
        attribute(peak, "x", middle.toFixed(1));
        attribute(peak, "y", TOP - 16);
      }
    }
  }

  function departments() {
    const place = told.departments[Math.max(department, 0)];
    put(one("[data-departments-until]"), fill(words.departments_until[0], told));
    put(one("[data-department]"), place ? place.name : "");
    rate("department", place);
  }

  // ---- one panel after the other

  function offered() {
    const these = [];
    if (told.levels) these.push("levels");
    if (told.participation) these.push("participation");
    if (told.hours.some((hour) => hour.rated)) these.push("hours");
    if (!told.departments.length) return these.length ? these : ["quiet"];
    // a department after each of the others, for there are many
    return these.length ? these.flatMap((name) => [name, "departments"]) : ["departments"];
  }

  function turn(step) {
    const these = offered();
    panel = (panel + step + these.length) % these.length;
    if (step && these[panel] === "departments") department += 1;
    if (department >= told.departments.length) department = 0;
    departments();
    for (const element of all("[data-panel]")) element.hidden = element.dataset.panel !== these[panel];
  }

  function show(answer) {
    const isFirst = !told;
    told = answer;
    askedAt = performance.now();
    hall();
    levels();
    hours();
    if (isFirst) {
      panel = 0;
      department = -1;
    }
    turn(0);
    tick();
  }

  function blank() {
    told = null;
    one(".stage").remove();
  }

  function isDueToReload() {
    if (performance.now() - loadedAt < LEAST_UP_MS) return false;
    return Number(inZone(present()).time.slice(0, 2)) === RELOAD_HOUR;
  }

  // ---- asking

  async function ask() {
    try {
      const answer = await fetch(page.dataset.now, { cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) });
      if (!answer.ok) throw new Error(String(answer.status));
      const body = await answer.json();
      if (!body.is_paired) {
        blank();
        location.reload(); // shows a pairing code
        return;
      }
      failures = 0;
      show(body);
      const isChanged = body.build !== page.dataset.build || JSON.stringify(body.look) !== JSON.stringify(JSON.parse(page.dataset.look));
      if (isChanged || isDueToReload()) {
        location.reload(); // the server has just answered: it will again
        return;
      }
    } catch {
      failures += 1;
      state();
    }
    setTimeout(ask, Math.min(ASK_MS * 2 ** failures, MOST_MS) * (0.8 + 0.2 * Math.random()));
  }

  setInterval(tick, 1000);
  setInterval(() => {
    if (told) turn(1);
  }, PANEL_MS);
  // against burn-in: everything stands a little elsewhere each minute
  setInterval(() => attribute(page, "data-shift", (Number(page.dataset.shift) + 1) % SHIFTS), SHIFT_MS);
  state();
  ask();
})();
