import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  readSafetensors,
  SafetensorsError,
  type Tensor,
  writeSafetensors,
} from "../../runtime/safetensors.ts";

const names = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.constantFrom("__proto__", "constructor", "0", "17", "", "w\u001b[31m"),
);
const shapes = fc.array(fc.nat({ max: 4 }), { maxLength: 4 });

/** Any f32 bits at all: every NaN, infinities, subnormals. */
const tensor: fc.Arbitrary<Tensor> = shapes.chain((shape) => {
  const length = shape.reduce((a, b) => a * b, 1);
  return fc
    .uint32Array({ minLength: length, maxLength: length })
    .map((bits) => ({ shape, data: new Float32Array(bits.buffer) }));
});
const tensors = fc
  .array(fc.tuple(names, tensor), { maxLength: 6 })
  .map((entries) => new Map(entries.filter(([name]) => name !== "__metadata__")));
const metadata = fc.array(fc.tuple(names, fc.string({ unit: "binary" }))).map((entries) => new Map(entries));

describe("writing and reading", () => {
  it("gives back every bit, name, shape and metadata", () => {
    fc.assert(
      fc.property(tensors, metadata, (written, notes) => {
        const file = writeSafetensors(written, notes);
        const read = readSafetensors(file);
        expect(read.metadata).toEqual(notes);
        expect([...read.tensors.keys()].sort()).toEqual([...written.keys()].sort());
        for (const [name, { shape, data }] of written) {
          const back = read.tensors.get(name);
          expect(back?.shape).toEqual(shape);
          expect(back?.data).toBeInstanceOf(Float32Array);
          expect(bytesOf(back?.data)).toEqual(bytesOf(data));
        }
      }),
    );
  });

  it("keeps the order given, even of names that look like indices", () => {
    const one = { shape: [1], data: Float32Array.of(1) };
    const file = writeSafetensors([
      ["10", one],
      ["b", one],
      ["2", one],
    ]);
    expect([...readSafetensors(file).tensors.keys()]).toEqual(["10", "b", "2"]);
  });

  it("reads from any offset of a larger buffer", () => {
    const file = writeSafetensors([["w", { shape: [2], data: Float32Array.of(1, 2) }]]);
    const larger = new Uint8Array(file.length + 3);
    larger.set(file, 3);
    expect(readSafetensors(larger.subarray(3)).tensors.get("w")?.data).toEqual(Float32Array.of(1, 2));
  });

  it("aligns the data to eight bytes and pads the header with spaces", () => {
    fc.assert(
      fc.property(names, (name) => {
        fc.pre(name !== "__metadata__");
        const file = writeSafetensors([[name, { shape: [], data: Float32Array.of(1) }]]);
        const length = Number(new DataView(file.buffer).getBigUint64(0, true));
        expect(length % 8).toBe(0);
        expect(new TextDecoder().decode(file.subarray(8, 8 + length))).toMatch(/^\{.*\} *$/s);
      }),
    );
  });

  it("writes f64 rounded to F32, and refuses what F32 cannot hold", () => {
    const data = Float64Array.of(0.1, Number.POSITIVE_INFINITY);
    const file = writeSafetensors([["w", { shape: [2], data }]]);
    expect(readSafetensors(file).tensors.get("w")?.data).toEqual(Float32Array.from(data));
    const big = { shape: [1], data: Float64Array.of(1e39) };
    expect(() => writeSafetensors([["w", big]])).toThrow(/tensor "w": element 0 is 1e\+39/);
  });

  it("refuses to write what it could not read back", () => {
    const one = { shape: [1], data: Float32Array.of(1) };
    const write = (entries: [string, Tensor][]) => () => writeSafetensors(entries);
    expect(write([["w", { ...one, shape: [2] }]])).toThrow(/tensor "w": shape \[2\].*which has 1/);
    expect(write([["__metadata__", one]])).toThrow(SafetensorsError);
    expect(
      write([
        ["w", one],
        ["w", one],
      ]),
    ).toThrow(/tensor "w": the name is taken/);
  });
});

