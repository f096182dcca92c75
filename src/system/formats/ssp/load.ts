/** An SSD file together with all files that it refers to: FMUs, parameter sets, mappings, dictionaries, other systems. */
import { dirname } from 'node:path';
import { readArchive } from '../../../fmi/index.js';
import { locateFile, readRemoteUri, schemeOf } from '../../../remote/index.js';
import { type SourceLocation, TwinbridgeError } from '../../../support/errors.js';
import { didYouMean } from '../../../support/nearest.js';
import type { XmlElement } from '../../../support/xml/tree.js';
import { isArchiveHere } from '../../system.js';
import { type FmuPlace, placeOf } from '../remote-place.js';
import {
  readDescription,
  type SsdBinding,
  type SsdComponent,
  type SsdDescription,
  type SsdElement,
  type SsdReference,
  type SsdSystem,
} from './description.js';
import { checkRoot, type Findings, parseDocument, SSB, SSD, SSM, SSV, type SspNamespace } from './document.js';
import { type OpenedSsp, openSsp, resolveUri, type SspFolder, type UriTarget } from './folder.js';
import { type MappingEntry, readParameterMapping } from './parameter-mapping.js';
import { type ParameterSet, readParameterSet } from './parameter-set.js';
import { type DictionaryEntry, readSignalDictionary } from './signal-dictionary.js';

export interface FmuFile extends FmuPlace {
  /** For messages. */
  readonly name: string;
}

export interface LoadedBinding {
  readonly set: ParameterSet;
  readonly mapping?: readonly MappingEntry[];
}

export interface LoadedSsp {
  readonly description: SsdDescription;
  readonly fmus: ReadonlyMap<SsdComponent, FmuFile>;
  /** Components that are systems of other files, or of another place in this one. */
  readonly systems: ReadonlyMap<SsdComponent, { readonly ssp: LoadedSsp; readonly system: SsdSystem }>;
  readonly bindings: ReadonlyMap<SsdBinding, LoadedBinding>;
  readonly dictionaries: ReadonlyMap<SsdReference, ReadonlyMap<string, DictionaryEntry>>;
}

const FMU = 'application/x-fmu-sharedlibrary';
const SSD_FILE = 'application/x-ssp-definition';
const SSP_FILE = 'application/x-ssp-package';

/** undefined if the file is no description; everything that is wrong is reported. */
export async function loadSsp({ folder, ssd }: OpenedSsp, findings: Findings): Promise<LoadedSsp | undefined> {
  return new Loader(folder, ssd, findings, [], new Map()).load();
}

class Loader {
  readonly #folder: SspFolder;
  readonly #ssd: string;
  readonly #findings: Findings;
  /** Names of the files on the way here: none of them can be part of this one. */
  readonly #outer: readonly string[];
  /** By name: each file is read once, however many components it is. */
  readonly #read: Map<string, LoadedSsp | undefined>;
  readonly #fmus = new Map<SsdComponent, FmuFile>();
  readonly #systems = new Map<SsdComponent, { readonly ssp: LoadedSsp; readonly system: SsdSystem }>();
  readonly #bindings = new Map<SsdBinding, LoadedBinding>();
  readonly #dictionaries = new Map<SsdReference, ReadonlyMap<string, DictionaryEntry>>();

  constructor(
    folder: SspFolder,
    ssd: string,
    findings: Findings,
    outer: readonly string[],
    read: Map<string, LoadedSsp | undefined>,
  ) {
    this.#folder = folder;
    this.#ssd = ssd;
    this.#findings = findings;
    this.#outer = outer;
    this.#read = read;
  }

