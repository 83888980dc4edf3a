// Report cards: filled when opened, from the columns every checkpoint shares, and what other sections' scripts can draw.
S.changeCell = (metric, position, kind) => {
  const other = { previous: position - 1, first: 0, best: S.data.best }[kind];
  if (other === null || other < 0 || other === position) return S.el("td", { class: "num" }, "–");
  const here = metric.values[position], there = metric.values[other];
  if (typeof here !== "number" || typeof there !== "number") return S.el("td", { class: "num" }, "–");
  const paired = metric.paired?.[kind]?.[position], change = paired ? paired[0] : here - there;
  const good = change === 0 || metric.better === "neither" ? "" : (change > 0) === (metric.better === "higher") ? "good" : "bad";
  const sure = paired && paired[3] < 0.05;
  const range = paired ? `${S.range(paired[1], paired[2], metric.unit, true)}, p ${paired[3] < 0.001 ? "< 0.001" : `= ${paired[3].toFixed(3)}`}` : "";
  return S.el("td", { class: `num change ${paired ? (sure ? `${good} strong` : "") : good}` }, S.number(change, metric.unit, true), range ? S.el("div", { class: "ci" }, range) : null);
};
S.cardTable = (position) => {
  const rows = [];
  let group = null;
  for (const metric of S.data.metrics) {
    const value = metric.values[position];
    if (value === null || value === undefined) continue;
    if (metric.group !== group) rows.push(S.el("tr", { class: "group-row" }, S.el("th", { colspan: 6, scope: "colgroup" }, (group = metric.group))));
    rows.push(S.el("tr", {}, S.el("th", { scope: "row" }, S.el("a", { href: `#${metric.anchor}`, title: metric.facts }, metric.label)), S.el("td", { class: "num strong" }, S.number(value, metric.unit)),
      S.el("td", { class: "num" }, S.range(metric.low[position], metric.high[position], metric.unit) || "–"), ["previous", "first", "best"].map((kind) => S.changeCell(metric, position, kind))));
  }
  return S.el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": `Metrics at ${S.data.checkpoints[position].label}` }, S.el("table", {},
    S.el("thead", {}, S.el("tr", {}, ["Metric", "Value", "95 % interval", "since previous", "since first", "against ★"].map((text, i) => S.el("th", { scope: "col", class: i ? "num" : null }, text)))), S.el("tbody", {}, rows)));
};
S.usageBars = (usage) => {
  const top = Math.max(1, ...usage), width = 300, height = 70, bar = width / usage.length;
  const drawn = S.svg("svg", { viewBox: `0 0 ${width} ${height}`, width, height, class: "bars", role: "img", "aria-label": `Images per prototype from the fullest (${usage[0]} times an even share) to the emptiest (${usage.at(-1)})` });
  usage.forEach((value, i) => drawn.append(S.svg("rect", { x: i * bar, width: Math.max(0.5, bar - 0.6), y: height - (height * value) / top, height: (height * value) / top, class: "part-0" })));
  drawn.append(S.svg("line", { x1: 0, x2: width, y1: height - height / top, y2: height - height / top, class: "dash", stroke: "currentColor", "stroke-dasharray": "4 4", opacity: 0.6 }));
  return drawn;
};
S.fillCard = async (details) => {
  const position = Number(details.dataset.position), checkpoint = S.data.checkpoints[position], parts = [];
  const link = (to, text) => (S.data.checkpoints[to] && to !== position ? S.el("a", { href: `#${S.data.checkpoints[to].anchor}` }, text) : null);
  parts.push(S.el("p", { class: "card-nav" }, link(position - 1, "← previous"), link(position + 1, "next →"), S.data.best === null ? null : link(S.data.best, "★ checkpoint to use"), S.el("a", { href: "#main" }, "↑ verdict")));
  parts.push(S.cardTable(position), S.el("p", { class: "note" }, "Changes with an interval are paired, image by image (bootstrap, exact McNemar p, not corrected for looking at many); the others are plain differences. Green: better, orange: worse."));
  for (const [name, status, reason] of checkpoint.missing) parts.push(S.el("p", { class: "note" }, `${name}: ${status}. ${reason}`));
  const pictures = S.el("div", { class: "side-by-side" });
  const still = await S.stillMap?.(position, 280);
  if (still) pictures.append(S.el("figure", {}, S.el("h4", {}, "Feature map"), still));
  for (const about of S.matrix ? S.data.confusion.slice(0, 1) : []) {
    const matrix = await S.matrix(about.name, position);
    if (matrix) pictures.append(S.el("figure", { class: "confusion" }, S.el("h4", {}, `Confusion (${about.title})`), S.drawMatrix(matrix, 280)), S.el("div", {}, S.el("h4", {}, "Most confused"), S.worstPairs(matrix, 6)));
  }
  if (checkpoint.usage) pictures.append(S.el("figure", {}, S.el("h4", {}, "Images per prototype, fullest first"), S.usageBars(checkpoint.usage), S.el("p", { class: "note" }, "Dashed: an even share.")));
  if (pictures.children.length) parts.push(pictures);
  if (S.neighbourTable && S.data.gallery.neighbours[position]) parts.push(S.el("h4", {}, "Nearest neighbours"), S.neighbourTable([position], 40));
  if (S.typicalGrid && S.data.gallery.typical[position]) {
    const all = S.data.gallery.typical[position], prototypes = all.filter((group) => group.kind === "prototype");
    parts.push(S.el("h4", {}, "Most typical images"), S.typicalGrid((prototypes.length ? prototypes : all).slice(0, 12)));
  }
  const facts = [["file", checkpoint.name], ["backbone digest", `${checkpoint.digest}…`], ["epoch", S.number(checkpoint.epoch, "count")], ["step", S.number(checkpoint.step, "count")], ...checkpoint.load];
  parts.push(S.el("h4", {}, "The file"), S.el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "The checkpoint file" }, S.el("table", {}, S.el("tbody", {}, facts.map(([name, value]) => S.el("tr", { class: name === "warning" ? "warned" : null }, S.el("th", { scope: "row" }, name), S.el("td", {}, value)))))));
  details.querySelector(".fill").replaceChildren(...parts);
};
S.sections.cards = () => { for (const details of document.querySelectorAll(".report-card")) S.whenOpen(details, () => S.fillCard(details)); };
