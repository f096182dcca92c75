/** The commands that a gateway reads are those that the shim sends: fmu-shim/src/far/wire.h has their numbers. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { CommandKind } from '#tb/remote/broker/commands.js';

it('commands have the numbers that they have in C', () => {
  const header = readFileSync(new URL('../../fmu-shim/src/far/wire.h', import.meta.url), 'utf8');
  const body = /typedef enum \{([^}]*)\} tb_command_kind;/.exec(header.replaceAll(/\/\*[\s\S]*?\*\//g, ''))?.[1] ?? '';
  const names = body.split(',').flatMap((line) => line.trim().replace('TB_DO_', '') || []);
  expect(names).toContain('DESERIALIZE_STATE');
  const inC = names.map((name, number) => [name, number]);
  const here = Object.entries(CommandKind).map(([name, number]) => [
    name.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase(),
    number,
  ]);
  expect(here).toEqual(inC);
});
