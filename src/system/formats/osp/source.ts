/** The `source` of a simulator: a URI reference, relative to the file it stands in. */
import { resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

export type FmuSource = { readonly path: string } | { readonly fault: string; readonly remedy: string };

/** Of proxyfmu and its predecessor FMU-proxy, which run the FMU in another process or on another machine. */
const REMOTE_SCHEMES: readonly string[] = ['proxyfmu', 'fmu-proxy'];

/** The FMU's absolute path, or why there is none. `file` is what the reference is relative to. */
export function resolveSource(source: string, file: string): FmuSource {
  const text = source.trim();
  if (text === '') return { fault: 'has an empty source', remedy: 'name the FMU, relative to this file' };
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(text)?.[1]?.toLowerCase();
  if (scheme !== undefined && REMOTE_SCHEMES.includes(scheme)) {
    return {
      fault: `has the remote FMU '${text}', and remote FMUs are not run yet`,
      remedy: 'name a file on this machine',
    };
  }
  if (scheme?.length === 1) {
    if (process.platform === 'win32') return { path: resolve(text) };
    return {
      fault: `has '${text}' for a source, which is no URI`,
      remedy: `write file:///${text.replaceAll('\\', '/')}`,
    };
  }
  if (scheme !== undefined && scheme !== 'file') {
    return { fault: `has a source of the scheme '${scheme}'`, remedy: 'name a file on this machine' };
  }
  try {
    return { path: fileURLToPath(new URL(text, pathToFileURL(resolve(file)))) };
  } catch {
    return {
      fault: `has '${text}' for a source, which names no file on this machine`,
      remedy: "write file:///… or a relative path; '%' begins two hexadecimal digits",
    };
  }
}
