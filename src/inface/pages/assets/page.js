"use strict";
// The page: panels as tabs, each with one or more meshes side by side, overlaid or one at a time.

// Shorthand for a DOM element: element("button", {onclick}, "text", child, ...)
function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null));
  return node;
}

// The page's numbers: one deflated blob in base64; a reference is [offset, count, kind].
class Store {
  static async open() {
    const text = atob(document.getElementById("inface-bytes").textContent.trim()), packed = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i++) packed[i] = text.charCodeAt(i);
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
    return new Store(new Uint8Array(await new Response(stream).arrayBuffer()));
  }
  constructor(bytes) {
    this.data = JSON.parse(document.getElementById("inface-data").textContent);
    this.bytes = bytes;
    this.topologies = this.data.topologies.map(({ triangles }) => ({ triangles: Uint32Array.from(this.array(triangles)) }));
  }
  array([offset, count, kind]) {
    if (kind === "p2") {                       // 16-bit numbers: all low bytes, then all high bytes
      const low = new Uint8Array(this.bytes.buffer, offset, count), high = new Int8Array(this.bytes.buffer, offset + count, count);
      return Int16Array.from(low, (value, i) => high[i] * 256 + value);
    }
    const type = { u1: Uint8Array, u2: Uint16Array, u4: Uint32Array, i1: Int8Array, i2: Int16Array, f4: Float32Array }[kind];
    return new type(this.bytes.buffer, offset, count);
  }
  // Positions are 16-bit steps inside a box, or plain floats.
  positions({ low, step, steps, floats }) {
    if (floats) return this.array(floats);
    const quantised = this.array(steps), out = new Float32Array(quantised.length);
    for (let i = 0; i < out.length; i++) out[i] = low[i % 3] + step[i % 3] * quantised[i];
    return out;
  }
  body(mesh) {
    return { name: mesh.name, positions: this.positions(mesh.positions), topology: this.topologies[mesh.topology], heat: mesh.heat,
             colors: mesh.colors ? this.array(mesh.colors) : null, landmarks: mesh.landmarks, opacity: mesh.opacity };
  }
}

class Page {
  constructor(store) {
    this.store = store;
    this.layout = "side";
    this.hidden = new Set();
    const data = store.data;
    this.caption = element("p", { class: "caption", "aria-live": "polite" });
    this.surface = element("canvas", { class: "surface", tabindex: "0", role: "img" });
    this.overlay = element("canvas", { class: "overlay", "aria-hidden": "true" });
    this.names = element("div", { class: "names" });
    this.legend = element("div", { class: "legend", hidden: true });
    this.shown = element("div", { class: "group" });
    this.tabs = element("nav", { role: "tablist", "aria-label": "Panels", hidden: data.panels.length < 2 });
    this.themeButton = element("button", { onclick: () => this.theme(this.dark ? "light" : "dark") });
    this.main = element("main", {}, element("section", { class: "view" }, this.caption,
      element("div", { class: "stage" }, this.surface, this.overlay, this.names, this.legend), this.tools()));
    document.body.append(
      element("header", {}, element("h1", {}, data.title), element("span", { class: "subtitle" }, data.subtitle || ""), this.themeButton),
      this.tabs, this.main,
      element("footer", {}, element("span", { class: "touch" }, "Drag to turn; two fingers zoom and move."), element("span", { class: "mouse" }, "Drag to turn, scroll to zoom, Shift-drag to move. Keys: ", element("kbd", {}, "arrows"), " turn, ",
        element("kbd", {}, "+"), " ", element("kbd", {}, "-"), " zoom, ", element("kbd", {}, "f"), " front, ", element("kbd", {}, "l"), " ",
        element("kbd", {}, "r"), " sides, ", element("kbd", {}, "t"), " three-quarter, ", element("kbd", {}, "w"), " wireframe, ",
        element("kbd", {}, "c"), " colour, ", element("kbd", {}, "n"), " landmark names, ", element("kbd", {}, "0"), " reset.")));
    this.theme(matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
    try { this.stage = new Stage(this.surface, this.overlay); }
    catch (error) { this.main.replaceChildren(element("p", { class: "message", role: "alert" }, error.message)); return; }
    data.panels.forEach((panel, i) => this.tabs.append(element("button", { role: "tab", id: `tab-${i}`, "aria-selected": "false", onclick: () => this.open(i) },
      element("span", { class: "number" }, `${i + 1}`), panel.title)));
    this.tabs.addEventListener("keydown", (e) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[e.key];
      if (step) { this.open((this.current + step + data.panels.length) % data.panels.length); this.tabs.children[this.current].focus(); }
    });
    document.addEventListener("keydown", (e) => this.key(e));
    new ResizeObserver(() => this.label()).observe(this.surface);
    this.panels = data.panels.map(() => null);
    if (data.panels.length) this.open(0);
  }

