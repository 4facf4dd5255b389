/**
 * What reads one sequence token by token: kernels that take a token to the logits of the next, everything resident
 * between. A memory is its recurrent kernel, with states that stay where they are.
 */
import { lowerDense } from "../dense/lower.ts";
import { recurrentForm } from "../form/recurrent.ts";
import { definitionsOf } from "../form/steps.ts";
import type { Binding, Block } from "../kernel/block.ts";
import { lowerRecurrent } from "../kernel/lower.ts";
import type { Target } from "../kernel/target.ts";
import { axesFor, elements, type Sizes } from "../math/axis.ts";
import { leaf, type Tensor } from "../math/expr.ts";
import type { MemoryCall, Program } from "../network/program.ts";
import { InternalError } from "../source/diagnostic.ts";
import { LEARNED } from "./optimizer.ts";
import { oneToken } from "./past.ts";
import { type Dispatch, PlanBuilder } from "./plan.ts";
import { nameOf, readElsewhere, segmentsOf } from "./segments.ts";
import { ALIGNED, layoutOf, shrinkingFirst } from "./training.ts";

export interface DecodingPlan {
  readonly name: string;
  readonly tensors: ReadonlyMap<string, number>;
  readonly temporary: ReadonlySet<string>;
  readonly groups: ReadonlyMap<string, { readonly tensors: readonly string[]; readonly apart: true }>;
  /**
   * One of them takes the network a token further: the one of the chunks that begin with it, whose name is their
   * lengths, in the order of `chunks`, with commas between.
   */
  readonly sequences: Readonly<Record<string, readonly Dispatch[]>>;
  /** Lengths of chunks, each once: one begins at every multiple. */
  readonly chunks: readonly number[];
  /** Tensors of one number, to be written before each token: its position, modulo this where it is finite. */
  readonly counters: ReadonlyMap<string, number>;
  /** The states of each memory, `[H, stride]`, as they are to be at the start. */
  readonly states: readonly InitialStates[];
  /** Tokens that a sequence may have, where a memory keeps all of them. */
  readonly room: number | undefined;
  readonly io: Readonly<Record<"tokens" | "logits", string>>;
}

export interface InitialStates {
  readonly tensor: string;
  readonly block: Pick<Block, "state">;
  /** One for each head. */
  readonly records: number;
  /** What is learned of them, by the names of the states; the others are zero. */
  readonly learned: ReadonlyMap<string, string>;
}

/** `sizes`: for one sequence of one token; `tokens` is how long the sequence may become. */
export function decodingPlan(program: Program, sizes: Sizes, target: Target): DecodingPlan {
  const plan = new PlanBuilder();
  const { steps, replaces, put, counters } = oneToken(program.steps, sizes);
  const segments = segmentsOf(steps);
  const kept = readElsewhere(segments, [program.logits, ...put]);
  const learned = shrinkingFirst(program).map((l) => l.tensor);
  for (const t of [program.tokens, program.logits, ...learned, ...counters.keys(), ...replaces.values()])
    plan.tensor(t.name, elements(t.shape, sizes));
  plan.tensor(LEARNED, layoutOf(program, sizes).length);
  const memories = new Map(
    segments.flatMap((s) =>
      !Array.isArray(s) && s.kind === "memory" ? [[s, new Memory(plan, s, sizes, target)] as const] : [],
    ),
  );
  const lowered = segments.map((segment, i) => {
    if (!Array.isArray(segment)) return undefined;
    const own = segment.flatMap(definitionsOf);
    const replaced = new Map([...replaces].filter(([after]) => own.some((d) => d.tensor === after)));
    return lowerDense(`token.${i}`, own, kept, sizes, target, replaced);
  });

  const chunks = [...new Set([...memories.keys()].flatMap(({ rule }) => rule.spec.chunk ?? []))];
  const name = nameOf(plan, sizes);
  const place = (t: Tensor): string => name(replaces.get(t) ?? t);
  for (const starting of subsets(chunks)) {
    const sequence = starting.join();
    for (const [i, segment] of segments.entries()) {
      const kernels = lowered[i];
      if (kernels) plan.run(sequence, kernels, sizes, place);
      else memories.get(segment as MemoryCall)?.read(sequence, starting);
    }
  }
  const own = [...memories.values()];
  const keepsAll = own.some((m) => m.keepsAll);
  return {
    name: program.name,
    tensors: plan.tensors,
    temporary: plan.temporary,
    groups: new Map([
      [LEARNED, { tensors: learned.map((t) => t.name), apart: true }],
      ...own.flatMap((m) => m.groups),
    ]),
    sequences: Object.fromEntries(plan.sequences),
    chunks,
    counters: new Map([...counters].map(([t, period]) => [t.name, period])),
    states: own.flatMap((m) => m.initial ?? []),
    room: keepsAll ? (sizes.tokens as number) : undefined,
    io: { tokens: program.tokens.name, logits: program.logits.name },
  };
}

