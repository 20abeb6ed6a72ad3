/**
 * Which tensors a pack must hold, by its manifest. Names and layouts are those of checkpoints: ClipCap's for mapper and
 * language model; for encoders, below `encoder.`, OpenAI's for CLIP and Hugging Face's for the others.
 */
import { encoderTensors } from './encoderTensors.js';
import { normalisation, weightAndBias, type ExpectedTensors, type TensorList, type TensorUse } from './tensorList.js';
import type { LabelsManifest } from './encoderManifest.js';
import type { LanguageModelManifest, MapperManifest, PackDType, PackManifest } from './manifest.js';

/** What their file calls the label embeddings [L,d]. */
export const labelEmbeds = 'label_embeds';

export function weightTensors({
  encoder,
  mapper,
  languageModel,
}: Pick<PackManifest, 'encoder' | 'mapper' | 'languageModel'>): ExpectedTensors {
  return expected([
    ...encoderTensors(encoder),
    ...mapperTensors(mapper, encoder.embeddingWidth, languageModel.width),
    ...languageModelTensors(languageModel),
  ]);
}

/** @param hasReference whether the prefix was measured over reference images, which an import may have none of */
export function statisticsTensors({ mapper, languageModel }: PackManifest, hasReference = true): ExpectedTensors {
  const { width, vocabulary } = languageModel;
  const overImages: TensorList = [
    ['prefix_mean', 'vector', [mapper.prefixLength, width]],
    ['prefix_covariance', 'vector', [width, width]],
  ];
  return expected([...(hasReference ? overImages : []), ['vocabulary_norms', 'vector', [vocabulary]]]);
}

/** Of the file of CLIP's label embeddings. */
export function labelTensors(labels: LabelsManifest, embeddingWidth: number): ExpectedTensors {
  return expected([[labelEmbeds, 'vector', [labels.names.length, embeddingWidth]]]);
}

/** How a pack of one data type stores a tensor. Blocks are for what is multiplied or looked up, 16 bit for the rest. */
export function storageOf(use: TensorUse, dtype: Exclude<PackDType, 'mixed'>): 'F32' | 'F16' | 'q8' | 'q4' {
  if (dtype === 'fp32' || use === 'vector') return 'F32';
  return dtype === 'fp16' || use === 'array' ? 'F16' : dtype;
}

function mapperTensors(mapper: MapperManifest, embeddingWidth: number, width: number): TensorList {
  const { prefixLength } = mapper;
  if (mapper.kind === 'linear') return weightAndBias('clip_project', 'linear', embeddingWidth, prefixLength * width);
  if (mapper.kind === 'mlp') {
    return [
      ...weightAndBias('clip_project.model.0', 'linear', embeddingWidth, mapper.hiddenWidth),
      ...weightAndBias('clip_project.model.2', 'linear', mapper.hiddenWidth, prefixLength * width),
    ];
  }
  return [
    ...weightAndBias('clip_project.linear', 'linear', embeddingWidth, mapper.clipLength * width),
    ['clip_project.prefix_const', 'vector', [prefixLength, width]],
    ...Array.from({ length: mapper.layers }, (_, layer) => mapperLayer(layer, width)).flat(),
  ];
}

function mapperLayer(layer: number, width: number): TensorList {
  const name = `clip_project.transformer.layers.${layer}`;
  return [
    ...normalisation(`${name}.norm1`, width),
    [`${name}.attn.to_queries.weight`, 'linear', [width, width]],
    [`${name}.attn.to_keys_values.weight`, 'linear', [2 * width, width]],
    ...weightAndBias(`${name}.attn.project`, 'linear', width, width),
    ...normalisation(`${name}.norm2`, width),
    ...weightAndBias(`${name}.mlp.fc1`, 'linear', width, 2 * width),
    ...weightAndBias(`${name}.mlp.fc2`, 'linear', 2 * width, width),
  ];
}

function languageModelTensors({ width, layers, vocabulary, context, tiedHead }: LanguageModelManifest): TensorList {
  return [
    ['gpt.transformer.wte.weight', 'embedding', [vocabulary, width]],
    ['gpt.transformer.wpe.weight', 'array', [context, width]],
    ...Array.from({ length: layers }, (_, layer) => languageModelLayer(layer, width)).flat(),
    ...normalisation('gpt.transformer.ln_f', width),
    ...(tiedHead ? [] : [['gpt.lm_head.weight', 'linear', [vocabulary, width]] as const]),
  ];
}

function languageModelLayer(layer: number, width: number): TensorList {
  const name = `gpt.transformer.h.${layer}`;
  return [
    ...normalisation(`${name}.ln_1`, width),
    ...weightAndBias(`${name}.attn.c_attn`, 'conv1d', width, 3 * width),
    ...weightAndBias(`${name}.attn.c_proj`, 'conv1d', width, width),
    ...normalisation(`${name}.ln_2`, width),
    ...weightAndBias(`${name}.mlp.c_fc`, 'conv1d', width, 4 * width),
    ...weightAndBias(`${name}.mlp.c_proj`, 'conv1d', 4 * width, width),
  ];
}

function expected(list: TensorList): ExpectedTensors {
  return new Map(list.map(([name, use, shape]) => [name, { use, shape }]));
}
