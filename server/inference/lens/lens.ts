/**
 * The Prefix Lens's requests: an image is encoded once, then each view is computed in steps between which captions run,
 * so that a waiting hover never waits for a whole view.
 */
import type { CancellationToken } from 'vscode-jsonrpc';
import { cancelled, CaptionError } from '@clipcap/protocol/error';
import type {
  ComputeLensParams,
  EncodedImage,
  ImageContent,
  ImageParams,
  PictureParams,
} from '@clipcap/protocol/inference';
import type { LensResult, LensView } from '@clipcap/protocol/lens';
import type { ImageHeader } from '../decode.js';
import type { Model } from '../model.js';
import { collectPixels } from '../pixelGarbage.js';
import type { Pixels } from '../resample.js';
import { ModelReplaced, type ModelIdentity, type Pause, type ResidentModel } from '../residentModel.js';
import type { Encoding, LensModel } from './lensModel.js';
import { usage } from './parameters.js';
import { jpegOf } from './photo.js';
import { computeView } from './views.js';

type Inspect = (bytes: Uint8Array, name: string) => Promise<ImageHeader>;

/** How often a view is begun again because another model took its place meanwhile. */
const attempts = 3;

export class Lens {
  readonly #resident: ResidentModel<Model>;
  readonly #inspect: Inspect;
  /** Full-size pixels are in memory one image at a time. */
  #decoding: Promise<unknown> = Promise.resolve();

  constructor(resident: ResidentModel<Model>, inspect: Inspect) {
    this.#resident = resident;
    this.#inspect = inspect;
  }

  /** The prefix of an image. `CaptionError`s say why not. */
  async encode(params: ImageParams, token: CancellationToken): Promise<EncodedImage> {
    return this.#run(params, params.image, token, ({ prefix, width, height }) =>
      Promise.resolve({ prefix, width, height }),
    );
  }

  /** The upright image as a JPEG. Captions run before it is decoded. */
  async picture({ image, side, ...wanted }: PictureParams, token: CancellationToken): Promise<Uint8Array> {
    return this.#use(wanted, image.name, token, async (_lens, checkpoint) => {
      const pixels = await this.#decode(image);
      await checkpoint();
      return jpegOf(pixels, side);
    });
  }

  async compute<View extends LensView>(
    params: ComputeLensParams<View>,
    token: CancellationToken,
  ): Promise<LensResult<View>> {
    const { view, image, uri, options, others, reference } = params;
    return this.#run(params, image, token, async (encoding, model, checkpoint) => {
      const length = encoding.prefix.length;
      if (
        [...others.map(({ prefix }) => prefix), ...(reference ? [reference.mean] : [])].some(
          (one) => one.length !== length,
        )
      ) {
        throw usage('The images were encoded by different models. Ask again.');
      }
      const context = {
        model,
        image: encoding,
        uri,
        label: image.name,
        options,
        others,
        reference: reference && { ...reference, source: 'images' as const },
        checkpoint,
      };
      return { model: model.info, view, data: await computeView(view, context, params.params) };
    });
  }

  async #run<Result>(
    wanted: ModelIdentity,
    image: ImageContent,
    token: CancellationToken,
    work: (encoding: Encoding, model: LensModel, checkpoint: () => Promise<void>) => Promise<Result>,
  ): Promise<Result> {
    return this.#use(wanted, image.name, token, async (lens, checkpoint) => {
      const encoding = lens.known(image.sha256) ?? (await this.#encode(lens, image, checkpoint));
      return work(encoding, lens, checkpoint);
    });
  }

  async #use<Result>(
    wanted: ModelIdentity,
    name: string,
    token: CancellationToken,
    work: (model: LensModel, checkpoint: () => Promise<void>) => Promise<Result>,
  ): Promise<Result> {
    const attempt = (left: number): Promise<Result> =>
      this.#resident
        .use(wanted, async ({ lens }, pause) => {
          const checkpoint = (): Promise<void> => between(name, token, pause);
          await checkpoint();
          return work(lens, checkpoint);
        })
        .catch((error: unknown) => {
          if (error instanceof ModelReplaced && left > 1) return attempt(left - 1);
          throw asCaptionError(error, name);
        });
    return attempt(attempts);
  }

  async #encode(lens: LensModel, image: ImageContent, checkpoint: () => Promise<void>): Promise<Encoding> {
    const pixels = await this.#decode(image);
    await checkpoint();
    return lens.encode(image.sha256, pixels);
  }

  #decode({ bytes, name }: ImageContent): Promise<Pixels> {
    const decoded = this.#decoding.then(async () => {
      collectPixels();
      return (await this.#inspect(bytes, name)).decode();
    });
    this.#decoding = decoded.catch(() => undefined);
    return decoded;
  }
}

/** Lets the event loop read cancellations, and captions run that wait for the model. */
async function between(name: string, token: CancellationToken, pause: Pause): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
  if (token.isCancellationRequested) throw cancelled(name);
  await pause();
}

function asCaptionError(error: unknown, name: string): CaptionError {
  if (error instanceof CaptionError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  const message = `${name} could not be inspected (${reason}). See the log, or try again.`;
  return new CaptionError('inference-failed', message, { cause: error });
}
