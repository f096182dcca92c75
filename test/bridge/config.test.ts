import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type BridgeConfig, bridgeSchema, parseBridgeConfig, readBridgeConfig } from '#tb/bridge/index.js';
import { ExitCode, InvalidFileError } from '#tb/support/errors.js';
import { temporaryFolder } from '../support/fmus.js';

const HEAD = 'twinbridge: bridge\nname: robot\n';
const parse = (rest: string): BridgeConfig => parseBridgeConfig(HEAD + rest, 'bridge.yaml');

/** Problems of a file as `line:column message`. */
function problemsOf(text: string): string[] {
  try {
    parseBridgeConfig(text, 'bridge.yaml');
  } catch (error) {
    if (!(error instanceof InvalidFileError)) throw error;
    expect(error.exitCode).toBe(ExitCode.invalidInput);
    expect(new Set(error.problems.map(({ location }) => location.file))).toEqual(new Set(['bridge.yaml']));
    return error.problems.map(({ location, message }) => `${location.line}:${location.column} ${message}`);
  }
  return [];
}
/** What follows the name; line 3 is its first. */
const problems = (rest: string) => problemsOf(HEAD + rest);

describe('defaults', () => {
  it('need a name and one signal only', () => {
    expect(parse('outputs: {x: Real}\n')).toEqual({
      name: 'robot',
      fmi: 2,
      broker: { host: 'localhost', port: 5672, vhost: '/' },
      sources: [
        {
          name: 'default',
          exchange: 'fmi_digital_twin',
          type: 'direct',
          durable: false,
          declare: 'active',
          key: 'data.to_cosim',
          queue: { name: '', exclusive: true, durable: false, autoDelete: true, arguments: {} },
          prefetch: 1024,
          time: { key: 'time', format: 'rfc3339', assumeUtc: false },
          payload: 'json',
          unknownFields: 'warn',
          maxMessageBytes: 1 << 20,
          maxageMs: 1000,
        },
      ],
      send: {
        exchange: 'fmi_digital_twin',
        type: 'direct',
        durable: false,
        declare: 'active',
        key: 'data.from_cosim',
        when: 'changed',
        persistent: true,
        mandatory: false,
        announce: false,
        resendMs: 100,
      },
      selection: {
        behaviour: 2,
        maxageMs: 1000,
        lookahead: 1,
        timeoutMs: 60_000,
        onTimeout: 'fail',
        startTime: 'ignored',
        start: 'all',
        origin: 'first',
        delayMs: 0,
      },
      ring: { capacity: 1024, whenFull: 'block' },
      outputs: [{ name: 'x', type: 'Real', slot: 0, source: 0 }],
      inputs: [],
      diagnostics: [],
    });
  });

  it('follow what else is said', () => {
    expect(parse('outputs: {x: Real}\nbroker: {tls: true}\n').broker).toEqual({
      host: 'localhost',
      port: 5671,
      vhost: '/',
      tls: {},
    });
    expect(parse('outputs: {x: Real}\nreceive: {exchange: plant, type: topic}\n').send).toMatchObject({
      exchange: 'plant',
      type: 'topic',
    });
    expect(parse('outputs: {x: Real}\nreceive: {queue: {durable: true}}\n').sources[0]!.queue).toMatchObject({
      exclusive: false,
      autoDelete: false,
    });
    expect(parse('outputs: {x: Real}\nring: {capacity: 50000}\n').sources[0]!.prefetch).toBe(2000);
    expect(parse('outputs: {id: String}\n').outputs[0]?.maxLength).toBe(255);
  });
});

