/** Wrapped FMUs on servers: the same values, the FMU sent once, tokens, and servers that end. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  FmuInstance,
  FmuInstantiationError,
  type FmuLogMessage,
  FmuStatusError,
  modelOf,
  openAnyFmu,
  readFmuModel,
} from '#tb/fmi/index.js';
import type { Simulation } from '#tb/master/index.js';
import { proxyfmuProgramPath } from '#tb/native/index.js';
import { type WrapOptions, wrapRemoteFmu } from '#tb/remote/wrap/index.js';
import { everything } from '../../master/isolate/support.js';
import { CASES, FMUS } from '../../master/isolate/systems.js';
import { master } from '../../master/support.js';
import { childrenOf } from '../../support/processes.js';
import { thrownBy } from '../../support/thrown.js';
import { until } from '../../support/until.js';
import { type Server, serve, wrapped } from './support.js';

const { start, read, folder } = master(...FMUS, 'limited', 'slow');
const cleanup: (() => unknown)[] = [];
let booter: Server;

beforeAll(async () => {
  booter = await serve('proxyfmu');
});
afterAll(() => booter.end());
afterEach(async () => {
  delete process.env.TWINBRIDGE_PROXY_TOKEN;
  delete process.env.TWINBRIDGE_PROXYFMU;
  for (const action of cleanup.splice(0).reverse()) await action();
});

let count = 0;

/** The process of the instance of `fmu` that was started last, of `among` in all. */
async function processOf(fmu: string, among: number): Promise<number> {
  const started = () => booter.events().filter((one) => one.event === 'started' && one.fmu === fmu);
  await until(() => started().length === among);
  return started().at(-1)!.pid as number;
}

async function instance(source: string, said: FmuLogMessage[] = [], options: WrapOptions = {}): Promise<FmuInstance> {
  const file = join(folder, `one-${count++}.fmu`);
  await wrapRemoteFmu(source, file, { platforms: 'host', startTimeout: 10, ...options });
  const fmu = await openAnyFmu(file);
  cleanup.push(() => fmu.close());
  const folderOf = { file, directory: fmu.directory, model: modelOf(fmu.description) };
  const made = new FmuInstance(folderOf, { name: 'it', onLog: (message) => said.push(message) });
  cleanup.push(() => made.free());
  return made;
}

function initialize(made: FmuInstance): FmuInstance {
  made.enterInitializationMode({ startTime: 0 });
  made.exitInitializationMode();
  return made;
}

describe('by a booter', () => {
  it.each(CASES)('the same values: %s, %s', async (_title, algorithm, text) => {
    const system = await read(`${text}algorithm: ${algorithm}\n`);
    const expected = everything(await start(system), 40);
    expect(everything(await start(await wrapped(system, folder, {}, booter.place)), 40)).toEqual(expected);
  });

  it('the FMU is sent once, however many instances there are; each ends with its own', async () => {
    const own = await serve('proxyfmu');
    cleanup.push(() => own.end());
    const system = await read(
      `components:\n${[1, 2, 3, 4].map((k) => `  g${k}: { fmu: gain.fmu }`).join('\n')}\nstep: 0.1\n`,
    );
    const simulation = await start(await wrapped(system, folder, {}, own.place));
    const told = (event: string) => own.events().filter((one) => one.event === event);
    await until(() => told('started').length === 4);
    expect(told('loaded')).toHaveLength(1);
    expect(told('ended')).toHaveLength(0);
    simulation.close();
    await until(() => told('ended').length === 4);
    expect(told('ended').map(({ code }) => code)).toEqual([0, 0, 0, 0]);
  });

  it('that asks for a token gets it from the environment, where the FMU runs', async () => {
    const own = await serve('proxyfmu', [], { TWINBRIDGE_PROXY_TOKEN: 'open sesame' });
    cleanup.push(() => own.end());
    const source = `${own.place}?file=${join(folder, 'gain.fmu')}`;
    const refusal = await instance(source).catch((error: Error) => error);
    expect(refusal).toBeInstanceOf(FmuInstantiationError);
    expect((refusal as Error).message).toMatch(/fmi2Instantiate: .*token/);
    process.env.TWINBRIDGE_PROXY_TOKEN = 'open barley';
    expect(String(await instance(source).catch((error: Error) => error))).toMatch(/does not accept the token/);
    process.env.TWINBRIDGE_PROXY_TOKEN = 'open sesame';
    initialize(await instance(source)).doStep(0, 1);
  });

  it('that loses the FMU: told with place and call, and a reset starts it anew', async () => {
    const said: FmuLogMessage[] = [];
    const made = initialize(await instance(`${booter.place}?file=${join(folder, 'limited.fmu')}`, said));
    made.doStep(0, 0.01);
    process.kill(await processOf('limited', 1), 'SIGKILL');
    expect(thrownBy(() => made.doStep(0.01, 0.01))).toBeInstanceOf(FmuStatusError);
    expect(said.at(-1)!.message).toMatch(/^fmi2DoStep: .*127\.0\.0\.1:\d+/);
    made.reset();
    initialize(made);
    made.doStep(0, 0.01);
    expect(made.get(made.model.variables.findIndex(({ name }) => name === 'x'))).toEqual([0.01]);
  });

  it('that hangs is given up after its time', async () => {
    const said: FmuLogMessage[] = [];
    const made = initialize(
      await instance(`${booter.place}?file=${join(folder, 'slow.fmu')}`, said, { stepTimeout: 0.4 }),
    );
    const pid = await processOf('slow', 1);
    process.kill(pid, 'SIGSTOP');
    const beganMs = performance.now();
    expect(thrownBy(() => made.doStep(0, 1))).toBeInstanceOf(FmuStatusError);
    expect(performance.now() - beganMs).toBeLessThan(4000);
    process.kill(pid, 'SIGKILL');
    expect(said.at(-1)!.message).toMatch(/^fmi2DoStep: .*(0\.4 s|not answered)/);
  });

  it('states are saved there, and come back as bytes', async () => {
    const made = initialize(await instance(`${booter.place}?file=${join(folder, 'state3.fmu')}`));
    const [x, drawn] = ['x', 'drawn'].map((name) => made.model.variables.findIndex((one) => one.name === name));
    const walk = (from: number) =>
      [0, 1, 2].map((k) => {
        made.doStep(from + k, 1, true);
        return [made.get(x!), made.get(drawn!)];
      });
    walk(0);
    const state = made.getState();
    const bytes = made.serializeState(state);
    const expected = walk(3);
    made.setState(state);
    expect(walk(3)).toEqual(expected);
    made.freeState(state);
    const again = made.deserializeState(bytes);
    made.setState(again);
    expect(walk(3)).toEqual(expected);
    made.freeState(again);
    expect(() => made.deserializeState(bytes.subarray(0, 20))).toThrow(/no state of this FMU/);
  });
});

