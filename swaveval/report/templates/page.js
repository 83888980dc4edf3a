// Start: what is on the first screen at once, the rest when it is opened.
S.startAge = () => {
  const age = S.byId("age"), reload = S.byId("reload");
  const made = age ? new Date(age.getAttribute("datetime")) : null, written = age?.textContent;
  const ago = () => {
    const minutes = Math.floor((Date.now() - made) / 60000);
    if (!(minutes >= 1)) return "";
    const [count, unit] = minutes < 120 ? [minutes, "minute"] : minutes < 2880 ? [Math.round(minutes / 60), "hour"] : [Math.round(minutes / 1440), "day"];
    return `, ${count} ${unit}${count === 1 ? "" : "s"} ago`;
  };
  const tell = () => { if (made && !Number.isNaN(+made)) age.textContent = written + ago(); };
  tell();
  setInterval(tell, 60000);
  // A page opened from a file may not look at the files beside it; but it may load itself again.
  const on = S.kept("reload") === "on", seen = S.kept("seen");
  if (on && age && seen && seen !== age.getAttribute("datetime")) age.after(S.el("strong", {}, "just updated"));
  if (age) S.keep("seen", age.getAttribute("datetime"));
  if (!reload) return;
  reload.setAttribute("aria-pressed", String(on));
  let timer = null;
  const plan = (active) => { clearInterval(timer); if (active) timer = setInterval(() => { if (document.visibilityState === "visible") location.reload(); }, 30000); };
  plan(on);
  reload.addEventListener("click", () => {
    const active = reload.getAttribute("aria-pressed") !== "true";
    reload.setAttribute("aria-pressed", String(active));
    S.keep("reload", active ? "on" : "off");
    plan(active);
  });
};
const start = async () => {
  S.startTheme();
  S.startAge();
  S.data = await S.json("data");
  await S.startOverview();
  S.startSmall();
  if (S.byId("map")) S.startMap(S.byId("map"));
  if (S.byId("quality")) S.startConfusion(S.byId("quality"));
  if (S.byId("weights")) S.startDrift(S.byId("weights"));
  S.startGalleries();
  S.startCards();
  addEventListener("hashchange", S.reveal);
  if (location.hash) S.reveal();
  document.documentElement.dataset.ready = "yes";
};
start();
