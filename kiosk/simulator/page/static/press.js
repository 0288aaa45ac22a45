"use strict";
// The press page. The mouse drives the mock pins; everything drawn is what the device's pins and
// snapshot say, asked for every 120 ms for the window on show and every second for the hall.
const hall = JSON.parse(document.getElementById("hall").textContent);
const token = document.querySelector('meta[name="token"]').content;
const $ = (id) => document.getElementById(id);
const VIEW_MS = 120, HALL_MS = 1000, LOG_LINES = 9;
const FACES = { 5: "M14 28q10 13 20 0", 4: "M15 30q9 7 18 0", 3: "M15 32h18", 2: "M15 34q9-7 18 0", 1: "M14 36q10-13 20 0" };
const STATES = {
  idle: ["空闲", "idle"], open: ["等待评价", "waiting for a press"], thanks: ["致谢", "thanking"],
  paused: ["暂停服务", "paused"], testing: ["按键自检", "self-test"], broken: ["故障", "fault"], starting: ["正在启动", "starting"],
};
const chips = new Map(), windows = new Map();
let english = localStorage.getItem("language") === "en";
let device = "", lastLine = null, misses = 0, arrived = false;

const t = (zh, en) => (english ? en || zh : zh);

function build() {
  for (const department of hall.departments) {
    const box = document.createElement("div");
    box.className = "department";
    const title = document.createElement("h3");
    const list = document.createElement("div");
    list.className = "chips";
    box.append(title, list);
    for (const place of department.windows) {
      const chip = document.createElement("button");
      chip.type = "button";
      chip.className = "chip";
      chip.textContent = place.label;
      chip.addEventListener("click", () => show(place.device));
      list.append(chip);
      chips.set(place.device, { chip, level: 0, rated: -1 });
      windows.set(place.device, { place, department });
    }
    department.box = box;
    department.title = title;
    $("departments").append(box);
  }
}

function speak() {
  document.documentElement.lang = english ? "en" : "zh-CN";
  $("language").textContent = english ? "中文" : "English";
  $("language").lang = english ? "zh-CN" : "en";
  $("search").placeholder = t("查找部门或窗口", "Find a department or window");
  for (const department of hall.departments) {
    department.title.textContent = t(department.name, department.name_en);
    for (const place of department.windows) chips.get(place.device).chip.title = t(place.name, place.name_en);
  }
  if (device) name();
  lastLine = null;
}

function find() {
  const wanted = $("search").value.trim().toLowerCase();
  let any = false;
  for (const department of hall.departments) {
    const whole = [department.name, department.name_en, department.id].join(" ").toLowerCase().includes(wanted);
    let some = false;
    for (const place of department.windows) {
      const hit = whole || [place.name, place.name_en, place.id, place.device].join(" ").toLowerCase().includes(wanted);
      chips.get(place.device).chip.hidden = !hit;
      some ||= hit;
    }
    department.box.hidden = !some;
    any ||= some;
  }
  $("nothing").hidden = any;
}

function name() {
  const { place, department } = windows.get(device);
  $("window-name").textContent = t(place.name, place.name_en);
  $("department-name").textContent = t(department.name, department.name_en);
  const link = $("window-page");
  link.hidden = !place.page;
  if (place.page) link.href = place.page;
  const address = `/screen/${english ? "en" : "zh-CN"}/${encodeURIComponent(device)}/`;
  if ($("screen").getAttribute("src") !== address) $("screen").setAttribute("src", address);
}

function show(wanted) {
  if (!windows.has(wanted) || wanted === device) return;
  releaseAll();
  if (device) chips.get(device).chip.setAttribute("aria-pressed", "false");
  device = wanted;

  const chip = chips.get(device).chip;
  chip.setAttribute("aria-pressed", "true");
  chip.scrollIntoView({ block: arrived ? "nearest" : "center" });
  arrived = true;
  history.replaceState(null, "", "#" + device);
  $("log").replaceChildren();
  lastLine = null;
  name();
  drawKeys();
  look();
}

