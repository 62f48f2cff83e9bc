package api_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"smart-factory-backend/app/api"
	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/server"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// description is the document as a client receives it.
type description struct {
	t        *testing.T
	root     map[string]any
	compiler *jsonschema.Compiler
}

func describedBy(t *testing.T, p *testServer) *description {
	t.Helper()
	a := p.get(t, "/api/openapi.json")
	if a.status != 200 || a.header["Content-Type"] != "application/json" {
		t.Fatalf("openapi.json = %d %s", a.status, a.header["Content-Type"])
	}
	root, err := jsonschema.UnmarshalJSON(strings.NewReader(a.body))
	if err != nil {
		t.Fatal(err)
	}
	d := &description{t: t, root: root.(map[string]any), compiler: jsonschema.NewCompiler()}
	d.compiler.DefaultDraft(jsonschema.Draft2020)
	if err := d.compiler.AddResource("openapi.json", root); err != nil {
		t.Fatal(err)
	}
	return d
}

// find follows keys and references from a value whose JSON pointer is at. It
// returns the value that it finds and the JSON pointer to it.
func (d *description) find(from any, at string, keys ...string) (found any, pointer string) {
	for _, key := range keys {
		from, at = d.resolve(from, at)
		object, ok := from.(map[string]any)
		if !ok || object[key] == nil {
			return nil, ""
		}
		from, at = object[key], at+"/"+strings.NewReplacer("~", "~0", "/", "~1").Replace(key)
	}
	return d.resolve(from, at)
}

func (d *description) resolve(value any, at string) (any, string) {
	object, _ := value.(map[string]any)
	target, isRef := object["$ref"].(string)
	if !isRef {
		return value, at
	}
	return d.find(d.root, "", strings.Split(strings.TrimPrefix(target, "#/"), "/")...)
}

// check validates a value against the schema at a pointer.
func (d *description) check(what, pointer string, value any) {
	d.t.Helper()
	schema, err := d.compiler.Compile("openapi.json#" + pointer)
	if err != nil {
		d.t.Errorf("%s: %v", what, err)
		return
	}
	if err := schema.Validate(value); err != nil {
		d.t.Errorf("%s does not match %s: %v\n%v", what, pointer, err, value)
	}
}

// operations calls visit for each operation of the document.
func (d *description) operations(visit func(path, method string, operation map[string]any, at string)) {
	for path, methods := range d.root["paths"].(map[string]any) {
		for method := range methods.(map[string]any) {
			operation, at := d.find(d.root, "", "paths", path, method)
			visit(path, strings.ToUpper(method), operation.(map[string]any), at)
		}
	}
}

// isExternal reports whether the path belongs to a route of another package.
func isExternal(path string) bool {
	return slices.ContainsFunc(server.ExternalRoutes(), func(e api.ExternalRoute) bool { return e.Path == path })
}

func withExternalRoutes(o *api.Options, _ *testServer) { o.ExternalRoutes = server.ExternalRoutes() }

func TestOpenAPINamesAllRoutes(t *testing.T) {
	t.Parallel()
	p := startServer(t, withExternalRoutes)
	d := describedBy(t, p)
	if d.root["openapi"] != "3.1.0" {
		t.Errorf("openapi = %v", d.root["openapi"])
	}
	documented, operations := map[string]bool{}, map[string]bool{}
	d.operations(func(path, method string, operation map[string]any, at string) {
		documented[method+" "+path] = true
		id, _ := operation["operationId"].(string)
		if id == "" || operations[id] || operation["summary"] == nil || operation["tags"] == nil || operation["responses"] == nil {
			t.Errorf("%s %s lacks an operationId of its own, a summary, tags or responses", method, path)
		}
		operations[id] = true
		named := []string{}
		for _, param := range d.parameters(operation, at) {
			if param["in"] == "path" {
				named = append(named, "{"+param["name"].(string)+"}")
			}
		}
		if open := regexp.MustCompile(`\{\w+\}`).FindAllString(path, -1); strings.Join(open, "") != strings.Join(named, "") {
			t.Errorf("%s %s describes the segments %v, want %v", method, path, named, open)
		}
	})
	for path, methods := range api.Routes(p.api) {
		if path == "*" {
			continue // no path; OPTIONS * is about the server
		}
		for _, method := range methods {
			if !documented[method+" "+path] {
				t.Errorf("%s %s is served, but not in openapi.json", method, path)
			}
			delete(documented, method+" "+path)
		}
	}
	for operation := range documented {
		if _, path, _ := strings.Cut(operation, " "); strings.HasSuffix(path, "/") && isExternal(path) {
			continue
		}
		t.Errorf("%s is in openapi.json, but not served", operation)
	}
}

