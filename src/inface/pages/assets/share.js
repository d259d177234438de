"use strict";
// A model in the page: sliders by group, age in months, expressions; decodes like `inface.reports.sharing.decode_layers`.

class Decoder {
  constructor(store, model) {
    this.slope = model.slope;
    const [order, parents] = model.tree.map((reference) => store.array(reference));
    this.layers = model.layers.map((layer) => ({
      rows: layer.rows.map((row) => (layer.tree ? this.along(order, parents, store.array(row)) : store.array(row))), scales: store.array(layer.scales),
      bias: store.array(layer.bias), activate: layer.activate }));
  }
  // Numbers (3V) from their differences along a walk over the surface; they wrap at 16 bits.
  along(order, parents, change) {
    const out = new Int16Array(change.length), count = order.length;
    for (let axis = 0; axis < 3; axis++) {
      for (let i = 0; i < count; i++) {
        const vertex = order[i], parent = parents[i];
        out[3 * vertex + axis] = change[axis * count + i] + (parent === vertex ? 0 : out[3 * parent + axis]);
      }
    }
    return out;
  }
  // Vertices (3V) of a latent (K).
  decode(latent) {
    let h = latent;
    for (const { rows, scales, bias, activate } of this.layers) {
      const out = Float32Array.from(bias), width = out.length;
      for (let k = 0; k < rows.length; k++) {
        const factor = h[k] * scales[k], row = rows[k];
        if (factor !== 0) for (let j = 0; j < width; j++) out[j] += factor * row[j];
      }
      if (activate) for (let j = 0; j < width; j++) if (out[j] < 0) out[j] *= this.slope;
      h = out;
    }
    return h;
  }
}

// y at x on the broken line through (xs, ys), held at its ends
function between(x, xs, ys) {
  if (x <= xs[0]) return ys[0];
  for (let i = 1; i < xs.length; i++) if (x <= xs[i]) return ys[i - 1] + (x - xs[i - 1]) / (xs[i] - xs[i - 1]) * (ys[i] - ys[i - 1]);
  return ys[ys.length - 1];
}

function gaussian(next) {
  return () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
}