describe('sources', () => {
  const sources = `sources:
  odom: {exchange: robot, type: topic, key: robot.odom, maxage: 300 ms}
  gps: {exchange: plant, key: gps, time: {key: stamp, format: epoch-ms}}
selection: {maxage: 2 s}
`;

  it('are a list in the order of the file, with the maxage of the selection where they have none', () => {
    const config = parse(`${sources}outputs: {x: {type: Real, source: gps}, y: {type: Real, source: odom}}\n`);
    expect(config.sources).toMatchObject([
      { name: 'odom', exchange: 'robot', key: 'robot.odom', maxageMs: 300, time: { key: 'time', format: 'rfc3339' } },
      { name: 'gps', exchange: 'plant', key: 'gps', maxageMs: 2000, time: { key: 'stamp', format: 'epoch-ms' } },
    ]);
    expect(config.outputs).toMatchObject([
      { name: 'x', source: 1 },
      { name: 'y', source: 0 },
    ]);
    expect(config.send).toMatchObject({ exchange: 'robot', type: 'topic' });
  });

  it('has one source named default where the file says receive', () => {
    expect(parse('receive: {maxage: 1 min}\noutputs: {x: {type: Real, source: default}}\n').sources).toMatchObject([
      { name: 'default', maxageMs: 60_000 },
    ]);
  });

  it.each([
    [
      'receive: {}\nsources: {a: {}}\noutputs: {x: Real}\n',
      "4:1 'receive' and 'sources' are both given: 'receive' is short for a single source",
    ],
    [
      `${sources}outputs: {x: Real}\n`,
      "7:14 'outputs.x' does not say which of the sources carries it: source: odom, gps",
    ],
    [
      `${sources}outputs:\n  x: {type: Real, source: odo}\n`,
      "8:27 'outputs.x.source' is 'odo', expected one of odom, gps (did you mean 'odom'?)",
    ],
    [
      `${sources}outputs:\n  stamp: {type: Real, source: gps}\n`,
      "8:3 'outputs.stamp' has the name of the field that holds the time",
    ],
    [
      'inputs: {x: {type: Real, source: default}}\n',
      "3:34 'inputs.x.source' is given, but only an output has a source",
    ],
    ['sources: {a: {maxage: 3 parsecs}}\noutputs: {x: Real}\n', '3:23 '],
    [
      'sources: {a: {queue: {exclusive: false}}}\noutputs: {x: Real}\n',
      "3:34 'sources.a.queue' is neither exclusive nor durable, which current brokers refuse",
    ],
    ['sources: {}\noutputs: {x: Real}\n', '3:10 '],
  ])('are checked: %s', (text, expected) => {
    expect(problems(text)).toEqual([expect.stringContaining(expected)]);
  });
});

