/** YAML as it is read here, against the parser of the package `yaml`: the same values at the same places. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isMap, isScalar, isSeq, LineCounter, type Node, parseDocument, stringify } from 'yaml';
import type { LocatedFile } from '#tb/support/located-file.js';
import { defineValidator } from '#tb/support/validator.js';
import { parseYaml } from '#tb/support/yaml-file.js';

const anything = defineValidator<unknown>({});
const read = (text: string): LocatedFile<unknown> => parseYaml('f.yaml', text, anything);

type Path = readonly (string | number)[];

/** Each value and each key, with its place: by `yaml`. */
function placesByOther(text: string): Map<string, string> {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, keepSourceTokens: true });
  expect(document.errors).toEqual([]);
  const places = new Map<string, string>();
  const note = (kind: string, path: Path, node: Node | null) => {
    // A value that is left out has no place of its own.
    if (node?.range == null || (isScalar(node) && node.source === '')) return;
    const { line, col } = lines.linePos(node.range[0]);
    places.set(`${kind} ${JSON.stringify(path)}`, `${line}:${col}`);
  };
  const visit = (path: Path, node: Node | null) => {
    note('value', path, node);
    if (isSeq(node)) for (const [index, item] of node.items.entries()) visit([...path, index], item as Node);
    if (!isMap(node)) return;
    for (const { key, value } of node.items) {
      const inner = [...path, String((key as { value: unknown }).value)];
      note('key', inner, key as Node);
      visit(inner, value as Node | null);
    }
  };
  visit([], document.contents as Node | null);
  return places;
}

function expectSame(text: string): void {
  const file = read(text);
  expect(file.value).toEqual(parseDocument(text).toJS());
  for (const [what, place] of placesByOther(text)) {
    const [kind, json] = [what.slice(0, what.indexOf(' ')), what.slice(what.indexOf(' ') + 1)];
    const path = JSON.parse(json) as Path;
    const { line, column } = kind === 'key' ? file.locateKey(path) : file.locate(path);
    expect(`${what} ${line}:${column}`).toBe(`${what} ${place}`);
  }
}

describe('the same values at the same places', () => {
  it.each([
    "a: 1\nb:\n  - x\n  - {c: [1, 2.5, .inf, -.INF, 0x1F, 0o17, 1e3, +7, ~, null, true, False], \"d e\": 'it''s'}\n",
    '# comment\n\ntwinbridge: system # kind\ncomponents:\n    a: { fmu: a.fmu, start: { k: 1 } }\n',
    '{"a": [1, {"b": "c\\n\\u00e9"}], "d": null}',
    '- a\n- - b\n  - c\n-\n  d: e\n',
    'text: |\n  two\n  lines\nfolded: >-\n  one\n  line\nafter: x\n',
    'long: this goes\n  on here\nquoted: "and\n  this"\n',
    'a: &one [1, 2]\nb: 3\n',
    '? a\n: b\n',
    'time: 12:30\nversion: 1.2.3\nunder: 1_000\nbinary: 0b11\nyes: yes\n',
    '\r\na: 1\r\nb:\r\n  - c\r\n',
    '---\na: 1\n...\n',
    'é: ü\n日本: [語]\n"😀": 1\n',
    'x',
    '',
  ])('%j', (text) => expectSame(text));

  it('whatever is written', () => {
    const scalar = fc.oneof(
      fc.string({ maxLength: 12 }),
      fc.string({ unit: 'grapheme', maxLength: 6 }),
      fc.constantFrom(
        '1',
        '1.0',
        'true',
        'null',
        '~',
        '- a',
        'a: b',
        'a #b',
        "'",
        '"',
        '*a',
        '&a',
        '!a',
        '|',
        'x\ny',
        ' x',
      ),
      fc.double(),
      fc.integer(),
      fc.boolean(),
      fc.constant(null),
    );
    const key = fc.string({ minLength: 1, maxLength: 8 }).filter((text) => text !== '__proto__' && text !== '<<');
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        scalar,
        fc.array(tie('value'), { maxLength: 4 }),
        fc.dictionary(key, tie('value'), { maxKeys: 4, noNullPrototype: true }),
      ),
    }));
    const style = fc.record({
      collectionStyle: fc.constantFrom('any' as const, 'block' as const, 'flow' as const),
      defaultStringType: fc.constantFrom('PLAIN' as const, 'QUOTE_DOUBLE' as const, 'QUOTE_SINGLE' as const),
      indent: fc.integer({ min: 1, max: 4 }),
      lineWidth: fc.constantFrom(0, 40, 80),
    });
    fc.assert(
      fc.property(value, style, (content, options) =>
        expectSame(stringify(content, { ...options, aliasDuplicateObjects: false })),
      ),
      { numRuns: 1000 },
    );
  });
});

describe('what is written', () => {
  it('is told of scalars, and keys in their order', () => {
    const file = read('b: 9007199254740993\n2: x\na: {z: 1, 1: "q"}\n');
    expect(file.keys([])).toEqual(['b', '2', 'a']);
    expect(file.keys(['a'])).toEqual(['z', '1']);
    expect(file.keys(['b'])).toEqual([]);
    expect(file.written(['b'])).toBe('9007199254740993');
    expect(file.written(['a', '1'])).toBe('q');
    expect(file.written(['a'])).toBeUndefined();
    expect(file.written(['c'])).toBeUndefined();
  });

  it('what is absent stands where the nearest value around it does', () => {
    const file = read('a:\n  b: { c: 1 }\n  d:\n');
    expect(file.locate(['a', 'b', 'x', 'y'])).toMatchObject({ line: 2, column: 6 });
    expect(file.locateKey(['a', 'b', 'x'])).toMatchObject({ line: 2, column: 6 });
    expect(file.locate(['a', 'd'])).toMatchObject({ line: 3, column: 3 });
  });

  it('an alias has a place of its own, and what its anchor has', () => {
    const file = read('a: &k { x: 1 }\nb: *k\n');
    expect(file.value).toEqual({ a: { x: 1 }, b: { x: 1 } });
    expect(file.locate(['b'])).toMatchObject({ line: 2, column: 4 });
    expect(file.keys(['b'])).toEqual(['x']);
    expect(file.locate(['b', 'x'])).toMatchObject({ line: 1, column: 12 });
  });
});

describe('what is no YAML, or too much of it, is refused at its place', () => {
  it.each([
    ['a: [1\n', /^f\.yaml:\d+:\d+: /],
    ['a: b: c\n', /^f\.yaml:1:4: /],
    ['a: "x\n', /^f\.yaml:\d+:\d+: /],
    ['a: !unknown x\n', /^f\.yaml:1:4: unknown scalar tag/],
    ['a: *b\n', /^f\.yaml:1:\d+: /],
    ['a: 1\n---\nb: 2\n', /^f\.yaml:3:1: a second document begins, expected one in a file$/],
    [
      'a: 1\nb: 2\na: 3\nc: {x: 1, x: 2}\n',
      /^f\.yaml:3:1: the key 'a' is there twice\nf\.yaml:4:11: the key 'x' is there twice$/,
    ],
    [`a: &a x\nb: [${'*a,'.repeat(101)}]\n`, /^f\.yaml:\d+:\d+: /],
    [`${'['.repeat(200)}${']'.repeat(200)}`, /^f\.yaml:1:\d+: /],
  ])('%j', (text, message) => {
    let refused: unknown;
    try {
      read(text);
    } catch (error) {
      refused = error;
    }
    expect(refused).toMatchObject({ code: 'TB_INVALID_FILE', message: expect.stringMatching(message) });
  });
});
