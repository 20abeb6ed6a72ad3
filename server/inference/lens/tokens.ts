/** View 4: how probable each of the caption's tokens was, what else could have stood there, and what follows from forcing it. */
import type { Caption, TokenScore } from '@clipcap/protocol/caption';
import type { TokensParams } from '@clipcap/protocol/lens';
import { logSumExp, maximum, topLogProbs } from '../logProbs.js';
import { captionOf, forcedLogProbs, idsOf, resolve, searchFrom, sum, toCaption } from './captions.js';
import { wholeNumber } from './parameters.js';
import { fitting, rounded } from './vectors.js';
import type { Compute, LensContext } from './view.js';

export const tokens: Compute<'tokens'> = async (context, params) => {
  const { model, image, checkpoint } = context;
  const { vocabulary } = model.manifest.languageModel;
  const asked = Math.min(vocabulary, wholeNumber('alternatives', params.alternatives, [1, 50], 10));
  const caption = params.force ? await forced(context, params.force) : await captionOf(context);
  const alternatives = fitting(asked, caption.tokens.length);
  const found: { alternatives: TokenScore[]; entropy: number }[] = [];
  await forcedLogProbs(model, [{ prefix: image.prefix, tokens: idsOf(caption) }], checkpoint, (_, place, logits) => {
    const best = topLogProbs(logits, 0, vocabulary, alternatives);
    found[place] = {
      alternatives: best.map(({ id, logProb }) => ({ ...model.token(id), logProb: rounded(logProb) })),
      entropy: rounded(entropy(logits)),
    };
  });
  return { caption, tokens: caption.tokens.map((token, place) => ({ ...token, ...found[place]! })) };
};

/** The caption up to the place, the token in it, and what the search makes of the rest. */
async function forced(context: LensContext, force: NonNullable<TokensParams['force']>): Promise<Caption> {
  const { model, image, options, checkpoint } = context;
  const { languageModel, mapper } = model.manifest;
  const before = await captionOf(context);
  const index = wholeNumber('force.index', force.index, [0, before.tokens.length - 1], 0);
  const token = wholeNumber('force.token', force.token, [0, languageModel.vocabulary - 1], 0);
  const begin = [...idsOf(before).slice(0, index), token];
  const resolved = resolve(model, { ...options, captions: 1 }, mapper.prefixLength);
  if (resolved.stopTokens.includes(token) || begin.length >= resolved.maxTokens) {
    const [logProbs] = await forcedLogProbs(model, [{ prefix: image.prefix, tokens: begin }], checkpoint);
    const scored = begin.map((id, place) => ({ id, logProb: logProbs![place]! }));
    return toCaption(model, { tokens: scored, score: sum(logProbs!) / begin.length });
  }
  const [found] = await searchFrom(model, [image.prefix], { ...resolved, begin }, checkpoint);
  return toCaption(model, found![0]!);
}

/** −Σ p log p of the softmax of logits, in nats. */
function entropy(logits: Float32Array): number {
  const logSum = logSumExp(logits, maximum(logits));
  let total = 0;
  for (let id = 0; id < logits.length; id++) {
    const logProb = logits[id]! - logSum;
    const probability = Math.exp(logProb);
    if (probability > 0) total -= probability * logProb;
  }
  return total;
}
