"use strict";
// The press page. The mouse drives the mock pins; everything drawn is what the device's pins and
// snapshot say, asked for every 120 ms for the window on show and every second for the hall.
const hall = JSON.parse(document.getElementById("hall").textContent);
const token = document.querySelector('meta[name="token"]').content;
const $ = (id) => document.getElementById(id);
const VIEW_MS = 120, HALL_MS = 1000, LOG_LINES = 9;
const HOLD_MS = 60; // the page is a finger: no edge follows another of its key sooner, else it would be taken for bounce
const FACES = { 5: "M14 28q10 13 20 0", 4: "M15 30q9 7 18 0", 3: "M15 32h18", 2: "M15 34q9-7 18 0", 1: "M14 36q10-13 20 0" };
const STATES = {
  idle: ["空闲", "idle"], open: ["等待评价", "waiting for a press"], thanks: ["致谢", "thanking"],
  paused: ["暂停服务", "paused"], testing: ["按键自检", "self-test"], broken: ["故障", "fault"], starting: ["正在启动", "starting"],
  off: ["断电", "switched off"],
};
const KINDS = { // record kind → line of the log; with reasons: see REASONS
  BOOT: ["启动", "started"], INVITED: ["邀请评价", "invited to rate"], PAUSED: ["暂停服务", "paused"], RESUMED: ["恢复服务", "resumed"],
  SIGNIN: ["工作人员签到", "a clerk signed in"], SIGNOUT: ["工作人员签退", "a clerk signed out"], TEST: ["自检：该键正常", "self-test: the key works"],
  CLOCK: ["时钟已校正", "clock set"], SETTINGS: ["新设置生效", "new settings in force"], DAYCLOSE: ["当日结账", "day closed"],
  IGNORED: ["按键已记录，不计入", "press recorded, not counted"], UNRATED: ["未评价", "unrated"], FAULT: ["故障", "fault"],
};
const REASONS = {
  "no-session": ["没有邀请", "no invitation"], "already-rated": ["已评价过", "already rated"], paused: ["暂停服务", "service paused"],
  "too-soon": ["距上次太近", "too soon after the last"], held: ["启动前已按住", "held since before the start"], closed: ["不在服务时间", "outside opening hours"],
  testing: ["正在自检", "self-test"], timeout: ["超时", "timed out"], superseded: ["有新的邀请", "a new invitation came"], interrupted: ["中断", "interrupted"],
  "stuck-button": ["按键卡住", "a key is stuck"], "chattering-button": ["按键抖动", "a key chatters"], "held-at-start": ["启动时按键已按住", "a key was held at the start"],
  "test-failed": ["自检时该键没有按下", "self-test: the key was not pressed"], storage: ["曾无法保存", "nothing could be stored"], "disk-low": ["磁盘空间偏少", "disk space is low"],
  "disk-short": ["磁盘空间不足", "disk space is short"], "volatile-storage": ["日志不在永久存储上", "the journal is not on lasting storage"],
  "journal-damaged": ["日志损坏", "the journal was damaged"], "reader-lost": ["读卡器断开", "the badge reader is gone"],
};
const NOTES = { // under the device
  off: ["这台设备断电：屏幕熄灭，按键无反应。", "This device has no power: its screen is dark, its keys do nothing."],
  own: ["您操作过的窗口按真实时间运行，停手 45 秒后跟上大厅", "A window you operate runs in real time; 45 s after your last key it catches up with the hall"],
};
const chips = new Map(), windows = new Map();
let english = localStorage.getItem("language") === "en";
let device = "", last = null, log = [], misses = 0, arrived = false;

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
      chip.addEventListener("click", (event) => { show(place.device); if (event.detail) chip.blur(); }); // after a click the keyboard is the device's
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
  if (device) { name(); look(); }
  drawLog();
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
  last = null;
  log = [];
  drawLog();
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
const turned = new Map(); // device and key → when the server last took an edge of it
let sending = Promise.resolve(), isLeaving = false;

