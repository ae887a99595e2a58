// The dashboard of a cluster: asks it every few seconds, and shows one view at a time. What it shows is what the
// Flink REST API answers; the page only reads.
import { Ended, Refused, Unreachable, figuresOf, json, text, vertexMetrics } from './api.js';
import { Series } from './charts.js';
import * as checkpoints from './checkpoints.js';
import * as configuration from './configuration.js';
import { badge, empty, facts, h, patchChildren } from './dom.js';
import * as exceptions from './exceptions.js';
import { ago, count, duration, time } from './format.js';
import * as logs from './logs.js';
import * as overview from './overview.js';
import * as plan from './plan.js';

const PERIOD_MS = 3_000;
const RECENT_MS = 5 * 60_000;
const VIEWS = { overview, checkpoints, exceptions, plan, logs, configuration };
const NAMES = { overview: 'Overview', checkpoints: 'Checkpoints', exceptions: 'Exceptions', plan: 'Plan', logs: 'Logs', configuration: 'Configuration' };

const state = { now: Date.now(), job: undefined, metrics: new Map(), series: new Series(), figures: {}, checkpoints: undefined, exceptions: undefined };
let problem; // why the newest question was not answered
let paused = false;
let asked; // when the answers shown were given
let timer;

const place = (id) => document.getElementById(id);
const viewName = () => (location.hash.slice(1) in VIEWS ? location.hash.slice(1) : 'overview');

async function askJob() {
  const jobs = (await json('jobs/overview')).jobs;
  if (jobs.length === 0) {
    state.job = undefined;
    return;
  }
  const id = jobs[0].jid;
  if (state.job && state.job.jid !== id) Object.assign(state, { series: new Series(), metrics: new Map() });
  const [job, exposition, taken, failures, process] = await Promise.all([json(`jobs/${id}`), text('metrics'), json(`jobs/${id}/checkpoints`),
    json(`jobs/${id}/exceptions?maxExceptions=50`), json('jobmanager/metrics?get=Status.JVM.Memory.Heap.Used')]);
  const figures = figuresOf(exposition);
  Object.assign(state, { job, figures, checkpoints: taken, exceptions: failures, now: job.now });
  checkpoints.note(taken);
  const lag = job.now - 1000 * figures.current_output_watermark_seconds;
  state.series.add(job.now, {
    rowsIn: figures.num_records_in_per_second, rowsOut: figures.num_records_out_per_second,
    lag: Math.abs(lag) < 366 * 86_400_000 ? Math.max(0, lag) : NaN,
    checkpointMs: 1000 * figures.last_checkpoint_duration_seconds, stateBytes: figures.state_bytes,
    busy: figures.busy_time_ratio, held: figures.back_pressured_time_ratio, cpu: figures.cpu_utilization_percent / 100,
    residentBytes: Number(process[0]?.value),
  });
}

async function askView() {
  if (!state.job) return;
  if (viewName() === 'overview') {
    const { jid, vertices } = state.job;
    const found = await Promise.all(vertices.map(async ({ id }) => [id, await vertexMetrics(jid, id)]));
    state.metrics = new Map(found);
  }
  await VIEWS[viewName()].load?.(state);
}

function pill() {
  if (!state.job) return badge(problem ? 'NOT REACHED' : 'NO JOB', 'created');
  return badge(state.job.state, state.job.state.toLowerCase());
}

function drawHead() {
  const { job, figures, now } = state;
  const newest = state.checkpoints?.latest.completed;
  document.title = job ? `${job.name} · ${job.state} – Millrace` : 'Millrace';
  patchChildren(place('head'), [
    h('div', { class: 'brand' }, h('img', { src: 'dashboard/icon.svg', alt: '', width: 28, height: 28 }), h('span', {}, 'Millrace')),
    h('div', { class: 'job' }, h('h1', {}, job?.name ?? '\u00a0'), pill()),
    facts(job ? [
      ['Duration', duration(job.duration)],
      ['Started', time(job['start-time'])],
      ['Restarts', count(figures.full_restarts_total)],
      ['Last checkpoint', newest ? ago(newest.latest_ack_timestamp, now) : 'none'],
    ] : []),
    h('div', { class: 'refresh' },
      h('button', { type: 'button', class: 'quiet-button', 'aria-pressed': String(paused), onclick: pause }, paused ? 'Go on' : 'Pause'),
      h('span', { class: `pulse ${problem ? 'broken' : paused ? 'paused' : ''}`, 'aria-hidden': 'true' }),
      h('span', { class: 'asked' }, asked ? `as of ${time(asked)}` : 'asking…')),
  ]);
  const name = viewName();
  const marks = { exceptions: state.exceptions?.exceptionHistory?.entries.length, checkpoints: state.checkpoints?.counts.failed };
  patchChildren(place('nav'), Object.entries(NAMES).map(([id, label]) =>
    h('a', { key: id, href: `#${id}`, 'aria-current': id === name ? 'page' : undefined }, label,
      marks[id] > 0 && h('span', { class: 'mark', 'aria-label': `${marks[id]} failed` }, count(marks[id])))));
}

