/** Feeds broken files to a reader and checks what must hold for every one of them. */
import { CaptionError } from '@clipcap/protocol/error';
import { asked } from './allocations.js';
import { memoryFile } from './memoryFile.js';
import { Random } from './random.js';
import type { FuzzedReader } from './readers.js';

interface Finding {
  readonly reader: string;
  readonly seed: number;
  readonly index: number;
  readonly input: Buffer;
  readonly what: string;
}

export interface FuzzResult {
  readonly findings: readonly Finding[];
  /** How many inputs were read to the end, in spite of everything. */
  readonly accepted: number;
  readonly slowestMs: number;
}

const limitMs = 1000;
/** Bytes of memory for each of the file: one of its bytes may become one float32. */
const widening = 4;
/** What is there whatever the file says: tables of 16-bit floats, and the sound files of an import beside the broken one. */
const othersBytes = 2 ** 20;

/**
 * Reads inputs `0` to `count - 1` of `seed`: each a sound result or a CaptionError about the checkpoint, within a
 * second, with memory that its length justifies.
 */
export async function fuzz(reader: FuzzedReader, seed: number, count: number): Promise<FuzzResult> {
  const findings: Finding[] = [];
  let accepted = 0;
  let slowestMs = 0;
  for (let index = 0; index < count; index++) {
    const input = reader.make(new Random(Math.imul(seed + 1, 0x9e3779b1) ^ Math.imul(index + 1, 0x85ebca6b)));
    let { what, ms } = await readOnce(reader, input);
    // A second time: the machine may have been busy with something else.
    if (ms > limitMs) ({ what, ms } = await readOnce(reader, input));
    if (ms > limitMs) what = `takes ${Math.round(ms)} ms`;
    if (what === undefined) accepted++;
    else if (what !== 'refused') findings.push({ reader: reader.name, seed, index, input, what });
    slowestMs = Math.max(slowestMs, ms);
  }
  return { findings, accepted, slowestMs };
}

/** What is wrong with reading `input`: nothing, that it is refused as it should be, or a finding. */
export async function readOnce(reader: FuzzedReader, input: Buffer): Promise<{ what: string | undefined; ms: number }> {
  const file = memoryFile(input);
  const start = performance.now();
  let what: string | undefined;
  asked.largest = 0;
  try {
    await reader.read(file);
  } catch (error) {
    const expected =
      error instanceof CaptionError && error.code.startsWith('checkpoint-') && error.message.length < 2000;
    what = expected ? 'refused' : error instanceof Error ? (error.stack ?? error.message) : String(error);
  }
  const ms = performance.now() - start;
  if (asked.largest > widening * input.length + othersBytes) {
    what = `allocates ${asked.largest} bytes for a file of ${input.length}`;
  }
  return { what, ms };
}
