/** The document of `clipcap caption --json`, in pieces: that of many images is longer than a string can be. */
import type { CaptionDocument, ImageEntry, ModelInfo } from '@clipcap/protocol/caption';

/** What `JSON.stringify` with an indent of 2 makes of the document, and a line end; a piece for each image. */
export function* captionDocument(model: ModelInfo, images: readonly ImageEntry[]): Generator<string> {
  const empty: CaptionDocument = { version: 1, model, images: [] };
  const frame = JSON.stringify(empty, null, 2);
  const end = frame.lastIndexOf(']');
  yield frame.slice(0, end);
  for (const [i, image] of images.entries()) {
    const lines = `\n${JSON.stringify(image, null, 2)}`;
    yield (i > 0 ? ',' : '') + lines.replaceAll('\n', '\n    ');
  }
  yield `${images.length > 0 ? '\n  ' : ''}${frame.slice(end)}\n`;
}
