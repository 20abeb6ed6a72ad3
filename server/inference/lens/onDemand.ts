/** A session that only some views need: made when first asked for, once, and released with its owner. */
export class OnDemand<Part extends { release(): Promise<void> }> {
  readonly #make: () => Promise<Part>;
  #part: Promise<Part> | undefined;

  constructor(make: () => Promise<Part>) {
    this.#make = make;
  }

  get(): Promise<Part> {
    this.#part ??= this.#make().catch((error: unknown) => {
      // What failed for want of memory may be tried again.
      this.#part = undefined;
      throw error;
    });
    return this.#part;
  }

  async release(): Promise<void> {
    const part = await this.#part?.catch(() => undefined);
    this.#part = undefined;
    await part?.release();
  }
}
