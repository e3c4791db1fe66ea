"use strict";
/* The page reads itself again while the training goes on; what was open stays open. */

const $ = (id) => document.getElementById(id);
const SECONDS = 5, QUIET = 60; // between two readings; without news, before it says so
const runs = document.body.dataset.runs === "yes";
const written = Number(document.body.dataset.written);
const before = new URLSearchParams(location.hash.slice(1));
let paused = before.has("paused");

function place() { // of the reader, for the next reading
  const link = new URLSearchParams();
  const open = [...document.querySelectorAll("details[open]")].map((d) => d.id);
  if (open.length) link.set("open", open.join("."));
  if (paused) link.set("paused", "");
  const focused = document.activeElement;
  const id = focused && (focused.id || (focused.tagName === "SUMMARY" && focused.parentElement.id));
  if (id) link.set("at", id);
  link.set("y", Math.round(scrollY));
  return "#" + link;
}

function again() {
  history.replaceState(null, "", place());
  location.reload();
}

function say() {
  const age = Math.max(0, Math.round(Date.now() / 1000 - written));
  const ago = age < 60 ? `${age} s` : age < 3600 ? `${Math.round(age / 60)} min` : `${Math.round(age / 3600)} h`;
  $("age").textContent = `written ${ago} ago` + (runs && age > QUIET
    ? ": no news, so the training stands still or was killed" : "");
  $("pause").textContent = paused ? "go on" : "pause";
  $("pause").setAttribute("aria-pressed", paused);
}

for (const id of (before.get("open") || "").split("."))
  if ($(id) instanceof HTMLDetailsElement) $(id).open = true;
if (before.has("y")) scrollTo(0, Number(before.get("y")));
const at = before.get("at") && $(before.get("at"));
if (at) (at.querySelector("summary") || at).focus({ preventScroll: true });
if (runs) {
  $("pause").hidden = false;
  $("pause").onclick = () => { paused = !paused; say(); };
  setInterval(() => {
    say();
    if (!paused && !document.hidden && performance.now() > 1000 * SECONDS) again();
  }, 1000);
}
say();
document.body.dataset.ready = "";