describe('by a program that goes into the FMU', () => {
  const program = () => {
    const file = join(folder, 'my-proxyfmu');
    writeFileSync(file, `#!/bin/sh\nexec '${proxyfmuProgramPath()}' "$@"\n`);
    return file;
  };

  it('the same values; it ends with the instance', async () => {
    const text =
      'components: { d: { fmu: dahlquist.fmu }, g: { fmu: gain.fmu } }\nconnections: [ d.x -> g.u ]\nstep: 0.1\n';
    const system = await read(text);
    const expected = everything(await start(system), 40);
    const simulation = await start(await wrapped(system, folder, { program: program() }));
    expect(childrenOf(process.pid, 'twinbridge-isolate').length).toBe(2);
    expect(everything(simulation, 40)).toEqual(expected);
    simulation.close();
    await until(() => childrenOf(process.pid, 'twinbridge-isolate').length === 0);
  });

  it('or by another one that is named where it runs', async () => {
    const other = join(folder, 'other-proxyfmu');
    writeFileSync(other, `#!/bin/sh\necho other >> '${folder}/told'\nexec '${proxyfmuProgramPath()}' "$@"\n`, {
      mode: 0o755,
    });
    process.env.TWINBRIDGE_PROXYFMU = other;
    initialize(await instance(join(folder, 'gain.fmu'), [], { program: program() })).doStep(0, 1);
    expect(readFileSync(join(folder, 'told'), 'utf8')).toContain('other');
    process.env.TWINBRIDGE_PROXYFMU = join(folder, 'nowhere');
    expect(
      String(await instance(join(folder, 'gain.fmu'), [], { program: program() }).catch((error: Error) => error)),
    ).toMatch(/fmi2Instantiate: '.*nowhere' is missing/);
  });
});

describe('on an FMU-proxy', () => {
  const text = `
components:
  d: { fmu: dahlquist.fmu, start: { k: 0.3 } }
  g: { fmu: gain.fmu, start: { k: 2 } }
  c: { fmu: counter.fmu }
  f: { fmu: feedthrough.fmu, start: { offset: 0.1 } }
connections: [ d.x -> g.u, g.y -> f.real_in, c.text -> f.string_in, c.odd -> f.boolean_in, c.count -> f.integer_in ]
step: 0.1
`;

  it('the same values, of FMUs that are sent there', async () => {
    const server = await serve('fmu-proxy');
    cleanup.push(() => server.end());
    const system = await read(text);
    // Its steps carry no time: the server adds them up.
    const rows = (simulation: Simulation) =>
      everything(simulation, 40).map((row) => row.filter((cell) => !/last_time/.test(String(cell))));
    const expected = rows(await start(system));
    const simulation = await start(await wrapped(system, folder, {}, server.place));
    expect(rows(simulation)).toEqual(expected);
    simulation.close();
  });

  it('by guid: what it is, it is asked when it is wrapped, and nothing is in it', async () => {
    const file = join(folder, 'feedthrough.fmu');
    const server = await serve('fmu-proxy', [file]);
    cleanup.push(() => server.end());
    const { model } = await readFmuModel(file);
    const made = initialize(await instance(`${server.place}?guid=${model.token}`));
    // What the items of enumerations are called does not come over the wire.
    expect(made.model.variables.map(({ name, type, causality }) => ({ name, type, causality }))).toEqual(
      model.variables.map(({ name, type, causality }) => ({
        name,
        type: type === 'Enumeration' ? 'Int32' : type,
        causality,
      })),
    );
    const index = (name: string) => made.model.variables.findIndex((one) => one.name === name);
    made.set(index('real_in'), [0.1 + 0.2]);
    made.set(index('string_in'), ['grüß Gott']);
    made.doStep(0, 1);
    expect([made.get(index('real_out')), made.get(index('string_out'))]).toEqual([[0.1 + 0.2], ['grüß Gott']]);
  });

  it('one of FMI 3.0 by guid, as one of 2.0', async () => {
    const file = join(folder, 'dahlquist3.fmu');
    const server = await serve('fmu-proxy', [file]);
    cleanup.push(() => server.end());
    const { model } = await readFmuModel(file);
    const made = initialize(await instance(`${server.place}?guid=${model.token}`));
    expect(made.model.fmi).toBe('2.0');
    made.doStep(0, 0.5);
    expect(made.get(made.model.variables.findIndex(({ name }) => name === 'x'))).toEqual([0.5]);
  });
});
