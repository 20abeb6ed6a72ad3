/** Step 3 of the data's way: image embeddings → prefixes. */
import { Tensor } from 'onnxruntime-node';
import { mapperGraph } from '@clipcap/models/graphs/mappers/mapper';
import type { Pack } from '@clipcap/models/pack/openPack';
import { createSession, output, run, type OpenSession, type Provider, type Session } from './provider.js';

export class Mapper {
  readonly #session: Session;
  readonly #embeddingWidth: number;

  private constructor(session: Session, embeddingWidth: number) {
    this.#session = session;
    this.#embeddingWidth = embeddingWidth;
  }

  static async create(
    { folder, manifest, weights }: Pack,
    provider: Provider,
    open: OpenSession = createSession,
  ): Promise<Mapper> {
    const session = await open(mapperGraph(manifest, weights), provider, folder);
    return new Mapper(session, manifest.encoder.embeddingWidth);
  }

  /** Image embeddings [N,d] → prefixes [N,K,D]. */
  async map(embeds: Float32Array): Promise<Float32Array> {
    const rows = embeds.length / this.#embeddingWidth;
    const input = new Tensor('float32', embeds, [rows, this.#embeddingWidth]);
    const outputs = await run(this.#session, { image_embeds: input }, ['prefix']);
    const prefix = output(outputs, 'prefix', 'float32');
    const values = prefix.data.slice();
    prefix.dispose();
    return values;
  }

  release(): Promise<void> {
    return this.#session.release();
  }
}
