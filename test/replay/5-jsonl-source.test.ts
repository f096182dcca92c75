import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readMembers } from '#tb/replay/json-members.js';
import { type JsonLinesSourceOptions, jsonLinesSource } from '#tb/replay/jsonl-source.js';
import { readAll } from './support.js';

async function* bytes(text: string | Uint8Array, size = 7): AsyncIterable<Uint8Array> {
  const all = Buffer.from(text);
  for (let at = 0; at < all.length; at += size) yield all.subarray(at, at + size);
}

const source = (text: string | Uint8Array, options: Partial<JsonLinesSourceOptions> = {}) =>
  jsonLinesSource({ file: 'a.jsonl', bytes: bytes(text), ...options });

describe('JSON Lines', () => {
  it('members go out as they are written, but for the time', async () => {
    const text =
      '{"x": 1.4220, "time":"2011-07-28T15:49:23.8697Z","o":{"a":[1,"}"]}}\r\n\n{"time":"2011-07-28T15:49:24Z"}';
    expect((await readAll(source(text))).rows).toEqual([
      { time: 1_311_868_163_869_700_000n, members: '"x":1.4220,"o":{"a":[1,"}"]}' },
      { time: 1_311_868_164_000_000_000n, members: '' },
    ]);
  });

  it('times may be epoch numbers under a key that is named', async () => {
    const { rows } = await readAll(source('{"t":1311868163.8697,"x":1}\n', { timeColumn: 't' }));
    expect(rows[0]).toEqual({ time: 1_311_868_163_869_700_000n, members: '"x":1' });
  });

  it('keys can be chosen and renamed', async () => {
    const columns = [{ column: 'a', key: 'A' }, { column: 'c' }];
    const { rows } = await readAll(source('{"time":1,"a":1,"b":2,"c":3}\n{"time":2,"c":4}\n', { columns }));
    expect(rows.map((row) => row.members)).toEqual(['"A":1,"c":3', '"c":4']);
  });

  it.each([
    ['{"time":1}\n{"time":2\n', 'the line is not JSON', 2],
    ['[1]\n', 'the line is JSON, but no object', 1],
    ['{"tiem":1}\n', "no key 'time", 1],
    ['{"time":"2011-07-28T15:49:23"}\n', 'has no zone', 1],
    ['{"time":1}\n{"time":null}\n', "'null' is no number of seconds", 2],
  ])('%j: %s', async (text, message, line) => {
    await expect(readAll(source(text))).rejects.toMatchObject({
      message: expect.stringContaining(message) as string,
      location: { file: 'a.jsonl', line, column: 1 },
    });
  });

  it('bytes that are no UTF-8 have a place', async () => {
    await expect(readAll(source(Buffer.from('{"time":1}\n{"ä":1}\n', 'latin1')))).rejects.toMatchObject({
      location: { line: 2, column: 3 },
    });
  });

  it('whatever the object, its members are those that JSON.parse finds', () => {
    const spaces = fc.constantFrom(0, 1, '\t');
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), spaces, (object, indent) => {
        const members = readMembers(JSON.stringify(object, undefined, indent));
        expect(members.map(({ key, value }) => [key, JSON.parse(value)])).toEqual(
          Object.entries(JSON.parse(JSON.stringify(object)) as object),
        );
      }),
      { numRuns: 1000 },
    );
  });
});
