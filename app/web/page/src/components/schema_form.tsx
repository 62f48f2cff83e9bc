import { useSignal } from "@preact/signals";
import { useId } from "preact/hooks";
import { words } from "../data/format";
import { isFixed, type Json, type JsonObject, resolve, type Schema, typeOf, variantOf } from "../data/schema";

/** What all fields of a form share. */
export interface FormContext {
  root: Schema;
  /** What the server said about members, by JSON pointer. */
  errors: ReadonlyMap<string, string>;
  readOnly: boolean;
  /** Suggestions for members by name: metrics, machines, shifts. */
  suggestions: Readonly<Record<string, readonly string[]>>;
}

interface FieldProps {
  context: FormContext;
  name: string;
  /** What the field is called, if not after its name. */
  label?: string;
  schema: Schema;
  value: Json | undefined;
  required: boolean;
  pointer: string;
  change: (value: Json | undefined) => void;
}

/** The members of an object, each as a field of the kind that its schema asks for. */
export function ObjectFields({ context, schema, value, pointer, change, optional }: Omit<FieldProps, "name" | "required"> & { optional?: boolean }) {
  const object = isObject(value) ? value : {};
  // Members of an object that may be missing are required only once it has one.
  const enforced = !optional || Object.keys(object).length > 0;
  return (
    <>
      {ordered(Object.entries(schema.properties ?? {})).map(([name, member]) => {
        const resolved = resolve(member, context.root);
        if (isFixed(name, resolved)) return null;
        return (
          <Field
            key={name}
            context={context}
            name={name}
            schema={resolved}
            value={object[name]}
            required={enforced && (schema.required?.includes(name) ?? false)}
            pointer={`${pointer}/${name}`}
            change={(next) => {
              const rest = { ...object };
              if (next === undefined) delete rest[name];
              else rest[name] = next;
              change(optional && schema.required && !Object.keys(rest).length ? undefined : rest);
            }}
          />
        );
      })}
    </>
  );
}

const levels = ["site", "area", "line", "machine"];

/** The members of a schema, with the levels of ISA-95 from the largest to the smallest. */
function ordered(members: [string, Schema][]): [string, Schema][] {
  const sorted = members.filter(([name]) => levels.includes(name)).sort(([a], [b]) => levels.indexOf(a) - levels.indexOf(b));
  return members.map((member) => (levels.includes(member[0]) ? sorted.shift()! : member));
}

const isObject = (value: Json | undefined): value is JsonObject => typeof value === "object" && value !== null && !Array.isArray(value);

/** Readable names of members whose own name says too little. */
const labels: Record<string, string> = { tz: "Time zone", re_alarm: "Alarm again after", ideal_cycle_s: "Ideal cycle in seconds", op: "Operator", for: "For at least" };

const labelOf = (name: string): string => labels[name] ?? words(name);

function Field(props: FieldProps) {
  const { schema, context } = props;
  if (schema.oneOf && !schema.properties) return <Variants {...props} variants={schema.oneOf} />;
  switch (typeOf(schema)) {
    case "object":
      if (schema.properties && Object.keys(schema.properties).length === 1) return <OnlyMember {...props} />;
      if (schema.properties) {
        return (
          <fieldset>
            <legend>{labelOf(props.name)}</legend>
            <Hint {...props} />
            <div class="fields">
              <ObjectFields {...props} optional={!props.required} />
            </div>
          </fieldset>
        );
      }
      return typeof schema.additionalProperties === "object" ? <MapField {...props} values={resolve(schema.additionalProperties, context.root)} /> : <JsonField {...props} />;
    case "array": {
      const items = resolve(schema.items ?? {}, context.root);
      if (items.enum) return <ChoicesField {...props} items={items} />;
      return typeOf(items) === "object" ? <RowsField {...props} items={items} /> : <LinesField {...props} />;
    }
    case "boolean":
      return <BooleanField {...props} />;
    default:
      return <ValueField {...props} />;
  }
}

