// What the job does now: its load over time, its graph, its vertices and the subtasks of the one that was chosen.
import { json } from './api.js';
import { chart } from './charts.js';
import { badge, card, empty, facts, h, table } from './dom.js';
import { bytes, count, duration, operatorsOf, percent, rate, shortName, time, title, watermark } from './format.js';
import { bottleneck, graph, loadOf, ratesOf } from './graph.js';

const choice = { vertex: undefined, details: undefined };

function line(series, name, figure, kind = 'first') {
  return { name, kind, points: series.of(figure) };
}

function charts(state) {
  const { series } = state;
  return card(undefined, { class: 'charts', 'aria-label': 'Metrics over time' },
    chart('Records read', [line(series, 'read', 'rowsIn')], rate),
    chart('Records written', [line(series, 'written', 'rowsOut')], rate),
    chart('Watermark lag', [line(series, 'lag', 'lag')], duration, { hint: 'no watermark yet' }),
    chart('Checkpoint duration', [line(series, 'duration', 'checkpointMs')], duration, { hint: 'no checkpoint yet' }),
    chart('State', [line(series, 'state', 'stateBytes')], bytes),
    chart('Load', [line(series, 'busy', 'busy', 'busy'), line(series, 'held back', 'held', 'held')], percent, { most: 1 }),
    chart('CPU', [line(series, 'CPU', 'cpu')], percent, { most: 1 }),
    chart('Memory', [line(series, 'resident', 'residentBytes')], bytes));
}

function explainLoad(state) {
  const found = bottleneck(state.job, state.metrics);
  if (!found) return undefined;
  const waiting = found.waiting.map((vertex) => title(vertex.name)).join(' and ');
  return h('p', { class: 'note warn', role: 'status' }, h('strong', {}, title(found.vertex.name)),
    ` is what the job waits for: it is busy ${percent(found.busy)} of the time, and ${waiting} before it `,
    `${found.waiting.length > 1 ? 'are' : 'is'} held back ${percent(found.held)}.`);
}

const LEGEND = [['busy', 'busy'], ['held', 'held back (back-pressure)'], ['idle', 'idle']];

function graphCard(state, redraw) {
  return card('Job graph', { class: 'graph-card' },
    h('p', { class: 'legend' }, LEGEND.map(([kind, text]) => h('span', {}, h('i', { class: `swatch ${kind}` }), text))),
    explainLoad(state),
    h('div', { class: 'scroll graph-scroll', tabindex: '0', role: 'region', 'aria-label': 'Job graph, scrolls sideways' },
      graph(state.job, state.metrics, state.now, choice.vertex, (id) => {
        choose(choice.vertex === id ? undefined : id, redraw);
      })));
}

async function choose(id, redraw) {
  choice.vertex = id;
  choice.details = undefined;
  redraw();
  if (id) {
    await load(redraw.state());
    redraw();
  }
}

function vertexRows(state, redraw) {
  return state.job.vertices.map((vertex) => {
    const metrics = state.metrics.get(vertex.id);
    const sum = (name) => metrics?.[name]?.sum;
    const load = loadOf(metrics);
    const mark = metrics?.currentOutputWatermark ?? metrics?.currentInputWatermark;
    const chosen = vertex.id === choice.vertex;
    return h('tr', { key: vertex.id, class: chosen ? 'chosen' : '' },
      h('th', { scope: 'row', class: 'wide' },
        h('button', { class: 'link', type: 'button', title: vertex.name, 'aria-expanded': String(chosen), onclick: () => choose(chosen ? undefined : vertex.id, redraw) },
          title(vertex.name))),
      h('td', {}, badge(vertex.status, vertex.status.toLowerCase())),
      h('td', { class: 'number' }, vertex.parallelism),
      h('td', { class: 'number' }, count(vertex.metrics['read-records'])),
      h('td', { class: 'number' }, count(vertex.metrics['write-records'])),
      h('td', { class: 'number' }, bytes(vertex.metrics['read-bytes'])),
      h('td', { class: 'number' }, bytes(vertex.metrics['write-bytes'])),
      h('td', { class: 'number' }, bytes(sum('stateBytes'))),
      h('td', {}, mark ? watermark(mark.min, state.now).text : '–'),
      h('td', { class: 'number' }, percent(load.busy)),
      h('td', { class: 'number' }, percent(load.held)));
  });
}

