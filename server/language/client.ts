/** What a client says of itself when it begins. */
import { MarkupKind, type InitializeParams } from 'vscode-languageserver';
import { fields } from '@clipcap/protocol/fields';
import type { HoverStyle } from './hoverText.js';

export interface Client {
  /** Whether the user trusts the workspace; a client that does not know of trust is trusted. */
  readonly trusted: boolean;
  /** Settings for a client that cannot be asked for them. */
  readonly settings: unknown;
  /** URIs of the workspace's folders. */
  readonly folders: readonly string[];
  /** Whether it can be asked for settings, wants to be told that we listen for changes, and tells of folders. */
  readonly configuration: boolean;
  readonly registersConfiguration: boolean;
  readonly followsFolders: boolean;
  /** Whether it asks for the edit of a code action once that is chosen. */
  readonly resolvesEdits: boolean;
  readonly hoverStyle: HoverStyle;
}

/** Before `initialize` nothing is known, and nothing trusted. */
export const unknownClient: Client = {
  trusted: false,
  settings: undefined,
  folders: [],
  configuration: false,
  registersConfiguration: false,
  followsFolders: false,
  resolvesEdits: false,
  hoverStyle: { markdown: false },
};

/** Reads `initialize`; `initializationOptions` are meant to be an `InitializationOptions`. */
export function readClient({
  initializationOptions,
  capabilities,
  workspaceFolders,
  rootUri,
}: InitializeParams): Client {
  const { trusted, inspectCommand, copyCommand, settings } = fields(initializationOptions);
  const { textDocument, workspace } = capabilities;
  return {
    trusted: trusted !== false,
    settings,
    folders: workspaceFolders?.map(({ uri }) => uri) ?? (rootUri ? [rootUri] : []),
    configuration: workspace?.configuration ?? false,
    registersConfiguration: workspace?.didChangeConfiguration?.dynamicRegistration ?? false,
    followsFolders: workspace?.workspaceFolders ?? false,
    resolvesEdits: textDocument?.codeAction?.resolveSupport?.properties.includes('edit') ?? false,
    hoverStyle: {
      markdown: textDocument?.hover?.contentFormat?.includes(MarkupKind.Markdown) ?? false,
      inspectCommand: typeof inspectCommand === 'string' ? inspectCommand : undefined,
      copyCommand: typeof copyCommand === 'string' ? copyCommand : undefined,
    },
  };
}
