import { createHash } from 'node:crypto';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { packArchive, readFmuModel } from '#tb/fmi/index.js';
import { maskSecrets } from '#tb/master/results/mask-secrets.js';
import {
  createRunFolder,
  openRunLog,
  saveConfiguration,
  saveJson,
  saveVersions,
} from '#tb/master/results/run-folder.js';
import { exampleFmu } from '../../support/fmus.js';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'tb-runs-'));
});
afterEach(() => rmSync(root, { recursive: true }));

const NOW = new Date('2026-01-04T16:41:24.250Z');
const read = (path: string) => readFileSync(path, 'utf8');
const refused = { code: 'TB_MASTER_RESULTS', exitCode: 1 };

describe('the folder of a run', () => {
  it('is named after the time and the system', () => {
    const folder = createRunFolder(join(root, 'not', 'there'), 'estop', NOW);
    expect(folder).toBe(join(root, 'not', 'there', '2026-01-04T16-41-24Z-estop'));
    expect(statSync(folder).isDirectory()).toBe(true);
  });

  it('is another one for each run of the same second', () => {
    const folders = Array.from({ length: 3 }, () => basename(createRunFolder(root, 'a', NOW)));
    expect(folders).toEqual(['2026-01-04T16-41-24Z-a', '2026-01-04T16-41-24Z-a-2', '2026-01-04T16-41-24Z-a-3']);
  });

  it.each([
    ['../../etc', '2026-01-04T16-41-24Z-..-..-etc'],
    ['Größe: 5 m/s', '2026-01-04T16-41-24Z-Größe-5-m-s'],
    ['', '2026-01-04T16-41-24Z-run'],
    ['x'.repeat(300), `2026-01-04T16-41-24Z-${'x'.repeat(80)}`],
  ])('is below the root whatever the system is called: %s', (name, expected) => {
    const folder = createRunFolder(root, name, NOW);
    expect([basename(folder), dirname(folder)]).toEqual([expected, root]);
  });

  it('cannot be made where a file is', () => {
    writeFileSync(join(root, 'file'), '');
    expect(() => createRunFolder(join(root, 'file'))).toThrow(expect.objectContaining(refused));
  });
});

describe('the report of a run', () => {
  it('is JSON, whatever the values', () => {
    const report = {
      outcome: 'failed',
      finalValues: { 'a.x': Number.NaN, 'a.n': 2n ** 63n, 'a.m': 7n, 'a.t': 'text', 'a.password': 'secret' },
      overruns: { histogram: [{ upToMs: Number.POSITIVE_INFINITY, count: 1 }] },
      captured: { time: Float64Array.of(1, 2) },
      error: 'no answer from amqp://user:pass@host',
      byName: new Map([['a', 1]]),
    };
    saveJson(root, 'report.json', report);
    expect(JSON.parse(read(join(root, 'report.json')))).toEqual({
      outcome: 'failed',
      finalValues: { 'a.x': null, 'a.n': '9223372036854775808', 'a.m': 7, 'a.t': 'text', 'a.password': '***' },
      overruns: { histogram: [{ upToMs: null, count: 1 }] },
      captured: {},
      error: 'no answer from amqp://***@host',
      byName: { a: 1 },
    });
    expect(readdirSync(root)).toEqual(['report.json']);
  });

  it('takes the place of the one before, whole', () => {
    saveJson(root, 'report.json', { steps: 1, filler: 'x'.repeat(1000) });
    saveJson(root, 'report.json', { steps: 2 });
    expect(JSON.parse(read(join(root, 'report.json')))).toEqual({ steps: 2 });
  });

  it('that cannot be written is an error that leaves nothing behind', () => {
    mkdirSync(join(root, 'report.json'));
    expect(() => saveJson(root, 'report.json', {})).toThrow(expect.objectContaining(refused));
    expect(readdirSync(root)).toEqual(['report.json']);
  });
});

