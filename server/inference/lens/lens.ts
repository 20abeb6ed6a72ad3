/**
 * The Prefix Lens's requests: an image is encoded once, then each view is computed in steps between which captions run,
 * so that a waiting hover never waits for a whole view.
 */
import type { CancellationToken } from 'vscode-jsonrpc';
import { CaptionError } from '@clipcap/protocol/error';
import type { ComputeLensParams, EncodedImage, EncodeImageParams, ImageContent } from '@clipcap/protocol/inference';
import type { LensResult, LensView } from '@clipcap/protocol/lens';
import type { ImageHeader } from '../decode.js';
import type { Model } from '../model.js';
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

  /** The prefix of an image, and the image itself if that is asked for. `CaptionError`s say why not. */
  async encode(params: EncodeImageParams, token: CancellationToken): Promise<EncodedImage> {
    const { image, photo } = params;
    return this.#run(params, image, token, async ({ prefix, width, height }) => ({
      prefix,
      width,
      height,
      ...(photo !== undefined && { photo: await jpegOf(await this.#decode(image), photo) }),
    }));
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
    const attempt = (left: number): Promise<Result> =>
      this.#resident
        .use(wanted, async ({ lens }, pause) => {
          const checkpoint = (): Promise<void> => between(image.name, token, pause);
          await checkpoint();
          const encoding = lens.known(image.sha256) ?? (await this.#encode(lens, image, checkpoint));
          return work(encoding, lens, checkpoint);
        })
        .catch((error: unknown) => {
          if (error instanceof ModelReplaced && left > 1) return attempt(left - 1);
          throw asCaptionError(error, image.name);
        });
    return attempt(attempts);
  }

  async #encode(lens: LensModel, image: ImageContent, checkpoint: () => Promise<void>): Promise<Encoding> {
    const pixels = await this.#decode(image);
    await checkpoint();
    return lens.encode(image.sha256, pixels);
  }

  #decode({ bytes, name }: ImageContent): Promise<Pixels> {
    const decoded = this.#decoding.then(async () => (await this.#inspect(bytes, name)).decode());
    this.#decoding = decoded.catch(() => undefined);
    return decoded;
  }
}

/** Lets the event loop read cancellations, and captions run that wait for the model. */
async function between(name: string, token: CancellationToken, pause: Pause): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
  if (token.isCancellationRequested) {
    throw new CaptionError('cancelled', `${name} was cancelled. Ask for it again if you still want it.`);
  }
  await pause();
}

function asCaptionError(error: unknown, name: string): CaptionError {
  if (error instanceof CaptionError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  const message = `${name} could not be inspected (${reason}). See the log, or try again.`;
  return new CaptionError('inference-failed', message, { cause: error });
}
