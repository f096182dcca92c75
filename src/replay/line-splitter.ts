/** Lines without I/O: bytes are appended, lines come out. LF or CRLF; a missing last line break is fine. */
import { RecordingSyntaxError } from './errors.js';
import { type DecodedText, Utf8Decoder } from './utf8-decoder.js';

export interface TextLine {
  readonly text: string;
  /** From 1. */
  readonly line: number;
}

/** Longest line, in characters: bounds the memory for a file that is no text. */
const MAX_LINE_LENGTH = 1 << 20;

export class LineSplitter {
  readonly #file: string;
  readonly #decoder = new Utf8Decoder();
  #rest = '';
  #line = 1;
  #fault: RecordingSyntaxError | undefined;

  constructor(file: string) {
    this.#file = file;
  }

  /** Why no further line can be read; `push` and `end` return the lines before the fault. */
  get fault(): RecordingSyntaxError | undefined {
    return this.#fault;
  }

  push(bytes: Uint8Array): TextLine[] {
    return this.#advance(this.#decoder.push(bytes), false);
  }

  end(): TextLine[] {
    return this.#advance(this.#decoder.end(), true);
  }

  #advance({ text, valid }: DecodedText, final: boolean): TextLine[] {
    if (this.#fault !== undefined) return [];
    const pieces = (this.#rest + text).split('\n');
    this.#rest = final && valid ? '' : pieces.pop()!;
    if (pieces.at(-1) === '' && final) pieces.pop();
    const lines = pieces.map((piece, index) => ({
      text: piece.endsWith('\r') ? piece.slice(0, -1) : piece,
      line: this.#line + index,
    }));
    this.#line += pieces.length;
    if (!valid)
      this.#fail('a byte that is no UTF-8 text', 'save the file as UTF-8, uncompressed', this.#rest.length + 1);
    else if (this.#rest.length > MAX_LINE_LENGTH) {
      this.#fail(`a line of more than ${MAX_LINE_LENGTH} characters`, 'write one JSON object a line', 1);
    }
    return lines;
  }

  #fail(message: string, remedy: string, column: number): void {
    this.#fault = new RecordingSyntaxError(message, { file: this.#file, line: this.#line, column }, remedy);
  }
}
