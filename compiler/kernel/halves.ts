/** Buffers of 16-bit numbers: narrow in memory alone, and 32 bits wide wherever one computes with them. */
import type { Block, Stmt, Value } from "./block.ts";

/** The block with f16 for the elements of these buffers, which must be f32 in it. */
export function inHalves(block: Block, buffers: ReadonlySet<string>): Block {
  const widened = (v: Value): Value => {
    switch (v.kind) {
      case "load":
        return buffers.has(v.buffer) ? { ...v, half: true } : v;
      case "apply":
        return { ...v, args: v.args.map(widened) };
      case "four":
        return { ...v, of: v.of.map(widened) };
      case "component":
      case "total":
        return { ...v, of: widened(v.of) };
      case "shuffle":
      case "reduce-lanes":
      case "masked":
      case "row":
        return { ...v, value: widened(v.value) };
      default:
        return v;
    }
  };
  const narrowed = (s: Stmt): Stmt => {
    switch (s.kind) {
      case "store": {
        const value = widened(s.value);
        return buffers.has(s.buffer) ? { ...s, value, half: true } : { ...s, value };
      }
      case "variable":
        return s.value ? { ...s, value: widened(s.value) } : s;
      case "let":
      case "assign":
      case "merge":
        return { ...s, value: widened(s.value) };
      case "stop":
      case "leave":
        return { ...s, value: widened(s.value), atMost: widened(s.atMost) };
      default:
        return "body" in s ? { ...s, body: s.body.map(narrowed) } : s;
    }
  };
  return {
    ...block,
    bindings: block.bindings.map((b) => (buffers.has(b.name) ? { ...b, element: "f16" } : b)),
    body: block.body.map(narrowed),
  };
}
