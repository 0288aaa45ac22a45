"use strict";
// The screen. It draws the view the device sends and decides nothing: a touch is only handed in, and
// what follows is shown when the device says that it is stored. When the device falls silent, the
// page says so at once; it never keeps an invitation that nobody may be there to take.
const body = document.body, $ = (id) => document.getElementById(id);
const SILENCE_MS = Number(body.dataset.silenceMs), POLL_MS = Number(body.dataset.pollMs);
const GONE_MS = Math.max(2.5 * SILENCE_MS, 3 * POLL_MS); // silence after which nobody is there
const LATE_MS = 1.25 * SILENCE_MS; // a stream that is silent for longer is asked beside
const REFUSED_MS = 1500; // the same, when a question was refused too
const hasStream = body.dataset.stream === "yes";
const [lostTitle, lostSubtitle] = [...$("lost").content.children].map((one) => one.textContent);
let view = null, drawnFaces = "", heardMs = performance.now(), endsMs = Infinity;
let stream = null, isAsking = false, askedMs = 0, isRefused = false, isRenewing = false, touchedMs = -Infinity;

// --- hearing ---
function heard(told) {
  heardMs = performance.now();
  isRefused = false;
  if (told.start !== body.dataset.start) { anew(); return; }
  draw(told.view);
}
// The program was started anew: take its token. The page itself is loaded again only when it is another
// one: a browser whose page cannot be loaded at that moment shows its own error page for a minute.
async function anew() {
  if (isRenewing) return;
  isRenewing = true;
  lost();
  try {
    const answer = await fetch("./", { cache: "no-store" });
    if (!answer.ok) throw new Error(answer.status);
    const next = new DOMParser().parseFromString(await answer.text(), "text/html").body.dataset;
    if (next.edition !== body.dataset.edition) location.reload();
    else {
      body.dataset.token = next.token;
      body.dataset.start = next.start;
      ask();
    }
  } catch { isRefused = true; }
  isRenewing = false;
}
function listen() {
  if (!hasStream) return;
  stream = new EventSource("stream");
  stream.onmessage = (event) => heard(JSON.parse(event.data));
  stream.onerror = () => {
    stream.close();
    stream = null;
    ask();
    setTimeout(listen, POLL_MS);
  };
}
async function ask() {
  if (isAsking) return;
  isAsking = true;
  askedMs = performance.now();
  const patience = new AbortController(), timer = setTimeout(() => patience.abort(), GONE_MS);
  try {
    const answer = await fetch("view", { cache: "no-store", signal: patience.signal });
    if (!answer.ok) throw new Error(answer.status);
    heard(await answer.json());
  } catch { isRefused = true; }
  clearTimeout(timer);
  isAsking = false;
}
function tick() {
  const nowMs = performance.now(), silentMs = nowMs - heardMs;
  const mayAsk = !stream || silentMs > LATE_MS;
  if (mayAsk && nowMs - askedMs >= POLL_MS) ask();
  if (silentMs > GONE_MS || (isRefused && silentMs > REFUSED_MS)) lost();
  else if (nowMs > endsMs) lapse();
  else count(nowMs);
}

// --- drawing ---
function put(id, text) {
  const field = $(id);
  if (field.textContent !== text) field.textContent = text;
  field.hidden = !text;
}
function draw(next) {
  view = next;
  endsMs = next.remaining_ms === null ? Infinity : performance.now() + next.remaining_ms;
  document.documentElement.lang = next.language;
  scene(next.scene, next.title, next.subtitle);
  body.classList.toggle("blinking", next.is_blinking);
  body.classList.toggle("touch", next.can_touch);
  put("window", next.window);
  put("department", next.department);
  put("time", next.time);
  put("big-time", next.time);
  put("date", next.date);
  put("about", next.item);
  put("notice", next.notice);
  drawStaff(next.staff);
  drawFaces(next);
  $("countdown").hidden = next.remaining_ms === null;
  if (next.remaining_ms === null) { // leaves no trace of when, either
    put("seconds", "");
    $("bar").removeAttribute("style");
  }
  count(performance.now());
}
function scene(name, title, subtitle) {
  const isNew = body.dataset.scene !== name || $("title").textContent !== title;
  body.dataset.scene = name;
  put("title", title);
  put("subtitle", subtitle);
  if (isNew) $("live").textContent = `${title} ${subtitle}`;
}
function drawStaff(staff) {
  $("staff").hidden = !staff;
  if (!staff) return;
  put("staff-name", staff.name);
  put("staff-no", staff.number);
  const image = $("photo"), source = staff.photo && `photo/${encodeURIComponent(staff.photo)}`;
  if (source && image.getAttribute("src") !== source) image.setAttribute("src", source);
  if (!source) image.removeAttribute("src");
  image.hidden = !source;
  $("person").classList.toggle("off", !!source);
}
function drawFaces(next) {
  const wanted = JSON.stringify([next.faces, next.can_touch]);
  if (wanted === drawnFaces) return;
  drawnFaces = wanted;
  $("faces").hidden = !next.faces.length;
  $("faces").replaceChildren(...next.faces.map((face) => {
    const card = document.createElement(next.can_touch ? "button" : "div");
    card.className = `face ${face.mark}`;
    card.dataset.level = face.level;
    const drawing = $("drawn").content.querySelector(`[data-level="${face.level}"]`).cloneNode(true);
    drawing.setAttribute("aria-hidden", "true");
    const label = document.createElement("b"), note = document.createElement("small");
    label.textContent = face.label;
    note.textContent = face.note;
    card.append(drawing, label, ...(next.scene === "testing" ? [note] : []));
    if (next.can_touch) {
      card.type = "button";
      card.addEventListener("click", () => touch(face.level));
    }
    return card;
  }));
}
function count(nowMs) {
  if (!view || view.remaining_ms === null) return;
  const leftMs = Math.max(0, endsMs - nowMs);
  put("seconds", view.seconds.replace("{seconds}", Math.ceil(leftMs / 1000)));
  $("bar").style.setProperty("transform", `scaleX(${Math.min(1, leftMs / view.total_ms)})`);
}
function lapse() { // the time is over; what follows comes from the device
  endsMs = Infinity;
  if (view) draw({ ...view, scene: "wait", title: "", subtitle: "", item: "", faces: [], can_touch: false, remaining_ms: null });
  ask();
}
function lost() {
  endsMs = Infinity;
  if (body.dataset.scene === "lost") return;
  const none = { faces: [], can_touch: false, remaining_ms: null, is_blinking: false, notice: "", item: "", staff: null, time: "", date: "" };
  draw({ language: document.documentElement.lang, window: "", department: "", ...view, ...none, scene: "lost", title: lostTitle, subtitle: lostSubtitle });
  view = null;
}

// --- touching ---
function touch(level) {
  const nowMs = performance.now();
  if (nowMs - touchedMs < 1000) return; // one answer at a time
  touchedMs = nowMs;
  fetch("press", {
    method: "POST", headers: { "Content-Type": "application/json", "X-Yiping-Token": body.dataset.token }, body: JSON.stringify({ level }),
  }).then((answer) => { if (answer.status === 403) anew(); else if (!stream) ask(); }).catch(() => ask());
}

body.classList.toggle("framed", window.parent !== window); // in the demo, beside a mouse
document.addEventListener("contextmenu", (event) => event.preventDefault());
listen();
ask();
setInterval(tick, 200);
