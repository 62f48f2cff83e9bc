package api

import (
	"embed"
	"fmt"
	"io/fs"
	"strings"

	"smart-factory-backend/app/factory"

	"github.com/valyala/fasthttp"
)

// schemaFiles hold the JSON Schema of each kind of document, as a PUT accepts it. go
// test ./app/api -run OpenAPI -update writes them.
//
//go:embed schemas/*.json
var schemaFiles embed.FS

// listSchemas is GET /api/v1/schemas.
func (a *API) listSchemas(ctx *fasthttp.RequestCtx, _ request) error {
	files, err := fs.ReadDir(schemaFiles, "schemas")
	if err != nil {
		return err
	}
	kinds := make([]string, len(files))
	for i, f := range files {
		kinds[i] = strings.TrimSuffix(f.Name(), ".json")
	}
	return writeList(ctx, "schemas", kinds, "")
}

// getSchema is GET /api/v1/schemas/{kind}.
func (a *API) getSchema(ctx *fasthttp.RequestCtx, r request) error {
	kind := r.params[0]
	text, err := schemaFiles.ReadFile("schemas/" + kind + ".json")
	if err != nil {
		return fmt.Errorf("kind of document %q: %w", kind, factory.ErrNotFound)
	}
	ctx.Response.Header.SetContentType("application/schema+json")
	ctx.SetBody(text)
	return nil
}
