/**
 * All faults of a text that is no YAML. The parser that reads files (yaml-file.ts) is fast and ends at the first; this one
 * is slow, goes on, and is loaded only for that.
 */
import { createRequire } from 'node:module';

export interface YamlFault {
  readonly message: string;
  /** In the text, from 0. */
  readonly offset: number;
}

export function yamlFaults(text: string): YamlFault[] {
  const { parseAllDocuments } = createRequire(import.meta.url)('yaml') as typeof import('yaml');
  const documents = parseAllDocuments(text, { prettyErrors: false, uniqueKeys: true });
  const errors = Array.isArray(documents) ? documents.flatMap((document) => document.errors) : [];
  return errors.map(({ message, pos }) => ({ message, offset: pos[0] }));
}
