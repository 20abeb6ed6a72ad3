/** The commands: a table from their ids to what they do. */
import { commands, env, window, type Disposable, type LogOutputChannel, type SecretStorage, type Uri } from 'vscode';
import { fromResponseError } from '@clipcap/protocol/error';
import { captionImages } from './captionImages.js';
import { chooseModel } from './chooseModel.js';
import { setAccessToken } from './downloadEnvironment.js';
import { getModel } from './getModel.js';
import { namedImages } from './images.js';
import { importCheckpoint } from './importCheckpoint.js';
import { installCuda } from './installCuda.js';
import type { LanguageServer } from './languageServer.js';
import type { PrefixPanel } from './panel.js';
import { showFailure } from './showFailure.js';

interface CommandContext {
  readonly server: LanguageServer;
  readonly panel: PrefixPanel;
  readonly log: LogOutputChannel;
  /** The command line's script. */
  readonly cli: string;
  /** The folder that takes imported packs. */
  readonly packs: Uri;
  /** The folder of the built-in pack. */
  readonly builtin: Uri;
  readonly secrets: SecretStorage;
}

type Command = (around: CommandContext, first: unknown, selection: unknown) => Promise<void>;

const table: Readonly<Record<string, Command>> = {
  async 'clipcap.captionImage'({ server, panel, log }, first, selection) {
    const images = namedImages(first, selection);
    if (images.length === 0) return sayWhereImagesAre();
    await captionImages(images, {
      log,
      caption: (uri, token) => server.caption(uri, token),
      inspect: (uri) => {
        panel.inspect(uri);
      },
    });
  },

  async 'clipcap.inspectPrefix'({ panel }, first) {
    // The one that was right-clicked, which need not be the first of those selected.
    const [image] = namedImages(first, undefined);
    if (!image) return sayWhereImagesAre();
    panel.inspect(image);
  },

  /** For links in hovers, not for the palette. */
  async 'clipcap.copyCaption'(_, caption) {
    if (typeof caption !== 'string') return;
    await env.clipboard.writeText(caption);
    window.setStatusBarMessage('The caption was copied.', 3000);
  },

  'clipcap.restart': ({ server, log }) => restart(server, log),

  async 'clipcap.installCuda'({ server, log, cli }) {
    if (!(await installCuda(cli, log))) return;
    await restart(server, log);
    await window.showInformationMessage(
      'CUDA’s library is installed. The next image tries it; ClipCap’s status item then says whether it is in use, or why not.',
    );
  },

  'clipcap.chooseModel': ({ packs, builtin }) => chooseModel({ packs, builtin }),

  'clipcap.importCheckpoint': ({ cli, packs, log }) => importCheckpoint({ module: cli, packs, log }),

  'clipcap.getModel': ({ cli, secrets, log }) => getModel({ module: cli, secrets, log }),

  async 'clipcap.setAccessToken'({ secrets }) {
    await setAccessToken(secrets);
  },

  'clipcap.showLog'({ log }) {
    log.show();
    return Promise.resolve();
  },
};

export function registerCommands(around: CommandContext): Disposable[] {
  return Object.entries(table).map(([id, run]) =>
    commands.registerCommand(id, (first: unknown, selection: unknown) => run(around, first, selection)),
  );
}

async function restart(server: LanguageServer, log: LogOutputChannel): Promise<void> {
  try {
    await server.restart();
  } catch (error) {
    await showFailure(fromResponseError(error).message, log);
  }
}

async function sayWhereImagesAre(): Promise<void> {
  await window.showWarningMessage(
    'No image is open. Open an image, or right-click one in the Explorer (JPEG, PNG, WebP, GIF, AVIF or TIFF).',
  );
}
