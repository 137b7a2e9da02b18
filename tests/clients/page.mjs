// Drives headless Chromium through the page for step-ups, with script and without, and has axe look at every state of it. Reads what to do as JSON
// from stdin, and writes what it saw as JSON to stdout. Speaks the protocol of the developer tools over a pipe.
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const todo = JSON.parse(readFileSync(0, 'utf8'));
const axe = readFileSync(createRequire(join(todo.modules, 'x.js')).resolve('axe-core/axe.min.js'), 'utf8');
const profile = mkdtempSync(join(tmpdir(), 'verigate-page-'));
const chromium = spawn(todo.chromium, [
  '--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--hide-scrollbars', '--remote-debugging-pipe', `--user-data-dir=${profile}`,
  '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
], { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] });

const waiting = new Map();
let last = 0;
let received = '';
chromium.stdio[4].setEncoding('utf8').on('data', (text) => {
  const messages = (received + text).split('\0');
  received = messages.pop();
  for (const message of messages.map((text) => JSON.parse(text))) {
    const call = waiting.get(message.id);
    if (!call) continue;
    waiting.delete(message.id);
    if (message.error) call.reject(new Error(`${call.method}: ${message.error.message}`));
    else call.resolve(message.result);
  }
});
const send = (method, params = {}, sessionId) => new Promise((resolve, reject) => {
  last += 1;
  waiting.set(last, { method, resolve, reject });
  chromium.stdio[3].write(`${JSON.stringify({ id: last, method, params, sessionId })}\0`);
});
const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