/** All choices of some of them, each in order. */
function subsets([first, ...others]: readonly number[]): (readonly number[])[] {
  if (first === undefined) return [[]];
  const rest = subsets(others);
  return [...rest, ...rest.map((some) => [first, ...some])];
}

type Group = readonly [string, { readonly tensors: readonly string[]; readonly apart: true }];

/** A memory of one sequence, one token at a time. */
class Memory {
  readonly groups: Group[] = [];
  readonly #plan: PlanBuilder;
  readonly #call: MemoryCall;
  readonly #sizes: Sizes;
  readonly #target: Target;
  /** Inside a chunk, and where one begins. They differ in nothing else than that this keeps the states. */
  readonly #inside: Block;
  readonly #starting: Block;

  constructor(plan: PlanBuilder, call: MemoryCall, sizes: Sizes, target: Target) {
    this.#plan = plan;
    this.#call = call;
    this.#sizes = sizes;
    this.#target = target;
    const form = recurrentForm(call.rule, true);
    this.#starting = lowerRecurrent(form, sizes, target);
    this.#inside =
      form.chunk === undefined
        ? this.#starting
        : lowerRecurrent({ ...form, chunk: undefined }, sizes, target);
    const H = sizes.H as number;
    plan.tensor(this.#states, Math.max(1, H * this.#starting.state.stride));
    plan.tensor(this.#scratch, Math.max(1, H * this.#starting.scratchStride));
  }

  /** Whether it needs to know how long the sequence becomes. */
  get keepsAll(): boolean {
    return this.#call.rule.states.some((s) => s.shape.some((d) => d.names.includes("tokens")));
  }

  get initial(): InitialStates {
    const learned = new Map([...this.#call.states].map(([state, from]) => [state, from.name]));
    return { tensor: this.#states, block: this.#starting, records: this.#sizes.H as number, learned };
  }

  get #states(): string {
    return `${this.#call.output.name}/states`;
  }

  get #scratch(): string {
    return `${this.#call.output.name}/scratch`;
  }

  read(sequence: string, starting: readonly number[]): void {
    const { rule, layer } = this.#call;
    const isStart = rule.spec.chunk !== undefined && starting.includes(rule.spec.chunk);
    const block = isStart ? this.#starting : this.#inside;
    const bases: number[] = [];
    const bound: Record<string, string> = {};
    for (const b of block.bindings) bound[b.name] = this.#bind(sequence, b, bases);
    const uniform = new Uint32Array(6 + bases.length);
    uniform.set([1, 0, 1, 1, ...bitsOf(layer.index), ...bitsOf(layer.count), ...bases]);
    this.#plan.dispatch(sequence, block, {
      groups: [block.tiles, this.#sizes.H as number, 1],
      bound,
      uniform,
    });
  }

  #bind(sequence: string, { name, holds }: Binding, bases: number[]): string {
    const own = { state: this.#states, scratch: this.#scratch }[name];
    if (own !== undefined && holds.length === 0) return own;
    const { output } = this.#call;
    const place = nameOf(this.#plan, this.#sizes);
    if (name === "y_out") return place(output);
    if (holds.length === 1) return place(this.#given(holds[0] as Tensor));
    return this.#packed(sequence, holds, bases);
  }

  /** Several inputs in one buffer: copies, since what they are may lie elsewhere for others. */
  #packed(sequence: string, holds: readonly Tensor[], bases: number[]): string {
    const name = `${this.#call.output.name}/inputs`;
    const copies = holds.map((t) => {
      const from = this.#given(t);
      const tensor = { ...from, name: `${name}/${t.name}` };
      return { kind: "definition", tensor, value: leaf(from, axesFor(from.shape)) } as const;
    });
    const tensors = copies.map((c) => c.tensor);
    const kernels = lowerDense(name, copies, new Set(tensors), this.#sizes, this.#target);
    this.#plan.run(sequence, kernels, this.#sizes, nameOf(this.#plan, this.#sizes));
    let end = 0;
    for (const t of tensors) {
      bases.push(end);
      end += Math.ceil(elements(t.shape, this.#sizes) / ALIGNED) * ALIGNED;
    }
    if (!this.groups.some(([known]) => known === name))
      this.groups.push([name, { tensors: tensors.map((t) => t.name), apart: true }]);
    return name;
  }

  /** The network's tensor for one of the rule's. */
  #given({ name }: Tensor): Tensor {
    const found = this.#call.inputs.get(name) ?? this.#call.parameters.get(name);
    if (!found) throw new InternalError(`nothing is given for ${name} of ${this.#call.rule.spec.name}`);
    return found;
  }
}

/** A float as it lies in a buffer of words. */
const bitsOf = (value: number): Uint32Array => new Uint32Array(Float32Array.of(value).buffer);
