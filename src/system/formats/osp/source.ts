/** The `source` of a simulator: a URI reference, relative to the file it stands in. */
import { dirname, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { type SourceFault, schemeOf, unknownScheme } from '../../../remote/index.js';
import { type FmuPlace, remotePlace } from '../remote-place.js';

/** The FMU, or why there is none. `file` is what the reference is relative to. */
export function resolveSource(source: string, file: string): FmuPlace | SourceFault {
  const text = source.trim();
  if (text === '') return { fault: 'has an empty source', remedy: 'name the FMU, relative to this file' };
  const remote = remotePlace(text, dirname(resolve(file)));
  if (remote !== undefined) return remote;
  if (/^[A-Za-z]:/.test(text)) {
    if (process.platform === 'win32') return { fmu: resolve(text) };
    return {
      fault: `has '${text}' for a source, which is no URI`,
      remedy: `write file:///${text.replaceAll('\\', '/')}`,
    };
  }
  const scheme = schemeOf(text);
  if (scheme !== undefined && scheme !== 'file') return unknownScheme(text);
  try {
    return { fmu: fileURLToPath(new URL(text, pathToFileURL(resolve(file)))) };
  } catch {
    return {
      fault: `has '${text}' for a source, which names no file on this machine`,
      remedy: "write file:///… or a relative path; '%' begins two hexadecimal digits",
    };
  }
}
