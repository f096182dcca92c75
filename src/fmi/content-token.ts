/** GUIDs and instantiation tokens of FMUs that are built here: the same content has the same one. */
import { createHash } from 'node:crypto';

/** A UUID of version 8 (RFC 9562, section 5.8: any content), in the braces that GUIDs of FMUs wear. */
export function contentToken(parts: readonly (string | Buffer)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) {
    const bytes = Buffer.from(part);
    // The length too, so that no two lists of parts read the same.
    hash.update(`${bytes.length}\n`).update(bytes);
  }
  const digest = hash.digest().subarray(0, 16);
  digest[6] = (digest[6]! & 0x0f) | 0x80;
  digest[8] = (digest[8]! & 0x3f) | 0x80;
  const hex = digest.toString('hex');
  return `{${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}}`;
}
