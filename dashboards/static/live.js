// Swaps the parts of a page that changed; says so when they stop coming.
"use strict";
(() => {
  const d = document, page = d.body.dataset, lost = d.getElementById("lost");
  let seen = page.seen, heard = Date.now();

  const alive = () => { heard = Date.now(); lost.hidden = true; };

  const swap = (id, html) => {
    const part = d.getElementById(id);
    if (!part) return;
    const open = [...part.querySelectorAll("details[open]")].map(e => e.id);
    const f = part.contains(d.activeElement) && d.activeElement;
    const again = f && (f.id ? "#" + CSS.escape(f.id)
      : f.localName == "summary" ? "#" + CSS.escape(f.parentNode.id) + ">summary"
      : `[href=${JSON.stringify(f.getAttribute("href"))}]`);
    part.innerHTML = html;
    for (const e of part.querySelectorAll("details")) e.open = open.includes(e.id);
    if (again) part.querySelector(again)?.focus({ preventScroll: true });
  };

  const join = () => {
    const events = new EventSource(page.live + "&v=" + encodeURIComponent(seen));
    events.onmessage = e => {
      alive();
      seen = e.lastEventId;
      for (const [id, html] of Object.entries(JSON.parse(e.data))) swap(id, html);
    };
    events.addEventListener("beat", e => { alive(); d.getElementById("now").textContent = e.data; });
    events.onerror = () => { if (events.readyState == 2) setTimeout(join, 15000); };
  };

  setInterval(() => { if (Date.now() - heard > 40000) lost.hidden = false; }, 1000);
  join();
})();
