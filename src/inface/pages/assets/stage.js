"use strict";
// Stage: draws triangle meshes with WebGL 2. One canvas, one camera, one or many cells side by side.
// A cell is {label, bodies}; a body is {positions: Float32Array (3V), topology: {triangles: Uint32Array (3T)},
// colors: Uint8Array (3V) or null, landmarks: [[name, x, y, z], ...]}. Millimetres; y up, z towards the viewer.

const VERTEX_SHADER = `#version 300 es
layout(location=0) in vec3 position; layout(location=1) in vec3 normal; layout(location=2) in vec3 color;
uniform mat4 camera, projection; uniform float colored; uniform vec3 clay;
out vec3 n, eye, base;
void main() {
  vec4 p = camera * vec4(position, 1.0);
  n = mat3(camera) * normal; eye = -p.xyz; base = mix(clay, color, colored);
  gl_Position = projection * p; gl_PointSize = 2.5;
}`;

const FRAGMENT_SHADER = `#version 300 es
precision highp float;
in vec3 n, eye, base; out vec4 result;
uniform float opacity, flatness;
vec3 linear(vec3 c) { return pow(c, vec3(2.2)); }
void main() {
  vec3 v = normalize(eye), m = normalize(n);
  if (dot(m, v) < 0.0 && !gl_FrontFacing) m = -m;
  float back = gl_FrontFacing ? 1.0 : 0.55;
  float key = max(dot(m, normalize(vec3(-0.45, 0.55, 0.70))), 0.0);
  float fill = max(0.5 + 0.5 * dot(m, normalize(vec3(0.80, 0.10, 0.45))), 0.0);
  float sky = 0.5 + 0.5 * m.y;
  vec3 light = vec3(0.95, 0.92, 0.88) * key * 0.72 + vec3(0.80, 0.87, 1.0) * fill * 0.20
             + mix(vec3(0.16, 0.14, 0.13), vec3(0.28, 0.30, 0.33), sky);
  vec3 h = normalize(normalize(vec3(-0.45, 0.55, 0.70)) + v);
  float shine = pow(max(dot(m, h), 0.0), 28.0) * 0.06;
  vec3 shaded = linear(base) * light * back + shine;
  result = vec4(mix(pow(shaded, vec3(1.0 / 2.2)), base, flatness), opacity);
}`;

function program(gl) {
  const result = gl.createProgram();
  for (const [kind, source] of [[gl.VERTEX_SHADER, VERTEX_SHADER], [gl.FRAGMENT_SHADER, FRAGMENT_SHADER]]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS)) throw new Error(gl.getShaderInfoLog(shader));
    gl.attachShader(result, shader);
  }
  gl.linkProgram(result);
  return result;
}

// Area-weighted vertex normals of positions (3V) over triangles (3T).
function vertexNormals(positions, triangles, out) {
  out.fill(0);
  for (let t = 0; t < triangles.length; t += 3) {
    const a = 3 * triangles[t], b = 3 * triangles[t + 1], c = 3 * triangles[t + 2];
    const ux = positions[b] - positions[a], uy = positions[b + 1] - positions[a + 1], uz = positions[b + 2] - positions[a + 2];
    const vx = positions[c] - positions[a], vy = positions[c + 1] - positions[a + 1], vz = positions[c + 2] - positions[a + 2];
    const x = uy * vz - uz * vy, y = uz * vx - ux * vz, z = ux * vy - uy * vx;
    out[a] += x; out[a + 1] += y; out[a + 2] += z;
    out[b] += x; out[b + 1] += y; out[b + 2] += z;
    out[c] += x; out[c + 1] += y; out[c + 2] += z;
  }
  for (let i = 0; i < out.length; i += 3) {
    const s = 1 / (Math.hypot(out[i], out[i + 1], out[i + 2]) || 1);
    out[i] *= s; out[i + 1] *= s; out[i + 2] *= s;
  }
  return out;
}

function edgesOf(triangles) {
  const seen = new Set(), edges = [];
  for (let t = 0; t < triangles.length; t += 3) {
    for (let k = 0; k < 3; k++) {
      const a = triangles[t + k], b = triangles[t + (k + 1) % 3];
      const key = a < b ? a * 4194304 + b : b * 4194304 + a;
      if (!seen.has(key)) { seen.add(key); edges.push(a, b); }
    }
  }
  return new Uint32Array(edges);
}

