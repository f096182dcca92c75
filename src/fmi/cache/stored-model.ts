/**
 * What a modelDescription.xml says, kept as JSON: reading it is many times faster than reading XML.
 *
 * JSON has no integers of 64 bits, infinities, NaN or -0, all of which stand in model descriptions. They are kept as
 * text, each with its place in the model.
 */
import { createHash } from 'node:crypto';
import { existsSync, lstatSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Problem } from '../../support/errors.js';
import type { FmuModel } from '../fmu-model.js';
import { readObject, replaceFile } from './files.js';

export interface StoredModel {
  readonly model: FmuModel;
  /** Their places name `describedFile`, whatever the path of the archive. */
  readonly warnings: readonly Problem[];
  readonly platforms: readonly string[];
}

/** To be raised with every change of this file's format; changes of `FmuModel` and of its readers make another build. */
const SCHEMA = 1;
/** Stands for the path of the modelDescription.xml in warnings that are kept. */
const ANY_FILE = 'modelDescription.xml';

type Place = readonly (string | number)[];
type Odd = readonly [place: Place, kind: 'bigint' | 'number', text: string];

/** What this process has read, as long as it is in use. */
const known = new Map<string, WeakRef<StoredModel>>();

/** `content` is the SHA-256 of the archive, `entry` its folder in the cache. */
export function loadModel(entry: string, content: string): StoredModel | undefined {
  const remembered = known.get(content)?.deref();
  if (remembered !== undefined) return remembered;
  const { schema, build, model, warnings, platforms, odd } = readObject(modelFile(entry)) ?? {};
  if (schema !== SCHEMA || build !== buildId()) return undefined;
  // Of this schema and this build, in a folder of this user: it is what `storeModel` wrote.
  for (const one of odd as Odd[]) restore(model, one);
  const stored = { model, warnings, platforms } as StoredModel;
  known.set(content, new WeakRef(stored));
  return stored;
}

export function storeModel(entry: string, content: string, stored: StoredModel): void {
  const odd: Odd[] = [];
  collectOdd(stored.model, [], odd);
  const text = JSON.stringify({ schema: SCHEMA, build: buildId(), ...stored, odd }, (_, value: unknown) =>
    typeof value === 'bigint' ? null : value,
  );
  replaceFile(modelFile(entry), text);
  known.set(content, new WeakRef(stored));
}

/** Whether the entry has the model, which this process may remember from elsewhere. */
export function hasModel(entry: string): boolean {
  return existsSync(modelFile(entry));
}

/** Warnings as they are kept, made from those of the archive at `file`. */
export function withoutFile(warnings: readonly Problem[]): Problem[] {
  return warnings.map((warning) => ({ ...warning, location: { ...warning.location, file: ANY_FILE } }));
}

/** Warnings as they are told of the archive at `file`. */
export function warningsFor(file: string, warnings: readonly Problem[]): Problem[] {
  return warnings.map((warning) => ({ ...warning, location: { ...warning.location, file: `${file}/${ANY_FILE}` } }));
}

function modelFile(entry: string): string {
  return join(entry, `model-${buildId()}.json`);
}

function collectOdd(value: unknown, place: (string | number)[], odd: Odd[]): void {
  if (typeof value === 'bigint') odd.push([[...place], 'bigint', String(value)]);
  else if (typeof value === 'number') {
    if (!Number.isFinite(value) || Object.is(value, -0)) {
      odd.push([[...place], 'number', Object.is(value, -0) ? '-0' : String(value)]);
    }
  } else if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) collectOdd(item, [...place, index], odd);
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, item] of Object.entries(value)) collectOdd(item, [...place, key], odd);
  }
}

function restore(model: unknown, [place, kind, text]: Odd): void {
  let owner = model as Record<string | number, unknown>;
  for (const step of place.slice(0, -1)) owner = owner[step] as Record<string | number, unknown>;
  owner[place.at(-1)!] = kind === 'bigint' ? BigInt(text) : Number(text);
}

let build: string | undefined;

/** Names this build of what reads model descriptions: a cache is read by the build that wrote it, and by no other. */
export function buildId(): string {
  build ??= nameBuild();
  return build;
}

function nameBuild(): string {
  const here = join(dirname(fileURLToPath(import.meta.url)), '..');
  const hash = createHash('sha256').update(readFileSync(join(here, '../../package.json')));
  for (const folder of [here, join(here, 'fmi1'), join(here, 'fmi3'), join(here, '../support/xml')]) {
    for (const name of readdirSync(folder).sort()) {
      if (!name.endsWith('.js')) continue;
      const { size, mtimeMs } = lstatSync(join(folder, name));
      hash.update(`${name} ${size} ${mtimeMs}\n`);
    }
  }
  return hash.digest('hex').slice(0, 12);
}