describe("number formats", () => {
  const everyHalf = Uint16Array.from({ length: 65536 }, (_, i) => i);

  it("decodes every f16 as its definition says", () => {
    const { data } = readOne("F16", everyHalf);
    for (const [bits, value] of data.entries()) {
      const sign = bits & 0x8000 ? -1 : 1;
      const exponent = (bits >> 10) & 31;
      const fraction = (bits & 1023) / 1024;
      const expected =
        exponent === 31
          ? fraction === 0
            ? sign * Number.POSITIVE_INFINITY
            : Number.NaN
          : sign * (exponent === 0 ? 2 ** -14 * fraction : 2 ** (exponent - 15) * (1 + fraction));
      if (!Object.is(value, expected)) expect.fail(`f16 ${bits.toString(16)} is ${value}, not ${expected}`);
    }
  });

  it("decodes every bf16 to the f32 whose upper half it is", () => {
    const { data } = readOne("BF16", everyHalf);
    expect(new Uint32Array(data.buffer)).toEqual(Uint32Array.from(everyHalf, (bits) => bits * 65536));
  });

  it("keeps the sign and payload of an f16 NaN", () => {
    const { data } = readOne("F16", Uint16Array.of(0x7e01, 0xfc01));
    expect([...new Uint32Array(data.buffer)]).toEqual([0x7fc02000, 0xff802000]);
  });

  it("keeps f64 as it is", () => {
    const values = Float64Array.of(0.1, -0, Number.NaN, 5e-324);
    expect(readOne("F64", values).data).toEqual(values);
  });

  it("reads integers exactly", () => {
    const values = [0, 7, -(2 ** 31), 2 ** 31 - 1];
    expect(readOne("I32", Int32Array.from(values)).data).toEqual(Float64Array.from(values));
    const large = BigInt64Array.of(-3n, 2n ** 53n - 1n);
    expect(readOne("I64", large).data).toEqual(Float64Array.of(-3, 2 ** 53 - 1));
  });
});

