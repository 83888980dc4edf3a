// Confusion matrices: a table with numbers up to 20 classes, a picture and the worst pairs above.
S.matrix = async (name, frame) => {
  const about = S.data.confusion.find((entry) => entry.name === name), t = about.frames.indexOf(frame);
  if (t < 0) return null;
  const frames = await (S.frames[`confusion-${name}`] ??= S.once(() => S.deltas(`confusion-${name}`, about.frames.length)))();
  return { size: about.classes, counts: frames[t], name: (c) => S.data.classes[c] ?? `class ${c}` };
};
S.shares = (matrix) => {
  const { size, counts } = matrix, shares = new Float64Array(size * size);
  for (let row = 0; row < size; row++) {
    let total = 0;
    for (let c = 0; c < size; c++) total += counts[row * size + c];
    for (let c = 0; c < size; c++) shares[row * size + c] = total ? counts[row * size + c] / total : 0;
  }
  return shares;
};
S.drawMatrix = (matrix, side = 420) => {
  const shares = S.shares(matrix), { size } = matrix;
  const tint = (row, c) => {
    const share = shares[row * size + c];
    const strength = (S.dark() ? 0.65 : 1) * (row === c ? 0.12 + 0.68 * share : Math.min(0.8, 0.14 + 1.6 * share));
    return share === 0 ? "transparent" : `rgb(${row === c ? "63 144 218" : "231 98 0"} / ${strength})`;
  };
  if (size <= 20) {
    // The page's own colours decide how strong a cell may be under its number.
    const cell = (row, c, title, text) => {
      const made = S.el("td", { class: shares[row * size + c] === 0 ? null : row === c ? "hit" : "miss", title }, text);
      made.style.setProperty("--share", shares[row * size + c].toFixed(3));
      return made;
    };
    const names = Array.from({ length: size }, (_, c) => matrix.name(c));
    return S.el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Confusion matrix" }, S.el("table", { class: "matrix" },
      S.el("thead", {}, S.el("tr", {}, S.el("th", { scope: "col" }, "true ↓ taken for →"), names.map((name) => S.el("th", { scope: "col", title: name }, name)))),
      S.el("tbody", {}, names.map((name, row) => S.el("tr", {}, S.el("th", { scope: "row", title: name }, name),
        names.map((other, c) => cell(row, c, `${name} taken for ${other}: ${matrix.counts[row * size + c]}`, matrix.counts[row * size + c] ? String(matrix.counts[row * size + c]) : "")))))));
  }
  const cell = Math.max(1, Math.floor(side / size)), canvas = S.el("canvas", { width: size * cell, height: size * cell, role: "img", "aria-label": `Confusion matrix of ${size} classes; the worst pairs are listed beside it` });
  const pen = canvas.getContext("2d");
  for (let row = 0; row < size; row++) for (let c = 0; c < size; c++) if (shares[row * size + c]) { pen.fillStyle = tint(row, c); pen.fillRect(c * cell, row * cell, cell, cell); }
  canvas.addEventListener("pointermove", (event) => {
    const box = canvas.getBoundingClientRect();
    const c = Math.min(size - 1, Math.floor(((event.clientX - box.left) / box.width) * size)), row = Math.min(size - 1, Math.floor(((event.clientY - box.top) / box.height) * size));
    S.tip(event.clientX, event.clientY, S.el("p", {}, `${matrix.name(row)} taken for ${matrix.name(c)}: ${matrix.counts[row * size + c]}`));
  });
  canvas.addEventListener("pointerleave", S.untip);
  return canvas;
};
S.worstPairs = (matrix, most) => {
  const { size, counts } = matrix, shares = S.shares(matrix), pairs = [];
  for (let row = 0; row < size; row++) for (let c = 0; c < size; c++) if (row !== c && counts[row * size + c]) pairs.push([row, c]);
  pairs.sort((a, b) => counts[b[0] * size + b[1]] - counts[a[0] * size + a[1]]);
  return pairs.length ? S.table("Most confused", ["true class", "taken for", "images", "of the class"], pairs.slice(0, most).map(([row, c]) => [matrix.name(row), matrix.name(c), String(counts[row * size + c]), S.number(shares[row * size + c], "fraction")])) : S.el("p", { class: "note" }, "No image is taken for another class.");
};
S.sections.quality = (section) => {
  const holder = S.byId("confusion");
  if (holder) S.whenOpen(section, async () => {
    let about = S.data.confusion[0];
    const frames = () => about.frames;
    const slider = S.el("input", { type: "range", min: 0, step: 1, id: "confusion-slider" }), at = S.el("output"), body = S.el("div", { class: "side-by-side" });
    const show = async () => {
      const frame = frames()[Number(slider.value)];
      at.textContent = S.data.checkpoints[frame].label;
      slider.setAttribute("aria-valuetext", at.textContent);
      const matrix = await S.matrix(about.name, frame);
      body.replaceChildren(S.drawMatrix(matrix), S.el("div", {}, S.worstPairs(matrix, 12)));
    };
    const reset = () => { slider.max = String(frames().length - 1); slider.value = String(Math.max(0, frames().indexOf(S.data.best ?? frames().at(-1)))); return show(); };
    const choice = S.el("select", {}, S.data.confusion.map((entry, i) => S.el("option", { value: i }, entry.title)));
    choice.addEventListener("change", () => { about = S.data.confusion[Number(choice.value)]; reset(); });
    slider.addEventListener("input", show);
    holder.querySelector(".fill").replaceChildren(S.el("div", { class: "controls" }, S.el("label", { class: "slide" }, S.el("span", {}, "checkpoint ", at), slider), S.data.confusion.length > 1 ? S.el("label", {}, "protocol ", choice) : null), body,
      S.el("p", { class: "note" }, "Rows are true classes. Blue: right; orange: taken for another class; stronger is a larger share of the row."));
    await reset();
  });
};
