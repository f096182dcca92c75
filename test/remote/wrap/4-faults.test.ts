/** What a wrapped FMU tells its tool when the FMU behind it crashes, hangs, or is not to be had; and what it does then. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import {
  type AnyUnpackedFmu,
  FmuInstance,
  FmuInstantiationError,
  type FmuLogMessage,
  FmuStatusError,
  hostPlatform,
  type ModelValue,
  modelOf,
  openAnyFmu,
} from '#tb/fmi/index.js';
import { type WrapOptions, wrapRemoteFmu } from '#tb/remote/wrap/index.js';
import { processes } from '../../master/isolate/support.js';
import { type FmuName, fmuEntries, temporaryFolder, writeFmu } from '../../support/fmus.js';
import { thrownBy } from '../../support/thrown.js';
import { freePort, listenApart } from '../client/support.js';

const folder = temporaryFolder();
const opened: AnyUnpackedFmu[] = [];
const instances: FmuInstance[] = [];
let count = 0;

afterEach(async () => {
  for (const name of ['TWINBRIDGE_REMOTE', 'TWINBRIDGE_PROXYFMU']) delete process.env[name];
  for (const instance of instances.splice(0)) instance.free();
  for (const fmu of opened.splice(0)) await fmu.close();
  expect(processes()).toEqual([]);
});

/** The wrapped FMU, unpacked. */
async function wrap(name: FmuName, options: WrapOptions = {}, source: (file: string) => string = (file) => file) {
  const file = writeFmu(join(folder, `${name}.fmu`), fmuEntries(name));
  const wrapped = join(folder, `wrapped-${count++}.fmu`);
  await wrapRemoteFmu(source(file), wrapped, { platforms: 'host', ...options });
  const fmu = await openAnyFmu(wrapped);
  opened.push(fmu);
  return { file: wrapped, directory: fmu.directory, model: modelOf(fmu.description) };
}

type Wrapped = Awaited<ReturnType<typeof wrap>>;

const readText = ({ directory }: Wrapped, name: string) => readFileSync(join(directory, 'resources', name), 'utf8');

function instantiate(fmu: Wrapped, said: FmuLogMessage[] = []): FmuInstance {
  const instance = new FmuInstance(fmu, { name: 'it', onLog: (message) => said.push(message) });
  instances.push(instance);
  return instance;
}

const indexOf = ({ model }: FmuInstance, name: string) => model.variables.findIndex((one) => one.name === name);
const set = (instance: FmuInstance, name: string, value: ModelValue) => instance.set(indexOf(instance, name), [value]);
const get = (instance: FmuInstance, name: string) => instance.get(indexOf(instance, name))[0];

function initialize(instance: FmuInstance): FmuInstance {
  instance.enterInitializationMode({ startTime: 0 });
  instance.exitInitializationMode();
  return instance;
}

