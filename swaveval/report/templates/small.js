// Small charts: the value under the pointer, a click to the report card, and all of them as a table.
S.startSmall = () => {
  const x = S.data.x, low = Math.min(...x), span = Math.max(...x) - low;
  const byId = new Map(S.data.metrics.map((metric) => [metric.id, metric]));
  for (const tile of document.querySelectorAll(".tile")) {
    const chart = tile.querySelector(".small"), metric = byId.get(tile.dataset.metric);
    if (!chart || !metric) continue;
    const cursor = S.svg("line", { class: "cursor", y1: 0, y2: 96, visibility: "hidden" });
    chart.append(cursor);
    const place = (i) => 7 + 266 * (span ? (x[i] - low) / span : 0.5);
    const nearest = (event) => {
      const box = chart.getBoundingClientRect(), at = ((event.clientX - box.left) / box.width) * 280;
      return x.reduce((best, _, i) => (Math.abs(place(i) - at) < Math.abs(place(best) - at) ? i : best), 0);
    };
    chart.addEventListener("pointermove", (event) => {
      const i = nearest(event);
      for (const end of ["x1", "x2"]) cursor.setAttribute(end, place(i));
      cursor.setAttribute("visibility", "visible");
      const lines = [S.el("p", {}, `${S.data.checkpoints[i].label}: `, S.el("strong", {}, S.number(metric.values[i], metric.unit)))];
      const range = S.range(metric.low[i], metric.high[i], metric.unit);
      if (range) lines.push(S.el("p", { class: "ci" }, `95 %: ${range}`));
      for (const [name, value] of metric.baselines) lines.push(S.el("p", { class: "ci" }, `${name}: ${S.number(value, metric.unit)}`));
      S.tip(event.clientX, event.clientY, ...lines);
    });
    chart.addEventListener("pointerleave", () => { cursor.setAttribute("visibility", "hidden"); S.untip(); });
    chart.addEventListener("click", (event) => { S.untip(); S.goTo(S.data.checkpoints[nearest(event)].anchor); });
  }
  for (const details of document.querySelectorAll('details[data-fill="metrics"]')) {
    S.whenOpen(details, () => {
      const chosen = details.dataset.metrics.split("\n").map((id) => byId.get(id.trim())).filter(Boolean);
      const cell = (metric, i) => {
        const range = S.range(metric.low[i], metric.high[i], metric.unit);
        return S.number(metric.values[i], metric.unit) + (range ? ` (${range})` : "");
      };
      details.querySelector(".fill").replaceChildren(S.table("Values of every chart",
        [S.data.axis, ...chosen.map((metric) => metric.label)],
        S.data.checkpoints.map((checkpoint, i) => [checkpoint.label, ...chosen.map((metric) => cell(metric, i))])));
    });
  }
};
