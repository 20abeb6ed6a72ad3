/** What `clipcap doctor --json` prints. */
import type { ErrorCode } from '@clipcap/protocol/caption';
import type { ProviderVerdict } from '@clipcap/protocol/provider';

export interface PackReport {
  readonly folder: string;
  readonly id: string;
  readonly title: string;
  readonly dtype: string;
  /** Of all its files, in bytes. */
  readonly size: number;
  /** What `auto` means for this pack. */
  readonly provider: string;
  readonly providers: readonly ProviderVerdict[];
  /** Resident memory of the inference process with this pack loaded, in bytes. */
  readonly memory: number;
}

export type PackFailure = {
  readonly folder: string;
  readonly error: { readonly code: ErrorCode; readonly message: string };
};

/** The document of `--json`, version 1: fields may be added, none change their meaning. Sizes are bytes. */
export interface DoctorDocument {
  readonly version: 1;
  readonly ok: boolean;
  readonly versions: {
    readonly clipcap: string;
    readonly node: string;
    readonly onnxruntime: string;
    readonly platform: string;
  };
  readonly memory: { readonly total: number; readonly free: number };
  /** The execution providers that ONNX Runtime was built with. */
  readonly built: readonly string[];
  /** Verified and loaded, or why not. */
  readonly packs: readonly (PackReport | PackFailure)[];
}
