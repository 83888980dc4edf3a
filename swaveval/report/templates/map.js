// The feature map: frames of quantised coordinates, colourings, trails, and the picture under the pointer.
S.map = S.once(async () => {
  const about = S.data.map, size = about.images.length;
  const flat = await S.deltas("map-xy", about.frames.length);
  const frames = flat.map((values) => {
    const x = new Float64Array(size), y = new Float64Array(size);
    for (let i = 0; i < size; i++) { x[i] = values[2 * i]; y[i] = values[2 * i + 1]; }
    return { x, y };
  });
  const colourings = [];
  for (const colouring of about.colourings) colourings.push({ ...colouring, codes: await S.deltas(`map-${colouring.name}`, colouring.frames) });
  return { ...about, xy: frames, colourings, codes: (colouring, t) => colouring.codes[Math.min(t, colouring.codes.length - 1)] };
});
S.unknown = () => (S.dark() ? "#56606b" : "#c3c8ce");

S.sections.map = (section) => S.whenOpen(section, async () => {
  const map = await S.map(), figure = await S.figure("map", S.byId("map-plot"));
  const [points, trail, trails, picked] = ["map-points", "map-trail", "map-trails", "map-picked"].map((name) => figure.one(name));
  const slider = S.byId("map-slider"), play = S.byId("map-play"), choice = S.byId("map-colour"), legend = S.byId("map-legend");
  const size = map.images.length, last = map.xy.length - 1;
  let frame = Math.max(0, S.data.best === null ? last : map.frames.indexOf(S.data.best)), shown = frame, colouring = map.colourings[0] ?? null;
  if (!map.frames.includes(S.data.best)) frame = shown = last;
  let pinned = null, timer = null, moving = null;
  const lit = new Set();

  slider.max = String(last);
  map.colourings.forEach((entry, i) => choice.append(S.el("option", { value: String(i) }, entry.title)));
  choice.disabled = map.colourings.length < 2;
  if (!colouring) choice.append(S.el("option", {}, "nothing stored"));

  const between = (t) => {
    const low = Math.floor(t), share = t - low, a = map.xy[low], b = map.xy[Math.min(last, low + 1)];
    return share === 0 ? a : { x: a.x.map((v, i) => v + share * (b.x[i] - v)), y: a.y.map((v, i) => v + share * (b.y[i] - v)) };
  };
  const path = (i, from, to) => {
    const xs = [], ys = [];
    for (let t = from; t <= to; t++) { xs.push(map.xy[t].x[i]); ys.push(map.xy[t].y[i]); }
    return [xs, ys];
  };
  const draw = () => {
    const { x, y } = between(shown), codes = colouring ? map.codes(colouring, frame) : null;
    const colour = new Array(size), alpha = new Float64Array(size), large = new Float64Array(size);
    for (let i = 0; i < size; i++) {
      const code = codes ? codes[i] : 0, on = !lit.size || lit.has(code);
      colour[i] = code ? colouring.colours[code - 1] : S.unknown();
      alpha[i] = on ? 0.85 : 0.08;
      large[i] = (size > 1200 ? 5 : 6.5) * (on && lit.size ? 1.25 : 1);
    }
    points.data = new Map(Object.entries({ x, y, colour, alpha, size: large }));
    const at = pinned ?? null;
    picked.data = new Map(Object.entries(at === null ? { x: [], y: [] } : { x: [x[at]], y: [y[at]] }));
    const [tx, ty] = at === null ? [[], []] : path(at, 0, frame);
    trail.data = new Map(Object.entries({ x: tx, y: ty }));
    const xs = [], ys = [];
    if (S.byId("map-trails").checked && frame > 0) {
      for (let i = 0; i < size; i += Math.max(1, Math.floor(size / 160))) {
        if (lit.size && codes && !lit.has(codes[i])) continue;
        const [px, py] = path(i, Math.max(0, frame - 5), frame);
        xs.push(px); ys.push(py);
      }
    }
    trails.data = new Map(Object.entries({ xs, ys }));
  };
  const label = () => {
    const text = S.data.checkpoints[map.frames[frame]].label;
    S.byId("map-at").textContent = text;
    slider.value = String(frame);
    slider.setAttribute("aria-valuetext", text);
  };
  const go = (to) => {
    frame = Math.max(0, Math.min(last, to));
    label();
    key();
    cancelAnimationFrame(moving);
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) { shown = frame; draw(); return; }
    const from = shown, start = performance.now();
    const step = (now) => {
      const share = Math.min(1, (now - start) / 260), eased = share * share * (3 - 2 * share);
      shown = share === 1 ? frame : from + (frame - from) * eased;
      draw();
      if (share < 1) moving = requestAnimationFrame(step);
    };
    moving = requestAnimationFrame(step);
  };
  const key = () => {
    if (!colouring) return legend.replaceChildren();
    const codes = map.codes(colouring, frame), counts = new Map();
    for (const code of codes) counts.set(code, (counts.get(code) ?? 0) + 1);
    let groups = colouring.groups.map((name, i) => [i + 1, name, counts.get(i + 1) ?? 0]);
    if (groups.length > colouring.legend) groups = groups.sort((a, b) => b[2] - a[2]).slice(0, colouring.legend);
    if (counts.get(0)) groups.push([0, colouring.name === "right" ? "not tested" : "no group", counts.get(0)]);
    const had = document.activeElement?.dataset?.code;
    legend.replaceChildren(...groups.map(([code, name, count]) => {
      const button = S.el("button", { type: "button", "aria-pressed": String(lit.has(code)), "data-code": String(code), title: name },
        S.el("i", { style: { background: code ? colouring.colours[code - 1] : S.unknown() } }), S.el("span", {}, name), S.el("small", {}, String(count)));
      button.addEventListener("click", () => { if (!lit.delete(code)) lit.add(code); key(); draw(); });
      return button;
    }));
    if (had !== undefined) legend.querySelector(`[data-code="${Number(had)}"]`)?.focus();
    if (colouring.groups.length > colouring.legend) legend.append(S.el("p", {}, `the ${colouring.legend} largest of ${colouring.groups.length}`));
  };
  const nearest = (event) => {
    const plot = figure.one("map-plot"), { x, y } = map.xy[frame];
    const scale = ((plot.x_range.end - plot.x_range.start) / plot.inner_width) || 1, reach = (14 * scale) ** 2;
    let found = null, best = reach;
    for (let i = 0; i < size; i++) {
      const apart = (x[i] - event.x) ** 2 + (y[i] - event.y) ** 2;
      if (apart < best) { best = apart; found = i; }
    }
    return found;
  };
  const describe = (i) => {
    const said = map.colourings.map((entry) => {
      const code = map.codes(entry, frame)[i];
      return code ? S.el("p", {}, entry.name === "right" ? entry.groups[code - 1] : `${entry.name === "class" ? "" : ""}${entry.groups[code - 1]}`) : null;
    });
    return [S.data.images ? S.thumb(map.images[i], 96, map.files[i]) : null, ...said, S.el("p", { class: "file" }, map.files[i])].filter(Boolean);
  };
  const plot = figure.one("map-plot");
  let pointer = [0, 0];
  S.byId("map-plot").addEventListener("pointermove", (event) => { pointer = [event.clientX, event.clientY]; }, true);
  figure.on(plot, "mousemove", (event) => { const i = nearest(event); if (i === null) S.untip(); else S.tip(...pointer, ...describe(i)); });
  figure.on(plot, "mouseleave", S.untip);
  figure.on(plot, "tap", (event) => { const i = nearest(event); pinned = i === pinned ? null : i; draw(); });

  const stop = () => { clearInterval(timer); timer = null; play.textContent = "▶ play"; play.setAttribute("aria-pressed", "false"); };
  play.disabled = last === 0;
  play.addEventListener("click", () => {
    if (timer) return stop();
    play.textContent = "⏸ pause";
    play.setAttribute("aria-pressed", "true");
    if (frame === last) go(0);
    timer = setInterval(() => (frame === last ? stop() : go(frame + 1)), Math.max(160, Math.min(650, 9000 / (last + 1))));
  });
  slider.addEventListener("input", () => { stop(); go(Number(slider.value)); });
  S.byId("map-plot").addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step) { stop(); go(frame + step); event.preventDefault(); }
  });
  choice.addEventListener("change", () => { colouring = map.colourings[Number(choice.value)]; lit.clear(); key(); draw(); });
  S.byId("map-trails").addEventListener("change", draw);
  S.theme.push(() => { key(); draw(); });
  label(); key(); draw();

  S.whenOpen(section.querySelector('[data-fill="map"]'), () => {
    const { x, y } = map.xy[frame];
    section.querySelector('[data-fill="map"] .fill').replaceChildren(S.table("Images on the map", ["image", "x", "y", ...map.colourings.map((entry) => entry.title)],
      map.files.map((file, i) => [file, String(x[i]), String(y[i]), ...map.colourings.map((entry) => { const code = map.codes(entry, frame)[i]; return code ? entry.groups[code - 1] : "–"; })])));
  });
});

// A still map for a report card.
S.stillMap = async (position, side) => {
  if (!S.data.map) return null;
  const map = await S.map(), t = map.frames.indexOf(position);
  if (t < 0) return null;
  const canvas = S.el("canvas", { width: 2 * side, height: 2 * side, role: "img", "aria-label": `Feature map at ${S.data.checkpoints[position].label}`, style: { width: `${side}px`, height: `${side}px` } });
  const draw = () => {
    const pen = canvas.getContext("2d"), scale = (2 * side) / (map.levels + 1), { x, y } = map.xy[t], colouring = map.colourings[0];
    pen.clearRect(0, 0, canvas.width, canvas.height);
    pen.globalAlpha = 0.85;
    for (let i = 0; i < map.images.length; i++) {
      const code = colouring ? map.codes(colouring, t)[i] : 0;
      pen.fillStyle = code ? colouring.colours[code - 1] : S.unknown();
      pen.beginPath();
      pen.arc(x[i] * scale, 2 * side - y[i] * scale, 3.2, 0, 7);
      pen.fill();
    }
  };
  draw();
  S.theme.push(draw);
  return canvas;
};
