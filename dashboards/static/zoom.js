// Opens a chart that can be zoomed; loads what that takes when first asked.
"use strict";
(() => {
  const d = document, page = d.body.dataset;
  d.documentElement.classList.add("js");

  const load = (name, attributes) => new Promise((done, fail) => {
    const e = Object.assign(d.createElement(name), attributes, { onload: done, onerror: fail });
    d.head.append(e);
  });
  let loading;
  const plot = () => loading ??= Promise.all([
    load("script", { src: page.plot }), load("link", { rel: "stylesheet", href: page.plotStyle }),
  ]);

  d.addEventListener("click", async event => {
    const button = event.target.closest("[data-zoom]");
    if (!button) return;
    const [answer] = await Promise.all([fetch(button.dataset.zoom + "&lang=" + d.documentElement.lang), plot()]);
    const data = await answer.json();
    const dialog = d.createElement("dialog"), close = d.createElement("button");
    close.className = "zoom";
    close.textContent = data.close;
    close.onclick = () => dialog.close();
    dialog.addEventListener("close", () => dialog.remove());
    dialog.append(close);
    d.body.append(dialog);
    dialog.showModal();

    const style = getComputedStyle(d.documentElement), colour = name => style.getPropertyValue("--" + name).trim();
    const colours = ["unknown", "curve", "at_risk", "down", "portal", "up", "degraded"].map(colour);
    const axis = { stroke: colour("soft"), grid: { stroke: colour("line") }, ticks: { stroke: colour("line") } };
    const local = t => new Date((t + data.offset) * 1000);
    const date = t => local(t).toISOString().slice(5, 10).split("-").reverse().join("/");
    const clock = t => local(t).toISOString().slice(11, 19);
    const number = v => v.toLocaleString(d.documentElement.lang) + " " + data.unit;
    new uPlot({
      title: data.title, width: dialog.clientWidth - 40, height: 420,
      tzDate: t => uPlot.tzDate(local(t), "Etc/UTC"),
      axes: [
        { ...axis, values: (_, all) => all.map(t => clock(t) == "00:00:00" ? date(t) : clock(t).slice(0, 5)) },
        { ...axis, size: 80, values: (_, all) => all.map(number) },
      ],
      series: [
        { label: data.time, value: (_, t) => t == null ? "–" : clock(t) + " " + date(t) },
        ...data.names.map((label, i) => ({
          label, stroke: colours[i % colours.length], width: 1.5, value: (_, v) => v == null ? "–" : number(v),
        })),
      ],
    }, [data.times, ...data.lines], dialog);
  });
})();
