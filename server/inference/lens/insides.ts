/** What graphs keep to themselves when they caption: attention and hidden states, from variants made for looking at them. */
import { Tensor, type InferenceSession } from 'onnxruntime-node';
import { gpt2Step } from '@clipcap/models/graphs/gpt2';
import { mapperGraph } from '@clipcap/models/graphs/mappers/mapper';
import type { Pack } from '@clipcap/models/pack/openPack';
import type { PackManifest } from '@clipcap/models/pack/manifest';
import { emptyPast } from '../keyValueCache.js';
import { createSession, output, run, type Provider } from '../provider.js';

export interface Values {
  readonly data: Float32Array;
  readonly dims: readonly number[];
}

/** The language model over a whole caption at once. */
export class DecoderInsides {
  readonly #session: InferenceSession;
  readonly #model: PackManifest['languageModel'];

  private constructor(session: InferenceSession, model: PackManifest['languageModel']) {
    this.#session = session;
    this.#model = model;
  }

  static async create({ folder, manifest, weights }: Pack, provider: Provider): Promise<DecoderInsides> {
    const { languageModel } = manifest;
    // One session for both: each would keep weights of its own.
    const graph = gpt2Step(languageModel, weights, { variants: ['attentions', 'hidden_states'] });
    return new DecoderInsides(await createSession(graph, provider, folder), languageModel);
  }

  /**
   * `attentions [1,L,H,K+T,K+T]` or `hidden_states [1,L+1,K+T,D]` of a prefix [K·D] followed by T tokens.
   */
  async look(what: 'attentions' | 'hidden_states', prefix: Float32Array, tokens: readonly number[]): Promise<Values> {
    const { width } = this.#model;
    const prefixLength = prefix.length / width;
    const positions = prefixLength + tokens.length;
    const feeds = {
      inputs_embeds: new Tensor('float32', prefix, [1, prefixLength, width]),
      input_ids: new Tensor('int64', BigInt64Array.from(tokens, BigInt), [1, tokens.length]),
      attended_rows: new Tensor(
        'int32',
        Int32Array.from({ length: positions }, (_, position) => position),
        [positions, 1],
      ),
      ...emptyPast(this.#model),
    };
    return take(await run(this.#session, feeds, [what]), what);
  }

  release(): Promise<void> {
    return this.#session.release();
  }
}

/** A transformer mapper with its attention. */
export class MapperInsides {
  readonly #session: InferenceSession;

  private constructor(session: InferenceSession) {
    this.#session = session;
  }

  static async create({ folder, manifest, weights }: Pack, provider: Provider): Promise<MapperInsides> {
    return new MapperInsides(await createSession(mapperGraph(manifest, weights, 'attentions'), provider, folder));
  }

  /** Image embedding [d] → `attentions [1,L,H,C+K,C+K]`. */
  async attentions(embedding: Float32Array): Promise<Values> {
    const feeds = { image_embeds: new Tensor('float32', embedding, [1, embedding.length]) };
    return take(await run(this.#session, feeds, ['attentions']), 'attentions');
  }

  release(): Promise<void> {
    return this.#session.release();
  }
}

function take(outputs: Awaited<ReturnType<typeof run>>, name: string): Values {
  const tensor = output(outputs, name, 'float32');
  const values = { data: tensor.data.slice(), dims: [...tensor.dims] };
  tensor.dispose();
  return values;
}
