/** What makes each view's answer as large as it gets. */
import type { LensView } from '@clipcap/protocol/lens';

export const largest: readonly (readonly [LensView, object])[] = [
  ['table', { nearest: 50 }],
  ['heatmap', {}],
  ['map', { nearest: 20 }],
  ['tokens', { alternatives: 50 }],
  ['beams', {}],
  ['attention', {}],
  ['lens', { top: 20 }],
  [
    'counterfactuals',
    { interventions: Array.from({ length: 100 }, (_, i) => ({ kind: 'scale', position: 0, factor: i / 10 })) },
  ],
  ['occlusion', { grid: 16 }],
  ['compare', { others: ['file:///2'] }],
];
