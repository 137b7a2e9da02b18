// Chromium for the tests, over its debugging pipe: node browser.mjs CHROMIUM FOLDER. Each line of stdin is a command, each line of stdout its result:
//   {"tab": true}      from now on, a new tab of a browser of its own, with script; {"tab": false}: one without
//   {"open": URL}      navigates there, and waits until that page or what it redirects to is loaded
//   {"eval": SCRIPT}   the value of an expression in the page, or of what it promises
//   {"until": SCRIPT}  waits until it holds, over all pages that load in the meantime; false if it does not in 20 s
//   {"first": SCRIPT}  runs before the scripts of each page that is opened later
//   {"headers": {…}}   are sent with each request
//   {"key": NAME}      presses Tab or Enter
//   {"write": TEXT}    writes it where the focus is
//   {"view": {"width", "height", "scheme"}}  the size of the window, and whether light or dark is preferred
//   {"picture": FILE}  writes a picture of the whole page
//   {"clear": true}    clears all cookies
//   {"trail": true}    the documents that were loaded since the last time: [[status, URL, location]]
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

const [chromium, folder] = process.argv.slice(2);
const browser = spawn(chromium, [
  '--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--hide-scrollbars', '--no-proxy-server', '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
  `--user-data-dir=${folder}`, '--remote-debugging-pipe', 'about:blank',
], { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] });
browser.on('exit', () => process.exit(1));
const [, , , toBrowser, fromBrowser] = browser.stdio;

let last = 0;
const waiting = new Map();
let tab;

function received(message) {
  const { id, method, params, result, error, sessionId } = message;
  if (id) {
    const { resolve, reject } = waiting.get(id);
    waiting.delete(id);
    if (error) reject(new Error(error.message));
    else resolve(result);
  } else if (sessionId !== tab?.sessionId) {
    // Of a tab that is used no more.
  } else if (method === 'Page.loadEventFired') {
    tab.loads += 1;
  } else if (method === 'Network.requestWillBeSent' && params.type === 'Document' && params.redirectResponse) {
    tab.trail.push([params.redirectResponse.status, params.redirectResponse.url, params.request.url]);
  } else if (method === 'Network.responseReceived' && params.type === 'Document') {
    tab.trail.push([params.response.status, params.response.url, null]);
  }
}

let rest = '';
fromBrowser.setEncoding('utf8');
fromBrowser.on('data', (data) => {
  const messages = (rest + data).split('\0');
  rest = messages.pop();
  for (const message of messages) received(JSON.parse(message));
});

function call(method, params = {}, sessionId = undefined) {
  last += 1;
  const id = last;
  toBrowser.write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
  return new Promise((resolve, reject) => waiting.set(id, { resolve, reject }));
}

const page = (method, params) => call(method, params, tab.sessionId);

async function openTab(hasScript) {
  const { browserContextId } = await call('Target.createBrowserContext');
  const { targetId } = await call('Target.createTarget', { url: 'about:blank', browserContextId });
  const { sessionId } = await call('Target.attachToTarget', { targetId, flatten: true });
  tab = { sessionId, loads: 0, trail: [] };
  await page('Page.enable');
  await page('Network.enable');
  if (!hasScript) await page('Emulation.setScriptExecutionDisabled', { value: true });
}

const pause = () => new Promise((resolve) => setTimeout(resolve, 20));

async function evaluate(expression) {
  // While a page is replaced by another, there is nothing to evaluate in.
  const { result, exceptionDetails } = await page('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true });
  if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
  return result.value;
}

async function until(holds) {
  for (const end = Date.now() + 20_000; Date.now() < end; await pause()) {
    if (await holds().catch(() => false)) return true;
  }
  return false;
}

async function press(key) {
  const event = { key, code: key, windowsVirtualKeyCode: key === 'Enter' ? 13 : 9, text: key === 'Enter' ? '\r' : undefined };
  await page('Input.dispatchKeyEvent', { type: 'keyDown', ...event });
  await page('Input.dispatchKeyEvent', { type: 'keyUp', ...event });
}

const commands = {
  tab: openTab,
  open: async (url) => {
    const before = tab.loads;
    await page('Page.navigate', { url });
    return until(async () => tab.loads > before);
  },
  eval: evaluate,
  until: (script) => until(async () => Boolean(await evaluate(script))),
  first: (source) => page('Page.addScriptToEvaluateOnNewDocument', { source }),
  headers: (headers) => page('Network.setExtraHTTPHeaders', { headers }),
  key: press,
  write: (text) => page('Input.insertText', { text }),
  view: async ({ width, height, scheme }) => {
    await page('Emulation.setEmulatedMedia', { features: [{ name: 'prefers-color-scheme', value: scheme }] });
    await page('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: 1, mobile: false });
  },
  picture: async (file) => {
    const { data } = await page('Page.captureScreenshot', { format: 'png', captureBeyondViewport: true });
    writeFileSync(file, Buffer.from(data, 'base64'));
  },
  clear: () => page('Network.clearBrowserCookies'),
  trail: async () => tab.trail.splice(0),
};

await openTab(true);
for await (const line of createInterface({ input: process.stdin })) {
  const [[name, argument]] = Object.entries(JSON.parse(line));
  const result = await commands[name](argument).catch((error) => ({ error: String(error) }));
  process.stdout.write(`${JSON.stringify(result ?? null)}\n`);
}
await call('Browser.close').catch(() => {});
