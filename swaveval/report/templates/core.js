// Shared by the other parts. Every stored string becomes text (textContent), never markup.
// `sections`: what each section's script does with its element, by the section's id.
const S = { data: null, theme: [], frames: {}, sections: {} };

S.byId = (id) => document.getElementById(id);

S.el = (tag, attributes = {}, ...children) => {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "class") made.className = value;
    else if (name === "style") Object.assign(made.style, value);
    else made.setAttribute(name, value === true ? "" : value);
  }
  for (const child of children.flat()) if (child !== null && child !== undefined && child !== false) made.append(child);
  return made;
};

S.svg = (tag, attributes = {}, ...children) => {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
};

// Blobs are zlib streams in base64.
S.bytes = async (name) => {
  const holder = S.byId(`blob-${name}`);
  if (!holder) return null;
  const packed = Uint8Array.from(atob(holder.textContent.trim()), (c) => c.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
};
S.json = async (name) => {
  const bytes = await S.bytes(name);
  return bytes && JSON.parse(new TextDecoder().decode(bytes));
};
// The inverse of packing.deltas: one Int32Array per frame.
S.deltas = async (name, frames) => {
  const bytes = await S.bytes(name);
  const width = bytes[0], count = (bytes.length - 1) / width, size = count / frames, made = [];
  for (let t = 0; t < frames; t++) {
    const frame = new Int32Array(size), before = t ? made[t - 1] : null;
    for (let i = 0; i < size; i++) {
      let value = 0;
      for (let plane = 0; plane < width; plane++) value |= bytes[1 + plane * count + t * size + i] << (8 * plane);
      if (width === 2) value = (value << 16) >> 16;
      frame[i] = value + (before ? before[i] : 0);
    }
    made.push(frame);
  }
  return made;
};
S.once = (make) => {
  let kept = null;
  return () => (kept ??= make());
};

S.number = (value, unit = "", signed = false) => {
  if (value === null || value === undefined) return "–";
  if (typeof value === "string") return value;
  const shown = unit === "fraction" ? Math.round(1000 * value) : value, sign = signed && shown > 0 ? "+" : "";
  const tidy = (text) => sign + text.replace("-", "−");
  if (unit === "fraction") return tidy((shown / 10 + 0).toFixed(1)) + (signed ? " points" : " %");
  if (["count", "prototypes", "images"].includes(unit) && Number.isInteger(value)) return tidy(value.toLocaleString("en"));
  const size = Math.abs(value);
  if (size === 0) return "0";
  if (size >= 1e6 || size < 1e-4) return tidy(value.toExponential(2));
  if (size >= 1000) return tidy(Math.round(value).toLocaleString("en"));
  return tidy(value.toFixed(Math.max(0, 2 - Math.floor(Math.log10(size)))));
};
S.range = (low, high, unit, signed = false) => {
  if (typeof low !== "number" || typeof high !== "number") return "";
  return `${S.number(low, unit, signed).replace(/ (%|points)$/, "")} to ${S.number(high, unit, signed)}`;
};

S.tip = (x, y, ...children) => {
  const tip = S.byId("tip");
  tip.replaceChildren(...children);
  tip.hidden = false;
  const box = tip.getBoundingClientRect();
  tip.style.left = `${Math.max(6, Math.min(innerWidth - box.width - 6, x + 16))}px`;
  tip.style.top = `${y + box.height + 24 > innerHeight ? Math.max(6, y - box.height - 12) : y + 16}px`;
};
S.untip = () => { S.byId("tip").hidden = true; };

// Pictures: one sheet of tiles, shown by moving it behind a square window.
S.sheet = (name) => S.once(() => {
  const about = S.data.sheets[name], holder = S.byId(`sheet-${name}`);
  if (!about || !holder) return null;
  return { ...about, uri: holder.textContent.trim(), place: new Map(about.images.map((image, i) => [image, i])) };
});
S.thumb = (image, size, title) => {
  for (const name of size > 60 ? ["gallery", "map"] : ["map", "gallery"]) {
    const sheet = (S.frames[`sheet-${name}`] ??= S.sheet(name))();
    const place = sheet?.place.get(image);
    if (place === undefined) continue;
    return S.el("span", { class: "thumb", role: "img", "aria-label": title, title, style: {
      width: `${size}px`, height: `${size}px`, backgroundImage: `url("${sheet.uri}")`,
      backgroundSize: `${sheet.columns * size}px ${sheet.rows * size}px`,
      backgroundPosition: `${-(place % sheet.columns) * size}px ${-Math.floor(place / sheet.columns) * size}px`,
      imageRendering: size > 2 * sheet.side ? "pixelated" : "auto",
    } });
  }
  return S.el("span", { class: "thumb none", role: "img", "aria-label": title, title, style: { width: `${size}px`, height: `${size}px` } },
    title.split(", ")[0].replace(/^image /, ""));
};

S.table = (label, head, rows) => S.el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": label },
  S.el("table", {},
    S.el("thead", {}, S.el("tr", {}, head.map((text, i) => S.el("th", { scope: "col", class: i ? "num" : null }, text)))),
    S.el("tbody", {}, rows.map((row) => S.el("tr", {}, row.map((text, i) => S.el(i ? "td" : "th", i ? { class: "num" } : { scope: "row" }, text)))))));

// Fill something the first time it is shown; a fault there must not cost the rest of the page.
S.whenOpen = (details, fill) => {
  const run = S.once(() => Promise.resolve().then(fill));
  const look = () => { if (details.open) run(); };
  details.addEventListener("toggle", look);
  look();
};
S.goTo = (anchor) => {
  if (location.hash === `#${anchor}`) S.reveal();
  else location.hash = anchor;
};
S.reveal = () => {
  let target = null;
  try { target = S.byId(decodeURIComponent(location.hash.slice(1))); } catch { return; }
  if (!target) return;
  for (let place = target; place; place = place.parentElement) if (place.tagName === "DETAILS") place.open = true;
  requestAnimationFrame(() => target.scrollIntoView({ block: "start" }));
  (target.querySelector("summary") ?? target).focus({ preventScroll: true });
};
