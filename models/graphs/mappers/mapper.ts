/** Image embedding → prefix: the mapping network that a manifest describes, whichever kind it is. */
import type { PackManifest } from '../../pack/manifest.js';
import type { Safetensors } from '../../pack/safetensors.js';
import { GraphBuilder } from '../graph.js';
import { Weights } from '../weights.js';
import { linearMapper } from './linear.js';
import { mlpMapper } from './mlp.js';
import { transformerMapper } from './transformer.js';

/**
 * `image_embeds [N,d]` → `prefix [N,K,D]`
 * @param variant adds `attentions [N,L,H,C+K,C+K]` (after softmax) of a transformer mapper; the others have none
 */
export function mapperGraph(manifest: PackManifest, file: Safetensors, variant?: 'attentions'): Uint8Array {
  const { mapper, encoder, languageModel } = manifest;
  const graph = new GraphBuilder();
  const scope = { graph, weights: new Weights(graph, file) };
  const embeds = graph.input('image_embeds', 'float32', ['N', encoder.embeddingWidth]);
  const widths = { inputs: encoder.embeddingWidth, width: languageModel.width };
  const publish = (rows: string): void => {
    const shape = [mapper.prefixLength, languageModel.width];
    const prefix = graph.node('Reshape', [rows, graph.integers([-1, ...shape])]);
    graph.output('prefix', prefix, 'float32', ['N', ...shape]);
  };
  switch (mapper.kind) {
    case 'mlp':
      publish(mlpMapper(scope, mapper, widths, embeds));
      break;
    case 'linear':
      publish(linearMapper(scope, embeds, widths.inputs));
      break;
    case 'transformer': {
      const { prefix, attentions } = transformerMapper(scope, mapper, widths, embeds);
      publish(prefix);
      if (variant === 'attentions') {
        const positions = mapper.clipLength + mapper.prefixLength;
        const shape = ['N', mapper.layers, mapper.heads, positions, positions];
        graph.output('attentions', attentions(), 'float32', shape);
      }
    }
  }
  return graph.build('mapper');
}
