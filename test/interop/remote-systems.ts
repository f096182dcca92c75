/** Systems of remote FMUs: what they are, run here, and how rows of values are compared. */
import { join } from 'node:path';
import { expect } from 'vitest';
import { runSystem } from '#tb/master/index.js';
import { readOspSystem, readSystem } from '#tb/system/index.js';
import { describedAs, exampleFmu, fmuEntries, testFmu, writeFmu } from '../support/fmus.js';
import { type StructureParts, structureXml, variableConnection, write } from '../support/osp.js';

/** The FMUs that systems of this file and others name, put into a folder. */
export function writeFmus(folder: string): void {
  for (const name of ['feedthrough', 'dahlquist'] as const) exampleFmu(folder, name);
  for (const name of ['counter', 'dahlquist1', 'feedthrough1', 'limited', 'once', 'oscillator'] as const) {
    testFmu(folder, name);
  }
  for (const name of ['misbehave', 'crash'] as const) writeWithIntegers(folder, name);
  writeElsewhere(folder);
}

/** libcosim and Thrift see no enumerations, so they are told that these are Integers, by which FMI 2.0 sets both. */
export function writeWithIntegers(folder: string, name: 'misbehave' | 'crash'): string {
  const entries = describedAs(name, (xml) =>
    xml.replace(/<Enumeration declaredType="(?:Mode|Where)" start="0"\/>/g, '<Integer start="0"/>'),
  );
  return writeFmu(join(folder, `${name}.fmu`), entries);
}

/** An FMU without a library for this machine. */
export function writeElsewhere(folder: string): string {
  const entries = fmuEntries('dahlquist').filter(({ name }) => !name.startsWith('binaries/'));
  return writeFmu(join(folder, 'elsewhere.fmu'), entries);
}

export type Type = 'Real' | 'Integer' | 'Boolean' | 'String';

/** An element of an OspSystemStructure.xml, with initial values. */
export const simulator = (
  name: string,
  fmu: string,
  values: Readonly<Record<string, readonly [Type, string]>> = {},
) => {
  const each = Object.entries(values).map(
    ([variable, [type, value]]) => `<InitialValue variable="${variable}"><${type} value="${value}"/></InitialValue>`,
  );
  return `<Simulator name="${name}" source="${fmu}.fmu"><InitialValues>${each.join('')}</InitialValues></Simulator>`;
};

export interface Case {
  readonly name: string;
  readonly parts: StructureParts;
  readonly steps: number;
  readonly variables: readonly (readonly [simulator: string, variable: string])[];
  /** libcosim and we have two of them in a process only by proxies. */
  readonly onlyRemote?: boolean;
  /** libcosim asks FMUs of FMI 1.0 for their outputs before they are initialised, which these refuse; by our server it may. */
  readonly refusesLibcosim?: boolean;
}

export const CASES: readonly Case[] = [
  {
    name: 'all types, with initial values, through two instances of an FMU',
    parts: {
      simulators: [
        simulator('d', 'dahlquist', { k: ['Real', '0.7'] }),
        simulator('c', 'counter'),
        simulator('a', 'feedthrough', { offset: ['Real', '0.5'], string_in: ['String', 'a &amp; b'] }),
        simulator('b', 'feedthrough', {
          real_in: ['Real', '-1e-300'],
          integer_in: ['Integer', '-2147483648'],
          boolean_in: ['Boolean', 'true'],
          string_in: ['String', 'Grüße, 世界'],
        }),
      ].join(''),
      connections: [
        variableConnection('d.x', 'a.real_in'),
        variableConnection('c.count', 'a.integer_in'),
        variableConnection('c.odd', 'a.boolean_in'),
        variableConnection('a.real_out', 'b.real_in'),
        variableConnection('a.boolean_out', 'b.boolean_in'),
        variableConnection('a.string_out', 'b.string_in'),
      ].join(''),
    },
    steps: 12,
    variables: [
      ['d', 'x'],
      ['a', 'real_out'],
      ['a', 'integer_out'],
      ['a', 'boolean_out'],
      ['a', 'string_out'],
      ['b', 'real_out'],
      ['b', 'integer_out'],
      ['b', 'boolean_out'],
      ['b', 'string_out'],
      ['c', 'text'],
      ['c', 'last_time'],
    ],
  },
  {
    name: 'initial values that nothing feeds',
    parts: {
      simulators: simulator('f', 'feedthrough', {
        real_in: ['Real', '1e-300'],
        integer_in: ['Integer', '-2147483648'],
        boolean_in: ['Boolean', 'true'],
        string_in: ['String', 'Grüße, 世界'],
        offset: ['Real', '-2.5'],
      }),
    },
    steps: 2,
    variables: ['real_out', 'integer_out', 'boolean_out', 'string_out'].map((name) => ['f', name] as const),
  },
  {
    name: 'two masses, with a step of 0.01 s',
    parts: {
      times: '<BaseStepSize>0.01</BaseStepSize>',
      simulators: [
        simulator('left', 'oscillator', { x0: ['Real', '1'], d: ['Real', '0.2'] }),
        simulator('right', 'oscillator', { ck: ['Real', '2'], dk: ['Real', '0.1'], m: ['Real', '2'] }),
      ].join(''),
      connections: [
        variableConnection('right.f_out', 'left.f'),
        variableConnection('left.x', 'right.x_in'),
        variableConnection('left.v', 'right.v_in'),
      ].join(''),
    },
    steps: 300,
    variables: [
      ['left', 'x'],
      ['left', 'v'],
      ['right', 'x'],
      ['right', 'f_out'],
    ],
  },
  {
    name: 'FMI 1.0',
    refusesLibcosim: true,
    parts: {
      simulators: [
        simulator('d', 'dahlquist1', { k: ['Real', '2'] }),
        simulator('f', 'feedthrough1', { string_in: ['String', 'of old'], integer_in: ['Integer', '7'] }),
      ].join(''),
      connections: variableConnection('d.x', 'f.real_in'),
    },
    steps: 10,
    variables: [
      ['d', 'x'],
      ['f', 'real_out'],
      ['f', 'integer_out'],
      ['f', 'string_out'],
    ],
  },
  {
    name: 'three instances of an FMU that can be there once a process',
    parts: { simulators: ['a', 'b', 'c'].map((name) => simulator(name, 'once')).join('') },
    steps: 5,
    variables: ['a', 'b', 'c'].map((name) => [name, 'y'] as const),
    onlyRemote: true,
  },
];

