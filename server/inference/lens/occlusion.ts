/** View 8: which parts of the image the caption needs (occlusion; Zeiler & Fergus 2014), and attention rollout beside it. */
import type { OcclusionData } from '@clipcap/protocol/lens';
import { cropWindow } from '../preprocess.js';
import { captionOf, forcedLogProbs, idsOf, joined, sum } from './captions.js';
import type { Encoding, LensModel } from './lensModel.js';
import { wholeNumber } from './parameters.js';
import { rollout } from './rollout.js';
import { rounded, rowsOf } from './vectors.js';
import type { Compute } from './view.js';

/** Images whose prefixes are mapped at once. */
const together = 8;

export const occlusion: Compute<'occlusion'> = async (context, params) => {
  const { model, image, checkpoint } = context;
  const grid = wholeNumber('grid', params.grid, [2, 16], 7);
  const caption = await captionOf(context);
  const { token } = params;
  const place =
    token === undefined || token === null ? undefined : wholeNumber('token', token, [0, caption.tokens.length - 1], 0);
  const measure = (logProbs: readonly number[]): number => (place === undefined ? sum(logProbs) : logProbs[place]!);
  const prefixes: Float32Array[] = [];
  const cells = Array.from({ length: grid ** 2 }, (_, cell) => cell);
  for (let start = 0; start < cells.length; start += together) {
    const part = cells.slice(start, start + together);
    const embeddings: Float32Array[] = [];
    for (const cell of part) {
      await checkpoint();
      embeddings.push(await model.parts.encoder.encode([occluded(model, image, grid, cell)]));
    }
    const mapped = await model.parts.mapper.map(joined(embeddings));
    prefixes.push(...rowsOf(mapped, image.prefix.length));
  }
  const tokens = idsOf(caption).slice(0, place === undefined ? undefined : place + 1);
  const [whole, ...without] = await forcedLogProbs(
    model,
    [image.prefix, ...prefixes].map((prefix) => ({ prefix, tokens })),
    checkpoint,
  );
  const logProb = measure(whole!);
  const values = without.map((logProbs) => rounded(logProb - measure(logProbs)));
  const attention = await model.attentiveEncoder;
  return {
    grid,
    values: Array.from({ length: grid }, (_, row) => values.slice(row * grid, (row + 1) * grid)),
    logProb: rounded(logProb),
    caption,
    crop: cropOf(model, image),
    ...(attention && { rollout: rollout(await attention.extra(image.pixelValues, 'patch_attention')) }),
  };
};

/** The encoder's input with one cell set to the normalisation mean, which is 0 there. */
function occluded(model: LensModel, { pixelValues }: Encoding, grid: number, cell: number): Float32Array {
  const { size } = model.manifest.encoder.image;
  const edge = (index: number): number => Math.floor((index * size) / grid);
  const [row, column] = [Math.floor(cell / grid), cell % grid];
  const values = pixelValues.slice();
  for (let channel = 0; channel < 3; channel++) {
    for (let y = edge(row); y < edge(row + 1); y++) {
      const start = (channel * size + y) * size;
      values.fill(0, start + edge(column), start + edge(column + 1));
    }
  }
  return values;
}

/** The encoder's window in the pixels of the upright image; it may reach beyond a small one. */
function cropOf({ manifest }: LensModel, { width, height }: Encoding): OcclusionData['crop'] {
  const { columns, rows } = cropWindow(width, height, manifest.encoder.image);
  const [across, down] = [columns.from / columns.to, rows.from / rows.to];
  return {
    x: rounded(columns.start * across),
    y: rounded(rows.start * down),
    width: rounded(columns.length * across),
    height: rounded(rows.length * down),
  };
}
