/** Plans of imports, and checkpoints to plan them for that differ from the fixtures in one thing. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { openCheckpoint } from '@clipcap/models/checkpoints/openCheckpoint';
import { planImport, type ImportPlan } from '@clipcap/models/import/planImport';
import { CaptionError } from '@clipcap/protocol/error';
import { fixture } from './root.js';
import { safetensorsBytes } from './writeSafetensors.js';

/** A file of test/fixtures/import. */
export const files = (name: string): string => fixture(join('import', name));

type Request = Partial<Parameters<typeof planImport>[0]>;

/** The plan of a small MLP checkpoint and a CLIP in Hugging Face's layout, but for what is asked otherwise. */
export async function plan(context: TestContext, request: Request): Promise<ImportPlan> {
  const planned = await planImport({
    checkpoint: files('mlp.pt'),
    encoder: files('clip-hf'),
    dtype: 'fp32',
    tokenizer: files('tokenizer.json'),
    id: 'pack',
    classNames: [],
    labels: false,
    ...request,
  });
  context.after(() => planned.close());
  return planned;
}

/** What the plan says of one thing. */
export function found({ findings }: Pick<ImportPlan, 'findings'>, what: string) {
  const finding = findings.find((each) => each.what === what);
  assert.ok(finding, `nothing is said of the ${what}`);
  return finding;
}

export async function refuses(context: TestContext, request: Request, code: string, message: RegExp): Promise<void> {
  await assert.rejects(plan(context, request), (error: unknown) => {
    assert.ok(error instanceof CaptionError, String(error));
    assert.match(error.message, message);
    assert.equal(error.code, code);
    return true;
  });
}

interface Resaved {
  /** The name that a tensor gets, or undefined if it is left out. Default: its own. */
  readonly rename?: (name: string) => string | undefined;
  readonly metadata?: Readonly<Record<string, string>>;
}

/** The checkpoint's tensors as a file of safetensors in float32. */
export async function asSafetensors(
  from: string,
  { rename = (name) => name, metadata }: Resaved = {},
): Promise<Buffer> {
  const checkpoint = await openCheckpoint(from);
  assert.ok(checkpoint.format !== 'onnx');
  const header: Record<string, object> = metadata ? { __metadata__: metadata } : {};
  const data: Uint8Array[] = [];
  let end = 0;
  for (const name of checkpoint.names()) {
    const renamed = rename(name);
    if (renamed === undefined) continue;
    const begin = end;
    for await (const piece of checkpoint.read(name)) {
      data.push(new Uint8Array(piece.buffer, piece.byteOffset, piece.byteLength));
      end += piece.byteLength;
    }
    header[renamed] = { dtype: 'F32', shape: checkpoint.tensor(name)!.shape, data_offsets: [begin, end] };
  }
  await checkpoint.close();
  return safetensorsBytes(header, Buffer.concat(data));
}

/** The same as `weights.safetensors` in a folder. */
export async function resaved(folder: string, from: string, how?: Resaved): Promise<string> {
  const path = join(folder, 'weights.safetensors');
  await writeFile(path, await asSafetensors(from, how));
  return path;
}