func (d *description) parameters(operation map[string]any, at string) (all []map[string]any) {
	list, _ := operation["parameters"].([]any)
	for i, param := range list {
		found, _ := d.resolve(param, fmt.Sprintf("%s/parameters/%d", at, i))
		if found == nil {
			d.t.Errorf("%s: parameter %d is not there", at, i)
			continue
		}
		all = append(all, found.(map[string]any))
	}
	return all
}

func TestOpenAPIExamplesMatchTheirSchemas(t *testing.T) {
	t.Parallel()
	d := describedBy(t, startServer(t, nil))
	examples := 0
	content := func(what string, holder any, at string) {
		list, listAt := d.find(holder, at, "content")
		media, _ := list.(map[string]any)
		for mediaType, value := range media {
			all, _ := d.find(value, "", "examples")
			schema, pointer := d.find(media, listAt, mediaType, "schema")
			if schema == nil {
				t.Errorf("%s: %s has no schema", what, mediaType)
				continue
			}
			named, _ := all.(map[string]any)
			for name, example := range named {
				examples++
				value, _ := d.find(example, "", "value")
				d.check(what+", example "+name, pointer, value)
			}
		}
	}
	d.operations(func(path, method string, operation map[string]any, at string) {
		content(method+" "+path+", request", operation["requestBody"], at+"/requestBody")
		for status := range operation["responses"].(map[string]any) {
			response, pointer := d.find(operation, at, "responses", status)
			if response == nil || response.(map[string]any)["description"] == nil {
				t.Errorf("%s %s: response %s is not described", method, path, status)
				continue
			}
			content(method+" "+path+", "+status, response, pointer)
		}
	})
	if examples < 25 {
		t.Errorf("%d examples, want more", examples)
	}
	schemas, _ := d.find(d.root, "", "components", "schemas")
	for name := range schemas.(map[string]any) {
		if _, err := d.compiler.Compile("openapi.json#/components/schemas/" + name); err != nil {
			t.Errorf("schema %s: %v", name, err)
		}
	}
}

// The API accepts exactly the parameters that the document describes.
func TestOpenAPIDescribesTheAcceptedParameters(t *testing.T) {
	t.Parallel()
	p := startServer(t, nil)
	d := describedBy(t, p)
	known := regexp.MustCompile(`the parameters are (.*)$`)
	d.operations(func(path, method string, operation map[string]any, at string) {
		if isExternal(path) || strings.Contains(path, "health") || !strings.HasPrefix(path, "/api/v1/") || method != "GET" && method != "DELETE" {
			return
		}
		target := strings.NewReplacer("{id}", "m", "{metric}", "t", "{kind}", "product", "{action}", "ack").Replace(path)
		a := p.do(t, method, target+"?no-such-parameter=1", "")
		described := []string{}
		for _, param := range d.parameters(operation, at) {
			if param["in"] == "query" {
				described = append(described, param["name"].(string))
			}
		}
		served := []string{}
		if match := known.FindStringSubmatch(a.problem(t).Detail); match != nil {
			served = strings.Split(match[1], ", ")
		}
		slices.Sort(described)
		slices.Sort(served)
		if a.status != 400 || !slices.Equal(described, served) {
			t.Errorf("%s %s accepts %v, but openapi.json describes %v", method, path, served, described)
		}
	})
}

