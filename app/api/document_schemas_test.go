package api_test

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"smart-factory-backend/app/api"
	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/factory/alarm"
	"smart-factory-backend/app/factory/shift"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// contentSchemas returns the schemas of what clients store in the collections, by kind.
func contentSchemas() map[string]*schema {
	displayName := &schema{Type: "string", MaxLength: new(factory.MaxNameBytes), Pattern: `^(\S(.*\S)?)?$`, Description: "What people read in its place."}
	unit := &schema{Type: "string", MaxLength: new(factory.MaxUnitBytes), Pattern: "^[!-~]*$", Description: "UCUM: printable ASCII, with brackets in pairs."}
	return map[string]*schema{
		"product": members(
			"name", displayName,
			"ideal_cycle_s", idealCycle(),
			"unit", unit,
		),
		"alarm-rule": alarmRuleSchema(displayName),
	}
}

// scopeSchema is the schema of a factory.Scope.
func scopeSchema() *schema {
	part := &schema{Type: "string", MaxLength: new(factory.MaxNameBytes)}
	return described(members("site", part, "area", part, "line", part, "machine", part), "All machines that have each of these. Without any, all machines.")
}

// stateWords is the schema of a machine's state.
func stateWords() *schema {
	return words("running", "idle", "setup", "blocked", "starved", "fault", "planned_stop", "offline")
}

// signalsSchema is the schema of a machine's signals.
func signalsSchema() *schema {
	metric := func(description string) *schema {
		m := members("metric", &schema{Type: "string", MaxLength: new(factory.MaxNameBytes)})
		m.Required = []string{"metric"}
		return described(m, description)
	}
	state := members(
		"metric", &schema{Type: "string", MaxLength: new(factory.MaxNameBytes)},
		"map", &schema{Description: "From values to states.", OneOf: []*schema{
			{Title: "Built-in map", Type: "string", Enum: []any{"packml", "mtconnect", "weihenstephan", "boolean"}},
			{Title: "Own map", Type: "object", AdditionalProperties: stateWords(), MinProperties: new(1), MaxProperties: new(1000)},
		}},
		"default", described(stateWords(), "The state of values that the map lacks; idle if it is missing."),
		"mode", metric("With packml: the unit mode."),
		"blocked", metric("With packml: true while a suspended machine waits for the one after it."),
		"starved", metric("With packml: true while a suspended machine waits for the one before it."),
	)
	state.Required = []string{"metric", "map"}
	return described(members(
		"state", described(state, "The metric that shows the state."),
		"good", metric("A counter of good pieces."),
		"scrap", metric("A counter of scrap."),
		"total", metric("A counter of all pieces. Two of the three counters are enough."),
		"product", metric("A text: the id of the product."),
		"offline_after", &schema{Type: "string", Pattern: `^[+]?([0-9.]+(ns|us|µs|ms|s|m|h))+$|^0$`, Description: "The machine is offline if no reading has come for this time, such as 5m."},
	), "Which metrics tell its state, its counts and its product.")
}

