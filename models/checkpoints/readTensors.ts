/** Tells a checkpoint's format by its first bytes, whatever the file is called, and finds its tensors. */
import type { TensorFormat } from './checkpoint.js';
import type { CheckpointFile } from './checkpointFile.js';
import { invalid, unsupported } from './errors.js';
import { readSafetensorsFile } from './safetensors.js';
import type { TensorView } from './tensorView.js';
import { readTorchArchive, resave } from './torchArchive.js';

type FileFormat = 'zip' | 'safetensors' | 'onnx';

/** The number 0x1950a86a20f9469cfc6c as a pickled integer: PyTorch's files before 1.6 begin with it. */
const legacyMagic = Buffer.from([0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19]);

/** Files that people name by mistake, by their first bytes. */
const strangers: readonly (readonly [begin: string, what: string, remedy: string])[] = [
  ['version https://git-lfs', 'is a pointer to the file, not the file', 'Run “git lfs pull” in its repository.'],
  ['<', 'is a web page, not a checkpoint', 'Download the file itself: look for a download link on that page.'],
  ['\x89HDF', 'is an HDF5 file', 'Name the model’s PyTorch or safetensors file.'],
  ['GGUF', 'is a GGUF file', 'Name the model’s PyTorch or safetensors file.'],
  ['\x1f\x8b', 'is compressed with gzip', 'Unpack it first.'],
  ['\x80', 'is a Python pickle, but none of PyTorch 1.6 or later', resave],
  ['{', 'is a JSON file', 'Name the folder that it is in, or the file of weights.'],
];

/** @throws CaptionError `checkpoint-invalid` or `checkpoint-unsupported` */
export async function recognise(file: CheckpointFile): Promise<FileFormat> {
  if (file.size === 0) throw invalid(file.path, 'it is empty');
  const head = await file.read(0, Math.min(file.size, 512));
  const text = head.toString('latin1');
  if (text.startsWith('PK')) return 'zip';
  if (head[0] === 0x80 && head.subarray(2, 2 + legacyMagic.length).equals(legacyMagic)) {
    throw unsupported(file.path, 'is in the format that PyTorch had before 1.6', resave);
  }
  if (text.slice(257, 262) === 'ustar') {
    throw unsupported(file.path, 'is a tar archive, as very old versions of PyTorch wrote them', resave);
  }
  if (text[8] === '{') return 'safetensors';
  const stranger = strangers.find(([begin]) => text.trimStart().startsWith(begin));
  if (stranger) throw unsupported(file.path, stranger[1], stranger[2]);
  // A damaged one, of which its reader says more.
  if (file.path.endsWith('.safetensors')) return 'safetensors';
  // The version of ONNX's format, the first field of a model.
  if (head[0] === 0x08 && head[1]! < 0x20) return 'onnx';
  throw unsupported(
    file.path,
    'is of no kind that is known here',
    'PyTorch (1.6 or later), TorchScript, safetensors and ONNX files are read, and folders in Hugging Face’s layout.',
  );
}

export interface FileTensors {
  readonly format: TensorFormat;
  readonly tensors: ReadonlyMap<string, TensorView>;
  readonly hyperParameters?: Readonly<Record<string, unknown>>;
}

/** @throws CaptionError `checkpoint-invalid` or `checkpoint-unsupported` */
export async function readTensors(file: CheckpointFile): Promise<FileTensors> {
  const format = await recognise(file);
  if (format === 'zip') return readTorchArchive(file);
  if (format === 'safetensors') return { format, tensors: await readSafetensorsFile(file) };
  throw unsupported(file.path, 'is an ONNX model, whose weights are not taken apart', 'Name a file of weights.');
}
