/** The older variant of ClipCap's mapper: one linear layer, read as K prefix rows of width D. */
import { linear } from '../blocks.js';
import type { Scope } from '../weights.js';

/** [N,d] → [N,K·D] */
export function linearMapper(scope: Scope, embeds: string, inputs: number): string {
  return linear(scope, embeds, 'clip_project', inputs);
}
