/** Safetensors files as a source of weights, with all element types that PyTorch's common ones map to. */
import { readSafetensorsHeader } from '../pack/safetensorsHeader.js';
import type { CheckpointFile } from './checkpointFile.js';
import type { DType } from './dtype.js';
import { convert, invalid, quoted, unsupported } from './errors.js';
import { rowMajor, type TensorView } from './tensorView.js';

const dtypes = {
  F64: 'float64',
  F32: 'float32',
  F16: 'float16',
  BF16: 'bfloat16',
  I64: 'int64',
  I32: 'int32',
  I16: 'int16',
  I8: 'int8',
  U64: 'uint64',
  U32: 'uint32',
  U16: 'uint16',
  U8: 'uint8',
  BOOL: 'bool',
} as const satisfies Record<string, DType>;

const storedBytes: Readonly<Record<keyof typeof dtypes, number>> = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U64: 8,
  U32: 4,
  U16: 2,
  U8: 1,
  BOOL: 1,
};

/** More dimensions than PyTorch has. */
const maxRank = 64;

/** @throws CaptionError `checkpoint-invalid`, or `checkpoint-unsupported` for an element type that is not read */
export async function readSafetensorsFile(file: CheckpointFile): Promise<Map<string, TensorView>> {
  const header = await readSafetensorsHeader({
    size: file.size,
    read: (offset, length) => file.read(offset, length),
    elementBytes: storedBytes,
    malformed: (what, cause) => invalid(file.path, what.slice(0, 500), cause),
    untaken: (tensor, dtype) =>
      unsupported(file.path, `holds ${quoted(tensor)}, a tensor of type ${quoted(dtype)}, which is not read`, convert),
  });
  const tensors = new Map<string, TensorView>();
  for (const { name, dtype, shape, offset, length } of header.tensors) {
    if (shape.length > maxRank) throw invalid(file.path, `a tensor has ${shape.length} dimensions`);
    const storage = { begin: offset, length, bigEndian: false };
    tensors.set(name, { file, dtype: dtypes[dtype], shape, strides: rowMajor(shape), offset: 0, storage });
  }
  // Of tied tensors, `save_model` of safetensors keeps one and notes which names stand for it.
  for (const [name, kept] of Object.entries(header.metadata)) {
    const view = tensors.get(kept);
    if (view && !tensors.has(name)) tensors.set(name, view);
  }
  return tensors;
}
