/** Step 5 of the data's way: what a prefix says, as the vocabulary tokens nearest to each of its rows. */
import { Tensor } from 'onnxruntime-node';
import { nearestTokens } from '@clipcap/models/graphs/nearest';
import type { Pack } from '@clipcap/models/pack/openPack';
import { norm } from './lens/vectors.js';
import { createSession, output, run, type OpenSession, type Provider, type Session } from './provider.js';

/** A prefix row and its nearest tokens, best first, ties by lower id. */
export interface NearestToRow {
  /** Euclidean. */
  readonly norm: number;
  /** `score` is the cosine, −1 if either embedding is zero. */
  readonly nearest: readonly { readonly id: number; readonly score: number }[];
}

export class NearestTokens {
  readonly #session: Session;
  readonly #width: number;

  private constructor(session: Session, width: number) {
    this.#session = session;
    this.#width = width;
  }

  static async create(
    { folder, manifest, weights }: Pack,
    provider: Provider,
    open: OpenSession = createSession,
  ): Promise<NearestTokens> {
    const session = await open(nearestTokens(manifest, weights), provider, folder);
    return new NearestTokens(session, manifest.languageModel.width);
  }

  /** Prefix rows [M,D] → the `count` nearest tokens of each. */
  async find(rows: Float32Array, count: number): Promise<NearestToRow[]> {
    const width = this.#width;
    const feeds = {
      rows: new Tensor('float32', rows, [rows.length / width, width]),
      k: new Tensor('int64', BigInt64Array.of(BigInt(count)), [1]),
    };
    const outputs = await run(this.#session, feeds, ['scores', 'ids']);
    const scores = output(outputs, 'scores', 'float32');
    const ids = output(outputs, 'ids', 'int64');
    const found = Array.from({ length: rows.length / width }, (_, row) => ({
      norm: norm(rows.subarray(row * width, (row + 1) * width)),
      nearest: Array.from({ length: count }, (__, rank) => ({
        id: Number(ids.data[row * count + rank]),
        score: scores.data[row * count + rank]!,
      })),
    }));
    scores.dispose();
    ids.dispose();
    return found;
  }

  release(): Promise<void> {
    return this.#session.release();
  }
}