describe('the FMU behind', () => {
  it.each([
    [1, /^fmi2DoStep: the process of the FMU behind this one has ended by signal 11 in fmi2DoStep/],
    [3, /^fmi2DoStep: the process of the FMU behind this one has ended with code 3 in fmi2DoStep; it wrote last: /],
  ])(
    'that crashes (%s) is an error of that call; the others go on, and reset starts it anew',
    async (mode, message) => {
      const fmu = await wrap('crash');
      const said: FmuLogMessage[] = [];
      const instance = instantiate(fmu, said);
      const other = instantiate(fmu);
      set(instance, 'mode', mode);
      set(instance, 'at', 2);
      initialize(instance);
      initialize(other);
      instance.doStep(0, 1);
      expect(thrownBy(() => instance.doStep(1, 1))).toBeInstanceOf(FmuStatusError);
      expect(said.map(({ status, category, message: text }) => [status, category, text])).toEqual([
        [3, 'logStatusError', expect.stringMatching(message)],
      ]);
      // From here on nothing but the end is told.
      expect(thrownBy(() => instance.get(indexOf(instance, 'steps')))).toBeInstanceOf(FmuStatusError);
      expect(thrownBy(() => instance.doStep(2, 1))).toBeInstanceOf(FmuStatusError);
      expect(said.slice(1).map(({ message: text }) => text)).toEqual([
        'fmi2GetInteger: the FMU behind this one is gone; reset it to start it anew',
        'fmi2DoStep must not be called when the FMU is in the error state',
      ]);
      other.doStep(0, 1);
      expect(get(other, 'steps')).toBe(1);
      instance.reset();
      initialize(instance);
      instance.doStep(0, 1);
      expect(get(instance, 'steps')).toBe(1);
      expect(processes()).toHaveLength(2);
    },
  );

  it('that answers a getter with a fatal error is not called any more; reset starts it anew', async () => {
    const said: FmuLogMessage[] = [];
    const instance = instantiate(await wrap('crash'), said);
    set(instance, 'mode', 6);
    set(instance, 'where', 2);
    initialize(instance);
    instance.doStep(0, 1);
    expect(thrownBy(() => get(instance, 'steps'))).toBeInstanceOf(FmuStatusError);
    expect(thrownBy(() => instance.doStep(1, 1))).toBeInstanceOf(FmuStatusError);
    expect(said.map(({ message: text }) => text)).toEqual([
      'fmi2GetInteger: the FMU behind this one answered a fatal error',
      'fmi2DoStep: the FMU behind this one had a fatal error; reset this one to start it anew',
    ]);
    instance.reset();
    initialize(instance).doStep(0, 1);
    expect(get(instance, 'steps')).toBe(1);
    expect(processes()).toHaveLength(1);
  });

  it('that hangs is ended after its time', async () => {
    const said: FmuLogMessage[] = [];
    const instance = instantiate(await wrap('crash', { stepTimeout: 0.3 }), said);
    set(instance, 'mode', 4);
    initialize(instance);
    const beganMs = performance.now();
    expect(thrownBy(() => instance.doStep(0, 1))).toBeInstanceOf(FmuStatusError);
    expect(performance.now() - beganMs).toBeLessThan(5000);
    expect(said[0]!.message).toMatch(
      /^fmi2DoStep: the FMU behind this one has not answered in fmi2DoStep for 0\.\d+ s and was ended/,
    );
    expect(processes()).toEqual([]);
  });

  it('that refuses to be instantiated says why', async () => {
    const fmu = await wrap('gain');
    // Another FMU in its place.
    writeFileSync(
      join(fmu.directory, 'resources/wrapped.txt'),
      readText(fmu, 'wrapped.txt').replace(/^token .*$/m, 'token {another}'),
    );
    const error = thrownBy(() => instantiate(fmu)) as Error;
    expect(error).toBeInstanceOf(FmuInstantiationError);
    expect(error.message).toMatch(/GUID/);
  });

  it('whose states were saved before it was started anew has them no more', async () => {
    const said: FmuLogMessage[] = [];
    const instance = instantiate(await wrap('gain'), said);
    initialize(instance);
    const state = instance.getState();
    process.kill(processes()[0]!, 'SIGKILL');
    expect(thrownBy(() => instance.doStep(0, 1))).toBeInstanceOf(FmuStatusError);
    instance.reset();
    expect(thrownBy(() => instance.setState(state))).toBeInstanceOf(FmuStatusError);
    expect(said.at(-1)!.message).toBe(
      'fmi2SetFMUstate: the state was saved before the FMU behind this one was started anew',
    );
    instance.freeState(state);
  });
});