describe("a malformed file", () => {
  const eight = new Uint8Array(8);
  const header = (entry: object) =>
    JSON.stringify({ w: { dtype: "F32", shape: [2], data_offsets: [0, 8], ...entry } });
  const two = (a: number[], b: number[]) =>
    JSON.stringify({
      a: { dtype: "F32", shape: [1], data_offsets: a },
      b: { dtype: "F32", shape: [1], data_offsets: b },
    });

  it.each<[what: string, file: Uint8Array, message: RegExp]>([
    ["no bytes", new Uint8Array(0), /has 0 bytes.*cut short/],
    ["a cut header length", new Uint8Array(7), /has 7 bytes/],
    ["a huge header length", withLength(100_000_001n), /header length is 100000001 bytes, over the limit/],
    ["a header length of 2^64-1", withLength(2n ** 64n - 1n), /over the limit/],
    ["a header longer than the file", withLength(3n), /should end at byte 11.*has 8 bytes/],
    ["an empty header", withLength(0n), /should start with \{/],
    ["a header that starts with a space", file(" {}"), /should start with \{/],
    ["a header that is an array", file("[]"), /should start with \{/],
    ["a header that is not UTF-8", raw(Uint8Array.of(0x7b, 0xff, 0x7d)), /should be UTF-8/],
    ["a header that is not JSON", file('{"w":}'), /should be JSON/],
    ["a header with an open string", file('{"w'), /should be JSON/],
    ["a header with a bad key", file('{"\\x": 1}'), /should be JSON/],
    ["text after the header", file("{} {}"), /should be JSON/],
    ["a name twice", file('{"w": {}, "w": {}}'), /has "w" twice/],
    ["a name twice, spelt differently", file('{"w": {}, "\\u0077" : {}}'), /has "w" twice/],
    ["a field twice", file('{"w": {"dtype": "F32", "dtype": "F16"}}'), /has "dtype" twice/],
    ["nesting", file(`{"w":${"[".repeat(1e6)}${"]".repeat(1e6)}}`), /nested deeper/],
    [
      "metadata that is a list",
      file('{"__metadata__": []}'),
      /__metadata__ should be an object of strings, and is \[\]/,
    ],
    [
      "metadata of numbers",
      file('{"__metadata__": {"step": 1}}'),
      /__metadata__: "step" should be a string, and is 1/,
    ],
    ["an entry that is a number", file('{"w": 3}'), /tensor "w": its entry should be an object, and is 3/],
    ["an entry that is null", file('{"w": null}'), /tensor "w": its entry should be an object, and is null/],
    ["no dtype", file(header({ dtype: undefined }), eight), /tensor "w": its dtype.*is missing/],
    [
      "a dtype of bytes",
      file(header({ dtype: "I8" }), eight),
      /tensor "w": its dtype.*F16, BF16, I32, I64, and is "I8"/,
    ],
    [
      "an integer that no f64 holds",
      file(header({ dtype: "I64", shape: [1] }), bytesOf(BigInt64Array.of(2n ** 53n + 1n))),
      /tensor "w": element 0 is 9007199254740993, which is too large/,
    ],
    ["a dtype that objects inherit", file(header({ dtype: "toString" }), eight), /is "toString"/],
    ["no shape", file(header({ shape: undefined }), eight), /tensor "w": its shape.*is missing/],
    ["a negative size", file(header({ shape: [-1] }), eight), /tensor "w": its shape.*is \[-1\]/],
    ["a broken size", file(header({ shape: [0.5] }), eight), /tensor "w": its shape.*is \[0.5\]/],
    ["a size in words", file(header({ shape: ["2"] }), eight), /tensor "w": its shape.*is \["2"\]/],
    [
      "an uncountable shape",
      file(header({ shape: [2 ** 30, 2 ** 30] }), eight),
      /more elements than can be counted/,
    ],
    [
      "offsets that are missing",
      file(header({ data_offsets: undefined }), eight),
      /its data_offsets.*missing/,
    ],
    ["one offset", file(header({ data_offsets: [0] }), eight), /two whole numbers.*are \[0\]/],
    ["three offsets", file(header({ data_offsets: [0, 8, 8] }), eight), /two whole numbers/],
    ["offsets backwards", file(header({ data_offsets: [8, 0] }), eight), /end before they begin/],
    [
      "offsets past the end",
      file(header({}), new Uint8Array(4)),
      /should end at byte 8 of the data, and there are 4/,
    ],
    [
      "a size that does not match",
      file(header({ shape: [3] }), eight),
      /F32 of shape \[3\] takes 12 bytes.*give it 8/,
    ],
    [
      "overlapping tensors",
      file(two([0, 4], [0, 4]), eight.subarray(4)),
      /tensor "b".*inside the data of tensor "a"/,
    ],
    [
      "a hole at the start",
      file(two([4, 8], [8, 12]), new Uint8Array(12)),
      /tensor "a": .*the 4 bytes before/,
    ],
    ["a hole between", file(two([0, 4], [8, 12]), new Uint8Array(12)), /tensor "b": .*the 4 bytes before/],
    ["trailing bytes", file(two([0, 4], [4, 8]), new Uint8Array(9)), /last 1 bytes of the file/],
    ["escape sequences in a name", file('{"\\u001b[2J\\u009b": 1}'), /tensor "\\u001b\[2J\\u\{9b\}"/],
  ])("is refused: %s", (_, bytes, message) => {
    expect(() => readSafetensors(bytes)).toThrow(SafetensorsError);
    expect(() => readSafetensors(bytes)).toThrow(message);
  });

  it("may hold tensors of no elements, and nothing at all", () => {
    const empty = '{"w": {"dtype": "F16", "shape": [3, 0], "data_offsets": [0, 0]}}';
    expect(readSafetensors(file(empty)).tensors.get("w")).toEqual({
      shape: [3, 0],
      data: new Float32Array(0),
    });
    expect(readSafetensors(file("{}")).tensors.size).toBe(0);
  });

  it("never throws anything else, for random bytes", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), readsOrRefuses));
  });

  it("never throws anything else, for random headers", () => {
    const value = fc.jsonValue({ maxDepth: 4 });
    const offsets = fc.array(fc.integer({ min: -1, max: 40 }), { maxLength: 3 });
    const nearly = fc.record(
      {
        dtype: fc.oneof(fc.constantFrom("F64", "F32", "F16", "BF16", "I32", "I64", "I8"), value),
        shape: fc.oneof(fc.array(fc.integer({ min: -1, max: 5 })), value),
        data_offsets: fc.oneof(offsets, value),
      },
      { requiredKeys: [] },
    );
    const headers = fc.dictionary(names, fc.oneof(nearly, value));
    fc.assert(
      fc.property(headers, fc.uint8Array({ maxLength: 40 }), (entries, data) =>
        readsOrRefuses(file(JSON.stringify(entries), data)),
      ),
    );
  });

  it("never throws anything else, for a valid file with bytes changed, cut or added", () => {
    const edits = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 4 });
    fc.assert(
      fc.property(
        tensors,
        metadata,
        edits,
        fc.integer({ min: -20, max: 20 }),
        (entries, notes, changes, growth) => {
          const valid = writeSafetensors(entries, notes);
          const bytes = new Uint8Array(Math.max(0, valid.length + growth));
          bytes.set(valid.subarray(0, bytes.length));
          for (const [at, value] of changes) if (bytes.length > 0) bytes[at % bytes.length] = value;
          readsOrRefuses(bytes);
        },
      ),
    );
  });
});

function readsOrRefuses(bytes: Uint8Array): void {
  try {
    readSafetensors(bytes);
  } catch (error) {
    if (!(error instanceof SafetensorsError)) throw error;
  }
}

function readOne(dtype: string, data: Uint16Array | Int32Array | BigInt64Array | Float64Array): Tensor {
  const entry = { dtype, shape: [data.length], data_offsets: [0, data.byteLength] };
  const read = readSafetensors(file(JSON.stringify({ w: entry }), bytesOf(data))).tensors.get("w");
  if (read === undefined) throw new Error("the tensor is not there");
  return read;
}

function file(header: string, data: Uint8Array = new Uint8Array(0)): Uint8Array {
  return raw(new TextEncoder().encode(header), data);
}

function raw(header: Uint8Array, data: Uint8Array = new Uint8Array(0)): Uint8Array {
  const bytes = new Uint8Array(8 + header.length + data.length);
  bytes.set(withLength(BigInt(header.length)));
  bytes.set(header, 8);
  bytes.set(data, 8 + header.length);
  return bytes;
}

function withLength(length: bigint): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, length, true);
  return bytes;
}

function bytesOf(data: ArrayBufferView | undefined): Uint8Array {
  return data === undefined
    ? new Uint8Array(0)
    : new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
