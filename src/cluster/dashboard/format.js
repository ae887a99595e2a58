// Figures, times and names as people read them.

const integer = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const NOT_KNOWN = '–';

const given = (value) => value !== undefined && value !== null && Number.isFinite(value);

/** 1,234 up to a hundred thousand; 1.23 M beyond. */
export function count(value) {
  if (!given(value)) return NOT_KNOWN;
  const size = Math.abs(value);
  for (const [limit, unit] of [[1e12, 'T'], [1e9, 'G'], [1e6, 'M'], [1e5, 'k']]) {
    if (size < limit) continue;
    const scaled = value / (unit === 'k' ? 1e3 : limit);
    return `${scaled.toFixed(Math.abs(scaled) < 10 ? 2 : Math.abs(scaled) < 100 ? 1 : 0)} ${unit}`;
  }
  return size > 0 && size < 10 && !Number.isInteger(value) ? value.toFixed(1) : integer.format(value);
}

export const rate = (value) => (given(value) ? `${count(value)}/s` : NOT_KNOWN);

export function bytes(value) {
  if (!given(value) || value < 0) return NOT_KNOWN;
  let scaled = value;
  for (const unit of ['B', 'KB', 'MB', 'GB', 'TB']) {
    if (scaled < 1024 || unit === 'TB') return `${unit === 'B' || scaled >= 100 ? scaled.toFixed(0) : scaled.toFixed(1)} ${unit}`;
    scaled /= 1024;
  }
  return NOT_KNOWN;
}

export function duration(ms) {
  if (!given(ms) || ms < 0) return NOT_KNOWN;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`;
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 60) return ms % 60_000 < 1000 ? `${minutes} min` : `${minutes} min ${Math.floor((ms % 60_000) / 1000)} s`;
  const hours = Math.floor(minutes / 60);
  return hours < 24 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

const pad = (value, digits = 2) => String(value).padStart(digits, '0');

/** 14:03:21, after the date where that is not today; in the reader's zone. */
export function time(ms) {
  if (!given(ms) || ms <= 0) return NOT_KNOWN;
  const at = new Date(ms);
  if (Number.isNaN(at.getTime())) return NOT_KNOWN;
  const clock = `${pad(at.getHours())}:${pad(at.getMinutes())}:${pad(at.getSeconds())}`;
  return at.toDateString() === new Date().toDateString()
    ? clock
    : `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())} ${clock}`;
}

/** In whole seconds: "3 s ago". */
export const ago = (ms, now) => (given(ms) && ms > 0 ? `${duration(Math.max(1, Math.round((now - ms) / 1000)) * 1000).replace('.0 s', ' s')} ago` : NOT_KNOWN);
export const percent = (share) => (given(share) ? `${Math.round(share * 100)} %` : NOT_KNOWN);

// Long.MIN_VALUE before the first watermark, Long.MAX_VALUE after the last one.
const EXTREME = 9e18;

/** {text, lag}: how far a watermark is behind the clock, where it is one of this time. */
export function watermark(value, now) {
  const ms = Number(value);
  if (!Number.isFinite(ms) || ms <= -EXTREME) return { text: 'none yet', lag: undefined };
  if (ms >= EXTREME) return { text: 'end of input', lag: undefined };
  const lag = now - ms;
  // The figures of one moment are asked for one after the other: what is less than a second may be nothing.
  const soon = Math.abs(lag) < 1000 ? 'under 1 s behind' : lag < 0 ? `${duration(-lag)} ahead` : `${duration(lag)} behind`;
  return { text: Math.abs(lag) < 7 * 86_400_000 ? soon : time(ms), lag };
}

/** The operators of a chain, "Source: A(x) -> B(y) -> C", cut where an arrow stands outside of brackets and quotes. */
export function operatorsOf(name) {
  const found = [];
  let depth = 0;
  let quoted = false;
  let start = 0;
  for (let i = 0; i < name.length; ++i) {
    const c = name[i];
    if (c === "'") quoted = !quoted;
    if (quoted) continue;
    if (c === '(' || c === '[' || c === '{') ++depth;
    if (c === ')' || c === ']' || c === '}') --depth;
    if (depth <= 0 && name.startsWith(' -> ', i)) {
      found.push(name.slice(start, i));
      start = i + 4;
    }
  }
  found.push(name.slice(start));
  return found;
}

/** "orders" for a scan of that table, "Sink: x" for a sink, else the operator without its arguments. */
export function shortName(operator) {
  const table = /\btable=\[([^\]]*)\]/.exec(operator)?.[1];
  const kind = operator.replace(/^Source: /, '').split('(')[0].trim() || operator;
  if (operator.startsWith('Source: ') || kind === 'TableSourceScan') return table ? `Source: ${table}` : operator.split('(')[0];
  if (kind === 'Sink') return table ? `Sink: ${table}` : kind;
  return kind;
}

export const shortChain = (name) => operatorsOf(name).map(shortName);

const MINOR = new Set(['Calc', 'WatermarkAssigner', 'DropUpdateBefore', 'Exchange', 'ConstraintEnforcer']);

/** What a vertex is about, in few words: its source, its sink, or the operators that do the work. */
export function title(name) {
  const chain = shortChain(name);
  const main = chain.filter((one) => !MINOR.has(one));
  const shown = main.length > 0 ? main : chain;
  return (shown.length > 4 ? [shown[0], shown[1], '…', shown.at(-1)] : shown).join(' → ');
}
