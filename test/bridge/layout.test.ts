import { describe, expect, it } from 'vitest';
import { bridgeLayout, DIAGNOSTICS, PARAMETERS, parseBridgeConfig } from '#tb/bridge/index.js';
import { stringAreas } from '#tb/bridge/layout.js';

const layoutOf = (rest: string) =>
  bridgeLayout(parseBridgeConfig(`twinbridge: bridge\nname: a\n${rest}`, 'bridge.yaml'));
const references = (rest: string) =>
  Object.fromEntries(layoutOf(rest).variables.map(({ name, valueReference }) => [name, valueReference]));

describe('value references', () => {
  it('of parameters are those of RMQFMU', () => {
    expect(references('outputs: {x: Real}\n')).toMatchObject({
      'config.hostname': 0,
      'config.port': 1,
      'config.username': 2,
      'config.password': 3,
      'config.routingkey': 4,
      'config.communicationtimeout': 5,
      'config.maxage': 7,
      'config.lookahead': 8,
      'config.exchangename': 9,
      'config.exchangetype': 10,
      'config.routingkey.from_cosim': 13,
      'config.ssl': 16,
      'config.queueupperbound': 17,
      'config.vhost': 18,
      'config.howtosend': 19,
    });
  });

  it('of signals count from 100, outputs first, in the order of the file', () => {
    expect(references('outputs: {b: Real, a: Integer}\ninputs: {c: Boolean}\n')).toMatchObject({
      b: 100,
      a: 101,
      c: 102,
    });
  });

  it('of diagnostics are the same whichever are chosen', () => {
    const all = references('outputs: {x: Real}\ndiagnostics: true\n');
    const some = references('outputs: {x: Real}\ndiagnostics: [link_up, data_age]\n');
    expect(some).toMatchObject({ data_age: 60, link_up: all.link_up });
    expect(some).not.toHaveProperty('received');
    expect(Object.keys(DIAGNOSTICS).length).toBeLessThan(100 - 60);
  });

  it('are given once', () => {
    const { variables } = layoutOf('outputs: {x: Real, y: String}\ninputs: {z: Real}\ndiagnostics: true\n');
    expect(new Set(variables.map(({ valueReference }) => valueReference)).size).toBe(variables.length);
    expect(new Set(variables.map(({ name }) => name)).size).toBe(variables.length);
  });
});

describe('parameters', () => {
  it('start at what the configuration says', () => {
    const { variables } = layoutOf(`outputs: {x: Real}
broker: {host: plant, port: 5673, vhost: v, tls: true}
receive: {exchange: e, type: topic, key: in.#}
send: {key: out, when: always}
selection: {behaviour: 1, maxage: 300 ms, lookahead: 5, timeout: 2500 ms, onTimeout: hold}
ring: {capacity: 64}
`);
    const starts = Object.fromEntries(variables.map(({ name, start }) => [name.replace('config.', ''), start]));
    expect(starts).toMatchObject({
      hostname: 'plant',
      port: 5673,
      vhost: 'v',
      ssl: true,
      exchangename: 'e',
      exchangetype: 'topic',
      routingkey: 'in.#',
      'routingkey.from_cosim': 'out',
      howtosend: true,
      behaviour: 1,
      maxage: 300,
      lookahead: 5,
      // Whole seconds: rounded up, so that a wait is never cut short.
      communicationtimeout: 3,
      ontimeout: 1,
      queueupperbound: 64,
    });
  });

  it('hold no credential, whatever is configured', () => {
    for (const name of ['config.username', 'config.password']) {
      expect(PARAMETERS.find((parameter) => parameter.name === name)?.start).toBeTypeOf('function');
      expect(layoutOf('outputs: {x: Real}\n').variables.find((variable) => variable.name === name)?.start).toBe('');
    }
  });

  it('that can change while the simulation runs are few', () => {
    expect(PARAMETERS.filter(({ tunable }) => tunable).map(({ name }) => name)).toEqual([
      'config.maxage',
      'config.lookahead',
    ]);
  });
});

describe('arrays, Enumerations and small numbers', () => {
  const yaml = `outputs:
  q: {type: Real, size: 2, unit: rad}
  i8: Int8
  mode: {type: Enumeration, values: {idle: 3, drive: 5}}
inputs:
  t: {type: String, size: 2, maxLength: 8, start: hi}
  v: {type: Float32, size: 2, start: [1, 2]}
  on: {type: Boolean, size: 2, start: true}
`;
  const variables = (fmi: 2 | 3) =>
    layoutOf(`fmi: ${fmi}\n${yaml}`).variables.filter(({ kind }) => kind === 'output' || kind === 'input');

  it('are in FMI 2.0 a variable for each element, Integers with limits', () => {
    expect(variables(2)).toMatchObject([
      { name: 'q[0]', valueReference: 100, slot: 0, type: 'Real', unit: 'rad' },
      { name: 'q[1]', valueReference: 101, slot: 1, type: 'Real' },
      { name: 'i8', valueReference: 102, slot: 2, type: 'Integer', min: -128, max: 127 },
      { name: 'mode', valueReference: 103, type: 'Integer', start: 3, enumeration: { name: 'mode' } },
      { name: 't[0]', valueReference: 104, slot: 0, stringOffset: 0, stringCapacity: 9, start: 'hi' },
      { name: 't[1]', valueReference: 105, slot: 1, stringOffset: 16, stringCapacity: 9, start: 'hi' },
      { name: 'v[0]', type: 'Real', start: 1 },
      { name: 'v[1]', type: 'Real', start: 2 },
      { name: 'on[0]', start: true },
      { name: 'on[1]', start: true },
    ]);
    expect(variables(2).every(({ size }) => size === undefined)).toBe(true);
  });

  it('are in FMI 3.0 variables with a dimension, of their own types', () => {
    expect(variables(3)).toMatchObject([
      { name: 'q', valueReference: 100, slot: 0, size: 2, type: 'Real', start: [0, 0] },
      { name: 'i8', valueReference: 102, type: 'Int8' },
      { name: 'mode', valueReference: 103, type: 'Int64', enumeration: { items: [{ value: 3 }, { value: 5 }] } },
      { name: 't', valueReference: 104, size: 2, start: 'hi' },
      { name: 'v', valueReference: 106, size: 2, type: 'Float32', start: [1, 2] },
      { name: 'on', valueReference: 108, size: 2, start: [true, true] },
    ]);
  });
});

describe('strings of a row', () => {
  it('begin on multiples of 8 bytes and have room for their NUL', () => {
    const { outputs } = parseBridgeConfig(
      'twinbridge: bridge\nname: a\noutputs: {a: {type: String, maxLength: 7}, n: Real, b: {type: String, maxLength: 8}, c: String}\n',
      'bridge.yaml',
    );
    expect(stringAreas(outputs)).toEqual([
      { offset: 0, capacity: 8, stride: 8 },
      { offset: 8, capacity: 0, stride: 0 },
      { offset: 8, capacity: 9, stride: 16 },
      { offset: 24, capacity: 256, stride: 256 },
    ]);
  });
});