describe('where values stand', () => {
  it('is normalised: tokens of the path, slots of arrays, items, names of types', () => {
    const { outputs, inputs } = parse(`fmi: 3
outputs:
  q: {type: Float64, path: /joints/0/a~1b, size: 3, start: [1, 2, 3]}
  e: {type: Enumeration, values: {off: 0, on: 7}, start: on}
  big: {type: UInt64, start: '18446744073709551615', scale: 10, offset: 5}
  raw: Binary
inputs:
  u: {type: Int32, path: /cmd/u, size: 2, start: 4}
  v: Boolean
`);
    expect(outputs).toEqual([
      { name: 'q', type: 'Real', slot: 0, source: 0, path: ['joints', '0', 'a/b'], size: 3, start: [1, 2, 3] },
      {
        name: 'e',
        type: 'Enumeration',
        slot: 3,
        source: 0,
        items: [
          { name: 'off', value: 0 },
          { name: 'on', value: 7 },
        ],
        start: 7,
      },
      { name: 'big', type: 'UInt64', slot: 4, source: 0, scale: 10, offset: 5, start: '18446744073709551615' },
      { name: 'raw', type: 'Binary', slot: 5, source: 0, maxLength: 4096 },
    ]);
    expect(inputs).toEqual([
      { name: 'u', type: 'Integer', slot: 0, source: 0, path: ['cmd', 'u'], size: 2, start: [4, 4] },
      { name: 'v', type: 'Boolean', slot: 2, source: 0 },
    ]);
  });

  it.each([
    ['outputs:\n  x: {type: Real, path: pose/x}', "4:25 'outputs.x.path' is 'pose/x', which has no slash in front"],
    ['outputs:\n  x: {type: Real, path: /a~2}', "4:25 'outputs.x.path' is '/a~2', where a tilde stands without 0 or 1"],
    ['outputs:\n  x: {type: Real, path: ""}', "4:25 'outputs.x.path' is empty"],
    ['outputs:\n  x: {type: Real, path: /p}\n  y: {type: Real, path: /p}', "5:25 'outputs.y.path' is that of 'x', too"],
    ['outputs:\n  x: Real\n  y: {type: Real, path: /x}', "5:25 'outputs.y.path' is that of 'x', too"],
    [
      'outputs:\n  x: {type: Real, path: /p}\n  y: {type: Real, path: /p/y}',
      "5:25 'outputs.y.path' lies in 'p', which is the value of 'x'",
    ],
    [
      'outputs:\n  y: {type: Real, path: /p/y}\n  p: Real',
      "5:3 the place of 'outputs.p' is that of a value, but 'y' lies in it",
    ],
    [
      'outputs:\n  q: {type: Real, path: /q, size: 3}\n  z: {type: Real, path: /q/3}',
      "5:25 'outputs.z.path' lies in 'q', which is the value of 'q'",
    ],
    ['outputs:\n  x: {type: Real, path: /time}', "4:25 'outputs.x.path' is the field that holds the time"],
    [
      'receive: {time: {key: /h/t}}\noutputs:\n  x: {type: Real, path: /h/t/s}',
      "5:25 'outputs.x.path' lies in '/h/t', which holds the time",
    ],
    ['inputs:\n  x: {type: Real, path: /time/s}', "4:3 'inputs.x' lies in the field that holds the time"],
    ['inputs:\n  x: {type: Real, path: /q/3}', "4:25 'inputs.x.path' has the index 3"],
    ['outputs:\n  x: {type: Boolean, scale: 2}', "4:29 'outputs.x.scale' is given, but a Boolean is no number"],
    ['outputs:\n  x: {type: Real, scale: 0}', "4:26 'outputs.x.scale' is 0"],
    ['outputs:\n  x: {type: Real, values: {a: 1}}', "4:27 'outputs.x.values' is given, but only an Enumeration"],
    ['outputs:\n  x: Enumeration', "4:6 'outputs.x' lacks 'values'"],
    ['outputs:\n  x: {type: Enumeration, values: {a: 1, b: 1}}', "4:44 'outputs.x.values.b' is 1, as 'a' is"],
    [
      'outputs:\n  x: {type: Enumeration, values: {drive: 1}, start: drvie}',
      "4:53 'outputs.x.start' is 'drvie', expected one of drive (did you mean 'drive'?)",
    ],
    ['outputs:\n  x: {type: Real, size: 2, start: [1]}', "4:35 'outputs.x.start' has 1 values, the signal has 2"],
    ['outputs:\n  x: {type: Real, start: [1]}', "4:26 'outputs.x.start' is a list, but the signal is a single value"],
    ['outputs:\n  x: {type: UInt8, start: 256}', "4:27 'outputs.x.start' is '256', expected a whole number of 8 bits"],
    ['outputs:\n  x: Int64', "4:6 'outputs.x' is Int64, which FMI 2.0 does not have"],
    ['fmi: 3\noutputs:\n  x: {type: Int64, start: 9007199254740993}', "5:27 'outputs.x.start' is '9007199254740992'"],
    ['outputs:\n  q: {type: Real, size: 2}\n  q[1]: Real', "5:3 'outputs.q[1]' has the name of an element of 'q'"],
    [
      'fmi: 3\nreceive: {payload: raw}\noutputs:\n  a: Binary\n  b: Binary',
      "7:6 'outputs.b' and 'a' are both of source 'default', whose payload is one value",
    ],
    [
      'compat: strict\ninputs:\n  x: {type: Real, path: /a/x}',
      "5:6 'inputs.x' is more than RMQFMU could send, and compat: strict sends what that did",
    ],
    [
      'fmi: 3\noutputs:\n  x: {type: Binary, maxLength: 10000000}',
      '5:6 the ring takes 9.54 GiB: 1024 samples of 10000064 bytes',
    ],
    [
      'receive: {payload: raw}\noutputs:\n  a: Real',
      "5:6 'outputs.a' is Real, but source 'default' has raw payloads, which are Binary",
    ],
  ])('is checked: %s', (text, expected) => {
    expect(problems(`${text}\n`)).toEqual([expect.stringContaining(expected)]);
  });

  it('lets an element of an array be a signal of its own', () => {
    const text = 'outputs: {q: {type: Real, path: /q, size: 4}, q3: {type: Real, path: /q/3}}\n';
    expect(parse(text).outputs).toMatchObject([{ slot: 0 }, { slot: 4, path: ['q', '3'] }]);
  });
});