func alarmRuleSchema(displayName *schema) *schema {
	number, yesOrNo := &schema{Type: "number"}, &schema{Type: "boolean"}
	name := &schema{Type: "string", MaxLength: new(factory.MaxNameBytes)}
	text := &schema{Type: "string", MaxLength: new(4096)}
	duration := &schema{Type: "string", Pattern: `^[+]?([0-9.]+(ns|us|µs|ms|s|m|h))+$|^0$`, Description: "A length of time such as 10s, 5m or 1h."}
	states := stateWords()
	severities := words()
	for _, s := range alarm.Severities {
		severities.Enum = append(severities.Enum, string(s))
	}
	op := func(required []string, ops ...string) *schema {
		all := map[string]*schema{"limit": number, "low": number, "high": number, "deadband": {Type: "number", Minimum: new(0.0)}, "state": states, "for": duration}
		s := members("op", words(ops...))
		for _, member := range required {
			s.Properties[member], s.PropertyOrder = all[member], append(s.PropertyOrder, member)
		}
		s.Required = slices.DeleteFunc(slices.Clone(s.PropertyOrder), func(member string) bool { return member == "deadband" })
		return s
	}
	rule := members(
		"name", displayName,
		"scope", scopeSchema(),
		"machine", described(name, "The machine, in place of a scope."),
		"metric", &schema{Type: "string", MaxLength: new(factory.MaxMetricBytes), Description: "The metric that is judged."},
		"when", &schema{Type: "object", Description: "The condition that raises the alarm.", OneOf: []*schema{
			op([]string{"limit", "deadband"}, ">", ">=", "<", "<="), op([]string{"limit"}, "==", "!="),
			op([]string{"low", "high", "deadband"}, "outside"), op([]string{"state"}, "state"), op([]string{"for"}, "no_data"),
		}},
		"on_delay", described(duration, "How long the condition must hold to raise the alarm."),
		"off_delay", described(duration, "How long it must not hold to end it."),
		"severity", severities,
		"latching", described(yesOrNo, "Whether the alarm stays until somebody resets it."),
		"ack_required", described(yesOrNo, "Whether an alarm that has returned stays until somebody acknowledges it; true by default."),
		"re_alarm", described(duration, "When an acknowledged alarm that is still active needs another acknowledgement."),
		"only_in_states", &schema{Type: "array", Items: states, UniqueItems: true, Description: "The alarm is suppressed in other states of the machine."},
		"suppressed_by", &schema{Type: "array", Items: name, UniqueItems: true, MaxItems: new(100), Description: "Alarm rules whose active alarms on the same machine suppress this one."},
		"cause", text, "consequence", text, "response", text, "time_to_respond", text,
	)
	rule.Required = []string{"when"}
	return rule
}

// packageSchemas are the schemas that packages of package factory declare.
var packageSchemas = map[string][]byte{"shift": shift.Schema, "calendar": shift.CalendarSchema}

// addPackageSchemas adds the schemas of packageSchemas to contents, and their
// definitions to all.
func addPackageSchemas(t *testing.T, all, contents map[string]*schema) {
	t.Helper()
	for kind, text := range packageSchemas {
		text = regexp.MustCompile(`"#/\$defs/(\w)(\w*)"`).ReplaceAllFunc(text, func(ref []byte) []byte {
			name := strings.TrimSuffix(strings.TrimPrefix(string(ref), `"#/$defs/`), `"`)
			return []byte(`"#/components/schemas/` + typeName(kind+"-"+name) + `"`)
		})
		var s schema
		if err := json.Unmarshal(text, &s); err != nil {
			t.Fatalf("schema of %s: %v", kind, err)
		}
		for name, definition := range s.Defs {
			all[typeName(kind+"-"+name)] = definition
		}
		s.Schema, s.Defs, s.Title = "", nil, ""
		s.PropertyOrder = propertyOrder(t, text)
		contents[kind] = &s
	}
}

// propertyOrder returns the names of the properties of a schema in their order.
func propertyOrder(t *testing.T, text []byte) (names []string) {
	t.Helper()
	var s struct{ Properties json.RawMessage }
	if err := json.Unmarshal(text, &s); err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(bytes.NewReader(s.Properties))
	_, _ = d.Token()
	for d.More() {
		key, _ := d.Token()
		names = append(names, key.(string))
		var skipped json.RawMessage
		_ = d.Decode(&skipped)
	}
	return names
}

func idealCycle() *schema {
	return &schema{
		Type: "number", ExclusiveMinimum: new(0.0), Maximum: new(float64(factory.MaxIdealCycle)),
		Description: "The shortest possible time per piece in seconds.",
	}
}

// members returns the schema of an object without other members than the given ones,
// which are names and schemas.
func members(namesAndSchemas ...any) *schema {
	s := &schema{Type: "object", AdditionalProperties: &schema{Not: &schema{}}, Properties: map[string]*schema{}}
	for i := 0; i < len(namesAndSchemas); i += 2 {
		name := namesAndSchemas[i].(string)
		s.Properties[name], s.PropertyOrder = namesAndSchemas[i+1].(*schema), append(s.PropertyOrder, name)
	}
	return s
}

