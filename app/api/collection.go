package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"smart-factory-backend/app/access"
	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/factory/alarm"
	"smart-factory-backend/app/factory/shift"
	"smart-factory-backend/app/ingest/jsonscan"

	"github.com/valyala/fasthttp"
)

// collection declares one kind of document: its routes and what is valid.
type collection struct {
	kind factory.DocumentKind
	// name is the last segment of the path, and with _ for - the member of a list.
	name string
	// filters maps parameters of a list to the members of documents that they select
	// by.
	filters map[string]string
	// content validates the body of a PUT and returns what is stored. before is the
	// present content, nil if there is none. Its error is factory.MemberErrors, or wraps
	// factory.ErrInvalid.
	content func(id string, before, body []byte) ([]byte, error)
	// check, if set, compares a valid change with other documents and events. No other
	// change of a collection with a check happens between check and commit.
	check func(ctx context.Context, a *API, c documentChange) error
}

// documentChange is a change that a client requests.
type documentChange struct {
	id string
	// before is the present content, nil if the document does not exist; after is the
	// requested one, nil for a deletion.
	before, after []byte
}

// placeFilters are the filters of documents with a scope.
var placeFilters = map[string]string{"site": "scope.site", "area": "scope.area", "line": "scope.line", "machine": "scope.machine"}

// collections are all collections. Machines and metrics have routes of their own.
var collections = []*collection{
	{
		kind: factory.DocumentProduct, name: "products", check: checkProduct,
		content: asGiven(func(_ string, body []byte) (factory.Product, error) { return factory.ParseProduct(body) }),
	},
	{
		kind: factory.DocumentShift, name: "shifts", filters: placeFilters, check: checkShift,
		content: func(_ string, before, body []byte) ([]byte, error) {
			return shift.Change(before, body, time.Now().UnixMilli())
		},
	},
	{
		kind: factory.DocumentCalendar, name: "calendars", filters: placeFilters, check: checkCalendar,
		content: asGiven(shift.ParseCalendar),
	},
	{
		kind: factory.DocumentAlarmRule, name: "alarm-rules", check: checkAlarmRule,
		filters: map[string]string{
			"site": "scope.site", "area": "scope.area", "line": "scope.line", "machine": "machine", "metric": "metric", "severity": "severity",
		},
		content: asGiven(alarm.ParseRule),
	},
}

// asGiven returns the content function of documents that are stored as they are sent.
func asGiven[T any](parse func(id string, body []byte) (T, error)) func(id string, before, body []byte) ([]byte, error) {
	return func(id string, _, body []byte) ([]byte, error) {
		if _, err := parse(id, body); err != nil {
			return nil, err
		}
		var compact bytes.Buffer
		err := json.Compact(&compact, body)
		return compact.Bytes(), err
	}
}

// collectionFilters describes the parameters of lists besides those of every list.
var collectionFilters = []Parameter{
	{Name: "site", Description: "Only the entries whose scope names this site."},
	{Name: "area", Description: "Only the entries whose scope names this area."},
	{Name: "line", Description: "Only the entries whose scope names this line."},
	{Name: "machine", Description: "Only the entries that name this machine."},
	{Name: "metric", Description: "Only the entries that name this metric."},
	{Name: "severity", Description: "Only the entries of this severity."},
}

func (c *collection) path() string { return "/api/v1/" + c.name }

// registerCollections registers the routes of all collections.
func (a *API) registerCollections() {
	for _, c := range collections {
		listQuery := []Parameter{{Name: "q", Description: "Only the entries whose id begins with this text."}, pageSizeParameter, cursorParameter}
		for _, p := range collectionFilters {
			if c.filters[p.Name] != "" {
				listQuery = append(listQuery, p)
			}
		}
		a.addResource(c.path(), &route{method: get, action: access.Read, query: listQuery, handler: a.forCollection(c, a.listDocuments)})
		a.addResource(c.path()+"/{id}",
			&route{method: get, action: access.Read, query: none, handler: a.forCollection(c, a.getDocument)},
			&route{method: put, action: access.Administer, query: none, handler: a.forCollection(c, a.putDocument)},
			&route{method: fasthttp.MethodDelete, action: access.Administer, query: none, handler: a.forCollection(c, a.deleteDocument)})
	}
}

func (a *API) forCollection(c *collection, handle func(*fasthttp.RequestCtx, request, *collection) error) handler {
	return func(ctx *fasthttp.RequestCtx, r request) error { return handle(ctx, r, c) }
}

