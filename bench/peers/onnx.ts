/**
 * A model of one node as ONNX writes it: protocol buffers, of which so few fields are needed that each is here.
 * Numbers of fields and types are those of onnx.proto.
 */

export interface Node {
  readonly operator: string;
  readonly domain: string;
  readonly attributes: Readonly<Record<string, number | string>>;
  readonly integers: Readonly<Record<string, number>>;
  /** In the order of the operator; an empty name is an input that is left out. */
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
}

/** An f32 tensor; a dimension with a name is of any size. */
export interface Value {
  readonly name: string;
  readonly shape: readonly (number | string)[];
}

const IR_VERSION = 8;
const OPSET = 17;
const FLOAT32 = 1;
const ATTRIBUTE = { float: 1, integer: 2, string: 3 };

export function oneNodeModel({ operator, domain, attributes, integers, inputs, outputs }: Node): Uint8Array {
  const attribute = (name: string, type: number, value: Bytes): Bytes =>
    field(5, [...field(1, name), ...value, ...integer(20, type)]);
  const node = [
    ...inputs.flatMap(({ name }) => field(1, name)),
    ...outputs.flatMap(({ name }) => field(2, name)),
    ...field(4, operator),
    ...field(7, domain),
    ...Object.entries(attributes).flatMap(([name, value]) =>
      typeof value === "string"
        ? attribute(name, ATTRIBUTE.string, field(4, value))
        : attribute(name, ATTRIBUTE.float, float(2, value)),
    ),
    ...Object.entries(integers).flatMap(([name, value]) =>
      attribute(name, ATTRIBUTE.integer, integer(3, value)),
    ),
  ];
  const graph = [
    ...field(1, node),
    ...field(2, operator),
    ...inputs.filter(({ name }) => name !== "").flatMap((value) => field(11, described(value))),
    ...outputs.flatMap((value) => field(12, described(value))),
  ];
  const opset = (of: string, version: number): Bytes => field(8, [...field(1, of), ...integer(2, version)]);
  return Uint8Array.from([
    ...integer(1, IR_VERSION),
    ...field(7, graph),
    ...opset("", OPSET),
    ...opset(domain, 1),
  ]);
}

function described({ name, shape }: Value): Bytes {
  const dimensions = shape.flatMap((size) =>
    field(1, typeof size === "string" ? field(2, size) : integer(1, size)),
  );
  const tensor = [...integer(1, FLOAT32), ...field(2, dimensions)];
  return [...field(1, name), ...field(2, field(1, tensor))];
}

type Bytes = readonly number[];

/** Of a number ≥ 0, seven bits a byte. */
function varint(n: number): Bytes {
  return n < 128 ? [n] : [(n % 128) + 128, ...varint(Math.floor(n / 128))];
}

const tag = (number: number, wire: number): Bytes => varint(number * 8 + wire);
const integer = (number: number, value: number): Bytes => [...tag(number, 0), ...varint(value)];
const float = (number: number, value: number): Bytes => [
  ...tag(number, 5),
  ...new Uint8Array(Float32Array.of(value).buffer),
];

/** Text, or a message already written. */
function field(number: number, content: string | Bytes): Bytes {
  const bytes = typeof content === "string" ? [...new TextEncoder().encode(content)] : content;
  return [...tag(number, 2), ...varint(bytes.length), ...bytes];
}
