/** The MLP mapper of ClipCap (Mokady et al. 2021, §3.2): Linear, Tanh, Linear, read as K prefix rows of width D. */
import { feedForward } from '../blocks.js';
import type { Scope } from '../weights.js';
import type { MapperOf, MapperWidths } from './kinds.js';

/** [N,d] → [N,K·D] */
export function mlpMapper(scope: Scope, mapper: MapperOf<'mlp'>, { inputs }: MapperWidths, embeds: string): string {
  const layers = ['clip_project.model.0', 'clip_project.model.2'] as const;
  return feedForward(scope, embeds, layers, [inputs, mapper.hiddenWidth], (x) => scope.graph.node('Tanh', [x]));
}
