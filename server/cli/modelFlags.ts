/** The command lines of `clipcap models` and `clipcap get`. */
import type { Command } from 'commander';

export interface ModelsRequest {
  readonly json: boolean;
}

export interface GetRequest {
  readonly id: string;
  /** Whether the user agrees without being asked. */
  readonly yes: boolean;
  /** Whether to print the question, for a program that asks it, in place of acting. */
  readonly ask: boolean;
  /** A mirror of the hub. */
  readonly endpoint: string | undefined;
  readonly json: boolean;
}

interface GetFlags {
  readonly yes?: boolean;
  readonly ask?: boolean;
  readonly endpoint?: string;
  readonly json?: boolean;
}

interface Actions {
  readonly models: (request: ModelsRequest) => void;
  readonly get: (request: GetRequest) => void;
}

const environment = `
Environment:
  HF_ENDPOINT     a mirror of the hub
  HF_TOKEN        the access token for it
  CLIPCAP_MODELS  the folder of downloaded models
  CLIPCAP_OFFLINE, HF_HUB_OFFLINE   1: never ask a server
  HTTPS_PROXY, NO_PROXY             as everywhere`;

export function addModelCommands(program: Command, actions: Actions): void {
  program
    .command('models')
    .description('List the models that can be downloaded: size, licence, what each is good for, and which are here.')
    .option('--json', 'print one JSON document')
    .addHelpText('after', '\nExit code: 0 listed, 2 wrong usage.')
    .action(({ json }: { json?: boolean }) => actions.models({ json: json ?? false }));
  program
    .command('get')
    .description('Download a model, after asking, and print its folder.')
    .argument('<id>', 'a model of "clipcap models", or owner/name or owner/name/file on the Hugging Face hub')
    .option('-y, --yes', 'agree to the download; needed where nobody can be asked')
    .option(
      '--ask',
      'print what you would be asked, and download nothing; with --yes the server may be asked for sizes',
    )
    .option('--endpoint <url>', 'a mirror of the hub; HF_TOKEN goes to it only if HF_ENDPOINT names it, too')
    .option('--json', 'print one JSON document')
    .addHelpText(
      'after',
      `${environment}\n\nExit code: 0 the model is here, 1 it could not be downloaded or you said no, 2 wrong usage, 130 interrupted.`,
    )
    .action((id: string, { yes, ask, endpoint, json }: GetFlags) =>
      actions.get({ id, yes: yes ?? false, ask: ask ?? false, endpoint, json: json ?? false }),
    );
}
