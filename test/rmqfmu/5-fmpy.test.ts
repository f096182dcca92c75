/**
 * The whole way of somebody who has an RMQFMU, with the tools they have: their description zipped into our FMU, FMPy to
 * run it, a script with pika for the robot; also where numbers are written with a comma.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { parseBrokerUrl } from '#tb/amqp/index.js';
import { describeWithPython, python } from '../interop/python.js';
import { describeOnOwnBrokers } from '../support/brokers.js';
import { temporaryFolder, writeFmu } from '../support/fmus.js';
import { type HandWritten, handWritten, swapped } from '../support/rmqfmu.js';

const folder = temporaryFolder();

const SIGNALS: readonly HandWritten[] = [
  { name: 'xpos', vr: 100, type: 'Real', causality: 'output' },
  { name: 'ypos', vr: 101, type: 'Real', causality: 'output' },
  { name: 'seqno', vr: 14, type: 'Integer', causality: 'output' },
  { name: 'distance', vr: 102, type: 'Real', causality: 'input', start: '0.25' },
];
const SAMPLES = Array.from({ length: 11 }, (_, k) => ({ xpos: k + 0.1, ypos: 1 / (k + 1), seqno: k }));

interface Seen {
  readonly 'decimal point': string;
  readonly rows: readonly (readonly number[])[];
  readonly received: readonly string[];
}

/** A locale that writes 3,14, made here: few machines have one. */
function germanLocale(): { LOCPATH: string } | undefined {
  const LOCPATH = join(folder, 'locales');
  if (!existsSync('/usr/share/i18n/locales/de_DE')) return undefined;
  mkdirSync(LOCPATH, { recursive: true });
  const made = spawnSync('localedef', ['-i', 'de_DE', '-f', 'UTF-8', join(LOCPATH, 'de_DE.UTF-8')]);
  return made.status === 0 ? { LOCPATH } : undefined;
}

describeWithPython('FMPy and pika', () => {
  describeOnOwnBrokers('run a swapped FMU', (broker) => {
    let fmu: string;
    const german = germanLocale();

    beforeAll(async () => {
      // unzip, replace, zip
      const { directory } = await swapped(folder, handWritten(SIGNALS, { 'config.howtosend': '0' }));
      const files = (readdirSync(directory, { recursive: true }) as string[]).map((entry) => join(directory, entry));
      const entries = files
        .filter((path) => statSync(path).isFile())
        .map((path) => ({ name: relative(directory, path), content: readFileSync(path) }));
      fmu = writeFmu(join(folder, 'swapped.fmu'), entries);
    });

    /** What the multi-model of a co-simulation sets. With so low a maxage a step waits for its own message. */
    const parameters = () => {
      const { hostname, port } = parseBrokerUrl(broker.url);
      return { 'config.hostname': hostname, 'config.port': port, 'config.maxage': 50, 'config.precision': 10 };
    };
    const run = (over: object, env: NodeJS.ProcessEnv = {}) =>
      python<Seen>(
        '../rmqfmu/swapped.py',
        {
          fmu,
          url: broker.url,
          samples: SAMPLES,
          zone: '+00:00',
          locale: null,
          parameters: parameters(),
          outputs: ['xpos', 'ypos', 'seqno'],
          ...over,
        },
        { AMQP_URL: '', ...env },
      );
    const expected = SAMPLES.map(({ xpos, ypos, seqno }) => [xpos, ypos, seqno]);

    it('each step outputs what was sent for it, exactly; user and password are those of the description', async () => {
      const { rows, received } = await run({});
      expect(rows.map((row) => row.slice(1))).toEqual(expected);
      expect(received).toHaveLength(1); // that it is ready
    });

    it("with Python's naive times as well", async () => {
      const { rows } = await run({ zone: '' });
      expect(rows.map((row) => row.slice(1))).toEqual(expected);
    });

    describe.skipIf(german === undefined)('in an importer with a German locale', () => {
      it('numbers are read and written with a point', async () => {
        const over = { locale: 'de_DE.UTF-8', parameters: { ...parameters(), 'config.howtosend': true } };
        const seen = await run(over, german);
        expect(seen['decimal point']).toBe(',');
        expect(seen.rows.map((row) => row.slice(1))).toEqual(expected);
        expect(seen.received.at(-1)).toMatch(/^\{"distance":0\.25,"time":"[^"]+","simstep":"1000\.000000"\}$/);
      });
    });
  });
});
