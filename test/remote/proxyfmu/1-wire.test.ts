/** Byte by byte: what goes over the wire between a client of proxyfmu and the program. */
import { describe, expect, it } from 'vitest';
import { exampleFmu, temporaryFolder } from '../../support/fmus.js';
import { bytes, Connection, callBytes, framed, initialised, serveFmu, t } from './support.js';

const folder = temporaryFolder();
const feedthrough = exampleFmu(folder, 'feedthrough');
const counter = exampleFmu(folder, 'dahlquist');

/** Version, kind, name, sequence. */
const CALL = '80 01 00 01';
const REPLY = '80 01 00 02';
const EXCEPTION = '80 01 00 03';

async function exchange(client: Connection, call: string): Promise<Buffer> {
  client.send(framed(bytes(call)));
  return client.frame();
}

describe('A call and its answer, in bytes:', () => {
  it('instantiate answers nothing', async () => {
    const client = await Connection.to((await serveFmu(feedthrough)).port);
    const answer = await exchange(client, `${CALL} | 00 00 00 0b "instantiate" | 00 00 00 01 | 00`);
    expect(answer).toEqual(bytes(`${REPLY} | 00 00 00 0b "instantiate" | 00 00 00 01 | 00`));
  });

  it('step answers a status in field 0', async () => {
    const client = await initialised((await serveFmu(counter)).port);
    const answer = await exchange(
      client,
      `${CALL} | 00 00 00 04 "step" | 00 00 00 07
       04 00 01 | 00 00 00 00 00 00 00 00  ; currentTime 0
       04 00 02 | 3f d0 00 00 00 00 00 00  ; stepSize 0.25
       00`,
    );
    expect(answer).toEqual(bytes(`${REPLY} | 00 00 00 04 "step" | 00 00 00 07 | 08 00 00 | 00 00 00 00 | 00`));
  });

  it('write_real and read_real carry lists', async () => {
    const client = await initialised((await serveFmu(feedthrough)).port);
    const written = await exchange(
      client,
      `${CALL} | 00 00 00 0a "write_real" | 00 00 00 01
       0f 00 01 | 0a 00 00 00 01 | 00 00 00 00 00 00 00 00  ; vr [0]
       0f 00 02 | 04 00 00 00 01 | 40 09 21 fb 54 44 2d 18  ; value [π]
       00`,
    );
    expect(written).toEqual(bytes(`${REPLY} | 00 00 00 0a "write_real" | 00 00 00 01 | 08 00 00 00 00 00 00 00`));
    const read = await exchange(
      client,
      `${CALL} | 00 00 00 09 "read_real" | 00 00 00 02
       0f 00 01 | 0a 00 00 00 02 | 00 00 00 00 00 00 00 00 | 00 00 00 00 00 00 00 0a
       00`,
    );
    expect(read).toEqual(
      bytes(`${REPLY} | 00 00 00 09 "read_real" | 00 00 00 02
             0c 00 00                           ; RealRead
             0f 00 01 | 04 00 00 00 02 | 40 09 21 fb 54 44 2d 18 | 00 00 00 00 00 00 00 00
             08 00 02 | 00 00 00 00             ; OK
             00 00`),
    );
  });

  it('a method that there is not is TApplicationException 1', async () => {
    const client = await Connection.to((await serveFmu(feedthrough)).port);
    const answer = await exchange(client, `${CALL} | 00 00 00 04 "ping" | 00 00 00 09 | 08 00 01 00 00 00 2a | 00`);
    const text = "Invalid method name: 'ping'";
    expect(answer).toEqual(
      bytes(`${EXCEPTION} | 00 00 00 04 "ping" | 00 00 00 09
             0b 00 01 | 00 00 00 ${text.length.toString(16)} "${text}"
             08 00 02 | 00 00 00 01
             00`),
    );
  });

  it('arguments that nobody knows are passed over', async () => {
    const client = await initialised((await serveFmu(counter)).port);
    const answer = await exchange(
      client,
      `${CALL} | 00 00 00 04 "step" | 00 00 00 01
       0d 00 09 | 0b 0f 00 00 00 01 | 00 00 00 01 "k" | 0c 00 00 00 02 | 08 00 01 00 00 00 01 00 | 00   ; a map
       04 00 02 | 3f d0 00 00 00 00 00 00
       03 00 08 | 01   ; a byte
       04 00 01 | 00 00 00 00 00 00 00 00
       00`,
    );
    expect(answer.subarray(-5)).toEqual(bytes('00 00 00 00 00'));
  });
});

