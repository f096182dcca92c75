/** Systems on servers that run already: booters, FMU-proxy; by file, by GUID, with a token. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { RemoteUnreachableError } from '#tb/fmi/index.js';
import { describeRemote } from '#tb/remote/client/index.js';
import { resolveRemoteSource } from '#tb/remote/index.js';
import { everything } from '../../master/isolate/support.js';
import { CASES, FMUS } from '../../master/isolate/systems.js';
import { master, step } from '../../master/support.js';
import { type Running, runCli, startCli } from '../../support/cli.js';
import { temporaryFolder } from '../../support/fmus.js';
import { thrownBy } from '../../support/thrown.js';
import { until } from '../../support/until.js';
import { freePort, remotely, servers } from './support.js';

/** For what servers keep. */
const apart = temporaryFolder();

interface CliServer {
  readonly running: Running;
  readonly port: number;
  end(): Promise<void>;
}

async function cliServer(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<CliServer> {
  const running = startCli(args, { env: { ...env, TMPDIR: apart } });
  await running.said(/ready at/);
  return {
    running,
    port: Number(/ready at .*127\.0\.0\.1:(\d+)/.exec(running.stderr())?.[1]),
    end: async () => {
      running.process.kill('SIGTERM');
      await running.finished;
    },
  };
}

let booter: CliServer;
let proxy: CliServer;

beforeAll(async () => {
  [booter, proxy] = await Promise.all([
    cliServer(['proxyfmu', 'boot', '--port', '0']),
    cliServer(['fmu-proxy', '-thrift/tcp', '0', join(folder, 'counter.fmu'), join(folder, 'gain.fmu')]),
  ]);
});

afterAll(async () => {
  await booter.end();
  await proxy.end();
});

const ofServer = ({ running }: CliServer) => servers(running.process.pid);

// Registered first, so done last: when all simulations of a test are closed.
afterEach(async () => {
  await until(() => ofServer(booter).length === 0 && ofServer(proxy).length === 0, 'the end of all instances');
});

const { start, read, folder, failure, run } = master(...FMUS, 'once');

const isOfFmi2 = ([, , text]: (typeof CASES)[number]) => !/(feedthrough3|arrays3)/.test(text);

/** Numbers with as many digits as a sum of few steps has. */
function rounded(rows: unknown): unknown {
  if (Array.isArray(rows)) return rows.map(rounded);
  return typeof rows === 'number' ? Number(rows.toPrecision(12)) : rows;
}

describe('the values are those of one process', () => {
  it.each(CASES)('by a booter: %s, %s', async (_title, algorithm, text) => {
    const system = await read(`${text}algorithm: ${algorithm}\n`);
    const expected = everything(await start(system), 20);
    const all = await start(remotely(system, `proxyfmu://127.0.0.1:${booter.port}`));
    expect(ofServer(booter)).toHaveLength(system.components.length);
    expect(everything(all, 20)).toEqual(expected);
    all.close();
  });

  // Its protocol does not tell an FMU at what time a step begins: the server adds up steps, and rounds otherwise.
  it.each(CASES.filter(isOfFmi2))('but for rounding, by an FMU-proxy: %s, %s', async (_title, algorithm, text) => {
    const system = await read(`${text}algorithm: ${algorithm}\n`);
    const expected = everything(await start(system), 20);
    const all = await start(remotely(system, `fmu-proxy://127.0.0.1:${proxy.port}`));
    expect(ofServer(proxy)).toHaveLength(system.components.length);
    expect(rounded(everything(all, 20))).toEqual(rounded(expected));
    all.close();
  });

  it('of FMUs that an FMU-proxy has, with no file on this machine', async () => {
    const system = await read(
      'components: { c: { fmu: counter.fmu }, g: { fmu: gain.fmu, start: { k: 2.5 } } }\nconnections: [ c.count -> g.u ]\nstep: 0.1\n',
    );
    const [counter, gain] = system.components.map(({ model }) => model.token);
    const names = (uri: string) => `fmu-proxy://localhost:${proxy.port}?guid=${uri}`;
    const remote = await read(
      `components: { c: { fmu: '${names(counter!)}' }, g: { fmu: '${names(gain!)}', start: { k: 2.5 } } }\nconnections: [ c.count -> g.u ]\nstep: 0.1\n`,
    );
    expect(remote.components.map(({ fmu }) => fmu)).toEqual([names(counter!), names(gain!)]);
    expect(rounded(everything(await start(remote), 20))).toEqual(rounded(everything(await start(system), 20)));
  });
});

it('an FMU that allows one instance in a process has as many as there are components', async () => {
  const system = remotely(
    await read('components: { a: { fmu: once.fmu }, b: { fmu: once.fmu } }\nstep: 1\nstop: 3\n'),
    `proxyfmu://127.0.0.1:${booter.port}`,
  );
  expect((await run(system)).outcome).toBe('finished');
});

it('info shows what a server says of an FMU', async () => {
  const { token } = (await read('components: { c: { fmu: counter.fmu } }\nstep: 1\n')).components[0]!.model;
  const uri = `fmu-proxy://localhost:${proxy.port}?guid=${token}`;
  const { code, stdout } = await runCli(['info', uri]);
  expect(code).toBe(0);
  expect(stdout).toMatch(new RegExp(`^runs at {9}fmu-proxy://localhost:${proxy.port}`, 'm'));
  expect(stdout).toMatch(/^count +Int32 +output/m);
  const { model, remote } = JSON.parse((await runCli(['info', uri, '--json'])).stdout);
  expect(remote).toMatchObject({ kind: 'fmu-proxy', guid: token });
  expect(model.variables.map(({ name }: { name: string }) => name)).toContain('text');
});

describe('what goes wrong', () => {
  it('an FMU that the server has not got', async () => {
    const uri = `fmu-proxy://localhost:${proxy.port}?guid=nothing`;
    const file = join(folder, 'nothing.yaml');
    writeFileSync(file, `twinbridge: system\ncomponents: { a: { fmu: '${uri}' } }\nstep: 1\n`);
    const { code, stderr } = await runCli(['run', file]);
    expect(code).toBe(3);
    expect(stderr).toMatch(/nothing\.yaml:2:\d+: localhost:\d+ has not got the FMU with the GUID 'nothing'/);
  });

  it('a server that would have to say what its FMU is, and is not there: exit code 4', async () => {
    const port = await freePort();
    const uri = `fmu-proxy://127.0.0.1:${port}?guid=x`;
    const source = resolveRemoteSource(uri, '.');
    if ('fault' in source) throw new Error(source.fault);
    await expect(describeRemote(source)).rejects.toBeInstanceOf(RemoteUnreachableError);
    const file = join(folder, 'absent.yaml');
    writeFileSync(file, `twinbridge: system\ncomponents: { a: { fmu: '${uri}' } }\nstep: 1\n`);
    const { code, stderr } = await runCli(['validate', file, '--json']);
    expect(code).toBe(3);
    expect(stderr).toBe('');
    const ran = await runCli(['run', file]);
    expect(ran.code).toBe(4);
    expect(ran.stderr).toContain(`absent.yaml:2:25: cannot reach ${uri}`);
    expect(ran.stderr).toContain(`twinbridge fmu-proxy -thrift/tcp ${port}`);
  });

  it('an FMU of FMI 3.0 on an FMU-proxy, whose protocol has no types for it', async () => {
    const system = remotely(
      await read('components: { d: { fmu: dahlquist3.fmu } }\nstep: 1\nstop: 1\n'),
      `fmu-proxy://127.0.0.1:${proxy.port}`,
    );
    expect(await failure(system)).toMatchObject({
      code: 'TB_FMI_REMOTE_REFUSED',
      message: expect.stringContaining('FMI 3.0'),
    });
  });

  it.each([
    ['a booter', () => booter, 'proxyfmu', 'TB_FMI_REMOTE_LOST'],
    ['an FMU-proxy', () => proxy, 'fmu-proxy', 'TB_FMI_ERROR'],
  ])('an instance of %s whose process is killed', async (_name, server, scheme, code) => {
    const place = `${scheme}://127.0.0.1:${server().port}`;
    const text = 'components: { a: { fmu: gain.fmu }, c: { fmu: counter.fmu } }\nstep: 0.5\n';
    const simulation = await start(remotely(await read(text), place, 'c'));
    step(simulation, 2);
    process.kill(ofServer(server())[0]!, 'SIGKILL');
    await until(() => ofServer(server()).length === 0, 'its end');
    const error = thrownBy(() => step(simulation, 2)) as Error;
    expect(error).toMatchObject({ code, exitCode: 1 });
    expect(error.message).toMatch(/^c: .*fmi2DoStep at t = 1 s/);
    if (scheme === 'proxyfmu') expect(error.message).toContain(`its server ${place}?file=`);
    else expect(error.message).toMatch(/the server answers to fmi2DoStep: .*SIGKILL/);
  });

  it('a token that is missing, or wrong', async () => {
    const locked = await cliServer(['proxyfmu', 'boot', '--port', '0'], { TWINBRIDGE_PROXY_TOKEN: 'right' });
    const system = remotely(
      await read('components: { c: { fmu: counter.fmu } }\nstep: 1\nstop: 1\n'),
      `proxyfmu://127.0.0.1:${locked.port}`,
    );
    try {
      expect(await failure(system)).toMatchObject({ code: 'TB_FMI_REMOTE_REFUSED', exitCode: 1 });
      process.env.TWINBRIDGE_PROXY_TOKEN = 'wrong';
      const error = await failure(system);
      expect(error).toMatchObject({ code: 'TB_FMI_REMOTE_REFUSED' });
      expect(error.message).not.toContain('wrong');
      process.env.TWINBRIDGE_PROXY_TOKEN = 'right';
      expect((await run(system)).outcome).toBe('finished');
    } finally {
      delete process.env.TWINBRIDGE_PROXY_TOKEN;
      await locked.end();
    }
  });
});
