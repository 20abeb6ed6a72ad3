/** Labels that an import ran through CLIP's text side, and how near an image is to them. */
import type { LabelsManifest } from '@clipcap/models/pack/encoderManifest';
import type { Safetensors } from '@clipcap/models/pack/safetensors';
import { labelEmbeds } from '@clipcap/models/pack/tensors';
import { CaptionError } from '@clipcap/protocol/error';
import { readFloats } from './readFloats.js';
import { cosine, rowsOf } from './vectors.js';

export class LabelTexts {
  readonly described: LabelsManifest;
  /** L rows of d values. */
  readonly #rows: readonly Float32Array[];

  private constructor(described: LabelsManifest, rows: readonly Float32Array[]) {
    this.described = described;
    this.#rows = rows;
  }

  /** @throws CaptionError `pack-invalid` if the file holds anything but numbers */
  static async read(file: Safetensors, described: LabelsManifest): Promise<LabelTexts> {
    const values = await readFloats(file, labelEmbeds);
    if (!values?.every(Number.isFinite)) {
      const message = `${file.path} holds values that are no numbers. Import or download the pack again.`;
      throw new CaptionError('pack-invalid', message);
    }
    return new LabelTexts(described, rowsOf(values, values.length / described.names.length));
  }

  /** Of an image's embedding [d] with that of every label. */
  cosines(embedding: Float32Array): number[] {
    return this.#rows.map((row) => cosine(embedding, row));
  }
}
