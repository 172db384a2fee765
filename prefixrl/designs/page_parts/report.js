"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const NS = "http://www.w3.org/2000/svg";
const STOPS = data.slack_colours;
const hidden = new Set();
let selected = null;
let marks = [];

const byId = (id) => document.getElementById(id);
const colour = (name) => `var(--${name})`;
const fixed = (value, digits) => value.toFixed(digits);
const ns = (value) => fixed(value, 4);
const um2 = (value) => fixed(value, 2);

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "style") made.style.cssText = value;
    else if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

function shape(tag, attributes, text) {
  const made = document.createElementNS(NS, tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "style") made.style.cssText = value;
    else made.setAttribute(name, value);
  }
  if (text !== undefined) made.textContent = text;
  return made;
}

function table(headings, rows, onPick) {
  const head = element("tr", {}, ...headings.map((each) => element("th", each.text ? { class: "text" } : {}, each.name)));
  const body = element("tbody");
  rows.forEach((row, place) => {
    const line = element("tr", onPick ? { class: "pick" } : {});
    row.forEach((cell, column) => line.append(element("td", headings[column].text ? { class: "text" } : {}, String(cell))));
    if (onPick) line.addEventListener("click", () => onPick(place));
    body.append(line);
  });
  return element("div", { class: "scroll" }, element("table", {}, element("thead", {}, head), body));
}

/* Round steps of 1, 2 or 5 for axes. */
function ticks(low, high, count) {
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((each) => each * power).find((each) => each >= rough);
  const found = [];
  for (let value = Math.ceil(low / step) * step; value <= high + step * 1e-9; value += step) found.push(value);
  return found.map((value) => [value, value.toFixed(Math.max(0, -Math.floor(Math.log10(step) + 1e-9)))]);
}

class Chart {
  constructor(svg, width, height, x, y, labels) {
    this.svg = svg; this.width = width; this.height = height; this.xRange = x; this.yRange = y;
    this.left = 62; this.right = 34; this.top = 14; this.bottom = 42;
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.replaceChildren();
    const end = height - this.bottom;
    for (const [value, text] of ticks(x[0], x[1], width / 90)) {
      this.add("line", { x1: this.x(value), x2: this.x(value), y1: this.top, y2: end, class: "grid" });
      this.add("text", { x: this.x(value), y: end + 17, "text-anchor": "middle" }, text);
    }
    for (const [value, text] of ticks(y[0], y[1], height / 60)) {
      this.add("line", { x1: this.left, x2: width - this.right, y1: this.y(value), y2: this.y(value), class: "grid" });
      this.add("text", { x: this.left - 8, y: this.y(value) + 4, "text-anchor": "end" }, text);
    }
    this.add("line", { x1: this.left, x2: width - this.right, y1: end, y2: end, class: "axis" });
    this.add("line", { x1: this.left, x2: this.left, y1: this.top, y2: end, class: "axis" });
    this.add("text", { x: (this.left + width - this.right) / 2, y: height - 6, "text-anchor": "middle" }, labels[0]);
    const middle = (this.top + end) / 2;
    this.add("text", { x: 14, y: middle, "text-anchor": "middle", transform: `rotate(-90 14 ${middle})` }, labels[1]);
  }
  x(value) { return this.left + ((value - this.xRange[0]) / (this.xRange[1] - this.xRange[0])) * (this.width - this.left - this.right); }
  y(value) { return this.height - this.bottom - ((value - this.yRange[0]) / (this.yRange[1] - this.yRange[0])) * (this.height - this.top - this.bottom); }
  inside(d, a) { return d >= this.xRange[0] && d <= this.xRange[1] && a >= this.yRange[0] && a <= this.yRange[1]; }
  add(tag, attributes, text) { const made = shape(tag, attributes, text); this.svg.append(made); return made; }
  line(points, style) {
    const path = points.map(([d, a], place) => `${place ? "L" : "M"}${fixed(this.x(d), 1)} ${fixed(this.y(a), 1)}`).join("");
    return this.add("path", { d: path, style: `fill:none;stroke-linejoin:round;${style}` });
  }
  /* A front as the stairs that it is: what is small stays small when time is relaxed. */
  stairs(points, style) {
    const within = points.filter(([d, a]) => this.inside(d, a));
    if (!within.length) return;
    const corners = [[within[0][0], this.yRange[1]]];
    within.forEach(([d, a], place) => { if (place) corners.push([d, within[place - 1][1]]); corners.push([d, a]); });
    corners.push([this.xRange[1], within[within.length - 1][1]]);
    this.line(corners, style);
  }
}

