/** `twinbridge convert` and `build --rmqfmu`: what is made of a modelDescription.xml that was written for RMQFMU. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readFmu } from '#tb/fmi/index.js';
import { runCli } from '../support/cli.js';
import { temporaryFolder } from '../support/fmus.js';
import { ADDED_PARAMETERS, type HandWritten, handWritten, PARAMETERS } from '../support/rmqfmu.js';

const folder = temporaryFolder();
const LEVEL: HandWritten = { name: 'level', vr: 20, type: 'Real', causality: 'output' };
const STOP: HandWritten = { name: 'command_stop', vr: 22, type: 'Boolean', causality: 'input', start: 'false' };

let files = 0;
function write(xml: string): string {
  const file = join(folder, `${files++}`.padStart(3, '0').concat('.xml'));
  writeFileSync(file, xml);
  return file;
}

async function convert(xml: string) {
  const file = write(xml);
  const output = `${file}.yaml`;
  const { code, stderr } = await runCli(['convert', file, '-o', output]);
  const yaml = code === 0 ? readFileSync(output, 'utf8') : '';
  const warnings = stderr.split('\n').filter((line) => line.startsWith('warning: '));
  return { code, yaml, output, file, stderr, warnings: warnings.map((line) => line.slice(`warning: ${file}`.length)) };
}

describe('1 twinbridge convert', () => {
  it('makes a bridge.yaml that is valid, and says what the description says', async () => {
    const said = {
      'config.maxage': '300',
      'config.lookahead': '50',
      'config.hostname': 'broker',
      'config.vhost': 'lab',
    };
    const { code, yaml, output, warnings } = await convert(handWritten([LEVEL, STOP], said));
    expect(code).toBe(0);
    expect(warnings).toEqual([]);
    expect(yaml).toContain('host: broker');
    expect(yaml).toContain('vhost: lab');
    expect(yaml).toContain('maxage: 300 ms');
    expect(yaml).toContain('lookahead: 50');
    expect(yaml).toContain('when: always');
    expect((await runCli(['validate', output])).code).toBe(0);
  });

  it('what is built of that has the value references of the description, and the parameters of RMQFMU', async () => {
    const { output } = await convert(handWritten([LEVEL, STOP]));
    const fmu = join(folder, 'converted.fmu');
    expect((await runCli(['build', output, '-o', fmu])).code).toBe(0);
    const { variables } = (await readFmu(fmu)).description;
    const references = Object.fromEntries(variables.map(({ name, valueReference }) => [name, valueReference]));
    expect(references).toMatchObject({ level: 20, command_stop: 22, 'config.hostname': 0, 'config.howtosend': 19 });
  });

  it('reads an .fmu as well, with its copy in resources', async () => {
    const fmu = join(folder, 'theirs.fmu');
    await runCli(['build', '--rmqfmu', write(handWritten([LEVEL])), '-o', fmu]);
    const { code, stdout } = await runCli(['convert', fmu, '-o', '-']);
    expect(code).toBe(0);
    expect(stdout).toContain('level: Real');
  });

  it('leaves user and password out, and says so without showing them', async () => {
    const xml = handWritten([LEVEL], { 'config.username': 'alice', 'config.password': 'sesame-73' });
    const { yaml, stderr, warnings } = await convert(xml);
    expect(`${yaml}${stderr}`).not.toMatch(/alice|sesame/);
    expect(warnings).toEqual([
      ':7:1: user and password are left out: they would be in every copy of what is made of this (give them at run time: AMQP_URL, a secret file, or config.username and config.password)',
    ]);
  });

  it('replaces no file unless it is told to', async () => {
    const { output, file } = await convert(handWritten([LEVEL]));
    expect((await runCli(['convert', file, '-o', output])).code).toBe(2);
    expect((await runCli(['convert', file, '-o', output, '--force'])).code).toBe(0);
  });

  it.each([
    ['no XML', 'hello', ':1:1: '],
    [
      'a word that is none',
      handWritten([LEVEL]).replace('causality="output"', 'causality="outptu"'),
      ":4:1: 'causality' of variable 'level' is 'outptu', expected one of",
    ],
    [
      'a start value that is none',
      handWritten([LEVEL], { 'config.port': 'amqp' }),
      ":6:97: 'start' of variable 'config.port' is 'amqp'",
    ],
    ['no outputs and no inputs', handWritten([]), 'the description has neither outputs nor inputs'],
    [
      'an Enumeration',
      handWritten([LEVEL])
        .replace('<Real/>', '<Enumeration declaredType="Mode"/>')
        .replace(
          '<ModelVariables>',
          '<TypeDefinitions><SimpleType name="Mode"><Enumeration><Item name="a" value="1"/></Enumeration></SimpleType></TypeDefinitions>\n<ModelVariables>',
        ),
      ":5:1: 'level' is an Enumeration, which RMQFMU does not know (make it an Integer)",
    ],
    [
      'a precision of 0',
      handWritten([LEVEL], { 'config.precision': '0' }),
      ':11:1: config.precision is 0, expected 1 or more',
    ],
    [
      'an exchange type that is none',
      handWritten([LEVEL], { 'config.exchangetype': 'directly' }),
      "'receive.type' is 'directly'",
    ],
    [
      'a variable named time',
      handWritten([{ ...LEVEL, name: 'time' }]),
      "'outputs.time' has the name of the field that holds the time",
    ],
  ])('%s: exit code 3 and the place', async (_, xml, expected) => {
    const { code, stderr, file } = await convert(xml);
    expect(code).toBe(3);
    expect(stderr).toContain(expected);
    expect(stderr).toContain(file);
  });

  it.each([
    [
      'parameters that RMQFMU cannot do without',
      handWritten([LEVEL], {}, PARAMETERS),
      ': the description lacks parameters; these values count: config.queueupperbound (100), config.vhost ("/"), config.ssl (false), config.howtosend (true)',
    ],
    [
      'the missing maxage, with which RMQFMU runs on 0',
      handWritten([LEVEL], {}, [...PARAMETERS.filter(({ vr }) => vr !== 7), ...ADDED_PARAMETERS]),
      ': the description lacks parameters; these values count: config.maxage (0)',
    ],
    [
      'a parameter of an earlier version',
      handWritten(
        [LEVEL],
        {},
        [...PARAMETERS, ...ADDED_PARAMETERS].map((p) =>
          p.vr === 9 ? { ...p, name: 'config.routingkeySystemHealth' } : p,
        ),
      ),
      ":14:1: 'config.routingkeySystemHealth' has value reference 9: it is taken as config.exchangename",
    ],
    [
      'an input without start value',
      handWritten([LEVEL, { ...STOP, type: 'Integer', start: undefined as never }]),
      ":5:1: input 'command_stop' has no start value: it is 0 until it is set",
    ],
    [
      'the switch that is the wrong way round',
      handWritten([LEVEL, { ...STOP, name: 'enable send', vr: 15 }]),
      ":5:1: 'enable send' is true to stop publishing, as with RMQFMU, whatever its name says",
    ],
    [
      'a queue that takes nothing in',
      handWritten([LEVEL], { 'config.queueupperbound': '-1' }),
      ': config.queueupperbound is -1, which would take nothing in; it is 100 here',
    ],
    [
      'more than there is memory for',
      handWritten([{ ...LEVEL, type: 'String' }], { 'config.queueupperbound': '2000000' }),
      ': config.queueupperbound is 2000000; 253240 messages may wait here',
    ],
    [
      'a time-out of 0',
      handWritten([LEVEL], { 'config.communicationtimeout': '0' }),
      ': config.communicationtimeout is 0 s, with which RMQFMU fails; it is 60 s here',
    ],
    [
      'a parameter that means nothing',
      handWritten([LEVEL], {}, [
        ...PARAMETERS,
        ...ADDED_PARAMETERS,
        { name: 'gain', vr: 70, type: 'Real', start: '2' },
      ]),
      ":23:1: 'gain' (value reference 70) has no meaning here, as with RMQFMU",
    ],
  ])('%s: usable, and told', async (_, xml, expected) => {
    const { code, warnings } = await convert(xml);
    expect(code).toBe(0);
    expect(warnings).toContain(expected);
  });
});

describe('2 twinbridge build --rmqfmu', () => {
  async function build(...args: string[]) {
    const file = join(folder, `built-${files++}.fmu`);
    const { code, stderr } = await runCli(['build', '--rmqfmu', ...args, '-o', file]);
    expect(code, stderr).toBe(0);
    const { description, platforms } = await readFmu(file);
    return { file, stderr, description, platforms };
  }

  it('without a file: value references, names, types and start values are those of RMQFMU', async () => {
    const { description } = await build();
    for (const { name, vr, type, start } of [...PARAMETERS, ...ADDED_PARAMETERS]) {
      const variable = description.variables.find((each) => each.valueReference === vr && each.type === type);
      expect(variable).toMatchObject({ name, causality: 'parameter' });
      const asWritten = type === 'Boolean' ? start === '1' : type === 'Integer' ? Number(start) : start;
      // The ring takes more than RMQFMU's 100, of which it counted only a part.
      expect(variable?.start, name).toBe(vr === 17 ? 1024 : asWritten);
    }
    const named = (name: string) => description.variables.find((variable) => variable.name === name);
    expect(named('seqno')).toMatchObject({ valueReference: 14, type: 'Integer', causality: 'output' });
    expect(named('enable send')).toMatchObject({
      valueReference: 15,
      type: 'Boolean',
      causality: 'input',
      start: false,
    });
    expect(description.coSimulation?.modelIdentifier).toBe('rabbitmq');
  });

  it('of a description: order, value references, units, limits, GUID, default experiment and library name stay', async () => {
    const xml = handWritten([LEVEL, STOP])
      .replace('<Real/>', '<Real unit="m" min="0" max="9"/>')
      .replace(
        '<ModelVariables>',
        '<UnitDefinitions><Unit name="m"><BaseUnit m="1"/></Unit></UnitDefinitions><DefaultExperiment stopTime="16"/>\n<ModelVariables>',
      );
    const { description, platforms } = await build(write(xml));
    expect(description.variables.slice(0, 3).map(({ name, valueReference }) => [name, valueReference])).toEqual([
      ['level', 20],
      ['command_stop', 22],
      ['config.hostname', 0],
    ]);
    expect(description.variables[0]).toMatchObject({ unit: 'm', min: 0, max: 9 });
    expect(description).toMatchObject({
      guid: '{by-hand}',
      defaultExperiment: { stopTime: 16 },
      modelName: 'RabbitMq',
    });
    expect(platforms.length).toBeGreaterThan(0);
  });

  it('of a bridge.yaml: seqno is on 14, the switch is there, other signals are off the reserved references', async () => {
    const yaml = join(folder, 'plain.yaml');
    writeFileSync(yaml, 'twinbridge: bridge\nname: plain\noutputs: { x: Real, seqno: Integer }\ninputs: { y: Real }\n');
    const { description } = await build(yaml);
    const references = Object.fromEntries(
      description.variables.map(({ name, valueReference }) => [name, valueReference]),
    );
    expect(references).toMatchObject({ seqno: 14, 'enable send': 15, 'config.hostname': 0 });
    expect(Math.min(references.x!, references.y!)).toBeGreaterThan(20);
  });

  it('puts no credential into the FMU', async () => {
    const xml = handWritten([LEVEL], { 'config.username': 'alice', 'config.password': 'sesame-73' });
    const { description, stderr } = await build(write(xml));
    expect(stderr).toContain('user and password are left out');
    expect(stderr).not.toMatch(/alice|sesame/);
    for (const name of ['config.username', 'config.password']) {
      expect(description.variables.find((variable) => variable.name === name)?.start).toBe('');
    }
  });

  it('a description without --rmqfmu, FMI 3 with it, and no file without it are no commands', async () => {
    const xml = write(handWritten([LEVEL]));
    expect((await runCli(['build', xml])).code).toBe(2);
    expect((await runCli(['build', '--rmqfmu', '--fmi', '3', xml])).code).toBe(2);
    expect((await runCli(['build'])).code).toBe(2);
  });
});