/** An object with one member is shown as that member under the object's name. */
function OnlyMember(props: FieldProps) {
  const { schema, value, change, context, pointer } = props;
  const [member, inner] = Object.entries(schema.properties!)[0]!;
  return (
    <Field
      {...props}
      label={props.name}
      name={member}
      schema={{ ...resolve(inner, context.root), ...(schema.description ? { description: schema.description } : {}) }}
      value={isObject(value) ? value[member] : undefined}
      pointer={`${pointer}/${member}`}
      change={(next) => change(next === undefined ? undefined : { [member]: next })}
    />
  );
}

function Hint({ schema, context, pointer, id }: FieldProps & { id?: string }) {
  const error = context.errors.get(pointer);
  if (error) {
    return (
      <span class="error" id={id} role="alert">
        {error}
      </span>
    );
  }
  return schema.description ? (
    <span class="hint" id={id}>
      {schema.description}
    </span>
  ) : null;
}

/** A text, a number or a choice of words. */
function ValueField(props: FieldProps) {
  const { schema, value, change, context, name, required, pointer } = props;
  const id = useId();
  const type = typeOf(schema);
  const choices = schema.const !== undefined ? [schema.const as string] : schema.enum?.filter((v) => v !== null);
  const suggested = context.suggestions[name];
  const shared = {
    id,
    class: "input",
    required,
    disabled: context.readOnly,
    "aria-invalid": context.errors.has(pointer) ? ("true" as const) : undefined,
    "aria-describedby": `${id}-hint`,
  };
  const text = value === undefined || value === null ? "" : String(value);
  const long = type === "string" && (schema.maxLength ?? 0) > 1000;
  return (
    <div class={`field ${long ? "long" : ""}`}>
      <label for={id}>
        {labelOf(props.label ?? name)}
        {required && <span class="muted"> (required)</span>}
      </label>
      {choices ? (
        <select {...shared} value={text} onChange={(e) => change(e.currentTarget.value || undefined)}>
          <option value="">{required ? "Choose …" : "–"}</option>
          {choices.map((choice) => (
            <option key={choice} value={String(choice)}>
              {/^[a-z_]+$/.test(String(choice)) ? words(String(choice)) : choice}
            </option>
          ))}
        </select>
      ) : type === "number" || type === "integer" ? (
        <input
          {...shared}
          type="number"
          step="any"
          value={text}
          onInput={(e) => change(e.currentTarget.value === "" || Number.isNaN(e.currentTarget.valueAsNumber) ? undefined : e.currentTarget.valueAsNumber)}
        />
      ) : long ? (
        <textarea {...shared} maxLength={schema.maxLength} value={text} onInput={(e) => change(e.currentTarget.value || undefined)} />
      ) : (
        <>
          <input
            {...shared}
            type={schema.format === "date" ? "date" : "text"}
            maxLength={schema.maxLength}
            list={suggested ? `${id}-list` : undefined}
            placeholder={schema.examples ? String(schema.examples[0]) : undefined}
            value={text}
            onInput={(e) => change(e.currentTarget.value || undefined)}
          />
          {suggested && (
            <datalist id={`${id}-list`}>
              {suggested.map((s) => (
                <option key={s} value={s} />
              ))}
            </datalist>
          )}
        </>
      )}
      <Hint {...props} id={`${id}-hint`} />
    </div>
  );
}

function BooleanField(props: FieldProps) {
  const { name, value, change, context } = props;
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{labelOf(props.label ?? name)}</label>
      <select id={id} class="input" disabled={context.readOnly} value={value === undefined || value === null ? "" : String(value)} aria-describedby={`${id}-hint`} onChange={(e) => change(e.currentTarget.value === "" ? undefined : e.currentTarget.value === "true")}>
        <option value="">By default</option>
        <option value="true">Yes</option>
        <option value="false">No</option>
      </select>
      <Hint {...props} id={`${id}-hint`} />
    </div>
  );
}

