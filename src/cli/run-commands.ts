/** The lines of `twinbridge run --interactive`. */
import type { Command } from '../master/index.js';
import { ExitCode, TwinbridgeError } from '../support/errors.js';
import { didYouMean } from '../support/nearest.js';

/** A line that means nothing. */
export class LineError extends TwinbridgeError {
  override readonly code = 'TB_CLI_LINE';
  override readonly exitCode: ExitCode = ExitCode.usage;
}

const WORDS = ['pause', 'resume', 'step', 'set', 'get', 'stop'] as const;

/** undefined: an empty line, or a comment. Throws {@link LineError}. */
export function parseCommand(line: string): Command | { readonly kind: 'stop' } | undefined {
  const words = split(line);
  const [word, name, ...rest] = words;
  if (word === undefined || word.startsWith('#')) return undefined;
  switch (word) {
    case 'pause':
    case 'resume':
    case 'stop':
      return { kind: word };
    case 'step': {
      const count = name === undefined ? 1 : Number(name);
      if (!Number.isSafeInteger(count) || count < 1) throw new LineError(`'${name}' is no number of steps`);
      return { kind: 'step', count };
    }
    case 'get':
      if (name === undefined) throw new LineError('get what? expected: get component.variable');
      return { kind: 'get', name };
    case 'set':
      if (name === undefined || rest.length === 0) throw new LineError('expected: set component.variable value…');
      return { kind: 'set', name, values: rest.map(toValue) };
    default:
      throw new LineError(`unknown command '${word}'${didYouMean(word, WORDS)}`, {
        remedy: `commands are ${WORDS.join(', ')}`,
      });
  }
}

/** By blanks, but for those in double quotes. */
function split(line: string): string[] {
  return [...line.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g)].map(([, quoted, plain]) =>
    quoted === undefined ? plain! : `"${quoted}"`,
  );
}

function toValue(word: string): number | boolean | string {
  if (word.startsWith('"')) return JSON.parse(word) as string;
  if (word === 'true' || word === 'false') return word === 'true';
  return word !== '' && Number.isFinite(Number(word)) ? Number(word) : word;
}
