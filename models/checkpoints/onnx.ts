/**
 * What a ready ONNX encoder takes and gives, without its weights: fields are walked by their lengths, and only inputs,
 * outputs and the weights' names are read. Tags and lengths are read by the protobuf library, messages by ONNX's own
 * definition.
 */
import onnxProto from 'onnx-proto';
import protobuf from 'protobufjs/minimal.js';
import type { CheckpointFile } from './checkpointFile.js';
import { invalid } from './errors.js';

const { onnx } = onnxProto;

export interface OnnxValue {
  readonly name: string;
  /** As in ONNX's TensorProto.DataType: 1 is float32, 10 float16. */
  readonly elementType: number;
  /** A name where the size differs from run to run; -1 where it has no name. */
  readonly shape: readonly (number | string)[];
}

/** An image encoder that is ready to run. */
export interface OnnxEncoder {
  readonly format: 'onnx';
  readonly path: string;
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
  /** Whether weights are in further files. */
  readonly externalData: boolean;
}

// Field numbers of onnx.proto.
const model = { graph: 7 } as const;
const graph = { initializer: 5, input: 11, output: 12 } as const;
const tensor = { name: 8, location: 14 } as const;

/** A tensor's location: in another file. */
const external: number = onnx.TensorProto.DataLocation.EXTERNAL;

const lengthDelimited = 2;
const maxFields = 200_000;
const maxMessageBytes = 2 ** 16;
const maxNameBytes = 1024;
const maxRank = 64;
/** Inputs, outputs: an encoder has one of each; old models list their weights as inputs. */
const maxValues = 10_000;
const windowBytes = 2 ** 16;
/** A tag and a length, each at most 10 bytes. */
const headBytes = 20;

interface Field {
  readonly number: number;
  readonly wireType: number;
  /** Of the content, in the file. */
  readonly begin: number;
  readonly end: number;
  /** A number's value. */
  readonly value: number;
}

/** @throws CaptionError `checkpoint-invalid` */
export async function readOnnx(file: CheckpointFile): Promise<OnnxEncoder> {
  const fields = new Fields(file);
  const inputs: OnnxValue[] = [];
  const outputs: OnnxValue[] = [];
  const weights = new Set<string>();
  let externalData = false;
  for await (const part of fields.between(0, file.size)) {
    if (part.number !== model.graph || part.wireType !== lengthDelimited) continue;
    for await (const item of fields.between(part.begin, part.end)) {
      if (item.wireType !== lengthDelimited) continue;
      if (inputs.length + outputs.length > maxValues) throw invalid(file.path, `it has more than ${maxValues} inputs`);
      if (item.number === graph.input) inputs.push(await readValue(file, item));
      else if (item.number === graph.output) outputs.push(await readValue(file, item));
      else if (item.number === graph.initializer) {
        for await (const { number, begin, end, value } of fields.between(item.begin, item.end)) {
          if (number === tensor.name) weights.add((await readShort(file, begin, end, maxNameBytes)).toString('utf8'));
          else if (number === tensor.location && value === external) externalData = true;
        }
      }
    }
  }
  if (outputs.length === 0) throw invalid(file.path, 'it is no ONNX model: it has no outputs');
  // Old models list their weights among their inputs.
  return {
    format: 'onnx',
    path: file.path,
    inputs: inputs.filter(({ name }) => !weights.has(name)),
    outputs,
    externalData,
  };
}

/** Walks protobuf fields in a file, through a window that moves on. */
class Fields {
  readonly #file: CheckpointFile;
  #window: Buffer = Buffer.alloc(0);
  #windowBegin = 0;
  #count = 0;

  constructor(file: CheckpointFile) {
    this.#file = file;
  }

  async *between(begin: number, end: number): AsyncGenerator<Field, void, void> {
    for (let position = begin; position < end;) {
      if (++this.#count > maxFields) throw invalid(this.#file.path, `it has more than ${maxFields} fields`);
      const field = this.#parse(await this.#head(position), position);
      if (field.end > end) throw invalid(this.#file.path, `field ${field.number} at byte ${position} is cut off`);
      yield field;
      position = field.end;
    }
  }

  async #head(position: number): Promise<Buffer> {
    const end = Math.min(position + headBytes, this.#file.size);
    if (position < this.#windowBegin || end > this.#windowBegin + this.#window.length) {
      this.#window = await this.#file.read(position, Math.min(windowBytes, this.#file.size - position));
      this.#windowBegin = position;
    }
    return this.#window.subarray(position - this.#windowBegin, end - this.#windowBegin);
  }

  #parse(head: Buffer, position: number): Field {
    try {
      const reader = protobuf.Reader.create(head);
      const tag = reader.uint32();
      const wireType = tag & 7;
      const value = wireType === 0 || wireType === lengthDelimited ? Number(reader.uint64()) : 0;
      const begin = position + reader.pos;
      const length = { 0: 0, 1: 8, 2: value, 5: 4 }[wireType];
      if (length === undefined) throw new Error(`wire type ${wireType}`);
      return { number: tag >>> 3, wireType, begin, end: begin + length, value };
    } catch (cause) {
      throw invalid(this.#file.path, `it is no ONNX model: byte ${position} begins no field`, cause);
    }
  }
}

async function readValue(file: CheckpointFile, { begin, end }: Field): Promise<OnnxValue> {
  const bytes = await readShort(file, begin, end, maxMessageBytes);
  try {
    const { name, type } = onnx.ValueInfoProto.decode(bytes);
    const dimensions = type?.tensorType?.shape?.dim ?? [];
    if (dimensions.length > maxRank) throw new Error(`${dimensions.length} dimensions`);
    const shape = dimensions.map(({ dimParam, dimValue }) => dimParam || Number(dimValue ?? 0) || -1);
    return { name: name ?? '', elementType: type?.tensorType?.elemType ?? 0, shape };
  } catch (cause) {
    throw invalid(file.path, `an input or output (byte ${begin}) is not described`, cause);
  }
}

async function readShort(file: CheckpointFile, begin: number, end: number, limit: number): Promise<Buffer> {
  if (end - begin > limit) throw invalid(file.path, `the field at byte ${begin} has ${end - begin} bytes`);
  return file.read(begin, end - begin);
}
