// Pictures: fixed queries with their neighbours, and the most typical images of each group.
S.labelOf = S.once(() => new Map(S.data.gallery.images.map((image, i) => [image, S.data.gallery.labels?.[i] ?? -1])));
S.className = (label) => (label >= 0 ? (S.data.classes[label] ?? `class ${label}`) : "");
S.named = (image) => S.className(S.labelOf().get(image) ?? -1) || `image ${image}`;
S.strip = (query, neighbours, similarity, size) => {
  const own = S.labelOf().get(query) ?? -1;
  return S.el("div", { class: "strip" }, neighbours.map((image, i) => {
    const label = S.labelOf().get(image) ?? -1, known = own >= 0 && label >= 0, same = label === own;
    const title = `${S.named(image)}${known ? (same ? ", same class" : ", another class") : ""}${similarity ? `, similarity ${similarity[i]}` : ""}`;
    return S.el("span", {}, S.thumb(image, size, title), known ? S.el("span", { class: `mark ${same ? "same" : "other"}`, "aria-hidden": "true" }, same ? "✓" : "✗") : null);
  }));
};
S.neighbourTable = (positions, size) => {
  const queries = S.data.gallery.neighbours[positions[0]].query;
  return S.el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Nearest neighbours" }, S.el("table", { class: "neighbours" },
    S.el("thead", {}, S.el("tr", {}, S.el("th", { scope: "col" }, "query"), positions.map((position) => S.el("th", { scope: "col" }, S.data.checkpoints[position].label)))),
    S.el("tbody", {}, queries.map((query) => S.el("tr", {}, S.el("td", {}, S.thumb(query, size + 8, S.named(query))),
      positions.map((position) => {
        const rows = S.data.gallery.neighbours[position], row = rows.query.indexOf(query);
        return S.el("td", { "data-label": S.data.checkpoints[position].label }, row < 0 ? "–" : S.strip(query, rows.neighbours[row], rows.similarity[row], size));
      }))))));
};
S.typicalGrid = (groups) => S.el("div", { class: "groups-grid" }, groups.map((group) => {
  const labels = group.images.map((image) => S.labelOf().get(image) ?? -1).filter((label) => label >= 0), counts = new Map();
  for (const label of labels) counts.set(label, (counts.get(label) ?? 0) + 1);
  const top = [...counts].sort((a, b) => b[1] - a[1])[0];
  const title = `${group.kind} ${group.group}${top ? `: ${top[1]} of ${labels.length} ${S.className(top[0])}` : ""}`;
  return S.el("figure", {}, S.el("figcaption", {}, title), S.el("div", { class: "strip" }, group.images.map((image) => S.thumb(image, 36, S.named(image)))));
}));
S.sections.neighbours = (section) => {
  const rows = S.byId("neighbour-rows");
  S.whenOpen(section, () => rows.querySelector(".fill").replaceChildren(S.neighbourTable(S.data.gallery.shown, 38),
    S.el("p", { class: "note" }, S.data.gallery.labels ? "✓ same class as the query, ✗ another class. Nearest first." : "Nearest first.", S.data.images ? "" : " Pictures were left out of this page.")));
};
S.sections.groups = (section) => {
  const typical = S.byId("typical");
  if (typical) S.whenOpen(section, () => {
    const positions = Object.keys(S.data.gallery.typical).map(Number), kinds = [...new Set(Object.values(S.data.gallery.typical).flat().map((group) => group.kind))];
    const when = S.el("select", {}, positions.map((position) => S.el("option", { value: position }, S.data.checkpoints[position].label))), kind = S.el("select", {}, kinds.map((name) => S.el("option", {}, `${name}s`)));
    const body = S.el("div");
    when.value = String(positions.at(-1));
    const show = () => body.replaceChildren(S.typicalGrid(S.data.gallery.typical[when.value].filter((group) => `${group.kind}s` === kind.value)));
    when.addEventListener("change", show);
    kind.addEventListener("change", show);
    typical.querySelector(".fill").replaceChildren(S.el("div", { class: "controls" }, S.el("label", {}, "checkpoint ", when), S.el("label", {}, "of ", kind)), body);
    show();
  });
};
