/** CLIP's text side under OpenAI's names, which stand beside `visual.*`. */
import type { TextTower } from '@clipcap/protocol/inference';
import type { Checkpoint } from '../../checkpoints/checkpoint.js';
import { Part, usualActivation, type Activation } from '../encoders/imported.js';
import { mismatch } from '../errors.js';
import { textTensors, type TextSide } from './textSide.js';

const headWidth = 64;
const beside = 'visual.';

/**
 * @param visual what stands before the image side's names
 * @param told the activation that was said
 * @throws CaptionError `checkpoint-mismatch` if there is no text side, `checkpoint-invalid` for one that is not whole
 */
export function readOpenAiText(checkpoint: Checkpoint, visual: string, told?: Activation): TextSide {
  const part = new Part(checkpoint, visual.slice(0, -beside.length));
  if (!visual.endsWith(beside) || !part.has('text_projection')) {
    throw mismatch(checkpoint.path, 'has no text side', 'Name OpenAI’s archive, or a state dict of the whole model.');
  }
  const [vocabulary = 0, width = 0] = part.shape('token_embedding.weight', 2);
  const [context = 0] = part.shape('positional_embedding', 2);
  const [, embeddingWidth = 0] = part.shape('text_projection', 2);
  const [hiddenWidth = 0] = part.shape('transformer.resblocks.0.mlp.c_fc.weight', 2);
  const tower: TextTower = {
    vocabulary,
    context,
    width,
    layers: part.count('transformer.resblocks.'),
    // As OpenAI's own loader counts them, which rounds down.
    heads: Math.max(1, Math.floor(width / headWidth)),
    hiddenWidth,
    activation: told ?? usualActivation,
    embeddingWidth,
  };
  return {
    tower,
    // The largest id of a text is its end's.
    endToken: vocabulary - 1,
    sources: new Map([...textTensors(tower).keys()].map((name) => [name, part.source(name)])),
    logitScale: part.has('logit_scale') ? part.source('logit_scale') : undefined,
  };
}
