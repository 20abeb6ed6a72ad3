/** The models that are known by name: where each lies, how large it is, under which licence, and what it is good for. */
import * as z from 'zod/mini';
import { CaptionError } from '@clipcap/protocol/error';
import known from './models.json' with { type: 'json' };

/** A name that is one plain file or folder on every system. */
const plainName = z.string().check(z.regex(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/u));
const repositoryName = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,95}\/[A-Za-z0-9_][A-Za-z0-9._-]{0,95}$/u;
/** A file of a repository that holds weights. */
const weightsName = /^([^/]+\/[^/]+)\/([A-Za-z0-9_][A-Za-z0-9._-]{0,95}\.(?:pt|pth|bin|ckpt|safetensors|onnx))$/u;
const bytes = z.int().check(z.positive());
const httpsUrl = z.url({ protocol: /^https$/u });

const file = z.strictObject({
  name: plainName,
  /** In bytes, exact. */
  size: z.optional(bytes),
  /** In bytes, as a page rounds it: shown until the server has said the exact size. */
  about: z.optional(bytes),
  /** Hexadecimal. */
  sha256: z.optional(z.string().check(z.regex(/^[0-9a-f]{64}$/u))),
  /** Where the file lies, if not in the model's repository. */
  url: z.optional(httpsUrl),
  /** The files to take where this one does not exist, the first that does; without one the model is not there. */
  orElse: z.optional(z.array(plainName)),
  /** A model is complete without this file. */
  optional: z.optional(z.boolean()),
});

const model = z.strictObject({
  id: z.string().check(z.regex(/^[A-Za-z0-9_][A-Za-z0-9._-]*(\/[A-Za-z0-9_][A-Za-z0-9._-]*)?$/u)),
  title: z.string().check(z.minLength(1)),
  kind: z.enum(['checkpoint', 'encoder']),
  /** On the Hugging Face hub: `owner/name`. */
  repository: z.optional(z.string().check(z.regex(repositoryName))),
  /** A commit, or a branch where none is known. */
  revision: z.optional(plainName),
  /** The page from which a browser downloads the file; nothing else can. */
  page: z.optional(httpsUrl),
  /** What is needed of the model, nothing more. */
  files: z.array(file).check(z.minLength(1)),
  licence: z.string().check(z.minLength(1)),
  goodFor: z.string().check(z.minLength(1)),
  /** Ids of the encoders of a checkpoint, or of the checkpoints of an encoder. */
  goesWith: z.array(z.string()),
});

const registry = z.strictObject({ version: z.literal(1), models: z.array(model) });

export type ModelFile = z.infer<typeof file>;
export type Model = z.infer<typeof model>;

/** What a registry says, checked. @throws if it is none */
export function readRegistry(value: unknown): readonly Model[] {
  return registry.parse(value).models;
}

/** Every model of the registry, in the order in which people should see them. */
export function models(): readonly Model[] {
  return readRegistry(known);
}

/**
 * The model with this id, or with this repository. Any other `owner/name` is taken for a repository of the hub that
 * holds a model of PyTorch in Hugging Face's layout, `owner/name/file` for one that holds this file of weights.
 * @throws CaptionError `model-unknown`
 */
export function findModel(id: string): Model {
  const all = models();
  const found = all.find((one) => one.id === id) ?? all.find((one) => one.repository === id);
  if (found) return found;
  const [, repository = id, alone] = weightsName.exec(id) ?? [];
  if (repositoryName.test(repository) && !id.includes('..')) return unlisted(id, repository, alone);
  throw new CaptionError(
    'model-unknown',
    `There is no model ${JSON.stringify(id)}. "clipcap models" lists those that are known; owner/name names another one on the Hugging Face hub, owner/name/file a file of weights there.`,
  );
}

/** The model of the registry that a path ends with: with its id, or with the last part of it, as people call a model. */
export function modelNamedBy(path: string): Model | undefined {
  const named = `/${path.replaceAll('\\', '/')}`;
  const endsWith = (name: string): boolean => named.endsWith(`/${name}`);
  const all = models();
  return all.find(({ id }) => endsWith(id)) ?? all.find(({ id }) => endsWith(id.slice(id.lastIndexOf('/') + 1)));
}

/** What a repository in Hugging Face's layout has; the index of weights in several files names those. */
const layout: readonly ModelFile[] = [
  { name: 'config.json' },
  { name: 'preprocessor_config.json', optional: true },
  { name: 'processor_config.json', optional: true },
  {
    name: 'model.safetensors',
    orElse: ['model.safetensors.index.json', 'pytorch_model.bin', 'pytorch_model.bin.index.json'],
  },
];

/** A repository of the hub that the registry does not describe, or a file of it. */
function unlisted(id: string, repository: string, alone: string | undefined): Model {
  return {
    id,
    title: id,
    kind: alone === undefined ? 'encoder' : 'checkpoint',
    repository,
    revision: 'main',
    files: alone === undefined ? [...layout] : [{ name: alone }],
    licence: `Not known here; see the page of ${repository} on the hub`,
    goodFor: 'Not in the registry: nobody has looked at what it is good for with ClipCap.',
    goesWith: [],
  };
}

/** Of all files, in bytes, with whether it is exact; undefined if nothing is known of one of them that is large. */
export function statedSize({ files }: Model): { readonly bytes: number; readonly exact: boolean } | undefined {
  const exact = files.every(({ size }) => size !== undefined);
  if (!exact && files.every(({ size, about }) => size === undefined && about === undefined)) return undefined;
  return { bytes: files.reduce((sum, { size, about }) => sum + (size ?? about ?? 0), 0), exact };
}
