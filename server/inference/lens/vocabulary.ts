/** The vocabulary's embeddings: which are nearest to a row, in four metrics at once, and what they are. */
import { Tensor, type InferenceSession } from 'onnxruntime-node';
import { nearestInFourMetrics, tokenEmbeddings } from '@clipcap/models/graphs/vocabulary';
import type { Pack } from '@clipcap/models/pack/openPack';
import { metrics, type Metric } from '@clipcap/protocol/lens';
import { createSession, output, run, type Provider } from '../provider.js';
import { rowsOf } from './vectors.js';

export interface ScoredId {
  readonly id: number;
  readonly score: number;
}

/** So many more than asked for are scored exactly, so that rounding in the product cannot keep one out. */
const spare = 4;

export class Vocabulary {
  readonly #nearest: InferenceSession;
  readonly #embeddings: InferenceSession;
  readonly #size: number;
  readonly #width: number;

  private constructor(nearest: InferenceSession, embeddings: InferenceSession, size: number, width: number) {
    this.#nearest = nearest;
    this.#embeddings = embeddings;
    this.#size = size;
    this.#width = width;
  }

  static async create({ folder, manifest, weights }: Pack, provider: Provider): Promise<Vocabulary> {
    const { vocabulary, width } = manifest.languageModel;
    const nearest = await createSession(nearestInFourMetrics(manifest, weights), provider, folder);
    try {
      const embeddings = await createSession(tokenEmbeddings(manifest, weights), provider, folder);
      return new Vocabulary(nearest, embeddings, vocabulary, width);
    } catch (error) {
      await nearest.release();
      throw error;
    }
  }

  /**
   * The `count` nearest tokens of each of the rows [M,D] in every metric, best first, ties by lower id. The candidates
   * are found in float32 and scored in double precision.
   * @param allowed the tokens to choose from; default all
   */
  async nearest(
    rows: Float32Array,
    count: number,
    allowed?: readonly number[],
  ): Promise<Readonly<Record<Metric, ScoredId[]>>[]> {
    const choices = allowed?.length ?? this.#size;
    const wanted = Math.min(count, choices);
    const k = Math.min(wanted + spare, choices);
    const mask = new Float32Array(this.#size).fill(allowed ? -Infinity : 0);
    for (const id of allowed ?? []) mask[id] = 0;
    const feeds = {
      rows: new Tensor('float32', rows, [rows.length / this.#width, this.#width]),
      mask: new Tensor('float32', mask, [1, this.#size]),
      k: new Tensor('int64', BigInt64Array.of(BigInt(k)), [1]),
    };
    const outputs = await run(this.#nearest, feeds, [...metrics, 'mean']);
    const mean = output(outputs, 'mean', 'float32').data.slice();
    const found = new Map(metrics.map((metric) => [metric, Array.from(output(outputs, metric, 'int64').data, Number)]));
    for (const name of [...metrics, 'mean']) outputs[name]?.dispose();
    const embeddings = await this.#embeddingsOf([...found.values()].flat());
    return rowsOf(rows, this.#width).map((row, index) => {
      const known = new Map<number, Record<Metric, number>>();
      const scoresOfToken = (id: number): Record<Metric, number> => {
        const scores = known.get(id) ?? scoresOf(row, embeddings.get(id)!, mean);
        known.set(id, scores);
        return scores;
      };
      const scored = (metric: Metric): ScoredId[] =>
        found
          .get(metric)!
          .slice(index * k, (index + 1) * k)
          .map((id) => ({ id, score: scoresOfToken(id)[metric] }))
          .sort((a, b) => b.score - a.score || a.id - b.id)
          .slice(0, wanted);
      return {
        cosine: scored('cosine'),
        dot: scored('dot'),
        euclidean: scored('euclidean'),
        centred: scored('centred'),
      };
    });
  }

  /** Embeddings [D] of tokens. */
  async embeddings(ids: readonly number[]): Promise<Float32Array[]> {
    if (ids.length === 0) return [];
    const feeds = { ids: new Tensor('int64', BigInt64Array.from(ids, BigInt), [ids.length]) };
    const outputs = await run(this.#embeddings, feeds, ['rows']);
    const rows = output(outputs, 'rows', 'float32');
    const values = rows.data.slice();
    rows.dispose();
    return rowsOf(values, this.#width);
  }

  async release(): Promise<void> {
    await Promise.all([this.#nearest.release(), this.#embeddings.release()]);
  }

  async #embeddingsOf(ids: readonly number[]): Promise<ReadonlyMap<number, Float32Array>> {
    const different = [...new Set(ids)];
    const embeddings = await this.embeddings(different);
    return new Map(different.map((id, index) => [id, embeddings[index]!]));
  }
}

/** A row p against an embedding e, in double precision; one loop for all, because there are thousands of pairs. */
function scoresOf(row: Float32Array, embedding: Float32Array, mean: Float32Array): Record<Metric, number> {
  let [products, rowSquares, squares, distances] = [0, 0, 0, 0];
  let [centredProducts, centredRowSquares, centredSquares] = [0, 0, 0];
  for (let i = 0; i < row.length; i++) {
    const p = row[i]!;
    const e = embedding[i]!;
    products += p * e;
    rowSquares += p * p;
    squares += e * e;
    distances += (p - e) * (p - e);
    const fromMean = p - mean[i]!;
    const awayFromMean = e - mean[i]!;
    centredProducts += fromMean * awayFromMean;
    centredRowSquares += fromMean * fromMean;
    centredSquares += awayFromMean * awayFromMean;
  }
  return {
    cosine: quotient(products, rowSquares * squares),
    dot: products,
    euclidean: -Math.sqrt(distances),
    centred: quotient(centredProducts, centredRowSquares * centredSquares),
  };
}

/** A cosine is −1 where either vector is zero. */
function quotient(products: number, squaredNorms: number): number {
  return squaredNorms === 0 ? -1 : products / Math.sqrt(squaredNorms);
}