// typeName returns the name of a kind's schema: alarm-rule is AlarmRule.
func typeName(kind string) string {
	var name string
	for word := range strings.SplitSeq(kind, "-") {
		name += strings.ToUpper(word[:1]) + word[1:]
	}
	return name
}

// addDocumentSchemas adds the schemas of the collections to those of the document.
func addDocumentSchemas(t *testing.T, all map[string]*schema) {
	t.Helper()
	integer := &schema{Type: "integer"}
	contents := contentSchemas()
	addPackageSchemas(t, all, contents)
	for kind, content := range contents {
		name := typeName(kind)
		response := *content
		response.Properties = maps.Clone(content.Properties)
		response.Properties["id"], response.Properties["created_at"], response.Properties["updated_at"] = ref("Name"), integer, integer
		response.PropertyOrder = slices.Concat([]string{"id"}, content.PropertyOrder, []string{"created_at", "updated_at"})
		response.Required = slices.Concat([]string{"id"}, content.Required, []string{"created_at", "updated_at"})
		for member, p := range response.Properties {
			if p.Type != "" && !slices.Contains(response.Required, member) {
				response.Properties[member] = nullable(p)
			}
		}
		all[name] = &response
		all[name+"Put"] = putSchema(&response, []string{"created_at", "updated_at"}, map[string]*schema{"id": described(ref("Name"), "That of the path, if it is given.")})
		all[name+"Put"].Required = content.Required
		for _, member := range content.Required {
			all[name+"Put"].Properties[member] = content.Properties[member]
		}
		page := members(strings.ReplaceAll(api.Collections()[kind], "-", "_"), arrayOf(ref(name)), "next_cursor", ref("Cursor"))
		page.Required = page.PropertyOrder
		all[name+"Page"] = page
	}
}

// nullable returns a schema that allows null, too.
func nullable(s *schema) *schema {
	c := *s
	c.Type, c.Types = "", []string{s.Type, "null"}
	if s.Enum != nil {
		c.Enum = append(slices.Clone(s.Enum), nil)
	}
	return &c
}

// documentOperations returns the operations of the collections.
func documentOperations() map[string]operation {
	all := map[string]operation{}
	for kind, path := range api.Collections() {
		name, one, path := typeName(kind), strings.ReplaceAll(kind, "-", " "), "/api/v1/"+path
		article := "a "
		if strings.Contains("aeiou", one[:1]) {
			article = "an "
		}
		conflict := routeResponse{Status: 409, Description: "The change contradicts another document, which the detail names.", Content: content{"application/problem+json": "Problem"}}
		all["GET "+path] = operation{
			ID: "list" + name + "s", Tag: "collections", Summary: "List the " + one + "s", Description: "Ordered by id.",
			Responses: []routeResponse{{200, "A page of " + one + "s.", jsonBody(name + "Page")}},
		}
		all["GET "+path+"/{id}"] = operation{
			ID: "get" + name, Tag: "collections", Summary: "Return " + article + one, Conditional: true,
			Responses: []routeResponse{{200, "The " + one + ".", jsonBody(name)}, {Status: 404}},
		}
		all["PUT "+path+"/{id}"] = operation{
			ID: "put" + name, Tag: "collections", Summary: "Create or replace " + article + one, Conditional: true,
			Description: unchanged, Body: jsonBody(name + "Put"),
			Responses: []routeResponse{
				{200, "The " + one + " is replaced or unchanged.", jsonBody(name)}, {201, "The " + one + " is created.", jsonBody(name)}, conflict,
			},
		}
		all["DELETE "+path+"/{id}"] = operation{
			ID: "delete" + name, Tag: "collections", Summary: "Delete " + article + one, Conditional: true,
			Responses: []routeResponse{{204, "The " + one + " is deleted.", nil}, {Status: 404}, conflict},
		}
	}
	return all
}

// withSchema returns the kinds of document with a schema, and the lists that have them
// as paths; machines and metrics are not in collections.
func withSchema() map[string]string {
	all := api.Collections()
	all["machine"], all["metric"] = "machines", "machines/{id}/metrics"
	return all
}

// schemaKinds are the kinds of document with a schema of their own.
func schemaKinds() []string {
	return slices.Sorted(maps.Keys(withSchema()))
}

