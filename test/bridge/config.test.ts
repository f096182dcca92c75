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
    ['a key twice', 'outputs: {x: Real, x: Real}\n', '3:20 Map keys must be unique'],
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
