/** `terminalsAndIcons/terminalsAndIcons.xml`: variables that are connected together (FMI 3.0.2, section 2.4.9). */
import { InvalidFileError, type Problem } from '../support/errors.js';
import { AttributeReader } from '../support/xml/attribute-reader.js';
import { parseXml, type XmlElement } from '../support/xml/tree.js';
import { readArchive } from './archive.js';

export interface FmuTerminal {
  readonly name: string;
  /** `plug`, `bus`, `sequence`, or one of an application's own. */
  readonly matchingRule: string;
  readonly kind?: string;
  readonly members: readonly FmuTerminalMember[];
  readonly terminals: readonly FmuTerminal[];
}

export interface FmuTerminalMember {
  /** Absent under the rule `sequence`. */
  readonly name?: string;
  /** Of modelDescription.xml. */
  readonly variable: string;
}

const TERMINALS = 'terminalsAndIcons/terminalsAndIcons.xml';

/** Of an FMU without them: none. Throws as `readFmu` does. */
export async function readTerminals(file: string): Promise<readonly FmuTerminal[]> {
  const xml = await readArchive(file, 'FMU', async ({ names, read }) =>
    names.includes(TERMINALS) ? read(TERMINALS) : undefined,
  );
  return xml === undefined ? [] : parseTerminals(`${file}/${TERMINALS}`, xml);
}

/** {@link readTerminals} for the file at hand. */
export function parseTerminals(file: string, xml: Uint8Array): readonly FmuTerminal[] {
  const problems: Problem[] = [];
  const lists = parseXml(file, xml).children.filter(({ name }) => name === 'Terminals');
  const terminals = lists.flatMap((list) => readList(list, problems));
  if (problems.length > 0) throw new InvalidFileError(file, problems);
  return terminals;
}

function readList(parent: XmlElement, problems: Problem[]): FmuTerminal[] {
  return parent.children
    .filter(({ name }) => name === 'Terminal')
    .map((element) => {
      const attributes = new AttributeReader(element, problems);
      const kind = attributes.string('terminalKind');
      const members = element.children
        .filter(({ name }) => name === 'TerminalMemberVariable')
        .map((member): FmuTerminalMember => {
          const reader = new AttributeReader(member, problems);
          const name = reader.string('memberName');
          return { variable: reader.required('variableName') ?? '', ...(name === undefined ? {} : { name }) };
        });
      return {
        name: attributes.required('name') ?? '',
        matchingRule: attributes.required('matchingRule') ?? '',
        ...(kind === undefined ? {} : { kind }),
        members,
        terminals: readList(element, problems),
      };
    });
}
