/** What vision transformers (Dosovitskiy et al. 2021) share: patches as tokens behind a class token, blocks over them. */
import { attend, headsOf, splitHeads } from '../attention.js';
import { convolution, linear } from '../blocks.js';
import type { Scope } from '../weights.js';

export interface VisionOutput {
  /** [N,d] */
  readonly embeds: string;
  /** Of each block after softmax, [N,H,T,T]. */
  readonly probabilities: readonly string[];
}

interface PatchSizes {
  readonly width: number;
  readonly patchSize: number;
  readonly image: { readonly size: number };
}

/** How many tokens an image has: one of each patch, and the class token before them. */
export function tokenCount({ patchSize, image }: Omit<PatchSizes, 'width'>): number {
  return (image.size / patchSize) ** 2 + 1;
}

/**
 * `pixel_values [N,3,H,W]` → tokens with their positions [N·T,W]
 * @param classToken the value of the class token, of W elements
 * @param positions broadcasts to [N,T,W]
 */
export function patchTokens(
  scope: Scope,
  sizes: PatchSizes,
  pixels: string,
  {
    projection,
    bias,
    classToken,
    positions,
  }: Record<'projection' | 'classToken' | 'positions', string> & { bias: boolean },
): string {
  const { graph } = scope;
  const { width, patchSize } = sizes;
  const patches = convolution(scope, pixels, projection, { stride: patchSize, bias });
  const flat = graph.node('Reshape', [patches, graph.integers([-1, width, tokenCount(sizes) - 1])]);
  const rows = graph.node('Transpose', [flat], { perm: [0, 2, 1] });
  const images = graph.node('Shape', [pixels], { start: 0, end: 1 });
  const classShape = graph.node('Concat', [images, graph.integers([1, width])], { axis: 0 });
  const first = graph.node('Expand', [classToken, classShape]);
  const sequence = graph.node('Concat', [first, rows], { axis: 1 });
  return graph.node('Reshape', [graph.node('Add', [sequence, positions]), graph.integers([-1, width])]);
}

/** What is still needed of tokens [N·T,W] after a block's attention: all of them, after the last one's the class tokens [N,W]. */
export function neededRows(scope: Scope, sizes: PatchSizes, isLast: boolean): (rows: string) => string {
  return isLast ? (rows) => classRows(scope, rows, sizes) : (rows) => rows;
}

/** The class token's rows [N,W] of tokens [N·T,W]. */
function classRows({ graph }: Scope, x: string, sizes: PatchSizes): string {
  const sequence = graph.node('Reshape', [x, graph.integers([-1, tokenCount(sizes), sizes.width])]);
  return graph.node('Gather', [sequence, graph.integers([0], [])], { axis: 1 });
}

/**
 * Attention with a matrix each for queries, keys and values, named as Hugging Face's ViT and DINOv2 do: x [N·T,W] → its
 * kept rows, [N·T,W] or fewer.
 */
export function huggingFaceAttention(
  scope: Scope,
  sizes: PatchSizes & { readonly heads: number },
  x: string,
  name: string,
  kept: (rows: string) => string,
): { x: string; probabilities: string } {
  const { graph } = scope;
  const { width, heads } = sizes;
  const split = headsOf(graph, tokenCount(sizes), width, heads);
  const project = (part: string): string =>
    splitHeads(graph, linear(scope, x, `${name}.attention.${part}`, width), split);
  const { mixed, probabilities } = attend(graph, split, [project('query'), project('key'), project('value')]);
  return { x: linear(scope, kept(mixed), `${name}.output.dense`, width), probabilities };
}

/**
 * Hugging Face's position embeddings [1,1+G²,W]. For another grid than the stored one the patches' positions are
 * interpolated as `interpolate_pos_encoding` of transformers does: bicubic, a = −0.75, half-pixel centres.
 */
export function huggingFacePositions(scope: Scope, sizes: PatchSizes & { readonly positionGrid: number }): string {
  const { graph, weights } = scope;
  const { width, patchSize, image, positionGrid } = sizes;
  const stored = weights.float('encoder.embeddings.position_embeddings');
  const grid = image.size / patchSize;
  if (grid === positionGrid) return stored;
  const [zero, one, end, axis] = [0, 1, positionGrid ** 2 + 1, 1].map((value) => graph.integers([value]));
  const ofClass = graph.node('Slice', [stored, zero!, one!, axis!]);
  const ofPatches = graph.node('Slice', [stored, one!, end!, axis!]);
  const square = graph.node('Reshape', [ofPatches, graph.integers([1, positionGrid, positionGrid, width])]);
  const channelsFirst = graph.node('Transpose', [square], { perm: [0, 3, 1, 2] });
  const resized = graph.node('Resize', [channelsFirst, '', '', graph.integers([1, width, grid, grid])], {
    mode: 'cubic',
    cubic_coeff_a: -0.75,
    coordinate_transformation_mode: 'half_pixel',
  });
  const channelsLast = graph.node('Transpose', [resized], { perm: [0, 2, 3, 1] });
  const rows = graph.node('Reshape', [channelsLast, graph.integers([1, grid ** 2, width])]);
  return graph.node('Concat', [ofClass, rows], { axis: 1 });
}
