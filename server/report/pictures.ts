/** The pictures that a report carries, so that it needs no file beside it. */
import { CaptionError, concernsImage } from '@clipcap/protocol/error';
import type { InspectDocument } from '@clipcap/protocol/lens';
import { readImage } from '../process/readImage.js';
import type { DocumentContext } from './document.js';

/** The photo's longer side, in pixels. */
const photoSide = 1024;

export interface ReportPictures {
  /** A JPEG, upright. */
  readonly photo: Uint8Array;
  /** Data URIs by the URIs of images that are compared; one that has gone meanwhile has none. */
  readonly thumbnails: Readonly<Record<string, string>>;
}

/** @throws CaptionError what is wrong with the image at `uri`, the pack or the runtime */
export async function picturesOf(
  { views }: InspectDocument,
  uri: string,
  { inference, lens, places, model, token }: DocumentContext,
): Promise<ReportPictures> {
  const path = places.path(uri);
  const image = { ...(await readImage(path)), name: path };
  const { folder, provider } = model;
  const photo = await inference.picture({ model: folder, provider, image, side: photoSide }, token);
  const thumbnails: Record<string, string> = {};
  for (const other of new Set(views.compare?.items.map((item) => item.uri))) {
    if (other === uri) continue;
    const thumbnail = await lens.thumbnail(other, model, token).catch(withoutPicture);
    if (thumbnail !== undefined) thumbnails[other] = thumbnail;
  }
  return { photo, thumbnails };
}

function withoutPicture(error: unknown): undefined {
  if (!(error instanceof CaptionError) || !concernsImage(error.code)) throw error;
}
