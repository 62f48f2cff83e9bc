/** The parts of JSON Schema (2020-12) that the API's schemas use. */
export interface Schema {
  $ref?: string;
  $defs?: Record<string, Schema>;
  title?: string;
  description?: string;
  type?: string | string[];
  enum?: (string | number | null)[];
  const?: unknown;
  format?: string;
  pattern?: string;
  examples?: unknown[];
  properties?: Record<string, Schema>;
  additionalProperties?: boolean | Schema;
  required?: string[];
  items?: Schema;
  oneOf?: Schema[];
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  readOnly?: boolean;
}

export type Json = null | boolean | number | string | Json[] | { [member: string]: Json };
export type JsonObject = { [member: string]: Json };

/** The schema that a reference stands for; members beside the reference prevail. */
export function resolve(schema: Schema, root: Schema): Schema {
  if (!schema.$ref) return schema;
  const { $ref, ...rest } = schema;
  const target = root.$defs?.[$ref.replace("#/$defs/", "")];
  return target ? { ...resolve(target, root), ...rest } : rest;
}

/** The type of a value other than null. */
export function typeOf(schema: Schema): string | undefined {
  if (Array.isArray(schema.type)) return schema.type.find((t) => t !== "null");
  if (schema.type) return schema.type;
  if (schema.properties) return "object";
  if (schema.enum) return "string";
  return schema.const === undefined ? undefined : typeof schema.const;
}

/** Whether a form leaves a member out: what the server sets, and the path, which is made of site, area and line. */
export const isFixed = (name: string, schema: Schema): boolean => schema.readOnly === true || schema.description === "Ignored." || name === "id" || name === "path";

/** A value without empty members and elements, as it is sent. */
export function pruned(value: Json | undefined): Json | undefined {
  if (value === null || value === undefined || value === "") return undefined;
  if (Array.isArray(value)) return value.map(pruned).filter((v) => v !== undefined);
  if (typeof value !== "object") return value;
  const members = Object.entries(value).flatMap(([name, v]) => {
    const kept = pruned(v);
    return kept === undefined ? [] : [[name, kept] as const];
  });
  return Object.fromEntries(members);
}

/** Which of several schemas a value has: the one whose constants and required members it fits best. */
export function variantOf(value: Json | undefined, variants: readonly Schema[], root: Schema): number {
  const scores = variants.map((variant) => score(value, resolve(variant, root), root));
  return scores.indexOf(Math.max(...scores));
}

function score(value: Json | undefined, schema: Schema, root: Schema): number {
  if (value === undefined || value === null) return 0;
  const type = typeOf(schema);
  if (type === "object") {
    if (typeof value !== "object" || Array.isArray(value)) return -1;
    let sum = 1;
    for (const [name, member] of Object.entries(schema.properties ?? {})) {
      const m = resolve(member, root);
      const v = value[name];
      if (v === undefined) {
        if (schema.required?.includes(name)) sum--;
        continue;
      }
      if (m.enum || m.const !== undefined) sum += (m.enum?.includes(v as string) ?? m.const === v) ? 2 : -4;
    }
    return sum;
  }
  if (schema.enum) return schema.enum.includes(value as string) ? 2 : -1;
  return typeof value === type ? 1 : -1;
}
