"use strict";

// The step slider: all rows are there, and all are shown where no script runs or the page is printed.
const slider = document.getElementById("step");
const rows = [...document.querySelectorAll(".step")];
if (slider && rows.length > 1) {
  const show = () => {
    const row = rows[Number(slider.value)];
    rows.forEach((other) => { other.hidden = other !== row; });
    slider.setAttribute("aria-valuetext", row.dataset.said);
    document.getElementById("step-now").textContent = row.dataset.said;
  };
  document.getElementById("stepper").hidden = false;
  slider.addEventListener("input", show);
  show();
}

// Points of curves: their values on hover and on focus; arrow keys go from one to the next.
const tip = document.getElementById("tip");
const hide = () => { tip.hidden = true; };
const say = (point) => {
  tip.textContent = point.getAttribute("aria-label");
  tip.hidden = false;
  const at = point.getBoundingClientRect();
  const room = document.documentElement.clientWidth - tip.offsetWidth - 8;
  tip.style.left = `${Math.max(8, Math.min(at.left + at.width / 2 - tip.offsetWidth / 2, room))}px`;
  const above = at.top - tip.offsetHeight - 6;
  tip.style.top = `${above < 4 ? at.bottom + 6 : above}px`;
};
for (const point of document.querySelectorAll(".point")) {
  const title = point.querySelector("title");
  point.setAttribute("aria-label", title.textContent);
  title.remove();
  point.addEventListener("pointerenter", () => say(point));
  point.addEventListener("pointerleave", hide);
  point.addEventListener("focus", () => say(point));
  point.addEventListener("blur", hide);
}
const moves = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity };
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") hide();
  const point = event.target;
  if (!(event.key in moves) || !point.classList.contains("point")) return;
  const all = [...point.parentNode.children];
  const to = Math.max(0, Math.min(all.length - 1, all.indexOf(point) + moves[event.key]));
  all.forEach((other, i) => other.setAttribute("tabindex", i === to ? 0 : -1));
  all[to].focus();
  event.preventDefault();
});
addEventListener("scroll", hide, { passive: true });

// What is wider than its box can be scrolled by keyboard too.
const reach = () => {
  for (const box of document.querySelectorAll(".scroll")) {
    if (box.scrollWidth > box.clientWidth) box.setAttribute("tabindex", 0);
    else box.removeAttribute("tabindex");
  }
};
addEventListener("resize", reach);
reach();

// The section that is being read is marked in the navigation, and its name is kept in sight.
const links = new Map([...document.querySelectorAll("nav a")].map((a) => [a.hash.slice(1), a]));
const heads = [...links.keys()].map((id) => document.getElementById(id)).filter(Boolean);
const bar = document.querySelector("nav ul");
let marked = null;
const mark = () => {
  const line = bar.getBoundingClientRect().bottom + 40;
  const last = heads.filter((head) => head.getBoundingClientRect().top <= line).pop();
  const link = last ? links.get(last.id) : null;
  if (link === marked) return;
  if (marked) marked.removeAttribute("aria-current");
  marked = link;
  if (!link) return;
  link.setAttribute("aria-current", "true");
  bar.scrollLeft = link.offsetLeft - bar.offsetLeft - (bar.clientWidth - link.offsetWidth) / 2;
};
addEventListener("scroll", mark, { passive: true });
addEventListener("resize", mark);
mark();