function seeded(seed) {                          // mulberry32: the same child for the same number
  return () => {
    seed = (seed + 0x6D2B79F5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const NOTES = {
  identity: "Who the child is. One step is one standard deviation.",
  expression: "What the face does.",
  age: "How old the child looks.",
  shape: "Size and form. One step is one standard deviation.",
};

class Shaper {
  constructor(store, page) {
    const model = store.data.model;
    Object.assign(this, { store, page, model, mean: store.array(model.mean), std: store.array(model.std) });
    this.decoder = new Decoder(store, model);
    this.rest = Float32Array.from(this.mean);                  // the mean with the neutral expression
    if (model.neutral) this.rest.set(model.neutral, model.groups.expression[0]);
    this.latent = Float32Array.from(this.rest);
    this.past = []; this.future = [];
    this.body = { name: "", positions: this.decoder.decode(this.latent), topology: store.topologies[model.topology],
                  colors: model.colors ? store.array(model.colors) : null, landmarks: [] };
    this.rows = new Map();
    this.seed = 0;
    this.build();
    page.panels = [[this.body]];
    store.data.panels = [{ title: "Model", caption: "", meshes: [], legend: null }];
    page.open(0);
    page.caption.hidden = true;
    this.refresh();
  }

  row(label, low, high, step, title, read, write) {
    const id = `slider-${this.rows.size}`;
    const range = element("input", { type: "range", id, min: low, max: high, step, title });
    const number = element("input", { type: "number", min: low, max: high, step, "aria-label": `${label}, number` });
    const start = read();
    range.addEventListener("input", () => { this.remember(id); write(Number(range.value)); this.refresh(range); });
    range.addEventListener("change", () => { this.editing = null; });
    number.addEventListener("change", () => {
      const value = Number(number.value);
      if (number.value !== "" && Number.isFinite(value)) { this.remember(null); write(value); }
      this.refresh();
    });
    const reset = element("button", { title: `Reset ${label}`, "aria-label": `Reset ${label}`, onclick: () => { this.remember(null); write(start); this.refresh(); } }, "↺");
    this.rows.set(id, { range, number, read });
    return element("div", { class: "row" }, element("label", { for: id, title }, label), range, number, reset);
  }

  build() {
    const { model } = this, aside = element("aside", { "aria-label": "Shape controls" });
    this.undoButton = element("button", { onclick: () => this.step(this.past, this.future) }, "Undo");
    this.redoButton = element("button", { onclick: () => this.step(this.future, this.past) }, "Redo");
    this.seedBox = element("input", { type: "number", value: 1, min: 0, step: 1, "aria-label": "Seed of the random child", style: "width:84px" });
    aside.append(
      element("div", { class: "buttons" }, this.undoButton, this.redoButton,
        element("button", { onclick: () => { this.remember(null); this.latent.set(this.rest); this.mix = this.model.neutral ? { from: "neutral", to: "neutral", strength: 1 } : this.mix; this.page.stage.fit(); this.refresh(); } }, "Reset all")),
      element("div", { class: "buttons" }, element("button", { onclick: () => this.random() }, "Random child"), element("label", {}, "seed ", this.seedBox)));
    const order = ["age", "expression"].filter((name) => name in model.groups);   // the plainest first
    for (const name of [...order, ...Object.keys(model.groups).filter((name) => !order.includes(name))]) {
      this.group(aside, name, ...model.groups[name]);
    }
    this.page.main.append(aside);
    this.aside = aside;
  }

  group(aside, name, start, stop) {
    const { model } = this, entries = model.sliders.filter((s) => s[1] === name);
    const count = element("small", {});
    aside.append(element("h2", {}, name[0].toUpperCase() + name.slice(1), count));
    if (NOTES[name]) aside.append(element("p", { class: "note" }, NOTES[name]));
    if (name === "age" && model.age) {
      const { months } = model.age, last = months.length - 1;
      aside.append(this.row("Age, months", Math.max(0, months[0]), months[last], 0.1, "Age in months; plus means older",
        () => this.months(), (value) => this.setMonths(value)));
      if (stop - start === 1) return;
    }
    if (name === "expression" && Object.keys(model.expressions).length) this.presets(aside, start);
    const box = element("div", {}), more = element("button", {}, "");
    const rows = entries.map(([index, , label, movement]) => this.row(label, -3, 3, 0.05, `Moves the surface ${movement.toFixed(2)} mm on average per standard deviation`,
      () => (this.latent[index] - this.mean[index]) / this.std[index], (value) => { this.latent[index] = this.mean[index] + value * this.std[index]; }));
    const few = name === "expression" ? 3 : 8;
    let shown = Math.min(few, rows.length);
    const show = (wanted) => {
      shown = wanted;
      box.replaceChildren(...rows.slice(0, shown));
      count.textContent = `${shown} of ${rows.length} sliders, in standard deviations`;
      more.textContent = shown < rows.length ? "More sliders" : "Fewer sliders";
      more.hidden = rows.length <= few;
    };
    more.addEventListener("click", () => show(shown < rows.length ? Math.min(shown + 10, rows.length) : few));
    show(shown);
    aside.append(box, element("div", { class: "buttons" }, more, element("button", { onclick: () => {
      this.remember(null); this.latent.set(this.rest.subarray(start, stop), start); this.refresh(); } }, `Reset ${name}`)));
  }

  presets(aside, start) {
    const { model } = this, names = Object.keys(model.expressions);
    const codes = { neutral: model.neutral, ...model.expressions };
    this.mix = { from: "neutral", to: "neutral", strength: 1 };
    this.chosen = {};
    const apply = () => {
      const { from, to, strength } = this.mix;
      codes[from].forEach((value, i) => { this.latent[start + i] = value + strength * (codes[to][i] - value); });
    };
    const use = (name) => { this.remember(null); this.mix = { from: from.value, to: name, strength: 1 }; apply(); this.refresh(); };
    const from = element("select", { "aria-label": "Blend from", onchange: () => { this.remember(null); this.mix.from = from.value; apply(); this.refresh(); } },
      ...Object.keys(codes).map((name) => element("option", { value: name }, name)));
    aside.append(element("div", { class: "buttons", role: "group", "aria-label": "Expressions" },
      ...["neutral", ...names.filter((n) => n !== "neutral")].map((name) => (this.chosen[name] = element("button", { onclick: () => use(name) }, name)))),
      this.row("Strength", 0, 1.5, 0.05, "0 is where the blend starts, 1 the expression, above 1 exaggerated",
        () => this.mix.strength, (value) => { this.mix.strength = value; apply(); }),
      element("div", { class: "buttons" }, element("label", {}, "blend from ", from)));
  }

  // Whether the expression is still what a preset made of it.
  isPreset(name) {
    const start = this.model.groups.expression[0], codes = { neutral: this.model.neutral, ...this.model.expressions }, from = codes[this.mix.from];
    return codes[name].every((value, i) => Math.abs(this.latent[start + i] - from[i] - this.mix.strength * (value - from[i])) < 1e-3);
  }

  get ageBlock() { const [start, stop] = this.model.groups.age; return this.latent.subarray(start, stop); }
  ageCode() { return this.model.age.direction.reduce((sum, d, i) => sum + d * this.ageBlock[i], 0); }
  months() { return between(this.ageCode(), this.model.age.codes, this.model.age.months); }
  setMonths(value) {
    const change = between(value, this.model.age.months, this.model.age.codes) - this.ageCode();
    this.model.age.direction.forEach((d, i) => { this.ageBlock[i] += change * d; });
  }

  random() {
    this.remember(null);
    const seed = Math.max(0, Math.round(Number(this.seedBox.value) || 0)), draw = gaussian(seeded(seed));
    const [start, stop] = this.model.groups.identity || [0, this.latent.length];   // age and expression stay
    for (let k = start; k < stop; k++) this.latent[k] = this.mean[k] + this.std[k] * Math.max(-3, Math.min(3, draw()));
    this.seedBox.value = seed + 1;
    this.page.caption.hidden = false;
    this.page.caption.textContent = `Random child, seed ${seed}.`;
    this.refresh();
  }

  // Undo: one entry a drag (key), one a press (null).
  remember(key) {
    if (key !== null && key === this.editing) return;
    this.editing = key;
    this.past.push(this.snapshot());
    if (this.past.length > 200) this.past.shift();
    this.future = [];
  }
  snapshot() { return { latent: Float32Array.from(this.latent), mix: { ...this.mix } }; }
  step(from, to) {
    if (!from.length) return;
    to.push(this.snapshot());
    const { latent, mix } = from.pop();
    this.latent.set(latent); this.mix = mix;
    this.editing = null;
    this.refresh();
  }

  // Show the latent: sliders at once, vertices with the next frame, so that a dragged slider never queues up.
  refresh(moving = null) {
    for (const { range, number, read } of this.rows.values()) {
      const value = read();
      if (range !== moving) range.value = value;
      const [low, high] = [Number(range.min), Number(range.max)], part = (v) => 100 * (Math.max(low, Math.min(high, v)) - low) / (high - low);
      const ends = [part(Math.max(low, 0)), part(value)].sort((a, b) => a - b);   // the bar starts at zero
      range.style.setProperty("--from", `${ends[0]}%`); range.style.setProperty("--to", `${ends[1]}%`);
      number.value = Number(value.toFixed(2));
    }
    for (const [name, button] of Object.entries(this.chosen || {})) button.setAttribute("aria-pressed", String(this.mix.to === name && this.isPreset(name)));
    this.undoButton.disabled = !this.past.length; this.redoButton.disabled = !this.future.length;
    if (this.pending) return;
    this.pending = true;
    requestAnimationFrame(() => { this.pending = false; this.update(); });
  }

  update() {
    this.body.positions.set(this.decoder.decode(this.latent));
    const p = this.body.positions;
    this.body.landmarks = this.model.landmarks.map(([name, v]) => [name, p[3 * v], p[3 * v + 1], p[3 * v + 2], v]);
    this.page.buttons.landmarks.disabled = !this.model.landmarks.length;
    this.page.stage.follow();
    this.page.stage.changed(this.body);
  }
}

window.inface.begin = (store, page) => { window.inface.shaper = new Shaper(store, page); };
