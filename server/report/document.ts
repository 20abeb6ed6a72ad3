/** The whole lens of one image: its views in one document, each with its data or with why it has none. */
import type { CancellationToken } from 'vscode-jsonrpc';
import type { ErrorCode } from '@clipcap/protocol/caption';
import { CaptionError } from '@clipcap/protocol/error';
import {
  lensViews,
  type InspectDocument,
  type LensView,
  type LensViewParams,
  type UnavailableViews,
} from '@clipcap/protocol/lens';
import type { InferenceProcess } from '../process/inferenceProcess.js';
import { LensRequests, type LensModelChoice, type LensPlaces } from '../process/lensRequests.js';
import { readImage } from '../process/readImage.js';
import { photoSize } from './page.js';

export interface DocumentRequest {
  readonly uri: string;
  /** As the document names it. */
  readonly path: string;
  /** Undefined: all that need no further argument. */
  readonly views?: readonly LensView[] | undefined;
  readonly params: LensViewParams;
  readonly reference?: readonly string[] | undefined;
}

interface DocumentContext {
  readonly inference: Pick<InferenceProcess, 'lens' | 'encode' | 'load'>;
  readonly places: LensPlaces;
  readonly model: LensModelChoice;
  readonly token?: CancellationToken;
  /** Told before each view. */
  readonly progress?: (done: number, all: number) => void;
}

interface WholeLens {
  readonly document: InspectDocument;
  /** The upright image as a JPEG, empty if there is none. */
  readonly photo: Uint8Array;
}

/** @throws CaptionError what is wrong with the request, its images, the pack or the runtime */
export async function wholeLens(request: DocumentRequest, context: DocumentContext): Promise<WholeLens> {
  const { uri, path, params, reference } = request;
  const { inference, places, model, token, progress } = context;
  const lens = new LensRequests(inference, places);
  const { bytes, sha256 } = await readImage(places.path(uri));
  const image = { bytes, sha256, name: path };
  const encoded = { model: model.folder, provider: model.provider, image, photo: photoSize };
  const { width, height, photo } = await inference.encode(encoded, token);
  const saysWithWhat = Object.keys(params.compare ?? {}).length > 0;
  const wanted = request.views ?? lensViews.filter((view) => view !== 'compare' || saysWithWhat);
  const views: InspectDocument['views'] = {};
  const unavailable: { -readonly [View in LensView]?: UnavailableViews[View] } = {};
  let info;
  for (const [done, view] of wanted.entries()) {
    progress?.(done, wanted.length);
    try {
      const asked = { uri, view, params: params[view] ?? {}, ...(reference && { reference }) };
      const result = await lens.view(asked, model, token);
      Object.assign(views, { [view]: result.data });
      info = result.model;
    } catch (error) {
      if (!(error instanceof CaptionError) || !isOfView(error.code, request.views !== undefined)) throw error;
      unavailable[view] = { code: error.code, message: error.message };
    }
  }
  info ??= await inference.load(model.folder, model.provider);
  return {
    document: {
      version: 1,
      model: info,
      image: { path, sha256, width, height },
      views,
      ...(Object.keys(unavailable).length > 0 && { unavailable }),
    },
    photo: photo ?? new Uint8Array(),
  };
}

/** Whether the others may still be shown. What nobody asked for by name cannot be asked for wrongly. */
function isOfView(code: ErrorCode, asked: boolean): boolean {
  return code === 'lens-unavailable' || (code === 'usage' && !asked);
}
