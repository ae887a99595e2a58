// Flink's own dashboard, in Chromium, over a native cluster.
//
//   node flink_dashboard.mjs <module folder> <dashboard's files> <cluster's base url> <job id> <vertex id> <task manager id>
//
// The dashboard's files and the cluster stand behind one small server, as Flink serves both. Every page is opened; one
// line of JSON for each tells its text and what went wrong: errors in the console, exceptions, answers of 400 and above.
import fs from 'node:fs';
import http from 'node:http';
import { createRequire } from 'node:module';
import path from 'node:path';

const [, , modules, files, cluster, job, vertex, manager] = process.argv;
const { chromium } = createRequire(path.join(modules, 'index.js'))('playwright-core');
const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' };

function answer(request, response) {
  const wanted = new URL(request.url, 'http://dashboard').pathname;
  const file = path.join(files, wanted === '/' ? 'index.html' : wanted);
  if (file.startsWith(files) && fs.existsSync(file) && fs.statSync(file).isFile()) {
    response.setHeader('content-type', TYPES[path.extname(file)] ?? 'application/octet-stream');
    fs.createReadStream(file).pipe(response);
    return;
  }
  const headers = { ...request.headers, host: new URL(cluster).host };
  const asked = http.request(cluster + request.url, { method: request.method, headers }, (answered) => {
    response.writeHead(answered.statusCode, answered.headers);
    answered.pipe(response);
  });
  asked.on('error', (error) => response.writeHead(502).end(String(error)));
  request.pipe(asked);
}

const server = http.createServer(answer);
await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
const base = `http://127.0.0.1:${server.address().port}`;
const browser = await chromium.launch({
  executablePath: '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-background-networking'],
});
const page = await browser.newPage({ viewport: { width: 1600, height: 1000 } });
let wrong = [];
page.on('console', (message) => message.type() === 'error' && wrong.push(message.text()));
page.on('pageerror', (error) => wrong.push(error.message));
page.on('response', (got) => got.status() >= 400 && wrong.push(`${got.status()} ${got.url().slice(base.length)}`));

const running = `/job/running/${job}`;
const PAGES = {
  overview: ['/overview', 'Running Job List'],
  job: [`${running}/overview`, 'Records Sent'],
  detail: [`${running}/overview/${vertex}/detail`, 'Max Parallelism'],
  subtasks: [`${running}/overview/${vertex}/subtasks`, 'Subtask Metrics'],
  taskmanagers: [`${running}/overview/${vertex}/taskmanagers`, 'localhost'],
  watermarks: [`${running}/overview/${vertex}/watermarks`, 'Watermark'],
  accumulators: [`${running}/overview/${vertex}/accumulators`, 'Accumulators'],
  backpressure: [`${running}/overview/${vertex}/backpressure`, 'Back Pressure Status'],
  exceptions: [`${running}/exceptions`, 'bad.json'],
  timeline: [`${running}/timeline`, 'Vertex TimeLine'],
  checkpoints: [`${running}/checkpoints`, 'chk-'],
  configuration: [`${running}/configuration`, 'Execution Configuration'],
  'task managers': ['/task-manager', 'Free Slots'],
  'task manager': [`/task-manager/${manager}/metrics`, 'Flink Memory Model'],
  log: [`/task-manager/${manager}/logs`, 'switched from CREATED'],
  'log list': [`/task-manager/${manager}/log-list`, 'cluster.log'],
  threads: [`/task-manager/${manager}/thread-dump`, 'CPU time'],
  'job manager': ['/job-manager/metrics', 'Flink Memory Model'],
  settings: ['/job-manager/config', 'parallelism.default'],
};
for (const [name, [hash, awaited]] of Object.entries(PAGES)) {
  wrong = [];
  await page.goto(`${base}/#${hash}`);
  const text = () => page.evaluate(() => document.body.innerText.replace(/\s+/g, ' '));
  let seen = '';
  for (const until = Date.now() + 15_000; Date.now() < until && !(seen = await text()).includes(awaited); ) {
    await page.waitForTimeout(100);
  }
  await page.waitForTimeout(500); // for what comes after the frame of the page
  seen = await text();
  if (!seen.includes(awaited)) wrong.push(`'${awaited}' is not on the page`);
  console.log(JSON.stringify({ name, text: seen, wrong }));
}
await browser.close();
server.close();