function extent(points) {
  const [dr, ar] = data.reference;
  const within = points.filter(([d, a]) => d <= dr && a <= ar);
  const used = within.length ? within : points;
  const delays = used.map((each) => each[0]), areas = used.map((each) => each[1]);
  const pad = (low, high) => { const room = (high - low || high * 0.1 || 1) * 0.04; return [low - room, high + room]; };
  return [pad(Math.min(...delays), Math.max(...delays)), pad(Math.min(...areas), Math.max(...areas))];
}

const runColour = (place) => colour(`run${place % 6}`);
const WELL_KNOWN = ["sklansky", "kogge-stone", "brent-kung", "han-carlson", "ripple-carry"];
const structureColour = (place) => colour(`s${(WELL_KNOWN.indexOf(data.classical[place].name) + 6) % 6}`);

function everything() {
  const points = [];
  data.runs.forEach((run, place) => run.front.forEach((each) => points.push({ ...each, series: run.label, run: place })));
  data.classical.forEach((each, place) => each.curve.forEach(([d, a]) => points.push({ d, a, id: each.name, graph: each.graph, structure: place, series: each.name })));
  return points;
}
const points = everything();

function drawFront() {
  const shown = points.filter((each) => !hidden.has(each.series));
  if (!shown.length) { byId("front").replaceChildren(); marks = []; return; }
  const range = extent((shown.length ? shown : points).map((each) => [each.d, each.a]));
  const chart = new Chart(byId("front"), 1100, 520, range[0], range[1], ["delay (ns)", "area (um²)"]);
  if (data.cloud.length && !hidden.has("all designs")) {
    const dots = data.cloud.filter(([d, a]) => chart.inside(d, a)).map(([d, a]) => `M${fixed(chart.x(d), 1)} ${fixed(chart.y(a), 1)}h0`).join("");
    chart.add("path", { d: dots, style: `stroke:${colour("cloud")};stroke-width:3;stroke-linecap:round;fill:none` });
  }
  data.classical.forEach((each, place) => {
    if (hidden.has(each.name)) return;
    chart.line(each.curve.filter(([d, a]) => chart.inside(d, a)), `stroke:${structureColour(place)};stroke-width:1.2`);
  });
  data.runs.forEach((run, place) => {
    if (!hidden.has(run.label)) chart.stairs(run.front.map((each) => [each.d, each.a]), `stroke:${runColour(place)};stroke-width:2`);
  });
  marks = [];
  // Ours last, so that they lie on top.
  for (const each of [...shown].sort((one, other) => (one.run !== undefined) - (other.run !== undefined))) {
    if (!chart.inside(each.d, each.a)) continue;
    const ours = each.run !== undefined;
    const fill = ours ? runColour(each.run) : structureColour(each.structure);
    const dot = chart.add("circle", { cx: fixed(chart.x(each.d), 1), cy: fixed(chart.y(each.a), 1), r: ours ? 4 : 2.6, style: `fill:${fill}` });
    marks.push({ point: each, x: chart.x(each.d), y: chart.y(each.a), dot });
  }
  const ring = chart.add("circle", { r: 9, style: `fill:none;stroke:${colour("ink")};stroke-width:2`, id: "ring", visibility: "hidden" });
  const mark = marks.find((each) => each.point === selected);
  if (mark) { ring.setAttribute("cx", mark.x); ring.setAttribute("cy", mark.y); ring.setAttribute("visibility", "visible"); }
}

function nearest(event) {
  const svg = byId("front"), box = svg.getBoundingClientRect();
  if (!marks.length) return null;
  const scale = 1100 / box.width, x = (event.clientX - box.left) * scale, y = (event.clientY - box.top) * scale;
  let best = null, distance = 26 * scale;
  for (const mark of marks) {
    const far = Math.hypot(mark.x - x, mark.y - y) + (mark.point.run === undefined ? 3 : 0);
    if (far < distance) { best = mark; distance = far; }
  }
  return best;
}

function showTip(event) {
  const tip = byId("tip"), mark = nearest(event);
  byId("front").style.cursor = mark ? "pointer" : "default";
  if (!mark) { tip.hidden = true; return; }
  const point = mark.point, graph = data.graphs[point.graph];
  tip.replaceChildren(
    element("b", {}, point.run === undefined ? point.id : `${point.id}`),
    `${point.run === undefined ? "classical" : point.series}`, element("br"),
    `${ns(point.d)} ns, ${um2(point.a)} um²`, element("br"),
    `size ${graph.size}, depth ${graph.depth}, fanout ${graph.fanout}`,
  );
  tip.hidden = false;
  const box = byId("front").getBoundingClientRect(), scale = box.width / 1100;
  const left = mark.x * scale + 16, wide = tip.offsetWidth;
  tip.style.left = `${left + wide > box.width ? left - wide - 26 : left}px`;
  tip.style.top = `${Math.max(mark.y * scale - 20, 4)}px`;
}