describe('the selection', () => {
  it('knows complete, start policies, origins and a delay', () => {
    const text = 'outputs: {x: Real}\nselection: {behaviour: complete, start: values, delay: 40 ms, origin: ';
    expect(parse(`${text}wall-clock}\n`).selection).toMatchObject({
      behaviour: 'complete',
      start: 'values',
      delayMs: 40,
      origin: 'wall-clock',
    });
    expect(parse(`${text}'2026-01-04T16:41:24+01:00'}\n`).selection).toMatchObject({
      origin: 'fixed',
      originTime: '2026-01-04T16:41:24+01:00',
    });
  });

  it.each([
    ['{origin: frist}', "4:21 'selection.origin' is 'frist', expected first, wall-clock or an RFC 3339 time"],
    ["{origin: '2026-01-04T16:41:24'}", '4:21 '],
    [
      '{behaviour: complete}\nring: {whenFull: drop-oldest}',
      "5:18 'selection.behaviour: complete' outputs the same in every run, which a ring that drops samples cannot",
    ],
  ])('refuses %s', (text, expected) => {
    expect(problems(`outputs: {x: Real}\nselection: ${text}\n`)).toEqual([expect.stringContaining(expected)]);
  });
});

describe('what can be written', () => {
  it.each([
    ['250', 250],
    ['300 ms', 300],
    ['1.5 s', 1500],
    ['2 min', 120_000],
    ['500us', 0.5],
  ])('a duration of %s', (text, milliseconds) => {
    expect(parse(`outputs: {x: Real}\nselection: {maxage: ${text}}\n`).selection.maxageMs).toBe(milliseconds);
  });

  it('signals in short and in full, in the order of the file', () => {
    const { outputs, inputs } = parse(
      'outputs:\n  z: {type: Real, start: 1.5, unit: m, description: height}\n  a: Integer\ninputs:\n  stop: {type: Boolean, start: false}\n',
    );
    expect(outputs).toEqual([
      { name: 'z', type: 'Real', slot: 0, source: 0, start: 1.5, unit: 'm', description: 'height' },
      { name: 'a', type: 'Integer', slot: 1, source: 0 },
    ]);
    expect(inputs).toEqual([{ name: 'stop', type: 'Boolean', slot: 0, source: 0, start: false }]);
  });

  it('all diagnostics or some', () => {
    expect(parse('outputs: {x: Real}\ndiagnostics: true\n').diagnostics).toContain('transport_delay');
    expect(parse('outputs: {x: Real}\ndiagnostics: [link_up, data_age]\n').diagnostics).toEqual([
      'link_up',
      'data_age',
    ]);
  });

  it('names that JavaScript has a meaning for', () => {
    const { outputs } = parse('outputs: {constructor: Real, toString: Real, __proto__: Integer}\n');
    expect(outputs.map(({ name }) => name)).toEqual(['constructor', 'toString', '__proto__']);
  });
});