// The schema of a PUT has no member that the API rejects.
func TestPutAcceptsTheMembersOfItsSchema(t *testing.T) {
	t.Parallel()
	p := startServer(t, nil)
	d := describedBy(t, p)
	for path, name := range map[string]string{"/api/v1/machines/m": "MachinePut", "/api/v1/machines/m/metrics/t": "MetricPut", "/api/v1/products/p": "ProductPut"} {
		members := map[string]any{}
		properties, _ := d.find(d.root, "", "components", "schemas", name, "properties")
		for member := range properties.(map[string]any) {
			members[member] = nil
		}
		body, err := json.Marshal(members)
		if err != nil {
			t.Fatal(err)
		}
		p.do(t, "PUT", "/api/v1/machines/m", "{}")
		if a := p.do(t, "PUT", path, string(body)); a.status/100 != 2 {
			t.Errorf("PUT %s %s = %d %s", path, body, a.status, a.body)
		}
	}
}

// Responses of the server match their schemas in the document.
func TestResponsesMatchTheirOpenAPISchemas(t *testing.T) {
	t.Parallel()
	p := startServer(t, nil)
	d := describedBy(t, p)
	for i := range int64(5) {
		appendReadings(t, p, factory.Reading{Machine: "m", Metric: "t", ObservedAt: 1_700_000_000_000 + i*1000, Value: float64(i)})
	}
	object := `{"machine":"m","ts":1700000000000,"values":{"a":1}}`
	for _, tt := range []struct {
		method, path, template, body string
		headers                      []string
		status                       string
	}{
		{"POST", "/api/v1/telemetry", "", object, nil, "200"},
		{"POST", "/api/v1/telemetry", "", "[" + object + ",1]", nil, "200"},
		{"POST", "/api/v1/telemetry", "", "[1]", nil, "400"},
		{"POST", "/api/v1/telemetry", "", "x", nil, "400"},
		{"POST", "/api/v1/telemetry", "", object, []string{"Content-Encoding: br"}, "415"},
		{"POST", "/api/v2/write", "", "m,host=h f=1", nil, "204"},
		{"POST", "/api/v2/write", "", "m f=1", nil, "400"},
		{"POST", "/api/v1/m/telemetry", "/api/v1/{token}/telemetry", `{"a":1}`, nil, "200"},
		{"POST", "/api/v1/m/telemetry", "/api/v1/{token}/telemetry", `{"a":1e999}`, nil, "400"},
		{"POST", "/write?db=d", "/write", "m,host=h f=1", nil, "204"},
		{"POST", "/write?db=d", "/write", "m f=1", nil, "400"},
		{"POST", "/query?q=SHOW+DATABASES", "/query", "", nil, "200"},
		{"GET", "/query?q=SHOW+RETENTION+POLICIES", "/query", "", nil, "200"},
		{"GET", "/query?q=SELECT", "/query", "", nil, "400"},
		{"GET", "/ready", "", "", nil, "200"},
		{"GET", "/ping?verbose=1", "/ping", "", nil, "200"},
		{"GET", "/api/v2/buckets", "", "", nil, "200"},
		{"POST", "/api/v1/m/attributes", "/api/v1/{token}/attributes", `{"a":1}`, nil, "200"},
		{"GET", "/api/v1/m/attributes", "/api/v1/{token}/attributes", "", nil, "200"},
		{"GET", "/api/v1/m/rpc?timeout=1", "/api/v1/{token}/rpc", "", nil, "408"},
		{"POST", "/api/v1/m/rpc", "/api/v1/{token}/rpc", `{}`, nil, "403"},
		{"POST", "/api/v1/m/rpc/1", "/api/v1/{token}/rpc/{request}", `{}`, nil, "404"},
		{"POST", "/api/v1/provision", "", `{}`, nil, "403"},
		{"POST", "/api/v1/m/gateway/connect", "/api/v1/{token}/gateway/connect", `{"device":"A"}`, nil, "200"},
		{"POST", "/api/v1/m/gateway/disconnect", "/api/v1/{token}/gateway/disconnect", `{}`, nil, "400"},
		{"POST", "/api/v1/m/gateway/attributes", "/api/v1/{token}/gateway/attributes", `{"A":{"a":1}}`, nil, "200"},
		{"POST", "/api/v1/m/gateway/telemetry", "/api/v1/{token}/gateway/telemetry", `{"A":[{"a":1}]}`, nil, "200"},
		{"GET", "/api/v1/latest", "", "", nil, "200"},
		{"GET", "/api/v1/latest?limit=0", "/api/v1/latest", "", nil, "400"},
		{"GET", "/api/v1/machines/m/history", "/api/v1/machines/{id}/history", "", nil, "200"},
		{"GET", "/api/v1/machines/m/history?interval=1h&agg=min,increase", "/api/v1/machines/{id}/history", "", nil, "200"},
		{"GET", "/api/v1/machines/m/history?points=3", "/api/v1/machines/{id}/history", "", nil, "200"},
		{"GET", "/api/v1/machines/m/history?format=csv", "/api/v1/machines/{id}/history", "", nil, "200"},
		{"GET", "/api/v1/machines/m/history?format=ndjson&metric=t&to=1700000001000", "/api/v1/machines/{id}/history", "", nil, "200"},
		{"GET", "/api/v1/machines/m/history?format=ndjson&metric=t&interval=1h", "/api/v1/machines/{id}/history", "", nil, "200"},
		{"GET", "/api/v1/machines/x/history", "/api/v1/machines/{id}/history", "", nil, "404"},
		{"PUT", "/api/v1/machines/n", "/api/v1/machines/{id}", `{"path":"a/b/c"}`, nil, "201"},
		{"PUT", "/api/v1/machines/n", "/api/v1/machines/{id}", `{"site":"a"}`, nil, "200"},
		{"PUT", "/api/v1/machines/n", "/api/v1/machines/{id}", `{"site":1}`, nil, "400"},
		{"PUT", "/api/v1/machines/n", "/api/v1/machines/{id}", `{}`, []string{"If-None-Match: *"}, "412"},
		{"GET", "/api/v1/machines", "", "", nil, "200"},
		{"GET", "/api/v1/machines/m", "/api/v1/machines/{id}", "", nil, "200"},
		{"GET", "/api/v1/machines/m", "/api/v1/machines/{id}", "", []string{"If-None-Match: *"}, "304"},
		{"PUT", "/api/v1/machines/n/metrics/t", "/api/v1/machines/{id}/metrics/{metric}", `{"expected_min":1,"retention":"8w"}`, nil, "201"},
		{"GET", "/api/v1/machines/n/metrics/t", "/api/v1/machines/{id}/metrics/{metric}", "", nil, "200"},
		{"GET", "/api/v1/machines/n/metrics", "/api/v1/machines/{id}/metrics", "", nil, "200"},
		{"DELETE", "/api/v1/machines/n", "/api/v1/machines/{id}", "", nil, "204"},
		{"PUT", "/api/v1/products/cap", "/api/v1/products/{id}", `{"ideal_cycle_s":2}`, nil, "201"},
		{"GET", "/api/v1/products/cap", "/api/v1/products/{id}", "", nil, "200"},
		{"GET", "/api/v1/products", "", "", nil, "200"},
		{"DELETE", "/api/v1/products/cap", "/api/v1/products/{id}", "", nil, "204"},
		{"GET", "/api/v1/schemas", "", "", nil, "200"},
		{"GET", "/api/v1/schemas/product", "/api/v1/schemas/{kind}", "", nil, "200"},
		{"GET", "/api/v1/schemas/unknown", "/api/v1/schemas/{kind}", "", nil, "404"},
		{"GET", "/api/health", "", "", nil, "200"},
		{"GET", "/api/health/ready", "", "", nil, "200"},
		{"GET", "/api/health/startup", "", "", nil, "200"},
		{"GET", "/health", "", "", nil, "200"},
		{"GET", "/ping", "", "", nil, "204"},
		{"GET", "/api/openapi.json", "", "", nil, "200"},
		{"GET", "/api/docs", "", "", nil, "200"},
	} {
		template := tt.template
		if template == "" {
			template = tt.path
		}
		what := tt.method + " " + tt.path + " " + tt.body
		a := p.do(t, tt.method, tt.path, tt.body, append([]string{"X-A: b"}, tt.headers...)...)
		if fmt.Sprint(a.status) != tt.status {
			t.Errorf("%s = %d, want %s: %s", what, a.status, tt.status, a.body)
		}
		response, at := d.find(d.root, "", "paths", template, strings.ToLower(tt.method), "responses", tt.status)
		if response == nil {
			t.Errorf("%s: %s is not described", what, tt.status)
			continue
		}
		media, _, _ := strings.Cut(a.header["Content-Type"], ";")
		content, _ := d.find(response, at, "content")
		if content == nil {
			if a.body != "" {
				t.Errorf("%s has a body that is not described: %s", what, a.body)
			}
			continue
		}
		schema, pointer := d.find(response, at, "content", media, "schema")
		if schema == nil {
			t.Errorf("%s has the content type %s, which is not described", what, media)
			continue
		}
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(a.body))
		if strings.HasPrefix(media, "text/") {
			value, err = a.body, nil
		}
		if err != nil {
			t.Errorf("%s: %v in %s", what, err, a.body)
			continue
		}
		d.check(what, pointer, value)
	}
}