function pause() {
  paused = !paused;
  clearTimeout(timer);
  if (paused) drawHead();
  else refresh();
}

const firstLine = (entry) => entry?.stacktrace.split('\n')[0];
const toExceptions = () => h('a', { href: '#exceptions' }, 'Exceptions');

const WHAT_ENDED = {
  FINISHED: 'The job has come to the end of its input. What stands here are its last figures.',
  CANCELED: 'The job was cancelled. What stands here are its last figures.',
  FAILED: 'The job has failed and is not started again.',
};

function problemNote() {
  if (!problem) return undefined;
  const seen = asked ? ` What stands here is as of ${time(asked)}.` : '';
  if (problem instanceof Ended) {
    return h('div', { class: 'note-box bad', role: 'alert', key: 'problem' }, h('h2', {}, 'This link has ended.'),
      h('p', {}, 'Links to a dashboard are to be opened within three minutes, last for a session (12 hours unless told), and end when the service is started again.', seen),
      h('p', {}, 'For a new one: ', h('code', {}, `millrace app url ${state.job?.name ?? '<application>'}`), ', or CreateApplicationPresignedUrl with any AWS client.'));
  }
  if (problem instanceof Unreachable) {
    return h('div', { class: 'note-box warn', role: 'alert', key: 'problem' }, h('h2', {}, 'The cluster does not answer.'),
      h('p', {}, problem.message || 'It is not there at the moment.', seen),
      h('p', {}, 'While an application is stopped, it has no cluster; while it is updated or restarted, it has none for a moment. The page goes on asking.'));
  }
  return h('div', { class: 'note-box warn', role: 'alert', key: 'problem' }, h('h2', {}, 'The page cannot show everything.'), h('p', {}, problem.message, seen));
}

function jobNotes() {
  const { job, now } = state;
  if (!job || problem) return [];
  const newest = state.exceptions.exceptionHistory?.entries[0];
  const notes = [];
  if (job.state in WHAT_ENDED) {
    notes.push(h('p', { class: `note-box ${job.state === 'FAILED' ? 'bad' : ''}`, key: 'ended' }, WHAT_ENDED[job.state], job.state === 'FAILED' && [' ', firstLine(newest), ' ', toExceptions()]));
  } else if (job.state !== 'RUNNING') {
    notes.push(h('p', { class: 'note-box warn', key: 'state' }, `The job is ${job.state}. `, newest && [firstLine(newest), ' ', toExceptions()]));
  } else if (newest && now - newest.timestamp < RECENT_MS) {
    notes.push(h('p', { class: 'note-box warn', key: 'restarted' }, `The job failed ${ago(newest.timestamp, now)} and runs again: `, firstLine(newest), ' ', toExceptions()));
  }
  const { failed, completed } = state.checkpoints.latest;
  if (failed && (!completed || failed.id > completed.id)) {
    notes.push(h('p', { class: 'note-box bad', key: 'checkpoint' }, `The newest checkpoint, #${failed.id}, failed: ${failed.failure_message} `, h('a', { href: '#checkpoints' }, 'Checkpoints')));
  }
  return notes;
}

function drawMain() {
  const main = place('main');
  const name = viewName();
  let children;
  if (!state.job && !problem) {
    children = asked ? [empty('No job runs here yet.', 'It appears as soon as the cluster has planned it and started it.')] : [h('div', { class: 'card waiting' }, 'Asking the cluster…')];
  } else if (!state.job) {
    children = [];
  } else {
    children = VIEWS[name].view(state, redraw).flat(Infinity).filter(Boolean);
  }
  if (main.dataset.view !== name) main.replaceChildren();
  main.dataset.view = name;
  main.classList.toggle('stale', Boolean(problem));
  patchChildren(main, children);
  VIEWS[name].drawn?.(main);
}

function redraw() {
  drawHead();
  patchChildren(place('notes'), [problemNote(), ...jobNotes()].filter(Boolean));
  drawMain();
}
redraw.state = () => state;

let running = false;
async function refresh() {
  clearTimeout(timer);
  if (running) return;
  running = true;
  try {
    await askJob();
    await askView();
    problem = undefined;
    asked = Date.now();
  } catch (error) {
    if (!(error instanceof Ended || error instanceof Unreachable || error instanceof Refused)) console.error(error);
    // A job may end, or give way to another one, between two questions: the next round asks for what is there then.
    problem = error;
  }
  running = false;
  redraw();
  if (!paused && !document.hidden && !(problem instanceof Ended)) timer = setTimeout(refresh, PERIOD_MS);
}

addEventListener('hashchange', () => {
  if (location.hash === '#main') return;
  redraw();
  scrollTo(0, 0);
  if (!paused) refresh();
  else askView().then(redraw, () => {});
});
document.addEventListener('visibilitychange', () => {
  if (document.hidden) clearTimeout(timer);
  else if (!paused) refresh();
});

redraw();
refresh();
