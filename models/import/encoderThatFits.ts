/** Which published encoders give embeddings of a width: what people need to know who took another. */

const published: Readonly<Record<number, string>> = {
  384: 'DINOv2 ViT-S/14',
  512: 'CLIP ViT-B/32 (the official MLP checkpoints), CLIP ViT-B/16 or CLIP RN101',
  640: 'CLIP RN50x4 (the official transformer checkpoint)',
  768: 'CLIP ViT-L/14 or CLIP RN50x16, or a ViT-B',
  1024: 'CLIP RN50, CLIP RN50x64 or CLIP ViT-H/14, or a ViT-L',
};

/** A sentence. */
export function encoderThatFits(embeddingWidth: number): string {
  const names = published[embeddingWidth];
  return names === undefined
    ? `Name the encoder that it was trained with, whose embeddings have ${embeddingWidth} values.`
    : `Embeddings of ${embeddingWidth} values come from ${names}: name that encoder.`;
}
