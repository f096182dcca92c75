/** YAML files checked against a JSON Schema, every problem with its line and column. */
import { constructFromEvents, type Event, parseEvents, YAMLException } from 'js-yaml';
import { InvalidFileError, type SourceLocation } from './errors.js';
import { checkLocated, type LocatedFile } from './located-file.js';
import { readInput } from './read-input.js';
import type { Validator } from './validator.js';
import { yamlFaults } from './yaml-faults.js';
import { lineCounter, offsetOf, placeAt, yamlPlaces } from './yaml-places.js';

/** So often may a file say `*name`: each may stand for much. */
const MAX_ALIASES = 100;

/** Reads and checks a file. Throws {@link InvalidFileError} with every problem, `InvalidInputError` if unreadable. */
export async function readYamlFile<T>(file: string, validator: Validator<T>): Promise<LocatedFile<T>> {
  return parseYaml(file, (await readInput(file)).toString('utf8'), validator);
}

/** {@link readYamlFile} for text at hand; `file` only names it in messages. */
export function parseYaml<T>(file: string, text: string, validator: Validator<T>): LocatedFile<T> {
  const place = lineCounter(text);
  const at = (offset: number): SourceLocation => ({ file, ...place(offset) });
  const refuse = (problems: readonly { readonly message: string; readonly offset: number }[]) =>
    new InvalidFileError(
      file,
      problems.map(({ message, offset }) => ({ message, location: at(offset) })),
    );
  const orRefuse = <R>(parse: () => R): R => {
    try {
      return parse();
    } catch (error) {
      const all = yamlFaults(text);
      if (all.length > 0) throw refuse(all);
      const isOfText = error instanceof YAMLException;
      throw refuse([
        { message: isOfText ? error.reason : String(error), offset: (isOfText && error.mark?.position) || 0 },
      ]);
    }
  };

  const events = orRefuse((): Event[] => parseEvents(text, {}));
  const { documents, repeated } = yamlPlaces(events, text);
  if (repeated.length > 0) {
    throw refuse(repeated.map(({ key, offset }) => ({ message: `the key '${key}' is there twice`, offset })));
  }
  const [root, second] = documents;
  if (second !== undefined) {
    throw refuse([{ message: 'a second document begins, expected one in a file', offset: second.offset }]);
  }
  const [value = null] = orRefuse(() => constructFromEvents(events, { source: text, maxAliases: MAX_ALIASES }));
  return checkLocated<T>(
    {
      file,
      value,
      locate: (path) => at(offsetOf(root, path, false)),
      locateKey: (path) => at(offsetOf(root, path, true)),
      written: (path) => placeAt(root, path)?.written,
      keys: (path) => [...(placeAt(root, path)?.members?.keys() ?? [])],
    },
    validator,
  );
}
