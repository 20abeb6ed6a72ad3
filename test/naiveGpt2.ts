/**
 * ClipCap's mapper and GPT-2 written out loop by loop, without cache, batches or cleverness: what the graphs are
 * compared with.
 */
import type { LanguageModelManifest } from '@clipcap/models/pack/manifest';
import type { TensorValues } from './writeSafetensors.js';

type Matrix = readonly (readonly number[])[];
export type NaiveWeights = ReadonlyMap<string, TensorValues>;

/** Logits of the last position after `embeds` [P,D] and `ids`. */
export function naiveLogits(
  model: LanguageModelManifest,
  weights: NaiveWeights,
  embeds: Matrix,
  ids: readonly number[],
): number[] {
  const wte = matrix(weights, 'gpt.transformer.wte.weight');
  const wpe = matrix(weights, 'gpt.transformer.wpe.weight');
  const embedded = [...embeds, ...ids.map((id) => wte[id]!)];
  let x: Matrix = embedded.map((row, position) => add(row, wpe[position]!));
  for (let layer = 0; layer < model.layers; layer++) {
    const name = `gpt.transformer.h.${layer}`;
    const normed = x.map((row) => layerNorm(weights, `${name}.ln_1`, row));
    const mixed = attention(
      normed.map((row) => conv1d(weights, `${name}.attn.c_attn`, row)),
      model,
    );
    x = x.map((row, i) => add(row, conv1d(weights, `${name}.attn.c_proj`, mixed[i]!)));
    x = x.map((row) => {
      const hidden = conv1d(weights, `${name}.mlp.c_fc`, layerNorm(weights, `${name}.ln_2`, row)).map(gelu);
      return add(row, conv1d(weights, `${name}.mlp.c_proj`, hidden));
    });
  }
  const last = layerNorm(weights, 'gpt.transformer.ln_f', x.at(-1)!);
  return wte.map((row) => dot(row, last));
}

/** Prefix [K·D] of an image embedding. */
export function naivePrefix(weights: NaiveWeights, embedding: readonly number[]): number[] {
  const linear = (name: string, x: readonly number[]): number[] => {
    const bias = weights.get(`${name}.bias`)!.values;
    return matrix(weights, `${name}.weight`).map((row, i) => dot(row, x) + bias[i]!);
  };
  return linear('clip_project.model.2', linear('clip_project.model.0', embedding).map(Math.tanh));
}

function attention(projected: Matrix, { width, heads }: LanguageModelManifest): Matrix {
  const size = width / heads;
  return projected.map((own, position) => {
    const output: number[] = [];
    for (let head = 0; head < heads; head++) {
      const part = (row: readonly number[], which: number): readonly number[] =>
        row.slice(which * width + head * size, which * width + (head + 1) * size);
      const visible = projected.slice(0, position + 1);
      const probabilities = softmax(visible.map((row) => dot(part(own, 0), part(row, 1)) / Math.sqrt(size)));
      for (let i = 0; i < size; i++) {
        output.push(visible.reduce((sum, row, at) => sum + probabilities[at]! * part(row, 2)[i]!, 0));
      }
    }
    return output;
  });
}

function conv1d(weights: NaiveWeights, name: string, x: readonly number[]): number[] {
  const { shape, values } = weights.get(`${name}.weight`)!;
  const bias = weights.get(`${name}.bias`)!.values;
  const [inputs = 0, outputs = 0] = shape;
  return Array.from({ length: outputs }, (_, o) => {
    let sum = bias[o]!;
    for (let i = 0; i < inputs; i++) sum += x[i]! * values[i * outputs + o]!;
    return sum;
  });
}

function layerNorm(weights: NaiveWeights, name: string, x: readonly number[]): number[] {
  const mean = x.reduce((sum, value) => sum + value, 0) / x.length;
  const variance = x.reduce((sum, value) => sum + (value - mean) ** 2, 0) / x.length;
  const gain = weights.get(`${name}.weight`)!.values;
  const bias = weights.get(`${name}.bias`)!.values;
  return x.map((value, i) => ((value - mean) / Math.sqrt(variance + 1e-5)) * gain[i]! + bias[i]!);
}

function gelu(x: number): number {
  return 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));
}

function softmax(scores: readonly number[]): number[] {
  const max = Math.max(...scores);
  const exps = scores.map((score) => Math.exp(score - max));
  const sum = exps.reduce((total, value) => total + value, 0);
  return exps.map((value) => value / sum);
}

function matrix(weights: NaiveWeights, name: string): Matrix {
  const { shape, values } = weights.get(name)!;
  const [rows = 0, columns = 0] = shape;
  return Array.from({ length: rows }, (_, row) => Array.from(values.subarray(row * columns, (row + 1) * columns)));
}

function add(a: readonly number[], b: readonly number[]): number[] {
  return a.map((value, i) => value + b[i]!);
}

function dot(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, value, i) => sum + value * b[i]!, 0);
}