  async load(): Promise<LoadedSsp | undefined> {
    const name = this.#folder.nameOf(this.#ssd);
    const bytes = await this.#folder.read(this.#ssd);
    const root = bytes && parseDocument(name, bytes, SSD, this.#findings);
    const description = root && readDescription(root, this.#findings);
    if (description === undefined) return undefined;
    const loaded: LoadedSsp = {
      description,
      fmus: this.#fmus,
      systems: this.#systems,
      bindings: this.#bindings,
      dictionaries: this.#dictionaries,
    };
    await this.#element(description.system, loaded);
    return loaded;
  }

  async #element(element: SsdElement, loaded: LoadedSsp): Promise<void> {
    if (element.kind === 'component') await this.#component(element, loaded);
    for (const binding of element.bindings) await this.#binding(binding, element);
    if (element.kind !== 'system') return;
    for (const reference of element.dictionaries.values()) {
      const root = await this.#content(reference, SSB, undefined);
      if (root !== undefined) this.#dictionaries.set(reference, readSignalDictionary(root, this.#findings));
    }
    for (const inner of element.elements) await this.#element(inner, loaded);
  }

  // -- Components ---------------------------------------------------------------------------------------------------

  async #component(component: SsdComponent, loaded: LoadedSsp): Promise<void> {
    const { name, type, source, implementation, location } = component;
    if (source === undefined || source === '') {
      return this.#report(`component '${name}' has no source: nothing can be run`, location);
    }
    // Parameters of the type, such as the path of a Modelica class, stand behind a semicolon.
    const [kind = ''] = type.split(';');
    if (![FMU, SSD_FILE, SSP_FILE].includes(kind.trim())) {
      const message = `component '${name}' is of the type '${type}'${didYouMean(kind, [FMU, SSD_FILE, SSP_FILE])}`;
      return this.#report(message, location, `twinbridge runs FMUs (${FMU}) and systems of them`);
    }
    if (kind.trim() === FMU && isUriOfFmu(source)) return this.#remote(component, source);
    const target = this.#resolve(source, this.#ssd, location);
    if (target === undefined) return;
    if (target.path === '') return this.#sameDocument(component, target.fragment ?? '', loaded);
    if (kind.trim() === FMU && isNoCoSimulation(implementation)) {
      const message = `component '${name}' is to be used by ${implementation}, twinbridge does co-simulation`;
      return this.#report(message, location, 'use another FMU or, if it can do both, implementation="CoSimulation"');
    }
    if (kind.trim() === SSD_FILE) return this.#inner(component, { folder: this.#folder, ssd: target.path });
    const path = await this.#folder.locate(target.path);
    if (path === undefined) return this.#missing(target.path, source, location);
    const shown = this.#folder.nameOf(target.path);
    if (kind.trim() === FMU) this.#fmus.set(component, { fmu: path, name: shown });
    else await this.#package(component, path, shown, target.fragment);
  }

  /** An FMU that runs elsewhere; its archive, if it has one here, is where those of other components are. */
  async #remote(component: SsdComponent, source: string): Promise<void> {
    const { name, implementation, location } = component;
    if (isNoCoSimulation(implementation)) {
      const message = `component '${name}' is to be used by ${implementation}, remote FMUs do co-simulation`;
      return this.#report(message, location);
    }
    const remote = readRemoteUri(source);
    if ('fault' in remote) return this.#report(`component '${name}' ${remote.fault}`, location, remote.remedy);
    if (!('file' in remote)) {
      this.#fmus.set(component, { ...placeOf(remote), name: remote.uri });
      return;
    }
    const target = this.#folder.isArchive
      ? this.#resolve(remote.file, this.#ssd, location)
      : locateFile(remote.file, dirname(this.#folder.nameOf(this.#ssd)));
    if (target === undefined) return;
    if ('fault' in target) return this.#report(`component '${name}' ${target.fault}`, location, target.remedy);
    const path = await this.#folder.locate(target.path);
    if (path === undefined) return this.#missing(target.path, source, location);
    this.#fmus.set(component, { ...placeOf({ ...remote, file: path }), name: this.#folder.nameOf(target.path) });
  }

  /** A system of this very file, by its `id`. */
  #sameDocument(component: SsdComponent, id: string, loaded: LoadedSsp): void {
    const systems = allSystems(loaded.description.system);
    const system = systems.find(({ xml }) => xml.attributes.get('id') === id);
    if (system !== undefined) {
      this.#systems.set(component, { ssp: loaded, system });
      return;
    }
    const ids = systems.flatMap(({ xml }) => xml.attributes.get('id') ?? []);
    this.#report(`no system in this file has the id '${id}'${didYouMean(id, ids)}`, component.location);
  }

  async #package(component: SsdComponent, path: string, name: string, variant: string | undefined): Promise<void> {
    try {
      await openSsp(path, variant, (opened) => this.#inner(component, opened), name);
    } catch (error) {
      if (!(error instanceof TwinbridgeError)) throw error;
      this.#report(error.message.replaceAll(path, name), component.location, error.remedy);
    }
  }

  async #inner(component: SsdComponent, { folder, ssd }: OpenedSsp): Promise<void> {
    const outer = [...this.#outer, this.#folder.nameOf(this.#ssd)];
    if (outer.includes(folder.nameOf(ssd))) {
      return this.#report(`${folder.nameOf(ssd)} is a part of itself`, component.location);
    }
    if ((await folder.locate(ssd)) === undefined) return this.#missing(ssd, component.source ?? '', component.location);
    const name = folder.nameOf(ssd);
    if (!this.#read.has(name)) {
      this.#read.set(name, await new Loader(folder, ssd, this.#findings, outer, this.#read).load());
    }
    const ssp = this.#read.get(name);
    if (ssp !== undefined) this.#systems.set(component, { ssp, system: ssp.description.system });
  }

  // -- Files and content --------------------------------------------------------------------------------------------