function drawKeys() {
  $("keys").replaceChildren(...hall.panels[windows.get(device).place.panel].map((key) => {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "key";
    button.dataset.key = key.name;
    button.dataset.level = key.level;
    button.style.setProperty("--c", key.colour);
    button.innerHTML = `<span class="cap"><span class="lens"><svg viewBox="0 0 48 48" aria-hidden="true"><circle class="eye" cx="16" cy="18" r="3.2"/><circle class="eye" cx="32" cy="18" r="3.2"/><path d="${FACES[key.level]}"/></svg></span></span>`;
    const zh = document.createElement("b"), en = document.createElement("small");
    zh.textContent = key.zh;
    en.textContent = key.en;
    button.append(zh, en);
    wire(button);
    return button;
  }));
}

// --- pressing: down drives the pin low, up lets it go ---
const held = new Map();
let sending = Promise.resolve();

function send(body) { // in order, one after the other: a release never overtakes its press
  sending = sending.then(() => fetch("/api/key", {
    method: "POST", headers: { "Content-Type": "application/json", "X-Yiping-Token": token }, body: JSON.stringify(body),
  })).then((answer) => {
    if (answer.status === 403) location.reload(); // the demo was started anew: a new token
  }).catch(() => { misses += 1; });
}
function press(key) {
  if (held.has(key)) return;
  held.set(key, device);
  elementOf(key)?.classList.add("down");
  send({ device, key, down: true });
}
function release(key) {
  if (!held.has(key)) return;
  send({ device: held.get(key), key, down: false });
  held.delete(key);
  elementOf(key)?.classList.remove("down");
}
function releaseAll() { for (const key of [...held.keys()]) release(key); }
function elementOf(key) { return document.querySelector(`[data-key="${CSS.escape(key)}"]`); }
function wire(button) {
  button.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    button.setPointerCapture(event.pointerId);
    press(button.dataset.key);
  });
  for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) button.addEventListener(end, () => release(button.dataset.key));
  button.addEventListener("contextmenu", (event) => event.preventDefault());
}
function keyOf(event) {
  if (event.target.closest("input, a, .chip, nav")) return null;
  if (event.key === " ") return "clerk";
  if (event.key === "Enter") return event.target.dataset?.key ?? null;
  return document.querySelector(`.key[data-level="${/^[1-5]$/.test(event.key) ? event.key : 0}"]`)?.dataset.key ?? null;
}
document.addEventListener("keydown", (event) => {
  const key = event.ctrlKey || event.metaKey || event.altKey ? null : keyOf(event);
  if (!key) return;
  event.preventDefault();
  if (!event.repeat) press(key);
});
document.addEventListener("keyup", (event) => { const key = keyOf(event); if (key) { event.preventDefault(); release(key); } });
// the screen is a page of its own: keys that are pressed after it was touched are ours all the same
$("screen").addEventListener("load", () => {
  const inside = $("screen").contentWindow;
  for (const kind of ["keydown", "keyup"]) {
    inside.addEventListener(kind, (event) => {
      if (event.key === "Enter") return; // a face that has the focus is touched by it
      event.preventDefault();
      document.body.dispatchEvent(new KeyboardEvent(kind, { key: event.key, repeat: event.repeat, bubbles: true, cancelable: true }));
    });
  }
});
window.addEventListener("blur", releaseAll);
window.addEventListener("pagehide", releaseAll);

