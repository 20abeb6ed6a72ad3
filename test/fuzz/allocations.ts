/**
 * Notes what memory this process asks for, past {@link CheckpointFile.allocate} too: from here on, all that takes a number of
 * elements or bytes is watched. What Node and other libraries took hold of before is not, nor what is as long as its content.
 */

/** The largest piece since someone set it to 0, in bytes. */
export const asked = { largest: 0 };

type Constructor = new (...args: never[]) => object;

const views = [
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
];
const constructors: readonly (readonly [Constructor, bytes: number])[] = [
  [ArrayBuffer, 1],
  [SharedArrayBuffer, 1],
  [Array, 8],
  ...views.map((view) => [view, view.BYTES_PER_ELEMENT] as const),
];
for (const [constructor, bytes] of constructors) Reflect.set(globalThis, constructor.name, watched(constructor, bytes));

for (const name of ['alloc', 'allocUnsafe', 'allocUnsafeSlow'] as const) {
  const allocate: (size: number, ...how: never[]) => Buffer = Buffer[name];
  Reflect.set(Buffer, name, (size: number, ...how: never[]) => {
    note(size, 1);
    return allocate(size, ...how);
  });
}

function watched(constructor: Constructor, bytes: number): Constructor {
  const proxy: Constructor = new Proxy(constructor, {
    construct(target, args: never[], made: Constructor) {
      note(args[0], bytes);
      // Objects made for the proxy itself would each have a shape of their own, and be slow.
      return Reflect.construct(target, args, made === proxy ? target : made);
    },
  });
  return proxy;
}

function note(size: unknown, bytes: number): void {
  if (typeof size === 'number') asked.largest = Math.max(asked.largest, size * bytes);
}
