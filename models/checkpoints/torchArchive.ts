/**
 * Checkpoints that PyTorch 1.6 and later writes: a zip archive with a pickle that describes the tensors and a record for
 * each storage. TorchScript archives (the form in which OpenAI published CLIP) differ in what the pickle holds: a module's
 * objects instead of a state dict.
 */
import type { CheckpointFile } from './checkpointFile.js';
import { elementBytes } from './dtype.js';
import { invalid, quoted, unsupported } from './errors.js';
import { hyperParameters } from './hyperParameters.js';
import { maxPickleBytes, readPickle } from './pickle.js';
import { PlainObject, type TensorRecord } from './pickleValues.js';
import { RecordChecksum } from './recordChecksum.js';
import { nameTensors } from './tensorNames.js';
import { checkView, type TensorView } from './tensorView.js';
import { readZip, type ZipEntry } from './zip.js';

interface Archive {
  readonly file: CheckpointFile;
  readonly entries: ReadonlyMap<string, ZipEntry>;
  /** The folder that holds everything, named like the file as it was first saved. */
  readonly folder: string;
  readonly bigEndian: boolean;
}

export interface TorchTensors {
  readonly format: 'pytorch' | 'torchscript';
  readonly tensors: ReadonlyMap<string, TensorView>;
  readonly hyperParameters?: Readonly<Record<string, unknown>>;
}

/** @throws CaptionError `checkpoint-invalid` or `checkpoint-unsupported` */
export async function readTorchArchive(file: CheckpointFile): Promise<TorchTensors> {
  const entries = await readZip(file);
  const folder = findFolder(entries, file.path);
  const order = await readSmall(file, entries.get(`${folder}/byteorder`), 16);
  const archive = { file, entries, folder, bigEndian: byteOrder(order, file.path) === 'big' };
  const pickle = entries.get(`${folder}/data.pkl`)!;
  const bytes = await readSmall(file, pickle, maxPickleBytes);
  const root = readPickle(bytes!, file.path);
  const tensors = new Map<string, TensorView>();
  for (const [name, tensor] of nameTensors(root, pickle.length, file.path)) {
    tensors.set(name, locate(archive, name, tensor));
  }
  if (tensors.size === 0) {
    throw unsupported(file.path, 'holds no tensors', 'Save the weights: torch.save(model.state_dict(), "weights.pt").');
  }
  const settings = hyperParameters(root);
  return {
    format: root instanceof PlainObject ? 'torchscript' : 'pytorch',
    tensors,
    ...(settings && { hyperParameters: settings }),
  };
}

function findFolder(entries: ReadonlyMap<string, ZipEntry>, path: string): string {
  const folders = [...entries.keys()].filter((name) => /^[^/]+\/data\.pkl$/u.test(name));
  const [name] = folders;
  if (name === undefined) {
    throw unsupported(path, 'is a zip archive, but none that PyTorch 1.6 or later has saved', resave);
  }
  if (folders.length > 1) throw invalid(path, 'it is two checkpoints in one archive');
  return name.slice(0, -'/data.pkl'.length);
}

/** How to bring a file of an old PyTorch into the form that is read. */
export const resave =
  "Save it again with a newer PyTorch: python -c \"import torch; torch.save(torch.load('OLD.pt', map_location='cpu'), 'NEW.pt')\".";

async function readSmall(
  file: CheckpointFile,
  entry: ZipEntry | undefined,
  limit: number,
): Promise<Buffer | undefined> {
  if (!entry) return undefined;
  if (!entry.stored) throw compressed(file.path, entry.name);
  if (entry.length > limit) throw invalid(file.path, `record ${quoted(entry.name)} has ${entry.length} bytes`);
  const bytes = await file.read(entry.offset, entry.length);
  if (entry.sum) {
    const checksum = new RecordChecksum(entry.sum);
    checksum.add(bytes);
    checksum.check(file.path);
  }
  return bytes;
}

function byteOrder(bytes: Buffer | undefined, path: string): 'little' | 'big' {
  // Files without the record were written before PyTorch supported anything else.
  const order = bytes?.toString('latin1') ?? 'little';
  if (order === 'little' || order === 'big') return order;
  throw invalid(path, `its byte order is ${quoted(order)}`);
}

function locate({ file, entries, folder, bigEndian }: Archive, name: string, tensor: TensorRecord): TensorView {
  const { storage: saved, dtype, offset, shape, strides } = tensor;
  const entry = entries.get(`${folder}/data/${saved.key}`);
  if (!entry) throw invalid(file.path, `tensor ${quoted(name)} is in record ${quoted(saved.key)}, which is missing`);
  if (!entry.stored) throw compressed(file.path, entry.name);
  const length = saved.length * (saved.dtype ? elementBytes[saved.dtype] : 1);
  if (length > entry.length) {
    throw invalid(file.path, `record ${quoted(entry.name)} has ${entry.length} bytes instead of ${length}`);
  }
  const sum = length === entry.length ? entry.sum : undefined;
  const storage = { begin: entry.offset, length, bigEndian, ...(sum && { sum }) };
  const view = { file, dtype, shape, strides, offset, storage };
  checkView(name, view);
  return view;
}

function compressed(path: string, record: string): Error {
  return unsupported(
    path,
    `has compressed its record ${quoted(record)}, which PyTorch never does`,
    'Save it again with torch.save, and do not repack the archive.',
  );
}