// Each page links the icon, and its policy allows to load it.
func TestPagesHaveAnIcon(t *testing.T) {
	t.Parallel()
	p := startServer(t, withExternalRoutes)
	if a := p.get(t, "/favicon.ico"); a.status != 200 || a.header["Content-Type"] != "image/svg+xml" || !strings.HasPrefix(a.body, "<svg") {
		t.Errorf("GET /favicon.ico = %d, %v, %q", a.status, a.header, a.body)
	}
	for _, page := range []string{"/", "/api/docs"} {
		a := p.get(t, page)
		if !strings.Contains(a.body, `<link rel="icon"`) || !strings.Contains(a.header["Content-Security-Policy"], "img-src 'self'") {
			t.Errorf("%s has no icon, or its policy forbids it: %v", page, a.header)
		}
	}
}

// The page loads nothing from other hosts.
func TestDocsPageIsSelfContained(t *testing.T) {
	t.Parallel()
	p := startServer(t, nil)
	a := p.get(t, "/api/docs")
	policy := a.header["Content-Security-Policy"]
	if a.status != 200 || a.header["Content-Type"] != "text/html; charset=utf-8" || !strings.Contains(policy, "default-src 'none'") || !strings.Contains(policy, "script-src 'sha256-") {
		t.Errorf("docs = %d, %v", a.status, a.header)
	}
	for _, part := range []string{"http://", "https://", "src=", "@import", "url("} {
		if strings.Contains(a.body, part) {
			t.Errorf("the page contains %q, want no reference to other hosts", part)
		}
	}
	if n := strings.Count(a.body, "<script"); n != 1 {
		t.Errorf("%d scripts, want the one that the policy allows", n)
	}
	for what, part := range map[string]string{
		"shows a stream as it comes": "body.getReader()", "checks required fields": "reportValidity()",
		"offers the types of a body": `ariaLabel: "body type"`, "fits a narrow screen": "@media (max-width",
	} {
		if !strings.Contains(a.body, part) {
			t.Errorf("the page lacks %q, by which it %s", part, what)
		}
	}
	d := describedBy(t, p)
	for _, tag := range d.root["tags"].([]any) {
		name := tag.(map[string]any)["name"]
		used := false
		d.operations(func(_, _ string, operation map[string]any, _ string) {
			used = used || slices.Contains(operation["tags"].([]any), name)
		})
		if !used {
			t.Errorf("tag %v has no operations", name)
		}
	}
}

func TestOpenAPIDocumentIsIndented(t *testing.T) {
	t.Parallel()
	body := startServer(t, nil).get(t, "/api/openapi.json").body
	var compact bytes.Buffer
	if err := json.Compact(&compact, []byte(body)); err != nil {
		t.Fatal(err)
	}
	if strings.Count(body, "\n") < 200 {
		t.Error("openapi.json has few lines; a review cannot show what changed")
	}
}
