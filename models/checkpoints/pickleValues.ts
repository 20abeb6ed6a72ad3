/** What a pickle turns into: plain records. No class of the file's choosing is ever made, no function of it called. */
import type { DType } from './dtype.js';

export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | PickleValue[]
  | Tuple
  | Dict
  | Global
  | PlainObject
  | StorageRecord
  | TensorRecord;

export class Tuple {
  readonly items: readonly PickleValue[];
  constructor(items: readonly PickleValue[]) {
    this.items = items;
  }
}

/** A dict, ordered as it was written. */
export class Dict {
  readonly entries = new Map<PickleValue, PickleValue>();
}

/** A class or function by name, as long as nothing has been made with it. */
export class Global {
  /** Such as `torch._utils._rebuild_tensor_v2`. */
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
}

/** An object of an allowed class that we do not interpret: its class, what it was made from, its attributes. */
export class PlainObject {
  readonly className: string;
  readonly args: Tuple;
  state: PickleValue = null;
  constructor(className: string, args: Tuple) {
    this.className = className;
    this.args = args;
  }
}

/** Where a tensor's values are: a record of the archive. */
export class StorageRecord {
  /** The record's name in the archive's `data/`. */
  readonly key: string;
  /** `undefined` for untyped bytes: the tensor then tells. */
  readonly dtype: DType | undefined;
  /** Elements, or bytes if it is untyped. */
  readonly length: number;
  constructor(key: string, dtype: DType | undefined, length: number) {
    this.key = key;
    this.dtype = dtype;
    this.length = length;
  }
}

/** A view of a storage. Offset and strides count elements. */
export class TensorRecord {
  readonly storage: StorageRecord;
  readonly dtype: DType;
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  constructor(
    storage: StorageRecord,
    dtype: DType,
    offset: number,
    shape: readonly number[],
    strides: readonly number[],
  ) {
    this.storage = storage;
    this.dtype = dtype;
    this.offset = offset;
    this.shape = shape;
    this.strides = strides;
  }
}