class Stage {
  constructor(canvas, overlay) {
    this.canvas = canvas;
    this.overlay = overlay;                    // a 2D canvas above, for landmarks
    const gl = canvas.getContext("webgl2", { antialias: true, alpha: true, premultipliedAlpha: true });
    if (!gl) throw new Error("This page needs WebGL 2, which this browser does not offer.");
    this.gl = gl;
    this.program = program(gl);
    this.at = {};
    for (const name of ["camera", "projection", "colored", "clay", "opacity", "flatness"]) {
      this.at[name] = gl.getUniformLocation(this.program, name);
    }
    this.style = { colored: true, wire: false, landmarks: false, clay: [0.80, 0.745, 0.70] };
    this.cells = [];
    this.buffers = new Map();                  // body -> GPU buffers
    this.topologies = new Map();               // topology -> index buffers
    this.reset();
    new ResizeObserver(() => this.redraw()).observe(canvas);
    this.listen();
  }

  reset() { this.turn(0.42, 0.08); this.zoom = 1; this.pan = [0, 0]; this.redraw(); }
  turn(yaw, pitch) { this.yaw = yaw; this.pitch = Math.max(-1.55, Math.min(1.55, pitch)); this.redraw(); }
  scale(factor) { this.zoom = Math.max(0.2, Math.min(20, this.zoom * factor)); this.redraw(); }

  // cells: what to draw; refit: frame the camera on them again.
  show(cells, refit = true) {
    this.cells = cells;
    const wanted = new Set(cells.flatMap((cell) => cell.bodies));
    for (const [body, gpu] of this.buffers) if (!wanted.has(body)) { this.forget(gpu); this.buffers.delete(body); }
    if (refit) this.fit();
    this.redraw();
  }

  fit() {
    const low = [Infinity, Infinity, Infinity], high = [-Infinity, -Infinity, -Infinity];
    for (const cell of this.cells) for (const { positions } of cell.bodies) {
      for (let i = 0; i < positions.length; i++) {
        const k = i % 3, x = positions[i];
        if (x < low[k]) low[k] = x;
        if (x > high[k]) high[k] = x;
      }
    }
    if (!(high[0] >= low[0])) { this.centre = [0, 0, 0]; this.radius = this.halfWidth = this.halfHeight = 1; return; }
    this.centre = low.map((x, k) => (x + high[k]) / 2);
    const [x, y, z] = low.map((value, k) => (high[k] - value) / 2);
    this.radius = Math.max(Math.hypot(x, y, z), 1e-6);
    this.halfWidth = Math.max(x, z, 0.3 * this.radius); this.halfHeight = Math.max(y, 0.3 * this.radius);
  }

  // Step back when a body has grown out of the frame, so that nothing of it is cut off.
  follow() {
    const { centre, halfWidth, halfHeight } = this, before = [...centre];
    this.fit();
    const grown = this.halfHeight + Math.abs(this.centre[1] - before[1]) > 1.01 * halfHeight || this.halfWidth + Math.abs(this.centre[0] - before[0]) > 1.01 * halfWidth;
    if (!grown) Object.assign(this, { centre: before, halfWidth, halfHeight });
    return grown;
  }

  changed(body) { const gpu = this.buffers.get(body); if (gpu) gpu.stale = true; this.redraw(); }

  forget(gpu) { for (const b of [gpu.position, gpu.normal, gpu.color]) if (b) this.gl.deleteBuffer(b); this.gl.deleteVertexArray(gpu.array); }

  topology(topology) {
    let gpu = this.topologies.get(topology);
    if (!gpu) {
      gpu = { triangles: this.gl.createBuffer(), edges: null, edgeCount: 0 };
      this.gl.bindVertexArray(null);
      this.gl.bindBuffer(this.gl.ELEMENT_ARRAY_BUFFER, gpu.triangles);
      this.gl.bufferData(this.gl.ELEMENT_ARRAY_BUFFER, topology.triangles, this.gl.STATIC_DRAW);
      this.topologies.set(topology, gpu);
    }
    if (this.style.wire && !gpu.edges) {
      const edges = edgesOf(topology.triangles);
      gpu.edges = this.gl.createBuffer(); gpu.edgeCount = edges.length;
      this.gl.bindVertexArray(null);
      this.gl.bindBuffer(this.gl.ELEMENT_ARRAY_BUFFER, gpu.edges);
      this.gl.bufferData(this.gl.ELEMENT_ARRAY_BUFFER, edges, this.gl.STATIC_DRAW);
    }
    return gpu;
  }

