import { describe, expect, it } from 'vitest';
import { InvalidFileError } from '#tb/support/errors.js';
import { childrenIn, parseXml, parseXmlRoots } from '#tb/support/xml/tree.js';

const parse = (text: string, namespaces = true) => parseXml('x.xml', Buffer.from(text), { namespaces });
const roots = (text: string) => parseXmlRoots('x.xml', Buffer.from(text));

function problemsOf(read: () => unknown): string {
  try {
    read();
  } catch (error) {
    if (error instanceof InvalidFileError) return error.message;
    throw error;
  }
  throw new Error('the file was accepted');
}

describe('XML', () => {
  it('knows elements by namespace, whatever the prefix', () => {
    const root = parse('<a:r xmlns:a="urn:one" xmlns="urn:two"><a:x/><x/><b:x xmlns:b="urn:one"/><x xmlns=""/></a:r>');
    expect(root).toMatchObject({ name: 'a:r', localName: 'r', namespace: 'urn:one' });
    expect(childrenIn(root, 'urn:one', 'x').map(({ name }) => name)).toEqual(['a:x', 'b:x']);
    expect(childrenIn(root, 'urn:two', 'x').map(({ name }) => name)).toEqual(['x']);
    expect(childrenIn(root, '', 'x')).toHaveLength(1);
  });

  it('refuses a prefix that is not declared, where namespaces matter', () => {
    expect(problemsOf(() => parse('<r>\n  <a:x/>\n</r>'))).toBe(
      'x.xml:2:3: <a:x> has a prefix that stands for no namespace (declare it: xmlns:a="…")',
    );
    expect(parse('<r><a:x/></r>', false).children[0]).toMatchObject({ localName: 'a:x', namespace: '' });
  });

  it('has the text of an element: references, CDATA and what comments part', () => {
    expect(parse('<r> 1<!-- one -->0 &lt;&#x41;<![CDATA[&lt;]]><x/>.</r>').text).toBe(' 10 <A&lt;.');
    expect(parse('<r>\n  <x/>\n</r>').text).toBe('');
    expect(problemsOf(() => parse('<r>\n<x>&nbsp;</x></r>'))).toBe("x.xml:2:1: unknown entity '&nbsp;'");
  });

  it('may be a row of elements, each with its place', () => {
    const [first, second, ...more] = roots('<?xml version="1.0"?>\n<s><x/></s>\n  <c a="1"/>');
    expect(first).toMatchObject({ name: 's', location: { line: 2, column: 1 } });
    expect(second).toMatchObject({ name: 'c', location: { line: 3, column: 3 } });
    expect(more).toEqual([]);
    expect(problemsOf(() => parse('<s/>\n<c/>'))).toContain('x.xml:2:');
    expect(problemsOf(() => roots('<s><x></s>'))).toBe(
      "x.xml:1:7: not well-formed XML: Expected closing tag 'x' (opened in line 1, col 4) instead of closing tag 's'.",
    );
    expect(problemsOf(() => roots('<s/>\n <c>'))).toContain('(opened in line 2, col 2)');
    expect(problemsOf(() => roots('<s/></c>'))).toBe(
      "x.xml:1:5: not well-formed XML: closing tag 'c' has not been opened.",
    );
  });
});
