/** What the kernels need of WebAssembly, which TypeScript declares together with the whole DOM only. */
declare namespace WebAssembly {
  interface Memory {
    readonly buffer: ArrayBuffer;
    grow(pages: number): number;
  }
  const Module: new (code: Uint8Array) => object;
  const Instance: new (module: object) => { readonly exports: unknown };
}
