// The job graph: a box for each vertex with what it does now, and what flows between them.
import { s } from './dom.js';
import { percent, rate, shortChain, title, watermark } from './format.js';
import { NODE, layOut } from './layout.js';

let last = { key: '', layout: undefined };

// Laid out once for a plan: boxes do not move while figures change.
function layoutOf(nodes) {
  const key = nodes.map((node) => `${node.id}:${(node.inputs ?? []).map((one) => one.id)}`).join(';');
  if (key !== last.key) {
    last = { key, layout: layOut(nodes.map((node) => ({ id: node.id, inputs: (node.inputs ?? []).map((one) => one.id) }))) };
  }
  return last.layout;
}

const ruler = document.createElement('canvas').getContext('2d');
const fits = new Map();

// The text, or its beginning and an ellipsis, in so many pixels.
function fit(text, font, width) {
  const key = `${font} ${width} ${text}`;
  if (!fits.has(key)) {
    ruler.font = `${font} ${getComputedStyle(document.body).fontFamily}`;
    let shown = text;
    for (let length = text.length - 1; length > 0 && ruler.measureText(shown).width > width; --length) shown = `${text.slice(0, length).trimEnd()}…`;
    if (fits.size > 2000) fits.clear();
    fits.set(key, shown);
  }
  return fits.get(key);
}

/** Shares of a second, the busiest and the most held back of the subtasks. */
export function loadOf(metrics) {
  const most = (name) => Math.min(1, Math.max(0, (metrics?.[name]?.max ?? 0) / 1000));
  return { busy: most('busyTimeMsPerSecond'), held: most('backPressuredTimeMsPerSecond') };
}

export const heatOf = ({ busy, held }) =>
  held > 0.5 ? 'held' : busy > 0.8 ? 'hot' : held > 0.1 ? 'rather-held' : busy > 0.4 ? 'warm' : 'cool';

/** Rows in and out a second; a source's are those that it makes of what it reads, a sink's those that it writes. */
export function ratesOf(metrics) {
  const sum = (name) => metrics?.[name]?.sum;
  return { in: sum('numRecordsInPerSecond'), out: sum('numRecordsOutPerSecond') };
}

function curve(points) {
  let path = `M${points[0].x},${points[0].y}`;
  for (let i = 1; i < points.length; ++i) {
    const half = (points[i].x - points[i - 1].x) / 2;
    path += ` C${points[i - 1].x + half},${points[i - 1].y} ${points[i].x - half},${points[i].y} ${points[i].x},${points[i].y}`;
  }
  return path;
}

// What stands in the brackets behind an operator's name.
const argumentsOf = (operator) => operator.slice(operator.indexOf('(') + 1).replace(/\)$/, '');

// What a box is called, and the rest of its chain; of a single operator its arguments.
function captionOf(full) {
  const chain = shortChain(full);
  if (chain.length === 1) return { name: chain[0], rest: argumentsOf(full) };
  const name = title(full).split(' → ')[0];
  const at = chain.indexOf(name);
  const before = chain.slice(0, at).map((one) => `${one} → `).join('');
  return { name, rest: `${before}${before ? '…' : ''}${chain.slice(at + 1).map((one) => ` → ${one}`).join('')}`.trim() };
}

function bar(load, y, width) {
  const busy = Math.round(load.busy * width);
  const held = Math.round(Math.min(load.held, 1 - load.busy) * width);
  return [
    s('rect', { class: 'bar-idle', x: 12, y, width, height: 6, rx: 3 }),
    s('rect', { class: 'bar-busy', x: 12, y, width: busy, height: 6, rx: 3 }),
    s('rect', { class: 'bar-held', x: 12 + busy, y, width: held, height: 6, rx: 3 }),
  ];
}

