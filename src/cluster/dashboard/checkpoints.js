// Checkpoints: how many, the newest of each kind, what each took, and the part of each vertex in one of them.
import { json } from './api.js';
import { chart } from './charts.js';
import { badge, card, empty, facts, h, table } from './dom.js';
import { ago, bytes, count, duration, time, title } from './format.js';

const NEVER = Number.MAX_SAFE_INTEGER; // an interval at or above: checkpoints are off
const KEPT = 200;
const kept = { job: undefined, config: undefined, history: new Map(), opened: undefined, details: undefined };

export async function load(state) {
  const job = state.job?.jid;
  if (!job) return;
  if (kept.job !== job) Object.assign(kept, { job, config: undefined, opened: undefined, details: undefined }).history.clear();
  kept.config ??= await json(`jobs/${job}/checkpoints/config`);
}

/** The cluster remembers the newest ten; the page those that it has seen. */
export function note(checkpoints) {
  for (const one of checkpoints.history) kept.history.set(one.id, one);
  for (const id of [...kept.history.keys()].sort((a, b) => b - a).slice(KEPT)) kept.history.delete(id);
}

async function open(id, state, redraw) {
  kept.opened = kept.opened === id ? undefined : id;
  kept.details = undefined;
  redraw();
  if (kept.opened === undefined) return;
  try {
    kept.details = { id, body: await json(`jobs/${state.job.jid}/checkpoints/details/${id}`) };
  } catch (error) {
    kept.details = { id, wrong: error.message };
  }
  redraw();
}

function latest(title_, one, now, time_) {
  if (!one) return [title_, h('span', { class: 'quiet' }, 'none')];
  return [title_, `#${one.id}, ${ago(one[time_], now)}`, one.external_path && h('code', { class: 'path' }, one.external_path)];
}

function kindOf(one) {
  if (!one.is_savepoint) return 'Checkpoint';
  return one.checkpoint_type === 'SYNC_SAVEPOINT' ? 'Savepoint, to stop' : 'Savepoint';
}

const N = 'number';
const COLUMNS = [['ID', N], ['Kind'], ['Status'], ['Triggered'], ['Took', N], ['Written', N], ['Whole state', N], ['Acknowledged', N]];
const PART_COLUMNS = [['Vertex', 'wide'], ['Acknowledged', N], ['Took', N], ['Captured', N], ['State', N]];

function parts(state, one) {
  const details = kept.details?.id === one.id ? kept.details : undefined;
  if (!details) return h('p', { class: 'note' }, 'Asking for its parts…');
  if (details.wrong) return h('p', { class: 'note warn' }, 'The cluster has forgotten its parts: ', details.wrong);
  return [
    details.body.failure_message && h('pre', { class: 'trace' }, details.body.failure_message),
    details.body.external_path && h('p', { class: 'note' }, h('code', { class: 'path' }, details.body.external_path)),
    table(`Parts of checkpoint ${one.id}`, PART_COLUMNS, Object.entries(details.body.tasks).map(([id, part]) => {
      const vertex = state.job.vertices.find((other) => other.id === id);
      return h('tr', { key: id },
        h('th', { scope: 'row', class: 'wide', title: vertex?.name }, vertex ? title(vertex.name) : id),
        h('td', { class: N }, `${part.num_acknowledged_subtasks} of ${part.num_subtasks}`),
        h('td', { class: N }, duration(part.end_to_end_duration)),
        h('td', { class: N }, bytes(part.checkpointed_size)),
        h('td', { class: N }, bytes(part.state_size)));
    })),
  ];
}

function historyRows(history, state, redraw) {
  return history.flatMap((one) => {
    const opened = kept.opened === one.id;
    const row = h('tr', { key: one.id, class: opened ? 'chosen' : '' },
      h('th', { scope: 'row', class: N }, h('button', { class: 'link', type: 'button', 'aria-expanded': String(opened), onclick: () => open(one.id, state, redraw) }, `#${one.id}`)),
      h('td', {}, kindOf(one)),
      h('td', {}, badge(one.status, one.status.toLowerCase())),
      h('td', {}, time(one.trigger_timestamp)),
      h('td', { class: N }, duration(one.end_to_end_duration)),
      h('td', { class: N }, bytes(one.checkpointed_size)),
      h('td', { class: N }, one.status === 'COMPLETED' ? bytes(one.state_size) : '–'),
      h('td', { class: N }, `${one.num_acknowledged_subtasks} of ${one.num_subtasks}`));
    return opened ? [row, h('tr', { key: `${one.id}-parts` }, h('td', { colspan: COLUMNS.length, class: 'below' }, parts(state, one)))] : [row];
  });
}

const periodOf = (config) => (config.interval >= NEVER ? 'never' : `every ${duration(config.interval)}`);

export function view(state, redraw) {
  const { counts, latest: newest } = state.checkpoints;
  const config = kept.config;
  const history = [...kept.history.values()].sort((a, b) => b.id - a.id);
  const completed = history.filter((one) => one.status === 'COMPLETED').reverse();
  const over = (value) => completed.map((one) => ({ x: one.id, y: value(one) }));
  const told = { at: (id) => `#${id}`, span: (first, last) => `#${first} to #${last}`, hint: 'needs two completed ones' };
  return [
    card(undefined, { class: 'summary' }, facts([
      ['Completed', count(counts.completed)],
      ['In progress', count(counts.in_progress)],
      ['Failed', h('span', { class: counts.failed > 0 ? 'bad' : '' }, count(counts.failed))],
      ['Restored', count(counts.restored)],
      config && ['Taken', periodOf(config)],
      config && ['State backend', config.state_backend.replace('StateBackend', '')],
    ])),
    card('Newest', { class: 'newest' }, facts([
      latest('Checkpoint', newest.completed, state.now, 'latest_ack_timestamp'),
      latest('Savepoint', newest.savepoint, state.now, 'latest_ack_timestamp'),
      latest('Restore', newest.restored, state.now, 'restore_timestamp'),
      newest.failed ? [...latest('Failed', newest.failed, state.now, 'failure_timestamp'), h('span', { class: 'bad' }, newest.failed.failure_message)] : latest('Failed', undefined),
    ])),
    card(undefined, { class: 'charts two', 'aria-label': 'Checkpoints one after the other' },
      chart('Duration', [{ name: 'duration', kind: 'first', points: over((one) => one.end_to_end_duration) }], duration, told),
      chart('Size', [{ name: 'state', kind: 'first', points: over((one) => one.state_size) },
        { name: 'written', kind: 'second', points: over((one) => one.checkpointed_size) }], bytes, told)),
    history.length === 0
      ? empty('No checkpoint has been taken yet.', config && config.interval >= NEVER
        ? 'They are off: CheckpointingEnabled of the application (execution.checkpointing.interval) turns them on.'
        : config ? `One is taken ${periodOf(config)} while the job runs.` : '')
      : card('History', {}, table('History of checkpoints', COLUMNS, historyRows(history, state, redraw))),
  ];
}
