// Chromium for the tests, over its debugging pipe: node browser.mjs CHROMIUM FOLDER. Each line of stdin is a command, each line of stdout its result:
//   {"open": URL}      navigates there, and waits until that page or what it redirects to is loaded
//   {"eval": SCRIPT}   the value of an expression in the page
//   {"until": SCRIPT}  waits until it holds, over all pages that load in the meantime; false if it does not in 20 s
//   {"headers": {…}}   sends these with each request from now on
//   {"clear": true}   clears all cookies
//   {"trail": true}    the documents that were loaded since the last time: [[status, URL, location]]
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

const [chromium, folder] = process.argv.slice(2);
const browser = spawn(chromium, [
  '--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--no-proxy-server', '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1', `--user-data-dir=${folder}`,
  '--remote-debugging-pipe', 'about:blank',
], { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] });
browser.on('exit', () => process.exit(1));
const [, , , toBrowser, fromBrowser] = browser.stdio;

let last = 0;
const waiting = new Map();
let trail = [];
let loads = 0;

function received(message) {
  const { id, method, params, result, error } = message;
  if (id) {
    const { resolve, reject } = waiting.get(id);
    waiting.delete(id);
    if (error) reject(new Error(error.message));
    else resolve(result);
  } else if (method === 'Page.loadEventFired') {
    loads += 1;
  } else if (method === 'Network.requestWillBeSent' && params.type === 'Document' && params.redirectResponse) {
    trail.push([params.redirectResponse.status, params.redirectResponse.url, params.request.url]);
  } else if (method === 'Network.responseReceived' && params.type === 'Document') {
    trail.push([params.response.status, params.response.url, null]);
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

const { targetInfos } = await call('Target.getTargets');
const { targetId } = targetInfos.find((target) => target.type === 'page') ?? (await call('Target.createTarget', { url: 'about:blank' }));
const { sessionId } = await call('Target.attachToTarget', { targetId, flatten: true });
const page = (method, params) => call(method, params, sessionId);
await page('Page.enable');
await page('Network.enable');

const pause = () => new Promise((resolve) => setTimeout(resolve, 20));

async function evaluate(expression) {
  // While a page is replaced by another, there is nothing to evaluate in.
  const { result, exceptionDetails } = await page('Runtime.evaluate', { expression, returnByValue: true });
  if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
  return result.value;
}

async function until(holds) {
  for (const end = Date.now() + 20_000; Date.now() < end; await pause()) {
    if (await holds().catch(() => false)) return true;
  }
  return false;
}

async function run(command) {
  if (command.open) {
    const before = loads;
    await page('Page.navigate', { url: command.open });
    return until(async () => loads > before);
  }
  if (command.eval) return evaluate(command.eval);
  if (command.until) return until(async () => Boolean(await evaluate(command.until)));
  if (command.headers) return page('Network.setExtraHTTPHeaders', { headers: command.headers });
  if (command.clear) return page('Network.clearBrowserCookies');
  const seen = trail;
  trail = [];
  return seen;
}

for await (const line of createInterface({ input: process.stdin })) {
  const result = await run(JSON.parse(line)).catch((error) => ({ error: String(error) }));
  process.stdout.write(`${JSON.stringify(result ?? null)}\n`);
}
await call('Browser.close').catch(() => {});
