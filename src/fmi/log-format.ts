/**
 * Value references in log messages: `#r17#` stands for the name of Real variable 17, `##` for `#` (FMI 2.0.4, section
 * 2.1.5).
 */
import type { ModelDescription, VariableType } from './model-description.js';

const PREFIX: Readonly<Record<VariableType, string>> = {
  Real: 'r',
  Integer: 'i',
  Enumeration: 'i',
  Boolean: 'b',
  String: 's',
};

export class MessageFormatter {
  readonly #description: ModelDescription;
  #names: Map<string, string> | undefined;

  constructor(description: ModelDescription) {
    this.#description = description;
  }

  expand(message: string): string {
    if (!message.includes('#')) return message;
    // Made when first needed: most FMUs never write a reference.
    this.#names ??= new Map(
      this.#description.variables.map(({ type, valueReference, name }) => [`${PREFIX[type]}${valueReference}`, name]),
    );
    const names = this.#names;
    return message.replace(/#([ribs]\d+)?#/g, (written, reference: string | undefined) =>
      reference === undefined ? '#' : (names.get(reference) ?? written),
    );
  }
}