// A tab of a browser of its own.
const tab = async (hasScript) => {
  const { browserContextId } = await send('Target.createBrowserContext');
  const { targetId } = await send('Target.createTarget', { url: 'about:blank', browserContextId });
  const { sessionId } = await send('Target.attachToTarget', { targetId, flatten: true });
  const call = (method, params) => send(method, params, sessionId);
  await call('Page.enable');
  if (!hasScript) await call('Emulation.setScriptExecutionDisabled', { value: true });
  const see = async (expression) => {
    const { result, exceptionDetails } = await call('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true });
    if (exceptionDetails) throw new Error(`${expression.slice(0, 80)}: ${exceptionDetails.exception?.description}`);
    return result.value;
  };
  const until = async (expression) => {
    for (let tries = 0; tries < 300; tries += 1) {
      // The page may just be replaced by the next one.
      if (await see(expression).catch(() => false)) return;
      await pause(50);
    }
    throw new Error(`never: ${expression}\n${await see('document.body.innerText')}`);
  };
  const shows = (text) => until(`document.readyState === 'complete' && document.body.innerText.includes(${JSON.stringify(text)})`);
  const go = async (url) => {
    await call('Page.navigate', { url });
    await until("document.readyState === 'complete' && location.href !== 'about:blank'");
  };
  // As somebody does who has a keyboard alone.
  const key = async (key, code) => {
    const event = { key, code: key, windowsVirtualKeyCode: code, text: key === 'Enter' ? '\r' : undefined };
    await call('Input.dispatchKeyEvent', { type: 'keyDown', ...event });
    await call('Input.dispatchKeyEvent', { type: 'keyUp', ...event });
  };
  const tabTo = async (selector) => {
    for (let tries = 0; tries < 20; tries += 1) {
      await key('Tab', 9);
      if (await see(`document.activeElement?.matches(${JSON.stringify(selector)}) ?? false`)) return;
    }
    throw new Error(`${selector} cannot be reached by the keyboard`);
  };
  const write = async (email) => {
    await see("document.forms[0].noValidate = true; document.getElementById('email').value = ''");
    await tabTo('#email');
    await call('Input.insertText', { text: email });
    await key('Enter', 13);
  };
  return { call, see, shows, go, key, tabTo, write };
};

const seen = { violations: {}, checked: {}, overflow: [], loops: {} };
const sizes = { phone: [320, 640], desktop: [1280, 800] };

// Everything that is to be found out about a state of the page.
const look = async (page, name) => {
  for (const scheme of ['light', 'dark']) {
    await page.call('Emulation.setEmulatedMedia', { features: [{ name: 'prefers-color-scheme', value: scheme }] });
    for (const [size, [width, height]] of Object.entries(sizes)) {
      await page.call('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: 1, mobile: false });
      if (await page.see('document.documentElement.scrollWidth > innerWidth')) seen.overflow.push(`${name} ${size}`);
      await page.see(axe);
      const result = await page.see("axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] })");
      seen.checked[name] = (seen.checked[name] ?? 0) + result.passes.length;
      for (const violation of result.violations) {
        const nodes = violation.nodes.map((node) => `${node.html.slice(0, 120)}: ${node.failureSummary}`);
        (seen.violations[`${name} ${size} ${scheme}`] ??= []).push(`${violation.id}: ${nodes.join('; ')}`);
      }
      if (todo.shots) {
        mkdirSync(todo.shots, { recursive: true });
        const { data } = await page.call('Page.captureScreenshot', { format: 'png', captureBeyondViewport: true });
        writeFileSync(join(todo.shots, `${name}-${size}-${scheme}.png`), Buffer.from(data, 'base64'));
      }
    }
  }
};

const open = async (link, how) => {
  const response = await fetch(`${link}${how}`);
  if (response.status !== 200) throw new Error(`the link answers ${response.status}`);
};
const linkOf = (page) => page.see("document.querySelector('a.button').href");

// With script: the page continues by itself.
const withScript = async () => {
  const page = await tab(true);
  await page.go(todo.withScript);
  await page.shows('Your work e-mail address');
  const address = await page.see('location.href');
  await page.write('ada@example.com');
  await page.shows('Waiting for the result');
  // The script runs, and the policy of the page lets it.
  const link = await linkOf(page);
  await open(link, '?outcome=failed');
  await page.shows('did not succeed');
  await open(link, '');
  await page.shows('Your verification was received');
  await page.shows('welcome to the door');
  seen.loops.withScript = await page.see('location.href');
  if (address === seen.loops.withScript) throw new Error('the page was never shown');
};

// Without: the browser loads it again, and the person follows the link.
const withoutScript = async () => {
  const page = await tab(false);
  await page.go(todo.withoutScript);
  await page.shows('Your work e-mail address');
  await page.write('ada@example.com');
  await page.shows('Waiting for the result');
  const link = await linkOf(page);
  await open(link, '?outcome=failed');
  await page.shows('did not succeed');
  await open(link, '');
  await page.shows('Your verification was received');
  await page.tabTo('a.button');
  await page.key('Enter', 13);
  await page.shows('welcome to the door');
  seen.loops.withoutScript = await page.see('location.href');
};

// Every state of the page, standing still: the checker runs as a script, so that the page's own must not go on meanwhile.
const states = async () => {
  const page = await tab(true);
  await page.call('Page.addScriptToEvaluateOnNewDocument', {
    source: 'const later = setTimeout; window.setTimeout = (f, ms, ...rest) => (ms >= 2000 ? 0 : later(f, ms, ...rest)); window.EventSource = function () {};',
  });
  await page.go(todo.states);
  const url = await page.see('location.href');
  const showing = async (name, text) => {
    await page.shows(text);
    await look(page, name);
  };
  await showing('form', 'Your work e-mail address');
  await page.write('ada');
  await showing('bad-address', 'Enter an e-mail address');
  await page.write('ada@example.com');
  await showing('link', 'Waiting for the result');
  const link = await linkOf(page);
  await open(link, '?outcome=failed');
  await pause(300);
  await page.go(url);
  await showing('failed', 'did not succeed');
  await open(link, '');
  await pause(300);
  await page.go(url);
  await showing('done', 'Your verification was received');
  for (const [name, [address, text]] of Object.entries(todo.others)) {
    await page.go(address);
    await showing(name, text);
  }
};

let status = 0;
try {
  await Promise.race([
    (async () => { await withScript(); await withoutScript(); await states(); })(),
    pause(todo.timeout).then(() => { throw new Error('it takes too long'); }),
  ]);
  process.stdout.write(JSON.stringify(seen));
} catch (error) {
  process.stderr.write(`${error.stack}\n`);
  status = 1;
}
await send('Browser.close').catch(() => {});
chromium.kill('SIGKILL');
await pause(200);
rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
process.exit(status);
