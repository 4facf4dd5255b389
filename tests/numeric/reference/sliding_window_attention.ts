import { slidingWindowAttentionOver } from "./attention.ts";

export const slidingWindowAttention = slidingWindowAttentionOver(64);
