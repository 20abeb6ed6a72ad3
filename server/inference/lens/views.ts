/** The Prefix Lens's views by name. */
import type { LensView, LensViews } from '@clipcap/protocol/lens';
import { attention } from './attention.js';
import { beams } from './beams.js';
import { compare } from './compare.js';
import { counterfactuals } from './counterfactuals.js';
import { encoder } from './encoder.js';
import { heatmap } from './heatmap.js';
import { logitLens } from './logitLens.js';
import { map } from './map.js';
import { occlusion } from './occlusion.js';
import { usage } from './parameters.js';
import { table } from './table.js';
import { tokens } from './tokens.js';
import type { Compute, LensContext } from './view.js';

const views: { readonly [View in LensView]: Compute<View> } = {
  table,
  heatmap,
  map,
  tokens,
  beams,
  attention,
  lens: logitLens,
  counterfactuals,
  occlusion,
  compare,
  encoder,
};

/** @throws CaptionError `usage`, `lens-unavailable`, `inference-failed`, `out-of-memory` */
export async function computeView<View extends LensView>(
  view: View,
  context: LensContext,
  params: LensViews[View]['params'],
): Promise<LensViews[View]['data']> {
  if (!Object.hasOwn(views, view)) {
    throw usage(`There is no view ${JSON.stringify(view)}. The views are ${Object.keys(views).join(', ')}.`);
  }
  const compute: Compute<View> = views[view];
  return compute(context, params);
}
