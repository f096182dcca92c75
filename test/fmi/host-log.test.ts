import koffi from 'koffi';
import { afterEach, describe, expect, it } from 'vitest';
import { HostEnvironment } from '#tb/fmi/host-environment.js';

/** `fmi2CallbackFunctions`: logger, allocateMemory, freeMemory, stepFinished, componentEnvironment. */
const CALLBACKS = koffi.struct({
  logger: 'void *',
  allocate: 'void *',
  free: 'void *',
  finished: 'void *',
  environment: 'void *',
});
const LOGGER = koffi.proto('void TestLogger(void *, const char *, int, const char *, const char *, ...)');

const created: HostEnvironment[] = [];

function environment(): { host: HostEnvironment; log: (...args: unknown[]) => void } {
  const host = new HostEnvironment();
  created.push(host);
  const { logger, environment: address } = koffi.decode(host.callbacks, CALLBACKS) as Record<string, bigint>;
  return { host, log: (...args) => koffi.call(logger, LOGGER, address, 'instance', ...args) };
}

afterEach(() => {
  for (const host of created.splice(0)) host.destroy();
});

describe('the logger', () => {
  it('formats what only C can read: the variadic arguments', () => {
    const { host, log } = environment();
    expect(host.hasMessages).toBe(false);
    log(1, 'logAll', '%s is %.3f, %d of %zu%%', 'str', 'x', 'double', 1.5, 'int', -7, 'size_t', 9);
    expect(host.hasMessages).toBe(true);
    expect(host.take()).toEqual({
      records: [{ status: 1, time: Number.NaN, category: 'logAll', message: 'x is 1.500, -7 of 9%' }],
      lost: 0,
    });
    expect(host.hasMessages).toBe(false);
  });

  it('takes null for texts', () => {
    const { host, log } = environment();
    log(0, null, null);
    expect(host.take().records).toEqual([{ status: 0, time: Number.NaN, category: '', message: '' }]);
  });

  it('cuts a message at 8 KiB, and a category at 255 bytes', () => {
    const { host, log } = environment();
    log(0, 'c'.repeat(300), '%s', 'str', 'm'.repeat(20_000));
    const [record] = host.take().records;
    expect(record?.category).toBe('c'.repeat(255));
    expect(record?.message).toBe('m'.repeat(8192 - 256 - 1));
  });

  it('keeps the newest messages when its queue is full, and counts the others', () => {
    const { host, log } = environment();
    for (let i = 0; i < 1000; i++) log(0, 'c', '%d %s', 'int', i, 'str', 'x'.repeat(1000));
    const { records, lost } = host.take();
    expect(records.length).toBeLessThan(70);
    expect(records.length + lost).toBe(1000);
    expect(records.map(({ message }) => Number.parseInt(message, 10))).toEqual(records.map((_, i) => lost + i));
    expect(host.take()).toEqual({ records: [], lost: 0 });
  });
});
