/**
 * Step 2 of the data's way: preprocessed pixels → image embeddings. The encoder is the pack's own ONNX file, or a graph
 * over the pack's weights.
 */
import { Tensor, type InferenceSession } from 'onnxruntime-node';
import { encoderGraph } from '@clipcap/models/graphs/encoders/encoder';
import type { Pack } from '@clipcap/models/pack/openPack';
import type { EncoderManifest } from '@clipcap/models/pack/manifest';
import { CaptionError } from '@clipcap/protocol/error';
import { createSession, output, run, type OpenSession, type Provider, type Session } from './provider.js';

export class Encoder {
  readonly #session: Session;
  readonly #manifest: EncoderManifest;
  /** What the session calls pixels and embedding. */
  readonly #names: { readonly input: string; readonly output: string };

  private constructor(session: Session, manifest: EncoderManifest) {
    this.#session = session;
    this.#manifest = manifest;
    this.#names = namesOf(manifest);
  }

  /** @throws CaptionError `pack-invalid` or `pack-tensor-mismatch` if the file is not the encoder that the manifest describes */
  static async create(
    pack: Pack,
    provider: Provider,
    variant?: 'patch_attention',
    open: OpenSession = createSession,
  ): Promise<Encoder> {
    const { encoder } = pack.manifest;
    const session =
      encoder.kind === 'onnx'
        ? await openEncoderFile(pack.encoder!, encoder, provider, open)
        : await open(encoderGraph(encoder, pack.weights, variant), provider, pack.folder);
    return new Encoder(session, encoder);
  }

  /**
   * Images, each [3,H,W] → image embeddings [N,d]. One run for each: a batch of 8 took no less time for an image, but
   * 200 MB more (EfficientNet-Lite2, 2 cores).
   * @param checkpoint awaited between two of them; what it throws ends the run
   */
  async encode(images: readonly Float32Array[], checkpoint?: () => Promise<void>): Promise<Float32Array> {
    const { image, normalize, embeddingWidth } = this.#manifest;
    const names = this.#names;
    const embeddings = new Float32Array(images.length * embeddingWidth);
    for (const [index, pixels] of images.entries()) {
      if (index > 0) await checkpoint?.();
      const input = new Tensor('float32', pixels, [1, 3, image.size, image.size]);
      const outputs = await run(this.#session, { [names.input]: input }, [names.output]);
      const embedding = output(outputs, names.output, 'float32');
      if (embedding.size !== embeddingWidth) {
        const message = `The encoder gave [${embedding.dims.join(', ')}] for [1, ${embeddingWidth}]. Import the pack again.`;
        throw new CaptionError('pack-tensor-mismatch', message);
      }
      embeddings.set(embedding.data, index * embeddingWidth);
      embedding.dispose();
    }
    if (normalize) normalizeRows(embeddings, embeddingWidth);
    return embeddings;
  }

  /** Whether there is an output beside the embedding. */
  gives(name: 'class_logits' | 'patch_attention'): boolean {
    return this.#session.outputNames.includes(name);
  }

  /** An output beside the embedding of one image [3,H,W]. */
  async extra(
    pixels: Float32Array,
    name: 'class_logits' | 'patch_attention',
  ): Promise<{ readonly data: Float32Array; readonly dims: readonly number[] }> {
    const { size } = this.#manifest.image;
    const input = new Tensor('float32', pixels, [1, 3, size, size]);
    const tensor = output(await run(this.#session, { [this.#names.input]: input }, [name]), name, 'float32');
    const values = { data: tensor.data.slice(), dims: [...tensor.dims] };
    tensor.dispose();
    return values;
  }

  release(): Promise<void> {
    return this.#session.release();
  }
}

/** An encoder file comes from elsewhere: what it declares is compared with the manifest before it is used. */
async function openEncoderFile(
  path: string,
  manifest: EncoderManifest,
  provider: Provider,
  open: OpenSession,
): Promise<InferenceSession> {
  const session = await open(path, provider).catch((error: CaptionError) => {
    if (error.code === 'out-of-memory') throw error;
    const message = `${path} is not an encoder that can be used. ${error.message}`;
    throw new CaptionError('pack-invalid', message, { cause: error });
  });
  try {
    const { embeddingWidth, image } = manifest;
    const names = namesOf(manifest);
    checkShape(path, 'input', names.input, session.inputMetadata, [undefined, 3, image.size, image.size]);
    checkShape(path, 'output', names.output, session.outputMetadata, [undefined, embeddingWidth]);
  } catch (error) {
    await session.release();
    throw error;
  }
  return session;
}

/** A graph that we build has the names of the tensor contract; a file says its own in the manifest. */
function namesOf(encoder: EncoderManifest): { input: string; output: string } {
  const { input = 'pixel_values', output: embedding = 'image_embeds' } = encoder.kind === 'onnx' ? encoder : {};
  return { input, output: embedding };
}

/** Scales rows to length 1 in place; zero stays zero. */
export function normalizeRows(values: Float32Array, width: number): void {
  for (let start = 0; start < values.length; start += width) {
    const row = values.subarray(start, start + width);
    const norm = Math.sqrt(row.reduce((sum, value) => sum + value * value, 0)) || 1;
    for (let i = 0; i < width; i++) row[i]! /= norm;
  }
}

/** Compares what the file declares; a size that the file leaves open fits. */
function checkShape(
  path: string,
  direction: 'input' | 'output',
  name: string,
  declared: readonly InferenceSession.ValueMetadata[],
  expected: readonly (number | undefined)[],
): void {
  const value = declared.find((candidate) => candidate.name === name);
  const shape = value?.isTensor ? value.shape : undefined;
  const fits =
    shape?.length === expected.length &&
    shape.every((size, i) => typeof size !== 'number' || size < 0 || expected[i] === undefined || size === expected[i]);
  if (fits) return;
  const found = shape ? `has the shape [${shape.join(', ')}]` : 'is missing';
  const wanted = expected.map((size) => size ?? 'N').join(', ');
  throw new CaptionError(
    'pack-tensor-mismatch',
    `In ${path}, the ${direction} "${name}" ${found}; pack.json asks for [${wanted}]. ` +
      'The encoder belongs to another model: import or download the pack again.',
  );
}
