/**
 * The Python classes and functions that a checkpoint may name, and the plain record that each stands for. This list is
 * the whole of what a pickle can do; none of it runs code of the file.
 */
import { isDType, type DType } from './dtype.js';
import { convert, quoted, unsupported } from './errors.js';
import { Dict, Global, PlainObject, StorageRecord, TensorRecord, Tuple, type PickleValue } from './pickleValues.js';

/** What a constructor may ask of the machine that reads the pickle. */
export interface PickleContext {
  readonly path: string;
  /** Counts work that a constructor does beyond one step. */
  spend(steps: number): void;
  damaged(what: string): Error;
}

type Constructor = (args: readonly PickleValue[], context: PickleContext) => PickleValue;

/** PyTorch's own limit. */
const maxRank = 64;

const storages: Readonly<Record<string, DType>> = {
  DoubleStorage: 'float64',
  FloatStorage: 'float32',
  HalfStorage: 'float16',
  BFloat16Storage: 'bfloat16',
  LongStorage: 'int64',
  IntStorage: 'int32',
  ShortStorage: 'int16',
  CharStorage: 'int8',
  ByteStorage: 'uint8',
  BoolStorage: 'bool',
};

const untypedStorages = new Set(['torch.UntypedStorage', 'torch.storage.UntypedStorage']);

/** Element types of PyTorch. Those that we cannot read may be named too: only tensors need theirs read. */
const elementTypes = new Set(
  (
    'float64 float32 float16 bfloat16 int64 int32 int16 int8 uint64 uint32 uint16 uint8 bool complex32 complex64 ' +
    'complex128 quint8 qint8 qint32 quint4x2 quint2x4 float8_e4m3fn float8_e5m2 float8_e4m3fnuz float8_e5m2fnuz ' +
    'float8_e8m0fnu float4_e2m1fn_x2'
  )
    .split(' ')
    .map((name) => `torch.${name}`),
);

/** Classes whose objects are kept as they are and never looked into: hyperparameters and other company of weights. */
const plainClasses = new Set([
  'argparse.Namespace',
  'numpy.core.multiarray.scalar',
  'numpy._core.multiarray.scalar',
  'numpy.core.multiarray._reconstruct',
  'numpy._core.multiarray._reconstruct',
  'numpy.dtype',
  'pathlib.Path',
  'pathlib.PosixPath',
  'pathlib.PurePosixPath',
  'pathlib.WindowsPath',
  'pathlib._local.PosixPath',
  'pathlib._local.WindowsPath',
  'torch.device',
  'torch.torch_version.TorchVersion',
  'torch._C._TensorMeta',
  '_codecs.encode',
  '__builtin__.set',
  'builtins.set',
  '__builtin__.frozenset',
  'builtins.frozenset',
  '__builtin__.bytearray',
  'builtins.bytearray',
]);

/** Dicts with another name. */
const dictClasses = new Set([
  'collections.Counter',
  'collections.defaultdict',
  'pytorch_lightning.utilities.parsing.AttributeDict',
  'lightning.fabric.utilities.data.AttributeDict',
  'lightning_fabric.utilities.data.AttributeDict',
]);

/** Types that appear as values, such as a `defaultdict`'s, and are never called. */
const typesOnly = new Set(
  ['__builtin__', 'builtins'].flatMap((module) =>
    ['int', 'float', 'str', 'bool', 'dict', 'list', 'tuple', 'bytes'].map((name) => `${module}.${name}`),
  ),
)
  .add('numpy.ndarray')
  .add('torch.Tensor');

const constructors = new Map<string, Constructor>([
  ['collections.OrderedDict', orderedDict],
  ['torch.Size', (args, context) => asTuple(args[0] ?? new Tuple([]), context)],
  ['torch._utils._rebuild_tensor_v2', rebuildTensor],
  ['torch._utils._rebuild_tensor_v3', rebuildTensor],
  ['torch._tensor._rebuild_from_type_v2', rebuildWithAttributes],
  ['torch._utils._rebuild_parameter', rebuildParameter],
  ['torch._utils._rebuild_parameter_with_state', rebuildParameter],
  // TorchScript wraps lists and dicts to keep their element types.
  ['torch.jit._pickle.build_intlist', first],
  ['torch.jit._pickle.build_doublelist', first],
  ['torch.jit._pickle.build_boollist', first],
  ['torch.jit._pickle.build_tensorlist', first],
  ['torch.jit._pickle.restore_type_tag', first],
]);

/** Whether a pickle may name this class or function. */
export function isAllowed(name: string): boolean {
  return (
    constructors.has(name) ||
    plainClasses.has(name) ||
    dictClasses.has(name) ||
    typesOnly.has(name) ||
    storageType(name) !== undefined ||
    elementTypes.has(name) ||
    isTorchScript(name)
  );
}