function mix(share) {
  const end = STOPS.findIndex(([stop]) => share <= stop);
  const high = STOPS[end < 0 ? STOPS.length - 1 : Math.max(end, 1)], low = STOPS[(end < 0 ? STOPS.length - 1 : Math.max(end, 1)) - 1];
  const part = Math.min(1, Math.max(0, (share - low[0]) / (high[0] - low[0])));
  return `rgb(${low[1].map((value, place) => Math.round(value + part * (high[1][place] - value))).join(",")})`;
}

function drawGraph() {
  const graph = data.graphs[selected.graph], place = byId("graph"), anatomy = data.anatomies[selected.anatomy];
  place.innerHTML = graph.svg;
  const svg = place.querySelector("svg");
  svg.style.width = `${Math.max(svg.getAttribute("width"), Math.min(1.7 * svg.getAttribute("width"), 1080))}px`;
  const timing = anatomy && anatomy.timing;
  byId("show-slack").disabled = byId("show-path").disabled = !timing;
  byId("scale").replaceChildren();
  if (!timing) return;
  const most = Math.max(...Object.values(timing.slack), 0);
  const cells = new Map([...svg.querySelectorAll("[data-node]")].map((each) => [each.dataset.node, each]));
  const places = new Map();
  for (const [name, cell] of cells) {
    const dot = cell.querySelector("circle");
    places.set(name, [dot.getAttribute("cx"), dot.getAttribute("cy")]);
    const slack = timing.slack[name];
    if (slack === undefined) continue;
    cell.querySelector("title").textContent = `${name}, slack ${ns(slack)} ns`;
    if (byId("show-slack").checked) {
      dot.style.fill = mix(most > 0 ? Math.max(slack, 0) / most : 0);
      if (cell.classList.contains("black")) dot.style.strokeWidth = "2.4";
    }
  }
  const boxes = [...svg.querySelectorAll("g > rect")];
  boxes.forEach((box, index) => {
    const bit = data.problem.width - 1 - index;
    places.set(`${bit}:${bit}`, [Number(box.getAttribute("x")) + box.getAttribute("width") / 2, Number(box.getAttribute("y")) + box.getAttribute("height") / 2]);
  });
  if (byId("show-path").checked) {
    const route = timing.nodes.map((name) => places.get(name)).filter(Boolean);
    const line = route.map(([x, y], index) => `${index ? "L" : "M"}${x} ${y}`).join("");
    const path = shape("path", { d: line, id: "critical", style: `fill:none;stroke:${colour("accent")};stroke-opacity:.38;stroke-width:9;stroke-linejoin:round;stroke-linecap:round` });
    if (route.length > 1) svg.insertBefore(path, svg.children[3]);
  }
  if (byId("show-slack").checked) {
    const stops = STOPS.map(([stop, rgb]) => `rgb(${rgb.join(",")}) ${stop * 100}%`).join(",");
    byId("scale").append("slack 0 ns", element("span", { class: "ramp", style: `background:linear-gradient(90deg,${stops})` }), `${fixed(most, 3)} ns; thick rings are black cells (g, p), thin ones grey cells (g)`);
  }
}

function drawCurve() {
  const own = selected.curve !== undefined && data.curves[selected.curve];
  const curve = own || (selected.structure !== undefined ? data.classical[selected.structure].curve : [[selected.d, selected.a]]);
  const front = (data.runs[selected.run ?? 0] || { front: [] }).front.map((each) => [each.d, each.a]);
  const range = extent(curve.concat(front));
  const chart = new Chart(byId("curve"), 520, 320, range[0], range[1], ["delay (ns)", "area (um²)"]);
  chart.stairs(front, `stroke:${colour("cloud")};stroke-width:2`);
  const within = curve.filter(([d, a]) => chart.inside(d, a));
  chart.line(within, `stroke:${selected.run === undefined ? structureColour(selected.structure) : runColour(selected.run)};stroke-width:1.6`);
  for (const [d, a] of within) {
    const here = d === selected.d && a === selected.a;
    const dot = chart.add("circle", { cx: chart.x(d), cy: chart.y(a), r: here ? 5.5 : 2.6, style: `fill:${here ? colour("ink") : colour("quiet")}` });
    dot.append(shape("title", {}, `${ns(d)} ns, ${um2(a)} um²`));
  }
}

