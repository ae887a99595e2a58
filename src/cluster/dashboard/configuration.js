// Settings in force, and what the cluster runs on.
import { json } from './api.js';
import { card, empty, facts, h, table } from './dom.js';
import { bytes, count, duration, time } from './format.js';

const known = { job: undefined, search: '' };

export async function load(state) {
  const job = state.job.jid;
  const [config, checkpoints, settings, overview, managers] = await Promise.all([json(`jobs/${job}/config`), json(`jobs/${job}/checkpoints/config`),
    json('jobmanager/config'), json('config'), json('taskmanagers')]);
  Object.assign(known, { job, config: config['execution-config'], checkpoints, settings, overview, manager: managers.taskmanagers[0] });
}

export function view(state, redraw) {
  if (known.job !== state.job.jid) return [h('p', { class: 'note' }, 'Asking for the settings…')];
  const { config, checkpoints, overview, manager } = known;
  const search = known.search.toLowerCase();
  const fit = known.settings.filter(({ key, value }) => `${key} ${value}`.toLowerCase().includes(search));
  const off = checkpoints.interval >= Number.MAX_SAFE_INTEGER;
  return [
    card('Job', {}, facts([
      ['Name', state.job.name], ['ID', h('code', {}, state.job.jid)], ['Parallelism', count(config['job-parallelism'])], ['Max parallelism', count(state.job.maxParallelism)],
      ['Restart strategy', config['restart-strategy']], ['Started', time(state.job['start-time'])],
    ])),
    card('Checkpoints', {}, facts([
      ['Interval', off ? 'off' : duration(checkpoints.interval)], ['Mode', checkpoints.mode.replace('_', ' ')], ['Timeout', duration(checkpoints.timeout)],
      ['Pause between', duration(checkpoints.min_pause)], ['State backend', checkpoints.state_backend.replace('StateBackend', '')],
      ['Failures tolerated', count(checkpoints.tolerable_failed_checkpoints)],
    ])),
    card('Cluster', {}, facts([
      ['Version', overview['flink-revision']], ['Speaks', `Flink ${overview['flink-version']}`],
      manager && ['Slots', `${manager.slotsNumber - manager.freeSlots} of ${manager.slotsNumber} used`],
      manager && ['Cores of the machine', count(manager.hardware.cpuCores)], manager && ['May use', bytes(manager.memoryConfiguration.totalProcessMemory)],
      manager && ['Managed memory', bytes(manager.hardware.managedMemory)],
    ])),
    card('Settings', {},
      h('div', { class: 'controls' }, h('label', { class: 'grow' }, 'Search ', h('input', { type: 'search', placeholder: 'key or value', spellcheck: 'false', value: known.search,
        oninput: (event) => { known.search = event.target.value; redraw(); } }))),
      fit.length === 0
        ? empty('No setting is like that.', known.settings.length === 0 ? 'Everything has its default.' : '')
        : table('Settings', [['Key', 'wide'], ['Value', 'wide']], fit.map(({ key, value }) => h('tr', { key }, h('th', { scope: 'row', class: 'wide' }, h('code', {}, key)), h('td', { class: 'wide' }, h('code', {}, value)))))),
  ];
}
