/** What readers call an encoder or a mapper: the name of the published size where it is one, otherwise its numbers. */
import type { EncoderManifest } from './encoderManifest.js';
import type { MapperManifest } from './manifest.js';

/** Letters that the literature gives to widths × blocks of vision transformers. */
const sizes: Readonly<Record<string, string>> = {
  '192×12': 'Ti',
  '384×12': 'S',
  '768×12': 'B',
  '1024×24': 'L',
  '1280×32': 'H',
  '1408×40': 'g',
  '1536×40': 'g',
};

/** CLIP's ResNets by stem width and blocks. */
const resnets: Readonly<Record<string, string>> = {
  '64×3,4,6,3': 'RN50',
  '64×3,4,23,3': 'RN101',
  '80×4,6,10,6': 'RN50x4',
  '96×6,8,18,8': 'RN50x16',
  '128×3,15,36,10': 'RN50x64',
};

/** For example `CLIP ViT-B/32`, `CLIP RN50x4`, `DINOv2 ViT-S/14`. */
export function encoderName(encoder: EncoderManifest): string {
  if (encoder.kind === 'onnx') return encoder.architecture;
  if (encoder.kind === 'clip-resnet') {
    const size = `${encoder.width}×${encoder.layers.join(',')}`;
    return `CLIP ${resnets[size] ?? `ResNet ${size}`}`;
  }
  const family = { 'clip-vit': 'CLIP ', dinov2: 'DINOv2 ', vit: '' }[encoder.kind];
  return family + vitName(encoder);
}

/** For example `transformer 8×8, K=40` (blocks × heads) or `mlp, K=10`. */
export function mapperName(mapper: MapperManifest): string {
  const { kind, prefixLength } = mapper;
  const size = kind === 'transformer' ? ` ${mapper.layers}×${mapper.heads}` : '';
  return `${kind}${size}, K=${prefixLength}`;
}

function vitName({ width, layers, patchSize }: { width: number; layers: number; patchSize: number }): string {
  const size = `${width}×${layers}`;
  return `ViT-${sizes[size] ?? size}/${patchSize}`;
}
