import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CsvRecord, CsvTokenizer, locateCell } from '#tb/replay/csv-tokenizer.js';

interface Outcome {
  readonly records: CsvRecord[];
  readonly fault: string | undefined;
}

/** Tokenizes `bytes` cut at `cuts`, through one buffer that is overwritten after each call, as a reader may do. */
function tokenize(bytes: Uint8Array, cuts: readonly number[] = [], maxRecordLength = 1000): Outcome {
  const tokenizer = new CsvTokenizer({ file: 'a.csv', maxRecordLength });
  const records: CsvRecord[] = [];
  const edges = [0, ...cuts.filter((cut) => cut <= bytes.length).sort((a, b) => a - b), bytes.length];
  for (let piece = 1; piece < edges.length; piece++) {
    const chunk = Buffer.from(bytes.subarray(edges[piece - 1]!, edges[piece]!));
    records.push(...tokenizer.push(chunk));
    chunk.fill(0x22);
  }
  records.push(...tokenizer.end());
  const { fault } = tokenizer;
  return {
    records,
    fault: fault && `${fault.location.line}:${fault.location.column} ${fault.message}`,
  };
}

const read = (text: string) => tokenize(Buffer.from(text));
const cells = (text: string) => read(text).records.map((record) => record.cells);

describe('RFC 4180', () => {
  it('reads records of LF and CRLF lines, with or without a last line break', () => {
    expect(cells('a,b\r\n1,2\n3,4')).toEqual([
      ['a', 'b'],
      ['1', '2'],
      ['3', '4'],
    ]);
    expect(cells('a,b\r\n1,2\r\n')).toEqual(cells('a,b\n1,2'));
  });

  it('unquotes cells: delimiters, doubled quotes and line breaks inside are text', () => {
    expect(cells('"x,y","say ""hi""","two\r\nlines",""\nplain,,,\n')).toEqual([
      ['x,y', 'say "hi"', 'two\r\nlines', ''],
      ['plain', '', '', ''],
    ]);
  });

  it('drops a byte order mark and blank lines', () => {
    expect(cells('\uFEFFa,b\n\n1,2\n\r\n')).toEqual([
      ['a', 'b'],
      ['1', '2'],
    ]);
  });

  it('knows the line of every record, and the line and column of every cell', () => {
    const { records } = read('a,b,c\n"1\n2",äö,"x""y"\n\nlast,"q",\n');
    expect(records.map(({ line }) => line)).toEqual([1, 2, 5]);
    const places = (record: CsvRecord) =>
      record.cells.map((_, index) => {
        const { line, column } = locateCell('a.csv', record, index);
        return `${line}:${column}`;
      });
    expect(places(records[1]!)).toEqual(['2:1', '3:4', '3:7']);
    expect(places(records[2]!)).toEqual(['5:1', '5:6', '5:10']);
  });
});

describe('faults have a place and end the file, after the records before them', () => {
  it.each([
    //     2:3 ┐
    { text: 'a\n,x"y\n', fault: '2:3 a quote inside a cell that is not quoted', records: 1 },
    //       2:4 ┐
    { text: 'a\n"1"x\n', fault: '2:4 text after the closing quote of a cell', records: 1 },
    //        3:1 ┐
    { text: 'a\n1\n"2\n3', fault: '3:1 a quote that is never closed', records: 2 },
    //           3:3 ┐
    { text: 'a\n1\n2,"x', fault: '3:3 a quote that is never closed', records: 2 },
    { text: 'a\n1\n2,"x\n3\n4\n', fault: '3:3 a quote that is never closed', records: 2 },
  ])('$text', ({ text, fault, records }) => {
    const outcome = read(text);
    expect(outcome.fault).toBe(fault);
    expect(outcome.records).toHaveLength(records);
  });

  it('a quote that is never closed does not take the memory of the rest of the file', () => {
    const tokenizer = new CsvTokenizer({ file: 'a.csv', maxRecordLength: 100 });
    tokenizer.push(Buffer.from('a\n1,"x\n'));
    for (let line = 0; line < 40; line++) tokenizer.push(Buffer.from('1,2\n'));
    expect(tokenizer.fault?.message).toBe('a record of more than 100 characters');
    expect(tokenizer.fault?.location).toEqual({ file: 'a.csv', line: 2, column: 1 });
  });

  it('bytes that are no UTF-8 are named with their place', () => {
    const latin1 = Buffer.from('name\nBrüssel\nMünchen\n', 'latin1');
    expect(tokenize(latin1)).toMatchObject({ fault: '2:3 a byte that is no UTF-8 text' });
    const gzip = Buffer.from([0x1f, 0x8b, 0x08, 0x00]);
    expect(tokenize(gzip)).toMatchObject({ fault: '1:2 a byte that is no UTF-8 text' });
    const cutShort = Buffer.from('a\n€').subarray(0, -1);
    expect(tokenize(cutShort)).toMatchObject({ fault: '2:1 a byte that is no UTF-8 text' });
  });

  it('a replacement character that stands in the file is text', () => {
    expect(tokenize(Buffer.concat([Buffer.from('a\n\uFFFD,'), Buffer.from([0xff])]))).toMatchObject({
      fault: '2:3 a byte that is no UTF-8 text',
    });
  });
});

describe('whatever the bytes', () => {
  const piece = fc.constantFrom('a', '1', ',', ',', '"', '""', '\n', '\n', '\r\n', '\r', 'ä', '€', '😀', '\uFFFD', ' ');
  const text = fc.array(piece, { maxLength: 40 }).map((pieces) => pieces.join(''));
  const badByte = fc.option(fc.nat(60));

  it('cut anywhere, the records and the fault are those of the whole', () => {
    fc.assert(
      fc.property(text, badByte, fc.array(fc.nat(120), { maxLength: 8 }), (source, bad, cuts) => {
        const bytes = Buffer.from(source);
        if (bad !== null && bad < bytes.length) bytes[bad] = 0xff;
        expect(tokenize(bytes, cuts, 25)).toEqual(tokenize(bytes, [], 25));
      }),
      { numRuns: 3000 },
    );
  });

  it('a table that is written is read back', () => {
    const cell = fc.array(piece, { maxLength: 6 }).map((pieces) => pieces.join(''));
    const row = fc.array(cell, { minLength: 2, maxLength: 4 });
    const quote = (value: string) => (/[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value);
    fc.assert(
      fc.property(fc.array(row), fc.constantFrom('\n', '\r\n'), fc.boolean(), (rows, lineBreak, lastBreak) => {
        const written = rows.map((values) => values.map(quote).join(',')).join(lineBreak);
        expect(cells(written + (lastBreak ? lineBreak : ''))).toEqual(rows);
      }),
      { numRuns: 1000 },
    );
  });
});
