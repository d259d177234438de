"use strict";
// What the page adds to the panel that the browser library draws: names for screen readers, buttons that show what is
// chosen, sliders that fill from zero, files dropped anywhere, a question before unsaved work is left.
(() => {
  const limit = __MAX_UPLOAD__;
  let state = { pressed: [], unsaved: false };

  function words(node) { return node ? node.textContent.trim() : ""; }

  // The label that stands in the same row as an input of the panel.
  function labelOf(node) {
    for (let box = node.parentElement, up = 0; box && up < 7; box = box.parentElement, up++) {
      const label = box.querySelector("label");
      if (label) return words(label);
    }
    return "";
  }

  function mark() {
    const tabs = document.querySelector("[role=tablist]"), panel = tabs && tabs.closest(".mantine-Paper-root");
    const canvas = document.querySelector("canvas");
    if (panel) set(panel, "data-inface", "panel");
    if (canvas) {
      const root = document.querySelector("#root");
      for (let box = canvas.parentElement; box && box !== root; box = box.parentElement) {
        if (box.parentElement && getComputedStyle(box.parentElement).display === "flex" && getComputedStyle(box).flexGrow === "1" && box.style.backgroundColor) {
          set(box, "data-inface", "canvas"); set(box.parentElement, "data-inface", "row"); break;
        }
      }
      set(canvas, "aria-label", "The head in three dimensions; drag to turn it");
      set(canvas, "role", "img");
    }
    for (const thumb of document.querySelectorAll("[role=slider]")) name(thumb);
    for (const input of document.querySelectorAll("[data-inface=panel] input:not([type=hidden]):not([type=file])")) {
      if (!input.getAttribute("aria-label") && !input.labels?.length) { const text = labelOf(input); if (text) set(input, "aria-label", text); }
    }
    for (const button of document.querySelectorAll("[data-inface=panel] button")) {
      const text = words(button);
      if (state.pressed.includes(text)) set(button, "aria-pressed", "true");
      else if (button.hasAttribute("aria-pressed")) button.setAttribute("aria-pressed", "false");
    }
  }

  function set(node, attribute, value) { if (node.getAttribute(attribute) !== value) node.setAttribute(attribute, value); }

  // A name for a slider, and a bar that starts at zero where zero lies between its ends.
  function name(thumb) {
    const text = labelOf(thumb);
    if (text) set(thumb, "aria-label", text);
    const low = Number(thumb.getAttribute("aria-valuemin")), high = Number(thumb.getAttribute("aria-valuemax"));
    const now = Number(thumb.getAttribute("aria-valuenow")), bar = thumb.parentElement.querySelector(".mantine-Slider-bar");
    if (!(low < 0 && high > 0) || !bar) return;
    const part = (v) => 100 * (v - low) / (high - low), [a, b] = [part(0), part(now)].sort((p, q) => p - q);
    const width = `${(b - a).toFixed(2)}%`, offset = `${a.toFixed(2)}%`;
    if (bar.style.getPropertyValue("--slider-bar-width") !== width) bar.style.setProperty("--slider-bar-width", width);
    if (bar.style.getPropertyValue("--slider-bar-offset") !== offset) bar.style.setProperty("--slider-bar-offset", offset);
  }

  function read() {
    const node = document.querySelector("[data-inface=state]");
    if (!node || node.dataset.json === read.last) return;
    read.last = node.dataset.json;
    try { state = { pressed: [], unsaved: false, ...JSON.parse(node.dataset.json) }; } catch { return; }
    if (state.title) document.title = state.title;
  }

  let pending = false;
  function soon() {
    if (pending) return;
    pending = true;
    requestAnimationFrame(() => { pending = false; read(); mark(); });
  }

  // The end of a drag, or of a run of keys, is the end of one step of undo.
  let settling = 0;
  function settle(after) {
    clearTimeout(settling);
    settling = setTimeout(() => { fetch(`${location.pathname.replace(/\/?$/, "/")}settled`, { cache: "no-store" }).catch(() => {}); }, after);
  }
  for (const kind of ["pointerup", "mouseup", "touchend"]) addEventListener(kind, () => settle(150), true);
  for (const kind of ["pointerdown", "mousedown", "keydown"]) addEventListener(kind, () => clearTimeout(settling), true);
  addEventListener("keyup", (event) => { if (event.target.getAttribute && event.target.getAttribute("role") === "slider") settle(900); }, true);

  addEventListener("beforeunload", (event) => { if (state.unsaved) { event.preventDefault(); event.returnValue = ""; } });

  // Files dropped anywhere go to the first upload button of the panel.
  function banner(kind, text) {
    const node = document.createElement("div");
    node.setAttribute("data-inface", kind); node.textContent = text;
    document.body.append(node);
    return node;
  }
  function refuse(file) {
    const node = banner("lost", `${file.name} is bigger than the ${Math.round(limit / 1e6)} MB that can be opened here.`);
    node.setAttribute("role", "alert");
    setTimeout(() => node.remove(), 8000);
  }
  addEventListener("DOMContentLoaded", () => {
    new MutationObserver(soon).observe(document.body, { childList: true, subtree: true, attributes: true, attributeFilter: ["aria-valuenow", "data-json", "style", "class"] });
    const drop = banner("drop", "Drop a mesh, scan or scene here");
    let depth = 0;
    const files = (event) => event.dataTransfer && [...event.dataTransfer.types].includes("Files");
    addEventListener("dragenter", (event) => { if (files(event)) { depth++; drop.classList.add("over"); event.preventDefault(); } });
    addEventListener("dragleave", (event) => { if (files(event) && --depth <= 0) { depth = 0; drop.classList.remove("over"); } });
    addEventListener("dragover", (event) => { if (files(event)) event.preventDefault(); });
    addEventListener("drop", (event) => {
      if (!files(event)) return;
      event.preventDefault(); depth = 0; drop.classList.remove("over");
      const input = document.querySelector("[data-inface=panel] input[type=file]") || document.querySelector("input[type=file]");
      const [file] = event.dataTransfer.files;
      if (!input || !file) return;
      const box = new DataTransfer();
      box.items.add(file);
      input.files = box.files;
      input.dispatchEvent(new Event("change", { bubbles: true }));
    });
    addEventListener("change", (event) => {
      const file = event.target.type === "file" && event.target.files && event.target.files[0];
      if (file && file.size > limit) { event.stopImmediatePropagation(); event.preventDefault(); refuse(file); event.target.value = ""; }
    }, true);
    // arrow keys that move a slider do not go through the folder as well
    document.body.addEventListener("keydown", (event) => { if (event.target.getAttribute && event.target.getAttribute("role") === "slider") event.stopPropagation(); });
    soon();
  });
})();