describe('a problem stands where its cause stands', () => {
  it.each([
    ['a misspelt part', 'ouputs: {x: Real}\n', "3:1 unknown key 'ouputs' in the file (did you mean 'outputs'?)"],
    [
      'a misspelt key',
      'outputs: {x: Real}\nbroker:\n  hots: a\n',
      "5:3 unknown key 'hots' in 'broker' (did you mean 'host'?)",
    ],
    [
      'a misspelt type',
      'outputs:\n  x: Reel\n',
      "4:6 'outputs.x' is 'Reel', expected one of Real, Integer, Boolean, String, Binary, Enumeration, Float32, Int8, UInt8, Int16, UInt16, UInt32, Int64, UInt64, Float64, Int32 (did you mean 'Real'?)",
    ],
    [
      'a misspelt type, in full',
      'outputs:\n  x: {type: boolean}\n',
      "4:13 'outputs.x.type' is 'boolean', expected one of Real, Integer, Boolean, String, Binary, Enumeration, Float32, Int8, UInt8, Int16, UInt16, UInt32, Int64, UInt64, Float64, Int32 (did you mean 'Boolean'?)",
    ],
    [
      'a misspelt key of a signal',
      'outputs:\n  x: {type: Real, strat: 1}\n',
      "4:19 unknown key 'strat' in 'outputs.x' (did you mean 'start'?)",
    ],
    ['a signal without a type', 'outputs:\n  x: {start: 1}\n', "4:6 'outputs.x' lacks the key 'type'"],
    ['a signal that is a number', 'outputs:\n  x: 1\n', "4:6 'outputs.x' is 1, expected string or object"],
    [
      'a port out of range',
      'outputs: {x: Real}\nbroker: {port: 70000}\n',
      "4:16 'broker.port' must be <= 65535 (it is 70000)",
    ],
    [
      'a port that is a text',
      'outputs: {x: Real}\nbroker: {port: "5672"}\n',
      "4:16 'broker.port' is '5672', expected integer",
    ],
    [
      'an exchange type',
      'outputs: {x: Real}\nreceive: {type: topik}\n',
      "4:17 'receive.type' is 'topik', expected one of direct, fanout, topic, headers (did you mean 'topic'?)",
    ],
    [
      'a time format',
      'outputs: {x: Real}\nreceive:\n  time: {format: iso}\n',
      "5:18 'receive.time.format' is 'iso', expected one of rfc3339, epoch-s, epoch-ms, epoch-us, epoch-ns",
    ],
    [
      'a behaviour',
      'outputs: {x: Real}\nselection: {behaviour: 3}\n',
      "4:24 'selection.behaviour' is 3, expected one of 0, 1, 2, complete",
    ],
    [
      'a duration in an unknown unit',
      'outputs: {x: Real}\nselection: {maxage: 300 msec}\n',
      "4:21 'selection.maxage' is '300 msec', expected a duration such as 300 ms, 1.5 s or 2 min",
    ],
    [
      'a negative duration',
      'outputs: {x: Real}\nselection: {maxage: -1}\n',
      "4:21 'selection.maxage' must be >= 0 (it is -1)",
    ],
    [
      'a lookahead of none',
      'outputs: {x: Real}\nselection: {lookahead: 0}\n',
      "4:24 'selection.lookahead' must be >= 1 (it is 0)",
    ],
    ['a ring of one', 'outputs: {x: Real}\nring: {capacity: 1}\n', "4:18 'ring.capacity' must be >= 2 (it is 1)"],
    [
      'an Integer with a fraction',
      'outputs:\n  n: {type: Integer, start: 1.5}\n',
      "4:29 'outputs.n.start' is '1.5', expected a whole number of 32 bits",
    ],
    [
      'an Integer beyond 32 bits',
      'outputs:\n  n: {type: Integer, start: 2147483648}\n',
      "4:29 'outputs.n.start' is '2147483648', expected a whole number of 32 bits",
    ],
    [
      'a Boolean that is 1',
      'inputs:\n  b: {type: Boolean, start: 1}\n',
      "4:29 'inputs.b.start' is '1', expected true or false",
    ],
    [
      'a String that is a number',
      'outputs:\n  s: {type: String, start: 1}\n',
      "4:28 'outputs.s.start' is 1, expected a text in quotes",
    ],
    [
      'a String that is too long',
      'outputs:\n  s: {type: String, maxLength: 2, start: éé}\n',
      "4:42 'outputs.s.start' has 4 bytes, more than maxLength 2",
    ],
    ['a name in both directions', 'outputs: {x: Real}\ninputs:\n  x: Real\n', "5:3 'inputs.x' is an output, too"],
    [
      'the name of the time',
      'receive: {time: {key: t}}\noutputs:\n  t: Real\n',
      "5:3 'outputs.t' has the name of the field that holds the time",
    ],
    [
      'a name that the bridge sends itself',
      'inputs:\n  simstep: Real\n',
      "4:3 'inputs.simstep' has the name of the field that holds the end of the step",
    ],
    [
      'a name like a parameter',
      'outputs:\n  config.port: Integer\n',
      "4:3 'outputs.config.port' has a name that begins with 'config.', as the FMU's parameters do",
    ],
    [
      'a misspelt diagnostic',
      'outputs: {x: Real}\ndiagnostics: [data_age, queue_dept]\n',
      "4:25 there is no diagnostic 'queue_dept' (did you mean 'queue_depth'?)",
    ],
    [
      'a diagnostic that is a signal',
      'outputs: {data_age: Real}\ndiagnostics: true\n',
      "4:14 the diagnostic 'data_age' has the name of a signal",
    ],
    ['a key twice', 'outputs: {x: Real, x: Real}\n', "3:20 the key 'x' is there twice"],
    ['no signals', '', '1:1 the bridge has no signals'],
  ])('%s', (_what, rest, expected) => {
    expect(problems(rest)).toEqual([expected]);
  });

  it('another kind of file, and a nameless one', () => {
    expect(problemsOf('twinbridge: system\nname: a\noutputs: {x: Real}\n')).toEqual([
      "1:13 'twinbridge' is 'system', expected bridge",
    ]);
    expect(problemsOf('twinbridge: bridge\noutputs: {x: Real}\n')).toEqual(["1:1 the file lacks the key 'name'"]);
    expect(problemsOf('')).toEqual(['1:1 the file is null, expected object']);
  });

  it('all of them at once', () => {
    expect(problems('broker: {port: 0}\nring: {capacity: 0}\noutputs: {x: Reel}\n')).toHaveLength(2);
    expect(problems('outputs:\n  x: Reel\n  n: {type: Integer, start: a}\n  time: Real\n')).toHaveLength(3);
  });

  it('a file that is not there', async () => {
    await expect(readBridgeConfig('/nowhere/bridge.yaml')).rejects.toThrow(
      'cannot read /nowhere/bridge.yaml: no such file',
    );
  });
});

