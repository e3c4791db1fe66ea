"use strict";
/* The interactive page of one record: what is folded decides what is laid out, the step what is lit. */

const $ = (id) => document.getElementById(id);
const G = JSON.parse($("data").textContent);
const node = new Map(G.nodes.map((n) => [n.id, n]));
const usersOf = new Map(), inputsOf = new Map();
for (const e of G.edges) {
  if (!usersOf.has(e.from)) usersOf.set(e.from, []);
  if (!inputsOf.has(e.to)) inputsOf.set(e.to, []);
  usersOf.get(e.from).push(e);
  inputsOf.get(e.to).push(e);
}
for (const list of inputsOf.values()) list.sort((a, b) => a.slot - b.slot);
const MOST = 700; // boxes that can be laid out in good time
const READABLE = 0.75; // the scale from which on the text of a box can be read
const STUBS = 3; // a parameter of so many users is drawn again beside each

/* --- steps: the whole graph, then forward, then backward ---------------------------------------- */

const steps = [{ way: "whole" }];
for (const id of G.forward) steps.push({ way: "forward", id });
for (const id of G.backward) steps.push({ way: "backward", id });
const place = new Map(); // "forward n3" -> number of the step
steps.forEach((s, i) => s.id && place.set(`${s.way} ${s.id}`, i));

const state = { closed: new Set(), step: 0, selected: null, query: "", cost: "" };

function readLink() {
  const link = new URLSearchParams(location.hash.slice(1));
  state.step = Math.min(Math.max(0, parseInt(link.get("t") || "0", 10) || 0), steps.length - 1);
  state.selected = node.has(link.get("sel")) ? link.get("sel") : null;
  showCost(link.has("t") ? link.get("cost") : G.cost && G.costs.length ? G.costs[0][0] : "");
  const closed = link.get("closed");
  state.closed = new Set();
  if (closed === null) for (const g of G.closed) state.closed.add(g);
  else for (const g of closed.split(".")) if (g && G.groups[+g]) state.closed.add(+g);
}

function writeLink() {
  const link = new URLSearchParams();
  link.set("t", state.step);
  link.set("closed", [...state.closed].sort((a, b) => a - b).join("."));
  if (state.selected) link.set("sel", state.selected);
  if (state.cost) link.set("cost", state.cost);
  try {
    history.replaceState(null, "", "#" + link);
  } catch (error) { // in the frame of a notebook, which has no address of its own
    if (error.name !== "SecurityError") throw error;
  }
}

/* --- what is visible ---------------------------------------------------------------------------- */

function outermostClosed(group) {
  let found = -1;
  for (let g = group; g >= 0; g = G.groups[g].parent) if (state.closed.has(g)) found = g;
  return found;
}

function boxOf(id) {
  const g = outermostClosed(node.get(id).group);
  return g >= 0 ? "g" + g : id;
}

function visible() {
  const boxes = new Map(), arrows = new Map();
  for (const n of G.nodes) {
    const id = boxOf(n.id);
    if (!boxes.has(id)) {
      const g = id[0] === "g" ? +id.slice(1) : -1;
      boxes.set(id, { id, members: [], group: g >= 0 ? G.groups[g].parent : n.group,
                      box: g >= 0 ? G.groups[g].box : n.box });
    }
    boxes.get(id).members.push(n.id);
  }
  for (const e of G.edges) {
    const tail = boxOf(e.from), head = boxOf(e.to);
    if (tail === head) continue;
    const key = tail + ">" + head;
    const arrow = arrows.get(key) || { tail, head, of: tail, count: 0, gradient: false, edges: [] };
    arrow.count += head === e.to ? 1 : 0;
    arrow.gradient = arrow.gradient || e.gradient;
    arrow.edges.push(e);
    arrows.set(key, arrow);
  }
  const fan = new Map();
  for (const a of arrows.values()) fan.set(a.tail, (fan.get(a.tail) || 0) + 1);
  const seen = new Map();
  for (const a of arrows.values()) {
    const tail = boxes.get(a.tail);
    if (!["param", "buffer", "const"].includes(tail.box.kind) || fan.get(a.tail) < STUBS) continue;
    const times = (seen.get(a.tail) || 0) + 1;
    seen.set(a.tail, times);
    if (times === 1) continue;
    const stub = { id: `${tail.id}_${times}`, members: tail.members, group: boxes.get(a.head).group,
                   box: { ...tail.box, title: tail.box.title + " (again)", lines: [] }, again: true };
    boxes.set(stub.id, stub);
    a.tail = stub.id;
  }
  return { boxes, arrows: [...arrows.values()] };
}

