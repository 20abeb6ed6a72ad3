/** `clipcap models`: what can be downloaded, and what is here already. */
import { listedModel, modelsFolder, storedIds } from '@clipcap/models/download/store';
import { knownSize } from '@clipcap/models/download/words';
import { findModel, models, statedSize, type Model } from '@clipcap/models/registry/registry';
import type { ListedModel, ModelsDocument } from '@clipcap/protocol/models';
import { plain } from '../plain.js';
import type { ModelsRequest } from './modelFlags.js';

/** Prints the list and answers the exit code. No server is asked. */
export async function listModels({ json }: ModelsRequest): Promise<number> {
  const known = models();
  const others = (await storedIds()).filter((id) => known.every((model) => model.id !== id));
  const listed = await Promise.all([...known, ...others.flatMap(named)].map(describe));
  const document: ModelsDocument = { version: 1, folder: modelsFolder(), models: listed };
  process.stdout.write(json ? `${JSON.stringify(document, null, 2)}\n` : text(document));
  return 0;
}

/** A model that is not in the registry; none if its note has an id that nothing can have. */
function named(id: string): Model[] {
  try {
    return [findModel(id)];
  } catch {
    return [];
  }
}

async function describe(model: Model): Promise<ListedModel> {
  const { id, title, kind, licence, goodFor, goesWith, page } = model;
  const stated = statedSize(model);
  const path = await listedModel(id);
  return {
    id,
    title,
    kind,
    ...(stated && { size: stated.bytes }),
    exact: stated?.exact ?? false,
    sizeText: knownSize(model),
    licence,
    goodFor,
    goesWith,
    ...(page !== undefined && { page }),
    ...(path !== undefined && { path }),
  };
}

function text({ folder, models: listed }: ModelsDocument): string {
  const blocks = listed.map(({ id, title, kind, sizeText, licence, goodFor, goesWith, page, path }) => {
    const lines = [`${kind}, ${sizeText}: ${title}`, goodFor, `Licence: ${licence}`];
    if (goesWith.length > 0) lines.push(`Goes with: ${goesWith.join(', ')}`);
    if (page !== undefined) lines.push(`Only a browser can download it: ${page}`);
    if (path !== undefined) lines.push(`Here: ${plain(path)}`);
    return `${id}\n${lines.map((line) => `  ${line}\n`).join('')}`;
  });
  return `${blocks.join('\n')}\nDownloaded models lie in ${plain(folder)}. clipcap get ID downloads one.\n`;
}
