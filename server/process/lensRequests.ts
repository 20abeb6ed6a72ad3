/**
 * The parent's side of the Prefix Lens: reads the images that a view is about, has those beside the first one encoded,
 * and asks for the view.
 */
import type { CancellationToken } from 'vscode-jsonrpc';
import type { CaptionOptions } from '@clipcap/protocol/caption';
import { cancelled, CaptionError } from '@clipcap/protocol/error';
import { lensViews, mostImages, type CompareData, type LensParams, type LensResult } from '@clipcap/protocol/lens';
import { lightEnough } from '../inference/lens/compareSize.js';
import { wordChanges } from '../inference/lens/wordChanges.js';
import type { InferenceProcess } from './inferenceProcess.js';
import { Recent } from '../recent.js';
import { readImage } from './readImage.js';

/** The most pixels a side of a thumbnail: twice as many as it is shown with. */
const thumbnailSide = 192;

/** Prefixes that are kept: 250 kB each for the largest published mappers. */
const keptPrefixes = 200;

export interface LensModelChoice {
  /** The pack's folder. */
  readonly folder: string;
  readonly provider: string;
  readonly options: CaptionOptions;
}

export interface LensPlaces {
  /** The path of an image. @throws CaptionError `not-a-file` */
  readonly path: (uri: string) => string;
  /** The folder of a pack that a comparison names. @throws CaptionError */
  readonly pack: (model: string) => string;
}

type Inference = Pick<InferenceProcess, 'lens' | 'encode' | 'picture'>;

interface Prefix {
  readonly uri: string;
  readonly label: string;
  readonly prefix: Float32Array;
}

export class LensRequests {
  readonly #inference: Inference;
  readonly #places: LensPlaces;
  readonly #prefixes = new Recent<Float32Array>(keptPrefixes);

  constructor(inference: Inference, places: LensPlaces) {
    this.#inference = inference;
    this.#places = places;
  }

  /** @throws CaptionError what is wrong with the request, one of its images, the pack or the runtime */
  async view(request: LensParams, model: LensModelChoice, token?: CancellationToken): Promise<LensResult> {
    const { uri, view, reference } = request;
    // Clients that are not ours may leave them out.
    const params = Object.assign({}, request.params);
    if (!lensViews.includes(view)) {
      throw usage(`There is no view ${JSON.stringify(view)}. The views are ${lensViews.join(', ')}.`);
    }
    const beside = [...new Set(urisIn(params))];
    const standingForAll = strings(reference);
    for (const uris of [beside, standingForAll]) {
      if (uris.length > mostImages) {
        throw usage(`${uris.length} images are more than the ${mostImages} that a view takes. Choose fewer.`);
      }
    }
    const path = this.#places.path(uri);
    const { bytes, sha256 } = await readImage(path);
    const image = { bytes, sha256, name: path };
    const ask = async ({ folder, provider, options }: LensModelChoice): Promise<LensResult> => {
      const choice = { folder, provider, options };
      const others: Prefix[] = [];
      for (const other of beside) others.push(await this.#prefix(other, choice, token));
      // An image that is gone is no matter of views that do without it.
      const mean = comparesWithAll(view, params) ? await this.#mean(standingForAll, choice, token) : undefined;
      return this.#inference.lens(
        { model: folder, provider, options, image, uri, view, params, others, ...(mean && { reference: mean }) },
        token,
      );
    };
    const result = await ask(model);
    const otherPack = view === 'compare' && 'model' in params ? params.model : undefined;
    if (typeof otherPack !== 'string') return result;
    const second = await ask({ ...model, folder: this.#places.pack(otherPack) });
    return { ...result, data: besideEachOther(result, second) };
  }

  /** A small picture of an image, as a data URI. @throws CaptionError what is wrong with it */
  async thumbnail(uri: string, { folder, provider }: LensModelChoice, token?: CancellationToken): Promise<string> {
    const path = this.#places.path(uri);
    const image = { ...(await readImage(path)), name: path };
    const asked = { model: folder, provider, image, side: thumbnailSide };
    const jpeg = await this.#inference.picture(asked, token);
    return `data:image/jpeg;base64,${Buffer.from(jpeg).toString('base64')}`;
  }

  /** Lets go of what was encoded. */
  forget(): void {
    this.#prefixes.clear();
  }

  async #prefix(
    uri: string,
    { folder, provider }: LensModelChoice,
    token: CancellationToken | undefined,
  ): Promise<Prefix> {
    const path = this.#places.path(uri);
    const { bytes, sha256 } = await readImage(path);
    if (token?.isCancellationRequested === true) throw cancelled(path);
    const key = JSON.stringify([sha256, folder, provider]);
    const image = { bytes, sha256, name: path };
    const prefix =
      this.#prefixes.get(key) ?? (await this.#inference.encode({ model: folder, provider, image }, token)).prefix;
    this.#prefixes.set(key, prefix);
    return { uri, label: path, prefix };
  }

  async #mean(
    uris: readonly string[],
    model: LensModelChoice,
    token: CancellationToken | undefined,
  ): Promise<{ mean: Float32Array; images: number } | undefined> {
    let sum: Float64Array | undefined;
    for (const uri of uris) {
      const { prefix } = await this.#prefix(uri, model, token);
      sum ??= new Float64Array(prefix.length);
      for (const [i, value] of prefix.entries()) sum[i]! += value;
    }
    return sum && { mean: Float32Array.from(sum, (value) => value / uris.length), images: uris.length };
  }
}

/** Whether a view's answer depends on which images stand for every image. */
function comparesWithAll(view: LensParams['view'], params: object): boolean {
  if (view === 'table') return true;
  return view === 'counterfactuals' && interventionsIn(params).some(({ kind }) => kind === 'mean-replace');
}

/** The URIs of other images that a view's parameters name, whoever sent them. */
function urisIn(params: object): string[] {
  const others = 'others' in params ? strings(params.others) : [];
  return [...others, ...strings(interventionsIn(params).map(({ other }) => other))];
}

/** As far as they are any: clients that are not ours may send anything. */
function interventionsIn(params: object): { readonly kind?: unknown; readonly other?: unknown }[] {
  const list: unknown = 'interventions' in params ? params.interventions : [];
  return (Array.isArray(list) ? list : []).filter(
    (one: unknown): one is object => typeof one === 'object' && one !== null,
  );
}

function strings(values: unknown): string[] {
  return (Array.isArray(values) ? values : []).filter((value): value is string => typeof value === 'string');
}

function itemsOf({ data, model }: LensResult): CompareData['items'] {
  const items = 'items' in data ? data.items : [];
  return items.map((item) =>
    Object.assign({}, item, { label: items.length > 1 ? `${item.label} (${model.id})` : model.id }),
  );
}

/** One image under two packs. Their prefixes are of different spaces, and not compared. */
function besideEachOther(first: LensResult, second: LensResult): CompareData {
  const items = [...itemsOf(first), ...itemsOf(second)];
  return lightEnough({ items, words: items.map(({ caption }) => wordChanges(items[0]!.caption.text, caption.text)) });
}

function usage(message: string): CaptionError {
  return new CaptionError('usage', message);
}
