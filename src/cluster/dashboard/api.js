// What the page asks of the cluster. Addresses are relative, so that they stand below whatever the page is opened under.

/** The link that opened the page does not open it any more. */
export class Ended extends Error {}
/** Nobody answers, or the cluster is not there at the moment. */
export class Unreachable extends Error {}
/** The cluster has answered that something is not there or cannot be. */
export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

const PATIENCE_MS = 10_000;

async function ask(path) {
  let answer;
  try {
    answer = await fetch(path, { cache: 'no-store', credentials: 'same-origin', signal: AbortSignal.timeout(PATIENCE_MS) });
  } catch {
    throw new Unreachable('Nobody answers at the address of this page.');
  }
  if (answer.ok) return answer;
  const text = (await answer.text().catch(() => '')).trim();
  if (answer.status === 403) throw new Ended(text);
  if (answer.status >= 500 && answer.status !== 500) throw new Unreachable(text);
  let message = text;
  try {
    message = JSON.parse(text).errors.join(' ');
  } catch {
    // The service answers with text.
  }
  throw new Refused(answer.status, message);
}

export const json = async (path) => (await ask(path)).json();
export const text = async (path) => (await ask(path)).text();

/** Figures in Prometheus' text format, those without labels of parts: name -> value. */
export function figuresOf(exposition) {
  const found = {};
  for (const line of exposition.split('\n')) {
    const match = /^(millrace_[a-z_]+)(?:\{[^}]*\})? (\S+)$/.exec(line);
    if (match && !/^millrace_(task|operator|subtask)_/.test(match[1])) found[match[1].slice('millrace_'.length)] = Number(match[2]);
  }
  return found;
}

const VERTEX_METRICS = [
  'numRecordsIn', 'numRecordsOut', 'numRecordsSend', 'numRecordsInPerSecond', 'numRecordsOutPerSecond', 'numBytesIn', 'numBytesOut',
  'currentInputWatermark', 'currentOutputWatermark', 'busyTimeMsPerSecond', 'backPressuredTimeMsPerSecond', 'idleTimeMsPerSecond',
  'numLateRecordsDropped', 'numRecordsSkipped', 'stateBytes',
];

/** Metrics of a vertex over its subtasks: name -> {min, max, avg, sum}. */
export async function vertexMetrics(job, vertex) {
  const all = await json(`jobs/${job}/vertices/${vertex}/subtasks/metrics?get=${VERTEX_METRICS.join(',')}`);
  return Object.fromEntries(all.map((one) => [one.id, one]));
}
