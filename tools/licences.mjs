/** Licences of packages that are in a bundle: they go where the bundle goes. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** `inputs`: what the bundle was made of, relative to this checkout; `licences`: the folder, as well. */
export function collectLicences(inputs, licences) {
  const packages = new Set(inputs.flatMap((input) => /^node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(input)?.[1] ?? []));
  mkdirSync(join(root, licences), { recursive: true });
  for (const name of packages) {
    const folder = join(root, 'node_modules', name);
    const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
    const { version, license, author } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    if (file === undefined && license === undefined) throw new Error(`${name} is bundled and names no licence`);
    const holder = typeof author === 'object' ? author.name : (author ?? 'its authors');
    // Some packages name their licence and leave its text out.
    const text = file === undefined ? `${license}, (c) ${holder}\n` : readFileSync(join(folder, file), 'utf8');
    const target = join(root, licences, `${name.replace('@', '').replace('/', '-')}.txt`);
    writeFileSync(target, `${name} ${version}\n\n${text}`);
  }
}
