/** View 5: where each caption token came from, among the prefix positions; and where a mapper's prefix came from. */
import type { AttentionData, AttentionParams } from '@clipcap/protocol/lens';
import { captionOf, idsOf } from './captions.js';
import type { Values } from './insides.js';
import { choice, wholeNumber } from './parameters.js';
import { rounded } from './vectors.js';
import type { Compute, LensContext } from './view.js';

export const attention: Compute<'attention'> = (context, params) =>
  choice('of', params.of, ['decoder', 'mapper']) === 'decoder' ? ofDecoder(context, params) : ofMapper(context, params);

/**
 * A token's row is that of the position from which it was predicted: the last prefix position for the first token, the
 * token before it for the others.
 */
async function ofDecoder(context: LensContext, params: AttentionParams): Promise<AttentionData> {
  const { model, image, checkpoint } = context;
  const { tokens } = await captionOf(context);
  const insides = await model.decoderInsides;
  await checkpoint();
  const { prefixLength } = model.manifest.mapper;
  const ids = idsOf({ text: '', score: 0, tokens }).slice(0, -1);
  const attentions = await insides.look('attentions', image.prefix, ids);
  return picture(attentions, params, {
    of: 'decoder',
    rows: tokens.map(({ text }) => text),
    firstRow: prefixLength - 1,
    columns: numbered(prefixLength),
    firstColumn: 0,
  });
}

/** Rows are the mapper's learned constants, which become the prefix; columns the rows of the image embedding. */
async function ofMapper({ model, image, checkpoint }: LensContext, params: AttentionParams): Promise<AttentionData> {
  const insides = await model.mapperInsides;
  await checkpoint();
  const { mapper } = model.manifest;
  const clipLength = mapper.kind === 'transformer' ? mapper.clipLength : 0;
  return picture(await insides.attentions(image.embedding), params, {
    of: 'mapper',
    rows: numbered(mapper.prefixLength),
    firstRow: clipLength,
    columns: numbered(clipLength),
    firstColumn: 0,
  });
}

interface Part {
  readonly of: 'decoder' | 'mapper';
  readonly rows: readonly string[];
  readonly firstRow: number;
  readonly columns: readonly string[];
  readonly firstColumn: number;
}

/** The part of attention [1,L,H,T,T] that is shown, of one layer and head or the mean of those that are not chosen. */
function picture({ data, dims }: Values, { layer, head }: AttentionParams, part: Part): AttentionData {
  const [, layers = 0, heads = 0, length = 0] = dims;
  const [firstLayer, lastLayer] = chosen('layer', layer, layers);
  const [firstHead, lastHead] = chosen('head', head, heads);
  const count = (lastLayer - firstLayer + 1) * (lastHead - firstHead + 1);
  const rows = part.rows.map((_, row) => {
    const mean = new Float64Array(length);
    for (let l = firstLayer; l <= lastLayer; l++) {
      for (let h = firstHead; h <= lastHead; h++) {
        const start = ((l * heads + h) * length + part.firstRow + row) * length;
        for (let column = 0; column < length; column++) mean[column]! += data[start + column]! / count;
      }
    }
    return mean;
  });
  const inside = (row: Float64Array): Float64Array =>
    row.subarray(part.firstColumn, part.firstColumn + part.columns.length);
  return {
    of: part.of,
    ...(typeof layer === 'number' && { layer }),
    ...(typeof head === 'number' && { head }),
    layers,
    heads,
    rows: part.rows,
    columns: part.columns,
    weights: rows.map((row) => Array.from(inside(row), rounded)),
    outside: rows.map((row) => rounded(Math.max(0, total(row) - total(inside(row))))),
  };
}

function chosen(name: string, value: unknown, count: number): [number, number] {
  if (value === undefined || value === null) return [0, count - 1];
  const index = wholeNumber(name, value, [0, count - 1], 0);
  return [index, index];
}

function numbered(count: number): string[] {
  return Array.from({ length: count }, (_, index) => String(index));
}

function total(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0);
}