/** Several of a few words. */
function ChoicesField(props: FieldProps & { items: Schema }) {
  const { name, value, change, context, items } = props;
  const chosen = Array.isArray(value) ? value : [];
  return (
    <fieldset class="choices">
      <legend>{labelOf(props.label ?? name)}</legend>
      <Hint {...props} />
      <div class="row">
        {items.enum?.map((choice) => (
          <label key={choice} class="check">
            <input
              type="checkbox"
              disabled={context.readOnly}
              checked={chosen.includes(choice)}
              onChange={(e) => change(items.enum!.filter((c) => (c === choice ? e.currentTarget.checked : chosen.includes(c))) as Json[])}
            />
            {words(String(choice))}
          </label>
        ))}
      </div>
    </fieldset>
  );
}

/** A list of texts, one in each line. */
function LinesField(props: FieldProps) {
  const { name, value, change, context } = props;
  const id = useId();
  const text = useSignal(Array.isArray(value) ? value.join("\n") : "");
  return (
    <div class="field long">
      <label for={id}>{labelOf(props.label ?? name)}, one in each line</label>
      <textarea
        id={id}
        class="input"
        disabled={context.readOnly}
        value={text.value}
        aria-describedby={`${id}-hint`}
        onInput={(e) => {
          text.value = e.currentTarget.value;
          const list = text.value.split("\n").map((line) => line.trim()).filter(Boolean);
          change(list.length ? list : undefined);
        }}
      />
      <Hint {...props} id={`${id}-hint`} />
    </div>
  );
}

/** A list of objects. */
function RowsField(props: FieldProps & { items: Schema }) {
  const { name, value, change, context, items, pointer } = props;
  const rows = Array.isArray(value) ? value : [];
  return (
    <fieldset>
      <legend>{labelOf(props.label ?? name)}</legend>
      <Hint {...props} />
      {rows.map((row, i) => (
        <div class="rows-row" key={i}>
          <div class="fields">
            <ObjectFields context={context} schema={items} value={row} pointer={`${pointer}/${i}`} change={(next) => change(rows.map((r, j) => (j === i ? (next ?? {}) : r)))} />
          </div>
          {!context.readOnly && (
            <button type="button" class="button" onClick={() => change(rows.filter((_, j) => j !== i))}>
              Remove
            </button>
          )}
        </div>
      ))}
      {!context.readOnly && (
        <button type="button" class="button" onClick={() => change([...rows, {}])}>
          Add
        </button>
      )}
    </fieldset>
  );
}

/** An object whose members have any names. */
function MapField(props: FieldProps & { values: Schema }) {
  const { name, value, change, context, values } = props;
  // Rows keep their order, and may be incomplete, while they are edited.
  const rows = useSignal<readonly (readonly [string, Json | undefined])[]>(isObject(value) ? Object.entries(value) : []);
  const update = (next: readonly (readonly [string, Json | undefined])[]) => {
    rows.value = next;
    const members = Object.fromEntries(next.filter(([key, v]) => key && v !== undefined)) as JsonObject;
    change(Object.keys(members).length ? members : undefined);
  };
  return (
    <fieldset>
      <legend>{labelOf(props.label ?? name)}</legend>
      <Hint {...props} />
      {rows.value.map(([key, v], i) => (
        <div class="map-row" key={i}>
          <input class="input" aria-label={`${labelOf(props.label ?? name)}, name ${i + 1}`} disabled={context.readOnly} value={key} onInput={(e) => update(rows.value.map((row, j) => (j === i ? [e.currentTarget.value, row[1]] : row)))} />
          {values.enum ? (
            <select class="input" aria-label={`Value of ${key}`} disabled={context.readOnly} value={String(v ?? "")} onChange={(e) => update(rows.value.map((row, j) => (j === i ? [row[0], e.currentTarget.value || undefined] : row)))}>
              <option value="">Choose …</option>
              {values.enum.map((choice) => (
                <option key={choice} value={String(choice)}>
                  {words(String(choice))}
                </option>
              ))}
            </select>
          ) : (
            <input class="input" aria-label={`Value of ${key}`} disabled={context.readOnly} value={String(v ?? "")} onInput={(e) => update(rows.value.map((row, j) => (j === i ? [row[0], e.currentTarget.value] : row)))} />
          )}
          {!context.readOnly && (
            <button type="button" class="button" aria-label={`Remove ${key}`} onClick={() => update(rows.value.filter((_, j) => j !== i))}>
              Remove
            </button>
          )}
        </div>
      ))}
      {!context.readOnly && (
        <button type="button" class="button" onClick={() => update([...rows.value, ["", undefined]])}>
          Add
        </button>
      )}
    </fieldset>
  );
}

