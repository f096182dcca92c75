/** Which variables of two terminals are linked (FMI 3.0.2, section 2.4.9.2). */
import type { FmuTerminal } from '../../../fmi/index.js';

export type MatchedTerminals = { readonly pairs: readonly (readonly [string, string])[] } | { readonly fault: string };

/** The rule of FMUs that simulate bus communication (FMI-LS-BUS): what the one sends the other receives. */
const TRANSCEIVER = 'org.fmi-ls-bus.transceiver';
const CROSSED: readonly (readonly [string, string])[] = [
  ['Tx_Data', 'Rx_Data'],
  ['Tx_Clock', 'Rx_Clock'],
  ['Rx_Data', 'Tx_Data'],
  ['Rx_Clock', 'Tx_Clock'],
];

export function matchTerminals(one: FmuTerminal, other: FmuTerminal): MatchedTerminals {
  if (one.kind !== other.kind) return { fault: `they are of kinds ${one.kind ?? 'none'} and ${other.kind ?? 'none'}` };
  if (one.matchingRule !== other.matchingRule) {
    return { fault: `they match by ${one.matchingRule} and by ${other.matchingRule}` };
  }
  const members = matchMembers(one, other);
  if ('fault' in members) return members;
  const pairs = [...members.pairs];
  for (const inner of one.terminals) {
    const opposite = other.terminals.find(({ name }) => name === inner.name);
    if (opposite === undefined) continue;
    const nested = matchTerminals(inner, opposite);
    if ('fault' in nested) return { fault: `'${inner.name}': ${nested.fault}` };
    pairs.push(...nested.pairs);
  }
  return { pairs };
}

function matchMembers(one: FmuTerminal, other: FmuTerminal): MatchedTerminals {
  const variableOf = (terminal: FmuTerminal, name: string | undefined) =>
    terminal.members.find((member) => member.name === name)?.variable;
  const byName = (names: readonly (readonly [string, string])[]) =>
    names.flatMap(([mine, theirs]): (readonly [string, string])[] => {
      const [a, b] = [variableOf(one, mine), variableOf(other, theirs)];
      return a === undefined || b === undefined ? [] : [[a, b]];
    });
  const names = one.members.flatMap(({ name }) => (name === undefined ? [] : [name]));
  const common = byName(names.map((name) => [name, name]));
  switch (one.matchingRule) {
    case 'plug':
      if (common.length === one.members.length && common.length === other.members.length) return { pairs: common };
      return { fault: 'their members have not the same names' };
    case 'bus':
      return { pairs: common };
    case 'sequence':
      if (one.members.length !== other.members.length) {
        return { fault: `they have ${one.members.length} and ${other.members.length} members` };
      }
      return { pairs: one.members.map(({ variable }, index) => [variable, other.members[index]!.variable]) };
    case TRANSCEIVER:
      return { pairs: byName(CROSSED) };
    default:
      return { fault: `the matching rule '${one.matchingRule}' is not known` };
  }
}