/** Classes that exist only inside a TorchScript archive. */
function isTorchScript(name: string): boolean {
  return name.startsWith('__torch__.');
}

/** The element type of a storage class; `dtype` is missing if it holds untyped bytes. */
export function storageType(name: string): { readonly dtype: DType | undefined } | undefined {
  if (untypedStorages.has(name)) return { dtype: undefined };
  const kind = /^torch\.(?:cuda\.)?([A-Za-z0-9]+)$/u.exec(name)?.[1] ?? '';
  const dtype = Object.hasOwn(storages, kind) ? storages[kind] : undefined;
  return dtype && { dtype };
}

/**
 * Calls an allowed name.
 * @throws CaptionError `checkpoint-invalid`, or `checkpoint-unsupported` for a tensor that we cannot read
 */
export function construct(name: string, args: Tuple, context: PickleContext): PickleValue {
  const constructor = constructors.get(name);
  if (constructor) return constructor(args.items, context);
  if (plainClasses.has(name)) return new PlainObject(name, args);
  if (dictClasses.has(name)) return args.items[0] instanceof Dict ? args.items[0] : new Dict();
  throw context.damaged(`${quoted(name)} cannot be called`);
}

/** Makes an object of an allowed class. @throws CaptionError `checkpoint-invalid` */
export function instantiate(name: string, args: Tuple, context: PickleContext): PickleValue {
  return isTorchScript(name) ? new PlainObject(name, args) : construct(name, args, context);
}

function first(args: readonly PickleValue[], context: PickleContext): PickleValue {
  const [value] = args;
  if (value === undefined) throw context.damaged('a call has no argument');
  return value;
}

function orderedDict(args: readonly PickleValue[], context: PickleContext): Dict {
  const dict = new Dict();
  const [pairs = []] = args;
  if (!Array.isArray(pairs)) throw context.damaged('a dict has no entries');
  context.spend(pairs.length);
  for (const pair of pairs) {
    const [key, value] = pair instanceof Tuple ? pair.items : Array.isArray(pair) ? pair : [];
    if (key === undefined || value === undefined) throw context.damaged('a dict’s entry has no value');
    dict.entries.set(key, value);
  }
  return dict;
}

function rebuildParameter(args: readonly PickleValue[], context: PickleContext): TensorRecord {
  const [data] = args;
  if (!(data instanceof TensorRecord)) throw context.damaged('a parameter has no tensor');
  return data;
}

/** `(function, class, its arguments, attributes)`: a tensor that someone has noted something on, which is left away. */
function rebuildWithAttributes(args: readonly PickleValue[], context: PickleContext): TensorRecord {
  const [callee, type, inner] = args;
  const isTensor =
    callee instanceof Global &&
    constructors.get(callee.name) === rebuildTensor &&
    type instanceof Global &&
    type.name === 'torch.Tensor';
  if (!isTensor || !(inner instanceof Tuple)) throw context.damaged('a tensor with attributes has no tensor');
  return rebuildTensor(inner.items, context);
}

/** `(storage, offset, shape, strides, requires_grad, hooks)`; version 3 adds the element type. */
function rebuildTensor(args: readonly PickleValue[], context: PickleContext): TensorRecord {
  const [storage, offset, shape, strides, , , type] = args;
  if (!(storage instanceof StorageRecord) || !isCount(offset)) throw context.damaged('a tensor has no storage');
  const dtype = storage.dtype ?? untypedElement(type, context);
  const sizes = counts(shape, context);
  const steps = counts(strides, context);
  if (sizes.length !== steps.length) throw context.damaged('a tensor’s shape and strides differ in length');
  return new TensorRecord(storage, dtype, offset, sizes, steps);
}

function untypedElement(type: PickleValue | undefined, context: PickleContext): DType {
  if (!(type instanceof Global) || !elementTypes.has(type.name)) throw context.damaged('a tensor has no element type');
  const name = type.name.slice('torch.'.length);
  if (isDType(name)) return name;
  throw unsupported(context.path, `holds a tensor of type ${name}, which is not read`, convert);
}

function asTuple(value: PickleValue, context: PickleContext): Tuple {
  if (value instanceof Tuple) return value;
  if (Array.isArray(value)) return new Tuple(value);
  throw context.damaged('a size is no tuple');
}

function counts(value: PickleValue | undefined, context: PickleContext): number[] {
  const items = value instanceof Tuple ? value.items : value;
  if (!Array.isArray(items) || items.length > maxRank) throw context.damaged('a tensor has no shape');
  context.spend(items.length);
  return items.map((item: PickleValue) => {
    if (!isCount(item)) throw context.damaged('a tensor’s shape or stride is no size');
    return item;
  });
}

function isCount(value: PickleValue | undefined): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
