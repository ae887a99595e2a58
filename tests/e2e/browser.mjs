// Chromium for tests: one JSON command a line on standard input, one JSON answer a line on standard output.
//
//   node browser.mjs <module folder>
//
// Commands are {"do": name, ...}: see COMMANDS. What goes wrong in the page (exceptions, errors in the console) is kept, and
// answered by `wrong`. Playwright's own waiting holds: an element is waited for before it is clicked.
import { createRequire } from 'node:module';
import path from 'node:path';
import readline from 'node:readline';

const { chromium } = createRequire(path.join(process.argv[2], 'index.js'))('playwright-core');
const browser = await chromium.launch({
  executablePath: '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-background-networking'],
});
const context = await browser.newContext({ viewport: { width: 1440, height: 950 } });
const pages = new Map();
let wrong = [];

async function page(name) {
  if (!pages.has(name)) {
    const made = await context.newPage();
    made.setDefaultTimeout(20_000);
    made.on('console', (message) => message.type() === 'error' && wrong.push(message.text()));
    made.on('pageerror', (error) => wrong.push(error.message));
    made.on('dialog', (dialog) => {
      wrong.push(`a dialog: ${dialog.message()}`);
      dialog.dismiss();
    });
    pages.set(name, made);
  }
  return pages.get(name);
}

const COMMANDS = {
  goto: async (it, { url }) => (await it.goto(url))?.status(),
  url: (it) => it.url(),
  text: (it, { selector = 'body' }) => it.locator(selector).first().innerText(),
  count: (it, { selector }) => it.locator(selector).count(),
  click: (it, { selector }) => it.locator(selector).first().click(),
  press: async (it, { selector, key }) => {
    await it.locator(selector).first().focus();
    await it.keyboard.press(key);
  },
  fill: (it, { selector, value }) => it.locator(selector).first().fill(value),
  evaluate: (it, { script }) => it.evaluate(script),
  size: (it, { width, height }) => it.setViewportSize({ width, height }),
  screenshot: (it, { path: file }) => it.screenshot({ path: file, fullPage: true }),
  wrong: () => wrong.splice(0),
};

for await (const line of readline.createInterface({ input: process.stdin })) {
  const command = JSON.parse(line);
  let answer;
  try {
    answer = { value: (await COMMANDS[command.do](await page(command.page ?? 'first'), command)) ?? null };
  } catch (error) {
    answer = { error: error.message };
  }
  console.log(JSON.stringify(answer));
}
await browser.close();