const KINDS = ["s3", "s0", "s1", "s2", "s4", "s5"];

function drawNetlist() {
  const place = byId("netlist"), path = byId("path"), anatomy = data.anatomies[selected.anatomy];
  place.replaceChildren(); path.replaceChildren();
  if (!anatomy) {
    const reason = selected.run === undefined ? "Not taken apart: netlists of the front are." : data.netlist_note;
    place.append(element("p", { class: "quiet" }, reason)); path.append(element("p", { class: "quiet" }, "Known with the netlist."));
    return;
  }
  place.append(element("p", { class: "quiet" }, `${anatomy.gates} cells, ${um2(anatomy.area)} um²; at most ${anatomy.levels} cells on a path, ${anatomy.fanout} pins on a net`));
  const kinds = Object.entries(anatomy.kinds);
  const bar = element("div", { class: "bar" });
  kinds.forEach(([name, area], index) => bar.append(element("span", { title: `${name}: ${um2(area)} um²`, style: `width:${(100 * area) / anatomy.area}%;background:${colour(KINDS[index % 6])}` })));
  place.append(bar, table([{ name: "kind", text: true }, { name: "um²" }, { name: "share" }], kinds.map(([name, area]) => [name, um2(area), `${fixed((100 * area) / anatomy.area, 1)} %`])));
  place.querySelectorAll("tbody tr td:first-child").forEach((cell, index) => cell.prepend(element("span", { class: "swatch", style: `background:${colour(KINDS[index % 6])}` })));
  const cells = element("details", {}, element("summary", {}, "cells"), table([{ name: "cell", text: true }, { name: "count" }], Object.entries(anatomy.cells)));
  place.append(cells);
  if (!anatomy.timing) { path.append(element("p", { class: "quiet" }, "This library is not timed natively.")); return; }
  path.append(table([{ name: "node", text: true }, { name: "cell", text: true }, { name: "arrival ns" }], anatomy.timing.path.map(([cell, arrival, node]) => [node || "", cell || "input", ns(arrival)])));
}

function select(point, scroll) {
  selected = point;
  const graph = data.graphs[point.graph];
  byId("design").hidden = false;
  byId("design-title").textContent = point.run === undefined ? point.id : `Design ${point.id}`;
  byId("design-figures").textContent = `${ns(point.d)} ns, ${um2(point.a)} um², size ${graph.size}, depth ${graph.depth}, largest fanout ${graph.fanout}`;
  byId("export-command").textContent = point.run === undefined ? `prefixrl export ${point.id} --width ${data.problem.width} --out DIR` : `prefixrl export ${data.runs[point.run].spec} --pick ${point.id} --out DIR`;
  drawFront(); drawGraph(); drawCurve(); drawNetlist();
  if (scroll) byId("design").scrollIntoView({ behavior: "smooth", block: "start" });
}

function walk(step) {
  const run = selected && selected.run !== undefined ? selected.run : 0;
  const front = points.filter((each) => each.run === run && !hidden.has(each.series));
  if (!front.length) return;
  const next = Math.min(Math.max(front.indexOf(selected) + step, 0), front.length - 1);
  select(front[next], false);
}

function legend() {
  const place = byId("legend");
  const entry = (name, fill) => {
    const button = element("button", { type: "button", "aria-pressed": String(!hidden.has(name)) }, element("i", { style: `background:${fill}` }), name);
    button.addEventListener("click", () => {
      if (hidden.has(name)) hidden.delete(name); else hidden.add(name);
      button.setAttribute("aria-pressed", String(!hidden.has(name)));
      drawFront();
    });
    place.append(button);
  };
  data.runs.forEach((run, index) => entry(run.label, runColour(index)));
  if (data.cloud.length) entry("all designs", colour("cloud"));
  const known = (each) => !WELL_KNOWN.includes(each[0].name);
  data.classical.map((each, index) => [each, index]).sort((one, other) => known(one) - known(other)).forEach(([each, index]) => entry(each.name, structureColour(index)));
}

