// EXPLAIN ANALYZE of the job as it runs.
import { Refused, json } from './api.js';
import { card, empty, h } from './dom.js';

const known = { text: undefined, none: false };

export async function load(state) {
  try {
    known.text = (await json(`jobs/${state.job.jid}/explain-analyze`)).text;
    known.none = false;
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    known.none = true;
  }
}

export function view() {
  if (known.none) return [empty('There is no plan of SQL.', 'The job was not made of SQL statements.')];
  if (known.text === undefined) return [h('p', { class: 'note' }, 'Asking for the plan…')];
  return [card('EXPLAIN ANALYZE, as the job runs', {}, h('pre', { class: 'plan', tabindex: '0' }, known.text))];
}