export type Row = readonly [time: number, ...(number | boolean | string)[]];

/** Times of a structure that lets it make as many steps. */
export const times = ({ steps, parts }: Case) => {
  const size = Number(/<BaseStepSize>(.*)<\/BaseStepSize>/.exec(parts.times ?? '')?.[1] ?? 0.1);
  return `<EndTime>${(steps * size).toFixed(6)}</EndTime>${parts.times ?? ''}`;
};

/** Writes it; `remote` stands in front of the name of each FMU. */
export function structure(folder: string, file: string, parts: StructureParts, remote: string = ''): string {
  const simulators = parts.simulators!.replaceAll('source="', `source="${remote}`);
  return write(folder, file, structureXml({ ...parts, simulators }));
}

/** Numbers of a row are within 1e-12, all else is equal. */
export function expectSame(got: readonly Row[], wanted: readonly Row[], names: readonly string[]): void {
  expect(got).toHaveLength(wanted.length);
  for (const [step, row] of wanted.entries()) {
    for (const [column, value] of row.entries()) {
      const where = `${['time', ...names][column]} after step ${step + 1}`;
      const mine = got[step]![column]!;
      if (typeof value === 'number') expect(Math.abs(Number(mine) - value), where).toBeLessThanOrEqual(1e-12);
      else expect(mine, where).toBe(value);
    }
  }
}

const TEXTS = ['string_out', 'text'];
const isText = (name: string) => TEXTS.includes(name.slice(name.lastIndexOf('.') + 1));
const named = ({ variables }: Pick<Case, 'variables'>) => variables.map((pair) => pair.join('.'));

/** What our master makes of a file: by step the numbers and truth values as numbers, and all values at the end. */
export interface Ours {
  readonly rows: readonly Row[];
  readonly last: Row;
}

export async function ours(file: string, one: Pick<Case, 'variables'>): Promise<Ours> {
  const names = named(one);
  const system = await (file.endsWith('.xml') ? readOspSystem(file) : readSystem(file));
  const { captured, finalValues } = await runSystem(system, { capture: names.filter((name) => !isText(name)) });
  const columns = Object.values(captured!.columns);
  // The first is the start, which libcosim does not show.
  const rows = [...captured!.time].map((time, row): Row => [time, ...columns.map((column) => column[row]!)]).slice(1);
  return { rows, last: [rows.at(-1)![0], ...names.map((name) => finalValues[name] as Row[1])] as Row };
}

/** What our master makes of the file is this. */
export async function expectOurs(file: string, one: Pick<Case, 'variables'>, rows: readonly Row[]): Promise<void> {
  const got = await ours(file, one);
  const names = named(one);
  const numbers = names.filter((name) => !isText(name));
  const pick = [0, ...numbers.map((name) => names.indexOf(name) + 1)];
  expectSame(
    got.rows,
    rows.map((row) => pick.map((column) => Number(row[column])) as unknown as Row),
    numbers,
  );
  expectSame([got.last], [rows.at(-1)!], names);
}
