// The first figure: one cursor over both plots, its numbers in the legend, and a click that opens the report card.
S.marker = (shape, colour) => {
  const drawn = {
    circle: ["circle", { cx: 11, cy: 6, r: 4 }], square: ["rect", { x: 7, y: 2, width: 8, height: 8 }],
    triangle: ["path", { d: "M11 1l5 9H6z" }], diamond: ["path", { d: "M11 0l5 6-5 6-5-6z" }],
  }[shape] ?? ["circle", { cx: 11, cy: 6, r: 4 }];
  return S.svg("svg", { viewBox: "0 0 22 12", "aria-hidden": "true" },
    S.svg("line", { x1: 0, x2: 22, y1: 6, y2: 6, stroke: colour, "stroke-width": 2 }), S.svg(drawn[0], { ...drawn[1], fill: colour }));
};

S.startOverview = async () => {
  const place = S.byId("overview-plot"), about = S.data.overview;
  if (!place || !about) return;
  if (!about.series.length || !about.loss) place.classList.add("single");
  const figure = await S.figure("overview", place);
  const plots = figure.all("overview-loss").concat(figure.all("overview-quality")), cursors = figure.all("cursor");
  const rows = about.series.map((series) => ({ ...series, ...S.data.metrics.find((metric) => metric.id === series.metric) }));
  const last = S.data.checkpoints.length - 1, home = S.data.best ?? last;
  let here = null;

  const legend = S.byId("overview-legend");
  const items = rows.map((row, i) => {
    const value = S.el("b"), button = S.el("button", { type: "button", "aria-pressed": "true" });
    button.addEventListener("click", () => {
      const on = button.getAttribute("aria-pressed") !== "true";
      button.setAttribute("aria-pressed", String(on));
      for (const renderer of figure.all(`series-${i}`)) renderer.visible = on;
    });
    legend.append(button);
    return { row, value, button };
  });
  const lossValue = S.el("b");
  const lossItem = about.loss?.at?.length ? S.el("button", { type: "button", disabled: true, style: { cursor: "default", opacity: "1" } }) : null;
  if (lossItem) legend.append(lossItem);
  const draw = () => {
    items.forEach(({ row, value, button }) => button.replaceChildren(S.marker(row.marker, S.colour(S.data.colours[row.colour])), row.label, value));
    lossItem?.replaceChildren(S.svg("svg", { viewBox: "0 0 22 12", "aria-hidden": "true" }, S.svg("line", { x1: 0, x2: 22, y1: 6, y2: 6, stroke: S.css("--muted"), "stroke-width": 2 })), "loss", lossValue);
  };
  // The legend's own words are short; the card has the long ones.
  items.forEach((item) => { item.row.label = about.series.find((series) => series.metric === item.row.metric).label; });
  draw();
  S.theme.push(draw);

  const show = (position) => {
    here = position;
    const shown = position ?? home;
    if (shown < 0) return;
    items.forEach(({ row, value }) => { value.textContent = S.number(row.values?.[shown], row.unit); });
    if (lossItem) lossValue.textContent = S.number(about.loss.at[shown]);
    const checkpoint = S.data.checkpoints[shown];
    S.byId("overview-at").textContent = `${checkpoint.label}${shown === S.data.best ? " ★" : ""}`;
    for (const cursor of cursors) {
      cursor.visible = position !== null;
      if (position !== null) cursor.location = S.data.x[position];
    }
  };
  const nearest = (x) => S.data.x.reduce((best, value, i) => (Math.abs(value - x) < Math.abs(S.data.x[best] - x) ? i : best), 0);
  if (last >= 0) {
    for (const plot of plots) {
      figure.on(plot, "mousemove", (event) => show(nearest(event.x)));
      figure.on(plot, "mouseleave", () => show(null));
      figure.on(plot, "tap", (event) => S.goTo(S.data.checkpoints[nearest(event.x)].anchor));
    }
    place.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (step) show(Math.max(0, Math.min(last, (here ?? home) + (here === null ? 0 : step))));
      else if (event.key === "Home") show(0);
      else if (event.key === "End") show(last);
      else if (event.key === "Enter") S.goTo(S.data.checkpoints[here ?? home].anchor);
      else return;
      event.preventDefault();
    });
    place.addEventListener("blur", () => show(null));
  }
  show(null);

  const scale = S.byId("loss-scale"), range = figure.one("loss-range");
  if (scale && range && String(about.loss.full) === String(about.loss.fit)) scale.hidden = true;
  scale?.addEventListener("click", () => {
    const stretched = scale.getAttribute("aria-pressed") !== "true";
    scale.setAttribute("aria-pressed", String(stretched));
    [range.start, range.end] = stretched ? about.loss.fit : about.loss.full;
  });
};
