/** View 4: how probable each of the caption's tokens was, what else could have stood there, and what follows from forcing it. */
import type { Caption } from '@clipcap/protocol/caption';
import type { TokensData, TokensParams } from '@clipcap/protocol/lens';
import { logSumExp, topLogProbs } from '../logProbs.js';
import { captionOf, forcedLogProbs, idsOf, resolve, searchFrom, sum } from './captions.js';
import { wholeNumber } from './parameters.js';
import { fitting, rounded } from './vectors.js';
import type { Compute, LensContext } from './view.js';

export const tokens: Compute<'tokens'> = async (context, params) => {
  const { model, image, checkpoint } = context;
  const { vocabulary } = model.manifest.languageModel;
  const asked = Math.min(vocabulary, wholeNumber('alternatives', params.alternatives, [1, 50], 10));
  const caption = params.force ? await forced(context, params.force) : await captionOf(context);
  const alternatives = fitting(asked, caption.tokens.length);
  const found: TokensData['tokens'][number][] = [];
  await forcedLogProbs(model, [{ prefix: image.prefix, tokens: idsOf(caption) }], checkpoint, (_, place, logits) => {
    const best = topLogProbs(logits, 0, vocabulary, alternatives);
    const { id, text, logProb } = caption.tokens[place]!;
    found[place] = {
      id,
      text,
      logProb,
      alternatives: best.map((token) => model.tokenScore(token)),
      entropy: rounded(entropy(logits)),
    };
  });
  return { caption, tokens: found };
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
    return model.parts.tokenizer.caption({ tokens: scored, score: sum(logProbs!) / begin.length });
  }
  const [found] = await searchFrom(model, [image.prefix], { ...resolved, begin }, checkpoint);
  return model.parts.tokenizer.caption(found![0]!);
}

/** −Σ p log p of the softmax of logits, in nats. */
function entropy(logits: Float32Array): number {
  const logSum = logSumExp(logits);
  let total = 0;
  for (let id = 0; id < logits.length; id++) {
    const logProb = logits[id]! - logSum;
    const probability = Math.exp(logProb);
    if (probability > 0) total -= probability * logProb;
  }
  return total;
}
