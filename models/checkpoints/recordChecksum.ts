/** Whether a record of an archive has the bytes that were saved, found out while it is read for its values. */
import zlib from 'node:zlib';
import { invalid, quoted } from './errors.js';

/** What the archive's directory says of one record. */
export interface RecordSum {
  readonly record: string;
  /** CRC-32 of its bytes. */
  readonly crc32: number;
}

/** Node 20.12 to 20.14 have none: there, damage inside of a record goes unnoticed. */
const crc32: typeof zlib.crc32 | undefined = zlib.crc32;

export class RecordChecksum {
  readonly #expected: RecordSum;
  #sum = 0;

  constructor(expected: RecordSum) {
    this.#expected = expected;
  }

  /** @param bytes those that follow the last ones, as they lie in the file */
  add(bytes: Uint8Array): void {
    if (crc32) this.#sum = crc32(bytes, this.#sum);
  }

  /**
   * To be asked after the last byte.
   * @param path the archive's
   * @throws CaptionError `checkpoint-invalid` if the bytes are others than were saved
   */
  check(path: string): void {
    if (!crc32 || this.#sum === this.#expected.crc32) return;
    throw invalid(
      path,
      `record ${quoted(this.#expected.record)} is damaged, its CRC-32 is not the one it was saved with`,
    );
  }
}