describe('credentials', () => {
  it.each(['username', 'user', 'password', 'user_name', 'passwd', 'secret', 'token', 'url'])(
    'are refused under broker.%s, with the ways to give them and without being shown',
    (key) => {
      let caught: unknown;
      try {
        parse(`outputs: {x: Real}\nbroker:\n  ${key}: geheim123\n`);
      } catch (error) {
        caught = error;
      }
      expect(caught).toBeInstanceOf(InvalidFileError);
      const { message, problems: found } = caught as InvalidFileError;
      expect(found.map(({ location }) => [location.line, location.column])).toEqual([[5, 3]]);
      for (const way of ['AMQP_URL', 'secretFile', 'TWINBRIDGE_SECRET_FILE', 'config.username', 'config.password']) {
        expect(message).toContain(way);
      }
      expect(message).not.toContain('geheim123');
    },
  );

  it.each([
    ['in the host', 'broker: {host: "amqp://me:geheim123@plant"}\n', '4:16'],
    ['in place of the broker', 'broker: amqp://me:geheim123@plant\n', '4:9'],
  ])('are refused %s', (_where, broker, place) => {
    const found = problems(`outputs: {x: Real}\n${broker}`);
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(new RegExp(`^${place} `));
    expect(found[0]).not.toContain('geheim123');
  });

  it('may lie in a secret file, which is looked for beside the configuration', async () => {
    const folder = join(temporaryFolder(), 'plant');
    mkdirSync(folder);
    writeFileSync(join(folder, 'bridge.yaml'), `${HEAD}outputs: {x: Real}\nbroker: {secretFile: ./broker.secret}\n`);
    const { broker } = await readBridgeConfig(join(folder, 'bridge.yaml'));
    expect(broker.secretFile).toBe(join(folder, 'broker.secret'));
    expect(parse('outputs: {x: Real}\nbroker: {secretFile: ~/broker.secret}\n').broker.secretFile).toBe(
      '~/broker.secret',
    );
  });
});

it('the schema is JSON, for editors', () => {
  expect(JSON.parse(JSON.stringify(bridgeSchema))).toEqual(bridgeSchema);
});
