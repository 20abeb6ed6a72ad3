/** The bytes of a small `.safetensors` file of float32 tensors. */
import { safetensorsHead } from './weightsFile.js';

export type FloatTensor = readonly [name: string, shape: readonly number[], values: Float32Array];

export function safetensorsBytes(
  tensors: readonly FloatTensor[],
  metadata?: Readonly<Record<string, string>>,
): Uint8Array {
  const header: Record<string, object> = metadata ? { __metadata__: metadata } : {};
  let end = 0;
  for (const [name, shape, { byteLength }] of tensors) {
    header[name] = { dtype: 'F32', shape, data_offsets: [end, end + byteLength] };
    end += byteLength;
  }
  const bytes = tensors.map(
    ([, , { buffer, byteOffset, byteLength }]) => new Uint8Array(buffer, byteOffset, byteLength),
  );
  return Buffer.concat([safetensorsHead(header), ...bytes]);
}
