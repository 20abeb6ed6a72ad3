/** View 10: what the encoder itself says of the image, where it is a classifier. */
import { unavailable } from './parameters.js';
import { rounded } from './vectors.js';
import type { Compute } from './view.js';

const mostLabels = 20;

export const encoder: Compute<'encoder'> = async ({ model, image, checkpoint }) => {
  const { encoder: described } = model.manifest;
  const labels = described.kind === 'onnx' ? described.classLabels : undefined;
  const { encoder: session } = model.parts;
  if (!labels || !session.gives('class_logits')) {
    const clip = described.kind.startsWith('clip')
      ? ' CLIP could compare the image with words by its text side, which packs do not hold.'
      : '';
    throw unavailable(
      `The encoder of ${model.info.id} (${model.encoderName}) names no classes.${clip} Choose a pack whose encoder is a classifier, ` +
        'as the built-in one’s is: its encoder.onnx gives class_logits, and its manifest has classLabels.',
    );
  }
  await checkpoint();
  const { data } = await session.extra(image.pixelValues, 'class_logits');
  const max = data.reduce((a, b) => Math.max(a, b), -Infinity);
  const exps = Float64Array.from(data, (logit) => Math.exp(logit - max));
  const total = exps.reduce((a, b) => a + b, 0);
  const best = [...labels.keys()].sort((a, b) => exps[b]! - exps[a]! || a - b).slice(0, mostLabels);
  return { labels: best.map((index) => ({ label: labels[index]!, probability: rounded(exps[index]! / total) })) };
};