function send(body) { // in order, one after the other: a release never overtakes its press
  const name = `${body.device}/${body.key}`;
  sending = sending.then(async () => {
    const rest_ms = (turned.get(name) ?? -HOLD_MS) + HOLD_MS - performance.now();
    if (rest_ms > 0 && !isLeaving) await new Promise((done) => setTimeout(done, rest_ms));
    const answer = await fetch("/api/key", {
      method: "POST", headers: { "Content-Type": "application/json", "X-Yiping-Token": token }, body: JSON.stringify(body), keepalive: isLeaving,
    });
    turned.set(name, performance.now());
    if (answer.status === 403) location.reload(); // the demo was started anew: a new token
  }).catch(() => { misses += 1; }).then(() => {
    if (!body.down && !held.has(body.key)) elementOf(body.key)?.classList.remove("down");
  });
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
window.addEventListener("pagehide", () => { isLeaving = true; releaseAll(); }); // nobody is left to wait
window.addEventListener("pageshow", () => { isLeaving = false; });

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
  fact("fact-state", t(...STATES[seen.state]), seen.state === "broken" || seen.state === "off" ? "bad" : seen.state === "paused" ? "meh" : "");
  fact("fact-connected", seen.connected ? t("已连接", "connected") : t("未连接", "not connected"), seen.connected ? "good" : "meh");
  fact("fact-head", t(`${seen.head} 条`, `${seen.head} records`));
  fact("fact-stored", t(`${seen.stored} 条`, `${seen.stored} records`));
  const behind = seen.head - seen.stored;
  $("travel").firstElementChild.style.width = seen.head ? `${(100 * seen.stored) / seen.head}%` : "0%";
  $("travel-note").textContent = behind > 0 ? t(`${behind} 条在途`, `${behind} on the way`) : t("全部收妥", "everything received");
  if (seen.failure) $("travel-note").textContent = seen.failure;
  const under = NOTES[seen.state === "off" ? "off" : seen.is_touched ? "own" : ""];
  $("under").textContent = under ? t(...under) : "";
  note(seen);
}
function note(seen) { // one line for each record, and for what leaves no record
  const before = last, top = seen.newest.at(-1)?.seq ?? 0;
  last = { state: seen.state, seq: top };
  if (!before) return;
  const isOn = before.state === "off" && seen.state !== "off"; // a new boot: all it wrote is new
  const fresh = seen.newest.filter((record) => isOn || record.seq > before.seq);
  const rated = fresh.findLast((record) => record.kind === "RATED");
  for (const record of fresh) add({ ...record, time: seen.time, state: seen.state, level: record === rated && record.is_thanked ? seen.last_level : 0, device });
  const isSilent = seen.state === "off" || seen.state === "broken" && !fresh.length;
  if (isSilent && seen.state !== before.state) add({ kind: "", time: seen.time, state: seen.state, device });
}
function add(entry) {
  log = [entry, ...log].slice(0, LOG_LINES);
  drawLog();
}
function keyOfEntry(entry) { return entry.level ? hall.panels[windows.get(entry.device).place.panel].find((key) => key.level === entry.level) : null; }
function words(entry) {
  if (entry.kind === "RATED") {
    if (!entry.is_thanked) return t("已保存并计入，但未致谢", "stored and counted, but not thanked");
    const key = keyOfEntry(entry);
    return key ? t(key.zh, key.en) : t("已评价", "rated");
  }
  if (!entry.kind || entry.kind === "PAUSED" && entry.state === "testing") return t(...STATES[entry.state]);
  const kind = KINDS[entry.kind] ?? [entry.kind, entry.kind];
  const reason = REASONS[entry.reason] ?? [entry.reason, entry.reason];
  return entry.reason ? t(`${kind[0]}：${reason[0]}`, `${kind[1]}: ${reason[1]}`) : t(...kind);
}
function drawLog() {
  $("log").replaceChildren(...log.map((entry) => {
    const item = document.createElement("li"), time = document.createElement("time"), mark = document.createElement("i"), what = document.createElement("span");
    const key = keyOfEntry(entry);
    if (key) mark.style.setProperty("--c", key.colour);
    time.textContent = entry.time;
    what.textContent = words(entry);
    item.append(mark, time, what);
    return item;
  }));
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
      for (const one of ["open", "paused", "broken", "off"]) mark.chip.classList.toggle(one, state === one);
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
$("language").addEventListener("click", () => { english = !english; localStorage.setItem("language", english ? "en" : "zh"); speak(); lookAtHall(); $("language").blur(); }); // space is the clerk's key
window.addEventListener("hashchange", () => show(location.hash.slice(1)));
show(windows.has(location.hash.slice(1)) ? location.hash.slice(1) : windows.keys().next().value);
setInterval(look, VIEW_MS);
setInterval(lookAtHall, HALL_MS);
lookAtHall();
