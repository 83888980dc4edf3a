// Light and dark: the page follows CSS; plots are canvases, so their colours are exchanged for their twins.
S.dark = () => {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
};
S.colour = (pair) => pair[S.dark() ? 1 : 0];
S.css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

const COLOURS = ["line_color", "fill_color", "text_color", "axis_line_color", "major_tick_line_color", "grid_line_color", "major_label_text_color", "axis_label_text_color", "background_fill_color"];
S.paint = (bokeh) => {
  const twins = Object.entries(S.data.twins);
  const swap = new Map(twins.map(([light, dark]) => (S.dark() ? [light, dark] : [dark, light])));
  for (const model of bokeh._all_models.values ? bokeh._all_models.values() : bokeh._all_models) {
    for (const name of COLOURS) {
      if (!(name in model.properties)) continue;
      const held = model[name], value = held && typeof held === "object" ? held.value : held;
      if (typeof value === "string" && swap.has(value)) model[name] = typeof held === "object" ? { ...held, value: swap.get(value) } : swap.get(value);
    }
  }
};
S.repaint = () => { for (const paint of S.theme) paint(); };

S.startTheme = () => {
  const button = S.byId("theme"), kept = S.kept("theme");
  const show = (choice) => {
    if (choice === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = choice;
    button.setAttribute("aria-label", `Colours: ${{ auto: "automatic", light: "light", dark: "dark" }[choice]}`);
    button.textContent = { auto: "◐", light: "☀", dark: "☾" }[choice];
    button.dataset.choice = choice;
  };
  show(["light", "dark"].includes(kept) ? kept : "auto");
  button.addEventListener("click", () => {
    const order = ["auto", "dark", "light"], next = order[(order.indexOf(button.dataset.choice) + 1) % 3];
    show(next);
    S.keep("theme", next);
    S.repaint();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", S.repaint);
};

// Bokeh figures: embedded when first seen, then told apart by the names of their models.
S.figure = async (name, place) => {
  const item = await S.json(`figure-${name}`);
  if (!item) return null;
  const before = Bokeh.documents.length;
  await Bokeh.embed.embed_item(item, place);
  const bokeh = Bokeh.documents[before];
  const models = () => [...(bokeh._all_models.values ? bokeh._all_models.values() : bokeh._all_models)];
  const figure = { bokeh, all: (wanted) => models().filter((model) => model.name === wanted), one: (wanted) => models().find((model) => model.name === wanted) };
  figure.on = (model, event, then) => { model.on_event(event, then); bokeh.event_manager.subscribed_models.add(model); };
  S.theme.push(() => S.paint(bokeh));
  S.paint(bokeh);
  return figure;
};

// sessionStorage may be forbidden to files.
S.keep = (name, value) => { try { sessionStorage.setItem(`swaveval ${name}`, value); } catch { /* not kept */ } };
S.kept = (name) => { try { return sessionStorage.getItem(`swaveval ${name}`); } catch { return null; } };
