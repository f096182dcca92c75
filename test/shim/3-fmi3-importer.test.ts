/** An importer of FMI 3.0 written in C: threads full of instances, their states, and nothing left behind. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, it } from 'vitest';
import { Peer, temporaryFolder } from '../support/bridge.js';
import { describeOnBrokers } from '../support/brokers.js';
import { Fmi3Fmu } from '../support/fmi3.js';

const folder = temporaryFolder();
const program = join(folder, 'importer-fmi3');
const THREADS = 4;
const ROUNDS = 5;
const STEPS = 5;

beforeAll(() => {
  const source = fileURLToPath(new URL('../support/importer-fmi3.c', import.meta.url));
  const include = fileURLToPath(new URL('../../fmu-shim/include', import.meta.url));
  // Not under the sanitizer that this process may run with.
  const env = { ...process.env, LD_PRELOAD: '' };
  execFileSync('cc', ['-std=gnu11', '-Wall', '-Wextra', '-I', include, source, '-o', program, '-lpthread', '-ldl'], {
    env,
  });
});

describeOnBrokers('an importer in C', (broker) => {
  it('lives through instances in several threads; what each set is published', async () => {
    const fmu = await Fmi3Fmu.build('inputs: { y: Integer, v: { type: Real, size: 3 } }', folder);
    const peer = await Peer.connect(broker.url);
    const reference = (name: string) =>
      String(fmu.description.variables.find((variable) => variable.name === name)?.valueReference);
    const resources = join(fmu.directory, 'resources') + sep;
    const { instantiationToken } = fmu.description;
    const args = [fmu.library, resources, instantiationToken, reference('y'), reference('v'), THREADS, ROUNDS].map(
      String,
    );
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    let text = '';
    child.stdout.on('data', (chunk) => {
      text += String(chunk);
    });
    await once(child, 'close');
    expect(JSON.parse(text)).toEqual({ version: '3.0', failures: 0, childless: true });

    const messages = await peer.receive(THREADS * ROUNDS * STEPS);
    const numbers = messages.map(({ y }) => y as number).sort((a, b) => a - b);
    const expected = Array.from({ length: THREADS }, (_, thread) =>
      Array.from({ length: ROUNDS * STEPS }, (_, k) => 10_000 * thread + k + 1),
    ).flat();
    expect(numbers).toEqual(expected);
    for (const { y, v } of messages) expect(v).toEqual([y, -(y as number), 0.5]);
    await peer.close();
    await fmu.close();
  });
});