/** Any JSON. */
function JsonField(props: FieldProps) {
  const { name, value, change, context } = props;
  const id = useId();
  const text = useSignal(value === undefined || value === null ? "" : JSON.stringify(value, null, 2));
  const wrong = useSignal(false);
  return (
    <div class="field long">
      <label for={id}>{labelOf(props.label ?? name)} (JSON)</label>
      <textarea
        id={id}
        class="input mono"
        spellcheck={false}
        disabled={context.readOnly}
        value={text.value}
        aria-invalid={wrong.value ? "true" : undefined}
        aria-describedby={`${id}-hint`}
        onInput={(e) => {
          text.value = e.currentTarget.value;
          try {
            change(text.value.trim() ? (JSON.parse(text.value) as Json) : undefined);
            wrong.value = false;
          } catch {
            wrong.value = true;
          }
        }}
      />
      {wrong.value && <span class="error">This is not JSON yet.</span>}
      <Hint {...props} id={`${id}-hint`} />
    </div>
  );
}

/** One of several shapes, chosen by what tells them apart. */
function Variants(props: FieldProps & { variants: readonly Schema[] }) {
  const { name, value, change, context, variants, pointer } = props;
  const resolved = variants.map((v) => resolve(v, context.root));
  const chosen = useSignal(value === undefined ? -1 : variantOf(value, variants, context.root));
  const id = useId();
  const schema = resolved[chosen.value];
  return (
    <fieldset>
      <legend>{labelOf(props.label ?? name)}</legend>
      <Hint {...props} />
      <div class="fields">
        <div class="field">
          <label for={id}>Kind</label>
          <select
            id={id}
            class="input"
            disabled={context.readOnly}
            value={chosen.value}
            onChange={(e) => {
              chosen.value = Number(e.currentTarget.value);
              change(initial(resolved[chosen.value], context.root));
            }}
          >
            <option value={-1}>{props.required ? "Choose …" : "–"}</option>
            {resolved.map((variant, i) => (
              <option key={i} value={i}>
                {variantTitle(variant, context.root)}
              </option>
            ))}
          </select>
        </div>
        {schema && (typeOf(schema) === "object" && schema.properties ? <ObjectFields context={context} schema={schema} value={value} pointer={pointer} change={change} /> : <Field {...props} schema={{ ...schema, description: "" }} key={chosen.value} />)}
      </div>
    </fieldset>
  );
}

/** What tells a variant apart: its title, the words of its first member, or its type. */
function variantTitle(variant: Schema, root: Schema): string {
  if (variant.title) return variant.title;
  for (const member of Object.values(variant.properties ?? {})) {
    const m = resolve(member, root);
    if (m.enum) return m.enum.map((word) => (/^[a-z_]+$/.test(String(word)) ? words(String(word)) : word)).join("  ");
  }
  return variant.enum ? "One of these" : words(typeOf(variant) ?? "value");
}

/** The value of a newly chosen variant: members that can have one value only are set. */
function initial(variant: Schema | undefined, root: Schema): Json | undefined {
  if (!variant || typeOf(variant) !== "object") return undefined;
  const value: JsonObject = {};
  for (const [name, member] of Object.entries(variant.properties ?? {})) {
    const m = resolve(member, root);
    if (m.enum?.length === 1) value[name] = m.enum[0]!;
  }
  return value;
}
