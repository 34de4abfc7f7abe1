// Points on a canvas: zoom, pan, and a lasso, by pointer, touch and keys. It knows places and colours, no items.

const NEAR = 10; // pixels from a point that point at it
const STEP = 60; // pixels of an arrow key
const ZOOM = 1.3; // of a key or a step of the wheel
const MOST = 400; // times the whole
const MARGIN = 24;

/**
 * Draw on `canvas`. `listeners`: onPoint(index or -1), onOpen(index), onLasso(indices).
 * `lassoing` says whether a drag draws a lasso; with the Shift key it always does.
 */
export class Scatter {
  constructor(canvas, listeners) {
    Object.assign(this, { canvas, listeners, lassoing: false, path: null, at: -1 });
    Object.assign(this, { x: [], y: [], colours: [], sizes: [], shown: [], order: [], scale: 1, left: 0, top: 0 });
    this.pointers = new Map();
    new ResizeObserver(() => this.fit()).observe(canvas);
    canvas.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    canvas.addEventListener("pointerdown", (event) => this.press(event));
    canvas.addEventListener("pointermove", (event) => this.move(event));
    for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, (event) => this.release(event));
    canvas.addEventListener("pointerleave", () => this.point(-1));
    canvas.addEventListener("keydown", (event) => this.key(event));
  }

  /** Show points at `x`, `y`; the whole of them is seen. */
  place(x, y) {
    Object.assign(this, { x, y, at: -1 });
    this.fit(true);
  }

  /** Colour, radius and whether it is drawn, of each point; those drawn last are on top. */
  paint(colours, sizes, shown) {
    const order = [...this.x.keys()].filter((index) => shown[index]);
    order.sort((a, b) => sizes[a] - sizes[b]);
    Object.assign(this, { colours, sizes, shown, order });
    this.draw();
  }

  /** Take the size of the element; the first time, and with `whole`, all points are in view. */
  fit(whole = false) {
    const { canvas, x, y } = this;
    const ratio = devicePixelRatio || 1;
    const before = this.width;
    [this.width, this.height] = [canvas.clientWidth, canvas.clientHeight];
    if (!this.width || !this.height) return;
    [canvas.width, canvas.height] = [this.width * ratio, this.height * ratio];
    if (x.length && (whole || !before)) {
      const span = (values) => values.reduce(([low, high], one) => [Math.min(low, one), Math.max(high, one)], [Infinity, -Infinity]);
      const [[x0, x1], [y0, y1]] = [span(x), span(y)];
      const across = (this.width - 2 * MARGIN) / (x1 - x0 || 1);
      this.whole = this.scale = Math.min(across, (this.height - 2 * MARGIN) / (y1 - y0 || 1));
      this.left = (this.width - (x0 + x1) * this.scale) / 2;
      this.top = (this.height + (y0 + y1) * this.scale) / 2;
    }
    this.draw();
  }

  screen(index) {
    return [this.left + this.x[index] * this.scale, this.top - this.y[index] * this.scale];
  }

  draw() {
    this.waiting ??= requestAnimationFrame(() => {
      this.waiting = null;
      this.drawNow();
    });
  }

  drawNow() {
    const { canvas, width, height, colours, sizes, path } = this;
    const context = canvas.getContext("2d");
    const ratio = devicePixelRatio || 1;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    let last = null;
    for (const index of this.order) {
      const [x, y] = this.screen(index);
      const size = sizes[index];
      if (x < -size || y < -size || x > width + size || y > height + size) continue;
      if (colours[index] !== last) context.fillStyle = last = colours[index];
      if (size < 3) context.fillRect(x - size, y - size, 2 * size, 2 * size);
      else context.fill(disc(x, y, size));
    }
    context.strokeStyle = getComputedStyle(canvas).color;
    context.lineWidth = 2;
    if (this.at >= 0) context.stroke(disc(...this.screen(this.at), Math.max(6, sizes[this.at] + 3)));
    if (path?.length > 1) context.stroke(outline(path));
  }

  /** Put a point in the middle, and mark it. */
  show(index) {
    const [x, y] = this.screen(index);
    this.left += this.width / 2 - x;
    this.top += this.height / 2 - y;
    this.at = index;
    this.draw();
  }

  /** Zoom by `factor` about a place of the element. */
  zoom(factor, x = this.width / 2, y = this.height / 2) {
    const scale = Math.min(this.whole * MOST, Math.max(this.whole / 2, this.scale * factor));
    const by = scale / this.scale;
    this.left = x - (x - this.left) * by;
    this.top = y - (y - this.top) * by;
    this.scale = scale;
    this.draw();
  }

  pan(x, y) {
    this.left += x;
    this.top += y;
    this.draw();
  }

  wheel(event) {
    event.preventDefault();
    this.zoom(event.deltaY < 0 ? ZOOM : 1 / ZOOM, ...place(event));
  }

  press(event) {
    if (event.button) return;
    this.canvas.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, place(event));
    this.moved = 0;
    this.path = (this.lassoing || event.shiftKey) && this.pointers.size === 1 ? [place(event)] : null;
  }

  move(event) {
    const now = place(event);
    const before = this.pointers.get(event.pointerId);
    if (!before) return this.point(this.nearest(...now));
    const [dx, dy] = [now[0] - before[0], now[1] - before[1]];
    this.moved += Math.abs(dx) + Math.abs(dy);
    const other = [...this.pointers].find(([id]) => id !== event.pointerId)?.[1];
    this.pointers.set(event.pointerId, now);
    if (other) return this.pinch(before, now, other);
    if (!this.path) return this.pan(dx, dy);
    this.path.push(now);
    this.draw();
  }

  pinch(before, now, other) {
    const distance = ([x, y]) => Math.hypot(x - other[0], y - other[1]) || 1;
    this.path = null;
    this.zoom(distance(now) / distance(before), (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
  }

  release(event) {
    if (!this.pointers.delete(event.pointerId)) return;
    const path = this.path;
    this.path = null;
    if (path && this.moved > NEAR) this.listeners.onLasso(this.inside(path));
    else if (event.type === "pointerup" && this.moved < NEAR) {
      const index = this.nearest(...place(event));
      this.point(index);
      if (index >= 0) this.listeners.onOpen(index);
    }
    this.draw();
  }

  key(event) {
    const pans = { ArrowLeft: [STEP, 0], ArrowRight: [-STEP, 0], ArrowUp: [0, STEP], ArrowDown: [0, -STEP] };
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key in pans) this.pan(...pans[event.key]);
    else if (["+", "=", "-"].includes(event.key)) this.zoom(event.key === "-" ? 1 / ZOOM : ZOOM);
    else if (event.key === "0") this.fit(true);
    else return;
    event.preventDefault();
  }

  point(index) {
    if (index === this.at) return;
    this.at = index;
    this.canvas.classList.toggle("at-point", index >= 0);
    this.listeners.onPoint(index);
    this.draw();
  }

  /** The point that is drawn nearest to a place, where one is near; else -1. */
  nearest(x, y) {
    let [best, least] = [-1, NEAR * NEAR];
    for (const index of this.order) {
      const [px, py] = this.screen(index);
      const distance = (px - x) ** 2 + (py - y) ** 2;
      if (distance <= least) [best, least] = [index, distance];
    }
    return best;
  }

  /** The points that are drawn inside a closed path. */
  inside(path) {
    const context = this.canvas.getContext("2d");
    context.setTransform(1, 0, 0, 1, 0, 0);
    const area = outline(path);
    return this.order.filter((index) => context.isPointInPath(area, ...this.screen(index)));
  }
}

const place = (event) => [event.offsetX, event.offsetY];

function disc(x, y, radius) {
  const path = new Path2D();
  path.arc(x, y, radius, 0, 2 * Math.PI);
  return path;
}

function outline(path) {
  const area = new Path2D();
  path.forEach(([x, y], index) => (index ? area.lineTo(x, y) : area.moveTo(x, y)));
  area.closePath();
  return area;
}
