// Why the job failed: the newest reason first, and what came before, equal failures folded into one.
import { badge, card, empty, facts, h } from './dom.js';
import { ago, time, title } from './format.js';

/** Failures of one message that follow each other, as one with a count. */
export function folded(entries) {
  const found = [];
  for (const entry of entries) {
    const before = found.at(-1);
    if (before && before.entry.stacktrace === entry.stacktrace && before.entry.exceptionName === entry.exceptionName) {
      before.times += 1;
      before.first = entry.timestamp;
      before.tasks.add(entry.taskName);
    } else {
      found.push({ entry, times: 1, first: entry.timestamp, tasks: new Set([entry.taskName]) });
    }
  }
  return found;
}

// "Source: a(...) -> Calc(...) (2/2)": the vertex in few words, and which subtask.
function taskOf(name) {
  if (!name) return 'the job as a whole';
  const subtask = / \((\d+\/\d+)\)$/.exec(name);
  return subtask ? `${title(name.slice(0, subtask.index))} (${subtask[1]})` : name;
}

function failure({ entry, times, first, tasks }, now) {
  return [
    h('p', { class: 'failure-head' },
      badge(entry.exceptionName, 'failed'),
      times > 1 && h('span', { class: 'quiet' }, `${times} times since ${time(first)}`),
      h('span', { class: 'quiet' }, `${time(entry.timestamp)}, ${ago(entry.timestamp, now)}`)),
    h('pre', { class: 'trace' }, entry.stacktrace),
    facts([['In', [...tasks].map(taskOf).join(', ')], entry.failureLabels?.TYPE && ['Whose', entry.failureLabels.TYPE === 'USER' ? 'the application or its data' : 'the engine']]),
  ];
}

export function view(state) {
  const entries = state.exceptions.exceptionHistory?.entries ?? [];
  if (entries.length === 0) return [empty('No failures.', 'The job has not failed since this cluster started.')];
  const [root, ...others] = folded(entries);
  return [
    card('Root cause', { class: 'failure root', key: 'root' }, failure(root, state.now)),
    others.length > 0 && card('Before that', { class: 'failure', key: 'history' },
      h('ol', { class: 'failures' }, others.map((one) => h('li', { key: `${one.entry.timestamp}` }, failure(one, state.now))))),
    state.exceptions.exceptionHistory.truncated && h('p', { class: 'note' }, 'Older failures are in the log.'),
  ];
}