describe('a wrapped FMU', () => {
  const refused = (fmu: Wrapped) => (thrownBy(() => instantiate(fmu)) as Error).message;

  it('says for which machines it is where it is for another', async () => {
    const fmu = await wrap('gain');
    const { tuple } = hostPlatform()!;
    const target = join(fmu.directory, 'resources/target.txt');
    writeFileSync(target, readText(fmu, 'target.txt').replaceAll(tuple, 'riscv64-linux'));
    expect(refused(fmu)).toMatch(new RegExp(`the FMU in this one cannot run on ${tuple}, only on riscv64-linux`));
  });

  it('says what is wrong with its resources', async () => {
    const fmu = await wrap('gain');
    const text = readText(fmu, 'wrapped.txt');
    const wrapped = join(fmu.directory, 'resources/wrapped.txt');
    writeFileSync(wrapped, text.replace('twinbridge-wrapped 1', 'twinbridge-wrapped 7'));
    expect(refused(fmu)).toMatch(/wrapped\.txt is of version '7', this library reads version 1/);
    writeFileSync(wrapped, `${text}colour blue\n`);
    expect(refused(fmu)).toMatch(/wrapped\.txt: 'colour' is not known here/);
    writeFileSync(wrapped, text.replace(/^guid .*$/m, 'guid {x}'));
    expect(refused(fmu)).toMatch(/is not the FMU's own, which is '\{x\}'/);
    writeFileSync(wrapped, text);
    writeFileSync(join(fmu.directory, 'resources/target.txt'), 'nonsense of a kind\n');
    expect(refused(fmu)).toMatch(/target/);
  });

  it('takes lines of any editor', async () => {
    const fmu = await wrap('gain');
    for (const name of ['target.txt', 'wrapped.txt']) {
      const text = readText(fmu, name);
      writeFileSync(join(fmu.directory, 'resources', name), `# by hand\r\n\r\n${text.replaceAll('\n', '  \r\n')}`);
    }
    initialize(instantiate(fmu)).doStep(0, 1);
  });

  it('tells of an error of a value that went along with a step', async () => {
    const said: FmuLogMessage[] = [];
    const instance = instantiate(await wrap('enumer'), said);
    initialize(instance);
    set(instance, 'mode_in', 1);
    instance.doStep(0, 1);
    set(instance, 'mode_in', 77);
    expect(thrownBy(() => instance.doStep(1, 1))).toBeInstanceOf(FmuStatusError);
    expect(said.at(-1)!.message).toMatch(/mode/);
  });
});

describe('a server', () => {
  const at = (place: string) => (file: string) => `proxyfmu://${place}?file=${file}`;

  it('that is not there is told, with its place', async () => {
    const port = await freePort();
    const fmu = await wrap('gain', { startTimeout: 1 }, at(`127.0.0.1:${port}`));
    const beganMs = performance.now();
    const { message } = thrownBy(() => instantiate(fmu)) as Error;
    expect(message).toMatch(new RegExp(`fmi2Instantiate: .*127\\.0\\.0\\.1.*${port}.*refused`, 'i'));
    expect(performance.now() - beganMs).toBeLessThan(8000);
  });

  it.each([
    ['does not answer', '() => {}', /fmi2Instantiate: .*did not answer within 0\.5 s/],
    ['hangs up', '(socket) => socket.end()', /fmi2Instantiate: .*closed the connection/],
    ['answers nonsense', '(socket) => socket.write("HTTP/1.0 400 Bad Request")', /fmi2Instantiate: .*no answer/],
  ])('that %s is told', async (_what, onConnection, reason) => {
    const { port, end } = await listenApart(onConnection);
    const fmu = await wrap('gain', { startTimeout: 0.5 }, at(`127.0.0.1:${port}`));
    expect((thrownBy(() => instantiate(fmu)) as Error).message).toMatch(reason);
    end();
  });

  it.each([
    ['for all', (port: number) => `127.0.0.1:${port}`],
    ['of a host and port', (port: number) => `other:1=10.0.0.1, plant.invalid:9=127.0.0.1:${port}`],
    ['of a host', (port: number) => `plant.invalid=127.0.0.1:${port}`],
  ])('is where TWINBRIDGE_REMOTE says, %s', async (_what, address) => {
    const { port, end } = await listenApart('(socket) => socket.end()');
    process.env.TWINBRIDGE_REMOTE = address(port);
    const fmu = await wrap('gain', { startTimeout: 5 }, at('plant.invalid:9'));
    expect((thrownBy(() => instantiate(fmu)) as Error).message).toMatch(new RegExp(`127\\.0\\.0\\.1.*${port}`));
    end();
  });
});
