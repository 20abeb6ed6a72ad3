/** View 10: what the encoder itself says of the image, where it is a classifier, or CLIP with labels to compare it with. */
import type { EncoderData } from '@clipcap/protocol/lens';
import { classLabels } from '@clipcap/models/pack/encoderManifest';
import { unavailable } from './parameters.js';
import { rounded } from './vectors.js';
import type { Compute, LensContext } from './view.js';

const mostLabels = 20;

export const encoder: Compute<'encoder'> = async (context) => {
  const data = (await comparedWithTexts(context)) ?? (await classified(context));
  if (data) return data;
  const { model } = context;
  const { id } = model.info;
  throw unavailable(
    model.manifest.encoder.kind.startsWith('clip')
      ? `${id} has no labels that ${model.encoderName} could compare the image with: CLIP’s text side was not at hand when ` +
          'it was imported, or was left out. Import it again from a CLIP with both sides; the report of the import says ' +
          'what is missing.'
      : `The encoder of ${id} (${model.encoderName}) names no classes. Choose a pack whose encoder is a classifier, as the ` +
          'built-in one’s is (its encoder.onnx gives class_logits, and its manifest has classLabels), or a CLIP that was ' +
          'imported with its text side.',
  );
};

/** CLIP's zero-shot classification (Radford et al. 2021, §3.1): softmax over labels of scale · cosine. */
async function comparedWithTexts({ model, image }: LensContext): Promise<EncoderData | undefined> {
  const texts = await model.labelTexts();
  if (!texts) return undefined;
  const { names, prompt, scale } = texts.described;
  const cosines = texts.cosines(image.embedding);
  const best = likeliest(cosines.map((cosine) => scale * cosine));
  return {
    of: 'texts',
    among: names.length,
    prompt,
    scale: rounded(scale),
    labels: best.map(({ index, probability }) => ({
      label: names[index]!,
      probability,
      cosine: rounded(cosines[index]!),
    })),
  };
}

async function classified({ model, image, checkpoint }: LensContext): Promise<EncoderData | undefined> {
  const labels = classLabels(model.manifest.encoder);
  const { encoder: session } = model.parts;
  if (labels.length === 0 || !session.gives('class_logits')) return undefined;
  await checkpoint();
  const { data } = await session.extra(image.pixelValues, 'class_logits');
  return {
    of: 'classes',
    among: data.length,
    labels: likeliest([...data]).map(({ index, probability }) => ({
      label: labels[index] ?? `class ${index}`,
      probability,
    })),
  };
}

/** The largest values of a softmax, ties in the order of indices. */
function likeliest(logits: readonly number[]): { index: number; probability: number }[] {
  const max = logits.reduce((a, b) => Math.max(a, b), -Infinity);
  const exps = logits.map((logit) => Math.exp(logit - max));
  const total = exps.reduce((a, b) => a + b, 0);
  const best = [...exps.keys()].sort((a, b) => exps[b]! - exps[a]! || a - b).slice(0, mostLabels);
  return best.map((index) => ({ index, probability: rounded(exps[index]! / total) }));
}
