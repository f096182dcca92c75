/** FMPy's low-level interface of FMI 3.0: the bridge call by call, all types, its states, and what it refuses. */
import { beforeAll, expect, it } from 'vitest';
import { parseBrokerUrl } from '#tb/amqp/index.js';
import { bridgeFile, stamp } from '../support/bridge.js';
import { describeOnBrokers } from '../support/brokers.js';
import { temporaryFolder } from '../support/fmus.js';
import { python } from './python.js';
import { describeTool, FMPY } from './tool.js';

const FMI_DISCARD = 2;
const FMI_ERROR = 3;
const folder = temporaryFolder();
const INPUTS = {
  ri: 0.1 + 0.2,
  ii: -2147483648,
  bi: true,
  si: 'a "b"\n\\ é 𝄞',
  qi: [1.5, -0.5, 5e-324],
  mi: 7,
  ni: '18446744073709551615',
  yi: [0, 255, 16],
};
/** As they are published. */
const PUBLISHED = { ...INPUTS, mi: 'drive', ni: expect.any(Number), yi: 'AP8Q' };
/** Numbers of 64 bits as texts, bytes as lists of numbers: JSON between this test and Python has no others. */
const value = (k: number) => ({
  r: k + 0.1,
  i: 1 - k,
  b: k % 2 === 1,
  s: `sample ${k}: é 𝄞`,
  q: [k, k + 0.5, 1 - k],
  m: k % 2 === 1 ? 7 : 0,
  n: String(2n ** 53n + BigInt(k)),
  y: [k, 0, 255],
});
const sample = (k: number) => {
  const { m, n, y, ...rest } = value(k);
  const message = {
    ...rest,
    m: m === 7 ? 'drive' : 'idle',
    y: Buffer.from(y).toString('base64'),
    time: stamp(k * 100),
  };
  return JSON.stringify(message).replace('}', `,"n":${n}}`);
};
const NO_EVENT = [false, false, false];
const error = (name: string, message: RegExp) => [`fmi3${name}`, FMI_ERROR, expect.stringMatching(message)];

describeTool(import.meta.url, { ...FMPY, fmi: '3.0', exercised: 'call by call, saved states' }, () => {
  describeOnBrokers('drives a bridge', (broker) => {
    let seen: Record<string, unknown> & { log: [status: number, category: string, message: string][] };

    beforeAll(async () => {
      const fmu = await bridgeFile(
        `
fmi: 3
receive: { exchange: unused, type: topic, key: bridge.to }
send: { exchange: unused, type: topic, key: bridge.from, announce: true }
selection: { maxage: 1 s, timeout: 3 s, lookahead: 10 }
outputs:
  r: Real
  i: Integer
  b: Boolean
  s: { type: String, maxLength: 60 }
  q: { type: Real, size: 3 }
  m: { type: Enumeration, values: { idle: 0, drive: 7 } }
  n: Int64
  y: Binary
inputs:
  ri: { type: Real, start: 0 }
  ii: Integer
  bi: Boolean
  si: { type: String, maxLength: 60 }
  qi: { type: Float64, size: 3, start: [1, 2, 3] }
  mi: { type: Enumeration, values: { idle: 0, drive: 7 } }
  ni: UInt64
  yi: { type: Binary, maxLength: 16 }
diagnostics: true
`,
        folder,
      );
      const exchange = `tb-slave3-${process.pid}`;
      const { hostname, port, username, password, vhost } = parseBrokerUrl(broker.url);
      seen = await python(
        'slave_fmi3.py',
        {
          fmu,
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
          outputs: Object.keys(value(0)),
          samples: [0, 1, 2, 3, 4].map(sample),
          'other samples': [7, 8, 9, 10, 11].map(sample),
          inputs: INPUTS,
        },
        // What the parameters say is all that the bridge gets.
        { AMQP_URL: '' },
      );
    });

    it('parameters name the broker, user and exchange', () => {
      expect(seen.version).toBe('3.0');
      expect(seen.initial).toEqual(value(0));
    });

    it('each step outputs the newest sample that is not later than its end, and tells no event', () => {
      expect(seen['first step']).toEqual([...NO_EVENT, 0.1]);
      expect(seen['one step']).toEqual({ ...value(1), time: 0.1 });
      expect(seen['a long step']).toEqual(value(3));
    });

    it('a step that is taken back can be made again, shorter, and with the inputs of before', () => {
      expect(seen.inputs).toEqual(INPUTS);
      expect(seen['taken back']).toEqual({ ...value(1), time: 0.1 });
      expect(seen['a short step']).toEqual(value(2));
      // What was published cannot be taken back; that it holds no longer can be published.
      expect(seen.published).toEqual([
        { ...PUBLISHED, time: expect.any(String), simstep: '300.000000' },
        {
          ...{ ri: 0, ii: 0, bi: false, si: '', qi: [1, 2, 3], mi: 'idle', ni: 0, yi: '' },
          time: expect.any(String),
          simstep: '200.000000',
        },
      ]);
    });

    it('calls in the wrong state, and with wrong arguments, are refused with the reason and harm nothing', () => {
      expect(seen['too early']).toEqual([
        error('DoStep', /must not be called when the FMU is instantiated/),
        error('EnterEventMode', /must not be called when the FMU is instantiated/),
        error('EnterStepMode', /must not be called when the FMU is instantiated/),
      ]);
      expect(seen.refused).toEqual({
        'a type that it has not': error('GetInt32', /is of type Float64/),
        'a variable that there is not': error('GetFloat64', /no variable with value reference 4711/),
        'too many values': error('GetFloat64', /nValues is 2, the variables have 1 elements/),
        'an output set': error('SetFloat64', /is an output/),
        'a parameter set late': error('SetString', /is a fixed parameter/),
        'a text that is too long': error('SetString', /61 bytes are too long .* which holds 60/),
        'event mode that is not used': error('EnterEventMode', /without eventModeUsed/),
        'configuration mode': error('EnterConfigurationMode', /no structural parameters/),
        'a step back': error('DoStep', /cannot step from 0.2 s by -0.1 s/),
        "another FMU's state": error('DeserializeFMUState', /are no state of this FMU/),
        derivatives: error('GetDirectionalDerivative', /provides no directional derivatives/),
      });
      expect(seen.dependencies).toBe(0);
      expect(seen.unharmed).toEqual(value(2));
    });

    it('a step without valid data is discarded, and can be tried again', () => {
      expect(seen['without data']).toEqual([
        'fmi3DoStep',
        FMI_DISCARD,
        expect.stringMatching(/step to 60 s: no valid data within 3\.000 s \(maxage 1\.000 s\): r \(.* s old\)/),
      ]);
      expect(seen['tried again']).toEqual([...NO_EVENT, 0.4]);
      expect(seen['after that']).toEqual(value(4));
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