describe('Calls that come together', () => {
  it('are carried out in order, and their answers come in that order', async () => {
    const client = await initialised((await serveFmu(feedthrough)).port);
    const values = Array.from({ length: 200 }, (_, k) => k);
    client.send(
      Buffer.concat(
        values.flatMap((k) => [
          callBytes('write_real', 3 * k, [t.i64s(0), t.doubles(k)]),
          callBytes('step', 3 * k + 1, [t.double(k), t.double(1)]),
          callBytes('read_real', 3 * k + 2, [t.i64s(5)]),
        ]),
      ),
    );
    for (const k of values) {
      expect((await client.frame()).readInt32BE(18)).toBe(3 * k);
      expect((await client.frame()).readInt32BE(12)).toBe(3 * k + 1);
      const read = await client.frame();
      expect([read.readInt32BE(17), read.readDoubleBE(32)]).toEqual([3 * k + 2, k]);
    }
  });

  it('may come in pieces', async () => {
    const client = await initialised((await serveFmu(feedthrough)).port);
    const call = callBytes('read_real', 1, [t.i64s(5)]);
    for (const byte of call) {
      client.send(Buffer.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect((await client.frame()).readInt32BE(17)).toBe(1);
  });
});

describe('What is no call closes the connection, and the reason is on standard error:', () => {
  const garbage: Record<string, [Buffer, string]> = {
    'HTTP instead of frames': [Buffer.from('GET / HTTP/1.1\r\n\r\n'), 'a message of 1195725856 bytes'],
    'a frame larger than 50 MiB': [bytes('03 20 00 01'), 'a message of 52428801 bytes, more than 52428800'],
    'a negative size': [bytes('ff ff ff ff'), 'a message of 4294967295 bytes'],
    'the old form without a version': [framed(bytes('00 00 00 04 "step" 01 00 00 00 01 00')), 'no call'],
    'a reply': [framed(bytes('80 01 00 02 | 00 00 00 04 "step" | 00 00 00 01 | 00')), 'no call'],
    'an empty frame': [framed(Buffer.alloc(0)), 'no call'],
    'arguments that end too early': [
      framed(bytes('80 01 00 01 | 00 00 00 04 "step" | 00 00 00 01 | 04 00 01 00 00')),
      "the arguments of 'step' cannot be read",
    ],
    'a list of more than there is': [
      framed(bytes('80 01 00 01 | 00 00 00 09 "read_real" | 00 00 00 01 | 0f 00 01 | 0a 7f ff ff ff | 00')),
      "the arguments of 'read_real' cannot be read",
    ],
    'a list of another type': [
      framed(bytes('80 01 00 01 | 00 00 00 09 "read_real" | 00 00 00 01 | 0f 00 01 | 08 00 00 00 01 00 00 00 01 00')),
      "the arguments of 'read_real' cannot be read",
    ],
    'structures in one another without end': [
      framed(
        Buffer.concat([bytes('80 01 00 01 | 00 00 00 04 "step" | 00 00 00 01'), Buffer.alloc(3000, '\x0c\x00\x01')]),
      ),
      "the arguments of 'step' cannot be read",
    ],
  };
  it.each(Object.entries(garbage))('%s', async (_, [data, reason]) => {
    const served = await serveFmu(feedthrough);
    const client = await initialised(served.port);
    client.send(data);
    expect(await client.isClosed()).toBe(true);
    // Another client finds the instance as it was.
    const next = await Connection.to(served.port);
    expect(await next.call('step', t.double(0), t.double(1))).toBe(0);
    expect(served.said()).toContain(reason);
  });
});
