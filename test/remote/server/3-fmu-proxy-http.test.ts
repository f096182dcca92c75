/** FMU-proxy over HTTP: JSON, by hand and by a client that Apache Thrift generates; and what web pages must not do. */
import { readFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { FmuProxyServer, type FmuProxyServerOptions } from '#tb/remote/server/index.js';
import {
  type ArgsOf,
  encodeCall,
  FMU_PROXY,
  type FMU_PROXY_SHAPE,
  IncomingAnswer,
  jsonProtocol,
  type MethodOf,
  type ResultOf,
} from '#tb/remote/thrift/index.js';
import { exampleFmu, temporaryFolder } from '../../support/fmus.js';
import { apache, generate, missingCompiler } from '../../support/thrift-peer.js';
import { until } from '../../support/until.js';

type Shape = typeof FMU_PROXY_SHAPE;

const folder = temporaryFolder();
const dahlquist = exampleFmu(folder, 'dahlquist');

const cleanup: (() => unknown)[] = [];
afterEach(async () => {
  for (const action of cleanup.splice(0).reverse()) await action();
});

async function serve(options: Partial<FmuProxyServerOptions> = {}): Promise<FmuProxyServer> {
  const server = new FmuProxyServer({ httpPort: 0, maxFmuBytes: 1_000_000, idleMs: 60_000, ...options });
  cleanup.push(() => server.close());
  await server.preload(dahlquist);
  await server.listen();
  return server;
}

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: Buffer;
}

function send(
  server: FmuProxyServer,
  body: Uint8Array | string,
  options: { method?: string; path?: string; headers?: Record<string, string> } = {},
): Promise<Answer> {
  const { method = 'POST', path = '/thrift', headers = {} } = options;
  return new Promise((resolve, reject) => {
    const request = httpRequest({ host: '127.0.0.1', port: server.httpPort!, method, path, headers }, (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(parts) }),
      );
    });
    request.on('error', reject);
    request.end(body);
  });
}

async function call<M extends MethodOf<Shape>>(
  server: FmuProxyServer,
  method: M,
  args: ArgsOf<Shape, M>,
  headers: Record<string, string> = {},
): Promise<ResultOf<Shape, M>> {
  const { status, body } = await send(server, encodeCall(FMU_PROXY, jsonProtocol, method, args, 1), { headers });
  expect(status, String(body)).toBe(200);
  return new IncomingAnswer(jsonProtocol, body).read(FMU_PROXY, method);
}

describe('over HTTP', () => {
  it('an FMU is loaded, described, run and freed', async () => {
    const server = await serve();
    const fmuId = await call(server, 'load_from_file', { name: 'dahlquist', data: readFileSync(dahlquist) });
    expect(fmuId).toBe(server.fmus[0]);
    const model = await call(server, 'get_model_description', { fmuId });
    expect(model.model_variables.map(({ name }) => name)).toEqual(['x', 'k', 'x0']);
    const instanceId = await call(server, 'create_instance', { fmuId });
    await call(server, 'write_real', { instanceId, vr: [2], value: [2] });
    await call(server, 'setup_experiment', { instanceId, start: 1, stop: 0, tolerance: 0 });
    await call(server, 'enter_initialization_mode', { instanceId });
    await call(server, 'exit_initialization_mode', { instanceId });
    expect(await call(server, 'step', { instanceId, stepSize: 0.5 })).toEqual({ status: 0, simulation_time: 1.5 });
    expect(await call(server, 'read_real', { instanceId, vr: [0] })).toEqual({ value: [1], status: 0 });
    await call(server, 'freeInstance', { instanceId });
    await until(() => server.running === 0);
    await expect(call(server, 'step', { instanceId, stepSize: 1 })).rejects.toMatchObject({
      exception: 'NoSuchInstanceException',
    });
  });

  it('a call looks as TJSONProtocol has it', async () => {
    const server = await serve();
    const { body, headers } = await send(
      server,
      ' [ 1 , "step" , 1 , 7 , { "1" : { "str" : "a" } , "2" : { "dbl" : 1 } } ] ',
    );
    expect(headers['content-type']).toBe('application/x-thrift');
    expect(String(body)).toBe(`[1,"step",2,7,{"1":{"rec":{"1":{"str":"there is no instance with the id 'a' here"}}}}]`);
    const unknown = await send(server, '[1,"ping",1,8,{}]');
    expect(String(unknown.body)).toBe(`[1,"ping",3,8,{"1":{"str":"FmuProxy has no method 'ping'"},"2":{"i32":1}}]`);
  });

  it.each([
    ['garbage', 'garbage', {}, 400],
    ['binary Thrift', Buffer.from('80010001', 'hex'), {}, 400],
    ['another path', '[]', { path: '/' }, 404],
    ['another method', '', { method: 'GET' }, 405],
    ['more than an FMU may have', Buffer.alloc(2_000_000), {}, 413],
  ])('%s is refused by its status', async (_, body, options, status) => {
    const server = await serve();
    expect((await send(server, body, options)).status).toBe(status);
    expect(await call(server, 'get_model_description', { fmuId: server.fmus[0]! })).toBeDefined();
  });

  it('a token goes along with each request', async () => {
    const server = await serve({ token: 'secret' });
    const fmuId = server.fmus[0]!;
    await expect(call(server, 'get_model_description', { fmuId })).rejects.toThrow(/wants a token/);
    await expect(call(server, 'get_model_description', { fmuId }, { Authorization: 'Bearer wrong' })).rejects.toThrow(
      /wants a token/,
    );
    const model = await call(server, 'get_model_description', { fmuId }, { Authorization: 'Bearer secret' });
    expect(model.modelName).toBe('dahlquist');
    expect((await send(server, Buffer.alloc(10_000))).status).toBe(413);
  });
});