function history() {
  const series = data.runs.map((run) => run.history).filter((each) => each.length);
  const svg = byId("history");
  if (!series.length) { svg.replaceWith(element("p", { class: "quiet" }, "Known where a run's store is there.")); return; }
  const counts = series.flat().map((each) => each[0]);
  // The first designs of a run would stretch the axis so far that the rest looks flat.
  const settled = series.flat().filter((each) => each[0] >= 0.03 * Math.max(...counts));
  const volumes = settled.map((each) => each[1]).concat(data.classical_hypervolume ?? []);
  const low = Math.min(...volumes.filter((each) => each > 0)), high = Math.max(...volumes);
  const room = (high - low || high) * 0.08;
  const chart = new Chart(svg, 560, 320, [0, Math.max(...counts)], [Math.max(0, low - room), high + room], ["designs evaluated", "hypervolume (ns um²)"]);
  if (data.classical_hypervolume) {
    const y = chart.y(data.classical_hypervolume);
    chart.add("line", { x1: chart.left, x2: chart.width - chart.right, y1: y, y2: y, style: `stroke:${colour("front")};stroke-dasharray:5 4` });
    chart.add("text", { x: chart.width - chart.right - 4, y: y - 5, "text-anchor": "end" }, "classical structures");
  }
  data.runs.forEach((run, index) => {
    const within = run.history.filter((each) => each[1] >= chart.yRange[0]);
    if (within.length) chart.line(within, `stroke:${runColour(index)};stroke-width:2`);
  });
}

function provenance() {
  const place = byId("provenance");
  const rows = Object.entries(data.provenance).map(([name, value]) => [name, value]);
  place.append(table([{ name: "what", text: true }, { name: "value", text: true }], rows));
  data.runs.forEach((run) => {
    const inner = element("details", {}, element("summary", {}, `${run.label}: ${run.summary}`));
    if (run.failures.length) inner.append(table([{ name: "failed" }, { name: "reason", text: true }], run.failures.map(([reason, count]) => [count, reason])));
    if (run.config) inner.append(element("pre", {}, run.config));
    place.append(inner);
  });
}

function save(name, type, text) {
  const link = element("a", { href: URL.createObjectURL(new Blob([text], { type })), download: name });
  link.click();
  URL.revokeObjectURL(link.href);
}

byId("title").textContent = data.title;
byId("terms").textContent = data.terms;
data.headline.forEach(([figure, meaning]) => byId("headline").append(element("div", { class: "card" }, element("b", {}, figure), element("span", {}, meaning))));
byId("theme").addEventListener("click", () => {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
});
if (data.savings.length) byId("savings").append(table([{ name: "delay ns" }, { name: "ours um²" }, { name: "classical um²" }, { name: "which", text: true }, { name: "saved" }], data.savings.map((row) => [fixed(row[0], 3), um2(row[1]), um2(row[2]), row[3], `${fixed(row[4], 1)} %`])), element("p", { class: "quiet" }, data.savings_note));
else byId("savings").append(element("p", { class: "quiet" }, "There are no classical structures to compare with."));
byId("classical").append(table([{ name: "structure", text: true }, { name: "size" }, { name: "depth" }, { name: "fanout" }, { name: "least ns" }, { name: "at um²" }, { name: "least um²" }, { name: "at ns" }],
  data.classical.map((each) => { const graph = data.graphs[each.graph], curve = each.curve; return [each.name, graph.size, graph.depth, graph.fanout, ns(curve[0][0]), um2(curve[0][1]), um2(curve.at(-1)[1]), ns(curve.at(-1)[0])]; }),
  (place) => select(points.find((each) => each.structure === place), true)));
legend(); history(); provenance(); drawFront();
const front = byId("front");
front.addEventListener("mousemove", showTip);
front.addEventListener("mouseleave", () => { byId("tip").hidden = true; });
front.addEventListener("click", (event) => { const mark = nearest(event); if (mark) select(mark.point, false); });
document.addEventListener("keydown", (event) => {
  if (event.target instanceof HTMLInputElement) return;
  if (event.key === "ArrowRight") walk(1); else if (event.key === "ArrowLeft") walk(-1); else return;
  event.preventDefault();
});
byId("show-slack").addEventListener("change", drawGraph);
byId("show-path").addEventListener("change", drawGraph);
byId("save-svg").addEventListener("click", () => save(`${selected.id}.svg`, "image/svg+xml", new XMLSerializer().serializeToString(byId("graph").querySelector("svg"))));
byId("save-json").addEventListener("click", () => save(`${selected.id}.json`, "application/json", JSON.stringify(data.graphs[selected.graph].document)));
const first = points.find((each) => each.run !== undefined && each.id === data.knee);
if (first) select(first, false);
document.documentElement.dataset.ready = "yes";
