// The end of the log, line by line, with what was searched for.
import { json, text } from './api.js';
import { card, empty, h } from './dom.js';
import { bytes, time } from './format.js';

const TAIL_BYTES = 256 << 10;
const SHOWN = 500;
const LEVELS = ['', 'ERROR', 'WARN', 'INFO', 'DEBUG'];
const chosen = { file: '', level: '', search: '', follow: true, files: undefined, lines: [] };

function lineOf(line) {
  try {
    const { timestamp, messageType, logger, message } = JSON.parse(line);
    if (typeof message === 'string') return { timestamp, level: String(messageType ?? ''), logger: String(logger ?? ''), message };
  } catch {
    // Not one of the log's own lines: shown as it is.
  }
  return { timestamp: undefined, level: '', logger: '', message: line };
}

export async function load() {
  chosen.files = (await json('jobmanager/logs')).logs;
  if (chosen.files.length === 0) return;
  if (!chosen.files.some((file) => file.name === chosen.file)) chosen.file = chosen.files[0].name;
  const content = await text(`jobmanager/logs/${encodeURIComponent(chosen.file)}?tail=${TAIL_BYTES}`);
  chosen.lines = content.split('\n').filter((line) => line !== '').map(lineOf);
}

const wanted = (line) => {
  const search = chosen.search.toLowerCase();
  return (chosen.level === '' || line.level === chosen.level) &&
    (search === '' || line.message.toLowerCase().includes(search) || line.logger.toLowerCase().includes(search));
};

function controls(redraw) {
  const again = async () => {
    await load();
    redraw();
  };
  return h('div', { class: 'controls' },
    h('label', {}, 'File ', h('select', { onchange: (event) => { chosen.file = event.target.value; again(); } },
      chosen.files.map((file) => h('option', { key: file.name, value: file.name, selected: file.name === chosen.file }, `${file.name} (${bytes(file.size)})`)))),
    h('label', {}, 'Level ', h('select', { onchange: (event) => { chosen.level = event.target.value; redraw(); } },
      LEVELS.map((level) => h('option', { key: level, value: level, selected: level === chosen.level }, level || 'all')))),
    h('label', { class: 'grow' }, 'Search ', h('input', { type: 'search', placeholder: 'text of the line or logger', spellcheck: 'false', value: chosen.search,
      oninput: (event) => { chosen.search = event.target.value; redraw(); } })),
    h('label', { class: 'check' }, h('input', { type: 'checkbox', checked: chosen.follow, onchange: (event) => { chosen.follow = event.target.checked; redraw(); } }), ' follow'),
    h('a', { href: `jobmanager/logs/${encodeURIComponent(chosen.file)}`, target: '_blank', rel: 'noopener' }, 'whole file'));
}

export function view(state, redraw) {
  if (!chosen.files) return [h('p', { class: 'note' }, 'Asking for the log…')];
  if (chosen.files.length === 0) return [empty('There is no log file.', 'This cluster writes its log to a terminal or a pipe.')];
  const found = chosen.lines.filter(wanted);
  const shown = found.slice(-SHOWN);
  return [card(undefined, { class: 'log-card' }, controls(redraw),
    shown.length === 0
      ? empty('No line is like that.', chosen.lines.length === 0 ? 'The file is empty.' : `${chosen.lines.length} lines at the end of the file were searched.`)
      : h('div', { class: 'log', tabindex: '0', role: 'log', 'aria-live': 'off', 'aria-label': 'Log' },
        shown.map((line) => h('div', { class: `log-line ${line.level.toLowerCase()}` },
          h('span', { class: 'log-time' }, line.timestamp ? time(line.timestamp) : ''),
          h('span', { class: 'log-level' }, line.level),
          h('span', { class: 'log-logger' }, line.logger),
          h('span', { class: 'log-message' }, line.message)))),
    h('p', { class: 'note' }, found.length > shown.length
      ? `The last ${shown.length} of ${found.length} lines that fit.`
      : `${shown.length} of the ${chosen.lines.length} lines at the end of the file.`))];
}

/** After the view has been drawn: to the end, where that is followed. */
export function drawn(root) {
  const log = root.querySelector('.log');
  if (log && chosen.follow) log.scrollTop = log.scrollHeight;
}
