package api_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"smart-factory-backend/app/access"
	"smart-factory-backend/app/api"
	"smart-factory-backend/app/server"

	"github.com/valyala/fasthttp"
)

var update = flag.Bool("update", false, "write openapi.json")

// go test ./app/api -run OpenAPI -update writes the document.
func TestOpenAPIDocumentIsGenerated(t *testing.T) {
	t.Parallel()
	p := startServer(t, withExternalRoutes)
	var routes []describedRoute
	described := documentOperations()
	maps.Copy(described, operations)
	for _, r := range api.AllRoutes(p.api) {
		if r.Path == "*" || strings.HasPrefix(r.Path, "/api/faults/") {
			continue
		}
		op, ok := described[r.Method+" "+r.Path]
		if !ok {
			t.Errorf("%s %s has no operation in operations_test.go", r.Method, r.Path)
		}
		if r.Query != nil {
			op.Query = r.Query
		}
		routes = append(routes, describedRoute{RouteInfo: r, operation: op})
		delete(described, r.Method+" "+r.Path)
	}
	for _, e := range server.ExternalRoutes() { // those that serve every path below theirs
		for _, method := range []string{fasthttp.MethodGet, fasthttp.MethodPost} {
			if op, ok := described[method+" "+e.Path]; ok {
				routes = append(routes, describedRoute{RouteInfo: api.RouteInfo{Method: method, Path: e.Path, Public: true}, operation: op})
				delete(described, method+" "+e.Path)
			}
		}
	}
	for name := range described {
		t.Errorf("operations_test.go describes %s, which is no route", name)
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(newGenerator(t).document(routes)); err != nil {
		t.Fatal(err)
	}
	document := append(appendIndented(nil, b.Bytes(), ""), '\n')
	if *update {
		if err := os.WriteFile("openapi.json", document, 0o644); err != nil { //nolint:gosec // a source file
			t.Fatal(err)
		}
		return
	}
	if committed, err := os.ReadFile("openapi.json"); err != nil || !bytes.Equal(committed, document) {
		t.Errorf("openapi.json differs from the code (%v); write it with: go test ./app/api -run OpenAPI -update", err)
	}
}

// maxLine is the longest JSON value that appendIndented leaves on one line.
const maxLine = 120

// appendIndented appends a JSON value, with a line for each member of long objects
// and arrays.
func appendIndented(dst, compact []byte, indent string) []byte {
	compact = bytes.TrimSpace(compact)
	d := json.NewDecoder(bytes.NewReader(compact))
	if start, _ := d.Token(); len(compact) <= maxLine || start != json.Delim('{') && start != json.Delim('[') {
		return append(dst, compact...)
	}
	dst = append(dst, compact[0])
	for separator := ""; d.More(); separator = "," {
		dst = append(dst, separator+"\n\t"+indent...)
		var value json.RawMessage
		if compact[0] == '{' {
			key, _ := d.Token()
			dst = append(strconv.AppendQuote(dst, key.(string)), ": "...)
		}
		_ = d.Decode(&value) // it was encoded above
		dst = appendIndented(dst, value, indent+"\t")
	}
	return append(append(dst, "\n"+indent...), compact[len(compact)-1])
}

// object is a JSON object.
type object = map[string]any

// describedRoute is a route with its description, which has the route's query too.
type describedRoute struct {
	api.RouteInfo
	operation
}

// generator makes the OpenAPI document from the routes.
type generator struct {
	t       *testing.T
	schemas map[string]*schema
	// examples are by the name of the schema, or by the operation, a dot, and the media
	// type or status.
	examples map[string]object
	used     object // the examples of the document
}

func newGenerator(t *testing.T) *generator {
	t.Helper()
	g := &generator{t: t, schemas: schemas(t), used: object{}}
	text, err := os.ReadFile("testdata/openapi_examples.json")
	if err == nil {
		err = json.Unmarshal(text, &g.examples)
	}
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func (g *generator) document(routes []describedRoute) object {
	paths := map[string]object{}
	for _, r := range routes {
		if paths[r.Path] == nil {
			paths[r.Path] = object{}
		}
		paths[r.Path][strings.ToLower(r.Method)] = g.operation(r)
	}
	parameters, responses := object{}, object{}
	for name, p := range sharedParameters {
		parameters[name] = p
	}
	for status, r := range standardResponses {
		responses[r.name] = g.response(describedRoute{}, routeResponse{
			Status: status, Description: r.description, Content: content{"application/problem+json": "Problem"},
		})
	}
	return object{
		"openapi": "3.1.0",
		"info": object{
			"title": "Smart Factory Backend", "version": "1", "summary": "Ingests, stores and serves machine telemetry.",
			"description": "JSON members are in snake_case. Times are Unix milliseconds; requests also accept ISO 8601. Errors are application/problem+json (RFC 9457) and locate each fault by a pointer, except where another product's protocol prescribes its own form. Every response has the header X-Request-Id. Lists continue at next_cursor, which is null on the last page. A 2xx response to telemetry means that it is committed to disk. A 503 has the header Retry-After. Each path also answers OPTIONS, and HEAD where it answers GET.",
		},
		"servers": []object{{"url": "/"}}, "security": []object{{"bearer": []string{}}, {"apiKey": []string{}}},
		"tags": []object{
			{"name": "telemetry", "description": "Write readings."},
			{"name": "history", "description": "Read readings."},
			{"name": "machines", "description": "Describe machines and their metrics."},
			{"name": "collections", "description": "Describe the plant: documents with a version, whose changes are recorded as events of the kind audit."},
			{"name": "plant", "description": "Compute what happened in the plant."},
			{"name": "sessions", "description": "Sign in from a page."},
			{"name": "realtime", "description": "Receive events as they happen."},
			{"name": "dialects", "description": "The protocols of other products: InfluxDB's line protocol and ThingsBoard's telemetry."},
			{"name": "health", "description": "Probes. They need no key and have no limits."},
			{"name": "documents", "description": "Documentation. It needs no key."},
		},
		"paths": paths,
		"components": object{
			"securitySchemes": object{
				"bearer": object{"type": "http", "scheme": "bearer", "description": "The secret of a key in API_KEYS. The scheme Token is accepted, too."},
				"apiKey": object{"type": "apiKey", "in": "header", "name": "X-API-Key"},
			},
			"examples": g.used, "parameters": parameters, "responses": responses, "schemas": g.schemas,
		},
	}
}

// roles names the least role that allows an action.
var roles = map[access.Action]string{access.Read: "read", access.Ingest: "ingest", access.Operate: "operate", access.Administer: "admin"}

func (g *generator) operation(r describedRoute) object {
	op := object{"operationId": r.ID, "tags": []string{r.Tag}, "summary": r.Summary, "responses": g.responses(r)}
	description := r.Description
	switch open := r.Probe || r.Public; {
	case open || r.KeyInPath:
		op["security"] = []any{}
	case r.AnyRole:
		description += " Requires a key of any role."
	default:
		description += " Requires the role " + roles[r.Action]
		if r.OrAction != access.Read {
			description += " or " + roles[r.OrAction]
		}
		description += "."
	}
	if description != "" {
		op["description"] = strings.TrimSpace(description)
	}
	if parameters := g.parameters(r); len(parameters) > 0 {
		op["parameters"] = parameters
	}
	if r.Body != nil {
		op["requestBody"] = object{"required": true, "content": g.content(r, r.Body, "")}
	}
	return op
}

var pathParameter = regexp.MustCompile(`\{(\w+)\}`)

func (g *generator) parameters(r describedRoute) (all []object) {
	for _, match := range pathParameter.FindAllStringSubmatch(r.Path, -1) {
		all = append(all, sharedParameter(match[1]))
	}
	for _, p := range r.operation.Query {
		if shared := sharedParameters[p.Name]; p.Name == "cursor" && shared != nil {
			all = append(all, sharedParameter(p.Name))
			continue
		}
		all = append(all, queryParameter(p))
	}
	if r.Conditional {
		all = append(all, sharedParameter("ifMatch"), sharedParameter("ifNoneMatch"))
	}
	return all
}

func queryParameter(p api.Parameter) object {
	var example any = p.Example
	s := &schema{Type: "string"}
	out := object{"name": p.Name, "in": "query", "description": p.Description}
	if p.Words != nil {
		s = words(p.Words...)
	}
	if p.Max > 0 {
		s = &schema{Type: "integer", Minimum: new(float64(p.Min)), Maximum: new(float64(p.Max))}
	}
	if p.Default != "" {
		s.Default = json.RawMessage(p.Default)
		if s.Type == "string" {
			s.Default = json.RawMessage(strconv.Quote(p.Default))
		}
	}
	if p.List {
		s = arrayOf(s)
		example = []string{p.Example}
		out["style"], out["explode"] = "form", p.Repeatable
	}
	if p.Required {
		out["required"] = true
	}
	if p.Example != "" {
		out["example"] = example
	}
	out["schema"] = s
	return out
}

func sharedParameter(name string) object {
	return object{"$ref": "#/components/parameters/" + name}
}

var (
	text         = object{"type": "string"}
	nonEmptyText = object{"type": "string", "minLength": 1}
	pathSegment  = func(name, what string) object {
		return object{"name": name, "in": "path", "required": true, "description": what, "schema": nonEmptyText}
	}
	sharedParameters = map[string]object{
		"id":      pathSegment("id", "The machine, or the document of a collection. A slash in it is percent-encoded."),
		"kind":    pathSegment("kind", "The kind of document."),
		"metric":  pathSegment("metric", "The metric. A slash in it is percent-encoded."),
		"action":  pathSegment("action", "What to do: ack, shelve, unshelve, reset, out_of_service or return."),
		"token":   pathSegment("token", "The secret of an API key."),
		"request": pathSegment("request", "The number of a command."),
		"cursor":  {"name": "cursor", "in": "query", "description": "The next_cursor of the previous page.", "schema": text},
		"ifMatch": {
			"name": "If-Match", "in": "header", "schema": text,
			"description": "Entity tags or *. The request fails unless the entry has one of them.",
		},
		"ifNoneMatch": {
			"name": "If-None-Match", "in": "header", "schema": text,
			"description": "Entity tags or *. The request fails if the entry has one of them.",
		},
	}
)

// standardResponses are the responses that routes share, by status.
var standardResponses = map[int]struct{ name, description string }{
	400: {"BadRequest", "The request is invalid; errors locates the faults."},
	401: {"Unauthorized", "The key is missing or wrong."},
	403: {"Forbidden", "The role of the key does not allow this."},
	404: {"NotFound", "There is no such entry."},
	408: {"Timeout", "The body took too long to arrive."},
	412: {"PreconditionFailed", "The entry does not meet the condition in If-Match or If-None-Match."},
	413: {"TooLarge", "The body, or the number of values in it, exceeds a limit; nothing was stored."},
	415: {"UnsupportedEncoding", "The Content-Encoding is none of gzip, deflate, zstd and identity."},
	429: {"TooManyRequests", "This address or this key sends too many requests."},
	503: {"Unavailable", "The server is overloaded or the store is unavailable; nothing was acknowledged."},
}

// responses returns the responses of a route: its own, and those of its kind.
func (g *generator) responses(r describedRoute) object {
	var statuses []int
	if !r.OwnErrors && !r.Probe {
		statuses = append(statuses, 429, 503)
		if !r.Public {
			statuses = append(statuses, 400, 401, 403)
		}
		if r.Body != nil {
			statuses = append(statuses, 408, 413, 415)
		}
		if r.Conditional {
			statuses = append(statuses, 412)
		}
	}
	all := object{}
	for _, status := range statuses {
		all[strconv.Itoa(status)] = standardResponse(status)
	}
	if r.Conditional && r.Method == fasthttp.MethodGet {
		all["304"] = object{"description": "The client has the current version."}
	}
	for _, own := range r.Responses {
		if own.Description == "" {
			all[strconv.Itoa(own.Status)] = standardResponse(own.Status)
		} else {
			all[strconv.Itoa(own.Status)] = g.response(r, own)
		}
	}
	return all
}

func standardResponse(status int) object {
	return object{"$ref": "#/components/responses/" + standardResponses[status].name}
}

func (g *generator) response(r describedRoute, own routeResponse) object {
	out := object{"description": own.Description}
	headers := object{}
	if r.Conditional && own.Content != nil {
		headers["ETag"] = object{"description": "The version of the entry, for If-Match.", "schema": text}
	}
	switch own.Status {
	case 201:
		headers["Location"] = object{"description": "The path of the new entry.", "schema": text}
	case 429, 503:
		if !r.Probe {
			headers["Retry-After"] = object{"description": "The seconds to wait.", "schema": object{"type": "integer"}}
		}
	}
	if len(headers) > 0 {
		out["headers"] = headers
	}
	if own.Content != nil {
		out["content"] = g.content(r, own.Content, strconv.Itoa(own.Status))
	}
	return out
}

// content describes the bodies of a request, whose status is "", or of a response.
func (g *generator) content(r describedRoute, all content, status string) object {
	out := object{}
	for _, media := range slices.Sorted(maps.Keys(all)) {
		name := all[media]
		body := object{"schema": text}
		if name != "" {
			if g.schemas[name] == nil {
				g.t.Errorf("%s %s: there is no schema %q", r.Method, r.Path, name)
			}
			body["schema"] = ref(name)
		}
		for _, key := range []string{name, r.ID + "." + media, r.ID + "." + status} {
			for example := range g.examples[key] {
				if body["examples"] == nil {
					body["examples"] = object{}
				}
				id := strings.ReplaceAll(key, "/", ".") + "." + example
				body["examples"].(object)[example] = object{"$ref": "#/components/examples/" + id}
				g.used[id] = object{"value": g.examples[key][example]}
			}
		}
		out[media] = body
	}
	return out
}