  upload(body) {
    const gl = this.gl;
    let gpu = this.buffers.get(body);
    if (!gpu) {
      gpu = { array: gl.createVertexArray(), position: gl.createBuffer(), normal: gl.createBuffer(), color: null,
              normals: new Float32Array(body.positions.length), stale: true };
      this.buffers.set(body, gpu);
      gl.bindVertexArray(gpu.array);
      for (const [slot, buffer] of [[0, gpu.position], [1, gpu.normal]]) {
        gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
        gl.enableVertexAttribArray(slot);
        gl.vertexAttribPointer(slot, 3, gl.FLOAT, false, 0, 0);
      }
      if (body.colors) {
        gpu.color = gl.createBuffer();
        gl.bindBuffer(gl.ARRAY_BUFFER, gpu.color);
        gl.enableVertexAttribArray(2);
        gl.vertexAttribPointer(2, 3, gl.UNSIGNED_BYTE, true, 0, 0);
      }
    }
    if (gpu.stale) {
      vertexNormals(body.positions, body.topology.triangles, gpu.normals);
      for (const [buffer, values] of [[gpu.position, body.positions], [gpu.normal, gpu.normals], [gpu.color, body.colors]]) {
        if (!buffer) continue;
        gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
        gl.bufferData(gl.ARRAY_BUFFER, values, gl.DYNAMIC_DRAW);
      }
      gpu.stale = false;
    }
    return gpu;
  }

  // Rectangles [x, y, width, height] in CSS pixels, top-left origin, one a cell.
  rectangles() {
    const width = this.canvas.clientWidth, height = this.canvas.clientHeight, count = Math.max(this.cells.length, 1);
    let best = [1, 0];
    for (let columns = 1; columns <= count; columns++) {
      const rows = Math.ceil(count / columns);
      const size = Math.min(width / columns, 0.92 * height / rows);
      if (size > best[1] + 1e-9) best = [columns, size];
    }
    const columns = best[0], rows = Math.ceil(count / columns);
    return this.cells.map((_, i) => [
      (i % columns) * width / columns, Math.floor(i / columns) * height / rows, width / columns, height / rows]);
  }

  matrices(aspect) {
    const half = Math.tan(0.21), size = 1.08 * Math.max(this.halfHeight, this.halfWidth / aspect);
    const distance = (size / half + 0.6 * this.halfWidth) / this.zoom;
    const cy = Math.cos(this.yaw), sy = Math.sin(this.yaw), cp = Math.cos(this.pitch), sp = Math.sin(this.pitch);
    // rows: right, up, towards the viewer; yaw > 0 shows the subject's left side, pitch > 0 looks down
    const r = [cy, 0, -sy, -sp * sy, cp, -sp * cy, cp * sy, sp, cp * cy];
    const c = this.centre, camera = new Float32Array(16);
    for (let row = 0; row < 3; row++) {
      for (let col = 0; col < 3; col++) camera[4 * col + row] = r[3 * row + col];
      camera[12 + row] = -(r[3 * row] * c[0] + r[3 * row + 1] * c[1] + r[3 * row + 2] * c[2]);
    }
    camera[12] += this.pan[0] * this.radius; camera[13] += this.pan[1] * this.radius; camera[14] -= distance; camera[15] = 1;
    const near = Math.max(distance - 3 * this.radius, distance * 0.01), far = distance + 3 * this.radius;
    const projection = new Float32Array([1 / (half * aspect), 0, 0, 0, 0, 1 / half, 0, 0,
      0, 0, (far + near) / (near - far), -1, 0, 0, 2 * far * near / (near - far), 0]);
    return { camera, projection };
  }

  redraw() {
    if (this.pending) return;
    this.pending = true;
    requestAnimationFrame(() => { this.pending = false; this.draw(); });
  }