// listDocuments is GET /api/v1/{collection}.
func (a *API) listDocuments(ctx *fasthttp.RequestCtx, r request, c *collection) error {
	limit, err := r.query.integer(pageSizeParameter)
	if err != nil {
		return err
	}
	members := map[string]string{}
	for name, member := range c.filters {
		if value := r.query[name]; value != "" {
			members[member] = value
		}
	}
	storeCtx, cancel := context.WithTimeout(context.Background(), queryTimeout)
	defer cancel()
	page, err := a.options.Store.Documents(storeCtx, factory.DocumentQuery{
		Kind: c.kind, Prefix: r.query["q"], Members: members, Cursor: r.query["cursor"], Limit: limit,
	})
	if err != nil {
		return err
	}
	list := make([]json.RawMessage, len(page.Documents))
	for i, d := range page.Documents {
		list[i] = documentJSON(d)
	}
	return writeList(ctx, strings.ReplaceAll(c.name, "-", "_"), list, page.NextCursor)
}

// documentJSON returns a document as responses show it: its content between its id
// and its times.
func documentJSON(d factory.Document) json.RawMessage {
	dst := append([]byte(`{"id":`), appendString(nil, d.ID)...)
	if content := d.Data[1 : len(d.Data)-1]; len(content) > 0 {
		dst = append(append(dst, ','), content...)
	}
	dst = append(dst, `,"created_at":`...)
	dst = strconv.AppendInt(dst, d.CreatedAt, 10)
	dst = append(dst, `,"updated_at":`...)
	return append(strconv.AppendInt(dst, d.UpdatedAt, 10), '}')
}

// getDocument is GET /api/v1/{collection}/{id}.
func (a *API) getDocument(ctx *fasthttp.RequestCtx, r request, c *collection) error {
	storeCtx, cancel := context.WithTimeout(context.Background(), queryTimeout)
	defer cancel()
	d, err := a.options.Store.Document(storeCtx, c.kind, r.params[0])
	if err != nil {
		return err
	}
	if done, err := checkReadConditions(ctx, versionTag(d.Version)); done || err != nil {
		return err
	}
	return writeEntry(ctx, fasthttp.StatusOK, documentJSON(d))
}

// putDocument is PUT /api/v1/{collection}/{id}.
func (a *API) putDocument(ctx *fasthttp.RequestCtx, r request, c *collection) error {
	id := r.params[0]
	if err := factory.ValidateName(string(c.kind), id); err != nil {
		return err
	}
	body, err := a.readBody(ctx)
	defer body.release()
	if err != nil {
		return err
	}
	written, err := a.changeDocument(ctx, r, c, func(before []byte) ([]byte, error) { return c.parseBody(id, before, body.data) })
	if err != nil {
		return err
	}
	ctx.Response.Header.Set(fasthttp.HeaderETag, versionTag(written.Version))
	return writePutResponse(ctx, written.Created, c.path()+"/"+url.PathEscape(id), documentJSON(written.Document))
}

// deleteDocument is DELETE /api/v1/{collection}/{id}.
func (a *API) deleteDocument(ctx *fasthttp.RequestCtx, r request, c *collection) error {
	if _, err := a.changeDocument(ctx, r, c, func([]byte) ([]byte, error) { return nil, nil }); err != nil {
		return err
	}
	ctx.SetStatusCode(fasthttp.StatusNoContent)
	return nil
}

// parseBody checks the body of a PUT and returns what is stored. The body may have the
// members that only a response sets.
func (c *collection) parseBody(id string, before, body []byte) ([]byte, error) {
	if len(body) > factory.MaxDocumentData {
		return nil, &httpError{
			status: fasthttp.StatusRequestEntityTooLarge,
			detail: fmt.Sprintf("the body is larger than %d bytes, the most that a document may have", factory.MaxDocumentData),
		}
	}
	var faults factory.MemberErrors
	content, err := c.content(id, before, withoutResponseMembers(body, func(key string, value []byte) {
		var text string
		if key == "id" && (json.Unmarshal(value, &text) != nil || text != id) && string(value) != "null" {
			faults.Add("/id", "differs from the "+string(c.kind)+" in the path")
		}
	}))
	if _, listed := errors.AsType[factory.MemberErrors](err); err != nil && !listed {
		return nil, err
	}
	faults.AddError("", err)
	return content, faults.Err()
}

// withoutResponseMembers returns a JSON object without the members that responses
// have besides the content of a document, and passes those to found. Anything else
// is returned as it is; a second member of the same name stays, for the error.
func withoutResponseMembers(body []byte, found func(key string, value []byte)) []byte {
	s := jsonscan.New(body)
	if s.SkipSpace(); s.Peek() != '{' || !json.Valid(body) {
		return body
	}
	rest := []byte{'{'}
	seen := map[string]bool{}
	err := s.Object(func(key string) error {
		value, err := s.Skip()
		if (key == "id" || key == "created_at" || key == "updated_at") && !seen[key] {
			seen[key] = true
			found(key, value)
			return err
		}
		if len(rest) > 1 {
			rest = append(rest, ',')
		}
		rest = append(append(appendString(rest, key), ':'), value...)
		return err
	})
	if err != nil { // it is nested deeper than the scanner reads
		return body
	}
	return append(rest, '}')
}
