/**
 * Finds mapper and language model in a checkpoint and calls their tensors by the official names (`clip_project.*`,
 * `gpt.*`), whatever a training script has called them or wrapped around the whole or a part of it (`module.`, `model.`,
 * `_orig_mod.`).
 */
import type { Checkpoint } from '../checkpoints/checkpoint.js';
import { unsupported } from '../checkpoints/errors.js';

/** Whose names a checkpoint uses: those of ClipCap's authors, or of TheoCoombes/ClipCap. */
export type Layout = 'official' | 'theocoombes';

export interface ClipCapNames {
  readonly layout: Layout;
  /** From official names to the checkpoint's. */
  readonly tensors: ReadonlyMap<string, string>;
  /** What belongs to neither part, such as an optimizer's state. */
  readonly others: readonly string[];
}

const languageModel = /^(.*?)([^.]+)\.transformer\.wte\.weight$/u;
const mappers = { 'clip_project.': 'official', 'transformer_mapper.': 'theocoombes' } as const;

/** Language models that mappers are trained for as well, by names that GPT-2 does not have. */
const otherLanguageModels = [
  ['OPT', /\.model\.decoder\.embed_tokens\.weight$/u],
  ['GPT-Neo', /\.h\.0\.attn\.attention\.q_proj\.weight$/u],
  ['GPT-J', /\.h\.0\.attn\.q_proj\.weight$/u],
] as const;

/** What PyTorch puts before the names of a module that it parallelises or compiles, be it the whole or one inside of it. */
const wrappers = new Set(['module', '_orig_mod']);

/** Causal masks that older versions of transformers stored with the weights. */
const buffers = /\.attn\.(?:masked_)?bias$/u;

/** @throws CaptionError `checkpoint-unsupported` if it holds no ClipCap model, or more than one */
export function clipCapNames(checkpoint: Checkpoint): ClipCapNames {
  const named = checkpoint.names().map((name) => ({ name, unwrapped: unwrapped(name) }));
  const other = otherLanguageModels.find(([, marker]) => named.some((tensor) => marker.test(tensor.unwrapped)));
  if (other) {
    const remedy = 'Only GPT-2 is built: name a ClipCap model that was trained with it.';
    throw unsupported(checkpoint.path, `has ${other[0]} as its language model`, remedy);
  }
  const found = named.map((tensor) => languageModel.exec(tensor.unwrapped)).filter((match) => match !== null);
  if (found.length > 1) throw unsupported(checkpoint.path, 'holds more than one GPT-2', 'Save the captioner alone.');
  const [match] = found;
  if (!match) throw noLanguageModel(checkpoint);
  const [, outer = '', model = ''] = match;
  const mapper = Object.keys(mappers).find((root) => named.some((tensor) => tensor.unwrapped.startsWith(outer + root)));
  if (!isMapper(mapper)) {
    const remedy = 'Name the state dict of a whole ClipCap model: torch.save(model.state_dict(), "weights.pt").';
    throw unsupported(
      checkpoint.path,
      `has no mapper (${outer}clip_project.* or ${outer}transformer_mapper.*)`,
      remedy,
    );
  }
  const tensors = new Map<string, string>();
  const others: string[] = [];
  const roots = { [`${outer}${model}.`]: 'gpt.', [outer + mapper]: 'clip_project.' };
  for (const { name, unwrapped: plain } of named) {
    const root = Object.keys(roots).find((begin) => plain.startsWith(begin));
    if (root === undefined) others.push(name);
    else if (!buffers.test(plain)) tensors.set(roots[root]! + plain.slice(root.length), name);
  }
  return { layout: mappers[mapper], tensors, others };
}

function unwrapped(name: string): string {
  return name
    .split('.')
    .filter((part) => !wrappers.has(part))
    .join('.');
}

function isMapper(root: string | undefined): root is keyof typeof mappers {
  return root !== undefined && Object.hasOwn(mappers, root);
}

function noLanguageModel(checkpoint: Checkpoint): Error {
  const names = checkpoint.names();
  const isEncoder = names.some((name) => /(?:^|\.)(?:visual|vision_model|embeddings)\./u.test(name));
  const hasMapper = names.some((name) => name.includes('clip_project.') || name.includes('transformer_mapper.'));
  if (hasMapper) {
    const remedy = 'Save the whole model, language model included: torch.save(model.state_dict(), "weights.pt").';
    return unsupported(checkpoint.path, 'holds a mapper without its GPT-2', remedy);
  }
  if (names.some((name) => /(?:^|\.)wte\.weight$/u.test(name))) {
    const remedy = 'Save the whole ClipCap model, mapper included: torch.save(model.state_dict(), "weights.pt").';
    return unsupported(checkpoint.path, 'is a GPT-2 alone, without a mapper', remedy);
  }
  return unsupported(
    checkpoint.path,
    isEncoder ? 'is an image encoder, not a ClipCap checkpoint' : 'is not a ClipCap checkpoint: it holds no GPT-2',
    isEncoder ? 'Name it with --encoder, and the ClipCap checkpoint first.' : 'Name a ClipCap model’s state dict.',
  );
}
