/**
 * What the editor and the language server say beyond the Language Server Protocol. Built on the same message types as
 * the language client, so that any editor can speak it over `--stdio`.
 */
import { NotificationType, NotificationType0, RequestType, RequestType0 } from 'vscode-jsonrpc';
import type { CaptionOptions, CaptionResult } from './caption.js';
import type { Strategy } from './decoding.js';
import type { Provider, ProviderVerdict } from './provider.js';

/** What a client may say in `initializationOptions`; a client that says nothing is trusted and knows no commands. */
export interface InitializationOptions {
  /** Whether the user trusts the workspace. If not, documents reach no image outside the workspace's folders. */
  readonly trusted?: boolean;
  /** The client's command that shows an image's prefix; it takes the image's URI as a string. */
  readonly inspectCommand?: string;
  /** The client's command that copies a caption; it takes the text. */
  readonly copyCommand?: string;
  /** Settings, for a client that cannot be asked for them. */
  readonly settings?: unknown;
}

// ── to the server ─────────────────────────────────────────────────────────────────────────────────────────────────

/** Captions the image file behind a `file:` URI. Fails with a `{ code }` of `errorCodes` in the error's data. */
export const captionUri = new RequestType<{ uri: string; options?: CaptionOptions }, CaptionResult, { code: string }>(
  'clipcap/caption',
);

/** Ends the inference process, forgets past crashes and loads the model anew. */
export const restartInference = new RequestType0<void, void>('clipcap/restart');

/** The user has come to trust the workspace. */
export const workspaceTrusted = new NotificationType0('clipcap/workspaceTrusted');

// ── from the server ───────────────────────────────────────────────────────────────────────────────────────────────

/** Health, pushed whenever it changes. `idle`: no inference process runs; it starts with the next request. */
export interface ServerStatus {
  readonly state: 'idle' | 'loading' | 'ready' | 'failed';
  /** The pack's title or, before it was loaded, its id or folder. */
  readonly pack: string;
  readonly provider: string;
  /** Why it failed. */
  readonly reason?: string;
  /** Execution providers of this platform that are not in use, and why, in the order in which they are tried. */
  readonly unused?: readonly ProviderVerdict[];
}

export const serverStatus = new NotificationType<ServerStatus>('clipcap/status');

// ── settings ──────────────────────────────────────────────────────────────────────────────────────────────────────

/** The `clipcap` section of the settings, as the server asks for it (`workspace/configuration`). */
export interface Settings {
  /** `builtin` or the folder of a pack. */
  readonly model: string;
  readonly provider: 'auto' | Provider;
  readonly hover: {
    readonly enabled: boolean;
    /** How long a hover waits for a caption before it says that one is on its way, in milliseconds. */
    readonly wait: number;
  };
  readonly decoding: {
    readonly strategy: 'pack' | Strategy;
    readonly beams: number;
    readonly lengthPenalty: number;
    readonly groups: number;
    readonly diversity: number;
    readonly temperature: number;
    /** 0: all tokens. */
    readonly topK: number;
    readonly topP: number;
    readonly seed: number;
    readonly minTokens: number;
    readonly maxTokens: number;
    /** Ids in digits, or text that is one token. */
    readonly stopTokens: readonly string[];
    readonly beginning: string;
  };
  /** Minutes without a request after which the inference process ends. */
  readonly idleMinutes: number;
}