describe('a web page', () => {
  const attack = encodeCall(FMU_PROXY, jsonProtocol, 'load_from_url', { url: 'file:///x.fmu' }, 1);

  it('may not send calls, wherever it comes from', async () => {
    const server = await serve();
    for (const Origin of ['https://evil.example', 'null', `http://127.0.0.1:${server.httpPort}`]) {
      const { status, headers, body } = await send(server, attack, { headers: { Origin } });
      expect(status).toBe(403);
      expect(headers['access-control-allow-origin']).toBeUndefined();
      expect(String(body)).toMatch(/may not use this server/);
    }
  });

  it('may not have its own name lead to this server', async () => {
    const server = await serve();
    expect((await send(server, attack, { headers: { Host: 'evil.example' } })).status).toBe(403);
    expect((await send(server, attack, { headers: { Host: `localhost:${server.httpPort}` } })).status).toBe(200);
    expect((await send(server, attack, { headers: { Host: `[::1]:${server.httpPort}` } })).status).toBe(200);
  });

  it('may, if it was allowed', async () => {
    const server = await serve({ origins: ['https://lab.example'] });
    const headers = { Origin: 'https://lab.example' };
    const asked = await send(server, '', { method: 'OPTIONS', headers });
    expect(asked.status).toBe(204);
    expect(asked.headers).toMatchObject({
      'access-control-allow-origin': 'https://lab.example',
      'access-control-allow-methods': 'POST, OPTIONS',
    });
    expect((await send(server, attack, { headers })).status).toBe(200);
    expect((await send(server, attack, { headers: { Origin: 'https://lab.example.evil' } })).status).toBe(403);
  });
});

describe.skipIf(missingCompiler !== undefined)('a client that Apache Thrift generates', () => {
  it('speaks JSON over HTTP with our server', async () => {
    const generated = generate('fmuproxy');
    cleanup.push(() => generated.remove());
    const server = await serve();
    const connection = apache.createHttpConnection('127.0.0.1', server.httpPort!, {
      transport: apache.TBufferedTransport,
      protocol: apache.TJSONProtocol,
      path: '/thrift',
    });
    const client = apache.createHttpClient(generated.service('FmuService'), connection);
    const instance = await client.create_instance!(server.fmus[0]);
    await client.setup_experiment!(instance, 0, 0, 0);
    await client.enter_initialization_mode!(instance);
    await client.exit_initialization_mode!(instance);
    expect(await client.step!(instance, 0.1)).toMatchObject({ status: 0, simulation_time: 0.1 });
    expect(await client.read_real!(instance, [0, 1])).toMatchObject({ value: [0.9, 1], status: 0 });
    await expect(client.step!('nobody', 0.1)).rejects.toMatchObject({ message: /nobody/ });
    await client.freeInstance!(instance);
    await until(() => server.running === 0);
  });
});
