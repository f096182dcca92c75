import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ColumnType, cellRejection, encodeCell, inferType } from '#tb/replay/cells.js';

const infer = (...cells: string[]) =>
  cells.reduce<ColumnType | undefined>((type, cell) => inferType(cell, type), undefined);

describe('the type of a column', () => {
  it.each([
    { cells: ['1', '-2', '+3'], type: 'Integer' },
    { cells: ['1', '2.0'], type: 'Real' },
    { cells: ['1e3', '.5', '7.'], type: 'Real' },
    { cells: ['1', 'NaN', '-inf'], type: 'Real' },
    { cells: ['true', 'False', 'TRUE'], type: 'Boolean' },
    { cells: ['', ' ', '4'], type: 'Integer' },
    { cells: ['007'], type: 'String' },
    { cells: ['true', '1'], type: 'String' },
    { cells: ['1', 'x'], type: 'String' },
    { cells: ['0x10'], type: 'String' },
    { cells: ['', ''], type: undefined },
  ])('of $cells is $type', ({ cells, type }) => {
    expect(infer(...cells)).toBe(type);
  });
});

describe('JSON text of a cell', () => {
  it.each<[string, ColumnType, string]>([
    ['1.4220', 'Real', '1.4220'],
    ['0.10000000000000000555', 'Real', '0.10000000000000000555'],
    ['9007199254740993', 'Integer', '9007199254740993'],
    ['-0.0', 'Real', '-0.0'],
    ['+1.5', 'Real', '1.5'],
    ['.5', 'Real', '0.5'],
    ['-5.', 'Real', '-5'],
    [' 1.5 ', 'Real', '1.5'],
    ['1E+05', 'Real', '1e+05'],
    ['007', 'Integer', '7'],
    ['True', 'Boolean', 'true'],
    ['0', 'Boolean', 'false'],
    ['a "b"\n', 'String', '"a \\"b\\"\\n"'],
    [' 1 ', 'String', '" 1 "'],
  ])('%j as %s is %s', (cell, type, json) => {
    expect(encodeCell(cell, type)).toBe(json);
    expect(() => JSON.parse(json)).not.toThrow();
  });

  it.each<[string, ColumnType, string]>([
    ['n/a', 'Real', 'not_a_number'],
    ['1,5', 'Real', 'not_a_number'],
    ['0x10', 'Real', 'not_a_number'],
    ['--1', 'Integer', 'not_a_number'],
    ['.', 'Real', 'not_a_number'],
    ['1e', 'Real', 'not_a_number'],
    ['nan', 'Real', 'not_finite'],
    ['-Infinity', 'Real', 'not_finite'],
    ['1e999', 'Real', 'not_finite'],
    ['9'.repeat(400), 'Real', 'not_finite'],
    ['1.5', 'Integer', 'not_an_integer'],
    ['2', 'Boolean', 'not_a_boolean'],
  ])('%j does not fit %s: %s', (cell, type, reason) => {
    expect(encodeCell(cell, type)).toBeUndefined();
    expect(cellRejection(cell, type)).toBe(reason);
  });

  it('whatever the cell, either JSON of the same value comes out or a reason', () => {
    const number = fc.oneof(
      fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
      fc.stringMatching(/^[+-]?\d{0,4}\.?\d{0,4}([eE][+-]?\d{1,2})?$/),
      fc.string({ maxLength: 6 }),
    );
    fc.assert(
      fc.property(number, fc.constantFrom<ColumnType>('Real', 'Integer', 'Boolean'), (cell, type) => {
        const json = encodeCell(cell, type);
        if (json === undefined) expect(cellRejection(cell, type)).toBeDefined();
        else if (type === 'Boolean') expect(['true', 'false']).toContain(json);
        else expect(JSON.parse(json)).toBe(Number(cell));
      }),
      { numRuns: 5000 },
    );
  });
});
