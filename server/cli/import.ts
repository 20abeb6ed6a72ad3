/** `clipcap import`: a pack of a checkpoint and an encoder, tried before it is there, and a report of what was decided. */
import { basename, resolve } from 'node:path';
import { packPlace } from '@clipcap/models/import/packPlace';
import { planImport, type ImportPlan } from '@clipcap/models/import/planImport';
import { writePack, type WrittenPack } from '@clipcap/models/import/writePack';
import { classLabels } from '@clipcap/models/pack/encoderManifest';
import { encoderName, mapperName } from '@clipcap/models/pack/names';
import { readManifest } from '@clipcap/models/pack/openPack';
import { CaptionError } from '@clipcap/protocol/error';
import { UndecidedImport, type ImportDocument } from '@clipcap/protocol/import';
import { embedTexts } from '@clipcap/protocol/inference';
import type { PackManifest } from '@clipcap/models/pack/manifest';
import { collectGarbage } from '../inference/collectGarbage.js';
import { plain } from '../plain.js';
import { checkPack, checkPhotos, warningOf, type CheckedPack } from './checkPack.js';
import { interruptedExitCode, onInterruption } from './interruption.js';
import type { ImportCommand } from './importFlags.js';
import { inOwnProcess } from './inOwnProcess.js';
import { describeImport } from './importText.js';
import { modelPath } from './modelPath.js';
import { unexpected } from './output.js';
import type { Places } from './places.js';
import { Progress } from './progress.js';

/** Imports what was asked for and answers the exit code. */
export async function importModel(command: ImportCommand, places: Places): Promise<number> {
  const stop = new AbortController();
  const ignore = onInterruption(() => stop.abort());
  const progress = new Progress(process.stderr);
  try {
    const document = await run(command, places, stop.signal, progress);
    progress.clear();
    process.stdout.write(command.json ? `${JSON.stringify(document, null, 2)}\n` : describeImport(document));
    return 0;
  } catch (cause) {
    progress.clear();
    const { code, message } = cause instanceof CaptionError ? cause : unexpected(cause);
    const question = cause instanceof UndecidedImport ? cause.question : undefined;
    if (code === 'cancelled') return interruptedExitCode;
    process.stderr.write(`${plain(message)}\n`);
    if (command.json) {
      const error = { code, message, ...(question && { question }) };
      process.stdout.write(`${JSON.stringify({ version: 1, error }, null, 2)}\n`);
    }
    return code === 'usage' ? 2 : 3;
  } finally {
    ignore();
  }
}

async function run(
  command: ImportCommand,
  { inference: entry, builtin }: Places,
  signal: AbortSignal,
  progress: Progress,
): Promise<ImportDocument> {
  const {
    check: tries,
    image,
    reference,
    dryRun,
    dtype,
    encoderOutput,
    activation,
    gpt2Config,
    labels,
    mapperHeads,
    normalize,
    title,
    tokenizer,
  } = command;
  if (!tries && (image !== undefined || reference !== undefined)) {
    throw new CaptionError('usage', `--no-check runs nothing: leave out ${image ? '--image' : '--reference'}.`);
  }
  await checkPhotos({ image, reference });
  const named = resolve(command.out);
  // Asked before anything is read, which may take long.
  const out = await packPlace(named);
  const asked = {
    checkpoint: await modelPath(command.checkpoint, 'checkpoint', signal),
    encoder: await modelPath(command.encoder, 'image encoder', signal),
    ...(encoderOutput !== undefined && { encoderOutput }),
    ...(activation !== undefined && { activation }),
    dtype,
    id: command.id ?? basename(named),
    ...(title !== undefined && { title }),
    ...(mapperHeads !== undefined && { mapperHeads }),
    ...(normalize !== undefined && { normalize }),
    ...(gpt2Config !== undefined && { gpt2Config: resolve(gpt2Config) }),
    ...(tokenizer !== undefined && { tokenizer: resolve(tokenizer) }),
    ...(labels !== undefined && { labels: labels && resolve(labels) }),
    classNames: classLabels((await readManifest(builtin)).encoder),
  };
  const plan = await planImport(asked, signal);
  try {
    if (dryRun) {
      const findings = [...plan.findings, ...(plan.labels?.findings ?? [])];
      return describe(plan, { manifest: { ...plan.manifest, files: {} }, findings });
    }
    let checked: CheckedPack | undefined;
    const written = await writePack(plan, {
      out,
      signal,
      progress: (done, total) => progress.line(`Writing ${plain(command.out)}: ${Math.floor((100 * done) / total)} %`),
      embed: (params, ended) => {
        progress.line(`Running ${params.texts.length} labels through CLIP’s text side`);
        const step = { entry, signal: ended, doing: 'ran the encoder’s text side', remedy: 'Close other programs.' };
        return inOwnProcess(step, (connection) => connection.sendRequest(embedTexts, params));
      },
      ...(tries && {
        check: async (folder: string, manifest: PackManifest) => {
          progress.line('Trying the pack');
          // What was read and rounded is not needed while another process runs the model.
          collectGarbage();
          checked = await checkPack(folder, manifest, { entry, image, reference, signal });
          return checked.statistics;
        },
      }),
    });
    return describe(plan, written, out, checked);
  } finally {
    await plan.close();
  }
}

function describe(
  { leftBehind }: ImportPlan,
  { manifest, findings }: WrittenPack,
  folder?: string,
  checked?: CheckedPack,
): ImportDocument {
  const { id, title, dtype, encoder, mapper, files } = manifest;
  const size = Object.values(files).reduce((sum, file) => sum + file.size, 0);
  const warning = checked && warningOf(checked.check);
  return {
    version: 1,
    pack: {
      id,
      title,
      dtype,
      encoder: encoderName(encoder),
      mapper: mapperName(mapper),
      ...(folder !== undefined && { folder, size }),
    },
    findings,
    leftBehind: leftBehind.length,
    ...(checked && { check: checked.check, referencePhotos: checked.statistics?.photos ?? 0 }),
    ...(warning !== undefined && { warning }),
  };
}
