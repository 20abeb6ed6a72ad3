/** CLIP's text side in Hugging Face's layout (`text_model.*`, `text_projection.weight`), under OpenAI's names. */
import * as z from 'zod/mini';
import type { TextTower } from '@clipcap/protocol/inference';
import type { Checkpoint } from '../../checkpoints/checkpoint.js';
import { invalid } from '../../checkpoints/errors.js';
import { clipActivation, renamedBlocks } from '../encoders/huggingFaceClip.js';
import { headsWithoutConfig, Part, usualActivation, type Activation } from '../encoders/imported.js';
import { mismatch } from '../errors.js';
import { turned, type TensorSources } from '../tensorSource.js';
import type { TextSide } from './textSide.js';

const configuration = z.object({
  text_config: z.object({
    // Hugging Face leaves out what has its default.
    num_attention_heads: z._default(z.int().check(z.positive()), 8),
    hidden_act: z._default(z.string(), 'quick_gelu'),
    layer_norm_eps: z._default(z.number(), 1e-5),
    eos_token_id: z._default(z.int(), 49_407),
  }),
});

/** What configurations said before they knew the end's id; whoever reads one takes the largest id of a text. */
const unknownEnd = 2;

/**
 * @param prefix what stands before the names
 * @param told the activation that was said
 * @throws CaptionError `checkpoint-mismatch` if there is no text side, `checkpoint-invalid` or `checkpoint-unsupported` for
 * one that is not whole or not CLIP's
 */
export function readHuggingFaceText(checkpoint: Checkpoint, prefix: string, told?: Activation): TextSide {
  const { path } = checkpoint;
  const part = new Part(checkpoint, prefix);
  if (!part.has('text_projection.weight')) {
    throw mismatch(path, 'has no text side', 'Save a CLIPModel, which has both.');
  }
  const [vocabulary = 0, width = 0] = part.shape('text_model.embeddings.token_embedding.weight', 2);
  const [context = 0] = part.shape('text_model.embeddings.position_embedding.weight', 2);
  const [embeddingWidth = 0] = part.shape('text_projection.weight', 2);
  const [hiddenWidth = 0] = part.shape('text_model.encoder.layers.0.mlp.fc1.weight', 2);
  const layers = part.count('text_model.encoder.layers.');
  const { end, ...settings } = readSettings(checkpoint.config, width, path, told);
  return {
    tower: { vocabulary, context, width, layers, ...settings, hiddenWidth, embeddingWidth },
    endToken: end === unknownEnd ? vocabulary - 1 : end,
    sources: renamed(part, layers),
    logitScale: part.has('logit_scale') ? part.source('logit_scale') : undefined,
  };
}

function readSettings(
  config: unknown,
  width: number,
  path: string,
  told: Activation | undefined,
): Pick<TextTower, 'heads' | 'activation'> & { end: number } {
  if (config === undefined) {
    return { heads: headsWithoutConfig(width, path), activation: told ?? usualActivation, end: unknownEnd };
  }
  const result = z.safeParse(configuration, config);
  if (!result.success) throw invalid(path, 'its config.json does not describe a text side');
  const { text_config: text } = result.data;
  return {
    heads: text.num_attention_heads,
    activation: clipActivation(text.hidden_act, text.layer_norm_eps, path),
    end: text.eos_token_id,
  };
}

function renamed(part: Part, layers: number): TensorSources {
  const sources: TensorSources = new Map([
    ['token_embedding.weight', part.source('text_model.embeddings.token_embedding.weight')],
    ['positional_embedding', part.source('text_model.embeddings.position_embedding.weight')],
    ['text_projection', turned(part.source('text_projection.weight'))],
  ]);
  for (const tensor of ['weight', 'bias']) {
    sources.set(`ln_final.${tensor}`, part.source(`text_model.final_layer_norm.${tensor}`));
  }
  for (const [name, source] of renamedBlocks(part, 'text_model', layers)) sources.set(name, source);
  return sources;
}