  draw() {
    const gl = this.gl, ratio = Math.min(window.devicePixelRatio || 1, 2);
    const width = Math.round(this.canvas.clientWidth * ratio), height = Math.round(this.canvas.clientHeight * ratio);
    if (!width || !height || !this.centre) return;
    for (const canvas of [this.canvas, this.overlay]) {
      if (canvas.width !== width || canvas.height !== height) { canvas.width = width; canvas.height = height; }
    }
    gl.viewport(0, 0, width, height);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    gl.enable(gl.DEPTH_TEST);
    gl.useProgram(this.program);
    gl.uniform3fv(this.at.clay, this.style.clay);
    const pen = this.overlay.getContext("2d");
    pen.clearRect(0, 0, width, height);
    this.rectangles().forEach(([x, y, w, tall], i) => {
      const h = Math.max(tall - (this.cells[i].label ? 24 : 0), 1);   // room for the name
      gl.viewport(Math.round(x * ratio), height - Math.round((y + h) * ratio), Math.round(w * ratio), Math.round(h * ratio));
      const { camera, projection } = this.matrices(w / h);
      gl.uniformMatrix4fv(this.at.camera, false, camera);
      gl.uniformMatrix4fv(this.at.projection, false, projection);
      const bodies = [...this.cells[i].bodies].sort((a, b) => (b.opacity ?? 1) - (a.opacity ?? 1));
      for (const body of bodies) this.drawBody(body);
      if (this.style.landmarks) for (const body of bodies) this.drawLandmarks(pen, body, camera, projection, [x, y, w, h], ratio);
    });
  }

