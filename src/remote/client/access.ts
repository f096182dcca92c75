/** How servers of remote FMUs are got at, and what to do if they are not. */
import type { RemoteSource } from '../source.js';

/** That servers want which are not for their own machine only: `TWINBRIDGE_PROXY_TOKEN`. */
export function proxyToken(): string | undefined {
  return process.env.TWINBRIDGE_PROXY_TOKEN || undefined;
}

/** If nobody is there. */
export function remedyFor(source: RemoteSource): string | undefined {
  if (source.kind === 'fmu-proxy') {
    return `check that the server runs there: twinbridge fmu-proxy -thrift/tcp ${source.port}`;
  }
  if (source.kind === 'proxyfmu' && source.port !== undefined) {
    return `check that the server runs there: twinbridge proxyfmu boot --port ${source.port}`;
  }
  return undefined;
}
