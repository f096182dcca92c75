/** FMU-proxy over TCP, with real FMUs in real processes: by its service, and by a client that Apache Thrift generates. */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  checkUrlPrefix,
  FmuProxyServer,
  type FmuProxyServerOptions,
  type RemoteEvent,
} from '#tb/remote/server/index.js';
import { FMU_PROXY, type FMU_PROXY_SHAPE, ThriftClient, ThriftDeclaredError } from '#tb/remote/thrift/index.js';
import { describedAs, exampleFmu, temporaryFolder, testFmu, writeFmu } from '../../support/fmus.js';
import { childrenOf, isRunning } from '../../support/processes.js';
import { apache, generate, missingCompiler } from '../../support/thrift-peer.js';
import { thrownBy } from '../../support/thrown.js';
import { until } from '../../support/until.js';

const folder = temporaryFolder();
const dahlquist = exampleFmu(folder, 'dahlquist');
const feedthrough = exampleFmu(folder, 'feedthrough');

const cleanup: (() => unknown)[] = [];
let events: RemoteEvent[] = [];
afterEach(async () => {
  for (const action of cleanup.splice(0).reverse()) await action();
});

type Client = ThriftClient<typeof FMU_PROXY_SHAPE>;

async function serve(options: Partial<FmuProxyServerOptions> = {}, files: string[] = []): Promise<FmuProxyServer> {
  events = [];
  const server = new FmuProxyServer({
    tcpPort: 0,
    maxFmuBytes: 50_000_000,
    idleMs: 60_000,
    onEvent: (event) => events.push(event),
    ...options,
  });
  cleanup.push(() => server.close());
  for (const file of files) await server.preload(file);
  await server.listen();
  return server;
}

async function connect(server: FmuProxyServer): Promise<Client> {
  const client = await ThriftClient.connect(FMU_PROXY, {
    host: '127.0.0.1',
    port: server.tcpPort!,
    deadlineMs: 10_000,
  });
  cleanup.push(() => client.close());
  return client;
}

async function initialized(client: Client, fmuId: string, start = 0): Promise<string> {
  const instanceId = await client.call('create_instance', { fmuId });
  expect(await client.call('setup_experiment', { instanceId, start, stop: 0, tolerance: 0 })).toBe(0);
  expect(await client.call('enter_initialization_mode', { instanceId })).toBe(0);
  expect(await client.call('exit_initialization_mode', { instanceId })).toBe(0);
  return instanceId;
}

const told = <E extends RemoteEvent['event']>(event: E) =>
  events.filter((one): one is Extract<RemoteEvent, { event: E }> => one.event === event);

