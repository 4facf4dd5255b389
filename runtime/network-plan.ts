/** From a plan as a module carries it, where tensors are numbers, to one that can be run. */
import type { Plan } from "./network.ts";
import type { NetworkCode, NetworkDispatch, NetworkKernel, NetworkPlan } from "./network-code.ts";
import type { Dispatch, ProgramCode } from "./program/parts.ts";

export function planOf({ name, kernels }: NetworkCode, plan: NetworkPlan): Plan {
  const { named, staying, temporary, fixed, groups, sequences, io } = plan;
  const all = [
    ...Object.entries(named),
    ...[...staying, ...temporary].map((elements, i) => [`#${i}`, elements] as const),
  ];
  const nameOf = (tensor: number): string => (all[tensor] as (typeof all)[number])[0];
  const codes = kernels.map(codeOf);
  const dispatch = ([kernel, workgroups, tensors]: NetworkDispatch): Dispatch => {
    const code = codes[kernel] as ProgramCode;
    const bound = Object.fromEntries(
      code.block.bindings.map((b, i) => [b.name, nameOf(tensors[i] as number)] as const),
    );
    return { code, groups: workgroups, bound };
  };
  const mapped = <A, B>(record: Readonly<Record<string, A>>, of: (a: A) => B): [string, B][] =>
    Object.entries(record).map(([key, a]) => [key, of(a)]);
  return {
    name,
    tensors: new Map(all),
    temporary: new Set(all.slice(all.length - temporary.length).map(([n]) => n)),
    fixed: new Map(fixed.map(([tensor, numbers]) => [nameOf(tensor), numbers])),
    groups: new Map(mapped(groups, (members) => ({ tensors: members.map(nameOf), apart: true }))),
    sequences: Object.fromEntries(mapped(sequences, (list) => list.map(dispatch))),
    io,
  };
}

/** Every dispatch says what is bound, so that buffers need no names but their places. */
const codeOf = ({ wgsl, name, lanes, bytes, access }: NetworkKernel): ProgramCode => ({
  wgsl,
  block: {
    name,
    lanes,
    workgroup: [{ name: "", length: bytes / 4 }],
    bindings: [...access].map((letter, i) => ({
      name: String(i),
      access: letter === "r" ? "read" : "read_write",
      holds: [],
    })),
  },
});
