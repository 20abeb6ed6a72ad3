/** View 7: what the caption would be, had the prefix been another. All interventions run as one batch. */
import type { Intervention } from '@clipcap/protocol/lens';
import { captionOf, captionsOf, forcedLogProbs, idsOf, joined, sum } from './captions.js';
import { realNumber, usage, wholeNumber } from './parameters.js';
import { rounded } from './vectors.js';
import { neededReference, otherImage, type Compute, type LensContext } from './view.js';
import { wordChanges } from './wordChanges.js';

const mostInterventions = 100;
const longestWord = 100;
const mostWordTokens = 16;
/** Tokens of all new captions together, beyond which captions come without theirs. */
const mostTokens = 1500;

export const counterfactuals: Compute<'counterfactuals'> = async (context, params) => {
  const { model, image, options, checkpoint } = context;
  const interventions = params.interventions ?? removals(model.manifest.mapper.prefixLength);
  if (!isList(interventions)) throw usage('The option interventions must be a list.');
  if (interventions.length > mostInterventions) {
    throw usage(`${interventions.length} interventions are more than ${mostInterventions}. Ask for fewer at a time.`);
  }
  const prefixes: Float32Array[] = [];
  for (const intervention of interventions) prefixes.push(await intervened(context, intervention));
  const caption = await captionOf(context);
  const tokens = idsOf(caption);
  const [before, ...after] = await forcedLogProbs(
    model,
    [image.prefix, ...prefixes].map((prefix) => ({ prefix, tokens })),
    checkpoint,
  );
  const captions = await captionsOf(model, prefixes, options, checkpoint);
  const all = captions.reduce((count, one) => count + one.tokens.length, 0);
  return {
    caption,
    results: interventions.map((intervention, i) => ({
      intervention,
      caption: all > mostTokens ? { ...captions[i]!, tokens: [] } : captions[i]!,
      words: wordChanges(caption.text, captions[i]!.text),
      change: rounded(sum(after[i]!) - sum(before!)),
    })),
  };
};

/** Clients that are not ours may send anything. */
function isList(value: unknown): boolean {
  return Array.isArray(value);
}

function removals(prefixLength: number): Intervention[] {
  if (prefixLength === 1) {
    throw usage(
      'The prefix has one position, and without it there is none. Ask for mean-replace, scale or insert instead.',
    );
  }
  return Array.from({ length: prefixLength }, (_, position) => ({ kind: 'drop', position }));
}

/** The prefix [K'·D] after an intervention. */
async function intervened(context: LensContext, intervention: Intervention): Promise<Float32Array> {
  const { model, image } = context;
  const { prefix } = image;
  const { width } = model.manifest.languageModel;
  const { prefixLength } = model.manifest.mapper;
  const positionOf = (one: { readonly position: number }, last = prefixLength - 1): number =>
    wholeNumber('position', one.position ?? NaN, [0, last], 0);
  const rowAt = (values: Float32Array, position: number): Float32Array =>
    values.subarray(position * width, (position + 1) * width);
  /** The prefix with `removed` rows from `position` on replaced by `rows`. */
  const spliced = (position: number, removed: number, rows: Float32Array): Float32Array => {
    const changed = new Float32Array(prefix.length - removed * width + rows.length);
    changed.set(prefix.subarray(0, position * width));
    changed.set(rows, position * width);
    changed.set(prefix.subarray((position + removed) * width), position * width + rows.length);
    return changed;
  };
  switch (intervention.kind) {
    case 'drop': {
      if (prefixLength === 1) removals(prefixLength);
      return spliced(positionOf(intervention), 1, new Float32Array());
    }
    case 'mean-replace': {
      const position = positionOf(intervention);
      const { mean } = await neededReference(context, 'Replacing a position by its mean');
      return spliced(position, 1, rowAt(mean, position));
    }
    case 'swap': {
      const position = positionOf(intervention);
      return spliced(position, 1, rowAt(otherImage(context, intervention.other).prefix, position));
    }
    case 'insert': {
      const position = positionOf(intervention, prefixLength);
      return spliced(position, 0, await wordRows(context, intervention.word));
    }
    case 'interpolate': {
      const share = realNumber('share', intervention.share, [0, 1]);
      const other = otherImage(context, intervention.other).prefix;
      return prefix.map((value, i) => (1 - share) * value + share * other[i]!);
    }
    case 'scale': {
      const factor = realNumber('factor', intervention.factor, [-100, 100]);
      const position = positionOf(intervention);
      return spliced(
        position,
        1,
        rowAt(prefix, position).map((value) => factor * value),
      );
    }
    default:
      throw usage(`There is no intervention of the kind ${JSON.stringify((intervention as { kind: unknown }).kind)}.`);
  }
}

/** The embeddings of a typed word as it stands in a sentence: after a space, in as many rows as it has tokens. */
async function wordRows({ model }: LensContext, word: unknown): Promise<Float32Array> {
  if (typeof word !== 'string' || word.trim() === '' || word.length > longestWord) {
    throw usage(`The option word must be a word of at most ${longestWord} characters.`);
  }
  const ids = model.parts.tokenizer.encode(` ${word.trim()}`);
  if (ids.length > mostWordTokens) {
    throw usage(
      `${JSON.stringify(word)} has ${ids.length} tokens, more than ${mostWordTokens}. Insert a shorter word.`,
    );
  }
  const embeddings = await (await model.vocabulary).embeddings(ids);
  return joined(embeddings);
}
