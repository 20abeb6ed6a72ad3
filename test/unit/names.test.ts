import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EncoderManifest } from '@clipcap/models/pack/manifest';
import { encoderName, mapperName } from '@clipcap/models/pack/names';

const shared = {
  embeddingWidth: 512,
  normalize: false,
  image: {
    size: 224,
    resize: 'shortest-edge',
    resampling: 'bicubic',
    crop: 'center',
    mean: [0, 0, 0],
    std: [1, 1, 1],
  },
} satisfies Partial<EncoderManifest>;
const huggingFace = { hiddenWidth: 1536, epsilon: 1e-6, positionGrid: 16 };

test('encoders of published sizes have their published names', () => {
  const vit = { kind: 'clip-vit', ...shared, heads: 12, activation: 'quick-gelu' } as const;
  assert.equal(encoderName({ ...vit, width: 768, layers: 12, patchSize: 32 }), 'CLIP ViT-B/32');
  assert.equal(encoderName({ ...vit, width: 1024, layers: 24, patchSize: 14 }), 'CLIP ViT-L/14');
  const resnet = { kind: 'clip-resnet', ...shared, heads: 40 } as const;
  assert.equal(encoderName({ ...resnet, width: 80, layers: [4, 6, 10, 6] }), 'CLIP RN50x4');
  const small = { ...shared, ...huggingFace, width: 384, layers: 12, heads: 6, patchSize: 14 };
  assert.equal(encoderName({ kind: 'dinov2', ...small, feedForward: 'mlp' }), 'DINOv2 ViT-S/14');
  assert.equal(encoderName({ kind: 'vit', ...small }), 'ViT-S/14');
});

test('encoders of other sizes are named by their numbers', () => {
  const vit = { kind: 'clip-vit', ...shared, heads: 4, activation: 'gelu' } as const;
  assert.equal(encoderName({ ...vit, width: 256, layers: 6, patchSize: 16 }), 'CLIP ViT-256×6/16');
  const resnet = { kind: 'clip-resnet', ...shared, heads: 4 } as const;
  assert.equal(encoderName({ ...resnet, width: 8, layers: [1, 1, 2, 1] }), 'CLIP ResNet 8×1,1,2,1');
});

test('mappers say their prefix length, a transformer its blocks and heads', () => {
  assert.equal(mapperName({ kind: 'mlp', prefixLength: 10, hiddenWidth: 3840 }), 'mlp, K=10');
  assert.equal(mapperName({ kind: 'linear', prefixLength: 10 }), 'linear, K=10');
  const transformer = { kind: 'transformer', prefixLength: 40, clipLength: 40, layers: 8, heads: 8 } as const;
  assert.equal(mapperName(transformer), 'transformer 8×8, K=40');
});
