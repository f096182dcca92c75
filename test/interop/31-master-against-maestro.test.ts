/** Our master and Maestro, given the same multi-model and simulation configuration, come to the same rows. */
import { readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { runSystem } from '#tb/master/index.js';
import { portName, readMaestroSystem } from '#tb/system/index.js';
import { exampleFmu, temporaryFolder, testFmu } from '../support/fmus.js';
import { findJar, java } from './java.js';
import { describeTool } from './tool.js';

const folder = temporaryFolder();

interface MultiModel {
  readonly fmus: Readonly<Record<string, string>>;
  readonly connections: Readonly<Record<string, readonly string[]>>;
  readonly parameters?: Readonly<Record<string, number | boolean | string>>;
  readonly logVariables?: Readonly<Record<string, readonly string[]>>;
}

interface Case {
  readonly title: string;
  readonly multiModel: MultiModel;
  readonly step: number;
  readonly steps: number;
  readonly startTime?: number;
  /**
   * Rows that are not compared. Maestro 3.1.1 initialises a chain in an order of its own, and values of before the start
   * take as many steps to leave it as it is long.
   */
  readonly unsettled?: number;
}

const CASES: readonly Case[] = [
  {
    title: 'two bodies on springs, each of which needs the other',
    multiModel: {
      fmus: { '{body}': 'oscillator.fmu' },
      connections: {
        '{body}.one.x': ['{body}.two.x_in'],
        '{body}.one.v': ['{body}.two.v_in'],
        '{body}.two.f_out': ['{body}.one.f'],
      },
      parameters: {
        '{body}.one.x0': 0.1,
        '{body}.one.v0': 0.3,
        '{body}.one.d': 0.2,
        '{body}.two.m': 2,
        '{body}.two.ck': 1.5,
        '{body}.two.dk': 0.1,
        '{body}.two.v0': -0.2,
      },
      logVariables: { '{body}.one': ['x', 'v'], '{body}.two': ['x', 'v', 'f_out'] },
    },
    step: 0.01,
    steps: 1000,
  },
  {
    // Nothing is logged: then what is connected is written.
    title: 'a chain without delays of its own',
    multiModel: {
      fmus: { '{source}': 'dahlquist.fmu', '{gain}': 'gain.fmu' },
      connections: {
        '{gain}.c.y': ['{gain}.d.u'],
        '{gain}.b.y': ['{gain}.c.u'],
        '{gain}.a.y': ['{gain}.b.u'],
        '{source}.s.x': ['{gain}.a.u'],
      },
      parameters: { '{source}.s.k': 0.3, '{gain}.a.k': 2, '{gain}.b.b': -0.5, '{gain}.c.k': -3, '{gain}.d.k': 0.1 },
    },
    step: 0.1,
    steps: 60,
    startTime: 2,
    unsettled: 4,
  },
  {
    title: 'numbers, whole numbers and truth values',
    multiModel: {
      fmus: { '{count}': 'counter.fmu', '{through}': 'feedthrough.fmu', '{monitor}': 'monitor.fmu' },
      connections: {
        '{count}.c.count': ['{through}.t.integer_in'],
        '{count}.c.odd': ['{through}.t.boolean_in'],
        '{count}.c.last_time': ['{through}.t.real_in'],
        '{through}.t.real_out': ['{monitor}.m.x'],
      },
      parameters: { '{through}.t.offset': -1.25, '{monitor}.m.safe_distance': 0.5 },
      logVariables: {
        '{count}.c': ['count', 'odd', 'last_time'],
        '{through}.t': ['real_out', 'integer_out', 'boolean_out'],
        '{monitor}.m': ['distance', 'stop'],
      },
    },
    step: 0.25,
    steps: 40,
  },
  {
    title: 'a prediction of what moves',
    multiModel: {
      fmus: { '{body}': 'oscillator.fmu', '{predictor}': 'predictor.fmu' },
      // Of several inputs of one instance Maestro feeds only the last from one output.
      connections: { '{body}.b.x': ['{predictor}.p.x'], '{body}.c.x': ['{predictor}.p.z'] },
      parameters: {
        '{body}.b.x0': 1,
        '{body}.c.v0': 0.5,
        '{predictor}.p.window': 0.25,
        '{predictor}.p.horizon': 0.125,
      },
      logVariables: { '{predictor}.p': ['px', 'py', 'pz', 'deviation'] },
    },
    step: 0.0625,
    steps: 100,
  },
];

describeTool(
  import.meta.url,
  {
    name: 'Maestro',
    found: findJar('org.into-cps.maestro.maestro'),
    fmi: '2.0',
    exercised: 'comes to the rows of our master, from the same multi-model',
  },
  () => {
    beforeAll(() => {
      for (const name of ['dahlquist', 'feedthrough', 'monitor', 'predictor'] as const) exampleFmu(folder, name);
      for (const name of ['oscillator', 'gain', 'counter'] as const) testFmu(folder, name);
    });

    it.each(CASES)(
      '$title',
      async (one) => {
        const { multiModel, step, steps, startTime = 0, unsettled = 0 } = one;
        const output = await mkdtemp(join(folder, 'case-'));
        const files = [join(output, 'mm.json'), join(output, 'coe.json')] as const;
        const fmus = Object.fromEntries(Object.entries(multiModel.fmus).map(([key, fmu]) => [key, join(folder, fmu)]));
        writeFileSync(files[0], JSON.stringify({ ...multiModel, fmus }));
        writeFileSync(
          files[1],
          JSON.stringify({
            startTime,
            // Maestro adds up steps to reach the end; it must not fall short of the last.
            endTime: startTime + (steps + 0.5) * step,
            algorithm: { type: 'fixed-step', size: step },
          }),
        );
        const theirs = await runMaestro(output);
        const ours = await runOurs(files);
        expect(Object.keys(theirs).sort()).toEqual(Object.keys(ours).sort());
        expect(theirs.time).toHaveLength(steps + 1);
        for (const [name, column] of Object.entries(ours)) {
          expect(column, name).toHaveLength(steps + 1);
          const largest = Math.max(
            ...column.map((value, row) => (row < unsettled ? 0 : Math.abs(value - theirs[name]![row]!))),
          );
          expect(largest, name).toBeLessThan(1e-12);
        }
      },
      120_000,
    );
  },
);

type Columns = Record<string, number[]>;

async function runOurs(files: readonly string[]): Promise<Columns> {
  const system = await readMaestroSystem(files);
  const names = system.recordings[0]!.variables.map((port) => portName(system, port));
  const { captured } = await runSystem(system, { capture: names });
  return Object.fromEntries([
    ['time', [...captured!.time]],
    ...names.map((name): [string, number[]] => [name, [...captured!.columns[name]!]]),
  ]);
}

async function runMaestro(output: string): Promise<Columns> {
  const files = ['mm.json', 'coe.json'];
  await java('org.intocps.maestro.Main', ['import', '-i', '-output', output, 'Sg1', ...files], output);
  const [header = '', ...lines] = readFileSync(join(output, 'outputs.csv'), 'utf8').trim().split('\n');
  const rows = lines.map((line) => line.split(','));
  const toNumber = (cell: string) => (cell === 'true' ? 1 : cell === 'false' ? 0 : Number(cell));
  return Object.fromEntries(header.split(',').map((name, column) => [name, rows.map((row) => toNumber(row[column]!))]));
}
