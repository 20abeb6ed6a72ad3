/** The whole lens of one image: its views in one document, each with its data or with why it has none. */
import type { CancellationToken } from 'vscode-jsonrpc';
import { CaptionError, concernsImage } from '@clipcap/protocol/error';
import {
  lensViews,
  type InspectDocument,
  type LensView,
  type LensViewParams,
  type UnavailableViews,
} from '@clipcap/protocol/lens';
import type { InferenceProcess } from '../process/inferenceProcess.js';
import type { LensModelChoice, LensPlaces, LensRequests } from '../process/lensRequests.js';
import { readImage } from '../process/readImage.js';

export interface DocumentRequest {
  readonly uri: string;
  /** As the document names it. */
  readonly path: string;
  /** Undefined: all that need no further argument. */
  readonly views?: readonly LensView[] | undefined;
  readonly params: LensViewParams;
  /**
   * Whether a wrong parameter fails all views: who typed it corrects it. Else its view says so in its place: of parameters
   * that were kept from another image, nobody made a mistake.
   */
  readonly typed?: boolean;
  readonly reference?: readonly string[] | undefined;
}

export interface DocumentContext {
  readonly inference: Pick<InferenceProcess, 'encode' | 'picture' | 'load'>;
  /** Of the same inference and places: what it has encoded already is not encoded again. */
  readonly lens: LensRequests;
  readonly places: LensPlaces;
  readonly model: LensModelChoice;
  readonly token?: CancellationToken;
  /** Told before each view. */
  readonly progress?: (done: number, all: number) => void;
}

/** @throws CaptionError what is wrong with the request, its images, the pack or the runtime */
export async function wholeLens(request: DocumentRequest, context: DocumentContext): Promise<InspectDocument> {
  const { uri, path, params, typed = false, reference } = request;
  const { inference, lens, places, model, token, progress } = context;
  const { bytes, sha256 } = await readImage(places.path(uri));
  const image = { bytes, sha256, name: path };
  const { width, height } = await inference.encode({ model: model.folder, provider: model.provider, image }, token);
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
      const asked = request.views !== undefined || (typed && Object.keys(params[view] ?? {}).length > 0);
      if (!(error instanceof CaptionError) || !isOfView(error, asked)) throw error;
      unavailable[view] = { code: error.code, message: error.message };
    }
  }
  info ??= await inference.load(model.folder, model.provider);
  return {
    version: 1,
    model: info,
    image: { path, sha256, width, height },
    views,
    ...(Object.keys(unavailable).length > 0 && { unavailable }),
  };
}

/**
 * Whether the others may still be shown. The image itself has been read by then: another one that is gone or broken
 * concerns the views that name it. What nobody asked for cannot be asked for wrongly.
 * @param asked whether the view was named, or a parameter of it was
 */
function isOfView({ code }: CaptionError, asked: boolean): boolean {
  return code === 'lens-unavailable' || concernsImage(code) || (code === 'usage' && !asked);
}
