// Runs on shared axes: one choice of metric drives the curves, the plot against the setting, and the table.
S.startGroup = async (place, group, g) => {
  const curves = await S.figure(`curves-${g}`, S.byId(`curves-${g}`));
  const holder = S.byId(`against-${g}`), against = holder ? await S.figure(`against-${g}`, holder) : null;
  const choice = place.querySelector(".metric"), legend = place.querySelector(".legend"), table = place.querySelector(".values");
  group.metrics.forEach((metric, i) => choice.append(S.el("option", { value: i }, metric.label)));
  choice.value = String(Math.max(0, group.metrics.findIndex((metric) => metric.id === group.chosen)));
  if (!group.metrics.length) return;
  let metric = null, fill = null;

  const items = group.runs.map((run, i) => {
    const value = S.el("b"), button = S.el("button", { type: "button", "aria-pressed": "true" });
    button.append(S.svg("svg", { viewBox: "0 0 22 12", "aria-hidden": "true" }, S.svg("line", { x1: 0, x2: 22, y1: 6, y2: 6, stroke: group.colours[i], style: `stroke: light-dark(${group.colours[i]}, ${S.data.twins[group.colours[i]]})`, "stroke-width": 3 })), run.name, value);
    button.addEventListener("click", () => {
      const on = button.getAttribute("aria-pressed") !== "true";
      button.setAttribute("aria-pressed", String(on));
      for (const renderer of curves.all(`run-${i}`)) renderer.visible = on;
    });
    legend.append(button);
    return value;
  });
  const at = (x) => group.runs.forEach((run, i) => {
    const values = metric.values[i];
    let position = run.best;
    if (x !== null) position = run.x.reduce((best, value, j) => (Math.abs(value - x) < Math.abs(run.x[best] - x) ? j : best), 0);
    items[i].textContent = position === null || !values.length ? "" : S.number(values[position], metric.unit);
  });
  const set = (figure, name, columns) => { const source = figure.one(name); if (source) source.data = new Map(Object.entries(columns)); };
  const numbers = (list) => list.map((value) => (typeof value === "number" ? (metric.unit === "fraction" ? 100 : 1) * value : NaN));
  const show = () => {
    metric = group.metrics[Number(choice.value)];
    const seen = [];
    group.runs.forEach((run, i) => {
      const y = numbers(metric.values[i]), low = numbers(metric.low[i]), high = numbers(metric.high[i]);
      set(curves, `line-${i}`, { x: run.x, y });
      const keep = low.map((value, j) => j).filter((j) => !Number.isNaN(low[j]) && !Number.isNaN(high[j]));
      set(curves, `band-${i}`, { x: keep.map((j) => run.x[j]), low: keep.map((j) => low[j]), high: keep.map((j) => high[j]) });
      set(curves, `best-${i}`, run.best === null || !run.use || Number.isNaN(y[run.best]) ? { x: [], y: [] } : { x: [run.x[run.best]], y: [y[run.best]] });
      seen.push(...y, ...low, ...high);
    });
    const finite = seen.filter((value) => !Number.isNaN(value)), bottom = Math.min(...finite), top = Math.max(...finite), pad = 0.06 * (top - bottom) || Math.abs(top) * 0.05 || 0.05;
    for (const plot of [curves.one("curves"), against?.one("against")].filter(Boolean)) {
      plot.left[0].axis_label = metric.axis;
      if (finite.length) [plot.y_range.start, plot.y_range.end] = [bottom - pad, top + pad];
    }
    if (against) {
      const at_use = (run, list) => (run.best === null || !run.use ? NaN : numbers(list)[run.best] ?? NaN);
      const rows = group.runs.map((run, i) => ({ x: group.x[i], colour: S.dark() ? S.data.twins[group.colours[i]] : group.colours[i], best: at_use(run, metric.values[i]), last: numbers(metric.values[i]).at(-1) ?? NaN,
        low: at_use(run, metric.low[i]), high: at_use(run, metric.high[i]) }));
      const mean = (list) => list.reduce((sum, value) => sum + value, 0) / list.length;
      set(against, "against-best", { x: rows.map((r) => r.x), y: rows.map((r) => r.best), low: rows.map((r) => r.low), high: rows.map((r) => r.high), colour: rows.map((r) => r.colour) });
      set(against, "against-mean", { x: group.settings.map((runs) => group.x[runs[0]]), y: group.settings.map((runs) => mean(runs.map((i) => rows[i].best))) });
      set(against, "against-last", { x: rows.map((r) => r.x), y: rows.map((r) => r.last) });
      set(against, "against-final", { x: group.settings.map((runs) => group.x[runs[0]]), y: group.settings.map((runs) => mean(runs.map((i) => rows[i].last))) });
    }
    at(null);
    fill?.();
  };
  choice.addEventListener("change", show);
  show();
  S.theme.push(show);
  const cursors = curves.all("cursor");
  curves.on(curves.one("curves"), "mousemove", (event) => { for (const cursor of cursors) { cursor.visible = true; cursor.location = event.x; } at(event.x); });
  curves.on(curves.one("curves"), "mouseleave", () => { for (const cursor of cursors) cursor.visible = false; at(null); });
  S.whenOpen(table, () => {
    fill = () => {
      const rows = group.runs.flatMap((run, i) => run.labels.map((label, j) => [`${run.name}, ${label}`, S.number(metric.values[i][j], metric.unit), S.range(metric.low[i][j], metric.high[i][j], metric.unit) || "–"]));
      table.querySelector(".fill").replaceChildren(S.table("Values of every run", ["run and checkpoint", metric.label, "95 % interval"], rows));
    };
    fill();
  });
};
const start = async () => {
  S.startTheme();
  S.data = await S.json("data");
  for (const place of document.querySelectorAll(".group")) await S.startGroup(place, S.data.groups[Number(place.dataset.group)], Number(place.dataset.group));
  addEventListener("hashchange", S.reveal);
  if (location.hash) S.reveal();
  document.documentElement.dataset.ready = "yes";
  performance.mark("ready");
};
start();
