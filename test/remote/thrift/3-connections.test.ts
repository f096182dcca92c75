/** The Thrift client and server on a real socket: with one another, and with those of Apache Thrift. */
import { createServer, type Server, Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import {
  binaryProtocol,
  CannotListenError,
  encodeAnswer,
  encodeCall,
  FMU_SERVICE,
  type FMU_SERVICE_SHAPE,
  frameHead,
  type HandlersOf,
  isUnknownMethod,
  listenAt,
  portOf,
  type ServerEvent,
  ThriftClient,
  ThriftConnectionError,
  ThriftDeadlineError,
  ThriftServer,
  type ThriftServerOptions,
  ThriftService,
} from '#tb/remote/thrift/index.js';
import { apache, generate, missingCompiler } from '../../support/thrift-peer.js';
import { until } from '../../support/until.js';

const SHAPE = {
  structs: {},
  methods: {
    /** Answers when as many ms have passed. */
    wait: { args: { ms: '1: i32' }, returns: 'i32' },
    size: { args: { data: '1: binary' }, returns: 'int53' },
    make: { args: { bytes: '1: i32' }, returns: 'binary' },
    who: { args: {}, returns: 'string' },
  },
} as const;
const service: ThriftService<typeof SHAPE> = new ThriftService('Waiting', SHAPE);

interface Peer {
  readonly address: string;
}

const begun: number[] = [];
const handlers: HandlersOf<typeof SHAPE, Peer> = {
  wait: async ({ ms }) => {
    begun.push(ms);
    await new Promise((resolve) => setTimeout(resolve, ms));
    return ms;
  },
  size: ({ data }) => data.length,
  make: ({ bytes }) => Buffer.alloc(bytes),
  who: (_, { address }) => address,
};

const cleanup: (() => unknown)[] = [];
afterEach(async () => {
  for (const action of cleanup.splice(0).reverse()) await action();
  begun.length = 0;
});

const events: ServerEvent[] = [];
async function serve(options: Partial<ThriftServerOptions<Peer>> = {}): Promise<ThriftServer<typeof SHAPE, Peer>> {
  events.length = 0;
  const server = await ThriftServer.listen(service, handlers, {
    port: 0,
    accept: ({ address }) => ({ address }),
    onLog: (event) => events.push(event),
    ...options,
  });
  cleanup.push(() => server.close());
  return server;
}

async function connect(port: number): Promise<ThriftClient<typeof SHAPE>> {
  const client = await ThriftClient.connect(service, { host: '127.0.0.1', port });
  cleanup.push(() => client.close());
  return client;
}

/** A server that does with a connection what a test says. */
async function rawServer(onConnection: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    onConnection(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanup.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

async function rawClient(port: number): Promise<Socket> {
  const socket = new Socket();
  await new Promise<void>((resolve) => socket.connect(port, '127.0.0.1', resolve));
  socket.on('error', () => {});
  cleanup.push(() => socket.destroy());
  return socket;
}

const stray = encodeAnswer(binaryProtocol, service.method('wait')!, { value: 1 }, 99);
const straying = Buffer.concat([frameHead(stray), stray]);

describe('a client', () => {
  it('does not wait for one answer before the next call', async () => {
    const server = await serve({ concurrency: 10 });
    const client = await connect(server.port);
    const started = performance.now();
    const answers = await Promise.all([60, 40, 50, 30, 60, 60].map((ms) => client.call('wait', { ms })));
    expect(answers).toEqual([60, 40, 50, 30, 60, 60]);
    expect(performance.now() - started).toBeLessThan(200);
  });

  it('sends and receives what fills many packets', async () => {
    const client = await connect((await serve()).port);
    expect(await client.call('size', { data: Buffer.alloc(30_000_000) })).toBe(30_000_000);
    expect((await client.call('make', { bytes: 20_000_000 })).length).toBe(20_000_000);
  });

  it('gives a call up at its deadline, and goes on with the next', async () => {
    const client = await connect((await serve()).port);
    const late = client.call('wait', { ms: 100 }, { deadlineMs: 20 });
    const next = client.call('wait', { ms: 1 });
    await expect(late).rejects.toThrow(ThriftDeadlineError);
    await expect(late).rejects.toThrow(/did not answer wait within 0.02 s/);
    expect(await next).toBe(1);
  });

  it('rejects all that waits when the connection ends, and tells which calls', async () => {
    const port = await rawServer((socket) => socket.once('data', () => socket.destroy()));
    const client = await connect(port);
    const calls = [client.call('wait', { ms: 1 }), client.call('who', {})];
    for (const call of calls) {
      await expect(call).rejects.toThrow(ThriftConnectionError);
      await expect(call).rejects.toThrow(/while wait, who waited for an answer/);
    }
    expect(await client.closed).toBeInstanceOf(ThriftConnectionError);
    await expect(client.call('who', {})).rejects.toThrow(ThriftConnectionError);
  });

  it('rejects all that waits when it is closed', async () => {
    const client = await connect((await serve()).port);
    const call = client.call('wait', { ms: 5000 });
    client.close();
    await expect(call).rejects.toThrow(/closed here/);
  });

  it.each([
    ['garbage', Buffer.from('\0\0\0\u0004abcd', 'latin1'), /no strict binary Thrift/],
    ['an answer to no call', straying, /answered a call that was not made/],
    ['HTTP', Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'), /a frame of/],
  ])('ends the connection at %s', async (_, bytes, message) => {
    const port = await rawServer((socket) => socket.write(bytes));
    const client = await connect(port);
    const call = client.call('wait', { ms: 5000 });
    await expect(call).rejects.toThrow(message);
  });

  it('says that nothing listens', async () => {
    const server = await serve();
    const { port } = server;
    await server.close();
    const refused = ThriftClient.connect(service, { host: '127.0.0.1', port });
    await expect(refused).rejects.toThrow(ThriftConnectionError);
    await expect(refused).rejects.toThrow(/ECONNREFUSED/);
  });

  it('does not wait for a connection for ever', async () => {
    // A backlog that is full: of an address of documentation (RFC 5737) nobody answers, or at once that it is unreachable.
    const lost = ThriftClient.connect(service, { host: '192.0.2.1', port: 9, connectMs: 100 });
    await expect(lost).rejects.toThrow(/no connection to 192.0.2.1:9 within 0.1 s|cannot connect/);
  });
});

describe('a server', () => {
  it('answers in the order of the calls, of each connection', async () => {
    const server = await serve({ concurrency: 4 });
    const [one, other] = [await connect(server.port), await connect(server.port)];
    const order: string[] = [];
    const note = (name: string) => (ms: number) => order.push(`${name}${ms}`);
    await Promise.all([
      one.call('wait', { ms: 120 }).then(note('a')),
      one.call('wait', { ms: 1 }).then(note('a')),
      other.call('wait', { ms: 20 }).then(note('b')),
    ]);
    expect(order).toEqual(['b20', 'a120', 'a1']);
    expect(await one.call('who', {})).not.toBe(await other.call('who', {}));
  });

  it('begins a call when the one before has ended, if nothing else is said', async () => {
    const client = await connect((await serve()).port);
    const slow = client.call('wait', { ms: 80 });
    const next = client.call('wait', { ms: 0 });
    await until(() => begun.length === 1);
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(begun).toEqual([80]);
    await Promise.all([slow, next]);
    expect(begun).toEqual([80, 0]);
  });

  it.each([
    ['garbage', Buffer.concat([frameHead(Buffer.from('garbage!')), Buffer.from('garbage!')]), /no strict binary/],
    ['a frame that is too large', Buffer.from([0x7f, 0, 0, 0]), /a frame of 2130706432 bytes, the limit is 52428800/],
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\n\r\n'), /HTTP came/],
  ])('closes a connection that sends %s, says why, and serves the others', async (_, bytes, reason) => {
    const server = await serve();
    const client = await connect(server.port);
    const socket = await rawClient(server.port);
    socket.write(bytes);
    await new Promise((resolve) => socket.once('close', resolve));
    await until(() => events.some((event) => event.event === 'closed'));
    expect(events.find((event) => event.event === 'closed')?.reason).toMatch(reason);
    expect(await client.call('wait', { ms: 1 })).toBe(1);
    expect(server.connections).toBe(1);
  });

  it('goes on where the system has a connection that it cannot accept, as when there are too many open files', async () => {
    const listening = createServer();
    cleanup.push(() => void listening.close());
    await listenAt(listening, '127.0.0.1', 0);
    expect(listening.emit('error', Object.assign(new Error('accept EMFILE'), { code: 'EMFILE' }))).toBe(true);
    expect(portOf(listening)).toBeGreaterThan(0);
  });

  it('closes a connection that is silent, not one that waits', async () => {
    const server = await serve({ idleMs: 60 });
    const client = await connect(server.port);
    expect(await client.call('wait', { ms: 200 })).toBe(200);
    await client.closed;
    await until(() => events.length === 2);
    expect(events.at(-1)).toMatchObject({ event: 'closed', reason: 'it was silent for 0.06 s' });
  });

  it('refuses addresses that are not allowed, and more connections than it may have', async () => {
    const closed = await serve({ allows: () => false });
    await (await connect(closed.port)).closed;
    expect(events).toMatchObject([{ event: 'refused', reason: 'its address is not allowed' }]);
    const small = await serve({ maxConnections: 1 });
    const first = await connect(small.port);
    await (await connect(small.port)).closed;
    expect(events.at(-1)).toMatchObject({ event: 'refused', reason: 'too many connections' });
    expect(await first.call('wait', { ms: 1 })).toBe(1);
  });

  it('stops reading where answers are not taken', async () => {
    const server = await serve();
    const socket = await rawClient(server.port);
    const client = await connect(server.port);
    socket.pause();
    const call = encodeCall(service, binaryProtocol, 'make', { bytes: 4_000_000 }, 1);
    for (let count = 0; count < 100; count++) socket.write(Buffer.concat([frameHead(call), call]));
    await new Promise((resolve) => setTimeout(resolve, 300));
    // All answers together would be 400 MB.
    expect(process.memoryUsage().arrayBuffers).toBeLessThan(200_000_000);
    expect(await client.call('wait', { ms: 1 })).toBe(1);
  });

  it('says why it cannot listen', async () => {
    const { port } = await serve();
    const second = ThriftServer.listen(service, handlers, { port, accept: ({ address }) => ({ address }) });
    await expect(second).rejects.toThrow(CannotListenError);
    await expect(second).rejects.toThrow(/EADDRINUSE/);
  });
});

describe.skipIf(missingCompiler !== undefined)('Apache Thrift', () => {
  const options = { transport: apache.TFramedTransport, protocol: apache.TBinaryProtocol };

  it('calls our server', async () => {
    const generated = generate('proxyfmu');
    cleanup.push(() => generated.remove());
    const written: unknown[] = [];
    const fmu = new Proxy({} as HandlersOf<typeof FMU_SERVICE_SHAPE, undefined>, {
      get: (_, method) => (args: object) => {
        written.push([method, args]);
        if (method === 'read_string') return { value: ['ä', ''], status: 0 };
        if (method === 'step') throw new Error('the broker is lost');
        return method === 'instantiate' ? undefined : 0;
      },
    });
    const server = await ThriftServer.listen(FMU_SERVICE, fmu, { port: 0, accept: () => undefined });
    cleanup.push(() => server.close());
    const connection = apache.createConnection('127.0.0.1', server.port, options);
    cleanup.push(() => connection.end());
    const client = apache.createClient(generated.service('FmuService'), connection);
    await client.instantiate!();
    expect(await client.write_real!([1, 2 ** 32 - 1], [0.5, -1])).toBe(0);
    expect(await client.read_string!([3, 4])).toMatchObject({ value: ['ä', ''], status: 0 });
    await expect(client.step!(0, 0.1)).rejects.toThrow('the broker is lost');
    expect(written).toEqual([
      ['instantiate', {}],
      ['write_real', { vr: [1, 2 ** 32 - 1], value: [0.5, -1] }],
      ['read_string', { vr: [3, 4] }],
      ['step', { currentTime: 0, stepSize: 0.1 }],
    ]);
  });

  it('is called by our client, and knows nothing of what we added', async () => {
    const generated = generate('proxyfmu');
    cleanup.push(() => generated.remove());
    const RealRead = generated.struct('RealRead');
    const peer = {
      step: (_time: number, _size: number, done: (error: null, status: number) => void) => done(null, 0),
      read_real: (vr: object[], done: (error: null, read: object) => void) =>
        done(null, new RealRead({ value: vr.map(Number), status: 0 })),
    };
    const server = apache.createServer(generated.service('FmuService'), peer, options);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
    cleanup.push(() => server.close());
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const client = await ThriftClient.connect(FMU_SERVICE, { host: '127.0.0.1', port });
    cleanup.push(() => client.close());
    const [status, read] = await Promise.all([
      client.call('step', { currentTime: 0, stepSize: 1 }),
      client.call('read_real', { vr: [1, 2 ** 40] }),
    ]);
    expect(status).toBe(0);
    expect(read).toEqual({ value: [1, 2 ** 40], status: 0 });
    const added = client.call('tb_authenticate', { token: 'x' });
    expect(await added.catch(isUnknownMethod)).toBe(true);
  });
});
