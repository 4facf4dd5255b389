/** From a plan as a module carries it, where tensors are numbers, to one that can be run. */
import type { Plan } from "./network.ts";
import type { NetworkCode, NetworkDispatch, NetworkKernel, NetworkPlan } from "./network-code.ts";
import type { Dispatch, ProgramCode } from "./program/parts.ts";

/** A tensor's name, and how many elements it has. */
type Named = readonly [name: string, elements: number];

export function planOf({ name, kernels }: NetworkCode, plan: NetworkPlan): Plan {
  const { named, staying, temporary, fixed, groups, sequences, io } = plan;
  const numbered = (sign: string, all: readonly number[]) =>
    all.map((elements, i) => [`${sign}${i}`, elements] as const);
  const lasting = [...Object.entries(named), ...numbered("#", staying)];
  const passing = numbered("~", temporary);
  let begun = 0;
  const nameOf = (tensor: number): string => {
    const place = tensor === -1 ? begun++ : begun + tensor + 1;
    const [name] = (tensor < 0 ? passing[place] : lasting[tensor]) as Named;
    return name;
  };
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
    tensors: new Map([...lasting, ...passing]),
    temporary: new Set(passing.map(([n]) => n)),
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
