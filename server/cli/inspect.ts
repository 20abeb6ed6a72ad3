/** `clipcap inspect`: the Prefix Lens's views of one photo, as text, as a document, or as a web page. */
import { resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { CancellationTokenSource, type CancellationToken } from 'vscode-jsonrpc';
import type { ErrorCode } from '@clipcap/protocol/caption';
import { CaptionError, concernsImage } from '@clipcap/protocol/error';
import { namesRaster } from '@clipcap/protocol/imageFile';
import type { InspectDocument, LensViews } from '@clipcap/protocol/lens';
import { plain } from '../plain.js';
import { createInference } from '../process/createInference.js';
import { LensRequests, type LensPlaces } from '../process/lensRequests.js';
import type { ProvedInference } from '../process/provedInference.js';
import { defaultVerdictsFile } from '../process/verdicts.js';
import { describeDocument } from '../report/describe.js';
import { wholeLens, type DocumentContext } from '../report/document.js';
import { reportHtml } from '../report/page.js';
import { picturesOf } from '../report/pictures.js';
import { interruptedExitCode, onInterruption } from './interruption.js';
import { findImages, placeOf } from './images.js';
import type { InspectRequest } from './inspectFlags.js';
import { checkOutput, unexpected, writeWhole } from './output.js';
import type { InspectPlaces } from './places.js';
import { Progress } from './progress.js';

/** Shows what was asked for and answers the exit code. */
export async function inspect(request: InspectRequest, places: InspectPlaces): Promise<number> {
  const progress = new Progress(process.stderr);
  const inference = createInference({
    verdicts: defaultVerdictsFile(),
    switches: false,
    process: {
      entry: places.inference,
      idleMilliseconds: Infinity,
      log: (level, message) => {
        if (level === 'warn') progress.say(`${plain(message)}\n`);
      },
    },
  });
  const interruption = new CancellationTokenSource();
  const ignore = onInterruption(() => interruption.cancel());
  try {
    if (request.report !== undefined) await checkOutput(request.report, '--report');
    inference.start();
    const { document, page } = await lookInside(request, inference, places, progress, interruption.token);
    progress.clear();
    if (request.report !== undefined && page !== undefined) await writeWhole(request.report, page, '--report');
    if (request.json) process.stdout.write(`${JSON.stringify(document, null, 2)}\n`);
    else if (request.report === undefined) process.stdout.write(describeDocument(document, process.stdout));
    // What a pack cannot show is no failure, unless it was asked for by name; an image that is gone always is one.
    const failed = Object.entries(document.unavailable ?? {}).filter(
      ([, { code }]) => request.views !== undefined || concernsImage(code),
    );
    if (request.report !== undefined) {
      for (const [view, { message }] of failed) process.stderr.write(`${view}: ${plain(message)}\n`);
    }
    return failed.length > 0 ? 1 : 0;
  } catch (cause) {
    progress.clear();
    const error = cause instanceof CaptionError ? cause : unexpected(cause);
    if (error.code === 'cancelled') return interruptedExitCode;
    process.stderr.write(`${plain(error.message)}\n`);
    if (request.json) {
      const { code, message } = error;
      process.stdout.write(`${JSON.stringify({ version: 1, error: { code, message } }, null, 2)}\n`);
    }
    return exitCode(error.code);
  } finally {
    progress.clear();
    await inference.dispose();
    ignore();
  }
}

async function lookInside(
  request: InspectRequest,
  inference: ProvedInference,
  places: InspectPlaces,
  progress: Progress,
  token: CancellationToken,
): Promise<{ readonly document: InspectDocument; /** The report, if one was asked for. */ readonly page?: string }> {
  const { path, provider, options, views } = request;
  const uri = uriOf(placeOf(path));
  const folderOf = (model: string): string => (model === 'builtin' ? places.builtin : resolve(model));
  const others = await urisOf(request.others);
  const reference = await urisOf(request.reference);
  const params = {
    ...request.params,
    compare: { ...request.params.compare, ...(others.length > 0 && { others }) },
    counterfactuals: located(request.params.counterfactuals),
  };
  const lensPlaces: LensPlaces = { path: (named) => fileURLToPath(named), pack: folderOf };
  const context: DocumentContext = {
    inference,
    lens: new LensRequests(inference, lensPlaces),
    places: lensPlaces,
    model: { folder: folderOf(request.model), provider, options },
    token,
    progress: (done, all) => progress.show(done, all),
  };
  const document = await wholeLens({ uri, path, views, params, typed: true, reference }, context);
  if (request.report === undefined) return { document };
  return { document, page: await reportHtml(document, await picturesOf(document, uri, context), places.report) };
}

async function urisOf(paths: readonly string[]): Promise<string[]> {
  const images = await findImages(paths, namesRaster);
  for (const { error } of images) if (error) throw error;
  return images.map(({ path, place = path }) => uriOf(place));
}

function uriOf(path: string): string {
  return pathToFileURL(resolve(path)).href;
}

type Counterfactuals = LensViews['counterfactuals']['params'];

/** The same interventions, with the URIs of the photos that they name. */
function located({ interventions }: Counterfactuals): Counterfactuals {
  if (!interventions) return {};
  return {
    interventions: interventions.map((one) => ('other' in one ? { ...one, other: uriOf(placeOf(one.other)) } : one)),
  };
}

function exitCode(code: ErrorCode): number {
  if (code === 'usage') return 2;
  const ofModel = code.startsWith('pack-') || code.startsWith('inference-') || code === 'provider-unavailable';
  return ofModel || code === 'out-of-memory' ? 3 : 1;
}
