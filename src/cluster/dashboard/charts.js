// Figures over time, kept while the page is open, and drawn as small lines.
import { h, s } from './dom.js';
import { bytes, duration, time } from './format.js';

const KEPT_MS = 15 * 60_000;

/** Samples of named figures, oldest first. */
export class Series {
  constructor() {
    this.samples = [];
  }
  add(now, figures) {
    this.samples.push({ at: now, figures });
    while (this.samples.length > 0 && this.samples[0].at < now - KEPT_MS) this.samples.shift();
  }
  of(name) {
    return this.samples.filter((one) => Number.isFinite(one.figures[name])).map((one) => ({ x: one.at, y: one.figures[name] }));
  }
}

const STEPS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000];
const SECOND = 1000;
const DURATIONS = [...STEPS, ...[2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600].map((seconds) => seconds * SECOND)];

// The least round value that holds this one: round in the unit in which it is written.
function ceiling(value, show) {
  if (!(value > 0)) return 1;
  const base = show === bytes ? 1024 : 1000;
  const power = base ** Math.floor(Math.log(Math.max(1, value)) / Math.log(base));
  const steps = show === duration && value <= DURATIONS.at(-1) ? DURATIONS : [...STEPS.filter((step) => step < base - 24), base].map((step) => step * power);
  return steps.find((step) => step >= value) ?? value;
}

const WIDTH = 300;
const HEIGHT = 84;

/**
 * `lines` are [{name, points: [{x, y}], kind}], one or two of them; `show` writes a value; `at` writes where it stands (a time
 * unless told). The newest values stand above the lines, and those under the pointer while it is there.
 */
export function chart(title, lines, show, { hint, at = time, span = (first, last) => `${duration(last - first)}`, most } = {}) {
  const all = lines.flatMap((line) => line.points);
  const values = lines.map((line) => h('span', { class: `now ${line.kind}`, key: line.kind },
    lines.length > 1 && h('span', { class: 'key' }, line.name), ' ', line.points.length > 0 ? show(line.points.at(-1).y) : '–'));
  const head = h('div', { class: 'chart-head' }, h('h3', {}, title), h('p', { class: 'values' }, values));
  if (all.length < 2) {
    return h('figure', { class: 'chart', key: title }, head,
      s('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: 'plot', preserveAspectRatio: 'none', 'aria-hidden': 'true' }, s('line', { class: 'base', x1: 0, x2: WIDTH, y1: HEIGHT, y2: HEIGHT })),
      h('figcaption', {}, h('span', {}, hint ?? 'the line begins with the next figure')));
  }
  const first = Math.min(...all.map((point) => point.x));
  const last = Math.max(...all.map((point) => point.x));
  const top = most ?? ceiling(Math.max(...all.map((point) => point.y)), show);
  const x = (value) => ((value - first) / Math.max(1, last - first)) * WIDTH;
  const y = (value) => HEIGHT - (Math.min(Math.max(value, 0), top) / top) * (HEIGHT - 6);
  const drawn = lines.filter((line) => line.points.length > 0).map((line) => {
    const path = line.points.map((point, i) => `${i === 0 ? 'M' : 'L'}${x(point.x).toFixed(1)},${y(point.y).toFixed(1)}`).join(' ');
    const ends = `L${x(line.points.at(-1).x).toFixed(1)},${HEIGHT} L${x(line.points[0].x).toFixed(1)},${HEIGHT} Z`;
    return s('g', { class: `line ${line.kind}`, key: line.kind }, s('path', { class: 'area', d: `${path} ${ends}` }), s('path', { class: 'stroke', d: path }));
  });
  const said = lines.map((line) => `${line.name} ${line.points.length > 0 ? show(line.points.at(-1).y) : 'not known'}`).join(', ');
  const follow = (event) => {
    const figure = event.currentTarget.closest('figure');
    const place = event.currentTarget.getBoundingClientRect();
    const wanted = first + ((event.clientX - place.left) / place.width) * (last - first);
    const nearest = (points) => points.reduce((best, point) => (Math.abs(point.x - wanted) < Math.abs(best.x - wanted) ? point : best));
    const found = lines.filter((line) => line.points.length > 0).map((line) => ({ line, point: nearest(line.points) }));
    const cursor = figure.querySelector('.cursor');
    cursor.setAttribute('transform', `translate(${x(found[0].point.x)},0)`);
    cursor.classList.add('shown');
    figure.querySelector('.reading').textContent =
      `${at(found[0].point.x)}: ${found.map(({ line, point }) => `${lines.length > 1 ? `${line.name} ` : ''}${show(point.y)}`).join(', ')}`;
  };
  const leave = (event) => {
    const figure = event.currentTarget.closest('figure');
    figure.querySelector('.cursor').classList.remove('shown');
    figure.querySelector('.reading').textContent = '';
  };
  return h('figure', { class: 'chart', key: title }, head,
    s('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: 'plot', preserveAspectRatio: 'none', role: 'img', 'aria-label': `${title}: ${said}`,
      onpointermove: follow, onpointerleave: leave },
    s('line', { class: 'grid', x1: 0, x2: WIDTH, y1: y(top), y2: y(top) }),
    s('line', { class: 'grid', x1: 0, x2: WIDTH, y1: y(top / 2), y2: y(top / 2) }),
    drawn,
    s('line', { class: 'base', x1: 0, x2: WIDTH, y1: HEIGHT, y2: HEIGHT }),
    s('g', { keep: true, class: 'cursor', key: 'cursor' }, s('line', { x1: 0, x2: 0, y1: 0, y2: HEIGHT }))),
    h('figcaption', {}, h('span', {}, `up to ${show(top)}`), h('span', { class: 'reading', keep: true }), h('span', {}, span(first, last))));
}