const N = 'number';
const VERTEX_COLUMNS = [['Vertex', 'wide'], ['Status'], ['Parallelism', N], ['Records in', N], ['Records out', N],
  ['Bytes in', N], ['Bytes out', N], ['State', N], ['Watermark'], ['Busy', N], ['Held back', N]];
const SUBTASK_COLUMNS = [['Subtask', N], ['Status'], ['Attempt', N], ['Since'], ['Records in', N], ['Records out', N], ['Bytes in', N], ['Bytes out', N],
  ['Watermark in'], ['Busy', N], ['Held back', N], ['Idle', N]];

function subtaskRows(details, now) {
  const marks = new Map(details.watermarks.map((one) => [Number(one.id.split('.')[0]), one.value]));
  return details.subtasks.map((one) => {
    const pressure = details.pressure.find((other) => other.subtask === one.subtask) ?? {};
    const mark = marks.get(one.subtask);
    return h('tr', { key: one.subtask },
      h('th', { scope: 'row', class: 'number' }, one.subtask),
      h('td', {}, badge(one.status, one.status.toLowerCase())),
      h('td', { class: 'number' }, one.attempt),
      h('td', {}, time(one['start-time'])),
      h('td', { class: 'number' }, count(one.metrics['read-records'])),
      h('td', { class: 'number' }, count(one.metrics['write-records'])),
      h('td', { class: 'number' }, bytes(one.metrics['read-bytes'])),
      h('td', { class: 'number' }, bytes(one.metrics['write-bytes'])),
      h('td', {}, mark === undefined ? '–' : watermark(mark, now).text),
      h('td', { class: 'number' }, percent(pressure.busyRatio)),
      h('td', { class: 'number' }, percent(pressure.ratio)),
      h('td', { class: 'number' }, percent(pressure.idleRatio)));
  });
}

function vertexCard(state, redraw) {
  const vertex = state.job.vertices.find((one) => one.id === choice.vertex);
  if (!vertex) return undefined;
  const metrics = state.metrics.get(vertex.id);
  const rates = ratesOf(metrics);
  const sum = (name) => metrics?.[name]?.sum;
  return card(title(vertex.name), { class: 'vertex-card', key: 'vertex' },
    h('button', { class: 'close', type: 'button', 'aria-label': 'Close the vertex', onclick: () => choose(undefined, redraw) }, '×'),
    facts([
      ['Status', badge(vertex.status, vertex.status.toLowerCase())],
      ['Running for', duration(vertex.duration)],
      ['Records', `${rate(rates.in)} in, ${rate(rates.out)} out`],
      ['State', bytes(sum('stateBytes'))],
      sum('numLateRecordsDropped') > 0 && ['Late, dropped', count(sum('numLateRecordsDropped'))],
      sum('numRecordsSkipped') > 0 && ['Skipped', count(sum('numRecordsSkipped'))],
    ]),
    choice.details
      ? table('Subtasks', SUBTASK_COLUMNS, subtaskRows(choice.details, state.now))
      : h('p', { class: 'note' }, 'Asking for the subtasks…'),
    h('details', { key: 'operators' }, h('summary', {}, `Operators (${operatorsOf(vertex.name).length})`),
      h('ol', { class: 'operators' }, operatorsOf(vertex.name).map((one) => h('li', {}, h('strong', {}, shortName(one)), h('code', {}, one))))));
}

/** Asks for what only this view shows: the chosen vertex' subtasks. */
export async function load(state) {
  const id = choice.vertex;
  if (!id || !state.job) return;
  if (!state.job.vertices.some((one) => one.id === id)) {
    choice.vertex = undefined;
    return;
  }
  const path = `jobs/${state.job.jid}/vertices/${id}`;
  const [vertex, pressure, watermarks] = await Promise.all([json(path), json(`${path}/backpressure`), json(`${path}/watermarks`)]);
  if (choice.vertex === id) choice.details = { subtasks: vertex.subtasks, pressure: pressure.subtasks, watermarks };
}

export function view(state, redraw) {
  if (state.job.vertices.length === 0) {
    return [empty('The job has no vertices yet.', 'They appear as soon as it has been scheduled.')];
  }
  return [
    charts(state),
    graphCard(state, redraw),
    vertexCard(state, redraw),
    card('Vertices', { key: 'vertices' }, table('Vertices', VERTEX_COLUMNS, vertexRows(state, redraw))),
  ];
}
