// Keeps the queue as the service sends it. Rows that are the same stay, so that focus and selection do.
"use strict";
(() => {
  const live = document.getElementById("live");
  const lost = document.getElementById("lost");

  const patchRows = (body, next) => {
    const focused = body.contains(document.activeElement) ? document.activeElement.closest("tr").id : null;
    let at = body.firstElementChild;
    for (const row of Array.from(next.children)) {
      const old = document.getElementById(row.id);
      if (old && old === at) at = at.nextElementSibling;
      const kept = old && old.outerHTML === row.outerHTML ? old : row;
      if (old && kept !== old) old.replaceWith(kept);
      if (kept.nextElementSibling !== at || !kept.isConnected || kept.parentElement !== body) body.insertBefore(kept, at);
    }
    while (at) {
      const gone = at;
      at = at.nextElementSibling;
      gone.remove();
    }
    // A row that was replaced, or moved to another place, has lost the focus.
    if (focused && !body.contains(document.activeElement)) document.getElementById(focused)?.querySelector("a")?.focus({ preventScroll: true });
  };

  const patch = (text) => {
    const next = new DOMParser().parseFromString(text, "text/html");
    for (const part of next.querySelectorAll("[data-part]")) {
      const old = live.querySelector(`[data-part="${part.dataset.part}"]`);
      if (!old) continue;
      if (part.dataset.part === "rows") patchRows(old, part);
      else if (old.innerHTML !== part.innerHTML) old.replaceChildren(...part.childNodes);
    }
  };

  const follow = () => {
    const events = new EventSource("/live");
    events.addEventListener("open", () => { lost.hidden = true; });
    events.addEventListener("queue", (event) => patch(event.data));
    events.addEventListener("error", () => {
      lost.hidden = false;
      if (events.readyState === EventSource.CLOSED) setTimeout(follow, 30000);
    });
  };
  follow();
})();
