/** Which tensors an encoder has that is built from the pack's weights: their names below `encoder.`, uses and shapes. */
import type { BuiltEncoder, EncoderManifest, EncoderOf } from './encoderManifest.js';
import { normalisation, weightAndBias, type TensorList } from './tensorList.js';

export function encoderTensors(encoder: EncoderManifest): TensorList {
  if (encoder.kind === 'onnx') return [];
  return tensorsOf(encoder).map(([name, use, shape]) => [`encoder.${name}`, use, shape]);
}

function tensorsOf(encoder: BuiltEncoder): TensorList {
  if (encoder.kind === 'clip-vit') return clipVit(encoder);
  if (encoder.kind === 'clip-resnet') return clipResnet(encoder);
  return encoder.kind === 'vit' ? vit(encoder) : dinov2(encoder);
}

function clipVit(encoder: EncoderOf<'clip-vit'>): TensorList {
  const { width, layers, hiddenWidth = 4 * width, patchSize, embeddingWidth, image } = encoder;
  return [
    ['conv1.weight', 'array', [width, 3, patchSize, patchSize]],
    ['class_embedding', 'vector', [width]],
    ['positional_embedding', 'array', [(image.size / patchSize) ** 2 + 1, width]],
    ...normalisation('ln_pre', width),
    ...clipBlocks(layers, width, hiddenWidth),
    ...normalisation('ln_post', width),
    ['proj', 'conv1d', [width, embeddingWidth]],
  ];
}

/** The blocks of either side of CLIP. */
export function clipBlocks(layers: number, width: number, hiddenWidth: number): TensorList {
  return repeated(layers, (layer) => {
    const name = `transformer.resblocks.${layer}`;
    return [
      ...normalisation(`${name}.ln_1`, width),
      [`${name}.attn.in_proj_weight`, 'linear', [3 * width, width]],
      [`${name}.attn.in_proj_bias`, 'vector', [3 * width]],
      ...weightAndBias(`${name}.attn.out_proj`, 'linear', width, width),
      ...normalisation(`${name}.ln_2`, width),
      ...weightAndBias(`${name}.mlp.c_fc`, 'linear', width, hiddenWidth),
      ...weightAndBias(`${name}.mlp.c_proj`, 'linear', hiddenWidth, width),
    ];
  });
}

/** Batch normalisations are folded into the convolutions, which so have biases. */
function clipResnet({ width, layers, embeddingWidth, image }: EncoderOf<'clip-resnet'>): TensorList {
  const bottleneck = (name: string, inputs: number, planes: number, isFirst: boolean): TensorList => [
    ...convolution(`${name}.conv1`, inputs, planes, 1),
    ...convolution(`${name}.conv2`, planes, planes, 3),
    ...convolution(`${name}.conv3`, planes, 4 * planes, 1),
    ...(isFirst ? convolution(`${name}.downsample.0`, inputs, 4 * planes, 1) : []),
  ];
  const stage = (index: number): TensorList => {
    const planes = width * 2 ** index;
    const before = index === 0 ? width : 2 * planes;
    return repeated(layers[index]!, (block) =>
      bottleneck(`layer${index + 1}.${block}`, block === 0 ? before : 4 * planes, planes, block === 0),
    );
  };
  const features = 32 * width;
  return [
    ...convolution('conv1', 3, width / 2, 3),
    ...convolution('conv2', width / 2, width / 2, 3),
    ...convolution('conv3', width / 2, width, 3),
    ...repeated(layers.length, stage),
    ['attnpool.positional_embedding', 'array', [(image.size / 32) ** 2 + 1, features]],
    ...['q_proj', 'k_proj', 'v_proj'].flatMap((name) =>
      weightAndBias(`attnpool.${name}`, 'linear', features, features),
    ),
    ...weightAndBias('attnpool.c_proj', 'linear', features, embeddingWidth),
  ];
}

function vit(encoder: EncoderOf<'vit'>): TensorList {
  const { width, layers, hiddenWidth } = encoder;
  const block = (layer: number): TensorList => {
    const name = `encoder.layer.${layer}`;
    return [
      ...normalisation(`${name}.layernorm_before`, width),
      ...huggingFaceAttention(name, width),
      ...normalisation(`${name}.layernorm_after`, width),
      ...weightAndBias(`${name}.intermediate.dense`, 'linear', width, hiddenWidth),
      ...weightAndBias(`${name}.output.dense`, 'linear', hiddenWidth, width),
    ];
  };
  return [...embeddings(encoder), ...repeated(layers, block), ...normalisation('layernorm', width)];
}

function dinov2(encoder: EncoderOf<'dinov2'>): TensorList {
  const { width, layers, hiddenWidth, feedForward } = encoder;
  const block = (layer: number): TensorList => {
    const name = `encoder.layer.${layer}`;
    const [first, second] = feedForward === 'mlp' ? ['mlp.fc1', 'mlp.fc2'] : ['mlp.weights_in', 'mlp.weights_out'];
    return [
      ...normalisation(`${name}.norm1`, width),
      ...huggingFaceAttention(name, width),
      [`${name}.layer_scale1.lambda1`, 'vector', [width]],
      ...normalisation(`${name}.norm2`, width),
      ...weightAndBias(`${name}.${first}`, 'linear', width, feedForward === 'mlp' ? hiddenWidth : 2 * hiddenWidth),
      ...weightAndBias(`${name}.${second}`, 'linear', hiddenWidth, width),
      [`${name}.layer_scale2.lambda1`, 'vector', [width]],
    ];
  };
  return [...embeddings(encoder), ...repeated(layers, block), ...normalisation('layernorm', width)];
}

function embeddings({ width, patchSize, positionGrid }: EncoderOf<'vit' | 'dinov2'>): TensorList {
  return [
    ['embeddings.cls_token', 'vector', [1, 1, width]],
    ['embeddings.position_embeddings', 'array', [1, positionGrid ** 2 + 1, width]],
    ['embeddings.patch_embeddings.projection.weight', 'array', [width, 3, patchSize, patchSize]],
    ['embeddings.patch_embeddings.projection.bias', 'vector', [width]],
  ];
}

function huggingFaceAttention(layer: string, width: number): TensorList {
  const names = ['attention.query', 'attention.key', 'attention.value', 'output.dense'];
  return names.flatMap((name) => weightAndBias(`${layer}.attention.${name}`, 'linear', width, width));
}

function convolution(name: string, inputs: number, outputs: number, kernel: number): TensorList {
  return [
    [`${name}.weight`, 'array', [outputs, inputs, kernel, kernel]],
    [`${name}.bias`, 'vector', [outputs]],
  ];
}

function repeated(count: number, list: (index: number) => TensorList): TensorList {
  return Array.from({ length: count }, (_, index) => list(index)).flat();
}
