// The safetensors format: eight bytes of header length (little-endian), a JSON header, the data. A file comes
// from anywhere, so the reader takes nothing on trust, and whatever is wrong is one SafetensorsError.
// Data is copied as it lies: every machine that runs WebGPU is little-endian.

export interface Tensor {
  readonly shape: readonly number[];
  readonly data: Float32Array | Float64Array;
}

export interface TensorFile {
  /** In the order of their data in the file. */
  readonly tensors: Map<string, Tensor>;
  readonly metadata: Map<string, string>;
}

export class SafetensorsError extends Error {
  override readonly name = "SafetensorsError";
}

const maxHeader = 100_000_000;
const metadataName = "__metadata__";

/** Reads every tensor, exactly: F64, I32 and I64 as a Float64Array; F32, F16 and BF16 as a Float32Array. */
export function readSafetensors(bytes: Uint8Array): TensorFile {
  if (bytes.length < 8) {
    throw new SafetensorsError(
      `the file has ${bytes.length} bytes, and a header length alone takes 8: it is cut short, or not safetensors`,
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const headerLength = view.getBigUint64(0, true);
  if (headerLength > maxHeader) {
    throw new SafetensorsError(
      `the header length is ${headerLength} bytes, over the limit of ${maxHeader}: the file is damaged, or not safetensors`,
    );
  }
  const dataStart = 8 + Number(headerLength);
  if (dataStart > bytes.length) {
    throw new SafetensorsError(
      `the header should end at byte ${dataStart}, and the file has ${bytes.length} bytes: it is cut short; copy it again`,
    );
  }
  const header = parseHeader(bytes.subarray(8, dataStart));
  const metadata = readMetadata(header.get(metadataName));
  header.delete(metadataName);

  const data = bytes.subarray(dataStart);
  const entries = [...header].map(([name, entry]) => readEntry(name, entry, data.length));
  entries.sort((a, b) => a.begin - b.begin || a.end - b.end);
  checkLayout(entries, data.length);
  const tensors = new Map<string, Tensor>();
  for (const { name, shape, decode, begin, end } of entries) {
    // The copy is aligned, which a tensor in the file need not be.
    tensors.set(name, { shape, data: decode(new Uint8Array(data.subarray(begin, end)).buffer, name) });
  }
  return { tensors, metadata };
}

/** A file of these tensors in the order given, as F32: f64 data is rounded. */
export function writeSafetensors(
  tensors: Iterable<readonly [name: string, tensor: Tensor]>,
  metadata?: ReadonlyMap<string, string>,
): Uint8Array<ArrayBuffer> {
  // The header is put together as text: as keys of an object, `1` would go first and `__proto__` vanish.
  const header: string[] = [];
  const parts: Uint8Array[] = [];
  const names = new Set<string>([metadataName]);
  let end = 0;
  if (metadata !== undefined) {
    const members = [...metadata].map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`);
    header.push(`"${metadataName}":{${members.join(",")}}`);
  }
  for (const [name, { shape, data }] of tensors) {
    if (names.has(name))
      fail(name, "the name is taken; every tensor needs its own, and none may be __metadata__");
    names.add(name);
    if (countOf(shape) !== data.length) {
      fail(name, `shape ${show(shape)} should hold as many elements as the data, which has ${data.length}`);
    }
    const part = toFloat32(name, data);
    const offsets = [end, end + part.byteLength];
    header.push(`${JSON.stringify(name)}:${JSON.stringify({ dtype: "F32", shape, data_offsets: offsets })}`);
    parts.push(new Uint8Array(part.buffer, part.byteOffset, part.byteLength));
    end += part.byteLength;
  }

  const head = new TextEncoder().encode(`{${header.join(",")}}`);
  const dataStart = 8 + Math.ceil(head.length / 8) * 8;
  if (dataStart - 8 > maxHeader) {
    throw new SafetensorsError(
      `the header takes ${head.length} bytes, over the limit of ${maxHeader}: write less`,
    );
  }
  const file = new Uint8Array(dataStart + end);
  new DataView(file.buffer).setBigUint64(0, BigInt(dataStart - 8), true);
  file.set(head, 8);
  file.fill(0x20, 8 + head.length, dataStart);
  let at = dataStart;
  for (const part of parts) {
    file.set(part, at);
    at += part.length;
  }
  return file;
}

function parseHeader(bytes: Uint8Array): Map<string, unknown> {
  if (bytes[0] !== 0x7b) {
    throw new SafetensorsError("the header should start with {: the file is damaged, or not safetensors");
  }
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new SafetensorsError("the header should be UTF-8, and is not: the file is damaged");
  }
  try {
    checkText(text);
    const header: object = JSON.parse(text);
    return new Map(Object.entries(header));
  } catch (error) {
    if (error instanceof SafetensorsError) throw error;
    const why = error instanceof Error ? error.message : String(error);
    throw new SafetensorsError(`the header should be JSON, and is not: ${printable(why)}`);
  }
}

/** Refuses what JSON.parse lets pass: a key twice in one object, and nesting that only eats memory. */
function checkText(json: string): void {
  const open: Set<string>[] = [];
  for (let at = 0; at < json.length; at++) {
    const char = json[at];
    if (char === "}" || char === "]") open.pop();
    else if (char === "{" || char === "[") {
      if (open.push(new Set()) > 3)
        throw new SafetensorsError("the header is nested deeper than 3: it is damaged");
    } else if (char === '"') {
      const start = at;
      for (at++; at < json.length && json[at] !== '"'; at++) if (json[at] === "\\") at++;
      let next = at + 1;
      while (/\s/.test(json[next] ?? "")) next++;
      if (json[next] !== ":") continue;
      // Keys are compared as they read: "a" and "\u0061" are one.
      const key: string = JSON.parse(json.slice(start, at + 1));
      if (open.at(-1)?.has(key)) {
        throw new SafetensorsError(`the header has ${show(key)} twice: which one holds cannot be told`);
      }
      open.at(-1)?.add(key);
    }
  }
}

function readMetadata(value: unknown): Map<string, string> {
  const metadata = new Map<string, string>();
  if (value === undefined) return metadata;
  if (!isObject(value)) {
    throw new SafetensorsError(`__metadata__ should be an object of strings, and is ${show(value)}`);
  }
  for (const [key, member] of Object.entries(value)) {
    if (typeof member !== "string") {
      throw new SafetensorsError(`__metadata__: ${show(key)} should be a string, and is ${show(member)}`);
    }
    metadata.set(key, member);
  }
  return metadata;
}

interface Entry {
  readonly name: string;
  readonly shape: readonly number[];
  readonly decode: Kind["decode"];
  readonly begin: number;
  readonly end: number;
}

function readEntry(name: string, value: unknown, dataLength: number): Entry {
  if (!isObject(value)) fail(name, `its entry should be an object, and is ${show(value)}`);
  const { dtype, shape, data_offsets: offsets } = value;
  const kind = typeof dtype === "string" ? kinds.get(dtype) : undefined;
  if (kind === undefined) {
    fail(
      name,
      `its dtype should be one of ${[...kinds.keys()].join(", ")}, and is ${show(dtype)}; save it as F32`,
    );
  }
  if (!isCounts(shape)) {
    fail(name, `its shape should be a list of whole numbers from 0 up, and is ${show(shape)}`);
  }
  const count = countOf(shape);
  if (!Number.isSafeInteger(count))
    fail(name, `its shape ${show(shape)} has more elements than can be counted`);
  const [begin, end, ...rest] = isCounts(offsets) ? offsets : [];
  if (begin === undefined || end === undefined || rest.length > 0) {
    fail(name, `its data_offsets should be two whole numbers from 0 up, and are ${show(offsets)}`);
  }
  if (begin > end) fail(name, `its data_offsets ${show(offsets)} end before they begin`);
  if (end > dataLength) {
    fail(
      name,
      `its data should end at byte ${end} of the data, and there are ${dataLength}: the file is cut short`,
    );
  }
  const size = count * kind.bytes;
  if (end - begin !== size) {
    fail(
      name,
      `${dtype} of shape ${show(shape)} takes ${size} bytes, and its data_offsets give it ${end - begin}`,
    );
  }
  return { name, shape, decode: kind.decode, begin, end };
}

/** The tensors, sorted, must tile the data: bytes in two tensors or in none are damage, or something hidden. */
function checkLayout(entries: readonly Entry[], dataLength: number): void {
  let end = 0;
  let last = "";
  for (const { name, begin, end: next } of entries) {
    if (begin < end) fail(name, `its data starts at byte ${begin}, inside the data of tensor ${show(last)}`);
    if (begin > end)
      fail(name, `its data starts at byte ${begin}, and the ${begin - end} bytes before are no tensor's`);
    end = next;
    last = name;
  }
  if (end < dataLength) {
    throw new SafetensorsError(
      `the last ${dataLength - end} bytes of the file are no tensor's: it is damaged`,
    );
  }
}

interface Kind {
  readonly bytes: number;
  readonly decode: (data: ArrayBuffer, tensor: string) => Float32Array | Float64Array;
}

const kinds: ReadonlyMap<string, Kind> = new Map<string, Kind>([
  ["F32", { bytes: 4, decode: (data) => new Float32Array(data) }],
  ["F64", { bytes: 8, decode: (data) => new Float64Array(data) }],
  ["F16", { bytes: 2, decode: (data) => widen(data, fromHalf) }],
  ["BF16", { bytes: 2, decode: (data) => widen(data, (bits) => bits << 16) }],
  ["I32", { bytes: 4, decode: (data) => Float64Array.from(new Int32Array(data)) }],
  ["I64", { bytes: 8, decode: (data, tensor) => wholeNumbers(tensor, new BigInt64Array(data)) }],
]);

/** Bits to bits, since a NaN that passes through a number may change. */
function widen(data: ArrayBuffer, toSingle: (bits: number) => number): Float32Array {
  const out = new Float32Array(data.byteLength / 2);
  new Uint32Array(out.buffer).set(Uint32Array.from(new Uint16Array(data), toSingle));
  return out;
}

function wholeNumbers(tensor: string, data: BigInt64Array): Float64Array {
  const numbers = Float64Array.from(data, Number);
  const lost = numbers.findIndex((x) => !Number.isSafeInteger(x));
  if (lost >= 0) fail(tensor, `element ${lost} is ${data[lost]}, which is too large to be read exactly`);
  return numbers;
}

function fromHalf(half: number): number {
  const sign = (half & 0x8000) << 16;
  const exponent = (half >> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0x1f) return sign | 0x7f800000 | (fraction << 13);
  if (exponent !== 0) return sign | ((exponent + 112) << 23) | (fraction << 13);
  if (fraction === 0) return sign;
  // A subnormal half is a normal single: move its first one-bit to the implicit place.
  const shift = Math.clz32(fraction) - 21;
  return sign | ((113 - shift) << 23) | (((fraction << shift) & 0x3ff) << 13);
}

function toFloat32(name: string, data: Float32Array | Float64Array): Float32Array {
  if (data instanceof Float32Array) return data;
  const rounded = Float32Array.from(data);
  const lost = data.findIndex((value, i) => Number.isFinite(value) && !Number.isFinite(rounded[i]));
  if (lost >= 0)
    fail(name, `element ${lost} is ${data[lost]}, which is beyond the range of F32; scale it down`);
  return rounded;
}

function countOf(shape: readonly number[]): number {
  return shape.reduce((count, size) => count * size, 1);
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= 0);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function fail(tensor: string, what: string): never {
  throw new SafetensorsError(`tensor ${show(tensor)}: ${what}`);
}

/** A value from the file in a few words. */
function show(value: unknown): string {
  if (value === undefined) return "missing";
  if (Array.isArray(value)) {
    const items = value.slice(0, 8).map((item) => (Array.isArray(item) ? "[…]" : show(item)));
    return `[${items.join(", ")}${value.length > items.length ? ", …" : ""}]`;
  }
  if (isObject(value)) return "an object";
  const text = printable(JSON.stringify(value));
  return text.length > 80 ? `${text.slice(0, 79)}…` : text;
}

/** Text from the file as a terminal may see it: no escape sequences, nothing invisible. */
function printable(text: string): string {
  return text.replace(/\p{C}/gu, (char) => `\\u{${char.codePointAt(0)?.toString(16)}}`);
}
