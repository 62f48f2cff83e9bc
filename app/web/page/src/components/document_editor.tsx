import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { ApiError, may, messageOf } from "../data/api";
import { deleteDocument, loadDocument, loadSchema, saveDocument, type Versioned } from "../data/documents";
import { useLoad } from "../data/load";
import { allMachines } from "../data/plant";
import { isFixed, type JsonObject, pruned, resolve, type Schema } from "../data/schema";
import { go } from "../router";
import { Dialog, Failure, Loading, toast } from "./feedback";
import { ObjectFields } from "./schema_form";

interface EditorProps {
  title: string;
  /** The kind whose schema the form follows. */
  schema: string;
  /** The path of the document; without one, the document is new. */
  path: string | undefined;
  /** The path of a new document with an id. */
  create?: (id: string) => string;
  back: string;
  saved: (id: string) => void;
  deletable?: boolean;
}

/** Loads a document and its schema, and edits it. */
export function DocumentEditor(props: EditorProps) {
  const schema = useLoad((abort) => loadSchema(props.schema, abort), [props.schema]);
  const document = useLoad((abort) => (props.path ? loadDocument(props.path, abort) : Promise.resolve({ data: {}, tag: "" })), [props.path]);
  return (
    <>
      <div class="row">
        <a href={props.back}>Back to the list</a>
      </div>
      {schema.error || document.error ? (
        <Failure
          error={schema.error ?? document.error}
          retry={() => {
            schema.reload();
            document.reload();
          }}
        />
      ) : schema.data && document.data ? (
        <Form key={`${props.path} ${document.data.tag}`} {...props} root={schema.data} stored={document.data} reload={document.reload} />
      ) : (
        <Loading height="20rem" />
      )}
    </>
  );
}

function Form({ title, path, create, back, saved, deletable, root, stored, reload }: EditorProps & { root: Schema; stored: Versioned; reload: () => void }) {
  const value = useSignal<JsonObject>(editable(stored.data, root));
  const id = useSignal("");
  const errors = useSignal<ReadonlyMap<string, string>>(new Map());
  const failure = useSignal("");
  const busy = useSignal(false);
  const confirming = useSignal(false);
  const readOnly = !may("admin");
  const dirty = JSON.stringify(pruned(value.value)) !== JSON.stringify(pruned(editable(stored.data, root)));
  useWarning(dirty);

  const save = async (e: Event) => {
    e.preventDefault();
    const target = path ?? create?.(id.value.trim());
    if (!target || busy.value) return;
    busy.value = true;
    failure.value = "";
    errors.value = new Map();
    try {
      await saveDocument(target, (pruned(value.value) ?? {}) as JsonObject, path ? stored.tag : undefined);
      toast("Saved.");
      saved(id.value.trim());
      if (path) reload();
    } catch (reason) {
      show(reason);
    } finally {
      busy.value = false;
    }
  };
  const show = (reason: unknown) => {
    if (reason instanceof ApiError && reason.status === 412) {
      failure.value = path ? "Somebody else has changed this in the meantime. Load it again, then repeat your change." : "There is one with this id already.";
      return;
    }
    if (reason instanceof ApiError && reason.problem?.errors?.length) errors.value = new Map(reason.problem.errors.map((e) => [e.pointer, e.detail]));
    failure.value = messageOf(reason);
  };
  const remove = async () => {
    busy.value = true;
    try {
      await deleteDocument(path!);
      toast("Deleted.");
      go(back);
    } catch (reason) {
      confirming.value = false;
      show(reason);
    } finally {
      busy.value = false;
    }
  };
  const context = {
    root,
    errors: errors.value,
    readOnly,
    suggestions: {
      machine: allMachines.value.slice(0, 500).map((m) => m.id),
      metric: [...new Set(allMachines.value.slice(0, 50).flatMap((m) => [...m.values.keys()]))].sort(),
      tz: zones,
    },
  };
  return (
    <form class="card padded" onSubmit={(e) => void save(e)} noValidate={false}>
      <h2 dir="auto">{title}</h2>
      <div class="fields">
        {!path && (
          <div class="field">
            <label for="document-id">
              Id <span class="muted">(required)</span>
            </label>
            <input id="document-id" class="input" required maxLength={128} autofocus value={id.value} onInput={(e) => (id.value = e.currentTarget.value)} />
            <span class="hint">How the API names it. It cannot be changed later.</span>
          </div>
        )}
        <ObjectFields context={context} schema={resolve(root, root)} value={value.value} pointer="" change={(next) => (value.value = (next ?? {}) as JsonObject)} />
      </div>
      {failure.value && (
        <p class="notice bad" role="alert">
          {failure.value}
        </p>
      )}
      {!readOnly && (
        <div class="row spread">
          <div class="row">
            <button class="button primary" disabled={busy.value || (Boolean(path) && !dirty)}>
              {busy.value ? "Saving …" : "Save"}
            </button>
            {path && dirty && (
              <button type="button" class="button" onClick={reload}>
                Discard changes
              </button>
            )}
          </div>
          {deletable && (
            <button type="button" class="button" onClick={() => (confirming.value = true)}>
              Delete
            </button>
          )}
        </div>
      )}
      {confirming.value && (
        <Dialog title={`Delete ${title}?`} close={() => (confirming.value = false)}>
          <p>The change is recorded with your name and takes effect at once. Stored readings and events stay.</p>
          <div class="row">
            <button type="button" class="button primary" disabled={busy.value} onClick={() => void remove()}>
              Delete
            </button>
            <button type="button" class="button" onClick={() => (confirming.value = false)}>
              Keep
            </button>
          </div>
        </Dialog>
      )}
    </form>
  );
}

/** The members of a document that the form edits. */
function editable(data: JsonObject, root: Schema): JsonObject {
  const properties = resolve(root, root).properties ?? {};
  return Object.fromEntries(Object.entries(data).filter(([name, v]) => v !== null && properties[name] && !isFixed(name, resolve(properties[name], root))));
}

const zones: readonly string[] = Intl.supportedValuesOf("timeZone");

/** Asks before the tab closes with changes. */
function useWarning(dirty: boolean): void {
  useEffect(() => {
    if (!dirty) return;
    const warn = (e: BeforeUnloadEvent) => e.preventDefault();
    addEventListener("beforeunload", warn);
    return () => removeEventListener("beforeunload", warn);
  }, [dirty]);
}