// --- looking ---
async function get(path) {
  const answer = await fetch(path, { cache: "no-store" });
  if (!answer.ok) throw new Error(answer.status);
  return answer.json();
}
async function look() {
  const wanted = device;
  if (!wanted || document.hidden) return;
  try {
    const seen = await get("/api/device/" + encodeURIComponent(wanted));
    misses = 0;
    if (wanted === device) draw(seen);
  } catch { misses += 1; }
  $("lost").hidden = misses < 4;
}
function fact(id, text, tone) { const field = $(id); field.textContent = text; field.className = tone || ""; }
function draw(seen) {

  for (const element of document.querySelectorAll("[data-light], .key")) {
    element.classList.toggle("lit", !!seen.lights[element.dataset.light || element.dataset.key]);
  }
  $("device").className = "device " + seen.state;
  fact("fact-device", device);
  fact("fact-state", t(...STATES[seen.state]), seen.state === "broken" ? "bad" : seen.state === "paused" ? "meh" : "");
  fact("fact-connected", seen.connected ? t("已连接", "connected") : t("未连接", "not connected"), seen.connected ? "good" : "meh");
  fact("fact-head", t(`${seen.head} 条`, `${seen.head} records`));
  fact("fact-stored", t(`${seen.stored} 条`, `${seen.stored} records`));
  const behind = seen.head - seen.stored;
  $("travel").firstElementChild.style.width = seen.head ? `${(100 * seen.stored) / seen.head}%` : "0%";
  $("travel-note").textContent = behind > 0 ? t(`${behind} 条在途`, `${behind} on the way`) : t("全部收妥", "everything received");
  if (seen.failure) $("travel-note").textContent = seen.failure;
  note(seen);
}
function note(seen) { // one line for each change a visitor would notice
  const line = `${seen.state}/${seen.last_level}/${seen.head}`;
  if (line === lastLine) return;
  const before = lastLine?.split("/");
  lastLine = line;
  if (!before || before[0] === seen.state && Number(before[2]) === seen.head) return;
  const key = seen.state === "thanks" && hall.panels[windows.get(device).place.panel].find((one) => one.level === seen.last_level);
  const text = key ? t(key.zh, key.en) : before[0] === seen.state ? t("按键已记录，不计入", "press recorded, not counted")
    : before[0] === "open" && seen.state === "idle" ? t("超时，未评价", "timed out, unrated") : t(...STATES[seen.state]);
  const item = document.createElement("li"), time = document.createElement("time"), mark = document.createElement("i"), what = document.createElement("span");
  if (key) mark.style.setProperty("--c", key.colour);
  time.textContent = seen.time;
  what.textContent = text;
  item.append(mark, time, what);
  $("log").prepend(item);
  while ($("log").children.length > LOG_LINES) $("log").lastElementChild.remove();
}
async function lookAtHall() {
  if (document.hidden) return;
  try {
    const seen = await get("/api/hall");
    const weekday = new Date(seen.on + "T12:00:00Z").toLocaleDateString(english ? "en-GB" : "zh-CN", { weekday: "short", timeZone: "UTC" });
    $("time").textContent = seen.time;
    $("day").textContent = `${seen.on} ${weekday}`;
    $("pace").textContent = seen.pace === 1 ? t("· 实时", "· real time") : seen.pace ? `· ×${seen.pace}` : t("· 快进", "· fast-forward");
    for (const [id, [state, level, rated]] of Object.entries(seen.devices)) {
      const mark = chips.get(id);
      if (!mark) continue;
      for (const one of ["open", "paused", "broken"]) mark.chip.classList.toggle(one, state === one);
      if (mark.rated >= 0 && rated > mark.rated && level) {
        mark.chip.style.setProperty("--flash", hall.colours[level]);
        mark.chip.classList.add("flash");
        setTimeout(() => mark.chip.classList.remove("flash"), 450);
      }
      mark.rated = rated;
    }
  } catch { misses += 1; }
}

build();
speak();
wire($("clerk"));
$("search").addEventListener("input", find);
$("language").addEventListener("click", () => { english = !english; localStorage.setItem("language", english ? "en" : "zh"); speak(); lookAtHall(); });
window.addEventListener("hashchange", () => show(location.hash.slice(1)));
show(windows.has(location.hash.slice(1)) ? location.hash.slice(1) : windows.keys().next().value);
setInterval(look, VIEW_MS);
setInterval(lookAtHall, HALL_MS);
lookAtHall();
