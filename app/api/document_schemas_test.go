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
	}
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
	for _, word := range strings.Split(kind, "-") {
		name += strings.ToUpper(word[:1]) + word[1:]
	}
	return name
}

// addDocumentSchemas adds the schemas of the collections to those of the document.
func addDocumentSchemas(all map[string]*schema) {
	integer := &schema{Type: "integer"}
	for kind, content := range contentSchemas() {
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
		page := members(api.Collections()[kind], arrayOf(ref(name)), "next_cursor", ref("Cursor"))
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

// schemaKinds are the kinds of document with a schema of their own.
func schemaKinds() []string {
	return slices.Sorted(maps.Keys(contentSchemas()))
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
	p := startServer(t, nil)
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
