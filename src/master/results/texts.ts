/** Texts and bytes of a batch of rows. */
import type { RowBatch } from './rows.js';

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** In the batch's own memory: valid as long as it is. */
export function textAt({ integers, texts }: RowBatch, cell: number): Uint8Array {
  const extent = integers[cell]!;
  const offset = Number(extent & 0xffffffffn);
  const length = Number((extent >> 32n) & 0xffffffffn);
  if (offset + length > texts.length) throw new RangeError('a text of the results lies outside of their memory');
  return texts.subarray(offset, offset + length);
}

/** What is no UTF-8 is replaced by U+FFFD. */
export function decodeText(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}