  async #binding(binding: SsdBinding, element: SsdElement): Promise<void> {
    const values = await this.#content(binding.values, SSV, element);
    const mapped = binding.mapping && (await this.#content(binding.mapping, SSM, element));
    if (values === undefined || (binding.mapping !== undefined && mapped === undefined)) return;
    this.#bindings.set(binding, {
      set: readParameterSet(values, this.#findings),
      ...(mapped === undefined ? {} : { mapping: readParameterMapping(mapped, this.#findings) }),
    });
  }

  /** The root element of what a reference leads to. */
  async #content(
    { uri, inComponent, content, location }: SsdReference,
    namespace: SspNamespace,
    element: SsdElement | undefined,
  ): Promise<XmlElement | undefined> {
    if (uri === undefined) return content && checkRoot(content, namespace, this.#findings);
    const found = inComponent ? await this.#insideOf(element, uri, location) : await this.#beside(uri, location);
    return found && parseDocument(found.name, found.bytes, namespace, this.#findings);
  }

  async #beside(uri: string, location: SourceLocation) {
    const target = this.#resolve(uri, this.#ssd, location);
    if (target === undefined) return undefined;
    const bytes = await this.#folder.read(target.path);
    if (bytes !== undefined) return { bytes, name: this.#folder.nameOf(target.path) };
    await this.#missing(target.path, uri, location);
    return undefined;
  }

  /** `sourceBase="component"`: in the FMU or the package, or relative to the other SSD file. */
  async #insideOf(element: SsdElement | undefined, uri: string, location: SourceLocation) {
    const source = element?.kind === 'component' ? element.source : undefined;
    if (element?.kind !== 'component' || source === undefined) {
      this.#report(`'${uri}' is to be in the component, but this is none`, location, 'leave out sourceBase');
      return undefined;
    }
    const fmu = this.#fmus.get(element);
    if (fmu !== undefined && !isArchiveHere(fmu)) {
      this.#report(`'${uri}' is to be in the FMU, which is not on this machine: ${fmu.name}`, location);
      return undefined;
    }
    if (fmu !== undefined) return this.#insideArchive(fmu.fmu, fmu.name, 'FMU', uri, location);
    if (element.type === FMU) return undefined; // reported at the component
    const base = this.#resolve(source, this.#ssd, location);
    const path = base && (await this.#folder.locate(base.path));
    if (base === undefined || path === undefined) return undefined;
    if (element.type === SSD_FILE) {
      const target = this.#resolve(uri, base.path, location);
      const bytes = target && (await this.#folder.read(target.path));
      if (target !== undefined && bytes !== undefined) return { bytes, name: this.#folder.nameOf(target.path) };
      if (target !== undefined) await this.#missing(target.path, uri, location);
      return undefined;
    }
    return this.#insideArchive(path, this.#folder.nameOf(base.path), 'SSP', uri, location);
  }

  async #insideArchive(path: string, archive: string, kind: 'FMU' | 'SSP', uri: string, location: SourceLocation) {
    try {
      return await readArchive(path, kind, async ({ names, read }) => {
        const inside = resolveUri(uri, '', true);
        if ('fault' in inside) {
          this.#report(inside.fault, location);
          return undefined;
        }
        if (names.includes(inside.path)) {
          return { bytes: await read(inside.path), name: `${archive}/${inside.path}` };
        }
        this.#report(`${archive} holds no '${inside.path}'${didYouMean(inside.path, names)}`, location);
        return undefined;
      });
    } catch (error) {
      // That the archive is broken shows where the component is read.
      if (error instanceof TwinbridgeError) return undefined;
      throw error;
    }
  }

  #resolve(uri: string, base: string, location: SourceLocation): UriTarget | undefined {
    const target = resolveUri(uri, base, this.#folder.isArchive);
    if (!('fault' in target)) return target;
    this.#report(target.fault, location);
    return undefined;
  }

  async #missing(path: string, uri: string, location: SourceLocation): Promise<void> {
    const near = await this.#folder.near(path);
    const hint = didYouMean(path.replaceAll('\\', '/'), near);
    const exact = near.includes(path.replaceAll('\\', '/')) ? ' (write / in place of \\)' : hint;
    this.#report(`there is no ${this.#folder.nameOf(path)}, named here as '${uri}'${exact}`, location);
  }

  #report(message: string, location: SourceLocation, remedy?: string): void {
    this.#findings.problems.push({ message, location, ...(remedy === undefined ? {} : { remedy }) });
  }
}

function isNoCoSimulation(implementation: string | undefined): boolean {
  return implementation === 'ModelExchange' || implementation === 'ScheduledExecution';
}

/** Other than that of a file, which SSP resolves by its own rules. */
function isUriOfFmu(source: string): boolean {
  const scheme = schemeOf(source);
  return scheme !== undefined && scheme !== 'file';
}

function allSystems(system: SsdSystem): SsdSystem[] {
  return [system, ...system.elements.flatMap((element) => (element.kind === 'system' ? allSystems(element) : []))];
}