describe('the versions', () => {
  it('tell what ran: FMUs by their contents and what made them', async () => {
    const fmu = exampleFmu(root, 'dahlquist');
    const { model } = await readFmuModel(fmu);
    await saveVersions(root, [
      { fmu, model },
      { fmu, model },
    ]);
    const { version } = JSON.parse(read(new URL('../../../package.json', import.meta.url).pathname));
    expect(JSON.parse(read(join(root, 'versions.json')))).toEqual({
      twinbridge: version,
      node: process.version,
      platform: `${process.platform}-${process.arch}`,
      fmus: [
        {
          file: 'dahlquist.fmu',
          sha256: createHash('sha256').update(readFileSync(fmu)).digest('hex'),
          bytes: statSync(fmu).size,
          fmiVersion: '2.0',
          modelName: 'dahlquist',
          generationTool: 'twinbridge',
        },
      ],
    });
  });
});

describe('the log of a run', () => {
  it('is a line of JSON for each message', () => {
    const log = openRunLog(root);
    log.write({ time: 0.5, instance: 'robot', status: 0, category: 'logSteps', message: 'a "step"\nof two lines' });
    log.write({
      time: 1,
      instance: 'bridge',
      status: 1,
      category: 'logBroker',
      message: 'lost amqp://u:p@ss@h:5672/v',
    });
    log.write({ time: 1, instance: 'bridge', status: 4, category: '', message: 'gone' });
    const lines = read(log.file).trimEnd().split('\n');
    log.close();
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      {
        level: 'info',
        time: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
        t: 0.5,
        component: 'robot',
        status: 'fmi2OK',
        category: 'logSteps',
        msg: 'a "step"\nof two lines',
      },
      expect.objectContaining({ level: 'warn', status: 'fmi2Warning', msg: 'lost amqp://***@h:5672/v' }),
      expect.objectContaining({ level: 'fatal', status: 'fmi2Fatal', msg: 'gone' }),
    ]);
  });

  it('for which the disk is full does not end the run, but is told at its end', async () => {
    symlinkSync('/dev/full', join(root, 'run.log'));
    const log = openRunLog(root);
    for (let i = 0; i < 10; i++) log.write({ time: 0, instance: 'a', status: 0, category: '', message: 'x' });
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(() => log.close()).toThrow(
      expect.objectContaining({ ...refused, message: expect.stringContaining('ENOSPC') }),
    );
  });
});

