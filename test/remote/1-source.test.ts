/** URIs of remote FMUs. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { isAbsolute, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  formatRemoteSource,
  type RemoteSource,
  relativeReference,
  resolveRemoteSource,
  type SourceFault,
} from '#tb/remote/index.js';
import { temporaryFolder } from '../support/fmus.js';

const folder = temporaryFolder();
const read = (uri: string) => resolveRemoteSource(uri, folder);
const file = (uri: string) => {
  const source = read(uri);
  if (!('file' in source)) throw new Error(JSON.stringify(source));
  return source.file;
};

describe('proxyfmu', () => {
  it.each([
    ['proxyfmu://localhost?file=a.fmu', { host: 'localhost' }],
    ['proxyfmu://127.0.0.1?file=a.fmu', { host: '127.0.0.1' }],
    ['proxyfmu://[::1]?file=a.fmu', { host: '::1' }],
    ['proxyfmu://localhost:9090?file=a.fmu', { host: 'localhost', port: 9090 }],
    ['PROXYFMU://Server.Example:1?FILE=a.fmu', { host: 'server.example', port: 1 }],
    ['proxyfmu://10.0.0.1:65535/?file=a.fmu', { host: '10.0.0.1', port: 65535 }],
    ['  proxyfmu://[fe80::1]:9090?file=a.fmu ', { host: 'fe80::1', port: 9090 }],
  ])('%s', (uri, expected) => {
    expect(read(uri)).toEqual({ kind: 'proxyfmu', uri: uri.trim(), ...expected, file: join(folder, 'a.fmu') });
  });
});

describe('fmu-proxy', () => {
  const uri = 'fmu-proxy://host:9090?';
  const base = { kind: 'fmu-proxy', host: 'host', port: 9090 };

  it.each([
    ['file=sub/a.fmu', { file: join(folder, 'sub', 'a.fmu') }],
    ['guid={8c4e810f-3df3}', { guid: '{8c4e810f-3df3}' }],
    ['guid=%7B8c4e%7D', { guid: '{8c4e}' }],
    ['url=https://example.com/get?id=3&rev=4%20b', { url: 'https://example.com/get?id=3&rev=4%20b' }],
    ['url=https%3A%2F%2Fexample.com%2Fa%2520b.fmu', { url: 'https://example.com/a%20b.fmu' }],
  ])('%s', (query, expected) => {
    expect(read(`${uri}${query}`)).toEqual({ ...base, uri: `${uri}${query}`, ...expected });
  });
});

describe('amqp-fmu', () => {
  it.each([
    ['amqp-fmu://broker/robot', { broker: 'amqp://broker', name: 'robot' }],
    ['amqp-fmu://broker:5673/lab/robot%2Farm', { broker: 'amqp://broker:5673/lab', name: 'robot/arm' }],
    ['amqps-fmu://broker/robot?guid={1}', { broker: 'amqps://broker', name: 'robot', guid: '{1}' }],
    ['amqp-fmu://ann@broker/robot', { broker: 'amqp://ann@broker', name: 'robot' }],
  ])('%s', (uri, expected) => {
    expect(read(uri)).toEqual({ kind: 'amqp-fmu', uri, ...expected });
  });
});

describe('a file', () => {
  const of = (text: string) => file(`proxyfmu://localhost?file=${text}`);

  it.each([
    ['a.fmu', join(folder, 'a.fmu')],
    ['./a.fmu', join(folder, 'a.fmu')],
    ['../a.fmu', resolve(folder, '..', 'a.fmu')],
    ['a b.fmu', join(folder, 'a b.fmu')],
    ['a%20b.fmu', join(folder, 'a b.fmu')],
    ['gr%C3%B6%C3%9Fe.fmu', join(folder, 'größe.fmu')],
    ['a+b.fmu', join(folder, 'a+b.fmu')],
    ['100%.fmu', join(folder, '100%.fmu')],
    ['a&b=c.fmu', join(folder, 'a&b=c.fmu')],
    ['a%26file=b.fmu', join(folder, 'a&file=b.fmu')],
    ['a=b#1?.fmu', join(folder, 'a=b#1?.fmu')],
    ['file:a.fmu', join(folder, 'a.fmu')],
    ['file://a.fmu', join(folder, 'a.fmu')],
    ['file:sub/a%20b.fmu', join(folder, 'sub', 'a b.fmu')],
  ])('is relative to the folder: %s', (text, expected) => {
    expect(of(text)).toBe(expected);
  });

  const absolute = join(folder, 'two words', 'größe.fmu');
  const slashed = absolute.replaceAll('\\', '/');
  const { href } = pathToFileURL(absolute);

  it.each([
    slashed,
    encodeURI(slashed),
    encodeURIComponent(absolute),
    href,
    href.replace('file:///', 'file:////'),
    href.replace('file:///', 'file:/'),
    href.replace('file:///', 'file://localhost/'),
    href.replace('file:', 'FILE:'),
    encodeURIComponent(href.replaceAll('%20', ' ')),
    `file://${slashed}`,
  ])('is absolute: %s', (text) => {
    expect(of(text)).toBe(absolute);
  });

  it('may have escapes in its name, or \\ where / is meant, if it is there', () => {
    mkdirSync(join(folder, 'on'), { recursive: true });
    for (const name of ['x%20y.fmu', 'on/z.fmu']) writeFileSync(join(folder, name), '');
    expect(of('x%20y.fmu')).toBe(join(folder, 'x%20y.fmu'));
    expect(of('on\\z.fmu')).toBe(join(folder, 'on', 'z.fmu'));
    writeFileSync(join(folder, 'x y.fmu'), '');
    expect(of('x%20y.fmu')).toBe(join(folder, 'x y.fmu'));
  });

  it.skipIf(process.platform === 'win32').each(['C:/fmus/a.fmu', 'c:\\fmus\\a.fmu', 'file:///C:/fmus/a.fmu'])(
    'is not on a drive: %s',
    (text) => {
      expect(read(`proxyfmu://localhost?file=${text}`)).toMatchObject({
        fault: expect.stringMatching(/^names the file '.*a\.fmu', which is on a drive of Windows$/i),
      });
    },
  );
});

describe('what is wrong is told', () => {
  it.each<[uri: string, fault: string, remedy: string]>([
    [
      'proxyfmuy://localhost?file=a.fmu',
      "has a source of the unknown scheme 'proxyfmuy' (did you mean 'proxyfmu'?)",
      'name a file',
    ],
    ['fmuproxy://h:1?file=a', "unknown scheme 'fmuproxy' (did you mean 'fmu-proxy'?)", 'fmu-proxy://'],
    ['https://h/a.fmu', "unknown scheme 'https'", 'fmu-proxy://host:port?url='],
    ['proxyfmu:localhost?file=a.fmu', "in which '//' is missing after 'proxyfmu:'", 'proxyfmu://localhost?file='],
    ['proxyfmu://?file=a.fmu', 'which names no host', 'proxyfmu://localhost?file='],
    ['proxyfmu://localhost', 'which names no FMU', 'file='],
    ['proxyfmu://localhost?', 'which names no FMU', 'file='],
    ['proxyfmu://localhost?file=', 'whose file= is empty', 'file='],
    ['proxyfmu://localhost?file= ', 'whose file= is empty', 'file='],
    ['proxyfmu://localhost/a.fmu', "which names '/a.fmu' in place of ?file=", 'file='],
    ['proxyfmu://localhost?fil=a.fmu', "which says 'fil=', and that is not known (did you mean 'file'?)", 'file='],
    ['proxyfmu://localhost?a.fmu', "which says 'a.fmu=', and that is not known", 'file='],
    [
      'proxyfmu://h:1?guid={1}',
      'which names the FMU by guid=, and it can only be by file=',
      'fmu-proxy://host:port?guid=',
    ],
    ['proxyfmu://h:1?url=http://h/a', 'by url=, and it can only be by file=', 'fmu-proxy://host:port?url='],
    ['fmu-proxy://h:1?file=a.fmu&guid={1}', 'names the FMU twice, by file= and by guid=', 'leave out one'],
    ['fmu-proxy://h?guid={1}', 'which lacks the port of the FMU-proxy on h', 'fmu-proxy://host:port'],
    ['fmu-proxy://h:1?url=a.fmu', "whose url 'a.fmu' is none", 'url=http://'],
    ['proxyfmu://h:0?file=a', "whose port is '0'", 'from 1 to 65535'],
    ['proxyfmu://h:65536?file=a', "whose port is '65536'", 'from 1 to 65535'],
    ['proxyfmu://h:?file=a', "whose port is ''", 'from 1 to 65535'],
    ['proxyfmu://h:9o9o?file=a', "whose port is '9o9o'", 'from 1 to 65535'],
    ['proxyfmu://[::1?file=a', "whose host '[' is neither a name nor an address", 'proxyfmu://'],
    ['proxyfmu://[nonsense]:1?file=a', "whose host '[nonsense]' is neither", 'proxyfmu://'],
    ['proxyfmu://two words:1?file=a', "whose host 'two words' is neither", 'proxyfmu://'],
    [
      'proxyfmu://10.0.0.1?file=a.fmu',
      'which lacks the port of the booter on 10.0.0.1',
      'twinbridge proxyfmu boot --port',
    ],
    ['proxyfmu://ann@h:1?file=a.fmu', 'but proxyfmu knows no users', 'leave out'],
    ['amqp-fmu://ann:pa55word@broker/robot', 'which holds a password', 'environment'],
    ['amqp-fmu://broker', 'which names no FMU', 'amqp-fmu://broker/name'],
    ['amqp-fmu://broker/a/b/c', 'more than a virtual host and a name', '%2F'],
    ['amqp-fmu://broker/a?file=b', 'which names the FMU by file=, and it can only be by guid=', 'guid='],
  ])('%s', (uri, fault, remedy) => {
    const read = resolveRemoteSource(uri, folder) as SourceFault;
    expect(read.fault).toContain(fault);
    expect(read.remedy).toContain(remedy);
    expect(JSON.stringify(read)).not.toContain('pa55word');
  });
});

describe('a source that is written and read again', () => {
  const text = fc.string({ unit: 'grapheme', minLength: 1 }).filter((one) => one.trim() !== '' && !one.includes('\0'));
  const plain = text.filter((one) => one === one.trim());
  const host = fc.oneof(
    fc.domain().map((name) => name.toLowerCase()),
    fc.ipV4(),
    fc.ipV6(),
  );
  const port = fc.integer({ min: 1, max: 65_535 });
  const path = fc
    .array(
      text.filter((one) => !/[/\\]/.test(one) && !/^\.{1,2}$/.test(one)),
      { minLength: 1, maxLength: 4 },
    )
    .map((parts) => join(folder, ...parts))
    .filter((one) => one === one.trim());
  const fmu: fc.Arbitrary<{ file: string } | { url: string } | { guid: string }> = fc.oneof(
    path.map((one) => ({ file: one })),
    fc.webUrl({ withQueryParameters: true, withFragments: true }).map((url) => ({ url })),
    plain.map((guid) => ({ guid })),
  );
  const sources: fc.Arbitrary<RemoteSource> = fc.oneof(
    fc.record({ host, port, file: path }).map((one) => ({ kind: 'proxyfmu' as const, uri: '', ...one })),
    path.map((one) => ({ kind: 'proxyfmu' as const, uri: '', host: 'localhost', file: one })),
    fc.tuple(host, port, fmu).map(([host, port, fmu]) => ({ kind: 'fmu-proxy' as const, uri: '', host, port, ...fmu })),
    fc
      .record({ name: plain, guid: plain, tls: fc.constantFrom('', 's'), host: fc.domain(), vhost: plain })
      .map(({ tls, host, vhost, ...one }) => ({
        kind: 'amqp-fmu' as const,
        uri: '',
        broker: `amqp${tls}://${host.toLowerCase()}:5000/${encodeURIComponent(vhost)}`,
        ...one,
      })),
  );
  const without = (source: RemoteSource | SourceFault) => ({ ...source, uri: '' });

  it('is the same, by an absolute path', () => {
    fc.assert(
      fc.property(sources, (source) => {
        expect(without(read(formatRemoteSource(source)))).toEqual(source);
      }),
    );
  });

  it('is the same, by a path relative to the file it stands in', () => {
    fc.assert(
      fc.property(sources, (source) => {
        if (!('file' in source)) return;
        const written = formatRemoteSource(source, relativeReference(folder, source.file));
        expect(without(read(written))).toEqual(source);
      }),
    );
  });

  it('is read or refused, whatever it is', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('proxyfmu', 'fmu-proxy', 'amqp-fmu', 'amqps-fmu'),
        fc.string({ unit: fc.constantFrom(...'/?&=:@[]%#. a9', 'file', 'guid', '://') }),
        (scheme, rest) => {
          const read = resolveRemoteSource(`${scheme}:${rest}`, folder);
          if ('fault' in read) expect(read.remedy).not.toBe('');
          else if ('file' in read) expect(isAbsolute(read.file)).toBe(true);
        },
      ),
    );
  });
});
