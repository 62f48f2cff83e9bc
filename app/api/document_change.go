package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"time"

	"smart-factory-backend/app/factory"

	"github.com/valyala/fasthttp"
)

// changeDocument replaces the content of the document in the path by what after makes
// of it, or deletes it if that is nil, and records who did it. It tries again when
// another change comes first, so that what was checked is what is stored.
func (a *API) changeDocument(ctx *fasthttp.RequestCtx, r request, c *collection, after func(before []byte) ([]byte, error)) (factory.WrittenDocument, error) {
	storeCtx, cancel := context.WithTimeout(context.Background(), a.options.IngestTimeout)
	defer cancel()
	for {
		written, err := a.tryChange(storeCtx, ctx, r, c, after)
		if !errors.Is(err, errOvertaken) {
			return written, err
		}
		if storeCtx.Err() != nil {
			return written, factory.ErrOverloaded
		}
	}
}

// errOvertaken means that another change came first.
var errOvertaken = errors.New("another change came first")

// tryChange makes a change unless another one comes first.
func (a *API) tryChange(ctx context.Context, rc *fasthttp.RequestCtx, r request, c *collection, after func([]byte) ([]byte, error)) (none factory.WrittenDocument, err error) {
	j := a.options.Store
	var batch factory.JournalBatch
	if c.check != nil { // the revision before the documents: what changes them later changes it
		revision, err := documentOrNone(ctx, j, factory.DocumentRevision, "documents")
		if err != nil {
			return none, err
		}
		batch.Documents = append(batch.Documents, nextRevision(revision))
	}
	change, before, err := requestedChange(ctx, j, c, r.params[0], after)
	if err != nil {
		return none, err
	}
	match, err := writeCondition(rc, func() (int64, error) { return before.Version, nil })
	switch {
	case err != nil:
		return none, err
	case !match.Allows(before.Version):
		return none, factory.ErrPrecondition
	case change.after == nil && before.Version == 0:
		return none, fmt.Errorf("%s %q: %w", c.kind, change.id, factory.ErrNotFound)
	case sameJSON(change.before, change.after):
		return factory.WrittenDocument{Document: before}, nil
	}
	if c.check != nil {
		if err := c.check(ctx, a, change); err != nil {
			return none, err
		}
	}
	batch.Documents = append(batch.Documents, factory.DocumentChange{Kind: c.kind, ID: change.id, Match: exactly(before.Version), Data: change.after})
	batch.Events = []factory.Event{factory.AuditEvent(c.kind, change.id, change.before, change.after, r.principal.Name, time.Now().UnixMilli())}
	result, err := j.Write(ctx, batch)
	switch {
	case errors.Is(err, factory.ErrPrecondition), errors.Is(err, factory.ErrNotFound):
		return none, errOvertaken
	case err != nil:
		return none, err
	}
	return result.Documents[len(result.Documents)-1], nil
}

// requestedChange returns the change of a document, and the document before it.
func requestedChange(ctx context.Context, j factory.Journal, c *collection, id string, after func([]byte) ([]byte, error)) (documentChange, factory.Document, error) {
	change := documentChange{id: id}
	before, err := documentOrNone(ctx, j, c.kind, id)
	if err == nil {
		change.before = before.Data
		change.after, err = after(before.Data)
	}
	return change, before, err
}

// sameJSON reports whether two JSON values differ in spelling only. A nil value is
// none.
func sameJSON(a, b []byte) bool {
	if a == nil || b == nil || bytes.Equal(a, b) {
		return bytes.Equal(a, b)
	}
	value := func(data []byte) (v any) {
		d := json.NewDecoder(bytes.NewReader(data))
		d.UseNumber()
		_ = d.Decode(&v) // it is valid
		return v
	}
	return reflect.DeepEqual(value(a), value(b))
}

// documentOrNone returns a document, or one of version 0 if it does not exist.
func documentOrNone(ctx context.Context, j factory.Journal, kind factory.DocumentKind, id string) (factory.Document, error) {
	d, err := j.Document(ctx, kind, id)
	if isNotFound(err) {
		return factory.Document{Kind: kind, ID: id}, nil
	}
	return d, err
}

// exactly returns the condition that a document still has a version; 0 stands for
// none.
func exactly(version int64) factory.Match {
	if version == 0 {
		return factory.MatchNone
	}
	return factory.Match(version)
}

// nextRevision returns the change of the document that all checked changes share.
func nextRevision(present factory.Document) factory.DocumentChange {
	return factory.DocumentChange{
		Kind: present.Kind, ID: present.ID, Match: exactly(present.Version),
		Data: fmt.Appendf(nil, `{"changes":%d}`, present.Version+1),
	}
}
