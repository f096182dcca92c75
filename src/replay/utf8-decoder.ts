/**
 * Bytes in, text out, with the exact place of the first byte that is no UTF-8.
 *
 * `TextDecoder` either replaces bad bytes silently or throws without saying where; a recording in another encoding
 * deserves a message with line and column.
 */
import { isAscii, isUtf8 } from 'node:buffer';

export interface DecodedText {
  readonly text: string;
  /** False: the byte after `text` is no UTF-8, and the decoder must not be used further. */
  readonly valid: boolean;
}

export class Utf8Decoder {
  /** The first bytes of a character whose last bytes have not arrived. */
  #carry: Buffer = Buffer.alloc(0);
  #atStart = true;

  /** Copies what it keeps: the caller may reuse `bytes`. */
  push(bytes: Uint8Array): DecodedText {
    const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const all = this.#carry.length === 0 ? view : Buffer.concat([this.#carry, view]);
    const whole = all.length - unfinishedTail(all);
    this.#carry = Buffer.from(all.subarray(whole));
    return this.#decode(all.subarray(0, whole));
  }

  end(): DecodedText {
    const rest = this.#carry;
    this.#carry = Buffer.alloc(0);
    return this.#decode(rest);
  }

  #decode(bytes: Buffer): DecodedText {
    if (isAscii(bytes)) {
      if (bytes.length > 0) this.#atStart = false;
      return { text: bytes.toString('latin1'), valid: true };
    }
    const valid = isUtf8(bytes);
    const text = valid ? bytes.toString('utf8') : validPrefix(bytes);
    const hasMark = this.#atStart && text.startsWith('\uFEFF');
    this.#atStart = false;
    return { text: hasMark ? text.slice(1) : text, valid };
  }
}

/** How many bytes at the end may be the beginning of a character that is cut by the end of the chunk. */
function unfinishedTail(bytes: Buffer): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back]!;
    if (byte < 0x80) return 0;
    if (byte >= 0xc0) {
      const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
      return back < length ? back : 0;
    }
  }
  return 0;
}

/** The text before the first bad byte: a replacement character in the decoded text that is not one in the bytes. */
function validPrefix(bytes: Buffer): string {
  const lossy = bytes.toString('utf8');
  let offset = 0;
  let from = 0;
  for (;;) {
    const at = lossy.indexOf('\uFFFD', from);
    offset += Buffer.byteLength(lossy.slice(from, at));
    if (bytes[offset] !== 0xef || bytes[offset + 1] !== 0xbf || bytes[offset + 2] !== 0xbd) return lossy.slice(0, at);
    offset += 3;
    from = at + 1;
  }
}