  tools() {
    const press = (text, action, attributes = {}) => element("button", { onclick: action, ...attributes }, text);
    const look = (yaw, pitch = 0) => () => this.stage.turn(yaw, pitch);
    this.buttons = {
      colored: press("Colour", () => this.toggle("colored"), { title: "Colours of the meshes, or clay (c)" }),
      wire: press("Wireframe", () => this.toggle("wire"), { title: "Edges of the triangles (w)" }),
      landmarks: press("Landmarks", () => this.toggle("landmarks"), { title: "Landmarks with their names (n)" }),
    };
    this.layoutSelect = element("select", { "aria-label": "Layout", onchange: (e) => { this.layout = e.target.value; this.arrange(); } },
      ...[["side", "Side by side"], ["over", "Overlaid"], ["one", "One at a time"]].map(([value, text]) => element("option", { value }, text)));
    this.views = { f: look(0), l: look(1.5708), r: look(-1.5708), t: look(0.42, 0.08), b: look(3.1416) };
    return element("div", { class: "tools", role: "toolbar", "aria-label": "View" },
      element("div", { class: "group" }, element("span", { class: "what" }, "View"), press("Front", this.views.f), press("Left side", this.views.l, { title: "The subject's left" }),
        press("Right side", this.views.r, { title: "The subject's right" }), press("Three-quarter", this.views.t), press("Reset", () => this.stage.reset())),
      element("div", { class: "group" }, this.buttons.colored, this.buttons.wire, this.buttons.landmarks),
      element("div", { class: "group" }, this.layoutSelect, this.shown),
      element("div", { class: "group" }, press("Save picture", () => this.save())));
  }

  get dark() { return document.documentElement.dataset.theme === "dark"; }
  theme(name) {
    document.documentElement.dataset.theme = name;
    this.themeButton.textContent = this.dark ? "Light" : "Dark";
    this.themeButton.setAttribute("aria-label", this.dark ? "Use the light theme" : "Use the dark theme");
  }

  toggle(name) { this.stage.style[name] = !this.stage.style[name]; this.press(); this.stage.redraw(); }
  press() { for (const [name, button] of Object.entries(this.buttons)) button.setAttribute("aria-pressed", String(this.stage.style[name])); }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) return;
    const key = event.key.toLowerCase();
    if (this.views[key]) this.views[key]();
    else if (key === "w") this.toggle("wire");
    else if (key === "c") this.toggle("colored");
    else if (key === "n") this.toggle("landmarks");
    else if (key === "0" && event.target !== this.surface) this.stage.reset();
    else if (/^[1-9]$/.test(key) && key <= this.panels.length) this.open(Number(key) - 1);
  }

  open(index) {
    this.current = index;
    const panel = this.store.data.panels[index];
    this.bodies = this.panels[index] = this.panels[index] || panel.meshes.map((mesh) => this.store.body(mesh));
    [...this.tabs.children].forEach((tab, i) => { tab.setAttribute("aria-selected", String(i === index)); tab.tabIndex = i === index ? 0 : -1; });
    this.caption.textContent = panel.caption;
    this.hidden = new Set();
    this.single = 0;
    this.buttons.colored.disabled = !this.bodies.some((body) => body.colors && !body.heat);
    this.buttons.landmarks.disabled = !this.bodies.some((body) => body.landmarks && body.landmarks.length);
    this.press();
    this.layoutSelect.hidden = this.bodies.length < 2;
    this.describe(panel.legend);
    this.arrange(true);
  }

  describe(legend) {
    this.legend.hidden = !legend;
    if (!legend) return;
    const bar = element("div", { class: "bar" });
    bar.style.background = `linear-gradient(to top, ${legend.colors.join(", ")})`;
    this.legend.replaceChildren(element("span", { class: "what" }, legend.label), bar,
      element("div", { class: "ticks" }, ...legend.ticks.map((tick) => element("span", {}, tick))));
  }

  arrange(refit = false) {
    const several = this.bodies.length > 1;
    const choose = this.layout === "one"
      ? (body, i) => element("label", { class: "check" }, element("input", { type: "radio", name: "only", checked: i === this.single, onchange: () => { this.single = i; this.arrange(); } }), body.name)
      : (body) => element("label", { class: "check" }, element("input", { type: "checkbox", checked: !this.hidden.has(body), onchange: (e) => { this.hidden[e.target.checked ? "delete" : "add"](body); this.arrange(); } }), body.name);
    const focused = [...this.shown.querySelectorAll("input")].indexOf(document.activeElement);
    this.shown.replaceChildren(...(several ? this.bodies.map(choose) : []));
    if (focused >= 0) this.shown.querySelectorAll("input")[focused]?.focus();
    const seen = this.layout === "one" && several ? [this.bodies[this.single]] : this.bodies.filter((body) => !this.hidden.has(body));
    const cells = this.layout === "over" ? [{ label: seen.map((body) => body.name).join(" + "), bodies: seen }] : seen.map((body) => ({ label: body.name, bodies: [body] }));
    this.stage.show(cells, refit);
    this.surface.setAttribute("aria-label", `3D view of ${seen.map((body) => body.name || "the model").join(", ") || "nothing"}; arrow keys turn it`);
    this.label();
  }

  label() {
    if (!this.stage) return;
    const boxes = this.stage.rectangles();
    this.names.replaceChildren(...this.stage.cells.map((cell, i) => {
      const name = element("span", {}, cell.label), [x, y, w, h] = boxes[i];
      Object.assign(name.style, { left: `${x}px`, width: `${w}px`, top: `${y + h - 24}px` });
      return name;
    }));
  }

  save() {
    const link = element("a", { href: this.stage.picture(), download: `${this.store.data.title.replace(/[^\w-]+/g, "_")}.png` });
    link.click();
  }
}

window.inface = {};
Store.open().then((store) => {
  Object.assign(window.inface, { store, page: new Page(store) });
  if (window.inface.begin && window.inface.page.stage) window.inface.begin(store, window.inface.page);
}).catch((error) => {
  document.body.append(element("p", { class: "message", role: "alert" }, `This browser cannot show the page: ${error.message}`));
});
