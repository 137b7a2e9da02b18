/** The door of `examples/typescript`, with the real service. */

import assert from 'node:assert/strict';
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { test, type TestContext } from 'node:test';
import type { Readable, Writable } from 'node:stream';

import { Service } from './harness.js';

type Line = Record<string, unknown>;

/** A door that runs. */
class Door {
  readonly #process: ChildProcessByStdio<Writable, Readable, null>;
  readonly #lines: AsyncIterator<string>;

  constructor(t: TestContext, address: string) {
    this.#process = spawn(process.execPath, ['compiled/door.js', '--server', address], { stdio: ['pipe', 'pipe', 'ignore'] });
    t.after(() => this.#process.kill('SIGKILL'));
    this.#lines = createInterface({ input: this.#process.stdout })[Symbol.asyncIterator]();
  }

  async event(): Promise<Line> {
    const next = await this.#lines.next();
    assert.ok(next.done !== true, 'the door has ended');
    return JSON.parse(next.value) as Line;
  }

  /** Reads a badge, and returns the line about it. */
  read(...badge: string[]): Promise<Line> {
    this.#process.stdin.write(`${badge.join(' ')}\n`);
    return this.event();
  }

  async untilOpened(...badge: string[]): Promise<Line> {
    for (let n = 0; n < 60; n++) {
      const event = await this.read(...badge);
      if (event['opened'] === true) return event;
    }
    return assert.fail('it does not open');
  }

  async stop(): Promise<void> {
    const exit = once(this.#process, 'exit');
    this.#process.stdin.end();
    assert.deepEqual(await exit, [0, null]);
  }
}

test('a door opens for those whom the service lets in', async (t) => {
  const service = await Service.start(t);
  const door = new Door(t, service.address);
  assert.equal((await door.event())['event'], 'door_started');
  const first = await door.untilOpened('4711', 'ada-fresh', 'id-ada');
  assert.ok(first['decision'] === 'ALLOW' && first['badge'] === '4711' && first['display'] === 'welcome');
  let monthOld = await door.read('4712', 'ada-month-old', 'id-ada');
  while (monthOld['event'] !== 'badge_read' || monthOld['error'] !== null) monthOld = await door.read('4712', 'ada-month-old', 'id-ada');
  assert.ok(monthOld['opened'] === false && monthOld['display'] === 'please verify your identity again');
  assert.equal((await door.read('1', 'three', 'more', 'words'))['event'], 'read_malformed');
  assert.equal((await door.read('4711', 'ada-fresh', 'id-ada'))['reused'], true);
  await door.stop();
});

test('a door whose service is frozen opens only for those it knows', async (t) => {
  const service = await Service.start(t);
  const door = new Door(t, service.address);
  await door.event();
  await door.untilOpened('4711', 'ada-fresh', 'id-ada');
  await service.freeze();
  const known = await door.read('4711', 'ada-fresh', 'id-ada');
  assert.ok(known['opened'] === true && known['reused'] === true);
  const unknown = await door.read('4713', 'ben-name-only', 'id-ben');
  assert.ok(unknown['opened'] === false && unknown['decision'] === 'DENY');
  assert.match(String(unknown['error']), /DEADLINE_EXCEEDED/);
  assert.equal((await door.event())['event'], 'service_unreachable');
  await service.kill();
  await door.stop();
});
