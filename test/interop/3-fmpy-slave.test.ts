/** FMPy's low-level interface: the bridge call by call, its states, and what it says when there is no data. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parseBrokerUrl } from '#tb/amqp/index.js';
import type { UnpackedFmu } from '#tb/fmi/index.js';
import { bridgeFmu, stamp } from '../support/bridge.js';
import { describeOnBrokers } from '../support/brokers.js';
import { temporaryFolder } from '../support/fmus.js';
import { python } from './python.js';
import { describeTool, FMPY } from './tool.js';

const FMI_DISCARD = 2;
const folder = temporaryFolder();
const value = (k: number) => ({ r: k + 0.1, i: 1 - k, b: k % 2 === 1, s: `sample ${k}: é 𝄞` });
const INPUTS = { ri: 0.1 + 0.2, ii: -2147483648, bi: true, si: 'a "b"\n\\ é 𝄞' };
const sample = (k: number) => JSON.stringify({ ...value(k), time: stamp(k * 100) });

describeTool(import.meta.url, { ...FMPY, exercised: 'call by call, saved states' }, () => {
  describeOnBrokers('drives a bridge', (broker) => {
    let fmu: UnpackedFmu;
    let seen: Record<string, unknown> & { log: [status: number, category: string, message: string][] };

    beforeAll(async () => {
      fmu = await bridgeFmu(
        `
receive: { exchange: unused, type: topic, key: bridge.to }
send: { exchange: unused, type: topic, key: bridge.from, announce: true }
selection: { maxage: 1 s, timeout: 3 s, lookahead: 10 }
outputs: { r: Real, i: Integer, b: Boolean, s: { type: String, maxLength: 60 } }
inputs: { ri: { type: Real, start: 0 }, ii: Integer, bi: Boolean, si: { type: String, maxLength: 60 } }
diagnostics: true
`,
        folder,
      );
      const exchange = `tb-slave-${process.pid}`;
      const { hostname, port, username, password, vhost } = parseBrokerUrl(broker.url);
      seen = await python(
        'slave.py',
        {
          fmu: fmu.directory,
          url: broker.url,
          exchange,
          parameters: {
            'config.hostname': hostname,
            'config.port': port,
            'config.username': username,
            'config.password': password,
            'config.vhost': vhost,
            'config.exchangename': exchange,
          },
          samples: [0, 1, 2, 3, 4].map(sample),
          'other samples': [7, 8, 9, 10, 11].map(sample),
          inputs: INPUTS,
        },
        // What the parameters say is all that the bridge gets.
        { AMQP_URL: '' },
      );
    });
    afterAll(() => fmu?.close());

    it('parameters name the broker, user and exchange', () => {
      expect(seen.version).toBe('2.0');
      expect(seen.initial).toEqual(value(0));
    });

    it('each step outputs the newest sample that is not later than its end', () => {
      expect(seen['one step']).toEqual(value(1));
      expect(seen['a long step']).toEqual(value(3));
    });

    it('fmi2GetMaxStepsize is the time to the next sample, in seconds', () => {
      expect(seen['longest step']).toBeCloseTo(0.1, 9);
      expect(seen['longest step without data']).toBe(Number.MAX_VALUE);
    });

    it('a step that is taken back can be made again, shorter, and with the inputs of before', () => {
      expect(seen['taken back']).toEqual(value(1));
      expect(seen['a short step']).toEqual(value(2));
      // What was published cannot be taken back; that it holds no longer can be published.
      expect(seen.published).toEqual([
        { ...INPUTS, time: expect.any(String), simstep: '300.000000' },
        { ri: 0, ii: 0, bi: false, si: '', time: expect.any(String), simstep: '200.000000' },
      ]);
    });

    it('a step without valid data is discarded, with the time up to which it is done, and can be tried again', () => {
      expect(seen['without data']).toEqual({
        function: 'fmi2DoStep',
        status: FMI_DISCARD,
        terminated: false,
        'last successful time': 0.2,
      });
      expect(seen.log.map(([, , message]) => message).join('\n')).toMatch(
        /step to 60 s: no valid data within 3\.000 s \(maxage 1\.000 s\): r \(.* s old\)/,
      );
      expect(seen['tried again']).toEqual(value(4));
    });

    it('values can still be read after the end, and reset begins anew', () => {
      expect(seen.terminated).toEqual(value(4));
      expect(seen.reset).toEqual(value(0));
    });

    it('a serialised state restores another instance', () => {
      expect(seen['another instance']).toEqual(value(7));
      expect(seen['another instance, restored']).toEqual(value(1));
    });

    it('nothing that is logged carries the password', () => {
      const { password } = parseBrokerUrl(broker.url);
      expect(seen.log.length).toBeGreaterThan(0);
      for (const [, , message] of seen.log) expect(message).not.toContain(`:${password}@`);
    });
  });
});
