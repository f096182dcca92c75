/**
 * Our client on strict servers of nobody's house, which know nothing of ours: proxyfmu of both generations, started by it or by
 * a booter, and FMU-proxy.
 */
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { FmuInstance, type FmuInstanceOptions, readFmuModel } from '#tb/fmi/index.js';
import { runSystem } from '#tb/master/index.js';
import { readSystem } from '#tb/system/index.js';
import { temporaryFolder } from '../support/fmus.js';
import { write } from '../support/osp.js';
import { thrownBy } from '../support/thrown.js';
import { until } from '../support/until.js';
import {
  endServersAfterEach,
  type Server,
  startServer,
  thirdParty,
  thirdPartyProgram,
  thriftEnvironment,
} from './remote.js';
import { MARK, marked } from './remote-programs.js';
import { CASES, expectOurs, expectSame, ours, structure, times, writeFmus } from './remote-systems.js';

const folder = temporaryFolder();
writeFmus(folder);
const found = thirdParty();
const mark = `client-${process.pid}`;
const dahlquist = join(folder, 'dahlquist.fmu');

const describeFound = 'missing' in found ? describe.skip : describe;
const title = 'missing' in found ? found.missing : `Thrift ${found.version}`;

describeFound(`our client, on servers of nobody's house (${title})`, () => {
  let program: string;
  let withoutStates: string;
  beforeAll(() => {
    const env = { ...thriftEnvironment(folder), [MARK]: mark };
    program = thirdPartyProgram(folder, env, 'whole');
    withoutStates = thirdPartyProgram(folder, { ...env, PEER_STATELESS: '1' }, 'stateless');
  });
  endServersAfterEach();

  const noneLeft = (besides: readonly number[] = []) =>
    until(() => marked(mark).every((pid) => besides.includes(pid)), 'all servers of instances to end');

  /** A program that is started in place of ours. */
  const instead = (other: string) => {
    process.env.TWINBRIDGE_PROXYFMU = other;
  };
  afterEach(() => {
    delete process.env.TWINBRIDGE_PROXYFMU;
  });

  describe('systems come to the same numbers as here', () => {
    const compare = async (stem: string, one: (typeof CASES)[number], remote: string) => {
      const parts = { ...one.parts, times: times(one) };
      const file = structure(folder, `${stem}.xml`, parts, remote);
      const far = await ours(file, one);
      if (one.onlyRemote) {
        expect(far.rows.at(-1)).toEqual([0.5, 0.5, 0.5, 0.5]);
        return;
      }
      const near = await ours(structure(folder, `${stem}-local.xml`, parts), one);
      // FMU-proxy adds its steps up by itself, which may differ in the last digit.
      if (remote.startsWith('fmu-proxy')) expectSame([...far.rows, far.last], [...near.rows, near.last], []);
      else expect(far).toEqual(near);
    };
    const each = CASES.map((one) => [one.name, one] as const);

    it.each(each)(
      'proxyfmu, started here: %s',
      async (_, one) => {
        instead(program);
        await compare(`started-${CASES.indexOf(one)}`, one, 'proxyfmu://localhost?file=');
        await noneLeft();
      },
      60_000,
    );

    it('proxyfmu of old, without states', async () => {
      instead(withoutStates);
      await compare('old', CASES[0]!, 'proxyfmu://localhost?file=');
      await noneLeft();
    });

    it('proxyfmu, started by a booter', async () => {
      const booter = await startServer(program, ['boot', '--port', '0']);
      await compare('booted', CASES[0]!, `proxyfmu://localhost:${booter.port}?file=`);
      await noneLeft([booter.process.pid!]);
      booter.process.kill('SIGKILL');
    });

    it.each(each.filter(([, { onlyRemote }]) => !onlyRemote))(
      'FMU-proxy, which is sent the FMUs: %s',
      async (_, one) => {
        const server = await startServer(program, ['fmu-proxy', '--port', '0']);
        await compare(`fmu-proxy-${CASES.indexOf(one)}`, one, `fmu-proxy://localhost:${server.port}?file=`);
        server.process.kill('SIGKILL');
      },
      60_000,
    );

    it('FMU-proxy, which has the FMU, and says what it is', async () => {
      const server = await startServer(program, ['fmu-proxy', '--port', '0', dahlquist]);
      const guid = encodeURIComponent('{3c564a1e-5a3a-4c5b-8f0b-6f1d7c2c0a01}');
      const text = (fmu: string) =>
        `{"twinbridge": "system", "step": 0.1, "stop": 1, "components": {"d": {"fmu": "${fmu}", "start": {"k": 0.7}}}}`;
      const near = write(folder, 'guid-here.yaml', text('dahlquist.fmu'));
      const far = write(folder, 'guid-there.yaml', text(`fmu-proxy://localhost:${server.port}?guid=${guid}`));
      const one = { variables: [['d', 'x']] } as const;
      await expectOurs(far, one, (await ours(near, one)).rows);
      server.process.kill('SIGKILL');
    });
  });

  // -- One instance -----------------------------------------------------------------------------------------------------

  const calls = join(folder, 'calls.txt');
  /** The calls that the server has carried out. */
  const carriedOut = (): unknown[][] =>
    existsSync(calls)
      ? readFileSync(calls, 'utf8')
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line) as unknown[])
      : [];
  afterEach(() => rmSync(calls, { force: true }));

  const serving = (env: NodeJS.ProcessEnv = {}, which = program, fmu = dahlquist) =>
    startServer(which, ['--fmu', fmu, '--instanceName', 'x'], { env: { PEER_CALLS: calls, ...env } });
  const instance = async (server: Server, more: object = {}, fmu = dahlquist) => {
    const { model } = await readFmuModel(fmu);
    const remote = {
      target: `protocol proxyfmu\nhost 127.0.0.1\nport ${server.port}\n`,
      uri: `proxyfmu://localhost:${server.port}`,
      ...more,
    };
    const options: FmuInstanceOptions = { name: 'x', remote };
    return new FmuInstance({ file: fmu, directory: '', model }, options);
  };
  const begin = (one: FmuInstance) => {
    one.enterInitializationMode({ startTime: 0 });
    one.exitInitializationMode();
  };
  const X = 0;

  it('the order of calls is that of the protocol', async () => {
    const server = await serving();
    const one = await instance(server);
    one.set(1, [0.5]);
    one.enterInitializationMode({ startTime: 0.25, stopTime: 2, tolerance: 1e-3 });
    expect(one.get(X)).toEqual([1]);
    one.exitInitializationMode();
    for (let step = 0; step < 4; step++) {
      one.doStep(0.25 + step * 0.5, 0.5);
      expect(one.get(X)).toEqual([0.75 ** (step + 1)]);
    }
    one.terminate();
    one.free();
    expect(await server.ended).toBe(0);
    const said = carriedOut();
    const writes = said.splice(1, 1);
    expect(writes).toEqual([['write_real', [1], [0.5]]]);
    expect(said.slice(0, 5)).toEqual([
      ['instantiate'],
      ['setup_experiment', 0.25, 2, 0.001],
      ['enter_initialization_mode'],
      ['read_real', [X]],
      ['exit_initialization_mode'],
    ]);
    expect(said.slice(5)).toEqual([
      ...[0, 1, 2, 3].flatMap((step) => [
        ['step', 0.25 + step * 0.5, 0.5],
        ['read_real', [X]],
      ]),
      ['terminate'],
      ['freeInstance'],
    ]);
  });

  it('states go over the wire, also as bytes', async () => {
    const server = await serving();
    const one = await instance(server);
    begin(one);
    one.doStep(0, 0.1);
    const state = one.getState();
    const bytes = one.serializeState(state);
    one.doStep(0.1, 0.1);
    expect(one.get(X)).toEqual([0.81]);
    one.setState(state);
    expect(one.get(X)).toEqual([0.9]);
    one.doStep(0.1, 0.1);
    const again = one.deserializeState(bytes);
    one.setState(again);
    one.freeState(state);
    one.freeState(again);
    expect(one.get(X)).toEqual([0.9]);
    one.terminate();
    one.free();
    expect(await server.ended).toBe(0);
    const methods = carriedOut().map(([method]) => method);
    expect(methods.filter((method) => /state/.test(String(method)))).toEqual([
      'save_state',
      'export_state',
      'restore_state',
      'import_state',
      'restore_state',
      'release_state',
      'release_state',
    ]);
  });

  it('a server of old has no states: told as a function that is not there', async () => {
    const server = await serving({}, withoutStates);
    const one = await instance(server);
    begin(one);
    expect(thrownBy(() => one.getState())).toMatchObject({ code: 'TB_FMI_FUNCTION_MISSING' });
    one.doStep(0, 0.1);
    expect(one.get(X)).toEqual([0.9]);
    one.terminate();
    one.free();
    expect(await server.ended).toBe(0);
  });

  it.each([
    ['a warning is none of a failure', '1', 'warns'],
    ['a discarded step', '2', 'FmuDiscardError'],
    ['an error', '3', 'FmuStatusError'],
    ['a fatal error', '4', 'FmuFatalError'],
  ])('%s', async (_, status, outcome) => {
    const server = await serving({ PEER_FAULT: `step=${status}` });
    const one = await instance(server);
    begin(one);
    if (outcome === 'warns') {
      one.doStep(0, 0.1);
      expect(one.warnings).toBe(1);
    } else {
      expect(thrownBy(() => one.doStep(0, 0.1))).toMatchObject({ name: outcome });
    }
    one.free();
    server.process.kill('SIGKILL');
  });

  it('what a server says when it refuses reaches the user', async () => {
    const server = await serving({ PEER_FAULT: 'step=refuse' });
    const one = await instance(server);
    begin(one);
    expect(thrownBy(() => one.doStep(0, 0.1))).toMatchObject({
      message: expect.stringMatching(/step is refused here/),
    });
    one.free();
    server.process.kill('SIGKILL');
  });

  it('a server that refuses the instance', async () => {
    const server = await serving({ PEER_FAULT: 'instantiate=refuse' });
    await expect(instance(server)).rejects.toMatchObject({
      message: expect.stringMatching(/instantiate is refused here/),
    });
    server.process.kill('SIGKILL');
  });

  it('a server that dies in a step: which component, where, after which call', async () => {
    const server = await serving({ PEER_FAULT: 'step=exit' });
    const one = await instance(server);
    begin(one);
    const error = thrownBy(() => one.doStep(0.5, 0.1));
    expect(error).toMatchObject({
      name: 'RemoteLostError',
      message: expect.stringMatching(/^x: .*proxyfmu:\/\/localhost:\d+/),
    });
    expect(error).toMatchObject({ message: expect.stringMatching(/fmi2DoStep/) });
    one.free();
    expect(await server.ended).toBe(7);
  });

  it('a server that hangs is late', async () => {
    const server = await serving({ PEER_FAULT: 'step=hang' });
    const one = await instance(server, { deadlineMs: 200 });
    begin(one);
    const started = performance.now();
    const error = thrownBy(() => one.doStep(0, 0.1));
    expect(performance.now() - started).toBeGreaterThan(190);
    expect(performance.now() - started).toBeLessThan(1500);
    expect(error).toMatchObject({
      name: 'RemoteDeadlineError',
      message: expect.stringMatching(/fmi2DoStep.* took longer than 0\.2 s/),
    });
    one.free();
    server.process.kill('SIGKILL');
  });

  it.each(['exit', 'hang'])('in a run: the system says which component was lost (%s)', async (fault) => {
    instead(
      thirdPartyProgram(folder, { ...thriftEnvironment(folder), [MARK]: mark, PEER_FAULT: `step=${fault}` }, fault),
    );
    const text = `{"twinbridge": "system", "step": 0.1, "stop": 1, "components": {
      "here": {"fmu": "dahlquist.fmu"}, "there": {"fmu": "proxyfmu://localhost?file=dahlquist.fmu", "deadline": 0.3}}}`;
    const system = await readSystem(write(folder, `${fault}.yaml`, text));
    await expect(runSystem(system)).rejects.toMatchObject({ message: expect.stringMatching(/\bthere\b/) });
    await noneLeft();
  });
});
