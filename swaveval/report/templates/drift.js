// How far each layer moved: a heat map whose ramp runs from the page's ground to its accent.
S.sections.weights = (section) => {
  const holder = S.byId("drift"), drift = S.data.drift;
  if (!holder || !drift) return;
  S.whenOpen(section, () => {
    let kind = drift.kinds[0];
    const layers = drift.names.length, steps = drift.labels.length, cell = Math.max(3, Math.min(18, Math.floor(560 / layers)));
    const canvas = S.el("canvas", { width: steps, height: layers, role: "img", style: { height: `${layers * cell}px` } });
    const ramp = S.el("span", { class: "ramp" }), scale = S.el("span"), said = S.el("span"), choice = S.el("select", {}, drift.kinds.map((entry, i) => S.el("option", { value: i }, entry.title)));
    const colour = (share) => (S.dark() ? [27 + share * 190, 32 + share * 190, 40 + share * 215] : [240 - share * 229, 242 - share * 170, 244 - share * 110]).map(Math.round);
    let fill = null;
    const draw = () => {
      const pen = canvas.getContext("2d"), top = Math.max(1e-9, ...kind.values.flat().filter((value) => value !== null));
      kind.values.forEach((row, layer) => row.forEach((value, t) => { pen.fillStyle = value === null ? "#8a949e" : `rgb(${colour(Math.sqrt(Math.max(0, value) / top)).join(" ")})`; pen.fillRect(t, layer, 1, 1); }));
      ramp.style.background = `linear-gradient(90deg, ${[0, 0.5, 1].map((share) => `rgb(${colour(share).join(" ")})`).join(", ")})`;
      said.textContent = `${kind.said}: 0`;
      scale.textContent = `${S.number(top)} (square-root scale; grey: not measured)`;
      canvas.setAttribute("aria-label", `Drift of ${layers} layers over ${steps} checkpoints ${kind.title}, up to ${S.number(top)}; as a table below`);
      fill?.();
    };
    choice.addEventListener("change", () => { kind = drift.kinds[Number(choice.value)]; draw(); });
    S.theme.push(draw);
    canvas.addEventListener("pointermove", (event) => {
      const box = canvas.getBoundingClientRect(), t = Math.min(steps - 1, Math.floor(((event.clientX - box.left) / box.width) * steps)), layer = Math.min(layers - 1, Math.floor(((event.clientY - box.top) / box.height) * layers));
      S.tip(event.clientX, event.clientY, S.el("p", {}, S.el("strong", {}, drift.names[layer])), S.el("p", {}, `${drift.labels[t]}: moved ${S.number(kind.values[layer][t])} of its size`));
    });
    canvas.addEventListener("pointerleave", S.untip);
    const every = Math.max(1, Math.ceil(layers / 40)), names = S.el("div", { class: "drift-names", "aria-hidden": "true", style: { height: `${layers * cell}px` } }, drift.names.map((name, i) => S.el("span", { title: name }, i % every ? "" : name)));
    const table = S.el("details", { class: "data-table" }, S.el("summary", {}, "This figure as a table"), S.el("div", { class: "fill" }));
    S.whenOpen(table, () => {
      fill = () => table.querySelector(".fill").replaceChildren(S.table("Drift of each layer", ["layer", ...drift.labels], drift.names.map((name, i) => [name, ...kind.values[i].map((value) => S.number(value))])));
      fill();
    });
    const still = drift.still.length ? S.el("p", { class: "note warned-text" }, `Never moved (${drift.still.length}): ${drift.still.slice(0, 12).join(", ")}${drift.still.length > 12 ? " …" : ""}. Frozen on purpose, or cut off by mistake.`) : null;
    holder.querySelector(".fill").replaceChildren(...[drift.kinds.length > 1 ? S.el("div", { class: "controls" }, S.el("label", {}, "how far ", choice)) : null,
      S.el("div", { class: "drift-body" }, names, canvas, S.el("div", { class: "drift-axis" }, S.el("span", {}, drift.labels[0]), S.el("span", {}, drift.labels.at(-1)))),
      S.el("p", { class: "note" }, said, ramp, scale), still, table].filter(Boolean));
    draw();
  });
};
