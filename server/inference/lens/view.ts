/** What every view is given, and what a view is. */
import type { CaptionOptions } from '@clipcap/protocol/caption';
import type { LensView, LensViews } from '@clipcap/protocol/lens';
import type { Encoding, LensModel } from './lensModel.js';
import type { Reference } from './statistics.js';
import { unavailable, usage } from './parameters.js';

/** An image beside the one that is looked at. */
export interface OtherImage {
  readonly uri: string;
  readonly label: string;
  /** [K·D] */
  readonly prefix: Float32Array;
}

export interface LensContext {
  readonly model: LensModel;
  readonly image: Encoding;
  readonly uri: string;
  readonly label: string;
  /** How captions are decoded. */
  readonly options: CaptionOptions;
  /** The images that parameters name by their URIs. */
  readonly others: readonly OtherImage[];
  /** Images that stand for every image in place of those of the pack's statistics. */
  readonly reference: Reference | undefined;
  /** Awaited between steps; what it throws ends the view's run. */
  readonly checkpoint: () => Promise<void>;
}

/** Computes a view's data. @throws CaptionError `usage`, `lens-unavailable`, `inference-failed`, `out-of-memory` */
export type Compute<View extends LensView> = (
  context: LensContext,
  params: LensViews[View]['params'],
) => Promise<LensViews[View]['data']>;

export async function referenceOf({ model, reference }: LensContext): Promise<Reference | undefined> {
  return reference ?? (await model.statistics()).reference;
}

/** @throws CaptionError `lens-unavailable` */
export async function neededReference(context: LensContext, purpose: string): Promise<Reference> {
  const found = await referenceOf(context);
  if (found) return found;
  throw unavailable(
    `${purpose} needs the mean prefix of other images, and ${context.model.info.id} was made without reference images. ` +
      'Name images that stand for every image (in VS Code “Choose images…” beside “Every image”, elsewhere --reference), ' +
      'or import the model again on the command line with --reference FOLDER.',
  );
}

/** @throws CaptionError `usage` */
export function otherImage({ others }: LensContext, uri: string): OtherImage {
  const found = others.find((other) => other.uri === uri);
  if (found) return found;
  throw usage(`${JSON.stringify(uri)} is not the URI of an image. Name an image file.`);
}
