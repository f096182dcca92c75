/** FMUs by URL: from where it was allowed, and nowhere else, whatever a redirection or a link says. */
import { open, realpath } from 'node:fs/promises';
import { basename } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { InvalidInputError } from '../../support/errors.js';
import { FmuTooLargeToLoadError } from '../instance/fmu-store.js';

export class FmuUrlError extends InvalidInputError {
  override readonly code = 'TB_REMOTE_FMU_URL';
}

export interface FetchOptions {
  /** Beginnings of URLs: `https://models.example.org/`, `file:///srv/fmus/`. */
  readonly allowed: readonly string[];
  readonly maxBytes: number;
  /** ms */
  readonly deadlineMs: number;
}

const MAX_REDIRECTIONS = 5;

/** Throws {@link FmuUrlError} for what is no beginning of URLs. */
export function checkUrlPrefix(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isKnown = url !== undefined && ['http:', 'https:', 'file:'].includes(url.protocol);
  const isPlain = url?.username === '' && url.password === '' && url.search === '' && url.hash === '';
  // Else `…/fmus` would allow `…/fmus-of-others`.
  if (isKnown && isPlain && url.pathname.endsWith('/')) return url.href;
  throw new FmuUrlError(`'${text}' is no beginning of URLs`, {
    remedy: 'expected is a folder, with a slash at its end: https://models.example.org/fmus/ or file:///srv/fmus/',
  });
}

/** Throws {@link FmuUrlError}, `FmuTooLargeToLoadError`. */
export async function fetchFmu(text: string, options: FetchOptions): Promise<{ name: string; data: Uint8Array }> {
  if (!URL.canParse(text)) throw new FmuUrlError(`'${text}' is no URL`);
  const url = new URL(text);
  checkAllowed(url, options);
  const name = basename(decodeURIComponent(url.pathname)).replace(/\.fmu$/i, '') || 'fmu';
  const data = url.protocol === 'file:' ? await readFileOf(url, options) : await download(url, options);
  return { name, data };
}

function checkAllowed(url: URL, { allowed }: FetchOptions): void {
  if (!allowed.some((prefix) => url.href.startsWith(prefix))) throw notAllowed(url);
}

function notAllowed(url: URL): FmuUrlError {
  return new FmuUrlError(`this server does not load from ${url.protocol}//${url.host}`, {
    details: { url: url.href },
    remedy: 'start it with --allow-url and the beginning of such URLs',
  });
}

async function readFileOf(url: URL, options: FetchOptions): Promise<Uint8Array> {
  const failed = (cause: NodeJS.ErrnoException) => {
    throw new FmuUrlError(`cannot read ${url.href}: ${cause.code === 'ENOENT' ? 'no such file' : cause.message}`, {
      cause,
    });
  };
  // A link may lead elsewhere.
  const path = await realpath(fileURLToPath(url)).catch(failed);
  const folders = await Promise.all(
    options.allowed.filter((prefix) => prefix.startsWith('file:')).map((prefix) => realFolder(prefix)),
  );
  const real = pathToFileURL(path);
  if (!folders.some((folder) => real.href.startsWith(folder))) throw notAllowed(real);
  const file = await open(path).catch(failed);
  try {
    const { size } = await file.stat();
    if (size > options.maxBytes) throw tooLarge(size, options);
    return await file.readFile();
  } finally {
    await file.close();
  }
}

async function realFolder(prefix: string): Promise<string> {
  const folder = await realpath(fileURLToPath(prefix)).catch(() => fileURLToPath(prefix));
  const { href } = pathToFileURL(folder);
  return href.endsWith('/') ? href : `${href}/`;
}

async function download(first: URL, options: FetchOptions): Promise<Uint8Array> {
  const signal = AbortSignal.timeout(options.deadlineMs);
  let url = first;
  try {
    for (let redirections = 0; redirections <= MAX_REDIRECTIONS; redirections++) {
      const response = await fetch(url, { redirect: 'manual', signal });
      const location = response.headers.get('location');
      if (response.status >= 300 && response.status < 400 && location !== null) {
        await response.body?.cancel();
        url = new URL(location, url);
        checkAllowed(url, options);
        continue;
      }
      if (!response.ok) throw new FmuUrlError(`${url.href} answers ${response.status} ${response.statusText}`);
      return await readBody(response, options);
    }
  } catch (error) {
    if (error instanceof FmuUrlError || error instanceof FmuTooLargeToLoadError) throw error;
    const { cause, message } = error as Error;
    throw new FmuUrlError(`cannot load ${url.href}: ${cause instanceof Error ? cause.message : message}`, {
      cause: error,
    });
  }
  throw new FmuUrlError(`${first.href} is redirected more than ${MAX_REDIRECTIONS} times`);
}

async function readBody({ body, headers }: Response, options: FetchOptions): Promise<Uint8Array> {
  const said = Number(headers.get('content-length') ?? 0);
  if (said > options.maxBytes) throw tooLarge(said, options);
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of body ?? []) {
    parts.push(part);
    bytes += part.length;
    if (bytes > options.maxBytes) throw tooLarge(bytes, options);
  }
  return Buffer.concat(parts);
}

function tooLarge(bytes: number, { maxBytes }: FetchOptions): FmuTooLargeToLoadError {
  return new FmuTooLargeToLoadError(`the FMU has ${bytes} bytes or more, the limit here is ${maxBytes}`, {
    details: { bytes, maxBytes },
  });
}
