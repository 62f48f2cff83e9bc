package server

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// The OpenAPI document describes the routes that the server adds to the API.
func TestOpenAPIDescribesAllExternalRoutes(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../api/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		Paths map[string]map[string]any
	}
	if err := json.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	for _, m := range ExternalRoutes() {
		methods := document.Paths[m.Path]
		if methods == nil { // the pages below a documented path
			methods = document.Paths[strings.TrimSuffix(m.Path, "/")]
		}
		if method := strings.ToLower(m.Method); methods == nil || method != "" && methods[method] == nil {
			t.Errorf("%s %s is served, but not in openapi.json", m.Method, m.Path)
		}
	}
}
