/**
 * Where a remote FMU is, by the URI that stands where a file format names an FMU:
 *
 *   proxyfmu://localhost?file=a.fmu            in a process that is started here
 *   proxyfmu://host:port?file=a.fmu            in one that the booter at host:port starts
 *   fmu-proxy://host:port?file=|url=|guid=     in the FMU-proxy server there: sent to it, fetched by it, or loaded already
 *   amqp-fmu://broker[:port]/[vhost/]name      by a worker behind a broker, which offers it by name (amqps-fmu: TLS)
 *
 * Beyond what libcosim takes, percent-encoding is understood, absolute paths, and file: URIs in all their spellings.
 */
import { existsSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import { isAbsolute, relative, resolve } from 'node:path';
import { didYouMean } from '../support/nearest.js';

/** Plain data. Hosts stand without brackets, files are absolute. */
export type RemoteSource =
  /** Without a port it is started on this machine. */
  | {
      readonly kind: 'proxyfmu';
      readonly uri: string;
      readonly host: string;
      readonly port?: number;
      readonly file: string;
    }
  | ({ readonly kind: 'fmu-proxy'; readonly uri: string; readonly host: string; readonly port: number } & FmuProxyFmu)
  /** `broker`: `amqp[s]://host[:port][/vhost]`, without a password. */
  | {
      readonly kind: 'amqp-fmu';
      readonly uri: string;
      readonly broker: string;
      readonly name: string;
      readonly guid?: string;
    };

/** What an FMU-proxy is to run. */
export type FmuProxyFmu = { readonly file: string } | { readonly url: string } | { readonly guid: string };

/** Goes on from "component 'x' ". */
export interface SourceFault {
  readonly fault: string;
  readonly remedy: string;
}

export const REMOTE_SCHEMES = ['proxyfmu', 'fmu-proxy', 'amqp-fmu', 'amqps-fmu'] as const;
type RemoteScheme = (typeof REMOTE_SCHEMES)[number];

type Key = 'file' | 'url' | 'guid';

interface SchemeRules {
  readonly keys: readonly Key[];
  /** How to write it right. */
  readonly example: string;
}

const RULES: Readonly<Record<RemoteScheme, SchemeRules>> = {
  proxyfmu: {
    keys: ['file'],
    example:
      'proxyfmu://localhost?file=a.fmu to run the FMU on this machine, proxyfmu://host:port?file=a.fmu on another',
  },
  'fmu-proxy': { keys: ['file', 'url', 'guid'], example: 'fmu-proxy://host:port?file=a.fmu, or ?url=… or ?guid=…' },
  'amqp-fmu': { keys: ['guid'], example: 'amqp-fmu://broker/name' },
  'amqps-fmu': { keys: ['guid'], example: 'amqps-fmu://broker/name' },
};

const MAX_PORT = 65_535;

/** In small letters; undefined: the text has none. A single letter is a drive. */
export function schemeOf(text: string): string | undefined {
  return /^\s*([a-z][a-z0-9+.-]+):/i.exec(text)?.[1]?.toLowerCase();
}

export function isRemoteScheme(scheme: string | undefined): scheme is RemoteScheme {
  return (REMOTE_SCHEMES as readonly (string | undefined)[]).includes(scheme);
}

/** The remote FMU that `text` names, with paths relative to `folder`. `text` has a remote scheme. */
export function resolveRemoteSource(text: string, folder: string): RemoteSource | SourceFault {
  const read = readRemoteUri(text);
  if ('fault' in read || !('file' in read)) return read;
  const located = locateFile(read.file, folder);
  return 'fault' in located ? located : { ...read, file: located.path };
}

/** Of a source whose scheme is none that an FMU can be read by. */
export function unknownScheme(text: string): SourceFault {
  const scheme = schemeOf(text) ?? '';
  const hint = didYouMean(scheme, [...REMOTE_SCHEMES, 'file']);
  const isFetched = scheme === 'http' || scheme === 'https';
  return {
    fault: `has a source of the unknown scheme '${scheme}'${hint}`,
    remedy: isFetched
      ? 'fetch it and name the file; an FMU-proxy fetches it by fmu-proxy://host:port?url=…'
      : `name a file on this machine, or a remote FMU by ${REMOTE_SCHEMES.slice(0, 3).join('://, ')}://`,
  };
}

/** What a URI says; its file as it is written, for {@link locateFile}. */
export function readRemoteUri(text: string): RemoteSource | SourceFault {
  const uri = text.trim();
  const scheme = schemeOf(uri);
  if (!isRemoteScheme(scheme)) return unknownScheme(uri);
  const rules = RULES[scheme];
  // A password shows nowhere, not even where it is refused.
  const shown = uri.replace(/(:\/\/)[^/?#]*@/s, '$1***@');
  const fail = (what: string, remedy: string = `write ${rules.example}`): SourceFault => ({
    fault: `has the source '${shown}', ${what}`,
    remedy,
  });
  const rest = uri.slice(scheme.length + 1);
  if (!rest.startsWith('//')) return fail(`in which '//' is missing after '${scheme}:'`);
  const [, authority = '', path = '', query] = /^\/\/([^/?#]*)([^?]*)(?:\?(.*))?$/s.exec(rest) ?? [];
  const address = readAuthority(authority);
  if ('what' in address) return fail(address.what, address.remedy);
  const given = readQuery(query ?? '', rules.keys);
  if ('what' in given) return fail(given.what, given.remedy);
  const { host, port, user } = address;
  const isBroker = scheme === 'amqp-fmu' || scheme === 'amqps-fmu';
  if (user !== undefined && !isBroker)
    return fail(`but ${scheme} knows no users`, 'leave out what stands before the @');
  if (isBroker) {
    const names = path.split('/').slice(1).map(decode);
    const name = names.pop() ?? '';
    if (name === '') return fail('which names no FMU');
    if (names.length > 1) return fail('which has more than a virtual host and a name', 'write / in a name as %2F');
    const [vhost] = names;
    const place = `${user === undefined ? '' : `${encodeURIComponent(user)}@`}${bracketed(host)}${port === undefined ? '' : `:${port}`}`;
    const broker = `${scheme === 'amqps-fmu' ? 'amqps' : 'amqp'}://${place}${vhost === undefined ? '' : `/${encodeURIComponent(vhost)}`}`;
    return { kind: 'amqp-fmu', uri, broker, name, ...('guid' in given ? { guid: given.guid! } : {}) };
  }
  if (path !== '' && path !== '/') {
    return fail(`which names '${path}' in place of ?${rules.keys[0]}=`);
  }
  const [key] = Object.keys(given) as Key[];
  if (key === undefined) return fail('which names no FMU');
  if (scheme === 'proxyfmu') {
    if (port === undefined && !isThisMachine(host)) {
      return fail(
        `which lacks the port of the booter on ${host}`,
        `write proxyfmu://${bracketed(host)}:port?file=…; there runs: twinbridge proxyfmu boot --port <port>`,
      );
    }
    return { kind: 'proxyfmu', uri, host, ...(port === undefined ? {} : { port }), file: given.file! };
  }
  if (port === undefined) return fail(`which lacks the port of the FMU-proxy on ${host}`);
  const base = { kind: 'fmu-proxy', uri, host, port } as const;
  if (given.file !== undefined) return { ...base, file: given.file };
  if (given.guid !== undefined) return { ...base, guid: given.guid };
  const url = given.url!;
  if (!URL.canParse(url)) return fail(`whose url '${url}' is none`, 'write url=http://host/a.fmu');
  return { ...base, url };
}

interface Wrong {
  readonly what: string;
  readonly remedy?: string;
}

function readAuthority(
  text: string,
): { readonly host: string; readonly port?: number; readonly user?: string } | Wrong {
  const at = text.lastIndexOf('@');
  const user = at < 0 ? undefined : text.slice(0, at);
  if (user?.includes(':')) {
    return { what: 'which holds a password', remedy: 'no secret stands in a system: give it by the environment' };
  }
  const [, host = '', rest = ''] = /^(\[[^\]]*\]|[^:]*)(.*)$/s.exec(text.slice(at + 1)) ?? [];
  if (host === '') return { what: 'which names no host' };
  const plain = host.startsWith('[') ? host.slice(1, -1) : host.toLowerCase();
  const isName = host.startsWith('[') ? isIPv6(plain) : /^[a-z0-9._~-]+$/.test(plain);
  if (!isName) return { what: `whose host '${host}' is neither a name nor an address` };
  const named = { host: plain, ...(user === undefined ? {} : { user: decode(user) }) };
  if (rest === '') return named;
  const port = Number(rest.slice(1));
  if (!/^:\d+$/.test(rest) || port < 1 || port > MAX_PORT) {
    return { what: `whose port is '${rest.slice(1)}'`, remedy: `ports are whole numbers from 1 to ${MAX_PORT}` };
  }
  return { ...named, port };
}

/**
 * `file=…` and its like. An & parts them only where one of them begins behind it: paths and URLs have & of their own, and
 * libcosim takes all that follows.
 */
function readQuery(query: string, known: readonly Key[]): { readonly [K in Key]?: string } | Wrong {
  if (query.trim() === '') return {};
  const values: { [K in Key]?: string } = {};
  const all: readonly Key[] = ['file', 'url', 'guid'];
  for (const part of query.split(/&(?=(?:file|url|guid)=)/)) {
    const [, name = '', value = ''] = /^([^=]*)=?(.*)$/s.exec(part) ?? [];
    const key = all.find((one) => one === name.trim().toLowerCase());
    if (key === undefined) return { what: `which says '${name}=', and that is not known${didYouMean(name, known)}` };
    if (!known.includes(key)) {
      const remedy =
        key === 'guid' ? 'an FMU-proxy finds FMUs by it: fmu-proxy://host:port?guid=…' : `write ${known[0]}=`;
      return {
        what: `which names the FMU by ${key}=, and it can only be by ${known.map((one) => `${one}=`).join(', ')}`,
        remedy: key === 'url' ? 'an FMU-proxy fetches FMUs: fmu-proxy://host:port?url=…' : remedy,
      };
    }
    const [other] = Object.keys(values);
    if (other !== undefined) {
      return {
        what: `which names the FMU twice, by ${other}= and by ${key}=`,
        remedy: 'leave out one of them; in a value & is %26',
      };
    }
    if (value.trim() === '') return { what: `whose ${key}= is empty` };
    // One that shows as a URL is taken as it stands: its escapes are its own. Those of a path are undone when it is located.
    const isPlain = key === 'file' || (key === 'url' && /^\s*[a-z][a-z0-9+.-]*:\/\//i.test(value));
    values[key] = (isPlain ? value : decode(value)).trim();
  }
  return values;
}

/** Absolute path of the file that a URI names, by a path or a URI of its own, relative to `folder`. */
export function locateFile(reference: string, folder: string): { readonly path: string } | SourceFault {
  const decoded = decode(reference);
  // A whole file: URI that was encoded once more, to be a value.
  const isNested = /^file:/i.test(decoded) && !/^file:/i.test(reference);
  const spellings = [isNested ? decode(decoded) : decoded, reference].flatMap((text) => [
    text,
    text.replaceAll('\\', '/'),
  ]);
  const paths: string[] = [];
  for (const spelling of spellings) {
    const path = pathOf(spelling);
    if (/^[a-z]:[\\/]/i.test(path) && process.platform !== 'win32') {
      return {
        fault: `names the file '${path}', which is on a drive of Windows`,
        remedy: 'name it relative to this file, or by its path on this machine',
      };
    }
    paths.push(resolve(folder, path));
  }
  // libcosim undoes no escapes: a % may be meant as it is. And \ parts folders where the file was written, not here.
  const distinct = [...new Set(paths)];
  return { path: distinct.length === 1 ? distinct[0]! : (distinct.find((path) => existsSync(path)) ?? distinct[0]!) };
}

/** Without `file:`, in whatever spelling: file:///a, file://localhost/a, file:/a, file:////a, file:a, file://a. */
function pathOf(text: string): string {
  const [, rest] = /^file:(.*)$/is.exec(text) ?? [];
  if (rest === undefined) return text;
  const slashes = rest.replaceAll('\\', '/');
  const [, host = '', path = slashes] = /^\/\/([^/]*)(\/.*|$)/s.exec(slashes) ?? [];
  if (host === '' || host.toLowerCase() === 'localhost') return path.replace(/^\/+(?=[a-z]:\/)/i, '');
  const isShare = process.platform === 'win32' && path !== '' && !/^[a-z]:$/i.test(host);
  // file://a.fmu is no URI of a file, but is written as if it were.
  return isShare ? slashes : `${host}${path}`;
}

/** Whether the FMU is run on this machine, in a process that is started for it. */
export function isStartedHere(source: RemoteSource): boolean {
  return source.kind === 'proxyfmu' && source.port === undefined;
}

/** Whether the program that runs it is ours, and loads its library on this machine. */
export function isRunByOurs(source: RemoteSource): boolean {
  return isStartedHere(source) && !process.env.TWINBRIDGE_PROXYFMU;
}

/** The FMU's archive on this machine, if it is to be here. */
export function localFileOf(source: RemoteSource): string | undefined {
  return 'file' in source ? source.file : undefined;
}

/**
 * The URI again, with `file` for the FMU's archive: as libcosim reads it, too, as far as that can be.
 */
export function formatRemoteSource(source: RemoteSource, file?: string): string {
  if (source.kind === 'amqp-fmu') {
    const [, tls = '', place = ''] = /^amqp(s?):\/\/(.*)$/s.exec(source.broker) ?? [];
    const guid = source.guid === undefined ? '' : `?guid=${escapeValue(source.guid)}`;
    return `amqp${tls}-fmu://${place}/${encodeURIComponent(source.name)}${guid}`;
  }
  const { kind, host, port } = source;
  const place = `${kind}://${bracketed(host)}${port === undefined ? '' : `:${port}`}`;
  if ('url' in source) {
    const isSafe = /^[a-z][a-z0-9+.-]*:\/\//i.test(source.url) && !/&(file|url|guid)=|^\s|\s$/.test(source.url);
    return `${place}?url=${isSafe ? source.url : encodeURIComponent(source.url)}`;
  }
  if ('guid' in source) return `${place}?guid=${escapeValue(source.guid)}`;
  return `${place}?file=${escapeValue(asReference(file ?? source.file))}`;
}

/** The path of a file from a folder, with `/`, which all systems know. */
export function relativeReference(folder: string, file: string): string {
  const found = relative(folder, file);
  return isAbsolute(found) ? file : found.replaceAll('\\', '/');
}

/** Never taken for a scheme. */
function asReference(path: string): string {
  return /^[a-z][a-z0-9+.-]+:/i.test(path) ? `./${path}` : path;
}

/** As little as can be: libcosim undoes no escapes. */
function escapeValue(value: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is escaped
  return value.replace(/%(?=[0-9a-f]{2})|[&\u0000-\u001f\u007f]|^\s|\s$/gi, encodeURIComponent);
}

function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}

/** Whether none but this machine is reached by it, or reaches what listens there. */
export function isThisMachine(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(?:\.\d{1,3}){3}$/.test(host);
}

/** A % that begins no escape, and escapes that are no text, stand for themselves. */
function decode(text: string): string {
  return text.replace(/(?:%[0-9a-f]{2})+/gi, (escapes) => {
    try {
      return decodeURIComponent(escapes);
    } catch {
      return escapes;
    }
  });
}