function box(vertex, reads, place, metrics, now, chosen, choose) {
  const { name, rest } = captionOf(vertex.name);
  const load = loadOf(metrics);
  const rates = ratesOf(metrics);
  const mark = metrics?.currentOutputWatermark ?? metrics?.currentInputWatermark;
  const behind = mark ? watermark(mark.min, now).text : '–';
  const inner = NODE.width - 24;
  const label = `${title(vertex.name)}: ${vertex.status}, parallelism ${vertex.parallelism}, in ${rate(rates.in)}, ` +
    `out ${rate(rates.out)}, busy ${percent(load.busy)}, back-pressured ${percent(load.held)}, watermark ${behind}`;
  return s('g', {
    key: vertex.id, class: `vertex ${heatOf(load)} ${vertex.status.toLowerCase()}`, transform: `translate(${place.x},${place.y})`,
    tabindex: '0', role: 'button', 'aria-pressed': String(chosen), 'aria-label': label,
    onclick: () => choose(vertex.id),
    onkeydown: (event) => {
      if (event.key !== 'Enter' && event.key !== ' ') return;
      event.preventDefault();
      choose(vertex.id);
    },
  },
  s('title', {}, vertex.name),
  s('rect', { class: 'frame', width: NODE.width, height: NODE.height, rx: 10 }),
  s('text', { class: 'name', x: 12, y: 24 }, fit(name, '650 13.5px', inner - 30)),
  s('text', { class: 'chain', x: 12, y: 41 }, fit(rest, '11.5px', inner)),
  s('text', { class: 'slots', x: NODE.width - 12, y: 24, 'text-anchor': 'end' }, `×${vertex.parallelism}`),
  s('text', { class: 'term', x: 12, y: 62 }, 'in'),
  s('text', { class: 'figure', x: 30, y: 62 }, reads ? rate(rates.in) : '–'),
  s('text', { class: 'term', x: 138, y: 62 }, 'out'),
  s('text', { class: 'figure', x: 166, y: 62 }, rate(rates.out)),
  s('text', { class: 'term', x: 12, y: 80 }, 'watermark'),
  s('text', { class: 'figure', x: 84, y: 80 }, fit(behind, '12px', inner - 74)),
  bar(load, 89, inner),
  s('text', { class: 'load', x: 12, y: 109 }, `busy ${percent(load.busy)}`),
  s('text', { class: 'load', x: NODE.width - 12, y: 109, 'text-anchor': 'end' }, `held back ${percent(load.held)}`));
}

/** `job` as /jobs/:jobid has it, `metrics` by vertex. */
export function graph(job, metrics, now, chosen, choose) {
  const layout = layoutOf(job.plan.nodes);
  const margin = 8;
  const place = new Map(job.plan.nodes.map((node) => [node.id, node]));
  const width = layout.width + 2 * margin;
  const height = layout.height + 2 * margin;
  return s('svg', { class: 'graph', width, height, viewBox: `${-margin} ${-margin} ${width} ${height}`, role: 'group', 'aria-label': 'Job graph' },
    s('defs', {}, s('marker', { id: 'arrow', viewBox: '0 0 8 8', refX: 7, refY: 4, markerWidth: 7, markerHeight: 7, orient: 'auto' },
      s('path', { class: 'arrow', d: 'M0,0 L8,4 L0,8 z' }))),
    layout.edges.map((edge) => {
      const input = place.get(edge.to).inputs.find((one) => one.id === edge.from);
      const end = edge.points.at(-1);
      // Said once where all inputs of a vertex come the same way.
      const others = place.get(edge.to).inputs;
      const told = others[0].id === edge.from || others.some((one) => one.ship_strategy !== input.ship_strategy);
      return s('g', { class: `edge ${heatOf(loadOf(metrics.get(edge.from)))}`, key: `${edge.from}-${edge.to}-${input.num}` },
        s('path', { d: curve(edge.points), 'marker-end': 'url(#arrow)' }),
        told && s('text', { x: end.x - 12, y: end.y - 8, 'text-anchor': 'end' }, (input.ship_strategy ?? '').toLowerCase()));
    }),
    job.vertices.filter((vertex) => layout.nodes.has(vertex.id)).map((vertex) =>
      box(vertex, (place.get(vertex.id).inputs ?? []).length > 0, layout.nodes.get(vertex.id), metrics.get(vertex.id), now, vertex.id === chosen, choose)));
}

/**
 * The vertex that holds others back: busy itself, with inputs that wait for it. {vertex, busy, waiting: [vertex], held} or
 * undefined.
 */
export function bottleneck(job, metrics) {
  let worst;
  for (const node of job.plan.nodes) {
    const load = loadOf(metrics.get(node.id));
    const waiting = (node.inputs ?? []).filter((one) => loadOf(metrics.get(one.id)).held > 0.1);
    const held = Math.max(0, ...waiting.map((one) => loadOf(metrics.get(one.id)).held));
    if (waiting.length === 0 || load.held > 0.1 || (worst && worst.held >= held)) continue;
    const vertexOf = (id) => job.vertices.find((vertex) => vertex.id === id);
    worst = { vertex: vertexOf(node.id), busy: load.busy, waiting: waiting.map((one) => vertexOf(one.id)), held };
  }
  return worst?.vertex && worst;
}
