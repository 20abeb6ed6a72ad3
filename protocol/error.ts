/** The one error type that carries a documented code across process borders. */
import { ErrorCodes, ResponseError } from 'vscode-jsonrpc';
import { errorCodes, type ErrorCode } from './caption.js';

/** An error made for its reader: `message` says what was wrong, with which file, and what to do about it. */
export class CaptionError extends Error {
  override readonly name = 'CaptionError';
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}

/** @param name of what was asked for */
export function cancelled(name: string): CaptionError {
  return new CaptionError('cancelled', `${name} was cancelled. Ask for it again if you still want it.`);
}

/** Whether the pack or the runtime is at fault, not the image: every further image would fail alike. */
export function concernsModel(code: ErrorCode): boolean {
  return code.startsWith('pack-') || code === 'provider-unavailable' || code === 'inference-down';
}

/** Whether an image file is at fault: another image may do well. */
export function concernsImage(code: ErrorCode): boolean {
  return errorCodes.indexOf(code) < errorCodes.indexOf('pack-missing');
}

/** Wraps an error for a JSON-RPC response, keeping its code. */
export function toResponseError(error: unknown): ResponseError<{ code: ErrorCode }> {
  if (error instanceof CaptionError) {
    return new ResponseError(ErrorCodes.InternalError, error.message, { code: error.code });
  }
  const message = error instanceof Error ? error.message : String(error);
  return new ResponseError(ErrorCodes.InternalError, message, { code: 'inference-failed' as const });
}

/** Restores what {@link toResponseError} wrapped; any other error becomes `inference-failed`. */
export function fromResponseError(error: unknown): CaptionError {
  if (error instanceof CaptionError) return error;
  if (error instanceof ResponseError) {
    const data: unknown = error.data;
    const code =
      typeof data === 'object' && data !== null && 'code' in data
        ? errorCodes.find((known) => known === data.code)
        : undefined;
    return new CaptionError(code ?? 'inference-failed', error.message, { cause: error });
  }
  return new CaptionError('inference-failed', error instanceof Error ? error.message : String(error), { cause: error });
}
