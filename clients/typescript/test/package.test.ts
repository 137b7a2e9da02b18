/** The package: what is in it, and that its messages are those of the contract. */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { REPOSITORY, v1 } from './harness.js';

const SOURCE = join(REPOSITORY, 'clients/typescript');
const filesOf = (folder: string) => readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => /\.\w+$/.test(name)).sort();

test('the messages are generated from the contract', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'verigate-gen-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const to = join(folder, 'gen');
  execFileSync(join(SOURCE, 'generate'), [to], { stdio: 'inherit' });
  const ours = join(SOURCE, 'src/gen');
  assert.deepEqual(filesOf(to), filesOf(ours));
  for (const name of filesOf(to)) {
    assert.equal(readFileSync(join(to, name), 'utf8'), readFileSync(join(ours, name), 'utf8'), `${name} is out of date: see CONTRIBUTING.md`);
  }
});

test('every value of the contract has a name in the types', () => {
  const types = readFileSync(join(SOURCE, 'src/answers.ts'), 'utf8');
  for (const values of [v1.DecisionSchema, v1.ReasonCodeSchema, v1.EvidenceSourceSchema]) {
    for (const { localName, number } of values.values) {
      if (number !== 0) assert.ok(types.includes(`'${localName}'`), localName);
    }
  }
});

test('the package has what it needs and nothing else', () => {
  const files = filesOf('node_modules/@verigate/client');
  assert.ok(files.includes('README.md') && files.includes('dist/index.js') && files.includes('dist/index.d.ts'));
  assert.deepEqual(
    files.filter((name) => !name.startsWith('dist/') && name !== 'README.md' && name !== 'package.json'),
    [],
  );
});