var schemaRef = regexp.MustCompile(`"#/components/schemas/(\w+)"`)

// schemaFile returns the schema of a kind's PUT with the schemas that it refers to.
func schemaFile(t *testing.T, kind string, all map[string]*schema) []byte {
	t.Helper()
	root := *all[typeName(kind)+"Put"]
	root.Schema, root.Title = "https://json-schema.org/draft/2020-12/schema", kind
	root.Defs = map[string]*schema{}
	for {
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		if err := e.Encode(&root); err != nil {
			t.Fatal(err)
		}
		missing := false
		for _, match := range schemaRef.FindAllSubmatch(b.Bytes(), -1) {
			if name := string(match[1]); root.Defs[name] == nil {
				root.Defs[name], missing = all[name], true
			}
		}
		if !missing {
			text := schemaRef.ReplaceAll(b.Bytes(), []byte(`"#/$$defs/$1"`))
			return append(appendIndented(nil, text, ""), '\n')
		}
	}
}

// go test ./app/api -run OpenAPI -update writes the files.
func TestOpenAPISchemaFilesAreGenerated(t *testing.T) {
	t.Parallel()
	all := schemas(t)
	want := map[string]bool{}
	for _, kind := range schemaKinds() {
		name, text := "schemas/"+kind+".json", schemaFile(t, kind, all)
		want[kind+".json"] = true
		if *update {
			if err := os.WriteFile(name, text, 0o644); err != nil { //nolint:gosec // a source file
				t.Fatal(err)
			}
		} else if committed, err := os.ReadFile(name); err != nil || !bytes.Equal(committed, text) {
			t.Errorf("%s differs from the code (%v); write it with: go test ./app/api -run OpenAPI -update", name, err)
		}
	}
	err := fs.WalkDir(os.DirFS("schemas"), ".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && !want[path] {
			t.Errorf("schemas/%s belongs to no kind", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A PUT accepts what its schema accepts, and refuses what that refuses.
func TestSchemasAgreeWithValidation(t *testing.T) {
	t.Parallel()
	p := startPlant(t, nil)
	var listed struct{ Schemas []string }
	if err := json.Unmarshal([]byte(p.get(t, "/api/v1/schemas").body), &listed); err != nil || !slices.Equal(listed.Schemas, schemaKinds()) {
		t.Errorf("schemas = %v (%v), want %v", listed.Schemas, err, schemaKinds())
	}
	if a := p.get(t, "/api/v1/schemas/unknown"); a.status != 404 {
		t.Errorf("an unknown schema = %+v, want 404", a)
	}
	for kind, collection := range api.Collections() {
		a := p.get(t, "/api/v1/schemas/"+kind)
		if a.status != 200 || a.header["Content-Type"] != "application/schema+json" {
			t.Fatalf("schema of %s = %+v", kind, a)
		}
		document, err := jsonschema.UnmarshalJSON(strings.NewReader(a.body))
		if err != nil {
			t.Fatal(err)
		}
		compiler := jsonschema.NewCompiler()
		if err := compiler.AddResource("schema.json", document); err != nil {
			t.Fatal(err)
		}
		compiled, err := compiler.Compile("schema.json")
		if err != nil {
			t.Fatal(err)
		}
		accepts := func(body string) bool {
			value, err := jsonschema.UnmarshalJSON(strings.NewReader(body))
			return err == nil && compiled.Validate(value) == nil
		}
		example := collectionExamples[collection]
		for _, body := range []string{example.one, example.two} {
			if a := p.putIn(t, collection, "a", body); a.status/100 != 2 || !accepts(body) || !accepts(p.get(t, "/api/v1/"+collection+"/a").body) {
				t.Errorf("PUT %s %s = %d, schema accepts: %t", collection, body, a.status, accepts(body))
			}
		}
		for body := range example.refused {
			if a := p.putIn(t, collection, "a", body); a.status/100 == 2 {
				t.Errorf("PUT %s %s = %d, want it refused", collection, body, a.status)
			}
			if accepts(body) && !slices.Contains(example.onlyRefused, body) {
				t.Errorf("the schema of %s accepts %s", kind, body)
			}
		}
	}
}