describe('an FMU', () => {
  it('that the server was started with is there by its GUID', async () => {
    const server = await serve({}, [dahlquist]);
    const [fmuId] = server.fmus as [string];
    expect(fmuId).toBe('{3c564a1e-5a3a-4c5b-8f0b-6f1d7c2c0a01}');
    const client = await connect(server);
    const model = await client.call('get_model_description', { fmuId });
    expect(model).toMatchObject({ guid: fmuId, fmi_version: '2.0', modelName: 'dahlquist' });
  });

  it('that is sent, once, is run in many instances by several clients', async () => {
    const server = await serve();
    const clients = await Promise.all([connect(server), connect(server), connect(server)]);
    const data = readFileSync(dahlquist);
    const ids = await Promise.all(clients.map((client) => client.call('load_from_file', { name: 'dahlquist', data })));
    expect(new Set(ids).size).toBe(1);
    expect(told('loaded')).toHaveLength(1);
    const values = await Promise.all(
      clients.map(async (client, index) => {
        const instanceId = await initialized(client, ids[0]!);
        for (let k = 0; k <= index; k++) {
          const { status, simulation_time } = await client.call('step', { instanceId, stepSize: 0.1 });
          expect(status).toBe(0);
          expect(simulation_time).toBeCloseTo((k + 1) * 0.1, 12);
        }
        const { value } = await client.call('read_real', { instanceId, vr: [0] });
        await client.call('terminate', { instanceId });
        await client.call('freeInstance', { instanceId });
        return value[0];
      }),
    );
    expect(values).toEqual([0.9, 0.9 * 0.9, 0.9 * 0.9 * 0.9].map((value) => expect.closeTo(value, 12)));
    await until(() => told('ended').length === 3);
    expect(server.running).toBe(0);
  });

  it('is known by its hash where it has been sent before', async () => {
    const client = await connect(await serve());
    const data = readFileSync(feedthrough);
    await client.call('load_from_file', { name: 'feedthrough', data });
    const sha256 = createHash('sha256').update(data).digest('hex');
    const other = await connect(await serve());
    expect(await other.call('tb_load_known', { sha256 })).toMatch(/^\{/);
    expect(await other.call('tb_load_known', { sha256: '0'.repeat(64) })).toBe('');
    expect(await other.call('tb_load_known', { sha256: '../..' })).toBe('');
  });

  it('that says it is another one is told from it', async () => {
    const server = await serve({}, [dahlquist]);
    const client = await connect(server);
    const [real] = server.fmus as [string];
    const impostor = describedAs('gain', (xml) => xml.replace(/guid="[^"]+"/, `guid="${real}"`));
    const data = readFileSync(writeFmu(join(folder, 'impostor.fmu'), impostor));
    const id = await client.call('load_from_file', { name: 'gain', data });
    expect(id).not.toBe(real);
    expect(id.startsWith(real)).toBe(true);
    expect((await client.call('get_model_description', { fmuId: real })).modelName).toBe('dahlquist');
    expect((await client.call('get_model_description', { fmuId: id })).modelName).toBe('gain');
  });

  it('that is none, or is not here, is an error that says so', async () => {
    const client = await connect(await serve());
    const load = client.call('load_from_file', { name: 'robot', data: Buffer.from('no zip') });
    await expect(load).rejects.toThrow(/^robot is no intact FMU/);
    for (const method of ['get_model_description', 'create_instance'] as const) {
      const call = client.call(method, { fmuId: '{nowhere}' });
      await expect(call).rejects.toThrow(ThriftDeclaredError);
      await expect(call).rejects.toMatchObject({ exception: 'NoSuchFmuException', message: /'\{nowhere\}'/ });
    }
  });
});

describe('what is told of an FMU', () => {
  const accepted = {
    causality: ['input', 'output', 'parameter', 'calculated_parameter', 'local', 'independent', 'unknown', ''],
    variability: ['constant', 'discrete', 'fixed', 'tunable', 'continuous', 'unknown', ''],
  };

  it('are all its variables, by types and in strings that libcosim 0.7.1 knows', async () => {
    const server = await serve({}, [feedthrough, testFmu(folder, 'feedthrough1'), testFmu(folder, 'feedthrough3')]);
    const client = await connect(server);
    const models = await Promise.all(server.fmus.map((fmuId) => client.call('get_model_description', { fmuId })));
    for (const { causality, variability } of models.flatMap((model) => model.model_variables)) {
      expect(accepted.causality).toContain(causality);
      expect(accepted.variability).toContain(variability);
    }
    const [two, one, three] = models as [(typeof models)[0], (typeof models)[0], (typeof models)[0]];
    expect(two.model_variables).toHaveLength(11);
    expect(two.model_variables[0]).toEqual({
      name: 'real_in',
      value_reference: 0,
      description: 'Real to pass on',
      causality: 'input',
      variability: 'continuous',
      attribute: { real_attribute: { start: 0 } },
    });
    expect(two.model_variables[4]?.attribute).toEqual({ enumeration_attribute: { start: 1 } });
    expect(two.model_structure?.outputs?.[0]).toEqual({
      index: 6,
      dependencies: [1],
      dependencies_kind: ['dependent'],
    });
    expect(one.fmi_version).toBe('1.0');
    expect(one.model_variables[3]?.attribute).toEqual({ string_attribute: { start: 'start' } });
    expect(three.fmi_version).toBe('3.0');
    const names = three.model_variables.map(({ name }) => name);
    expect(names).toContain('uint64_in');
    // There is no type for it.
    expect(names).not.toContain('binary_in');
  });
});

describe('an instance', () => {
  it('takes and gives values of every type, of FMI 1.0, 2.0 and 3.0', async () => {
    const server = await serve({}, [testFmu(folder, 'feedthrough1'), feedthrough, testFmu(folder, 'feedthrough3')]);
    const client = await connect(server);
    const references = [
      { in: [0, 1, 2, 3], out: [4, 5, 6, 7] },
      { in: [0, 1, 2, 3], out: [5, 6, 7, 8] },
      { in: [3, 13, 21, 23], out: [4, 14, 22, 24] },
    ];
    for (const [index, fmuId] of server.fmus.entries()) {
      const instanceId = await initialized(client, fmuId);
      const [real, integer, boolean, text] = references[index]!.in as [number, number, number, number];
      const out = references[index]!.out as [number, number, number, number];
      // In one flight.
      const [, , , , step, reals, integers, booleans, texts] = await Promise.all([
        client.call('write_real', { instanceId, vr: [real], value: [-1.5] }),
        client.call('write_integer', { instanceId, vr: [integer], value: [-7] }),
        client.call('write_boolean', { instanceId, vr: [boolean], value: [true] }),
        client.call('write_string', { instanceId, vr: [text], value: ['Grüße'] }),
        client.call('step', { instanceId, stepSize: 0.5 }),
        client.call('read_real', { instanceId, vr: [out[0]] }),
        client.call('read_integer', { instanceId, vr: [out[1]] }),
        client.call('read_boolean', { instanceId, vr: [out[2]] }),
        client.call('read_string', { instanceId, vr: [out[3]] }),
      ]);
      expect(step).toEqual({ status: 0, simulation_time: 0.5 });
      expect(reals).toEqual({ value: [-1.5], status: 0 });
      expect(integers).toEqual({ value: [-7], status: 0 });
      expect(booleans).toEqual({ value: [true], status: 0 });
      expect(texts).toEqual({ value: ['Grüße'], status: 0 });
    }
  });

  it('has the time that its steps add up to, from its start', async () => {
    const server = await serve({}, [testFmu(folder, 'counter')]);
    const client = await connect(server);
    const instanceId = await initialized(client, server.fmus[0]!, 10);
    const steps = await Promise.all([0.5, 0.25, 1].map((stepSize) => client.call('step', { instanceId, stepSize })));
    expect(steps.map(({ simulation_time }) => simulation_time)).toEqual([10.5, 10.75, 11.75]);
  });

  it('has one process, however often it is reset at once', async () => {
    const server = await serve({}, [dahlquist]);
    const client = await connect(server);
    const instanceId = await initialized(client, server.fmus[0]!);
    const reset = () => client.call('reset', { instanceId });
    await Promise.all([reset(), reset(), reset()]);
    expect(await client.call('setup_experiment', { instanceId, start: 0, stop: 0, tolerance: 0 })).toBe(0);
    await until(() => server.running === 1, 'the processes that were replaced to end');
    await client.call('freeInstance', { instanceId });
    await until(() => server.running === 0, 'the last one to end');
  });

  it('is as it was at first once it is reset', async () => {
    const server = await serve({}, [dahlquist]);
    const client = await connect(server);
    const instanceId = await initialized(client, server.fmus[0]!);
    await client.call('step', { instanceId, stepSize: 0.1 });
    // And what comes right behind it waits.
    const [status, , , , read, step] = await Promise.all([
      client.call('reset', { instanceId }),
      client.call('setup_experiment', { instanceId, start: 0, stop: 0, tolerance: 0 }),
      client.call('enter_initialization_mode', { instanceId }),
      client.call('exit_initialization_mode', { instanceId }),
      client.call('read_real', { instanceId, vr: [0] }),
      client.call('step', { instanceId, stepSize: 0.5 }),
    ]);
    expect(status).toBe(0);
    expect(read.value).toEqual([1]);
    expect(step).toEqual({ status: 0, simulation_time: 0.5 });
    await until(() => server.running === 1);
  });

  it('that is not there, or no more, is an error that says so', async () => {
    const server = await serve({}, [dahlquist]);
    const client = await connect(server);
    const instanceId = await initialized(client, server.fmus[0]!);
    await client.call('freeInstance', { instanceId });
    for (const id of [instanceId, 'nobody', '']) {
      const step = client.call('step', { instanceId: id, stepSize: 1 });
      await expect(step).rejects.toMatchObject({ exception: 'NoSuchInstanceException' });
      const free = client.call('freeInstance', { instanceId: id });
      await expect(free).rejects.toMatchObject({ exception: 'NoSuchInstanceException' });
    }
  });

  it('says in a sentence what is wrong with a call', async () => {
    const server = await serve({}, [dahlquist]);
    const client = await connect(server);
    const instanceId = await client.call('create_instance', { fmuId: server.fmus[0]! });
    const early = client.call('step', { instanceId, stepSize: 1 });
    await expect(early).rejects.toThrow(/step/);
    const derivative = client.call('get_directional_derivative', {
      instanceId,
      vUnknownRef: [0],
      vKnownRef: [0],
      dvKnownRef: [1],
    });
    await expect(derivative).rejects.toMatchObject({ exception: 'UnsupportedOperationException' });
  });

  it('tells its directional derivatives, of FMI 2.0 and 3.0', async () => {
    const server = await serve({}, [testFmu(folder, 'gain'), testFmu(folder, 'arrays3')]);
    const client = await connect(server);
    const [gain, arrays] = server.fmus as [string, string];
    const model = await client.call('get_model_description', { fmuId: gain });
    expect(model.provides_directional_derivative).toBe(true);
    const two = await initialized(client, gain);
    await client.call('write_real', { instanceId: two, vr: [0, 2], value: [5, 3] }); // u, k
    // dy = k du + u dk
    expect(
      await client.call('get_directional_derivative', {
        instanceId: two,
        vUnknownRef: [1],
        vKnownRef: [0, 2],
        dvKnownRef: [1, 0.5],
      }),
    ).toEqual({ dv_unknown_ref: [3 + 2.5], status: 0 });
    const three = await initialized(client, arrays);
    const array = { instanceId: three, vUnknownRef: [4], vKnownRef: [3] };
    expect(await client.call('get_directional_derivative', { ...array, dvKnownRef: [1, 0, -2] })).toEqual({
      dv_unknown_ref: [2, 0, -4],
      status: 0,
    });
    await expect(client.call('get_directional_derivative', { ...array, dvKnownRef: [1] })).rejects.toThrow(
      /1 seeds were given for 1 variables with 3 elements/,
    );
    // The FMU refuses: a status, and zeros.
    expect(
      await client.call('get_directional_derivative', {
        instanceId: two,
        vUnknownRef: [0],
        vKnownRef: [1],
        dvKnownRef: [1],
      }),
    ).toEqual({ dv_unknown_ref: [0], status: 3 });
  });

  it('may crash: its client is told how, the others go on', async () => {
    const server = await serve({}, [testFmu(folder, 'crash'), dahlquist]);
    const client = await connect(server);
    const other = await initialized(client, server.fmus[1]!);
    const instanceId = await client.call('create_instance', { fmuId: server.fmus[0]! });
    await client.call('write_integer', { instanceId, vr: [0], value: [1] }); // mode: segfault
    await client.call('setup_experiment', { instanceId, start: 0, stop: 0, tolerance: 0 });
    await client.call('enter_initialization_mode', { instanceId });
    await client.call('exit_initialization_mode', { instanceId });
    const step = client.call('step', { instanceId, stepSize: 1 });
    await expect(step).rejects.toThrow(/the FMU ended its process in fmi2DoStep: segmentation fault/);
    expect(await client.call('step', { instanceId: other, stepSize: 1 })).toMatchObject({ status: 0 });
    await client.call('freeInstance', { instanceId });
  });
});

describe('instances', () => {
  it('end with the connection that made them, but for those that another has used', async () => {
    const server = await serve({}, [dahlquist]);
    const [first, second] = [await connect(server), await connect(server)];
    await initialized(first, server.fmus[0]!);
    const shared = await initialized(first, server.fmus[0]!);
    await second.call('step', { instanceId: shared, stepSize: 0.1 });
    first.close();
    await until(() => server.running === 1);
    expect(await second.call('step', { instanceId: shared, stepSize: 0.1 })).toMatchObject({ status: 0 });
  });

  it('end when nobody calls them any more, and with the server', async () => {
    const server = await serve({ idleMs: 300 }, [dahlquist]);
    const client = await connect(server);
    const instanceId = await initialized(client, server.fmus[0]!);
    await until(() => server.running === 0);
    await expect(client.call('step', { instanceId, stepSize: 1 })).rejects.toThrow(ThriftDeclaredError);
    await initialized(client, server.fmus[0]!);
    const children = childrenOf(process.pid, 'proxyfmu');
    expect(children).toHaveLength(1);
    await server.close();
    expect(children.filter(isRunning)).toEqual([]);
  });
});

describe('a URL', () => {
  let base = '';
  let requests: string[] = [];
  beforeAll(async () => {
    const web = createServer((request, response) => {
      requests.push(request.url ?? '');
      if (request.url === '/fmus/dahlquist.fmu') response.end(readFileSync(dahlquist));
      else if (request.url === '/fmus/moved.fmu') response.writeHead(302, { Location: 'dahlquist.fmu' }).end();
      else if (request.url === '/fmus/away.fmu') response.writeHead(302, { Location: '/private/x.fmu' }).end();
      else if (request.url === '/fmus/round.fmu') response.writeHead(302, { Location: 'round.fmu' }).end();
      else if (request.url === '/fmus/endless.fmu') {
        const more = () => response.write(Buffer.alloc(100_000), more as () => void);
        more();
      } else response.writeHead(404).end();
    });
    await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve));
    const address = web.address();
    base = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
    return () => {
      web.closeAllConnections();
      web.close();
    };
  });

  it('is loaded from where it was allowed, also over a redirection', async () => {
    const client = await connect(await serve({ urls: [checkUrlPrefix(`${base}/fmus/`)] }));
    const id = await client.call('load_from_url', { url: `${base}/fmus/dahlquist.fmu` });
    expect(await client.call('load_from_url', { url: `${base}/fmus/moved.fmu` })).toBe(id);
    expect((await client.call('get_model_description', { fmuId: id })).modelName).toBe('dahlquist');
  });

  it.each([
    ['/private/x.fmu', /does not load from/],
    ['/fmus/../private/x.fmu', /does not load from/],
    ['/fmus-of-others/x.fmu', /does not load from/],
    ['/fmus/away.fmu', /does not load from/],
    ['/fmus/round.fmu', /redirected more than 5 times/],
    ['/fmus/nothing.fmu', /404/],
    ['/fmus/endless.fmu', /the limit here is/],
  ])('%s is not', async (path, message) => {
    const client = await connect(await serve({ urls: [checkUrlPrefix(`${base}/fmus/`)], maxFmuBytes: 1_000_000 }));
    requests = [];
    await expect(client.call('load_from_url', { url: `${base}${path}` })).rejects.toThrow(message);
    expect(requests.filter((url) => url.includes('private') || url.includes('others'))).toEqual([]);
  });

  it('of a file is loaded from folders that were allowed, and no link leads out of them', async () => {
    const shared = join(folder, 'shared fmus');
    mkdirSync(shared);
    const inside = exampleFmu(shared, 'dahlquist');
    symlinkSync(feedthrough, join(shared, 'link.fmu'));
    const client = await connect(await serve({ urls: [checkUrlPrefix(`${pathToFileURL(shared).href}/`)] }));
    expect(await client.call('load_from_url', { url: pathToFileURL(inside).href })).toMatch(/^\{/);
    for (const file of [feedthrough, join(shared, 'link.fmu'), join(shared, '..', 'feedthrough.fmu')]) {
      const load = client.call('load_from_url', { url: pathToFileURL(file).href });
      await expect(load).rejects.toThrow(/does not load from/);
    }
    await expect(client.call('load_from_url', { url: 'file:///etc/passwd' })).rejects.toThrow(/does not load from/);
  });

  it('is not loaded where nothing was allowed', async () => {
    const client = await connect(await serve());
    for (const url of [`${base}/fmus/dahlquist.fmu`, pathToFileURL(dahlquist).href, 'ftp://a/b', 'nonsense']) {
      await expect(client.call('load_from_url', { url })).rejects.toThrow(/does not load from|is no URL/);
    }
  });

  it.each(['https://a.b/fmus', 'ftp://a.b/', 'a.b/', 'https://u:p@a.b/', 'file:///srv'])(
    "is not allowed by '%s'",
    (text) => {
      expect(thrownBy(() => checkUrlPrefix(text))).toMatchObject({ message: `'${text}' is no beginning of URLs` });
    },
  );
});

describe('who may come', () => {
  it('is who knows the token', async () => {
    const server = await serve({ host: '0.0.0.0', token: 'secret' }, [dahlquist]);
    const fmuId = server.fmus[0]!;
    const stranger = await connect(server);
    for (const call of [
      () => stranger.call('get_model_description', { fmuId }),
      () => stranger.call('create_instance', { fmuId }),
      () => stranger.call('load_from_url', { url: 'file:///x' }),
      () => stranger.call('tb_load_known', { sha256: '' }),
      () => stranger.call('step', { instanceId: 'x', stepSize: 1 }),
    ]) {
      await expect(call()).rejects.toThrow(/wants a token/);
    }
    const friend = await connect(server);
    const [isRight, instanceId] = await Promise.all([
      friend.call('tb_authenticate', { token: 'secret' }),
      friend.call('create_instance', { fmuId }),
    ]);
    expect(isRight).toBe(true);
    expect(instanceId).toMatch(/^[0-9a-f]{32}$/);
  });

  it('is this machine only, unless something else is said', () => {
    const open = () => new FmuProxyServer({ host: '::', tcpPort: 0, maxFmuBytes: 1, idleMs: 0 });
    expect(thrownBy(open)).toMatchObject({ code: 'TB_REMOTE_ACCESS', exitCode: 2 });
  });
});

describe.skipIf(missingCompiler !== undefined)('a client that Apache Thrift generates', () => {
  it('loads, reads the description, and runs an instance', async () => {
    const generated = generate('fmuproxy');
    cleanup.push(() => generated.remove());
    const server = await serve();
    const options = { transport: apache.TFramedTransport, protocol: apache.TBinaryProtocol };
    const connection = apache.createConnection('127.0.0.1', server.tcpPort!, options);
    cleanup.push(() => connection.end());
    const client = apache.createClient(generated.service('FmuService'), connection);
    const id = await client.load_from_file!('dahlquist', readFileSync(dahlquist));
    const model = (await client.get_model_description!(id)) as { model_variables: { name: string }[] };
    expect(model.model_variables.map(({ name }) => name)).toEqual(['x', 'k', 'x0']);
    const instance = await client.create_instance!(id);
    await client.setup_experiment!(instance, 0, 0, 0);
    await client.enter_initialization_mode!(instance);
    await client.exit_initialization_mode!(instance);
    expect(await client.step!(instance, 0.1)).toMatchObject({ status: 0, simulation_time: 0.1 });
    expect(await client.read_real!(instance, [0])).toMatchObject({ value: [0.9], status: 0 });
    await expect(client.step!('nobody', 0.1)).rejects.toMatchObject({ message: /nobody/ });
    expect(await client.freeInstance!(instance)).toBeUndefined();
  });
});
