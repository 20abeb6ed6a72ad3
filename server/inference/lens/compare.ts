/** View 9: images side by side: captions, prefixes, clusters, and whether they all say the same. */
import type { Caption, CaptionOptions } from '@clipcap/protocol/caption';
import { mostImages, type CompareData, type Token } from '@clipcap/protocol/lens';
import { captionOf, captionsOf, forcedLogProbs, idsOf, sum } from './captions.js';
import { clusters } from './clusters.js';
import { lightEnough } from './compareSize.js';
import { usage } from './parameters.js';
import { cosine, meanOf, rounded, rowsOf, squaredDistance, dot } from './vectors.js';
import { otherImage, type Compute, type LensContext } from './view.js';
import { wordChanges } from './wordChanges.js';

export const compare: Compute<'compare'> = async (context, params) => {
  const { image, uri, label, checkpoint } = context;
  if ((params.others?.length ?? 0) > mostImages) {
    throw usage(
      `${params.others!.length} images are more than the ${mostImages} that are compared at a time. Choose fewer.`,
    );
  }
  const compared = (params.others ?? []).map((other) => otherImage(context, other));
  const { decoding } = params;
  const otherwise = `${label} (${decoding?.strategy ?? 'decoded otherwise'})`;
  const again = decoding ? [{ uri, label: otherwise, prefix: image.prefix }] : [];
  const images = [{ uri, label, prefix: image.prefix }, ...again, ...compared];
  const captions = await captionsOfAll(
    context,
    decoding,
    compared.map(({ prefix }) => prefix),
  );
  await checkpoint();
  const nearest = await nearestOf(
    context,
    images.map(({ prefix }) => prefix),
  );
  const similarity = images.map(({ prefix: a }) => images.map(({ prefix: b }) => cosine(a, b)));
  return lightEnough({
    items: images.map((one, i) => ({
      label: one.label,
      uri: one.uri,
      caption: captions[i]!,
      nearest: nearest[i]!,
    })),
    // Two decodings have one prefix.
    ...(compared.length > 0 && {
      similarity: similarity.map((row, i) => row.slice(0, i + 1).map(rounded)),
      clusters: clusters(similarity),
    }),
    words: captions.map((caption) => wordChanges(captions[0]!.text, caption.text)),
    ...(images.length > 1 &&
      again.length === 0 && {
        shared: sharedTokens(nearest),
        collapse: await collapse(
          context,
          images.map(({ prefix }) => prefix),
          captions,
        ),
      }),
  });
};

/** Of this image, of this image decoded otherwise, of the others. */
async function captionsOfAll(
  context: LensContext,
  decoding: CaptionOptions | undefined,
  others: readonly Float32Array[],
): Promise<Caption[]> {
  const { model, image, options, checkpoint } = context;
  const own = await captionOf(context);
  const again = decoding ? await captionsOf(model, [image.prefix], decoding, checkpoint) : [];
  return [own, ...again, ...(await captionsOf(model, others, options, checkpoint))];
}

/** Each image's nearest token by cosine, position by position. */
async function nearestOf({ model, checkpoint }: LensContext, prefixes: readonly Float32Array[]): Promise<Token[][]> {
  const vocabulary = await model.vocabulary;
  const found: Token[][] = [];
  for (const prefix of prefixes) {
    await checkpoint();
    found.push((await vocabulary.nearest(prefix, 1)).map(({ cosine: [best] }) => model.token(best!.id)));
  }
  return found;
}

function sharedTokens(nearest: readonly (readonly Token[])[]): NonNullable<CompareData['shared']> {
  return nearest[0]!.flatMap((_, position) => {
    const counts = new Map<number, number>();
    for (const tokens of nearest) counts.set(tokens[position]!.id, (counts.get(tokens[position]!.id) ?? 0) + 1);
    return [...counts].flatMap(([id, count]) => {
      const share = count / nearest.length;
      const token = nearest.find((tokens) => tokens[position]!.id === id)![position]!;
      return share > 0.5 ? [{ ...token, position, share: rounded(share) }] : [];
    });
  });
}

async function collapse(
  { model, checkpoint }: LensContext,
  prefixes: readonly Float32Array[],
  captions: readonly Caption[],
): Promise<NonNullable<CompareData['collapse']>> {
  const { width } = model.manifest.languageModel;
  const items = captions.map((caption, i) => ({ prefix: prefixes[i]!, tokens: idsOf(caption) }));
  const shifted = items.map(({ tokens }, i) => ({ prefix: prefixes[(i + 1) % prefixes.length]!, tokens }));
  const logProbs = await forcedLogProbs(model, [...items, ...shifted], checkpoint);
  const means = logProbs.map((ofTokens) => sum(ofTokens) / ofTokens.length);
  return {
    diversity: rounded(new Set(captions.map(({ text }) => text)).size / captions.length),
    variance: rounded(betweenImages(prefixes.map((prefix) => rowsOf(prefix, width)))),
    own: rounded(mean(means.slice(0, items.length))),
    shuffled: rounded(mean(means.slice(items.length))),
  };
}

function mean(values: readonly number[]): number {
  return sum(values) / values.length;
}

/** Σ over positions and images of ‖p − its position's mean‖², divided by Σ ‖p‖². */
function betweenImages(images: readonly (readonly Float32Array[])[]): number {
  let [variance, squares] = [0, 0];
  for (const [position] of images[0]!.entries()) {
    const rows = images.map((ofImage) => ofImage[position]!);
    const middle = meanOf(rows);
    for (const row of rows) {
      variance += squaredDistance(row, middle);
      squares += dot(row, row);
    }
  }
  return squares === 0 ? 0 : variance / squares;
}
