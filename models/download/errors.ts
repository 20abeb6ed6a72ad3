/** What can go wrong on the way from a server to the disk, as errors that say what to do. */
import { CaptionError } from '@clipcap/protocol/error';

/** Ended by the server, the network or a proxy in a way that may be over when asked again. */
export class PassingError extends Error {
  override readonly name = 'PassingError';
  /** How long the server wants to be left alone, in milliseconds. */
  readonly retryAfter: number | undefined;

  constructor(message: string, options?: { cause?: unknown; retryAfter?: number | undefined }) {
    super(message, options);
    this.retryAfter = options?.retryAfter;
  }
}

const passingCodes = new Set([
  'EAI_AGAIN',
  'ECONNABORTED',
  'ECONNRESET',
  'ENETDOWN',
  'EPIPE',
  'ETIMEDOUT',
  'UND_ERR_BODY_TIMEOUT',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_RES_CONTENT_LENGTH_MISMATCH',
  'UND_ERR_SOCKET',
]);

const fullCodes = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

/** A failure of the network: passing ones are worth another attempt, others are told. */
export function networkError(cause: unknown, url: URL): Error {
  if (cause instanceof CaptionError || cause instanceof PassingError) return cause;
  const code = errorCode(cause);
  const reason = cause instanceof Error && cause.message !== '' ? cause.message : code;
  if (passingCodes.has(code)) return new PassingError(reason, { cause });
  const remedy = /CERT|SIGNED|ISSUER/u.test(code)
    ? 'If your network looks into encrypted connections, name its certificate in NODE_EXTRA_CA_CERTS.'
    : 'Check the connection, and the proxy if there is one (HTTPS_PROXY, in VS Code http.proxy).';
  return new CaptionError('download-failed', `${url.host} cannot be reached (${reason}). ${remedy}`, { cause });
}

/** A failure of the disk while `path` was written. */
export function diskError(cause: unknown, path: string): CaptionError {
  if (cause instanceof CaptionError) return cause;
  const reason = cause instanceof Error ? cause.message : String(cause);
  if (fullCodes.has(errorCode(cause))) {
    const message = `The disk is full, or a limit is reached: ${path} cannot grow (${reason}). Make room and ask again; what has arrived is kept.`;
    return new CaptionError('download-space', message, { cause });
  }
  const message = `${path} cannot be written (${reason}). Check the folder’s permissions, or name another one in CLIPCAP_MODELS.`;
  return new CaptionError('download-unwritable', message, { cause });
}

export interface Refusal {
  readonly status: number;
  /** The hub's own word for it (`x-error-code`). */
  readonly code: string | undefined;
  /** Whether a token was sent. */
  readonly token: boolean;
  readonly retryAfter: number | undefined;
}

/** What a server's refusal means. */
export function statusError({ status, code, token, retryAfter }: Refusal, url: URL): Error {
  const { host, pathname } = url;
  // Who may not see private repositories is not told whether one exists.
  if (status === 401 && code === 'RepoNotFound') {
    const remedy = token
      ? 'The token that was sent does not open it.'
      : 'A private one needs an access token (HF_TOKEN, in VS Code “ClipCap: Set Access Token…”).';
    const message = `${host} has no ${pathname}, or it is private (${status}). Check the model’s name. ${remedy}`;
    return new CaptionError('download-refused', message);
  }
  if (status === 401 || status === 403) {
    const remedy = token
      ? 'The token that was sent does not open it: accept the model’s conditions on its page, or use another token.'
      : 'It may be private, or its conditions must be accepted on its page. Give an access token (HF_TOKEN, in VS Code “ClipCap: Set Access Token…”).';
    return new CaptionError('download-refused', `${host} does not hand out ${pathname} (${status}). ${remedy}`);
  }
  if (status === 404 || status === 410) {
    return new CaptionError('download-missing', `${host} has no ${pathname} (${status}). Check the model’s name.`);
  }
  if (status === 408 || status === 429 || status >= 500) {
    return new PassingError(`${host} answered ${status}`, { retryAfter });
  }
  return new CaptionError('download-failed', `${host} answered ${status} for ${pathname}. Try again later.`);
}

/** What is said of every download in offline mode. */
export function inOfflineMode(): CaptionError {
  const message =
    'Offline mode is on: nothing is downloaded. Switch off clipcap.offline, CLIPCAP_OFFLINE or HF_HUB_OFFLINE.';
  return new CaptionError('download-offline', message);
}

/** What is said of a request that the user has ended. */
export function cancelled(): CaptionError {
  return new CaptionError('cancelled', 'The download was stopped. What has arrived is kept; ask again to go on.');
}

function errorCode(cause: unknown): string {
  return cause instanceof Error && 'code' in cause ? String(cause.code) : 'no reason given';
}
