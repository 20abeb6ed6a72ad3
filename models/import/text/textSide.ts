/** CLIP's text side in a checkpoint: what its readers find out, and which tensors it has. */
import type { TextTower } from '@clipcap/protocol/inference';
import { clipBlocks } from '../../pack/encoderTensors.js';
import { normalisation, type ExpectedTensors } from '../../pack/tensorList.js';
import type { TensorSource, TensorSources } from '../tensorSource.js';

export interface TextSide {
  readonly tower: TextTower;
  /** The token at whose place a text's embedding is taken. */
  readonly endToken: number;
  /** By the names of {@link textTensors}. */
  readonly sources: TensorSources;
  /** The logarithm of what cosines are multiplied by; a checkpoint may lack it. */
  readonly logitScale: TensorSource | undefined;
}

/** Names and layouts are those of OpenAI's checkpoints. */
export function textTensors(tower: TextTower): ExpectedTensors {
  const { vocabulary, context, width, layers, hiddenWidth, embeddingWidth } = tower;
  const list = [
    ['token_embedding.weight', 'embedding', [vocabulary, width]],
    ['positional_embedding', 'array', [context, width]],
    ...clipBlocks(layers, width, hiddenWidth),
    ...normalisation('ln_final', width),
    ['text_projection', 'conv1d', [width, embeddingWidth]],
  ] as const;
  return new Map(list.map(([name, use, shape]) => [name, { use, shape }]));
}
