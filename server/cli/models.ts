/** `clipcap models`: what can be downloaded, and what is here already. */
import { storedModel, modelsFolder } from '@clipcap/models/download/store';
import { knownSize } from '@clipcap/models/download/words';
import { models, statedSize, type Model } from '@clipcap/models/registry/registry';
import type { ModelsRequest } from './modelFlags.js';
import { write } from './output.js';
import { plain } from './text.js';

/** The document of `--json`, version 1: fields may be added, none change their meaning. */
export interface ModelsDocument {
  readonly version: 1;
  /** Where downloaded models lie. */
  readonly folder: string;
  readonly models: readonly ListedModel[];
}

interface ListedModel {
  readonly id: string;
  readonly title: string;
  readonly kind: Model['kind'];
  /** In bytes; not there if only the server knows it. */
  readonly size?: number;
  /** Whether `size` is exact. */
  readonly exact: boolean;
  readonly licence: string;
  readonly goodFor: string;
  readonly goesWith: readonly string[];
  /** The page from which a browser has to download it. */
  readonly page?: string;
  /** Where it is, if it is here. */
  readonly path?: string;
}

/** Prints the list and answers the exit code. No server is asked. */
export async function listModels({ json }: ModelsRequest): Promise<number> {
  const listed = await Promise.all(models().map(describe));
  const document: ModelsDocument = { version: 1, folder: modelsFolder(), models: listed };
  write(process.stdout, json ? `${JSON.stringify(document, null, 2)}\n` : text(document));
  return 0;
}

async function describe(model: Model): Promise<ListedModel> {
  const { id, title, kind, licence, goodFor, goesWith, page } = model;
  const stated = statedSize(model);
  // What is broken is told by whoever wants to use it.
  const path = await storedModel(id).catch(() => undefined);
  return {
    id,
    title,
    kind,
    ...(stated && { size: stated.bytes }),
    exact: stated?.exact ?? false,
    licence,
    goodFor,
    goesWith,
    ...(page !== undefined && { page }),
    ...(path !== undefined && { path }),
  };
}

function text({ folder, models: listed }: ModelsDocument): string {
  const known = new Map(models().map((model) => [model.id, knownSize(model)]));
  const blocks = listed.map(({ id, title, kind, licence, goodFor, goesWith, page, path }) => {
    const lines = [`${kind}, ${known.get(id)}: ${title}`, goodFor, `Licence: ${licence}`];
    if (goesWith.length > 0) lines.push(`Goes with: ${goesWith.join(', ')}`);
    if (page !== undefined) lines.push(`Only a browser can download it: ${page}`);
    if (path !== undefined) lines.push(`Here: ${plain(path)}`);
    return `${id}\n${lines.map((line) => `  ${line}\n`).join('')}`;
  });
  return `${blocks.join('\n')}\nDownloaded models lie in ${plain(folder)}. clipcap get ID downloads one.\n`;
}