  drawBody(body) {
    const gl = this.gl, gpu = this.upload(body), shared = this.topology(body.topology), opacity = body.opacity ?? 1;
    gl.bindVertexArray(gpu.array);
    gl.uniform1f(this.at.colored, body.colors && (this.style.colored || body.heat) ? 1 : 0);
    if (!gpu.color) gl.disableVertexAttribArray(2);
    gl.uniform1f(this.at.opacity, opacity);
    gl.uniform1f(this.at.flatness, 0);
    if (!body.topology.triangles.length) {       // a bare point cloud
      gl.uniform1f(this.at.flatness, 1);
      gl.drawArrays(gl.POINTS, 0, body.positions.length / 3);
      return;
    }
    gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, shared.triangles);
    if (opacity < 1) { gl.enable(gl.BLEND); gl.blendFuncSeparate(gl.SRC_ALPHA, gl.ONE_MINUS_SRC_ALPHA, gl.ONE, gl.ONE_MINUS_SRC_ALPHA); }
    gl.enable(gl.POLYGON_OFFSET_FILL); gl.polygonOffset(1, 1);
    if (opacity < 1) { gl.colorMask(false, false, false, false); gl.drawElements(gl.TRIANGLES, body.topology.triangles.length, gl.UNSIGNED_INT, 0); gl.colorMask(true, true, true, true); gl.depthFunc(gl.LEQUAL); }
    gl.drawElements(gl.TRIANGLES, body.topology.triangles.length, gl.UNSIGNED_INT, 0);
    gl.depthFunc(gl.LESS); gl.disable(gl.BLEND); gl.disable(gl.POLYGON_OFFSET_FILL);
    if (this.style.wire) {
      gl.uniform1f(this.at.colored, 0);
      gl.uniform3f(this.at.clay, 0.22, 0.24, 0.28);
      gl.uniform1f(this.at.flatness, 1);
      gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, shared.edges);
      gl.drawElements(gl.LINES, shared.edgeCount, gl.UNSIGNED_INT, 0);
      gl.uniform3fv(this.at.clay, this.style.clay);
    }
  }

  // A dot for each landmark whose surface faces the viewer, and its name where there is room, with a line where it had
  // to step aside; the nearest ones choose first.
  drawLandmarks(pen, body, camera, projection, [x, y, w, h], ratio) {
    const normals = this.buffers.get(body).normals, seen = [];
    for (const [name, a, b, c, vertex] of body.landmarks || []) {
      const p = [0, 1, 2].map((k) => camera[k] * a + camera[4 + k] * b + camera[8 + k] * c + camera[12 + k]);
      const n = [0, 1, 2].map((k) => camera[k] * normals[3 * vertex] + camera[4 + k] * normals[3 * vertex + 1] + camera[8 + k] * normals[3 * vertex + 2]);
      if (n[0] * p[0] + n[1] * p[1] + n[2] * p[2] > 0) continue;
      seen.push([name, p[2], (x + w * (0.5 - 0.5 * projection[0] * p[0] / p[2])) * ratio, (y + h * (0.5 + 0.5 * projection[5] * p[1] / p[2])) * ratio]);
    }
    seen.sort((p, q) => q[1] - p[1]);
    pen.font = `${11 * ratio}px system-ui, sans-serif`;
    pen.fillStyle = "#c2410c"; pen.strokeStyle = "#fff"; pen.lineWidth = 1.5 * ratio;
    for (const [, , px, py] of seen) { pen.beginPath(); pen.arc(px, py, 3 * ratio, 0, 7); pen.fill(); pen.stroke(); }
    const taken = seen.map(([, , px, py]) => [px - 4 * ratio, py - 4 * ratio, 8 * ratio, 8 * ratio]), tall = 13 * ratio;
    const free = (box) => box[0] > x * ratio && box[0] + box[2] < (x + w) * ratio && box[1] > y * ratio && box[1] + box[3] < (y + h) * ratio &&
      !taken.some(([l, t, u, v]) => box[0] < l + u && l < box[0] + box[2] && box[1] < t + v && t < box[1] + box[3]);
    this.placed = [];
    for (const [name, , px, py] of seen) {
      const wide = pen.measureText(name).width + 2 * ratio;
      const tries = [0, -1, 1, -2, 2, -3, 3, -4, 4].flatMap((k) => [[px + (8 + 5 * Math.abs(k)) * ratio, py + k * tall], [px - (8 + 5 * Math.abs(k)) * ratio - wide, py + k * tall]]);
      const spot = tries.map(([u, v]) => [u, v - tall / 2, wide, tall]).find(free);
      if (!spot) continue;
      taken.push(spot); this.placed.push(spot);
      const [u, v] = [spot[0], spot[1] + tall / 2], near = u > px ? u : u + wide;
      if (Math.abs(v - py) > 2) { pen.strokeStyle = "#c2410c"; pen.lineWidth = ratio; pen.beginPath(); pen.moveTo(px, py); pen.lineTo(near, v); pen.stroke(); }
      pen.lineWidth = 3 * ratio; pen.strokeStyle = "rgba(255,255,255,.85)"; pen.fillStyle = "#1f2937";
      pen.strokeText(name, u + ratio, v + 4 * ratio); pen.fillText(name, u + ratio, v + 4 * ratio);
    }
  }

  picture() {                                   // what is seen, as a PNG data address
    this.draw();
    const both = document.createElement("canvas");
    both.width = this.canvas.width; both.height = this.canvas.height;
    const pen = both.getContext("2d");
    pen.fillStyle = getComputedStyle(document.body).backgroundColor;
    pen.fillRect(0, 0, both.width, both.height);
    pen.drawImage(this.canvas, 0, 0); pen.drawImage(this.overlay, 0, 0);
    return both.toDataURL("image/png");
  }

  listen() {
    const canvas = this.canvas, down = new Map();
    let spread = 0;
    canvas.addEventListener("pointerdown", (e) => { canvas.setPointerCapture(e.pointerId); down.set(e.pointerId, [e.clientX, e.clientY]); spread = 0; });
    for (const kind of ["pointerup", "pointercancel"]) canvas.addEventListener(kind, (e) => { down.delete(e.pointerId); spread = 0; });
    canvas.addEventListener("pointermove", (e) => {
      const last = down.get(e.pointerId);
      if (!last) return;
      const dx = e.clientX - last[0], dy = e.clientY - last[1];
      down.set(e.pointerId, [e.clientX, e.clientY]);
      if (down.size === 2) {
        const [p, q] = [...down.values()], size = Math.hypot(p[0] - q[0], p[1] - q[1]);
        if (spread) this.scale(size / spread);
        spread = size;
      } else if (e.shiftKey || e.buttons & 6) {
        const unit = 2.4 / Math.min(canvas.clientHeight, canvas.clientWidth) / this.zoom;
        this.pan[0] += dx * unit; this.pan[1] -= dy * unit; this.redraw();
      } else this.turn(this.yaw - dx * 0.008, this.pitch + dy * 0.008);
    });
    canvas.addEventListener("wheel", (e) => { e.preventDefault(); this.scale(Math.exp(-e.deltaY * 0.0012)); }, { passive: false });
    canvas.addEventListener("contextmenu", (e) => e.preventDefault());
    canvas.addEventListener("dblclick", () => this.reset());
    canvas.addEventListener("keydown", (e) => {
      const step = 0.1, moves = { ArrowLeft: [step, 0], ArrowRight: [-step, 0], ArrowUp: [0, step], ArrowDown: [0, -step] }[e.key];
      if (moves) this.turn(this.yaw + moves[0], this.pitch + moves[1]);
      else if (e.key === "+" || e.key === "=") this.scale(1.1);
      else if (e.key === "-") this.scale(1 / 1.1);
      else if (e.key === "Home" || e.key === "0") this.reset();
      else return;
      e.preventDefault();
    });
  }
}
