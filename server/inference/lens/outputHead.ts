/** What the language model would say of a hidden state: the final layer norm, on or off, and the output head. */
import { Tensor, type InferenceSession } from 'onnxruntime-node';
import { outputHead } from '@clipcap/models/graphs/vocabulary';
import type { Pack } from '@clipcap/models/pack/openPack';
import type { ScoredToken } from '../logProbs.js';
import { createSession, output, run, type Provider } from '../provider.js';

/** Rows of one run: 13 MB of logits with GPT-2's vocabulary. */
const rowsOfRun = 64;

export class OutputHead {
  readonly #session: InferenceSession;
  readonly #width: number;

  private constructor(session: InferenceSession, width: number) {
    this.#session = session;
    this.#width = width;
  }

  static async create({ folder, manifest, weights }: Pack, provider: Provider): Promise<OutputHead> {
    const session = await createSession(outputHead(manifest, weights), provider, folder);
    return new OutputHead(session, manifest.languageModel.width);
  }

  /**
   * Hidden states [R,D] → the `count` most probable tokens of each, best first, ties by lower id.
   * @param checkpoint awaited between runs
   */
  async top(
    states: Float32Array,
    count: number,
    norm: boolean,
    checkpoint: () => Promise<void>,
  ): Promise<ScoredToken[][]> {
    const found: ScoredToken[][] = [];
    const step = rowsOfRun * this.#width;
    for (let start = 0; start < states.length; start += step) {
      await checkpoint();
      const part = states.subarray(start, start + step);
      const rows = part.length / this.#width;
      const feeds = {
        states: new Tensor('float32', part, [rows, this.#width]),
        norm: new Tensor('bool', [norm], [1]),
        k: new Tensor('int64', BigInt64Array.of(BigInt(count)), [1]),
      };
      const outputs = await run(this.#session, feeds, ['logits', 'ids', 'log_sum']);
      const logits = output(outputs, 'logits', 'float32');
      const ids = output(outputs, 'ids', 'int64');
      const sums = output(outputs, 'log_sum', 'float32');
      for (let row = 0; row < rows; row++) {
        found.push(
          Array.from({ length: count }, (_, rank) => ({
            id: Number(ids.data[row * count + rank]),
            logProb: logits.data[row * count + rank]! - sums.data[row]!,
          })),
        );
      }
      for (const tensor of [logits, ids, sums]) tensor.dispose();
    }
    return found;
  }

  release(): Promise<void> {
    return this.#session.release();
  }
}