describe('the configuration of a run', () => {
  it('is copied with its comments and without its secrets', async () => {
    const file = join(root, 'system.yaml');
    const text = `# a robot
twinbridge: system
components:
  robot:
    fmu: robot.fmu   # on amqp://guest:gu/e@st@localhost
    start: { config.username: guest, config.password: "s3cret", x: 1.5 }
  other:
    fmu: other.fmu
    start:
      url: 'amqps://me:pw@host:5671/vhost?x=1'
      Password: |
        two
        lines
      passphrase: plain text # not quoted
      many.secrets: [a, {b: c}]
      shared: &same hidden
      old_password: *same
step: 0.1
`;
    writeFileSync(file, text);
    const folder = createRunFolder(root, 'estop', NOW);
    const [copy] = await saveConfiguration(folder, [file]);
    expect(copy).toBe(join(folder, 'system.yaml'));
    expect(read(copy!)).toBe(`# a robot
twinbridge: system
components:
  robot:
    fmu: robot.fmu   # on amqp://***@localhost
    start: { config.username: guest, config.password: "***", x: 1.5 }
  other:
    fmu: other.fmu
    start:
      url: 'amqps://***@host:5671/vhost?x=1'
      Password: "***"
      passphrase: "***" # not quoted
      many.secrets: ["***", {b: "***"}]
      shared: &same "***"
      old_password: *same
step: 0.1
`);
    expect(parse(read(copy!))).toMatchObject({ step: 0.1 });
  });

  it.each([
    [
      'JSON of Maestro',
      'yaml',
      '{"parameters": {"{b}.i.config.password": "x", "{b}.i.k": 2}, "url": "amqp:\\/\\/u:p@h"}',
      '{"parameters": {"{b}.i.config.password": "***", "{b}.i.k": 2}, "url": "amqp:\\/\\/***@h"}',
    ],
    [
      'a value beside the name of its variable',
      'yaml',
      'events: [{ variable: b.password, value: x }, { variable: b.k, value: 1 }]',
      'events: [{ variable: b.password, value: "***" }, { variable: b.k, value: 1 }]',
    ],
    [
      'an SSV',
      'xml',
      '<s:Parameters><s:Parameter name="b.password"><s:String value="x &quot;y&quot; > z"/></s:Parameter>\n' +
        "<s:Parameter name='k'><s:Real value = '1'/></s:Parameter></s:Parameters>",
      '<s:Parameters><s:Parameter name="b.password"><s:String value="***"/></s:Parameter>\n' +
        "<s:Parameter name='k'><s:Real value = '1'/></s:Parameter></s:Parameters>",
    ],
    [
      'an OspSystemStructure',
      'xml',
      '<!-- name="password" value="kept" --><InitialValue variable="config.password"><String value=\'x\'/></InitialValue><a value="b"/>',
      '<!-- name="password" value="kept" --><InitialValue variable="config.password"><String value="***"/></InitialValue><a value="b"/>',
    ],
    [
      'elements and attributes of that name',
      'xml',
      '<a password="x" k="1"><password>y</password><b>z</b><secret><![CDATA[<q>]]></secret></a>',
      '<a password="***" k="1"><password>***</password><b>z</b><secret>***</secret></a>',
    ],
  ] as const)('is masked in %s', (_, format, text, masked) => {
    expect(maskSecrets(text, format)).toBe(masked);
  });

  it('of an SSP archive is its descriptions; a parameter that is mapped to a password is one', async () => {
    const file = join(root, 'robot.ssp');
    const ssm = '<M><E source="pw" target="bridge.config.password"/><E source="k" target="bridge.k"/></M>';
    const ssv = '<P><Q name="pw"><String value="x"/></Q><Q name="k"><Real value="1"/></Q></P>';
    await packArchive(file, [
      { name: 'SystemStructure.ssd', content: Buffer.from('<SSD name="s"/>') },
      { name: 'resources/p.ssv', content: Buffer.from(ssv) },
      { name: 'resources/p.ssm', content: Buffer.from(ssm) },
      { name: 'resources/model.fmu', content: Buffer.from('not kept') },
    ]);
    const folder = createRunFolder(root, 'ssp', NOW);
    await saveConfiguration(folder, [file]);
    expect(read(join(folder, 'robot.ssp/resources/p.ssv'))).toBe(ssv.replace('"x"', '"***"'));
    expect(read(join(folder, 'robot.ssp/resources/p.ssm'))).toBe(ssm);
    expect(readdirSync(join(folder, 'robot.ssp'), { recursive: true }).sort()).toEqual([
      'SystemStructure.ssd',
      'resources',
      'resources/p.ssm',
      'resources/p.ssv',
    ]);
  });

  it('may be a folder, or several files of one name', async () => {
    for (const name of ['one', 'two']) {
      mkdirSync(join(root, name, 'deep'), { recursive: true });
      writeFileSync(join(root, name, 'config.json'), `{"name": "${name}"}`);
    }
    writeFileSync(join(root, 'two', 'deep', 'a.xml'), '<a/>');
    writeFileSync(join(root, 'two', 'model.fmu'), 'not kept');
    const folder = createRunFolder(root, 'x', NOW);
    const copies = await saveConfiguration(folder, [
      join(root, 'one', 'config.json'),
      join(root, 'two', 'config.json'),
      join(root, 'two'),
    ]);
    expect(copies.map((copy) => [copy.slice(folder.length + 1), read(copy)])).toEqual([
      ['config.json', '{"name": "one"}'],
      ['2-config.json', '{"name": "two"}'],
      ['two/config.json', '{"name": "two"}'],
      ['two/deep/a.xml', '<a/>'],
    ]);
  });
});