/* --- layout: DOT, drawn by Graphviz in the page ------------------------------------------------- */

const html = (s) => s.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;")
  .replace(/"/g, "&quot;") || " ";
const quoted = (s) => '"' + s.replace(/[\0-\x1f\x7f]/g, " ").replace(/&/g, "&amp;").replace(/\\/g, "\\\\").replace(/"/g, '\\"') + '"';

function fillOf(view) {
  const look = G.looks[view.box.kind];
  if (!state.cost) return look.fill;
  const share = view.again ? 0 : costOf(view.members) / (highestCost || 1);
  return G.heat[Math.min(G.heat.length - 1, Math.ceil(share * (G.heat.length - 1)))];
}

const pen = document.createElement("canvas").getContext("2d");

function width(text, font) { // in the browser's own faces, which Graphviz does not know
  pen.font = font;
  return Math.ceil(pen.measureText(text).width) + 2;
}

function label(view) {
  const cost = costLine(view), lines = cost ? [...view.box.lines, ["cost", cost]] : view.box.lines;
  const room = Math.max(width(view.box.title, "bold 13px Helvetica, Arial, sans-serif"),
    ...lines.map((line) => width(line[1], "bold 10px Courier, monospace")));
  const rows = [`<TR><TD WIDTH="${room}"><B>${html(view.box.title)}</B></TD></TR>`];
  for (const [role, text] of lines) {
    const inside = ["warning", "change", "cost"].includes(role) ? `<B>${html(text)}</B>` : html(text);
    rows.push(`<TR><TD><FONT FACE="Courier" POINT-SIZE="10" COLOR="${G.roles[role]}">${inside}</FONT></TD></TR>`);
  }
  return `<<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="1">${rows.join("")}</TABLE>>`;
}

function dot(view) {
  const out = [
    `digraph g { graph [bgcolor=transparent fontname="Helvetica" fontsize=11 nodesep=0.3 ranksep=0.4 pad=0.1 class="dls-graph"]`,
    `node [fontname="Helvetica" fontsize=13 fontcolor="${G.ink}" margin="0.09,0.04" height=0.3 style="rounded,filled" shape=box]`,
    `edge [color="${G.wire}" arrowsize=0.7 fontname="Helvetica" fontsize=10 fontcolor="${G.quiet}"]`,
  ];
  const inside = new Map(), below = new Map();
  for (const v of view.boxes.values()) {
    if (!inside.has(v.group)) inside.set(v.group, []);
    inside.get(v.group).push(v);
    for (let g = v.group; g >= 0; g = G.groups[g].parent) {
      const up = G.groups[g].parent;
      if (!below.has(up)) below.set(up, new Set());
      below.get(up).add(g);
    }
  }
  const work = [[-1, false, 0]];
  while (work.length) {
    const [g, closing, depth] = work.pop();
    if (closing) { out.push("}"); continue; }
    if (g >= 0) {
      out.push(`subgraph cluster_${g} { graph [id="c${g}" label=${quoted(G.groups[g].label)} labeljust=l ` +
        `style="rounded,filled" fillcolor="${G.ground[Math.min(depth, G.ground.length) - 1]}" ` +
        `color="${G.frame}" fontcolor="${G.quiet}"]`);
      work.push([g, true, depth]);
    }
    for (const v of inside.get(g) || []) {
      const look = G.looks[v.box.kind];
      out.push(`${quoted(v.id)} [id=${quoted("b" + v.id)} fillcolor="${fillOf(v)}" color="${look.line}" ` +
        `${v.again ? 'style="filled,dashed"' : ""} ${["loss", "output"].includes(v.box.kind) ? "penwidth=2" : ""} ` +
        `${v.box.kind === "param" ? "peripheries=2 style=filled" : ""} label=${label(v)}]`);
    }
    for (const below_g of below.get(g) || []) work.push([below_g, false, depth + 1]);
  }
  view.arrows.forEach((a, i) => out.push(`${quoted(a.tail)} -> ${quoted(a.head)} [id="e${i}" ` +
    `${a.gradient ? "" : "style=dashed"} ${a.count > 1 ? `label="×${a.count}"` : ""}]`));
  return out.join("\n") + "}";
}

/* --- costs -------------------------------------------------------------------------------------- */

let highestCost = 0;
const costOf = (ids, cost) => ids.reduce((sum, id) => sum + (node.get(id)[cost || state.cost] || 0), 0);
const totals = new Map(G.costs.map(([cost]) => [cost, costOf([...node.keys()], cost)]));

function costText(x, cost) {
  if (cost.startsWith("seconds"))
    return x >= 1 ? `${x.toPrecision(3)} s` : x >= 1e-3 ? `${(x * 1e3).toPrecision(3)} ms` : `${(x * 1e6).toPrecision(3)} us`;
  const unit = cost === "bytes" ? "B" : "FLOP";
  for (const [size, word] of [[1e9, "G"], [1e6, "M"], [1e3, "k"]])
    if (x >= size) return `${(x / size).toPrecision(3)} ${word}${unit}`;
  return `${x} ${unit}`;
}

function costWords(x, cost = state.cost) { // with its share of the whole
  const share = 100 * x / totals.get(cost);
  const words = share >= 10 ? share.toFixed(0) : share >= 0.01 ? share.toPrecision(2) : "< 0.01";
  return `${costText(x, cost)}, ${words} %`;
}

function costLine(v) { // of a box; a stub of a parameter costs nothing again
  const cost = state.cost && !v.again && costOf(v.members);
  return cost ? costWords(cost) : "";
}

function listCosts() { // of what is drawn, the largest first: what the colours say, in words
  const out = $("costs");
  out.replaceChildren();
  if (!state.cost) return;
  out.append(element("h2", `${G.costs.find(([cost]) => cost === state.cost)[1]}: ` +
    `${costText(totals.get(state.cost), state.cost)} in all`));
  const drawn = [...view.boxes.values()].filter((v) => !v.again && costOf(v.members));
  drawn.sort((a, b) => costOf(b.members) - costOf(a.members));
  for (const v of drawn.slice(0, 10)) {
    const place = v.group >= 0 ? `${G.groups[v.group].label} / ` : "";
    const button = element("button", `${place}${v.box.title}: ${costLine(v)}`, { class: "cost" });
    button.addEventListener("click", () => v.element && (reveal(v.element), v.element.focus()));
    out.append(button);
  }
  if (drawn.length > 10) out.append(element("p", `and ${drawn.length - 10} more`));
}

function showCost(cost) {
  state.cost = totals.has(cost) ? cost : "";
  $("cost").value = state.cost;
}

/* --- drawing ------------------------------------------------------------------------------------ */

let graphviz = null, view = null, svg = null, drawing = 0;
const zoom = { k: 1, x: 0, y: 0 };
const NS = "http://www.w3.org/2000/svg";

async function engine() {
  if (graphviz) return graphviz;
  const bytes = Uint8Array.from(atob($("engine").textContent), (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  const script = document.createElement("script");
  script.textContent = await new Response(stream).text();
  document.head.append(script);
  graphviz = await Viz.instance();
  return graphviz;
}

async function draw(fit) {
  const mine = ++drawing;
  const program = await engine();
  if (mine !== drawing) return;
  view = visible();
  if (view.boxes.size > MOST) {
    say(`${view.boxes.size} boxes are more than can be drawn: some modules stay folded.`);
    for (const [i, g] of G.groups.entries()) if (g.parent < 0) state.closed.add(i);
    view = visible();
  }
  highestCost = state.cost ? Math.max(...[...view.boxes.values()].map((v) => v.again ? 0 : costOf(v.members))) : 0;
  const before = anchor();
  const drawn = program.renderSVGElement(dot(view));
  drawn.querySelectorAll("title").forEach((t) => t.remove());
  drawn.querySelectorAll("a").forEach((a) => a.replaceWith(...a.childNodes));
  drawn.setAttribute("class", "dls-graph");
  drawn.setAttribute("role", "group");
  drawn.setAttribute("aria-label", "computation graph");
  for (const side of ["width", "height"])
    drawn.setAttribute(side, (parseFloat(drawn.getAttribute(side)) * 4) / 3);
  $("stage").replaceChildren(drawn);
  svg = drawn;
  for (const v of view.boxes.values()) dress(v);
  for (const cluster of svg.querySelectorAll(".cluster")) {
    const g = +cluster.id.slice(1);
    press(cluster, `fold module ${G.groups[g].label}`, () => { state.closed.add(g); change("bg" + g); });
  }
  if (fit || !before) fitView(); else keepInPlace(before);
  listCosts();
  paint();
  document.body.dataset.ready = "1";
}

function press(element, text, action) {
  element.setAttribute("tabindex", "0");
  element.setAttribute("role", "button");
  element.setAttribute("aria-label", text);
  element.addEventListener("click", (event) => { event.stopPropagation(); if (!moved) action(); });
  element.addEventListener("keydown", (event) => {
    if (event.key === "Enter" || event.key === " ") { event.preventDefault(); event.stopPropagation(); action(); }
  });
}

function dress(v) {
  const element = document.getElementById("b" + v.id);
  if (!element) return;
  v.element = element;
  const folded = v.box.kind === "group";
  const text = [v.box.title, ...v.box.lines.map((line) => line[1]), costLine(v)].filter(Boolean).join(", ");
  press(element, folded ? `unfold module ${text}` : text, () => {
    if (folded) { state.closed.delete(+v.id.slice(1)); change(`c${v.id.slice(1)}`); } else select(v.members[0]);
  });
  if (v.members.some((id) => flagged.has(id))) badge(element, "!");
}

function badge(element, text) {
  const box = element.getBBox(), mark = document.createElementNS(NS, "text");
  mark.setAttribute("class", "badge");
  mark.setAttribute("x", box.x + box.width - 9);
  mark.setAttribute("y", box.y + 12);
  mark.textContent = text;
  element.append(mark);
}

function change(focus, fit = false) { // a new drawing has new elements: who was in the old one stays in the graph
  const before = document.activeElement, id = focus || ($("stage").contains(before) && before.id);
  writeLink();
  draw(fit).then(() => { if (id) (document.getElementById(id) || $("stage")).focus(); });
}

/* --- zoom and pan ------------------------------------------------------------------------------- */

function placeSvg() { svg.style.transform = `translate(${zoom.x}px,${zoom.y}px) scale(${zoom.k})`; }

function fitView() {
  const room = $("stage").getBoundingClientRect();
  const w = parseFloat(svg.getAttribute("width")), h = parseFloat(svg.getAttribute("height"));
  zoom.k = Math.min(1.4, Math.max(0.02, 0.97 * Math.min(room.width / w, room.height / h)));
  zoom.x = (room.width - w * zoom.k) / 2;
  zoom.y = Math.max(4, (room.height - h * zoom.k) / 2);
  placeSvg();
}

function zoomBy(factor, x, y) {
  const room = $("stage").getBoundingClientRect();
  if (x === undefined) { x = room.width / 2; y = room.height / 2; }
  factor = Math.min(8, Math.max(0.02, zoom.k * factor)) / zoom.k;
  zoom.x = x - (x - zoom.x) * factor;
  zoom.y = y - (y - zoom.y) * factor;
  zoom.k *= factor;
  placeSvg();
}

function anchor() { // where something drawn before and after stands, so that the eye keeps its place
  if (!svg || !view) return null;
  const room = $("stage").getBoundingClientRect();
  for (const element of svg.querySelectorAll(".node")) {
    const r = element.getBoundingClientRect();
    if (r.left >= room.left && r.top >= room.top && r.right <= room.right && r.bottom <= room.bottom)
      return { id: element.id, x: r.left, y: r.top };
  }
  return null;
}

function keepInPlace(before) {
  placeSvg();
  const element = document.getElementById(before.id);
  if (!element) { fitView(); return; }
  const r = element.getBoundingClientRect();
  zoom.x += before.x - r.left;
  zoom.y += before.y - r.top;
  placeSvg();
}

function approach() { // a link to a step: near enough to read what it says
  const id = state.selected || steps[state.step].id, v = id && view.boxes.get(boxOf(id));
  if (!v || !v.element) return;
  if (zoom.k < READABLE) zoomBy(READABLE / zoom.k);
  centre(v.element);
}

function reveal(element) {
  const room = $("stage").getBoundingClientRect(), r = element.getBoundingClientRect();
  const inside = r.left >= room.left && r.right <= room.right && r.top >= room.top && r.bottom <= room.bottom;
  if (!inside) centre(element);
}

function centre(element) {
  const room = $("stage").getBoundingClientRect(), r = element.getBoundingClientRect();
  zoom.x += room.left + room.width / 2 - (r.left + r.width / 2);
  zoom.y += room.top + room.height / 2 - (r.top + r.height / 2);
  placeSvg();
}

/* --- what the step and the selection light up --------------------------------------------------- */

function arrivedBy(step) { // shares of gradients that have come: "to from" -> how many
  const come = new Map();
  for (let i = 1; i <= step; i++)
    if (steps[i].way === "backward")
      for (const { to, share } of given(steps[i].id)) {
        if (!come.has(to)) come.set(to, []);
        come.get(to).push(share);
      }
  return come;
}

const gives = new Map(); // what each operation gave in backward
for (const n of G.nodes)
  for (const share of (n.bwd && n.bwd.contributions) || []) {
    if (!gives.has(share.from)) gives.set(share.from, []);
    gives.get(share.from).push({ to: n.id, share });
  }
const given = (id) => gives.get(id) || [];

function paint() {
  const step = steps[state.step], done = new Set(), lit = new Set();
  if (step.way !== "whole") {
    for (const n of G.nodes) if (!n.op) done.add(n.id);
    const end = step.way === "forward" ? state.step : G.forward.length;
    for (let i = 1; i <= end; i++) done.add(steps[i].id);
  }
  if (step.way === "backward") for (const { to } of given(step.id)) lit.add(`${to}>${step.id}`);
  const hits = new Set(found());
  const hit = boxesOf(hits), now = step.id ? boxOf(step.id) : null;
  const chosen = state.selected ? boxOf(state.selected) : null;
  svg.querySelectorAll(".ring").forEach((ring) => ring.remove());
  for (const v of view.boxes.values()) {
    if (!v.element) continue;
    v.element.classList.toggle("dim", step.way !== "whole" && !v.members.some((id) => done.has(id)));
    if (v.id === now) ring(v.element, step.way, 5);
    if (v.id === chosen) ring(v.element, "selected", 2);
    if (hit.has(v.id)) ring(v.element, "hit", 8);
  }
  view.arrows.forEach((a, i) => {
    const element = document.getElementById("e" + i);
    if (element) element.classList.toggle("lit", a.edges.some((e) => lit.has(`${e.from}>${e.to}`)));
  });
  $("step").value = state.step;
  describe(step);
  details(state.selected || step.id);
}

const boxesOf = (ids) => new Set([...ids].map(boxOf));

function ring(element, kind, room) {
  const box = element.getBBox(), rect = document.createElementNS(NS, "rect");
  rect.setAttribute("class", "ring " + kind);
  rect.setAttribute("x", box.x - room);
  rect.setAttribute("y", box.y - room);
  rect.setAttribute("width", box.width + 2 * room);
  rect.setAttribute("height", box.height + 2 * room);
  rect.setAttribute("rx", 6);
  element.append(rect);
}

function say(text) { $("says").textContent = text; }

function describe(step) {
  if (step.way === "whole") {
    say(`The whole graph: ${G.forward.length} steps forward, ${G.backward.length} backward.`);
    return;
  }
  const n = node.get(step.id), of = step.way === "forward" ? G.forward.length : G.backward.length;
  const at = step.way === "forward" ? state.step : state.step - G.forward.length;
  const folded = boxOf(step.id) === step.id ? "" : ` (inside ${G.groups[+boxOf(step.id).slice(1)].label}, folded)`;
  say(`${step.way} ${at} of ${of}: ${nameOf(n)}${folded}`);
  if ($("step").getAttribute("aria-valuetext") !== $("says").textContent)
    $("step").setAttribute("aria-valuetext", $("says").textContent);
}

/* --- details: formula, numbers, gradient -------------------------------------------------------- */

const nameOf = (n) => (n.name && n.op ? `${n.name} = ${n.op}` : n.name || n.op || n.box.title);

function element(tag, text, attributes) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  for (const [key, value] of Object.entries(attributes || {})) made.setAttribute(key, value);
  return made;
}

function short(x) { // one number
  x = typeof x === "string" ? Number(x) : x;
  if (typeof x === "boolean" || Number.isInteger(x)) return String(x);
  return Number.isFinite(x) ? String(parseFloat(x.toPrecision(4))) : String(x);
}

function nested(items, shape) {
  for (const length of [...shape].reverse()) {
    const rows = [];
    for (let i = 0; i < items.length; i += length) rows.push(`[${items.slice(i, i + length).join(" ")}]`);
    items = rows;
  }
  return items.join(" ");
}

function array(s, shape, most) {
  if (!s) return null;
  if (s.size === 0) return "empty";
  if (s.sample.length === s.size && s.size <= (most || 12)) return nested(s.sample.map(short), shape || []);
  const parts = [];
  if (s.mean !== null) parts.push(`mean ${short(s.mean)}, std ${short(s.std)}, from ${short(s.min)} to ${short(s.max)}`);
  if (s.nan) parts.push(`${s.nan} NaN`);
  if (s.inf) parts.push(`${s.inf} infinite`);
  if (s.zeros) parts.push(`${s.zeros} of ${s.size} are 0`);
  return parts.join(", ");
}

function withNumbers(formula, values) { // the formula with the numbers in it, where they are short
  let used = false;
  const text = formula.replace(/dL\/d[A-Za-z]\w*|[A-Za-z]\w*/g, (word) => {
    if (values[word] === undefined || values[word] === null) return word;
    used = true;
    return values[word].startsWith("-") ? `(${values[word]})` : values[word];
  });
  return used ? text : "";
}

function valuesFor(n) { // of the letters in the op's formula
  const found = {};
  const brief = (s, shape) => (s && s.sample.length === s.size && s.size <= 6 ? array(s, shape) : null);
  for (const e of inputsOf.get(n.id) || []) {
    const x = node.get(e.from), letter = n.operands[Math.min(e.slot, n.operands.length - 1)];
    if (!letter) continue;
    found[letter] = brief(x.fwd, x.shape);
    const share = ((x.bwd && x.bwd.contributions) || []).find((s) => s.from === n.id);
    if (share) found["dL/d" + letter] = brief(share.values, x.shape);
  }
  found.y = brief(n.fwd, n.shape);
  found["dL/dy"] = n.bwd ? brief(n.bwd.values, n.shape) : null;
  return found;
}

function row(table, head, value) {
  if (value === null || value === undefined || value === "") return;
  const tr = element("tr");
  tr.append(element("th", head, { scope: "row" }));
  const td = element("td");
  if (value instanceof Node) td.append(value); else td.textContent = value;
  tr.append(td);
  table.append(tr);
}

function jump(id) {
  const n = node.get(id), button = element("button", nameOf(n));
  button.addEventListener("click", () => select(id, true));
  return button;
}

function details(id) {
  const out = $("details");
  out.replaceChildren();
  if (!id) { out.append(element("p", "Select a box, or step with the arrow keys.", { class: "keys" })); return; }
  const n = node.get(id), step = steps[state.step];
  out.append(element("h2", nameOf(n)));
  if (n.failed) out.append(element("pre", n.failed));
  if (n.change) out.append(element("p", n.change));
  const table = element("table");
  row(table, "module", groupPath(n.group));
  row(table, "shape", n.shape === null ? "not kept" : `(${n.shape.join(", ")}) ${n.dtype}`);
  row(table, "made at", n.src);
  row(table, "value", array(n.fwd, n.shape));
  if (n.bwd) row(table, "gradient", !n.bwd.computed ? "not computed" :
    n.bwd.values ? `${array(n.bwd.values, n.shape)}${n.bwd.values.size > 1 ? `, norm ${short(n.bwd.values.norm)}` : ""}` : "not kept");
  row(table, "saved for backward", n.saved.join(", "));
  for (const [key, words] of G.costs) if (n[key]) row(table, words, costWords(n[key], key));
  row(table, "check", n.check);
  out.append(table);
  if (n.formula) formula(out, n);
  if (n.bwd && n.bwd.contributions.length) arrivals(out, n);
  if (n.op && step.way === "backward" && step.id === id) gifts(out, n);
  related(out, "made from", (inputsOf.get(id) || []).map((e) => e.from));
  related(out, "used by", (usersOf.get(id) || []).map((e) => e.to));
}

function formula(out, n) {
  const [forward, ...back] = n.formula.split(/\s{2,}(?=dL)/);
  const values = valuesFor(n);
  out.append(element("h3", "forward"), element("pre", forward));
  const numbers = withNumbers(forward, values);
  if (numbers) out.append(element("pre", numbers, { class: "number" }));
  if (!back.length) return;
  out.append(element("h3", "backward"), element("pre", back.join("\n")));
  const more = withNumbers(back.join("\n"), values);
  if (more) out.append(element("pre", more, { class: "number" }));
}

function summedText(share, to) {
  if (!share.summed_from) return "";
  const shape = to.shape || [], lead = share.summed_from.length - shape.length;
  const axes = share.summed_from.map((_, i) => i).filter((i) => i < lead || shape[i - lead] !== share.summed_from[i]);
  return `sum over axis ${axes.join(", ")}: (${share.summed_from.join(", ")}) to (${shape.join(", ")})`;
}

function shareText(share, to) {
  return array(share.values, to.shape) || (share.norm === null ? "not kept" : `norm ${short(share.norm)}`);
}

function arrivals(out, n) {
  const come = steps[state.step].way === "backward" ? (arrivedBy(state.step).get(n.id) || []).length :
    n.bwd.contributions.length;
  out.append(element("h3", `its gradient: ${come} of ${n.bwd.contributions.length} arrived`));
  n.bwd.contributions.slice(0, 40).forEach((share, i) => {
    const waiting = i >= come ? "(later) " : "";
    const sum = summedText(share, n);
    if (sum) out.append(element("pre", waiting + sum));
    out.append(element("pre", `${waiting}grad += ${shareText(share, n)}    from ${nameOf(node.get(share.from))}`));
  });
  if (n.bwd.contributions.length > 40) out.append(element("p", `and ${n.bwd.contributions.length - 40} more`));
}

function gifts(out, n) {
  out.append(element("h3", "this step gives"));
  if (!given(n.id).length) out.append(element("p", "nothing that was kept"));
  for (const { to, share } of given(n.id)) {
    const x = node.get(to), sum = summedText(share, x);
    if (sum) out.append(element("pre", sum));
    out.append(element("pre", `grad of ${x.name || x.op || x.box.title} += ${shareText(share, x)}`));
  }
}

function related(out, head, ids) {
  if (!ids.length) return;
  out.append(element("h3", head));
  for (const id of [...new Set(ids)].slice(0, 12)) out.append(jump(id), " ");
}

function groupPath(group) {
  const parts = [];
  for (let g = group; g >= 0; g = G.groups[g].parent) parts.unshift(G.groups[g].label);
  return parts.join(" / ");
}

/* --- flags, outline, search --------------------------------------------------------------------- */

const flagged = new Set(G.flags.map((f) => f.node));

function listFlags() {
  for (const f of G.flags.slice(0, 30)) {
    const button = element("button", undefined, { class: "flag" });
    button.append(element("span", "!", { class: "icon", "aria-hidden": "true" }), f.text);
    button.addEventListener("click", () => select(f.node, true));
    $("flags").append(button);
  }
  if (G.flags.length > 30) $("flags").append(element("p", `and ${G.flags.length - 30} more`));
  for (const text of G.notes) $("flags").append(element("p", text));
}

function outline() {
  const lists = new Map([[-1, element("ul")]]);
  const listOf = (g) => {
    const missing = [];
    for (; !lists.has(g); g = G.groups[g].parent) missing.unshift(g);
    for (const m of missing) {
      const item = element("li"), details = element("details"), list = element("ul");
      details.append(element("summary", G.groups[m].label), list);
      item.append(details);
      lists.get(G.groups[m].parent).append(item);
      lists.set(m, list);
    }
  };
  for (const n of G.nodes.slice(0, 3000)) {
    listOf(n.group);
    const item = element("li"), button = element("button", `${nameOf(n)} ${n.shape === null ? "" : `(${n.shape.join(", ")})`}`);
    button.addEventListener("click", () => select(n.id, true));
    item.append(button);
    lists.get(n.group).append(item);
  }
  $("outline").append(lists.get(-1));
}

function found() {
  const words = state.query.toLowerCase();
  if (!words) return [];
  return G.nodes.filter((n) => `${n.name} ${n.op} (${(n.shape || []).join(", ")}) ${groupPath(n.group)}`
    .toLowerCase().includes(words)).map((n) => n.id);
}

let hitNumber = -1;
function nextHit() {
  const hits = found();
  if (!hits.length) { say(`Nothing is called ${JSON.stringify(state.query)}.`); return; }
  hitNumber = (hitNumber + 1) % hits.length;
  select(hits[hitNumber], true).then(() => say(`hit ${hitNumber + 1} of ${hits.length}: ${nameOf(node.get(hits[hitNumber]))}`));
}

/* --- what the reader does ----------------------------------------------------------------------- */

async function select(id, unfold) {
  state.selected = id;
  if (unfold) {
    let opened = false;
    for (let g = node.get(id).group; g >= 0; g = G.groups[g].parent) opened = state.closed.delete(g) || opened;
    if (opened) await draw(false);
  }
  writeLink();
  paint();
  const v = view.boxes.get(boxOf(id));
  if (v && v.element) reveal(v.element);
}

function go(step) {
  state.step = Math.min(Math.max(0, step), steps.length - 1);
  state.selected = null;
  writeLink();
  if (!svg) return;
  paint();
  const id = steps[state.step].id, v = id && view.boxes.get(boxOf(id));
  if (v && v.element) reveal(v.element);
}

let playing = 0;
function play() {
  if (playing) { clearInterval(playing); playing = 0; }
  else {
    if (state.step === steps.length - 1) go(0);
    playing = setInterval(() => { go(state.step + 1); if (state.step === steps.length - 1) play(); }, 900);
  }
  $("play").setAttribute("aria-pressed", String(Boolean(playing)));
  $("play").textContent = playing ? "pause" : "play";
}

function foldAll(fold) {
  const before = state.closed;
  state.closed = new Set(fold ? G.groups.keys() : []);
  const boxes = visible().boxes.size;
  if (!fold && boxes > MOST) {
    state.closed = before;
    say(`${boxes} boxes are more than can be drawn: unfold modules one by one.`);
  } else change("", true);
}

let moved = false, drag = null;
const stage = $("stage");
stage.addEventListener("wheel", (event) => {
  event.preventDefault();
  const room = stage.getBoundingClientRect();
  zoomBy(Math.exp(-event.deltaY * 0.0015), event.clientX - room.left, event.clientY - room.top);
}, { passive: false });
const fingers = new Map();
stage.addEventListener("pointerdown", (event) => {
  fingers.set(event.pointerId, event);
  drag = { x: event.clientX - zoom.x, y: event.clientY - zoom.y, from: event };
  moved = false;
});
addEventListener("pointermove", (event) => {
  if (!drag || !svg) return;
  if (fingers.size === 2 && fingers.has(event.pointerId)) {
    const [a, b] = [...fingers.values()], before = Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY);
    fingers.set(event.pointerId, event);
    const [c, d] = [...fingers.values()], room = stage.getBoundingClientRect();
    zoomBy(Math.hypot(c.clientX - d.clientX, c.clientY - d.clientY) / (before || 1),
      (c.clientX + d.clientX) / 2 - room.left, (c.clientY + d.clientY) / 2 - room.top);
    moved = true;
    return;
  }
  if (Math.hypot(event.clientX - drag.from.clientX, event.clientY - drag.from.clientY) < 4) return;
  moved = true;
  zoom.x = event.clientX - drag.x;
  zoom.y = event.clientY - drag.y;
  placeSvg();
});
for (const end of ["pointerup", "pointercancel"])
  addEventListener(end, (event) => { fingers.delete(event.pointerId); drag = null; });

const keys = {
  ArrowRight: () => go(state.step + 1), ArrowLeft: () => go(state.step - 1),
  Home: () => go(0), End: () => go(steps.length - 1), p: play, f: fitView,
  "+": () => zoomBy(1.25), "=": () => zoomBy(1.25), "-": () => zoomBy(0.8),
  c: () => foldAll(true), e: () => foldAll(false), "/": () => $("query").focus(),
  Escape: () => { if (document.activeElement === $("query")) $("stage").focus(); state.selected = null; state.query = $("query").value = ""; writeLink(); paint(); },
};
addEventListener("keydown", (event) => {
  const field = event.target.matches("input[type=search], select");
  if (event.ctrlKey || event.metaKey || event.altKey || (field && event.key !== "Escape")) return;
  if (event.target.matches("input[type=range]") && event.key.startsWith("Arrow")) return;
  const action = keys[event.key];
  if (!action || !svg) return;
  event.preventDefault();
  action();
});

const clicks = { first: () => go(0), back: () => go(state.step - 1), on: () => go(state.step + 1), play,
  collapse: () => foldAll(true), expand: () => foldAll(false), smaller: () => zoomBy(0.8),
  larger: () => zoomBy(1.25), fit: fitView,
  theme: () => setTheme(document.documentElement.dataset.theme === "dark" ? "light" : "dark") };
for (const [id, action] of Object.entries(clicks)) $(id).addEventListener("click", action);
$("step").max = steps.length - 1;
$("step").addEventListener("input", (event) => go(+event.target.value));
$("query").addEventListener("input", (event) => { state.query = event.target.value; hitNumber = -1; if (svg) paint(); });
$("query").addEventListener("keydown", (event) => { if (event.key === "Enter") nextHit(); });
for (const [value, words] of [["", "not shown"], ...G.costs]) $("cost").append(element("option", words, { value }));
$("cost").closest("label").hidden = !G.costs.length;
$("cost").addEventListener("change", (event) => { showCost(event.target.value); writeLink(); draw(false); });
addEventListener("hashchange", () => { readLink(); draw(false).then(approach); });
addEventListener("resize", () => svg && fitView());

function setTheme(name) { document.documentElement.dataset.theme = name; }

setTheme(matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
readLink();
listFlags();
outline();
draw(true).then(approach).catch((error) => {
  document.body.dataset.ready = "failed";
  $("wait") && ($("wait").textContent = `This browser cannot draw the graph: ${error.message}`);
});
