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
  S.startWatch(age, reload);
};
// Is the file newer than what is shown? A page may not read the files beside it, but it may open itself once more in a
// hidden frame, whose first script answers and stops. Never at the start: only on coming back to the tab, and each minute.
S.askFile = (answered) => {
  const frame = S.el("iframe", { hidden: true, title: "How old the file is", sandbox: "allow-scripts", src: `${location.href.split("#")[0]}#results-made` });
  const end = (made) => {
    removeEventListener("message", hear);
    clearTimeout(patience);
    frame.remove();
    answered(made);
  };
  const hear = (event) => { if (event.source === frame.contentWindow && typeof event.data?.resultsMade === "string") end(event.data.resultsMade); };
  const patience = setTimeout(() => end(null), 20000);
  addEventListener("message", hear);
  document.body.append(frame);
};
S.startWatch = (age, reload) => {
  const made = document.documentElement.dataset.made, wanted = S.kept("reload") === "on", seen = S.kept("seen");
  if (wanted && age && seen && seen !== made) age.after(S.el("strong", {}, "just updated"));
  S.keep("seen", made);
  if (reload) reload.setAttribute("aria-pressed", String(wanted));
  const on = () => reload?.getAttribute("aria-pressed") === "true";
  let asking = false, mute = !made, timer = null;
  const tell = (later) => {
    if (S.byId("newer")) return;
    const button = S.el("button", { type: "button" }, "show them");
    button.addEventListener("click", () => location.reload());
    S.byId("main").prepend(S.el("p", { id: "newer", role: "status" }, `This page is older than the results beside it, which were made ${later.slice(0, 16).replace("T", " ")} UTC.`, button));
  };
  const look = () => {
    if (document.visibilityState !== "visible" || asking) return;
    if (mute) { if (on()) location.reload(); return; }
    asking = true;
    S.askFile((later) => {
      asking = false;
      // A file that was moved, or a browser that allows no frame: do not ask again.
      if (later === null) { mute = true; return; }
      if (!(new Date(later) > new Date(made))) return;
      if (on()) location.reload();
      else tell(later);
    });
  };
  const plan = () => { clearInterval(timer); timer = setInterval(look, on() ? 20000 : 60000); };
  plan();
  document.addEventListener("visibilitychange", look);
  reload?.addEventListener("click", () => {
    reload.setAttribute("aria-pressed", String(!on()));
    S.keep("reload", on() ? "on" : "off");
    plan();
    if (on()) look();
  });
};
const start = async () => {
  S.startTheme();
  S.startAge();
  S.data = await S.json("data");
  await S.startOverview();
  S.startSmall();
  for (const [id, begin] of Object.entries(S.sections)) {
    const section = S.byId(id);
    if (section) begin(section);
  }
  addEventListener("hashchange", S.reveal);
  if (location.hash) S.reveal();
  document.documentElement.dataset.ready = "yes";
  performance.mark("ready");
};
start();
