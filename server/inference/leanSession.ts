/**
 * Sessions to run once, in as little memory as possible: a graph of ours is run in pieces, whose weights are read where
 * they lie in their file and are let go with the piece. Much too slow for captions.
 */
import type { InferenceSession, OnnxValue, Tensor } from 'onnxruntime-node';
import { cutGraph, type GraphPiece } from '@clipcap/models/graphs/pieces';
import { openSession, type Session } from './provider.js';
import { sessionOptions } from './sessionOptions.js';

/** Weights of a piece: two blocks of GPT-2 small. A vocabulary is more by itself. */
const pieceBytes = 2 * 29e6;

/**
 * On the CPU, whatever the provider.
 * @throws CaptionError `out-of-memory` or `inference-failed`
 */
export function createLeanSession(model: string): Promise<InferenceSession>;
export function createLeanSession(model: Uint8Array, provider: unknown, weightsFolder: string): Promise<Session>;
export async function createLeanSession(
  model: Uint8Array | string,
  _provider?: unknown,
  weightsFolder?: string,
): Promise<Session> {
  const options = sessionOptions('cpu', { weightsFolder, lean: true });
  if (typeof model === 'string') return openSession(model, options);
  return new PieceByPiece(cutGraph(model, pieceBytes), options);
}

/** A graph as its pieces, of which one is open at a time. */
export class PieceByPiece implements Session {
  readonly outputNames: readonly string[];
  readonly #pieces: readonly GraphPiece[];
  readonly #options: InferenceSession.SessionOptions;

  constructor(pieces: readonly GraphPiece[], options: InferenceSession.SessionOptions) {
    const taken = new Set(pieces.flatMap(({ inputs }) => inputs));
    this.outputNames = pieces.flatMap(({ outputs }) => outputs.filter((name) => !taken.has(name)));
    this.#pieces = pieces;
    this.#options = options;
  }

  async run(
    feeds: Readonly<Record<string, Tensor>>,
    outputs: readonly string[],
  ): Promise<Readonly<Record<string, OnnxValue>>> {
    const values = new Map(Object.entries<OnnxValue>(feeds));
    for (const piece of this.#pieces) {
      const session = await openSession(
        piece.build((name) => values.get(name)!),
        this.#options,
      );
      try {
        const found = await session.run(pick(values, piece.inputs), piece.outputs);
        for (const [name, value] of Object.entries(found)) values.set(name, value);
      } finally {
        await session.release();
      }
      for (const name of piece.finished) values.delete(name);
    }
    return pick(values, outputs);
  }

  release(): Promise<void> {
    return Promise.resolve();
  }
}

function pick(values: ReadonlyMap<string, OnnxValue>, names: readonly string[]): Record<string, OnnxValue> {
  return Object.fromEntries(names.map((name) => [name, values.get(name)!]));
}
